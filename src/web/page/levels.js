// How loud it was today, minute by minute.

const EVERY_MS = 60000;
const DAY_SECS = 86400;

/** The last answer: its unit, and minutes as `[second of the day, LAeq, LAFmax]`. */
let strip = null;
let levelsTimer = 0;

const clockOf = (secs) => `${twoDigits(Math.floor(secs / 3600))}:${twoDigits(Math.floor(secs / 60) % 60)}`;

function readLevels(raw) {
  const midnight = Date.parse(`${asText(raw.day)}T00:00:00${/^[+-]\d\d:\d\d$/.test(asText(raw.local_offset)) ? raw.local_offset : "Z"}`) / 1000;
  const minutes = asList(raw.minutes).filter((one) => Array.isArray(one) && isNumber(one[0]) && isNumber(one[1]))
    .map(([begin, leq, max]) => [begin - midnight, leq, isNumber(max) ? max : leq])
    .filter(([secs]) => secs >= 0 && secs < DAY_SECS + 7200);
  return { unit: asText(raw.unit, "dB"), minutes };
}

async function fetchLevels() {
  clearTimeout(levelsTimer);
  if (info.levels !== true || document.visibilityState === "hidden") return void ($("levels").hidden = info.levels !== true);
  levelsTimer = setTimeout(fetchLevels, EVERY_MS);
  const of = input;
  try {
    const found = readLevels(asObject(await (await ask(`/api/levels?input=${of}`, { quiet: true })).json()));
    if (of === input) strip = found;
  } catch (error) {
    // Where none are kept there is nothing to show; what was there before stays while the server is away.
    if (error.status === 404 && of === input) strip = null;
  }
  $("levels").hidden = strip === null;
  drawStrip();
}

function drawStrip() {
  if (!strip) return;
  const { unit, minutes } = strip;
  const loudest = minutes.reduce((best, one) => (best === null || one[1] > best[1] ? one : best), null);
  say($("loudest"), loudest ? `loudest minute ${clockOf(loudest[0])}: LAeq ${figure(loudest[1], 1)} ${unit}, LAFmax ${figure(loudest[2], 1)}` : "no minute yet");
  const found = pencil($("strip"));
  if (!found || !loudest) return;
  const [draw, width, height] = found;
  const box = { x: AXIS_PX, w: width - AXIS_PX - 4, y: 4, h: height - TIMES_PX - 4 };
  let [low, high] = [Infinity, -Infinity];
  for (const [, leq, max] of minutes) [low, high] = [Math.min(low, leq), Math.max(high, leq, max)];
  [low, high] = [Math.floor(low / 10) * 10, Math.max(Math.ceil(high / 10) * 10, Math.floor(low / 10) * 10 + 10)];
  const xOf = (secs) => box.x + (box.w * secs) / DAY_SECS;
  const yOf = (db) => box.y + box.h * (1 - (db - low) / (high - low));
  draw.font = "12px system-ui, sans-serif";
  draw.fillStyle = colour("--soft");
  draw.textAlign = "right";
  draw.textBaseline = "middle";
  draw.fillText(`${high}`, box.x - 8, box.y + 6);
  draw.fillText(`${low}`, box.x - 8, box.y + box.h - 4);
  for (const hour of [0, 6, 12, 18, 24]) {
    draw.textAlign = hour === 0 ? "left" : hour === 24 ? "right" : "center";
    draw.fillText(`${twoDigits(hour)}:00`, xOf(hour * 3600), box.y + box.h + 12);
  }
  draw.strokeStyle = colour("--line");
  draw.strokeRect(box.x + 0.5, box.y + 0.5, box.w, box.h);
  // A minute takes at least a pixel's width; where there is none, a gap stays.
  const wide = Math.max(1, (box.w * 60) / DAY_SECS);
  const dots = (which, name, high_px) => {
    draw.fillStyle = colour(name);
    for (const minute of minutes) draw.fillRect(xOf(minute[0]), yOf(minute[which]) - high_px / 2, wide, high_px);
  };
  draw.globalAlpha = 0.5;
  draw.fillStyle = colour("--soft");
  for (const [secs, leq, max] of minutes) draw.fillRect(xOf(secs), yOf(max), wide, Math.max(1, yOf(leq) - yOf(max)));
  draw.globalAlpha = 1;
  dots(1, "--heard", 2);
}

function startLevels() {
  dark.addEventListener("change", drawStrip);
  new ResizeObserver(drawStrip).observe($("strip"));
}
