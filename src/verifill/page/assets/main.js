// Put it together, and show the record that the address names, or the first.

function linked() {
  const found = /^#seq=(\d+)$/.exec(window.location.hash);
  return found ? Number(found[1]) : null;
}

/** After what is wide or coloured otherwise now. */
function redraw() {
  drawStrip();
  drawOverview();
  go(cursor.at, { keep: true });
}

buildHead();
buildTable();
buildPlots();
buildReport();
measure();
drawStrip();
filter();

byId("range").max = String(Math.max(0, count - 1));
byId("range").addEventListener("input", (event) => go(Number(event.target.value)));
byId("number").addEventListener("change", (event) => goTo(Number(event.target.value)));
byId("overview").addEventListener("click", (event) => go(Math.floor((event.offsetX / event.target.clientWidth) * count)));
byId("play").addEventListener("click", play);
byId("axis").addEventListener("change", showLanes);
for (const button of document.querySelectorAll("[data-go]")) button.addEventListener("click", MOVES[button.dataset.go]);
for (const button of document.querySelectorAll("[data-next]")) {
  button.addEventListener("click", (event) => jump(button.dataset.next, event.shiftKey ? -1 : 1));
}
document.addEventListener("keydown", onKey);
window.addEventListener("hashchange", () => { if (linked() !== null) goTo(linked()); });
byId("lanes").addEventListener("click", (event) => {
  if ("at" in event.target.dataset) go(Number(event.target.dataset.at));
});
new ResizeObserver(() => { if (measure()) redraw(); }).observe(document.querySelector("main"));
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

if (count === 0) {
  for (const control of document.querySelectorAll("#scrub button, #scrub input")) control.disabled = true;
  showDetail();
  showState(data.before.state);
} else if (linked() !== null) goTo(linked());
else go(0);
