// The labels: those under way first, then by group those that matter now; the rest on demand.

const NOTEWORTHY = 0.1;
/** A label that mattered stays for a while, so that the list does not flicker. */
const STAYS_MS = 8000;
const RECENT_SECS = 15 * 60;

/** A row for each label, in the order of the model, and when it mattered last. */
let rows = [];
let mattered = [];
let chosenLabel = null;

function readLabel(raw) {
  const { label, group, on, enabled, alarm, edited } = asObject(raw);
  return { label: asText(label, "?"), group: asText(group), on: asNumber(on), enabled: enabled !== false, alarm: alarm !== false, edited: edited === true };
}

function takeLabels(line) {
  labels = asList(line.labels).map(readLabel);
  if (rows.length !== labels.length) {
    rows = labels.map((_, i) => labelRow(i));
    mattered = labels.map(() => -Infinity);
    $("groups").replaceChildren();
    sections.clear();
  }
  say($("all-labels-text"), `all ${labels.length} labels`);
  $("label-names").replaceChildren(...labels.map(({ label }) => make("option", { value: label })));
  drawLabels();
  drawLabelDialog();
}

const scoreOf = (index) => asNumber(asList(state.scores)[index]);
const lastOf = (index) => asText(asList(state.last)[index]);
const isActive = (index) => asList(state.active).includes(index);

function labelRow(index) {
  const bar = make("span", { class: "bar", "aria-hidden": "true" }, make("i"));
  const row = make("button", { type: "button", class: "label" }, make("span", { class: "name" }), bar,
    make("span", { class: "score" }), make("span", { class: "when" }), make("span", { class: "more" }));
  row.addEventListener("click", () => openLabel(index));
  row.addEventListener("focus", () => { chosenLabel = index; });
  return row;
}

function drawRow(index) {
  const { label, on, enabled, alarm, edited } = labels[index];
  const row = rows[index];
  const [name, bar, score, when, more] = row.children;
  const [value, active] = [scoreOf(index), isActive(index)];
  say(name, `${active ? "▶ " : ""}${label}`);
  bar.style.setProperty("--part", `${Math.min(Math.max(value ?? 0, 0), 1) * 100}%`);
  bar.style.setProperty("--on", on === null ? "-10%" : `${on * 100}%`);
  say(score, value === null ? "" : figure(value));
  const today = asNumber(asList(state.today)[index]) ?? 0;
  say(when, [today > 0 ? `${today}×` : "", active ? "now" : lastOf(index) ? ago(lastOf(index)) : ""].filter(Boolean).join(" · "));
  const reason = asText(asObject(state.reasons)[index]);
  const said = [enabled ? "" : "muted", alarm ? "" : "shown only", edited ? `changed: from ${figure(on)}` : "", reason].filter(Boolean).join(" · ");
  say(more, said);
  more.hidden = said === "";
  row.classList.toggle("active", active);
  row.classList.toggle("muted", !enabled);
  row.title = `${label}: an event starts at ${figure(on)}${today > 0 ? `; heard ${today} times today` : ""}`;
}

/** Whether it is worth showing without being asked for. */
function matters(index, now) {
  const last = lastOf(index);
  const recent = last !== "" && Date.parse(state.at) - Date.parse(last) < RECENT_SECS * 1000;
  if ((scoreOf(index) ?? 0) > NOTEWORTHY || labels[index].edited || asText(asObject(state.reasons)[index])) mattered[index] = now;
  return recent || now - mattered[index] < STAYS_MS;
}

/** The sections by name, with their lists. */
const sections = new Map();
function sectionOf(name) {
  if (!sections.has(name)) {
    const list = make("ul");
    sections.set(name, { element: make("section", {}, make("h3", {}, name), list), list });
  }
  return sections.get(name);
}

function drawLabels() {
  const now = performance.now();
  const all = $("all-labels").checked;
  const shown = new Map([["heard now", []]]);
  for (const [i, { group }] of labels.entries()) {
    const section = isActive(i) ? "heard now" : group || "others";
    if (!shown.has(section)) shown.set(section, []);
    if (isActive(i) || matters(i, now) || all) shown.get(section).push(i);
  }
  const there = [];
  for (const [name, indices] of shown) {
    if (indices.length === 0) continue;
    const { element, list } = sectionOf(name);
    for (const index of indices) drawRow(index);
    arrange(list, indices.map((index) => rows[index].parentElement ?? make("li", {}, rows[index])));
    there.push(element);
  }
  arrange($("groups"), there.length > 0 ? there : [quiet]);
  const open = asList(state.active).map((i) => labels[i]?.label).filter(Boolean);
  document.title = open.length > 0 ? `▶ ${open.join(", ")} – earwitness` : "earwitness";
}

const quiet = make("p", { class: "none" }, "Nothing now, and nothing lately.");

/** Chooses the label `by` rows further down. */
function moveLabel(by) {
  const shown = [...$("groups").querySelectorAll("button.label")];
  if (shown.length === 0) return;
  const at = shown.indexOf(rows[chosenLabel]);
  shown[at < 0 ? 0 : Math.min(Math.max(at + by, 0), shown.length - 1)].focus();
}

function startLabels() {
  $("all-labels").addEventListener("change", drawLabels);
}
