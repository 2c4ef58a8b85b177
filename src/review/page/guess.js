// The study of the AudioMNIST paper: from a recording or from its explanation, heard or seen, people say what the model said.
// Each person gets each event in one format only; all formats come about equally often.

const FORMATS = ["signal heard", "signal seen", "explanation heard", "explanation seen"];
/** How a picture is laid out, in pixels: axis, panel, gap, panel, scale. The label above and the words below are cut off. */
const [AXIS, GAP, SCALE, TITLE, WORDS_BELOW] = [88, 36, 124, 50, 28];

let guessing = null;
const guessPlayer = new Player(() => drawGuessPlayer());

function beginGuessing(rater, seed, count) {
  // Events that have all four formats, each sound once.
  const guessable = samplesOf(shown).filter(([event]) => mediaOf(event).picture);
  const chosen = chooseSamples(guessable, seed, count).map(([event]) => event);
  const random = randomOf(`guess ${seed} ${rater}`);
  const formats = chosen.map((_, i) => FORMATS[i % FORMATS.length]);
  const mixed = shuffled(formats, random);
  const trials = shuffled(chosen, random).map((event, i) => ({ event, format: mixed[i] }));
  if (trials.length === 0) return false;
  const labels = [...new Set(shown.map((event) => event.label))].sort();
  guessing = { rater, seed, trials, labels, at: -1, ratings: [] };
  nextGuess();
  return true;
}

async function nextGuess() {
  guessing.at += 1;
  guessPlayer.stop();
  const trial = guessing.trials[guessing.at];
  if (!trial) return endGuessing();
  const { event, format } = trial;
  Object.assign(trial, { plays: 0, answer: null, shownAt: performance.now() });
  const seen = format.endsWith("seen");
  $("g-play").hidden = seen;
  $("g-picture").hidden = !seen;
  if (seen) await drawGuessPicture(event, format);
  else {
    const media = mediaOf(event);
    const track = await decode(format === "signal heard" ? media.heard : media.why);
    // A sound that this browser cannot read is not asked about.
    if (!track) return nextGuess();
    guessPlayer.load(new Map([["sound", track]]), "sound");
  }
  $("l-start").hidden = true;
  $("l-guess").hidden = false;
  $("g-progress").textContent = `Sample ${guessing.at + 1} of ${guessing.trials.length}`;
  $("g-title").textContent = `What did the model say? You ${seen ? "see" : "hear"} ${format.startsWith("signal") ? "the recording" : "what made it decide"}.`;
  $("g-choices").replaceChildren(...guessing.labels.map((label) => choice(trial, label)));
  $("g-title").focus();
  drawGuessPlayer();
  drawGuessMissing();
}

function choice(trial, label) {
  const input = make("input", { type: "radio", name: "g-answer", value: label });
  input.addEventListener("change", () => {
    trial.answer = label;
    drawGuessMissing();
  });
  return make("label", { class: "choice" }, input, ` ${label}`);
}

async function drawGuessPicture(event, format) {
  const image = new Image();
  image.src = `data:image/png;base64,${mediaOf(event).picture}`;
  await image.decode().catch(() => null);
  const panel = Math.max(1, (image.naturalWidth - AXIS - GAP - SCALE) / 2);
  const right = format.startsWith("signal") ? 0 : panel + GAP;
  const canvas = $("g-picture");
  const height = Math.max(1, image.naturalHeight - TITLE - WORDS_BELOW);
  [canvas.width, canvas.height] = [AXIS + panel, height];
  const draw = canvas.getContext("2d");
  // The axis of frequencies stands left of the first panel alone.
  draw.drawImage(image, 0, TITLE, AXIS, height, 0, 0, AXIS, height);
  draw.drawImage(image, AXIS + right, TITLE, panel, height, AXIS, 0, panel, height);
}

function drawGuessPlayer() {
  if (!guessing || $("l-guess").hidden) return;
  $("g-play").textContent = guessPlayer.playing ? "Stop" : "Play";
}

function drawGuessMissing() {
  const { format, plays, answer } = guessing.trials[guessing.at];
  const missing = [format.endsWith("heard") && plays === 0 ? "not heard" : "", answer === null ? "no answer" : ""].filter(Boolean);
  $("g-missing").textContent = missing.join("; ");
  $("g-next").disabled = missing.length > 0;
}

function hearGuess() {
  if (guessPlayer.playing) return guessPlayer.stop();
  guessing.trials[guessing.at].plays += 1;
  guessPlayer.play("sound", 0);
  drawGuessMissing();
}

function finishGuess() {
  const { event, format, answer, plays, shownAt } = guessing.trials[guessing.at];
  guessing.ratings.push({
    rater: guessing.rater, seed: guessing.seed, event: event.id, dir: event.dir, label: event.label, method: event.method, condition: format,
    score: answer === event.label ? 100 : 0, answer, page: guessing.at + 1, place: 1, plays, seconds: Math.round((performance.now() - shownAt) / 100) / 10,
    time: new Date().toISOString(),
  });
  nextGuess();
}

function endGuessing() {
  const given = guessing.ratings;
  test = { ratings: given };
  ratings.push(...given);
  unsaved = true;
  $("l-guess").hidden = true;
  $("l-start").hidden = true;
  $("l-end").hidden = false;
  const right = given.filter((rating) => rating.score > 0).length;
  $("l-result").textContent = `You gave ${given.length} answers; ${right} are what the model said. Download them: nothing was sent anywhere, and closing the page loses them.`;
  $("l-thanks").focus();
}

function startGuessing() {
  $("g-play").addEventListener("click", hearGuess);
  $("g-next").addEventListener("click", finishGuess);
}
