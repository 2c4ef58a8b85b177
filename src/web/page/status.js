// The header, the banners that nobody must overlook, and the footer.

const METER_FLOOR_DBFS = -60;
const LAG_SECS = 0.5;

/** What is wrong with an input that is deaf, and what to do; as in the terminal. */
const HEALTH = {
  "digital silence": "delivers digital silence; check that its microphone is connected, switched on and not muted",
  "constant offset": "delivers a constant offset and no sound; check that a microphone is connected, and to the right channel",
  stalled: "delivers nothing; check that it is connected and that what feeds it runs",
  repeating: "delivers the same sound over and over; restart what feeds it, or reconnect the device",
  lost: "is lost; connect it again or restart its server, and listening goes on by itself",
};
const SHED = {
  jobs: ": work on demand waits",
  interpretation: ": only events are explained",
  "every second stride": ": labels come half as often",
  "three of four strides": ": labels come a quarter as often",
};

/** What the page itself has to say: `[tone, text, name of a button, what it does]`. */
let notice = null;
/** What it says for a moment. */
let flashed = null;
let flashing = 0;

const healthText = (source, health) => `${source} ${Object.hasOwn(HEALTH, health) ? HEALTH[health] : `is not well: ${health}`}.`;
const isWell = (health) => health === "" || health === "hearing";
const sentenceEnd = (text) => (/[.!?]$/.test(text) ? text : `${text}.`);

/** `1:02:03` of seconds. */
function streamTime(secs) {
  if (!isNumber(secs) || secs < 0) return "";
  const all = Math.floor(secs);
  return `${Math.floor(all / 3600)}:${twoDigits(Math.floor(all / 60) % 60)}:${twoDigits(all % 60)}`;
}

function bannersNow() {
  const found = [notice, flashed].filter(Boolean);
  const [source, health, phase] = [asText(state.source, "the input"), asText(state.health), asText(state.phase)];
  const text = asText(state.phase_text);
  if (phase === "ended") found.push(["calm", `Ended${text ? `: ${sentenceEnd(text)}` : "."}`]);
  else if (phase === "failed") found.push(["bad", `Failed${text ? `: ${sentenceEnd(text)}` : "."}`]);
  else if (asText(state.trouble)) found.push(["bad", `Trouble: ${sentenceEnd(state.trouble)}`]);
  else if (!isWell(health)) found.push(["bad", healthText(source, health)]);
  for (const [i, other] of asList(state.inputs).map(asObject).entries()) {
    if (i === input) continue;
    const name = asText(other.source, "?");
    if (asText(other.phase) === "failed") found.push(["bad", `Input ${i + 1}, ${name}, has failed.`]);
    else if (asText(other.phase) === "running" && !isWell(asText(other.health))) found.push(["bad", `Input ${i + 1}: ${healthText(name, other.health)}`]);
  }
  if (asText(state.recording_fails)) found.push(["bad", `Not recorded: ${sentenceEnd(state.recording_fails)}`]);
  const shed = asList(state.shed).filter((what) => typeof what === "string");
  if (shed.length > 0) found.push(["warn", `Overloaded, left out: ${shed.join(", ")}${Object.hasOwn(SHED, shed.at(-1)) ? SHED[shed.at(-1)] : ""}.`]);
  return found;
}

let bannersShown = "";
function drawBanners() {
  const now = bannersNow();
  const key = JSON.stringify(now);
  // What is said again would be read out again.
  if (key === bannersShown) return;
  bannersShown = key;
  $("banners").replaceChildren(...now.map(([tone, text, name, act]) => {
    const banner = make("p", { class: `banner ${tone}` }, text);
    if (!name) return banner;
    const button = make("button", { type: "button" }, name);
    button.addEventListener("click", act);
    banner.append(" ", button);
    return banner;
  }));
}

/** Says something for a moment that belongs to nothing on the page. */
function flash(text) {
  flashed = ["warn", text];
  drawBanners();
  clearTimeout(flashing);
  flashing = setTimeout(() => {
    flashed = null;
    drawBanners();
  }, 6000);
}

