// What all parts of the page know: what the server said last. Nothing of it is trusted to be there, or of its kind.

const asText = (value, otherwise = "") => (typeof value === "string" ? value : otherwise);
const asNumber = (value) => (isNumber(value) ? value : null);
const asList = (value) => (Array.isArray(value) ? value : []);
const asObject = (value) => (value !== null && typeof value === "object" && !Array.isArray(value) ? value : {});

/** What `/api/info` says. */
let info = {};
/** The last state of the input that is shown. */
let state = {};
/** The labels, in the order of the model. */
let labels = [];
/** The newest events of this run, newest first. */
let events = [];
let selected = null;
/** Index of the input that is shown. */
let input = 0;

const localOffset = () => asText(state.local_offset);
const timeOfDay = (time) => localTime(time, localOffset())[1];

/** How long ago, in one figure: `now`, `12 s`, `3 min`, `2 h`. */
function ago(time) {
  const secs = (Date.parse(state.at) - Date.parse(time)) / 1000;
  if (Number.isNaN(secs)) return "";
  if (secs < 2) return "now";
  if (secs < 60) return `${Math.floor(secs)} s`;
  if (secs < 3600) return `${Math.floor(secs / 60)} min`;
  return `${Math.floor(secs / 3600)} h`;
}

/** Sets text only where it changes, so that nothing is laid out in vain. */
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Shows a sentence, or nothing where it is empty. */
function tell(element, text) {
  say(element, text);
  element.hidden = text === "";
}

/** Puts `wanted` into `parent` in this order and leaves what stands right where it is: focus and scrolling stay. */
function arrange(parent, wanted) {
  const focused = document.activeElement;
  const keep = new Set(wanted);
  for (const child of [...parent.children]) if (!keep.has(child)) child.remove();
  let at = parent.firstElementChild;
  for (const element of wanted) {
    if (element === at) at = at.nextElementSibling;
    else parent.insertBefore(element, at);
  }
  if (focused !== document.activeElement && parent.contains(focused)) focused.focus({ preventScroll: true });
}

/** A canvas of its size on the screen, in its own pixels, cleared: `[pencil, width, height]`; null where it is not seen. */
function pencil(canvas) {
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (width === 0 || height === 0) return null;
  const scale = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== w) canvas.width = w;
  if (canvas.height !== h) canvas.height = h;
  const draw = canvas.getContext("2d");
  draw.setTransform(scale, 0, 0, scale, 0, 0);
  draw.clearRect(0, 0, width, height);
  return [draw, width, height];
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
