// The events of this run as they come.

/** Rows by event id. */
const eventRows = new Map();
/** Events that were there when the page came are no news. */
let known = null;

/** An event of the server's list in the shape that the evidence is shown in; null where it is none. */
function readEvent(raw) {
  const it = asObject(raw);
  if (typeof it.id !== "string" || it.id === "") return null;
  const verdict = typeof it.verdict === "string" && Object.hasOwn(verdicts, it.verdict) ? it.verdict : null;
  const measured = verdict !== null || isNumber(it.prob_in);
  return {
    id: it.id, label: asText(it.label, "?"), groups: asList(it.groups).filter((group) => typeof group === "string"),
    score: asNumber(it.score), onset: asText(it.onset), duration_s: asNumber(it.duration_s), in_file_s: asNumber(it.in_file_s),
    source: asText(it.source), method: asText(it.method), verdict, pending: it.pending === true, recorded: it.recorded === true, quiet: it.quiet === true,
    faithfulness: measured ? { verdict, prob: asNumber(it.prob), prob_in: asNumber(it.prob_in), prob_out: asNumber(it.prob_out) } : null,
    components: readComponents(it.components),
  };
}

function readComponents(raw) {
  const there = asList(raw).map(asObject).filter((part) => Number.isSafeInteger(part.index) && part.index >= 0);
  return there.slice(0, 64).map((part) => ({ index: part.index, name: asText(part.name), relevance: asNumber(part.relevance) }));
}

/** The verdict in words, and its colour. */
function verdictOf(event) {
  if (event.pending) return ["explaining…", ""];
  if (event.verdict === null) return ["not measured", ""];
  return [verdicts[event.verdict][0], faithClass(event)];
}

function takeEvents(line) {
  events = asList(line.events).map(readEvent).filter((event) => event !== null);
  const fresh = known === null ? [] : events.filter(({ id }) => !known.has(id));
  known = new Set(events.map(({ id }) => id));
  if (fresh.length > 0) say($("said"), fresh.map((event) => `${event.label} at ${timeOfDay(event.onset)}`).join(", "));
  drawList();
  repaintFall();
  const now = selected && events.find(({ id }) => id === selected.id);
  if (now) refreshEvent(now);
}

function eventRow(id) {
  const row = make("div", { class: "row", role: "option", id: `row-${id}`, "aria-selected": "false" },
    make("span", { class: "sign", "aria-hidden": "true" }), make("span", { class: "name" }), make("span", { class: "score" }),
    make("span", { class: "when" }, make("span"), make("span"), make("span")));
  row.addEventListener("click", () => {
    const event = events.find((one) => one.id === id);
    if (event) openEvent(event);
  });
  return row;
}

function drawEventRow(event) {
  if (!eventRows.has(event.id)) eventRows.set(event.id, eventRow(event.id));
  const row = eventRows.get(event.id);
  const [sign, name, score, when] = row.children;
  const [begin, belief, more] = when.children;
  const mark = marks.get(event.id) ?? {};
  say(sign, `${mark.verdict === "right" ? "✓" : mark.verdict === "wrong" ? "✗" : ""}${mark.starred ? "★" : ""}`);
  sign.className = mark.verdict === "wrong" ? "sign bad" : mark.verdict === "right" ? "sign good" : "sign star";
  say(name, mark.verdict === "wrong" && mark.label ? `${event.label} → ${mark.label}` : event.label);
  say(score, figure(event.score));
  const several = asList(state.inputs).length > 1;
  const where = several || event.in_file_s !== null ? place(event.source, event.in_file_s) : "";
  const time = timeOfDay(event.onset);
  const [words, tone] = verdictOf(event);
  say(begin, `${time} · `);
  say(belief, words);
  belief.className = tone;
  say(more, ["", `${figure(event.duration_s, 1)} s`, event.recorded ? "" : "sound not kept", event.quiet ? "quiet hours" : "", where].filter((text, i) => i === 0 || text).join(" · "));
  const said = [mark.verdict ? `marked ${mark.verdict}` : "", mark.starred ? "starred" : ""].filter(Boolean);
  row.setAttribute("aria-label", [event.label, `score ${figure(event.score)}`, time, `evidence ${words}`, ...said].join(", "));
  return row;
}

const noEvents = make("p", { class: "none" }, "No event yet.");

function drawList() {
  const wanted = events.map(drawEventRow);
  arrange($("list"), wanted.length > 0 ? wanted : [noEvents]);
  for (const id of eventRows.keys()) if (!known.has(id)) eventRows.delete(id);
  drawSummary();
  markSelected(false);
}

function drawSummary() {
  const total = asNumber(state.events_total);
  const shown = events.length;
  say($("summary"), total === null ? "" : total > shown ? `the newest ${shown} of ${total} since the start` : `${total} since the start`);
}

/** Shows which row is open, and brings it into sight where somebody moved there. */
function markSelected(bring = true) {
  for (const row of $("list").querySelectorAll("[aria-selected=true]")) row.setAttribute("aria-selected", "false");
  const row = selected && eventRows.get(selected.id);
  if (!row?.isConnected) return $("list").removeAttribute("aria-activedescendant");
  row.setAttribute("aria-selected", "true");
  $("list").setAttribute("aria-activedescendant", row.id);
  if (bring) row.scrollIntoView({ block: "nearest" });
}

/** Opens the event `by` places further in the list. */
function move(by) {
  if (events.length === 0) return;
  const at = selected ? events.findIndex(({ id }) => id === selected.id) : -1;
  const to = at < 0 ? (by > 1 ? events.length - 1 : 0) : at + by;
  select(events[Math.min(Math.max(to, 0), events.length - 1)]);
}
