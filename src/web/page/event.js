// The event that is open: its record, its sounds and its picture, fetched when it is opened.

/** Most sounds of one event that are fetched. */
const MAX_SOUNDS = 40;
const NOTHING = { tracks: new Map(), names: new Map(), unreadable: [], picture: null };

let current = NOTHING;
/** What the event's record says, and why it could not be had. */
let record = {};
let refusal = "";
/** Ends what is still being fetched for an event that is open no more. */
let fetching = new AbortController();

/** The rate of a WAV file, in Hz: decoded at another one it would be resampled. */
function wavRate(buffer) {
  const view = new DataView(buffer);
  const isWav = buffer.byteLength >= 28 && view.getUint32(0) === 0x52494646 && view.getUint32(12) === 0x666d7420;
  const rate = isWav ? view.getUint32(24, true) : 48000;
  return rate >= 8000 && rate <= 96000 ? rate : 48000;
}

/** A sound as samples, or null where it cannot be had or read. */
async function fetchSound(address, signal) {
  try {
    const buffer = await (await ask(address, { signal })).arrayBuffer();
    const sound = await new OfflineAudioContext(1, 1, wavRate(buffer)).decodeAudioData(buffer);
    return { rate: sound.sampleRate, samples: sound.getChannelData(0) };
  } catch {
    return null;
  }
}

/** What was heard without what decided: both have one phase, so that the difference is what the mask took away. */
function restOf(heard, why) {
  if (!heard || !why || heard.rate !== why.rate || heard.samples.length !== why.samples.length) return null;
  return { rate: heard.rate, samples: heard.samples.map((sample, i) => sample - why.samples[i]) };
}

/** Keys, names and files of what can be heard, as the record names them. */
function soundsOf(event, found) {
  const files = asObject(found.files);
  const sounds = [["heard", "heard", files.clip], ["why", "why", files.interpretation]];
  const parts = [...asList(files.components), ...asList(found.components)].map(asObject);
  const seen = new Set();
  for (const { index, file } of parts) {
    if (!Number.isSafeInteger(index) || typeof file !== "string" || seen.has(index)) continue;
    seen.add(index);
    sounds.push([`component-${index}`, componentName(event, index), file]);
  }
  return sounds.filter(([, , file]) => typeof file === "string").slice(0, MAX_SOUNDS);
}

async function fetchEvidence(event, found, signal) {
  const address = (file) => `/api/events/${encodeURIComponent(event.id)}/files/${encodeURIComponent(file)}`;
  const sounds = soundsOf(event, found);
  const picture = asText(asObject(found.files).spectrogram);
  const [blob, ...tracks] = await Promise.all([
    picture ? ask(address(picture), { signal }).then((answer) => answer.blob()).catch(() => null) : null,
    ...sounds.map(([, , file]) => fetchSound(address(file), signal)),
  ]);
  const evidence = { tracks: new Map(), names: new Map(), unreadable: [], picture: blob && URL.createObjectURL(blob) };
  const add = (key, name, track) => {
    evidence.tracks.set(key, track);
    evidence.names.set(key, name);
  };
  for (const [i, [key, name]] of sounds.entries()) {
    if (tracks[i]) add(key, name, tracks[i]);
    else evidence.unreadable.push(name);
    if (key !== "why") continue;
    const rest = restOf(evidence.tracks.get("heard"), tracks[i]);
    if (rest) add("rest", "rest", rest);
  }
  return evidence;
}

function setCurrent(evidence) {
  if (current.picture) URL.revokeObjectURL(current.picture);
  current = evidence;
}

function select(event) {
  // What is open already stays as it is, and goes on playing.
  if (event !== null && selected?.id === event.id && refusal === "") return markSelected();
  fetching.abort();
  selected = event;
  setCurrent(NOTHING);
  record = {};
  refusal = "";
  player.load(new Map(), "");
  $("d-event").hidden = event === null;
  $("d-none").hidden = event !== null;
  tell($("m-trouble"), "");
  markSelected();
  if (event === null) return;
  drawDetail(event);
  if (event.recorded) loadEvidence(event);
}

