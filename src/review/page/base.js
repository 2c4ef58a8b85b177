// What all parts of the page share: its data, its elements, times and files. Text from the events only ever becomes text nodes.

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
/** Ratings that were given here. */
const ratings = [];
let shown = [];
let selected = null;

/** Whether the list and an event stand one behind the other, as on a phone. */
const narrow = window.matchMedia("(max-width: 760px)");

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
