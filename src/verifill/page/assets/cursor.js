// The cursor: one record that all views show, and the ways to move it.

const cursor = { at: 0 };
const rest = { due: false, keep: false };
const PLAY_MS = 250;
const LINK_MS = 250;
let playing = 0;
let linking = 0;

/** Show a record, by its place in the page: where it is at once, all about it when that is painted. */
function go(at, { keep = false } = {}) {
  if (count === 0) return;
  cursor.at = Math.max(0, Math.min(count - 1, at));
  const seq = first + cursor.at;
  byId("range").value = String(cursor.at);
  byId("number").value = String(seq);
  byId("said").textContent = `of ${data.window.of.toLocaleString("en")}: ${rec.machine.at(cursor.at)} ${rec.event.at(cursor.at) || rec.kind.at(cursor.at)}`;
  drawOverview();
  showLanes();
  movePlots();
  rest.keep = keep;
  if (!rest.due) requestAnimationFrame(() => setTimeout(goOn));
  rest.due = true;
  // browsers refuse to change the address many times a second
  clearTimeout(linking);
  linking = setTimeout(() => history.replaceState(null, "", `#seq=${seq}`), LINK_MS);
}

/** What takes longer. A cursor that moves faster than this is shown is not held up: the last place counts. */
function goOn() {
  rest.due = false;
  // what scrolls comes first: once elements have changed, the browser would lay out the page for it
  const scrolled = rest.keep ? byId("rows").scrollTop : reveal();
  byId("facts-of").scrollTop = 0;
  if (drawing.seen) intoView(stateAt(cursor.at));
  showState(stateAt(cursor.at));
  showDetail();
  drawRows(scrolled);
}

/** Show a record by its number; say so where the page does not hold it. */
function goTo(seq) {
  const held = seq >= first && seq < first + count;
  go(seq - first);
  if (!held) say(`Record ${seq} is not in this page, which holds ${first} to ${first + count - 1}`);
}

function say(words) {
  byId("said").textContent = words;
}

/** What a page of a part of a log holds, so that nobody takes it for the whole. */
function part() {
  const { of } = data.window;
  return count < of ? `, which holds ${first} to ${first + count - 1} of ${of}: report --first RECORD shows others` : "";
}

/** Go to the next exception of a sort, or the last one before. */
function jump(name, by) {
  const list = Array.from(jumps[name], Number);
  const seq = first + cursor.at;
  const found = by > 0 ? list[lowest(list, seq + 1)] : list[lowest(list, seq) - 1];
  if (found === undefined) say(`No ${name} ${by > 0 ? "after" : "before"} record ${seq} in this page${part()}`);
  else go(found - first);
}

function play() {
  if (playing) {
    clearInterval(playing);
    playing = 0;
  } else {
    playing = setInterval(() => {
      if (cursor.at >= count - 1) play();
      else go(cursor.at + 1);
    }, PLAY_MS);
  }
  byId("play").setAttribute("aria-pressed", String(playing !== 0));
  byId("play").textContent = playing ? "Pause" : "Play";
}

const MOVES = {
  first: () => go(0), back: () => go(cursor.at - 1), on: () => go(cursor.at + 1), last: () => go(count - 1),
};
const KEYS = {
  ArrowLeft: MOVES.back, ArrowRight: MOVES.on, Home: MOVES.first, End: MOVES.last, " ": play,
};
const JUMPS = { n: "failure", r: "retry", h: "hold", f: "refused" };

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const on = event.composedPath()[0];
  const typing = on instanceof HTMLElement && on.matches("input:not([type=range]), select, textarea");
  if (typing) return;
  if (event.key === " " && on instanceof HTMLElement && on.matches("button, summary, a")) return;
  const name = JUMPS[event.key.toLowerCase()];
  const row = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (row !== undefined && on === byId("rows")) go(neighbour(row));
  else if (name) jump(name, event.shiftKey ? -1 : 1);
  else if (event.key in KEYS) KEYS[event.key]();
  else return;
  event.preventDefault();
}
