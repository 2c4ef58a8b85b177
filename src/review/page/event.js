// One event: its evidence, the player, and what is known of it.

/** Opus is decoded at this rate, whatever was recorded. */
const RATE_HZ = 48000;

/** A sound of the page as samples, or null where the browser cannot read it. */
async function decode(text) {
  const bytes = fromBase64(text);
  if (!bytes) return null;
  try {
    const buffer = await new OfflineAudioContext(1, 1, RATE_HZ).decodeAudioData(bytes.buffer);
    return { rate: buffer.sampleRate, samples: buffer.getChannelData(0) };
  } catch {
    return null;
  }
}

/** Sounds and picture of an event, still in base64. */
const mediaOf = (event) => readJson(`media-${events.indexOf(event)}`) ?? {};

/** What can be heard of an event: names and tracks. Decoded when it is looked at, and then forgotten. */
async function evidence(event) {
  const media = mediaOf(event);
  const sounds = [["heard", "heard", media.heard], ["why", "why", media.why]];
  for (const part of media.components ?? []) sounds.push([`component-${part.index}`, componentName(event, part.index), part.audio]);
  const there = sounds.filter(([, , text]) => text);
  const decoded = await Promise.all(there.map(([, , text]) => decode(text)));
  const found = { tracks: new Map(), names: new Map(), unreadable: [], picture: media.picture ?? null };
  for (const [i, [key, name]] of there.entries()) {
    if (!decoded[i]) {
      found.unreadable.push(name);
      continue;
    }
    found.tracks.set(key, decoded[i]);
    found.names.set(key, name);
  }
  return found;
}

function componentName(event, index) {
  const found = event.components.find((component) => component.index === index);
  return found?.name || `#${index}`;
}

const NOTHING = { tracks: new Map(), names: new Map(), unreadable: [], picture: null };
let current = NOTHING;
const player = new Player(() => drawPlayer());

async function select(event) {
  selected = event;
  current = NOTHING;
  $("detail").hidden = event === null;
  player.load(new Map(), "");
  markSelected();
  if (event === null) return;
  drawDetail(event);
  const found = await evidence(event);
  // Another one may have been selected meanwhile.
  if (selected !== event) return;
  current = found;
  player.load(current.tracks, "heard");
  drawDetail(event);
}

/** Selects an event, and on a narrow screen shows it in place of the list. */
function openEvent(event) {
  select(event);
  if (!narrow.matches || document.body.classList.contains("reading")) return;
  document.body.classList.add("reading");
  // The phone's own way back leads to the list.
  history.pushState({ reading: true }, "");
  window.scrollTo(0, 0);
  $("d-title").focus({ preventScroll: true });
}

/** Back to the list, where that is out of sight. */
function closeEvent() {
  if (!document.body.classList.contains("reading")) return;
  if (history.state?.reading) history.back();
  else leaveEvent();
}

function leaveEvent() {
  document.body.classList.remove("reading");
  player.stop();
  markSelected();
}

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

function drawDetail(event) {
  const [day, time, zone] = localTime(event);
  $("d-title").textContent = `${event.label} ${figure(event.score)}`;
  $("d-when").textContent = `${day} ${time} ${zone}, for ${figure(seconds(event), 2)} s, ${place(event)}`;
  const trouble = [event.trouble ?? "", current.unreadable.length > 0 ? `These sounds cannot be read: ${current.unreadable.join(", ")}.` : ""].filter(Boolean).join(" ");
  $("d-trouble").textContent = trouble;
  $("d-trouble").hidden = trouble === "";
  $("player").hidden = !(mediaOf(event).heard || mediaOf(event).why) || (current !== NOTHING && current.tracks.size === 0);
  $("d-faith").textContent = faithText(event);
  $("d-faith").className = faithClass(event.faithfulness);
  drawTracks(event);
  drawComponents(event);
  const picture = $("d-picture");
  picture.hidden = !current.picture;
  if (current.picture) {
    picture.src = `data:image/png;base64,${current.picture}`;
    picture.alt = `Two spectrograms: left what was heard, right what of it decided for ${event.label}.`;
  } else {
    picture.removeAttribute("src");
  }
  drawMarks(event);
  drawFacts(event);
  drawPlayer();
}

function drawTracks(event) {
  const group = $("tracks");
  group.replaceChildren();
  for (const [key, name] of current.names) {
    const part = /^component-(\d+)$/.exec(key);
    const share = part && event.components.find((component) => component.index === Number(part[1]));
    const shortcut = key === "heard" ? "a" : key === "why" ? "b" : "c";
    const text = key === "heard" ? "heard: the microphone" : key === "why" ? "why: the classifier" : `${name} ${share ? percent(share.relevance) : ""}`.trim();
    const button = make("button", { type: "button", role: "radio", "data-track": key, "aria-checked": "false" }, text);
    button.setAttribute("aria-keyshortcuts", shortcut);
    button.addEventListener("click", () => player.choose(key));
    group.append(button);
  }
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

function drawFacts(event) {
  const facts = [
    ["folder", event.dir], ["id", event.id], ["onset", event.onset ?? "?"], ["offset", event.offset ?? "?"],
    ["method", event.method], ["model", `${event.model.name} (${event.model.sha256.slice(0, 12)})`],
    ["sure after", `${figure(event.latency_s)} s`],
  ];
  $("d-facts").replaceChildren(...facts.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
}

// ---- player

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
  const preRoll = selected?.pre_roll_s;
  draw.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--link");
  if (isNumber(preRoll) && duration > 0) {
    const [from, to] = [preRoll, preRoll + seconds(selected)].map((secs) => (secs / duration) * width);
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

function startEvent() {
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
  $("m-right").addEventListener("click", () => toggleVerdict("right"));
  $("m-wrong").addEventListener("click", () => toggleVerdict("wrong"));
  $("m-star").addEventListener("click", toggleStar);
  $("m-label").addEventListener("change", () => selected && setMark(selected, { label: $("m-label").value.trim() }));
  $("m-note").addEventListener("change", () => selected && setMark(selected, { note: $("m-note").value.trim() }));
  $("d-back").addEventListener("click", closeEvent);
  $("d-newer").addEventListener("click", () => move(-1));
  $("d-older").addEventListener("click", () => move(1));
  window.addEventListener("popstate", leaveEvent);
  window.addEventListener("resize", () => selected && drawWave());
}