/** Says how the connection stands; a `text` in a banner where that is bad. */
function setConnection(word, tone, text = "", name = "", act = null) {
  say($("connection"), word);
  $("connection").className = tone;
  notice = text ? ["bad", text, name, act] : null;
  document.body.classList.toggle("stale", tone === "bad");
  drawBanners();
}

const meterPart = (dbfs) => `${Math.min(Math.max(1 - dbfs / METER_FLOOR_DBFS, 0), 1) * 100}%`;

function drawLevel() {
  const [level, peak] = [asNumber(state.level_dbfs), asNumber(state.peak_dbfs)];
  const meter = $("meter");
  meter.style.setProperty("--part", level === null ? "0%" : meterPart(level));
  meter.style.setProperty("--peak", peak === null ? "0%" : meterPart(peak));
  meter.classList.toggle("loud", peak !== null && peak >= -6);
  meter.setAttribute("aria-valuenow", String(Math.min(Math.max(Math.round(level ?? METER_FLOOR_DBFS), METER_FLOOR_DBFS), 0)));
  const over = peak !== null && peak >= -0.1 ? " saturated" : "";
  say($("level-text"), level === null ? "" : `${figure(level, 1)} dBFS, peak ${figure(peak, 1)}${over}`);
}

/** A button for each input, with what is heard there. */
function drawInputs() {
  const there = asList(state.inputs).map(asObject);
  const box = $("inputs");
  box.hidden = there.length < 2;
  if (box.hidden) return;
  while (box.children.length > there.length) box.lastElementChild.remove();
  for (const [i, one] of there.entries()) {
    if (!box.children[i]) {
      const button = make("button", { type: "button", role: "radio" });
      button.addEventListener("click", () => showInput(i));
      box.append(button);
    }
    const button = box.children[i];
    const open = asList(one.open).map((event) => asText(asObject(event).label)).filter(Boolean);
    const ill = asText(one.phase) === "running" || asText(one.phase) === "" ? (isWell(asText(one.health)) ? "" : one.health) : asText(one.phase);
    say(button, [`${i + 1} ${asText(one.source, "?")}`, open.length > 0 ? `▶ ${open.join(", ")}` : "", ill].filter(Boolean).join(" · "));
    button.setAttribute("aria-checked", String(i === input));
    button.tabIndex = i === input ? 0 : -1;
  }
}

function drawState() {
  const there = asList(state.inputs).length;
  say($("source"), there > 1 ? "" : asText(state.source));
  const [day, time, zone] = localTime(state.at, localOffset());
  say($("time-of-day"), time === "?" ? "" : `${time} ${zone}`);
  $("time-of-day").title = day === "?" ? "" : day;
  const at = streamTime(state.position_s);
  say($("position"), at);
  $("position").title = "heard so far";
  drawLevel();
  drawInputs();
  drawBanners();
  say($("load"), isNumber(state.load) ? `load ${figure(state.load)}` : "");
  $("load").classList.toggle("bad", isNumber(state.load) && state.load >= 1);
  say($("lag"), isNumber(state.lag_s) ? `lag ${figure(state.lag_s, 1)} s` : "");
  $("lag").classList.toggle("bad", isNumber(state.lag_s) && state.lag_s > LAG_SECS);
  const latency = asObject(state.latency);
  say($("latency"), isNumber(latency.p50_s) ? `latency ${figure(latency.p50_s)} s (half), ${figure(latency.p99_s)} s (99 of 100)` : "");
  say($("device"), asText(state.device, asText(info.device)));
}

function drawInfo() {
  say($("model"), [asText(info.model), asText(info.method)].filter(Boolean).join(" · "));
  say($("version"), info.version ? `earwitness ${asText(info.version)}` : "");
  $("open-token").hidden = info.can_change !== true && token === "";
  $("listening").hidden = info.listening !== true;
}

function startStatus() {
  $("inputs").addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const buttons = $("inputs").children;
    const next = (input + step + buttons.length) % buttons.length;
    showInput(next);
    buttons[next].focus();
  });
}
