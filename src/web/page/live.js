// The start of the page.

function start() {
  startToken();
  startStatus();
  startWaterfall();
  startLabels();
  startLabel();
  startEvent();
  startMarks();
  startListening();
  startLevels();
  startKeys();
  drawList();
  startStream();
}

start();
