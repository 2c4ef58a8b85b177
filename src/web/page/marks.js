// What people say of the events: shown as the server keeps it.

/** Marks as they are stored, by event id: of the events that were opened here. */
const marks = new Map();

function takeMarks(event, raw) {
  const { verdict, label, starred, note } = asObject(raw);
  marks.set(event.id, {
    verdict: verdict === "right" || verdict === "wrong" ? verdict : null, label: asText(label), starred: starred === true, note: asText(note),
  });
  if (events.some(({ id }) => id === event.id)) drawEventRow(event);
}

function drawMarks(event) {
  const mark = marks.get(event.id) ?? {};
  $("verdict").hidden = $("marks").hidden = !event.recorded;
  const may = info.can_change === true && marks.has(event.id);
  for (const id of ["m-right", "m-wrong", "m-star", "m-label", "m-note"]) {
    $(id).disabled = !may;
    $(id).title = info.can_change === true ? "" : NO_TOKEN;
  }
  $("m-right").setAttribute("aria-pressed", String(mark.verdict === "right"));
  $("m-wrong").setAttribute("aria-pressed", String(mark.verdict === "wrong"));
  $("m-star").setAttribute("aria-pressed", String(mark.starred === true));
  $("m-label-row").hidden = mark.verdict !== "wrong";
  // What somebody writes is left alone.
  if (document.activeElement !== $("m-label")) $("m-label").value = mark.label ?? "";
  if (document.activeElement !== $("m-note")) $("m-note").value = mark.note ?? "";
}

async function setMark(event, said) {
  if (!event) return;
  const before = marks.get(event.id);
  try {
    if (info.can_change !== true) throw new Refused(NO_TOKEN, 403);
    if (!event.recorded) throw new Refused("An event whose sound is not kept cannot be marked.", 404);
    if (!before) return;
    const { verdict, label, starred, note } = { ...before, ...said };
    const wanted = { verdict, label: verdict === "wrong" && label ? label : null, starred, note };
    takeMarks(event, await (await change(`/api/events/${encodeURIComponent(event.id)}/marks`, wanted)).json());
    if (selected?.id === event.id) tell($("m-trouble"), "");
  } catch (error) {
    if (selected?.id === event.id) tell($("m-trouble"), error.message);
  }
  if (selected?.id === event.id) drawMarks(selected);
}

function toggleVerdict(verdict) {
  if (selected) return setMark(selected, { verdict: marks.get(selected.id)?.verdict === verdict ? null : verdict });
}

/** Wrong, and what was it? As in the terminal. */
async function toggleWrong() {
  const event = selected;
  await toggleVerdict("wrong");
  if (event && selected?.id === event.id && marks.get(event.id)?.verdict === "wrong") $("m-label").focus();
}

function toggleStar() {
  if (selected) setMark(selected, { starred: marks.get(selected.id)?.starred !== true });
}

function startMarks() {
  $("m-right").addEventListener("click", () => toggleVerdict("right"));
  $("m-wrong").addEventListener("click", () => toggleVerdict("wrong"));
  $("m-star").addEventListener("click", toggleStar);
  $("m-label").addEventListener("change", () => setMark(selected, { label: $("m-label").value.trim() }));
  $("m-note").addEventListener("change", () => setMark(selected, { note: $("m-note").value.trim() }));
}
