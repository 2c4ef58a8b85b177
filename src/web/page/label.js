// Changing how a label is listened for, for this run.

/** As in the terminal. */
const [LOWEST, HIGHEST, STEP] = [0.05, 0.99, 0.05];

/** Index of the label whose dialog is open. */
let openedLabel = null;

function openLabel(index) {
  openedLabel = index;
  tell($("l-trouble"), "");
  drawLabelDialog();
  $("label-dialog").showModal();
}

function drawLabelDialog() {
  const label = labels[openedLabel];
  if (!label) return;
  say($("l-title"), label.label);
  const may = info.can_change === true;
  for (const id of ["l-slider", "l-number", "l-enabled", "l-alarm"]) $(id).disabled = !may;
  tell($("l-hint"), may ? "" : NO_TOKEN);
  // What somebody writes is left alone.
  for (const id of ["l-slider", "l-number"]) if (document.activeElement !== $(id) && label.on !== null) $(id).value = String(Math.round(label.on * 1000) / 1000);
  $("l-enabled").checked = label.enabled;
  $("l-alarm").checked = label.alarm;
  drawLabelScore();
}

function drawLabelScore() {
  const label = labels[openedLabel];
  if (!label) return;
  say($("l-now"), `Score now ${figure(scoreOf(openedLabel))}; an event starts at ${figure(label.on)}.`);
}

/** Asks for a change of a label; the server says by itself how it is then. */
async function changeLabel(index, what) {
  if (!labels[index]) return say($("said"), "Choose a label first, with . and ,");
  try {
    if (info.can_change !== true) throw new Refused(NO_TOKEN, 403);
    await change(`/api/labels/${index}`, what);
    tell($("l-trouble"), "");
  } catch (error) {
    tell($("l-trouble"), error.message);
    if (!$("label-dialog").open) flash(error.message);
    drawLabelDialog();
  }
}

/** Moves the threshold of the chosen label to the next multiple of 0.05. */
function nudgeLabel(by) {
  const on = labels[chosenLabel]?.on;
  if (!isNumber(on)) return;
  const to = (by > 0 ? Math.floor(on / STEP + 1e-3) + 1 : Math.ceil(on / STEP - 1e-3) - 1) * STEP;
  changeLabel(chosenLabel, { threshold: Math.round(Math.min(Math.max(to, LOWEST), HIGHEST) * 100) / 100 });
}

function muteLabel() {
  if (labels[chosenLabel]) changeLabel(chosenLabel, { enabled: !labels[chosenLabel].enabled });
}

function startLabel() {
  const setThreshold = (text) => {
    const value = Number(text);
    if (text.trim() === "" || !(value >= LOWEST && value <= HIGHEST)) return tell($("l-trouble"), `A threshold is a number from ${LOWEST} to ${HIGHEST}.`);
    changeLabel(openedLabel, { threshold: value });
  };
  $("l-slider").addEventListener("input", () => { $("l-number").value = $("l-slider").value; });
  $("l-slider").addEventListener("change", () => setThreshold($("l-slider").value));
  $("l-number").addEventListener("change", () => setThreshold($("l-number").value));
  $("l-enabled").addEventListener("change", () => changeLabel(openedLabel, { enabled: $("l-enabled").checked }));
  $("l-alarm").addEventListener("change", () => changeLabel(openedLabel, { alarm: $("l-alarm").checked }));
  $("l-form").addEventListener("submit", (event) => {
    event.preventDefault();
    $("label-dialog").close();
  });
  $("label-dialog").addEventListener("close", () => { openedLabel = null; });
}
