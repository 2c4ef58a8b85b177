// What pages are made of: elements, numbers, times. Text from events only ever becomes text nodes.

const $ = (id) => document.getElementById(id);

/** An element with text and children; attributes by name. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null));
  return element;
}

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const figure = (value, decimals = 2) => (isNumber(value) ? value.toFixed(decimals) : "?");
const percent = (value) => (isNumber(value) ? `${Math.round(value * 100)} %` : "?");
const twoDigits = (n) => String(n).padStart(2, "0");

/** Bytes of base64 text; null where it is none. */
function fromBase64(text) {
  try {
    const raw = atob(text);
    const bytes = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
    return bytes;
  } catch {
    return null;
  }
}

/** Date and time of day at a place with this offset from UTC: `["2026-11-20", "16:00:12", "+01:00"]`. */
function localTime(time, offset) {
  const at = Date.parse(time);
  if (Number.isNaN(at)) return ["?", "?", ""];
  const zone = /^([+-])(\d\d):(\d\d)$/.exec(offset ?? "");
  const minutes = zone ? (zone[1] === "-" ? -1 : 1) * (Number(zone[2]) * 60 + Number(zone[3])) : 0;
  const there = new Date(at + minutes * 60000);
  if (Number.isNaN(there.getTime())) return ["?", "?", ""];
  const text = there.toISOString();
  return [text.slice(0, 10), text.slice(11, 19), zone ? offset : "UTC"];
}

/** The input, and how many seconds in it lies something if that is a recording: `file:yard.wav at 1:02.3`. */
function place(source, at) {
  if (!isNumber(at)) return source;
  const tenths = Math.floor(at * 10);
  const [hours, minutes, secs] = [Math.floor(tenths / 36000), Math.floor(tenths / 600) % 60, Math.floor(tenths / 10) % 60];
  return `${source} at ${hours > 0 ? `${hours}:${twoDigits(minutes)}` : minutes}:${twoDigits(secs)}.${tenths % 10}`;
}
