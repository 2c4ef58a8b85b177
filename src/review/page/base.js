// What all parts of the page share: its data and its files.

const readJson = (id) => JSON.parse($(id)?.textContent ?? "null");

const page = readJson("data");
const events = page.events;
/** Ratings that were given here. */
const ratings = [];
let shown = [];
let selected = null;

const seconds = (event) => event.duration_s;

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
