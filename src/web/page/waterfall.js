// The picture of the waterfall: time to the right, low frequencies at the bottom. What the classifier hears stands out in its colour,
// the rest is dim.

const [AXIS_PX, TIMES_PX, MARK_PX] = [46, 20, 20];
const TICKS_HZ = [20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000];
const FALL_SECS = [5, 10, 15, 20];
/** As in the terminal: black or white through the hues of each view. */
const FIRE = [[0, 0, 4], [31, 12, 72], [85, 15, 109], [136, 34, 106], [203, 65, 73], [240, 112, 32], [251, 182, 26], [252, 255, 164]];
const EMBER = [[255, 255, 255], [254, 236, 208], [253, 212, 158], [253, 187, 110], [252, 141, 70], [222, 92, 40], [160, 44, 12], [80, 10, 0]];

const fall = { sheet: null, range: [-80, -20], secs: 15, why: true, table: null, dirty: [0, 0], due: false, painted: 0 };

const mixed = (a, b, part) => a.map((value, i) => value + (b[i] - value) * part);

/** The colour at `part` of a scale. */
function ofScale(scale, part) {
  const at = Math.min(Math.max(part, 0), 1) * (scale.length - 1);
  const low = Math.min(Math.floor(at), scale.length - 2);
  return mixed(scale[low], scale[low + 1], at - low);
}

function rgb(name) {
  const hex = /^#([0-9a-f]{3}|[0-9a-f]{6})$/i.exec(colour(name))?.[1] ?? "888888";
  const six = hex.length === 3 ? [...hex].map((c) => c + c).join("") : hex;
  return [0, 2, 4].map((i) => parseInt(six.slice(i, i + 2), 16));
}

/** A colour for each level and each 32nd of the mask. */
function makeTable() {
  const [why, soft] = [rgb("--why"), rgb("--soft")];
  const [ground, full] = dark.matches ? [[6, 8, 12], [240, 255, 246]] : [[255, 255, 255], [0, 40, 46]];
  const decided = [ground, mixed(ground, why, 0.4), mixed(ground, why, 0.8), why, mixed(why, full, 0.75)];
  const rest = [ground, mixed(ground, soft, 0.62)];
  const heard = dark.matches ? FIRE : EMBER;
  const [floor, top] = fall.range;
  const table = new Uint32Array(256 * 32);
  for (let level = 0; level < 256; level++) {
    const part = ((level / 255) * 120 - 120 - floor) / Math.max(top - floor, 1);
    for (let mask = 0; mask < 32; mask++) {
      const [r, g, b] = fall.why ? mixed(ofScale(rest, part), ofScale(decided, part), mask / 31) : ofScale(heard, part);
      table[level * 32 + mask] = (255 << 24) | (Math.round(b) << 16) | (Math.round(g) << 8) | Math.round(r);
    }
  }
  fall.table = table;
}

/** Notes that frames changed; the picture follows with the next repaint. */
function fallChanged(from, to) {
  const [low, high] = fall.dirty;
  fall.dirty = low === high ? [from, to] : [Math.min(low, from), Math.max(high, to)];
  repaintFall();
}

function repaintFall() {
  if (fall.due) return;
  fall.due = true;
  // Who wants less motion gets a step a second.
  const wait = calm.matches ? Math.max(0, 1000 - (performance.now() - fall.painted)) : 0;
  const paint = () => requestAnimationFrame(() => {
    fall.due = false;
    fall.painted = performance.now();
    paintFall();
  });
  if (wait > 0) setTimeout(paint, wait);
  else paint();
}

function recolourFall() {
  fall.table = null;
  fall.dirty = [columns.begin, columns.end];
  drawLegend();
  repaintFall();
}

/** Paints the columns that changed onto the sheet, which is the ring as a picture. */
function paintColumns() {
  const { n, room } = columns;
  if (!fall.sheet || fall.sheet.width !== room || fall.sheet.height !== n) {
    fall.sheet = make("canvas", { width: String(room), height: String(n) });
    fall.dirty = [columns.begin, columns.end];
  }
  if (!fall.table) makeTable();
  const sheet = fall.sheet.getContext("2d");
  let [from, to] = [Math.max(fall.dirty[0], columns.begin), Math.min(fall.dirty[1], columns.end)];
  fall.dirty = [0, 0];
  while (from < to) {
    const at = from % room;
    const count = Math.min(to - from, room - at);
    const image = sheet.createImageData(count, n);
    const pixels = new Uint32Array(image.data.buffer);
    for (let x = 0; x < count; x++) {
      for (let band = 0; band < n; band++) {
        const cell = (at + x) * n + band;
        pixels[(n - 1 - band) * count + x] = fall.table[columns.level[cell] * 32 + (columns.mask[cell] >> 3)];
      }
    }
    sheet.putImageData(image, at, 0);
    from += count;
  }
}

