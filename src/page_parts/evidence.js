// The evidence of the event that is shown: what can be heard of it, how it looks, and whether it can be believed.

const player = new Player(() => drawPlayer());
/** Where the event begins and ends in its sounds, in seconds; null where that is not known. */
let bounds = null;

/** Words for each verdict on evidence, and what follows from it. None of them says that the label is right. */
const verdicts = {
  enough_and_needed: ["enough and needed", "The decision rests on what you hear there."],
  enough: ["enough only", "The rest of the sound speaks for the label, too."],
  not_enough: ["not enough", "The decision rests on something else; do not trust this explanation."],
};

function faithText(event) {
  const f = event.faithfulness;
  if (!f) return "The evidence was not measured.";
  const [verdict, meaning] = verdicts[f.verdict] ?? ["not known", ""];
  return `Evidence ${verdict}: alone, it gives ${event.label} ${figure(f.prob_in)}; removing it leaves ${figure(f.prob_out)} of ${figure(f.prob)}. ${meaning}`;
}

/** Whether the decision rests on the interpretation: by colour, besides the words. */
function faithClass(f) {
  if (!f) return "";
  return { enough_and_needed: "good", not_enough: "bad" }[f.verdict] ?? "";
}

function componentName(event, index) {
  const found = event.components.find((component) => component.index === index);
  return found?.name || `#${index}`;
}

/** Words and key of the sounds that every event has. */
const SOUNDS = { heard: ["heard: the microphone", "a"], why: ["why: the classifier", "b"], rest: ["rest: without why", ""] };

/** A button for each sound of `names`, which maps keys to names. */
function drawTracks(event, names) {
  $("tracks").replaceChildren(...[...names].map(([key, name]) => {
    const part = /^component-(\d+)$/.exec(key);
    const share = part && event.components.find((component) => component.index === Number(part[1]));
    const [text, shortcut] = SOUNDS[key] ?? [`${name} ${share ? percent(share.relevance) : ""}`.trim(), "c"];
    const button = make("button", { type: "button", role: "radio", "data-track": key, "aria-checked": "false" }, text);
    if (shortcut) button.setAttribute("aria-keyshortcuts", shortcut);
    button.addEventListener("click", () => player.choose(key));
    return button;
  }));
}

function drawComponents(event) {
  const largest = Math.max(...event.components.map((component) => Math.abs(component.relevance ?? 0)), 1e-9);
  $("d-components").replaceChildren(...event.components.map((component) => {
    const relevance = component.relevance ?? 0;
    const bar = make("span", { class: "bar", "aria-hidden": "true" });
    bar.style.setProperty("--part", `${(Math.abs(relevance) / largest) * 100}%`);
    return make("li", { class: relevance < 0 ? "against" : "for" },
      make("span", { class: "who" }, component.name || `#${component.index}`), bar,
      make("span", { class: "figure" }, `${relevance < 0 ? "−" : "+"}${figure(Math.abs(relevance))}`));
  }));
  // Methods of masks alone name none.
  $("d-parts").hidden = event.components.length === 0;
}

const trackColour = (key) => getComputedStyle(document.documentElement).getPropertyValue(key === "heard" ? "--heard" : "--why");

function drawPlayer() {
  const { playing, position, duration, name } = player;
  $("play").textContent = playing ? "Pause" : "Play";
  $("player").dataset.playing = playing ? name : "";
  for (const button of $("tracks").children) {
    const on = button.dataset.track === name;
    button.setAttribute("aria-checked", String(on));
    button.tabIndex = on ? 0 : -1;
  }
  $("seek").max = String(duration);
  $("seek").value = String(position);
  $("seek").setAttribute("aria-valuetext", `${figure(position, 1)} of ${figure(duration, 1)} seconds`);
  $("time").textContent = `${figure(position, 2)} / ${figure(duration, 2)} s`;
  drawWave();
  if (playing) requestAnimationFrame(() => player.playing && drawPlayer());
}

/** The chosen track over what was heard, the event's borders, and where the playback is. */
function drawWave() {
  const canvas = $("wave");
  const heard = player.tracks.get("heard");
  const chosen = player.tracks.get(player.name);
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (width === 0 || !chosen) return;
  const scale = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * scale)) canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const draw = canvas.getContext("2d");
  draw.setTransform(scale, 0, 0, scale, 0, 0);
  draw.clearRect(0, 0, width, height);
  let loudest = 0.05;
  for (const sample of (heard ?? chosen).samples) loudest = Math.max(loudest, Math.abs(sample));
  const envelope = (track, colour) => {
    draw.fillStyle = colour;
    const step = track.samples.length / width;
    for (let x = 0; x < width; x++) {
      let [low, high] = [0, 0];
      for (let i = Math.floor(x * step); i < Math.min((x + 1) * step, track.samples.length); i++) {
        low = Math.min(low, track.samples[i]);
        high = Math.max(high, track.samples[i]);
      }
      const middle = height / 2;
      draw.fillRect(x, middle - (high / loudest) * middle, 1, Math.max(1, ((high - low) / loudest) * middle));
    }
  };
  if (heard && heard !== chosen) envelope(heard, "rgb(128 128 128 / .35)");
  envelope(chosen, trackColour(player.name));
  const duration = player.duration;
  draw.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--link");
  if (bounds && duration > 0) {
    const [from, to] = bounds.map((secs) => (secs / duration) * width);
    draw.fillRect(from, 0, Math.max(2, to - from), 3);
  }
  draw.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--ink");
  draw.fillRect((player.position / Math.max(duration, 1e-3)) * width, 0, 2, height);
}

/** Plays `key`; where it plays already, stops it. */
function playOrPause(key) {
  if (player.playing && player.name === key) return player.stop();
  const from = player.playing ? player.position : player.name === key ? player.position : 0;
  player.play(key, from);
}

/** Hears the next component, and after the last one the whole again. */
function nextComponent() {
  const names = [...player.tracks.keys()].filter((name) => name.startsWith("component-"));
  if (names.length === 0) return;
  player.choose(names[names.indexOf(player.name) + 1] ?? "why");
}

function startPlayer() {
  $("play").addEventListener("click", () => (player.playing ? player.stop() : player.play(player.name)));
  $("seek").addEventListener("input", () => player.seek(Number($("seek").value)));
  $("loop").addEventListener("change", () => player.setLoop($("loop").checked));
  $("wave").addEventListener("pointerdown", (event) => player.seek((event.offsetX / $("wave").clientWidth) * player.duration));
  $("tracks").addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const buttons = [...$("tracks").children];
    const next = buttons[(buttons.findIndex((button) => button.dataset.track === player.name) + step + buttons.length) % buttons.length];
    next.focus();
    player.choose(next.dataset.track);
  });
}
