// The list, its filters, one event's evidence, and the marks. Text from the events only ever becomes text nodes.

const $ = (id) => document.getElementById(id);

/** An element with text and children; attributes by name. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null));
  return element;
}

const readJson = (id) => JSON.parse($(id)?.textContent ?? "null");
const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const figure = (value, decimals = 2) => (isNumber(value) ? value.toFixed(decimals) : "?");
const percent = (value) => (isNumber(value) ? `${Math.round(value * 100)} %` : "?");

const page = readJson("data");
const events = page.events;
/** The marks as they are now, by event id. */
const marks = new Map(events.map((event) => [event.id, { ...event.marks }]));
/** Events whose marks were changed here and not yet exported. */
const changed = new Set();
/** Ratings that were given here. */
const ratings = [];
let shown = [];
let selected = null;

// ---- times

/** Date and time of day at the place of the event: `["2026-11-20", "16:00:12", "+01:00"]`. */
function localTime(event) {
  const at = Date.parse(event.onset);
  if (Number.isNaN(at)) return ["?", "?", ""];
  const zone = /^([+-])(\d\d):(\d\d)$/.exec(event.local_offset ?? "");
  const minutes = zone ? (zone[1] === "-" ? -1 : 1) * (Number(zone[2]) * 60 + Number(zone[3])) : 0;
  const text = new Date(at + minutes * 60000).toISOString();
  return [text.slice(0, 10), text.slice(11, 19), zone ? event.local_offset : "UTC"];
}

const seconds = (event) => event.duration_s;

/** The input, and where the event lies in it if that is a recording: `file:yard.wav at 1:02.3`. */
function place(event) {
  const at = event.offset_in_file_s;
  if (!isNumber(at)) return event.source;
  const tenths = Math.floor(at * 10);
  const two = (n) => String(n).padStart(2, "0");
  const [hours, minutes, secs] = [Math.floor(tenths / 36000), Math.floor(tenths / 600) % 60, Math.floor(tenths / 10) % 60];
  return `${event.source} at ${hours > 0 ? `${hours}:${two(minutes)}` : minutes}:${two(secs)}.${tenths % 10}`;
}

/** The file's name for something made now, as in `earwitness-marks-20261120-1600.json`. */
function fileName(what, extension) {
  const now = new Date().toISOString().replace(/[-:]/g, "");
  return `earwitness-${what}-${now.slice(0, 8)}-${now.slice(9, 13)}.${extension}`;
}

