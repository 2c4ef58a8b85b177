// The list of events and its filters.

const filterIds = ["text", "label", "since", "until", "score", "evidence", "marked", "starred"];

function matches(event) {
  const value = (id) => $(`f-${id}`).value;
  const mark = marks.get(event.id);
  const [day] = localTime(event.onset, event.local_offset);
  const text = value("text").trim().toLowerCase();
  const evidence = event.faithfulness?.verdict ?? "none";
  const verdict = mark.verdict ?? "no";
  const wanted = value("marked");
  return (text === "" || [event.label, event.source, event.id, event.dir, mark.note ?? "", mark.label ?? ""].some((part) => part.toLowerCase().includes(text)))
    && (value("label") === "" || event.label === value("label"))
    && (value("since") === "" || day >= value("since"))
    && (value("until") === "" || day <= value("until"))
    && (event.score ?? 0) >= Number(value("score") || 0)
    && (value("evidence") === "" || evidence === value("evidence"))
    && (wanted === "" || wanted === verdict || (wanted === "yes" && verdict !== "no"))
    && (!$("f-starred").checked || mark.starred === true);
}

function markText(mark) {
  return [mark.verdict === "right" ? "✓" : mark.verdict === "wrong" ? "✗" : "", mark.starred ? "★" : ""].join("");
}

function row(event) {
  const mark = marks.get(event.id);
  const [day, time] = localTime(event.onset, event.local_offset);
  const sign = make("span", { class: mark.verdict === "wrong" ? "bad" : mark.verdict === "right" ? "good" : "star", "aria-hidden": "true" }, markText(mark));
  const said = [mark.verdict ? `marked ${mark.verdict}` : "", mark.starred ? "starred" : ""].filter(Boolean).join(", ");
  const element = make("div", { class: "row", role: "option", id: `row-${events.indexOf(event)}`, "aria-selected": String(event === selected) },
    sign,
    make("span", { class: "name" }, mark.verdict === "wrong" && mark.label ? `${event.label} → ${mark.label}` : event.label),
    make("span", { class: "score" }, figure(event.score)),
    make("span", { class: "when" }, `${day} ${time} · ${figure(seconds(event), 1)} s · ${place(event.source, event.offset_in_file_s)}`));
  element.setAttribute("aria-label", `${event.label}, score ${figure(event.score)}, ${day} ${time}${said ? `, ${said}` : ""}`);
  element.addEventListener("click", () => openEvent(event));
  return element;
}

function drawList() {
  shown = events.filter(matches);
  const list = $("list");
  list.replaceChildren(...shown.map(row));
  if (shown.length === 0) list.append(make("p", { class: "none" }, events.length === 0 ? "There are no events." : "No event is like that. “Show all” takes the filters away."));
  const left = page.left_out > 0 ? `; ${page.left_out} older ones were left out of this page` : "";
  $("summary").textContent = `${shown.length} of ${events.length} events${left}`;
  if (!shown.includes(selected)) select(shown[0] ?? null);
  else markSelected();
}

function redrawRow(event) {
  const old = $(`row-${events.indexOf(event)}`);
  if (old) old.replaceWith(row(event));
  markSelected();
}

function markSelected() {
  for (const element of $("list").querySelectorAll("[role=option]")) element.setAttribute("aria-selected", "false");
  const element = selected && $(`row-${events.indexOf(selected)}`);
  if (!element) return $("list").removeAttribute("aria-activedescendant");
  element.setAttribute("aria-selected", "true");
  $("list").setAttribute("aria-activedescendant", element.id);
  element.scrollIntoView({ block: "nearest" });
}

/** Selects the event `by` places further in the list. */
function move(by) {
  if (shown.length === 0) return;
  const at = shown.indexOf(selected);
  select(shown[Math.min(Math.max(at + by, 0), shown.length - 1)]);
}

/** On a narrow screen the filters but the search stand behind a button. */
function showFilters(on) {
  $("filters").classList.toggle("open", on);
  $("open-filters").setAttribute("aria-expanded", String(on));
  if (on) $("f-label").focus();
}

function startList() {
  for (const id of filterIds) $(`f-${id}`).addEventListener("input", drawList);
  $("filters").addEventListener("reset", () => setTimeout(drawList));
  $("filters").addEventListener("submit", (event) => event.preventDefault());
  $("open-filters").addEventListener("click", () => showFilters(!$("filters").classList.contains("open")));
}