async function loadEvidence(event) {
  fetching.abort();
  fetching = new AbortController();
  const { signal } = fetching;
  try {
    const answer = asObject(await (await ask(`/api/events/${encodeURIComponent(event.id)}`, { signal })).json());
    if (signal.aborted) return;
    record = asObject(answer.event);
    refusal = "";
    takeMarks(event, answer.marks);
    drawDetail(event);
    const evidence = await fetchEvidence(event, record, signal);
    if (signal.aborted) return evidence.picture && URL.revokeObjectURL(evidence.picture);
    setCurrent(evidence);
    reload(evidence.tracks);
  } catch (error) {
    if (signal.aborted) return;
    refusal = error.message;
  }
  drawDetail(selected);
}

/** Takes new sounds and goes on where it was: an explanation may come while the sound plays. */
function reload(tracks) {
  const { playing, position, name } = player;
  player.load(tracks, tracks.has(name) ? name : "heard");
  player.seek(position);
  if (playing) player.play(player.name);
}

/** The open event, as the server says it now. */
function refreshEvent(event) {
  const before = selected;
  selected = event;
  if (JSON.stringify(before) === JSON.stringify(event)) return;
  drawDetail(event);
  // Its explanation has come, or its files.
  if (event.recorded && (before.pending !== event.pending || !before.recorded || before.verdict !== event.verdict)) loadEvidence(event);
}

function hintOf(event) {
  if (event.recorded) return event.pending ? "The explanation is being computed; it appears here by itself." : asText(record.no_audio) === "speech" ? "Its sound is not kept, because somebody spoke." : "";
  return "Its sound is not kept.";
}

function drawDetail(event) {
  const [day, time, zone] = localTime(event.onset, asText(record.local_offset, localOffset()));
  say($("d-title"), `${event.label} ${figure(event.score)}`);
  say($("d-when"), `${day} ${time} ${zone}, for ${figure(event.duration_s, 2)} s, ${place(event.source, event.in_file_s)}`);
  const unreadable = current.unreadable.length > 0 ? `These sounds cannot be read: ${current.unreadable.join(", ")}.` : "";
  tell($("d-trouble"), [refusal, unreadable].filter(Boolean).join(" "));
  tell($("d-hint"), hintOf(event));
  $("player").hidden = current.tracks.size === 0;
  const preRoll = asObject(record.clip).pre_roll_s;
  bounds = isNumber(preRoll) && isNumber(event.duration_s) ? [preRoll, preRoll + event.duration_s] : null;
  say($("d-faith"), event.pending ? "explaining…" : faithText(event));
  $("d-faith").className = event.pending ? "" : faithClass(event.faithfulness);
  drawTracks(event, current.names);
  drawComponents(event);
  drawPicture(event);
  drawMarks(event);
  drawFacts(event);
  drawPlayer();
}

function drawPicture(event) {
  const picture = $("d-picture");
  picture.hidden = !current.picture;
  if (!current.picture) return picture.removeAttribute("src");
  if (picture.getAttribute("src") !== current.picture) picture.setAttribute("src", current.picture);
  picture.alt = `Two spectrograms: left what was heard, right what of it decided for ${event.label}.`;
}

function drawFacts(event) {
  const model = asObject(record.model);
  const facts = [
    ["id", event.id], ["groups", event.groups.join(", ")], ["onset", event.onset], ["offset", asText(record.offset)], ["method", event.method],
    ["model", [asText(model.name), asText(model.sha256).slice(0, 12)].filter(Boolean).join(" ")],
    ["sure after", isNumber(record.latency_s) ? `${figure(record.latency_s)} s` : ""],
  ].filter(([, value]) => value !== "");
  $("d-facts").replaceChildren(...facts.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
}

function startEvent() {
  startPlayer();
  $("d-back").addEventListener("click", closeEvent);
  $("d-newer").addEventListener("click", () => move(-1));
  $("d-older").addEventListener("click", () => move(1));
  window.addEventListener("popstate", leaveEvent);
  new ResizeObserver(drawWave).observe($("wave"));
}
