// Hearing the input, or what the classifier hears of it, while it happens.

/** So much is queued before it sounds: enough for a network that stumbles. */
const AHEAD_SECS = 0.2;
/** With more than this queued it drops what comes, until it has caught up. */
const MOST_SECS = 0.6;

/** What is heard: `input`, `interpretation`, or null. */
let hearing = null;
/** Everything of the sound that runs: how to end it, where it is played, and when what was queued last ends. */
let run = null;
/** The rate that the server sent last. A browser lets sound begin with a click alone, before it is known. */
let lastRate = 16000;

async function hear(what) {
  stopHearing();
  if (what === null) return;
  player.stop();
  const mine = { abort: new AbortController(), context: openSound(lastRate), next: 0, catching: false };
  run = mine;
  hearing = what;
  drawHearing("…");
  try {
    const answer = await ask(`/api/listen?input=${input}&what=${what}`, { signal: mine.abort.signal });
    const rate = Number(answer.headers.get("x-sample-rate"));
    if (!(rate >= 3000 && rate <= 384000)) throw new Refused("The server does not say the rate of its sound.", 0);
    if (mine.context.sampleRate !== rate) {
      mine.context.close();
      mine.context = openSound(rate);
    }
    lastRate = rate;
    await mine.context.resume();
    await pump(answer.body.getReader(), mine, rate);
    throw new Refused("The sound has ended.", 0);
  } catch (error) {
    if (run !== mine) return;
    stopHearing();
    say($("delay"), error.message);
  }
}

/** In the sound's own rate, so that no piece of it is resampled by itself, which would click. */
function openSound(rate) {
  try {
    return new AudioContext({ sampleRate: rate, latencyHint: "interactive" });
  } catch {
    return new AudioContext();
  }
}

async function pump(reader, mine, rate) {
  let odd = new Uint8Array(0);
  for (;;) {
    const { value, done } = await reader.read();
    if (done || run !== mine) return;
    const bytes = new Uint8Array(odd.length + value.length);
    bytes.set(odd);
    bytes.set(value, odd.length);
    const n = bytes.length >> 1;
    // A piece may end within a sample.
    odd = bytes.slice(n * 2);
    if (n > 0) queue(new DataView(bytes.buffer), n, mine, rate);
    drawHearing();
  }
}

function queue(view, n, mine, rate) {
  const now = mine.context.currentTime;
  const ahead = mine.next - now;
  // It hysteretically drops: once too far ahead, until no more than wanted is queued.
  mine.catching = ahead > (mine.catching ? AHEAD_SECS : MOST_SECS);
  if (mine.catching) return;
  if (ahead < 0) mine.next = now + AHEAD_SECS;
  const buffer = mine.context.createBuffer(1, n, rate);
  const samples = buffer.getChannelData(0);
  for (let i = 0; i < n; i++) samples[i] = view.getInt16(i * 2, true) / 32768;
  const source = mine.context.createBufferSource();
  source.buffer = buffer;
  source.connect(mine.context.destination);
  source.start(mine.next);
  mine.next += n / rate;
}

function stopHearing() {
  if (run) {
    run.abort.abort();
    run.context.close();
  }
  run = null;
  hearing = null;
  drawHearing("");
}

function drawHearing(text = null) {
  $("hear-input").setAttribute("aria-pressed", String(hearing === "input"));
  $("hear-why").setAttribute("aria-pressed", String(hearing === "interpretation"));
  $("hear-nothing").disabled = hearing === null;
  const later = run ? Math.max(0, run.next - run.context.currentTime) + (run.context.outputLatency || run.context.baseLatency || 0) : 0;
  // Rounded: a figure that trembles is read out all the time.
  say($("delay"), text ?? `about ${figure(Math.round(later * 5) / 5, 1)} s later`);
}

/** As in the terminal: the interpretation, the input, silence. */
function hearNext() {
  if (info.listening !== true) return;
  hear(hearing === null ? "interpretation" : hearing === "interpretation" ? "input" : null);
}

function startListening() {
  const toggle = (what) => hear(hearing === what ? null : what);
  $("hear-input").addEventListener("click", () => toggle("input"));
  $("hear-why").addEventListener("click", () => toggle("interpretation"));
  $("hear-nothing").addEventListener("click", stopHearing);
}
