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

const NOTHING = { tracks: new Map(), names: new Map(), unreadable: [], picture: null };
let current = NOTHING;

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

function drawDetail(event) {
  const [day, time, zone] = localTime(event.onset, event.local_offset);
  $("d-title").textContent = `${event.label} ${figure(event.score)}`;
  $("d-when").textContent = `${day} ${time} ${zone}, for ${figure(seconds(event), 2)} s, ${place(event.source, event.offset_in_file_s)}`;
  const trouble = [event.trouble ?? "", current.unreadable.length > 0 ? `These sounds cannot be read: ${current.unreadable.join(", ")}.` : ""].filter(Boolean).join(" ");
  $("d-trouble").textContent = trouble;
  $("d-trouble").hidden = trouble === "";
  $("player").hidden = !(mediaOf(event).heard || mediaOf(event).why) || (current !== NOTHING && current.tracks.size === 0);
  bounds = isNumber(event.pre_roll_s) ? [event.pre_roll_s, event.pre_roll_s + seconds(event)] : null;
  $("d-faith").textContent = faithText(event);
  $("d-faith").className = faithClass(event.faithfulness);
  drawTracks(event, current.names);
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

function drawFacts(event) {
  const facts = [
    ["folder", event.dir], ["id", event.id], ["onset", event.onset ?? "?"], ["offset", event.offset ?? "?"],
    ["method", event.method], ["model", `${event.model.name} (${event.model.sha256.slice(0, 12)})`],
    ["sure after", `${figure(event.latency_s)} s`],
  ];
  $("d-facts").replaceChildren(...facts.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
}

function startEvent() {
  startPlayer();
  $("m-right").addEventListener("click", () => toggleVerdict("right"));
  $("m-wrong").addEventListener("click", () => toggleVerdict("wrong"));
  $("m-star").addEventListener("click", toggleStar);
  $("m-label").addEventListener("change", () => selected && setMark(selected, { label: $("m-label").value.trim() }));
  $("m-note").addEventListener("change", () => selected && setMark(selected, { note: $("m-note").value.trim() }));
  $("d-back").addEventListener("click", closeEvent);
  $("d-newer").addEventListener("click", () => move(-1));
  $("d-older").addEventListener("click", () => move(1));
  window.addEventListener("popstate", leaveEvent);
  window.addEventListener("resize", () => drawWave());
}
