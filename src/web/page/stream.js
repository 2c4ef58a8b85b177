// The connection: one endless answer, a JSON object a line. It is closed while nobody looks.

const [WAIT_MS, LONGEST_WAIT_MS] = [1000, 15000];
/** The server sends at least blank lines; without anything for so long, the connection is dead. */
const SILENT_MS = 30000;
/** Longer than any line should be, in characters. */
const MAX_LINE = 8 << 20;

/** The connection that is open, as what ends it. */
let connection = null;
let wait = WAIT_MS;
let reconnecting = 0;

const TAKERS = {
  labels: takeLabels,
  columns: takeColumns,
  events: takeEvents,
  state: (line) => {
    const offset = localOffset();
    state = line;
    // Times of day are of the place.
    if (localOffset() !== offset) drawList();
    drawState();
    drawLabels();
    drawLabelScore();
    drawSummary();
  },
};

/** Takes a line; what it does not know or cannot read it passes over, and the connection lives on. */
function takeLine(text) {
  if (text.trim() === "") return;
  let line;
  try {
    line = asObject(JSON.parse(text));
  } catch {
    return;
  }
  try {
    if (Object.hasOwn(TAKERS, line.type)) TAKERS[line.type](line);
  } catch (error) {
    console.error(error);
  }
}

async function readLines(body, alive) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    alive();
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    if (rest.length > MAX_LINE) throw new Refused("The server sent a line without end.", 0);
    for (const line of lines) takeLine(line);
  }
}

function disconnect() {
  clearTimeout(reconnecting);
  connection?.abort();
  connection = null;
}

async function connect() {
  disconnect();
  if (document.visibilityState === "hidden") return setConnection("paused", "");
  const mine = new AbortController();
  connection = mine;
  if (!notice) setConnection("connecting…", "");
  let silent = 0;
  const alive = () => {
    clearTimeout(silent);
    silent = setTimeout(() => mine.abort(), SILENT_MS);
  };
  try {
    alive();
    takeInfo(asObject(await (await ask("/api/info", { signal: mine.signal })).json()));
    const answer = await ask(`/api/live?input=${input}`, { signal: mine.signal });
    setConnection("● live", "good");
    await readLines(answer.body, () => {
      wait = WAIT_MS;
      alive();
    });
    throw new Refused("The server has ended the connection.", 0);
  } catch (error) {
    // Closed on purpose, or by a newer one.
    if (connection !== mine) return;
    lost(error);
  } finally {
    clearTimeout(silent);
  }
}

function lost(error) {
  connection?.abort();
  connection = null;
  if (error.status === 401) return setConnection("● no token", "bad", "The server wants its token.", "Enter it", connect);
  const known = error instanceof Refused && error.status > 0 ? ` ${error.message}` : "";
  setConnection("● lost", "bad", `Connection lost, retrying.${known}`, "Retry now", connect);
  reconnecting = setTimeout(connect, wait);
  wait = Math.min(wait * 2, LONGEST_WAIT_MS);
}

function takeInfo(found) {
  info = found;
  drawInfo();
  fetchLevels();
  if (selected) drawMarks(selected);
}

/** Shows another input. */
function showInput(index) {
  const there = asList(state.inputs).length || asList(info.inputs).length;
  if (index === input || index < 0 || index >= there) return;
  input = index;
  forgetColumns();
  strip = null;
  if (hearing) hear(hearing);
  connect();
}

function startStream() {
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState !== "hidden") return connect();
    disconnect();
    setConnection("paused", "");
  });
  // A page that comes back from the browser's store has lost its connection.
  window.addEventListener("pageshow", (event) => event.persisted && connect());
  window.addEventListener("online", () => !connection && connect());
  connect();
}