function paintFall() {
  const found = pencil($("waterfall"));
  if (!found) return;
  const [draw, width, height] = found;
  draw.font = "12px system-ui, sans-serif";
  const box = { x: AXIS_PX, y: 0, w: width - AXIS_PX, h: height - TIMES_PX };
  draw.fillStyle = dark.matches ? "#06080c" : "#fff";
  draw.fillRect(box.x, box.y, box.w, box.h);
  if (columns.n === 0) return;
  paintColumns();
  const span = Math.min(Math.round(fall.secs / columns.secs), columns.room);
  const px = box.w / span;
  const xOf = (frame) => box.x + box.w - (columns.end - frame) * px;
  draw.imageSmoothingEnabled = true;
  draw.imageSmoothingQuality = "high";
  let from = Math.max(columns.begin, columns.end - span);
  while (from < columns.end) {
    const at = from % columns.room;
    const count = Math.min(columns.end - from, columns.room - at);
    draw.drawImage(fall.sheet, at, 0, count, columns.n, xOf(from), box.y, count * px, box.h);
    from += count;
  }
  drawFrequencies(draw, box);
  drawTimes(draw, box, span * columns.secs);
  drawMarksOfEvents(draw, box, xOf);
}

function drawFrequencies(draw, box) {
  draw.fillStyle = colour("--soft");
  draw.textAlign = "right";
  draw.textBaseline = "middle";
  let last = Infinity;
  for (const hz of TICKS_HZ) {
    const band = bandOf(hz);
    if (band === null) continue;
    const y = box.y + box.h * (1 - (band + 0.5) / columns.n);
    if (last - y < 16 || y < 6) continue;
    last = y;
    draw.fillText(hz < 1000 ? `${hz}` : `${hz / 1000} k`, box.x - 8, y);
    draw.fillRect(box.x - 5, y, 5, 1);
  }
  if (last < Infinity) draw.fillText("Hz", box.x - 8, box.y + box.h + 12);
}

function drawTimes(draw, box, secs) {
  draw.fillStyle = colour("--soft");
  draw.textBaseline = "alphabetic";
  for (const [part, align] of [[0, "left"], [0.5, "center"], [1, "right"]]) {
    draw.textAlign = align;
    draw.fillText(part === 1 ? "now" : `-${figure(secs * (1 - part), 1)} s`, box.x + box.w * part, box.y + box.h + 16);
  }
}

/** Events that reach into the picture: those that are over and those that go on, by their beginning. */
function marksInFall() {
  const here = asObject(asList(state.inputs)[input]);
  const open = asList(here.open).map(asObject).map((one) => ({ label: asText(one.label, "?"), from: frameOf(one.since), to: columns.end, open: true }));
  const past = events.filter((event) => event.source === state.source).map((event) => {
    const from = frameOf(event.onset);
    return { label: event.label, from, to: from + (event.duration_s ?? 0) / columns.secs, open: false };
  });
  return [...open, ...past].filter((mark) => isNumber(mark.from) && mark.to >= columns.begin && mark.from <= columns.end).sort((a, b) => a.from - b.from);
}

/** Names events along the top, on up to three lines. */
function drawMarksOfEvents(draw, box, xOf) {
  const ends = [-1, -1, -1];
  draw.textAlign = "left";
  draw.textBaseline = "middle";
  draw.save();
  draw.beginPath();
  draw.rect(box.x, box.y, box.w, box.h);
  draw.clip();
  for (const { label, from, to, open } of marksInFall()) {
    const begin = Math.round(xOf(from));
    const x = Math.max(begin, box.x);
    const line = ends.findIndex((end) => end <= x);
    if (line < 0 || xOf(to) < box.x) continue;
    const text = label.length > 30 ? `${label.slice(0, 29)}…` : label;
    const wide = Math.max(draw.measureText(text).width + 10, xOf(Math.min(to, columns.end)) - x);
    const y = box.y + line * MARK_PX;
    draw.fillStyle = open ? colour("--star") : colour("--mark");
    draw.fillRect(x, y, wide, MARK_PX - 2);
    draw.fillStyle = colour("--link");
    draw.fillRect(begin, y, 2, box.h);
    draw.fillStyle = open ? colour("--back") : colour("--ink");
    draw.fillText(text, x + 6, y + MARK_PX / 2 - 1);
    ends[line] = x + wide + 4;
  }
  draw.restore();
}

function drawLegend() {
  say($("view"), fall.why ? "show all sound alike" : "show what the classifier hears");
  $("keyed").hidden = !fall.why;
  say($("range"), `${fall.range[0]} to ${fall.range[1]} dB`);
  $("waterfall").setAttribute("aria-label", `Spectrogram of the last ${fall.secs} seconds${fall.why ? "; what the classifier hears stands out" : ""}`);
}

function switchView() {
  fall.why = !fall.why;
  recolourFall();
}

/** Shows quieter sound for -5, only louder sound for 5. */
function brighten(by) {
  fall.range[0] = Math.min(Math.max(fall.range[0] + by, -115), -30);
  recolourFall();
}

function stretch(by) {
  fall.secs = FALL_SECS[Math.min(Math.max(FALL_SECS.indexOf(fall.secs) + by, 0), FALL_SECS.length - 1)];
  drawLegend();
  repaintFall();
}

function startWaterfall() {
  if (narrow.matches) fall.secs = 10;
  $("view").addEventListener("click", switchView);
  dark.addEventListener("change", recolourFall);
  new ResizeObserver(repaintFall).observe($("waterfall"));
  drawLegend();
}
