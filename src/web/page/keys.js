// The keys, which mean what they mean in the terminal and on the review's page.

/** The one key table: keys, what help says, what is done. */
const KEYS = [
  [["w"], "waterfall: what the classifier hears / all sound", () => switchView()],
  [["1", "2", "3", "4", "5", "6", "7", "8", "9"], "show this input", (key) => showInput(Number(key) - 1)],
  [["l"], "play interpretation / input / silence", () => hearNext()],
  [[" "], "play / stop the open event", () => (player.playing ? player.stop() : player.play(player.name))],
  [["a"], "open event: change to microphone / classifier", () => player.choose("heard")],
  [["b"], "open event: change to microphone / classifier", () => player.choose("why")],
  [["c"], "open event: next component, then all again", () => nextComponent()],
  [["z"], "stop the sound", () => stopSound()],
  [["ArrowLeft"], "half a second back / on", () => player.seek(player.position - 0.5)],
  [["ArrowRight"], "half a second back / on", () => player.seek(player.position + 0.5)],
  [["r"], "mark as right; again: unmark", () => toggleVerdict("right")],
  [["x"], "mark as wrong; again: unmark", () => toggleWrong()],
  [["s"], "star: keep for ever; again: unstar", () => toggleStar()],
  [["n"], "write a note", () => $("m-note").focus()],
  [["ArrowDown", "j"], "older / newer event", () => move(1)],
  [["ArrowUp", "k"], "older / newer event", () => move(-1)],
  [["g", "Home"], "newest / oldest event", () => move(-1000)],
  [["G", "End"], "newest / oldest event", () => move(1000)],
  [["."], "label: choose, lower, raise, mute", () => moveLabel(1)],
  [[","], "label: choose, lower, raise, mute", () => moveLabel(-1)],
  [["<"], "label: choose, lower, raise, mute", () => nudgeLabel(-1)],
  [[">"], "label: choose, lower, raise, mute", () => nudgeLabel(1)],
  [["m"], "label: choose, lower, raise, mute", () => muteLabel()],
  [["+", "="], "waterfall bright / dark, less / more time", () => brighten(-5)],
  [["-"], "waterfall bright / dark, less / more time", () => brighten(5)],
  [["["], "waterfall bright / dark, less / more time", () => stretch(-1)],
  [["]"], "waterfall bright / dark, less / more time", () => stretch(1)],
  [["Escape"], "close what is on top", () => (narrow.matches ? closeEvent() : select(null))],
  [["?"], "show or hide this help", () => toggleHelp()],
];

function stopSound() {
  player.stop();
  stopHearing();
}

function onKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const target = event.target;
  const writes = target.matches("textarea, select, input:not([type=range], [type=checkbox])");
  if (writes && !target.closest("dialog") && (event.key === "Escape" || (event.key === "Enter" && target === $("m-label")))) return target.blur();
  if (writes || (event.key === " " && target.matches("button, input[type=checkbox]")) || (target.matches("input[type=range]") && event.key.startsWith("Arrow"))) return;
  // A dialog has its own keys.
  if (document.querySelector("dialog[open]") && !($("help").open && event.key === "?")) return;
  const binding = KEYS.find(([keys]) => keys.includes(event.key));
  if (!binding) return;
  event.preventDefault();
  binding[2](event.key);
}

function startKeys() {
  $("keys").append(...helpLines(KEYS));
  $("open-help").addEventListener("click", toggleHelp);
  $("close-help").addEventListener("click", () => $("help").close());
  document.addEventListener("keydown", onKey);
}
