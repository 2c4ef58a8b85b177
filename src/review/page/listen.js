// The listening test, after the papers' way: one label at a time, the recording as an open reference, the interpretation
// among a hidden reference and an anchor in an order that is not told, each rated from 0 to 100.

const QUESTION = "How well does the sound correspond to the part of the reference that belongs to the label?";
const WORDS = ["bad", "poor", "fair", "good", "excellent"];

/** Numbers in 0…1 that depend on `text` alone (xmur3 and mulberry32). */
function randomOf(text) {
  let h = 1779033703 ^ text.length;
  for (let i = 0; i < text.length; i++) {
    h = Math.imul(h ^ text.charCodeAt(i), 3432918353);
    h = (h << 13) | (h >>> 19);
  }
  h = Math.imul(h ^ (h >>> 16), 2246822507);
  h = Math.imul(h ^ (h >>> 13), 3266489909);
  let a = (h ^ (h >>> 16)) >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** `list` in an order that `random` decides (Fisher and Yates). */
function shuffled(list, random) {
  const out = [...list];
  for (let i = out.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [out[i], out[j]] = [out[j], out[i]];
  }
  return out;
}

let test = null;
/** Whether ratings were given that nobody has downloaded. */
let unsaved = false;
const listener = new Player(() => drawListener());

/** Events of one recording and label are rated together, as explanations of it by several methods. */
function samplesOf(list) {
  const groups = new Map();
  for (const event of list) {
    const { heard, why } = mediaOf(event);
    if (!heard || !why) continue;
    const key = JSON.stringify([event.label, event.source, event.model.sha256, heard.length, heard.slice(-512), heard.slice(0, 4096)]);
    const group = groups.get(key) ?? [];
    if (!group.some((other) => other.method === event.method)) groups.set(key, [...group, event]);
  }
  return [...groups.values()];
}

/** Some samples, or all where `count` is null. The seed alone chooses, so that all raters get the same; who they are decides the order. */
function chooseSamples(list, seed, count) {
  const all = [...list].sort((a, b) => (a[0].id < b[0].id ? -1 : 1));
  return count === null ? all : shuffled(all, randomOf(`sample ${seed}`)).slice(0, count);
}

function beginTest(rater, seed, count) {
  const chosen = chooseSamples(samplesOf(shown), seed, count);
  const random = randomOf(`order ${seed} ${rater}`);
  const order = shuffled(chosen, random);
  if (order.length === 0) return false;
  const trials = [order[0], ...order].map((group, i) => ({ group, training: i === 0, random }));
  test = { rater, seed, trials, at: -1, ratings: [], begun: new Date().toISOString() };
  nextTrial();
  return true;
}

async function nextTrial() {
  test.at += 1;
  const trial = test.trials[test.at];
  if (!trial) return endTest();
  $("l-next").disabled = true;
  const [event] = trial.group;
  const [heard, rest, ...whys] = await Promise.all([mediaOf(event).heard, mediaOf(event).rest, ...trial.group.map((other) => mediaOf(other).why)].map((text) => text && decode(text)));
  // A sound that this browser cannot read is not rated.
  if (!heard || whys.some((why) => !why)) return nextTrial();
  const conditions = [{ condition: "reference", event, track: heard }];
  for (const [i, other] of trial.group.entries()) {
    conditions.push({ condition: "interpretation", event: other, track: whys[i] });
    if (other === event && rest) conditions.push({ condition: "rest", event, track: rest });
  }
  trial.conditions = shuffled(conditions, trial.random).map((condition, i) => ({ ...condition, name: String.fromCharCode(65 + i), score: null, plays: 0 }));
  trial.shownAt = performance.now();
  listener.load(new Map([["open reference", heard], ...trial.conditions.map((condition) => [condition.name, condition.track])]), "open reference");
  drawTrial(trial);
}

function drawTrial(trial) {
  const [event] = trial.group;
  $("l-start").hidden = true;
  $("l-end").hidden = true;
  $("l-trial").hidden = false;
  $("l-progress").textContent = trial.training ? "Training: this sample does not count" : `Sample ${test.at} of ${test.trials.length - 1}`;
  $("l-title").textContent = `The classifier says: ${event.label}`;
  $("l-question").textContent = `${QUESTION} (${event.label})`;
  $("l-conditions").replaceChildren(...trial.conditions.map(conditionRow));
  $("l-title").focus();
  drawMissing();
  drawListener();
}

function conditionRow(condition, index) {
  const button = make("button", { type: "button", "data-condition": condition.name, "aria-keyshortcuts": String(index + 1) }, `Play ${condition.name}`);
  button.addEventListener("click", () => hear(condition.name));
  const slider = make("input", { type: "range", min: "0", max: "100", step: "1", value: "50", "aria-label": `Rating of ${condition.name}` });
  const word = make("output", { class: "word" }, "not rated");
  const rate = () => {
    condition.score = Number(slider.value);
    const text = `${condition.score} ${WORDS[Math.min(Math.floor(condition.score / 20), 4)]}`;
    word.textContent = text;
    slider.classList.add("rated");
    slider.setAttribute("aria-valuetext", text);
    drawMissing();
  };
  for (const kind of ["input", "change", "pointerup"]) slider.addEventListener(kind, rate);
  const scale = make("div", { class: "scale", "aria-hidden": "true" }, ...WORDS.map((name) => make("span", {}, name)));
  return make("div", { class: "condition" }, button, make("div", { class: "slider" }, slider, scale), word);
}

/** Plays a sound; one after another keeps the position, so that the same moment can be compared. */
function hear(name) {
  const { conditions } = test.trials[test.at];
  // The next sounds may still be decoded.
  if (!conditions) return;
  const condition = conditions.find((other) => other.name === name);
  if (listener.playing && listener.name === name) return listener.stop();
  if (condition) condition.plays += 1;
  if (listener.playing) listener.choose(name);
  else listener.play(name, 0);
  drawMissing();
}

function drawListener() {
  if (!test || test.at >= test.trials.length) return;
  const { playing, name, position, duration } = listener;
  $("l-time").textContent = playing ? `${figure(position, 1)} / ${figure(duration, 1)} s` : "";
  $("l-reference").textContent = playing && name === "open reference" ? "Stop the reference" : "Play the reference";
  for (const button of $("l-conditions").querySelectorAll("button")) {
    const on = playing && button.dataset.condition === name;
    button.classList.toggle("playing", on);
    button.textContent = `${on ? "Stop" : "Play"} ${button.dataset.condition}`;
  }
  if (playing) requestAnimationFrame(() => listener.playing && drawListener());
}

function drawMissing() {
  const { conditions } = test.trials[test.at];
  const unheard = conditions.filter((condition) => condition.plays === 0).map((condition) => condition.name);
  const unrated = conditions.filter((condition) => condition.score === null).map((condition) => condition.name);
  const missing = [unheard.length > 0 ? `not heard: ${unheard.join(", ")}` : "", unrated.length > 0 ? `not rated: ${unrated.join(", ")}` : ""].filter(Boolean);
  $("l-missing").textContent = missing.join("; ");
  $("l-next").disabled = missing.length > 0;
}

function finishTrial() {
  const trial = test.trials[test.at];
  if (!trial?.conditions || trial.conditions.some((condition) => condition.score === null || condition.plays === 0)) return;
  listener.stop();
  if (!trial.training) {
    const secs = Math.round((performance.now() - trial.shownAt) / 100) / 10;
    for (const [i, { event, condition, score, plays }] of trial.conditions.entries()) {
      test.ratings.push({
        rater: test.rater, seed: test.seed, event: event.id, dir: event.dir, label: event.label, method: event.method, condition, score,
        page: test.at, place: i + 1, plays, seconds: secs, time: new Date().toISOString(),
      });
    }
  }
  nextTrial();
}

function endTest() {
  ratings.push(...test.ratings);
  unsaved = true;
  $("l-trial").hidden = true;
  $("l-end").hidden = false;
  $("l-result").textContent = `You rated ${test.trials.length - 1} samples. Download your ratings: nothing was sent anywhere, and closing the page loses them.`;
  $("l-thanks").focus();
}

const RATING_COLUMNS = ["rater", "seed", "event", "dir", "label", "method", "condition", "score", "answer", "page", "place", "plays", "seconds", "time"];

/** A cell that no spreadsheet takes for a formula. */
function csvCell(value) {
  let text = String(value);
  if (typeof value !== "number" && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function ratingsCsv(list) {
  return [RATING_COLUMNS, ...list.map((rating) => RATING_COLUMNS.map((column) => rating[column] ?? ""))].map((cells) => `${cells.map(csvCell).join(",")}\r\n`).join("");
}

function ratingsJson() {
  return `${JSON.stringify({ type: "earwitness-review", version: 1, made: page.made, exported: new Date().toISOString(), question: QUESTION, marks: [], ratings: test.ratings }, null, 1)}\n`;
}

function showListening(on) {
  player.stop();
  listener.stop();
  guessPlayer.stop();
  $("browse").hidden = on;
  $("top").hidden = on;
  $("listening").hidden = !on;
  $("l-start").hidden = !on;
  $("l-trial").hidden = true;
  $("l-guess").hidden = true;
  $("l-end").hidden = true;
  if (on) $("l-rater").focus();
  else drawWave();
}

function listenKey(event) {
  if ($("l-trial").hidden) return;
  if (event.key === "0") return hear("open reference");
  const condition = test.trials[test.at].conditions?.[Number(event.key) - 1];
  if (condition) hear(condition.name);
}

function startListening() {
  $("open-listen").addEventListener("click", () => showListening(true));
  $("l-leave").addEventListener("click", () => showListening(false));
  $("l-back").addEventListener("click", () => showListening(false));
  $("l-which").addEventListener("change", () => { $("l-count").hidden = $("l-which").value === "all"; });
  $("l-count").hidden = true;
  $("l-reference").addEventListener("click", () => hear("open reference"));
  $("l-stop").addEventListener("click", () => listener.stop());
  $("l-next").addEventListener("click", finishTrial);
  const save = (extension, type, text) => {
    unsaved = false;
    download(fileName("ratings", extension), type, text);
  };
  $("l-json").addEventListener("click", () => save("json", "application/json", ratingsJson()));
  $("l-csv").addEventListener("click", () => save("csv", "text/csv", ratingsCsv(test.ratings)));
  $("l-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const count = $("l-which").value === "all" ? null : Math.max(1, Number($("l-count").value) || 1);
    const begin = $("l-task").value === "guess" ? beginGuessing : beginTest;
    if (!begin($("l-rater").value.trim(), $("l-seed").value.trim(), count)) {
      $("l-rater").setCustomValidity("No event of the list has all that is needed: both sounds, and for guessing a picture.");
      $("l-rater").reportValidity();
      setTimeout(() => $("l-rater").setCustomValidity(""), 3000);
    }
  });
}
