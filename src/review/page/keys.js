// The keys, which mean what they mean in the terminal, and the start of the page.

/** The one key table: keys, what help says, what is done. */
const KEYS = [
  [[" "], "play / stop what the microphone heard", () => playOrPause("heard")],
  [["w"], "play / stop what the classifier heard", () => playOrPause("why")],
  [["r"], "mark as right; again: unmark", () => toggleVerdict("right")],
  [["x"], "mark as wrong; again: unmark", () => toggleWrong()],
  [["s"], "star: keep for ever; again: unstar", () => toggleStar()],
  [["n"], "write a note", () => $("m-note").focus()],
  [["/"], "search label, source and note", () => $("f-text").focus()],
  [["f"], "choose by label, day, score, marks", () => showFilters(true)],
  [["F"], "take all filters away", () => $("filters").reset()],
  [["c"], "next component, then all again", () => nextComponent()],
  [["a"], "change to microphone / classifier", () => player.choose("heard")],
  [["b"], "change to microphone / classifier", () => player.choose("why")],
  [["z"], "stop the sound", () => player.stop()],
  [["ArrowLeft"], "half a second back / on", () => player.seek(player.position - 0.5)],
  [["ArrowRight"], "half a second back / on", () => player.seek(player.position + 0.5)],
  [["ArrowDown", "j"], "next / previous event", () => move(1)],
  [["ArrowUp", "k"], "next / previous event", () => move(-1)],
  [["g", "Home"], "newest / oldest event", () => move(-events.length)],
  [["G", "End"], "newest / oldest event", () => move(events.length)],
  [["Escape"], "close what is on top", () => closeEvent()],
  [["?"], "show or hide this help", () => toggleHelp()],
];

function onKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const target = event.target;
  const writes = target.matches("textarea, select, input:not([type=range], [type=checkbox])");
  if (writes && (event.key === "Escape" || (event.key === "Enter" && target === $("m-label")))) return target.blur();
  if (writes || (event.key === " " && target.matches("button, input[type=checkbox]")) || (target.matches("input[type=range]") && event.key.startsWith("Arrow"))) return;
  if (!$("listening").hidden) return listenKey(event);
  if ($("help").open && event.key !== "?") return;
  const binding = KEYS.find(([keys]) => keys.includes(event.key));
  if (!binding) return;
  event.preventDefault();
  binding[2]();
}

/** Whether something would be lost if the page were left now. */
function wouldLose() {
  const underway = test !== null && test.at < test.trials.length;
  return underway || unsaved || (changed.size > 0 && !keeps);
}

function start() {
  const labels = [...new Set(events.map((event) => event.label))].sort();
  $("f-label").append(...labels.map((label) => make("option", { value: label }, label)));
  $("labels").append(...[...new Set([...labels, ...(page.labels ?? [])])].map((label) => make("option", { value: label })));
  $("keys").append(...helpLines(KEYS));
  restoreMarks();
  startList();
  startEvent();
  $("export").addEventListener("click", exportMarks);
  $("open-help").addEventListener("click", toggleHelp);
  $("close-help").addEventListener("click", () => $("help").close());
  document.addEventListener("keydown", onKey);
  window.addEventListener("beforeunload", (event) => wouldLose() && event.preventDefault());
  startListening();
  startGuessing();
  drawList();
}

start();
