// The help, from a table of keys: what is pressed, what help says, what is done.

const keyName = (key) => ({ " ": "Space", ArrowDown: "↓", ArrowUp: "↑", ArrowLeft: "←", ArrowRight: "→", Escape: "Esc" })[key] ?? key;

/** The lines of the help: neighbours in the table with one text share a line. */
function helpLines(table) {
  const lines = [];
  for (const [keys, text] of table) {
    const last = lines.at(-1);
    if (last?.text === text) last.keys.push(...keys);
    else lines.push({ keys: [...keys], text });
  }
  return lines.flatMap(({ keys, text }) => [make("dt", {}, ...keys.flatMap((key, i) => [i > 0 ? " " : "", make("kbd", {}, keyName(key))])), make("dd", {}, text)]);
}

function toggleHelp() {
  if ($("help").open) $("help").close();
  else $("help").showModal();
}