function download(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = make("a", { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

// ---- filters and list

const filterIds = ["text", "label", "since", "until", "score", "evidence", "marked", "starred"];

function matches(event) {
  const value = (id) => $(`f-${id}`).value;
  const mark = marks.get(event.id);
  const [day] = localTime(event);
  const text = value("text").trim().toLowerCase();
  const evidence = event.faithfulness?.verdict ?? "none";
  const verdict = mark.verdict ?? "no";
  const wanted = value("marked");
  return (text === "" || [event.label, event.source, event.id, event.dir, mark.note ?? "", mark.label ?? ""].some((part) => part.toLowerCase().includes(text)))
    && (value("label") === "" || event.label === value("label"))
    && (value("since") === "" || day >= value("since"))
    && (value("until") === "" || day <= value("until"))
    && (event.score ?? 0) >= Number(value("score") || 0)
    && (value("evidence") === "" || evidence === value("evidence"))
    && (wanted === "" || wanted === verdict || (wanted === "yes" && verdict !== "no"))
    && (!$("f-starred").checked || mark.starred === true);
}

function markText(mark) {
  return [mark.verdict === "right" ? "✓" : mark.verdict === "wrong" ? "✗" : "", mark.starred ? "★" : ""].join("");
}

function row(event) {
  const mark = marks.get(event.id);
  const [day, time] = localTime(event);
  const sign = make("span", { class: mark.verdict === "wrong" ? "bad" : mark.verdict === "right" ? "good" : "star", "aria-hidden": "true" }, markText(mark));
  const said = [mark.verdict ? `marked ${mark.verdict}` : "", mark.starred ? "starred" : ""].filter(Boolean).join(", ");
  const element = make("div", { class: "row", role: "option", id: `row-${events.indexOf(event)}`, "aria-selected": String(event === selected) },
    sign,
    make("span", { class: "name" }, mark.verdict === "wrong" && mark.label ? `${event.label} → ${mark.label}` : event.label),
    make("span", { class: "score" }, figure(event.score)),
    make("span", { class: "when" }, `${day} ${time} · ${figure(seconds(event), 1)} s · ${place(event)}`));
  element.setAttribute("aria-label", `${event.label}, score ${figure(event.score)}, ${day} ${time}${said ? `, ${said}` : ""}`);
  element.addEventListener("click", () => select(event));
  return element;
}

function drawList() {
  shown = events.filter(matches);
  const list = $("list");
  list.replaceChildren(...shown.map(row));
  if (shown.length === 0) list.append(make("p", { class: "none" }, events.length === 0 ? "There are no events." : "No event is like that. “Show all” takes the filters away."));
  const left = page.left_out > 0 ? `; ${page.left_out} older ones were left out of this page` : "";
  $("summary").textContent = `${shown.length} of ${events.length} events${left}`;
  if (!shown.includes(selected)) select(shown[0] ?? null);
  else markSelected();
}

function redrawRow(event) {
  const old = $(`row-${events.indexOf(event)}`);
  if (old) old.replaceWith(row(event));
  markSelected();
}

function markSelected() {
  for (const element of $("list").querySelectorAll("[role=option]")) element.setAttribute("aria-selected", "false");
  const element = selected && $(`row-${events.indexOf(selected)}`);
  if (!element) return $("list").removeAttribute("aria-activedescendant");
  element.setAttribute("aria-selected", "true");
  $("list").setAttribute("aria-activedescendant", element.id);
  element.scrollIntoView({ block: "nearest" });
}

/** Selects the event `by` places further in the list. */
function move(by) {
  if (shown.length === 0) return;
  const at = shown.indexOf(selected);
  select(shown[Math.min(Math.max(at + by, 0), shown.length - 1)]);
}

// ---- one event

/** What can be heard of an event: names, tracks and files. Decoded when it is looked at, and then forgotten. */
function evidence(event, withComponents = true) {
  const media = readJson(`media-${events.indexOf(event)}`) ?? {};
  const tracks = new Map();
  const names = new Map();
  const unreadable = [];
  const add = (key, name, text) => {
    if (!text) return;
    const bytes = fromBase64(text);
    const track = bytes && decodeWav(bytes);
    if (!track) return unreadable.push(name);
    tracks.set(key, track);
    names.set(key, name);
  };
  add("heard", "heard", media.heard);
  add("why", "why", media.why);
  for (const part of withComponents ? media.components ?? [] : []) {
    add(`component-${part.index}`, componentName(event, part.index), part.audio);
  }
  return { tracks, names, unreadable, picture: media.picture ?? null, heardText: media.heard ?? "" };
}

function componentName(event, index) {
  const found = event.components.find((component) => component.index === index);
  return found?.name || `#${index}`;
}

let current = { tracks: new Map(), names: new Map(), unreadable: [], picture: null };
const player = new Player(() => drawPlayer());

function select(event) {
  selected = event;
  $("detail").hidden = event === null;
  player.load(new Map(), "");
  markSelected();
  if (event === null) return;
  current = evidence(event);
  player.load(current.tracks, "heard");
  drawDetail(event);
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
  $("player").hidden = current.tracks.size === 0;
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
  let number = 0;
  for (const [key, name] of current.names) {
    const part = /^component-(\d+)$/.exec(key);
    const share = part && event.components.find((component) => component.index === Number(part[1]));
    const shortcut = key === "heard" ? "a" : key === "why" ? "b" : String(++number);
    const text = key === "heard" ? "heard: the microphone" : key === "why" ? "why: the classifier" : `${name} ${share ? percent(share.relevance) : ""}`.trim();
    const button = make("button", { type: "button", role: "radio", "data-track": key, "aria-checked": "false" }, text);
    if (shortcut.length === 1 && shortcut !== "0") button.setAttribute("aria-keyshortcuts", shortcut);
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
  if (event.components.length === 0) $("d-components").append(make("li", {}, "none"));
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

/** Plays `key` from the beginning; where it plays already, stops it. */
function playOrPause(key) {
  if (player.playing && player.name === key) return player.stop();
  const from = player.playing ? player.position : player.name === key ? player.position : 0;
  player.play(key, from);
}

// ---- marks

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
  drawMarks(event);
  redrawRow(event);
  drawExport();
}

function toggleVerdict(verdict) {
  if (selected) setMark(selected, { verdict: marks.get(selected.id).verdict === verdict ? null : verdict });
}

/** Right, then wrong, then neither. */
function nextVerdict() {
  if (!selected) return;
  const verdict = marks.get(selected.id).verdict;
  setMark(selected, { verdict: verdict === undefined ? "right" : verdict === "right" ? "wrong" : null });
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
  changed.clear();
  drawExport();
}

// ---- keys

/** The one key table: keys, what help says, what is done. */
const KEYS = [
  [["j", "ArrowDown"], "next event", () => move(1)],
  [["k", "ArrowUp"], "previous event", () => move(-1)],
  [["g", "Home"], "first event", () => move(-events.length)],
  [["G", "End"], "last event", () => move(events.length)],
  [[" "], "play or pause what the microphone heard", () => playOrPause("heard")],
  [["w"], "play or pause what the classifier heard", () => playOrPause("why")],
  [["a"], "hear the microphone from here on", () => player.choose("heard")],
  [["b"], "hear the classifier from here on", () => player.choose("why")],
  [["1", "2", "3", "4", "5", "6", "7", "8", "9"], "hear a component from here on", (key) => player.choose([...player.tracks.keys()].filter((name) => name.startsWith("component-"))[Number(key) - 1])],
  [["x"], "stop", () => player.stop()],
  [["ArrowLeft"], "half a second back", () => player.seek(player.position - 0.5)],
  [["ArrowRight"], "half a second on", () => player.seek(player.position + 0.5)],
  [["m"], "right, wrong, neither", () => nextVerdict()],
  [["s"], "star", () => toggleStar()],
  [["n"], "write a note", () => $("m-note").focus()],
  [["/"], "search", () => $("f-text").focus()],
  [["?"], "show or hide the keys", () => toggleHelp()],
];

const keyName = (key) => ({ " ": "Space", ArrowDown: "↓", ArrowUp: "↑", ArrowLeft: "←", ArrowRight: "→" })[key] ?? key;

function toggleHelp() {
  if ($("help").open) $("help").close();
  else $("help").showModal();
}

function onKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const target = event.target;
  const writes = target.matches("textarea, select, input:not([type=range], [type=checkbox])");
  if (event.key === "Escape" && writes) return target.blur();
  if (writes || (event.key === " " && target.matches("button, input[type=checkbox]")) || (target.matches("input[type=range]") && event.key.startsWith("Arrow"))) return;
  if (!$("listening").hidden) return listenKey(event);
  if ($("help").open && event.key !== "?") return;
  const binding = KEYS.find(([keys]) => keys.includes(event.key));
  if (!binding) return;
  event.preventDefault();
  binding[2](event.key);
}

// ---- start

function start() {
  const labels = [...new Set(events.map((event) => event.label))].sort();
  $("f-label").append(...labels.map((label) => make("option", { value: label }, label)));
  $("labels").append(...[...new Set([...labels, ...(page.labels ?? [])])].map((label) => make("option", { value: label })));
  $("keys").append(...KEYS.flatMap(([keys, text]) => [
    make("dt", {}, ...keys.slice(0, 2).flatMap((key, i) => [i > 0 ? " " : "", make("kbd", {}, keyName(key))]), keys.length > 2 ? " …" : ""), make("dd", {}, text)]));
  for (const id of filterIds) $(`f-${id}`).addEventListener("input", drawList);
  $("filters").addEventListener("reset", () => setTimeout(drawList));
  $("filters").addEventListener("submit", (event) => event.preventDefault());
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
  $("export").addEventListener("click", exportMarks);
  $("open-help").addEventListener("click", toggleHelp);
  $("close-help").addEventListener("click", () => $("help").close());
  document.addEventListener("keydown", onKey);
  window.addEventListener("resize", () => selected && drawWave());
  window.addEventListener("beforeunload", (event) => (changed.size > 0 || unsaved || (test && test.at < test.trials.length)) && event.preventDefault());
  startListening();
  drawList();
}

start();
