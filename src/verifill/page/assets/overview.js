// The overview of all records of the page; and how large things are, as far as scripts go by it.

const STRIP_HIGH = 22;
const WEIGHT = { "": 0, ignored: 1, operator: 2, retry: 3, hold: 4, failure: 5, refused: 6 };

/** How wide things are: to ask a browser for that after each change makes it lay out the page each time. */
const room = { overview: 0, lanes: 0, rows: 0 };

/** Whether anything has another size now. */
function measure() {
  const sizes = {
    overview: byId("overview").clientWidth,
    lanes: Math.max(320, byId("lanes").clientWidth || 900),
    rows: byId("rows").clientHeight,
  };
  const changed = Object.keys(sizes).some((name) => sizes[name] !== room[name]);
  Object.assign(room, sizes);
  return changed;
}

const strip = document.createElement("canvas"); // the overview without its cursor
const ink = { cursor: "" };

/** What the overview shows: for each column of pixels the gravest of its records. */
function drawStrip() {
  const canvas = byId("overview");
  const scale = window.devicePixelRatio || 1;
  for (const one of [canvas, strip]) {
    one.width = Math.round(room.overview * scale);
    one.height = Math.round(STRIP_HIGH * scale);
    one.getContext("2d").scale(scale, scale);
  }
  const pen = strip.getContext("2d");
  const style = getComputedStyle(document.documentElement);
  pen.fillStyle = style.getPropertyValue("--line");
  pen.fillRect(0, 9, room.overview, 4);
  for (const [x, sort] of gravestOf(room.overview)) {
    pen.fillStyle = style.getPropertyValue(`--${sort}`);
    pen.fillRect(x, 2, 2, 18);
  }
  ink.cursor = style.getPropertyValue("--here");
}

function drawOverview() {
  const pen = byId("overview").getContext("2d");
  pen.clearRect(0, 0, room.overview, STRIP_HIGH);
  if (strip.width) pen.drawImage(strip, 0, 0, room.overview, STRIP_HIGH);
  pen.fillStyle = ink.cursor;
  pen.fillRect(Math.floor((cursor.at * room.overview) / Math.max(1, count)) - 1, 0, 3, STRIP_HIGH);
}

/** The gravest sort of exception in each column of pixels. */
function gravestOf(width) {
  const found = new Map();
  sortOf.forEach((sort, at) => {
    if (!sort) return;
    const x = Math.floor((at * width) / count);
    if (WEIGHT[sort] > WEIGHT[found.get(x) ?? ""]) found.set(x, sort);
  });
  return found;
}
