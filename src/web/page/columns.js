// The columns of the waterfall: the newest seconds in a ring, by their frame in the stream.

const KEPT_SECS = 20;
const MAX_COLUMNS = 4000;

/** `begin` and `end` are frames; the column of frame `f` stands at `f % room`. */
const columns = { n: 0, secs: 0, room: 0, begin: 0, end: 0, level: new Uint8Array(0), mask: new Uint8Array(0), centres: [] };

function makeRoom(n, secs) {
  const room = Math.min(Math.max(Math.ceil(KEPT_SECS / secs), 64), MAX_COLUMNS);
  Object.assign(columns, { n, secs, room, begin: 0, end: 0, level: new Uint8Array(room * n), mask: new Uint8Array(room * n) });
}

function forgetColumns() {
  columns.begin = columns.end = 0;
  fallChanged(0, 0);
}

/** Takes a line of the stream. */
function takeColumns(line) {
  const { first_frame: first, frame_s: secs, n_bands: n } = line;
  if (!Number.isSafeInteger(first) || first < 0 || !Number.isSafeInteger(n) || n < 1 || n > 512 || !isNumber(secs) || secs < 1e-4 || secs > 1) return;
  const level = fromBase64(asText(line.level));
  const mask = fromBase64(asText(line.mask)) ?? new Uint8Array(0);
  if (!level || level.length === 0 || level.length % n !== 0) return;
  const centres = asList(line.centre_hz);
  if (centres.length === n && centres.every(isNumber)) columns.centres = centres;
  if (columns.n !== n || columns.secs !== secs) makeRoom(n, secs);
  const end = first + level.length / n;
  const jumped = line.restart === true || first > columns.end || first < columns.begin;
  if (columns.end === columns.begin || jumped) columns.begin = columns.end = first;
  columns.end = Math.max(columns.end, end);
  columns.begin = Math.max(columns.begin, columns.end - columns.room);
  for (let frame = Math.max(first, columns.begin); frame < end; frame++) {
    const [from, to] = [(frame - first) * n, (frame % columns.room) * n];
    columns.level.set(level.subarray(from, from + n), to);
    if (from + n <= mask.length) columns.mask.set(mask.subarray(from, from + n), to);
    else columns.mask.fill(0, to, to + n);
  }
  fallChanged(Math.max(first, columns.begin), end);
}

/** The frame in which a time of day lies. */
function frameOf(time) {
  const before = (Date.parse(state.at) - Date.parse(time)) / 1000;
  const now = isNumber(state.position_s) ? state.position_s / columns.secs : columns.end;
  // Where the position is of another stretch, the newest column is now.
  const anchor = Math.abs(now - columns.end) * columns.secs < KEPT_SECS ? now : columns.end;
  return anchor - before / columns.secs;
}

/** The band, with a fraction, in which a frequency lies; null where none does. */
function bandOf(hz) {
  const at = columns.centres.findIndex((centre) => centre >= hz);
  if (at < 0) return null;
  const [low, high] = [columns.centres[at - 1], columns.centres[at]];
  if (at === 0) return high === hz ? 0 : null;
  return at - 1 + (hz - low) / Math.max(high - low, 1e-9);
}
