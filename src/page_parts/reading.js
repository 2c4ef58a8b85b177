// The list and an event: side by side, or one behind the other.

/** Whether the list and an event stand one behind the other, as on a phone. */
const narrow = window.matchMedia("(max-width: 760px)");

/** Selects an event, and on a narrow screen shows it in place of the list. */
function openEvent(event) {
  select(event);
  if (!narrow.matches || document.body.classList.contains("reading")) return;
  document.body.classList.add("reading");
  // The phone's own way back leads to the list.
  history.pushState({ reading: true }, "");
  window.scrollTo(0, 0);
  $("d-title").focus({ preventScroll: true });
}

/** Back to the list, where that is out of sight. */
function closeEvent() {
  if (!document.body.classList.contains("reading")) return;
  if (history.state?.reading) history.back();
  else leaveEvent();
}

function leaveEvent() {
  document.body.classList.remove("reading");
  player.stop();
  markSelected();
}
