// What a reader says of the events. Every mark is kept in the browser at once, so that it is there after a reload, and stays
// until it has come back with a newer page.

const STORE = "earwitness-review";

/** The marks as they are now, by event id. */
const marks = new Map(events.map((event) => [event.id, { ...event.marks }]));
/** Events whose marks were changed here and not yet exported. */
const changed = new Set();
/** Whether the browser keeps marks. Some keep nothing for files, and then leaving the page asks. */
let keeps = true;

/** What an earlier visit kept, by event id: `{mark, exported}`. */
function kept() {
  try {
    const all = JSON.parse(localStorage.getItem(STORE) ?? "{}");
    return all !== null && typeof all === "object" && !Array.isArray(all) ? all : {};
  } catch {
    return {};
  }
}

/** Changes what is kept: another window may have changed it meanwhile. */
function keep(change) {
  const all = kept();
  change(all);
  try {
    localStorage.setItem(STORE, JSON.stringify(all));
  } catch {
    keeps = false;
  }
}

/** A mark with nothing in it but what a mark has: pages of others may share the store. */
function readMark(found) {
  if (found === null || typeof found !== "object") return null;
  const mark = {};
  if (found.verdict === "right" || found.verdict === "wrong") mark.verdict = found.verdict;
  if (mark.verdict === "wrong" && typeof found.label === "string") mark.label = found.label.slice(0, 200);
  if (typeof found.note === "string" && found.note !== "") mark.note = found.note.slice(0, 4000);
  if (found.starred === true) mark.starred = true;
  const at = Date.parse(found.marked);
  if (Number.isNaN(at)) return null;
  return { ...mark, marked: new Date(at).toISOString() };
}

/** Takes up what an earlier visit said, where the page knows nothing newer; what the page knows needs no keeping. */
function restoreMarks() {
  const all = kept();
  const known = [];
  for (const event of events) {
    const entry = Object.hasOwn(all, event.id) ? all[event.id] : null;
    if (entry === null) continue;
    const mark = readMark(entry?.mark);
    if (!mark || Date.parse(mark.marked) <= (Date.parse(event.marks.marked) || 0)) {
      known.push(event.id);
      continue;
    }
    marks.set(event.id, mark);
    if (entry.exported !== true) changed.add(event.id);
  }
  if (known.length > 0) keep((now) => known.forEach((id) => delete now[id]));
  drawExport();
}

function drawMarks(event) {
  const mark = marks.get(event.id);
  $("m-right").setAttribute("aria-pressed", String(mark.verdict === "right"));
  $("m-wrong").setAttribute("aria-pressed", String(mark.verdict === "wrong"));
  $("m-star").setAttribute("aria-pressed", String(mark.starred === true));
  $("m-label-row").hidden = mark.verdict !== "wrong";
  if (document.activeElement !== $("m-label")) $("m-label").value = mark.label ?? "";
  if (document.activeElement !== $("m-note")) $("m-note").value = mark.note ?? "";
}

function setMark(event, change) {
  const mark = { ...marks.get(event.id), ...change };
  for (const key of Object.keys(mark)) if (mark[key] === null || mark[key] === "" || mark[key] === false) delete mark[key];
  if (mark.verdict !== "wrong") delete mark.label;
  mark.marked = new Date().toISOString();
  marks.set(event.id, mark);
  changed.add(event.id);
  keep((all) => { all[event.id] = { mark, exported: false }; });
  drawMarks(event);
  redrawRow(event);
  drawExport();
}

function toggleVerdict(verdict) {
  if (!selected) return;
  setMark(selected, { verdict: marks.get(selected.id).verdict === verdict ? null : verdict });
}

/** Wrong, and what was it? As in the terminal. */
function toggleWrong() {
  toggleVerdict("wrong");
  if (selected && marks.get(selected.id).verdict === "wrong") $("m-label").focus();
}

function toggleStar() {
  if (selected) setMark(selected, { starred: marks.get(selected.id).starred !== true });
}

function drawExport() {
  $("export").textContent = changed.size > 0 ? `Export marks (${changed.size})` : "Export marks";
}

function exportMarks() {
  const list = [...changed].map((id) => ({ id, dir: events.find((event) => event.id === id).dir, ...marks.get(id) }));
  const file = { type: "earwitness-review", version: 1, made: page.made, exported: new Date().toISOString(), marks: list, ratings };
  download(fileName("marks", "json"), "application/json", `${JSON.stringify(file, null, 1)}\n`);
  keep((all) => { for (const { id } of list) if (all[id]) all[id].exported = true; });
  changed.clear();
  drawExport();
}
