// Curves: what the run was worth, and each position as it was read.

const WIDE = 1000;
const HIGH = 180;
const EDGE = 8;

/** A curve of [time as BigInt, value as text] in time; only its place on the page is rounded. */
function plot(points, { title, steps }) {
  const values = points.map(([, value]) => Number(value));
  const [start, end] = [points[0][0], points.at(-1)[0]];
  const least = values.reduce((one, other) => Math.min(one, other), Infinity);
  const most = values.reduce((one, other) => Math.max(one, other), -Infinity);
  const x = (time) => (end > start ? (Number(time - start) / Number(end - start)) * WIDE : 0);
  const y = (value) => (most > least ? HIGH - EDGE - ((value - least) / (most - least)) * (HIGH - 2 * EDGE) : HIGH / 2);
  let path = "";
  points.forEach(([time], at) => {
    const to = `${x(time).toFixed(1)} ${y(values[at]).toFixed(1)}`;
    path += at === 0 ? `M${to}` : steps ? `H${x(time).toFixed(1)}V${y(values[at]).toFixed(1)}` : `L${to}`;
  });
  if (steps) path += `H${WIDE}`;
  const here = svg("line", { class: "here", y1: 0, y2: HIGH });
  const extremes = [points[values.indexOf(most)][1], points[values.indexOf(least)][1]];
  const sheet = svg("svg", { class: "plot", viewBox: `0 0 ${WIDE} ${HIGH + 22}`, width: "100%", role: "img", "aria-label": title },
    svg("title", {}, `${title}: greatest ${extremes[0]}, least ${extremes[1]}`),
    svg("line", { class: "axis", x1: 0, x2: WIDE, y1: HIGH, y2: HIGH }),
    svg("path", { d: path, "vector-effect": "non-scaling-stroke" }), here,
    svg("text", { x: 2, y: 12 }, extremes[0]), svg("text", { x: 2, y: HIGH - 4 }, extremes[1]),
    svg("text", { x: 2, y: HIGH + 16 }, moment(start)),
    svg("text", { x: WIDE - 2, y: HIGH + 16, "text-anchor": "end" }, moment(end)));
  const move = (time) => {
    const place = Math.max(0, Math.min(WIDE, x(time < start ? start : time > end ? end : time)));
    here.setAttribute("x1", place);
    here.setAttribute("x2", place);
  };
  return { sheet, move };
}

const plotted = { equity: null, position: null };

function buildPlots() {
  const told = data.equity;
  if (told.missing !== undefined) {
    byId("equity").replaceChildren(el("p", { class: "warn" }, `No equity: ${told.missing}`));
  } else {
    const times = integers(told.time_ns);
    const points = told.values.map((value, at) => [BigInt(times[at]), value]);
    const title = `Equity in ${told.quote}`;
    plotted.equity = points.length ? plot(points, { title, steps: false }) : null;
    const of = points.length < told.of ? `; ${many(points.length, "point")} of ${told.of.toLocaleString("en")}, of each part the first, last, least and greatest` : "";
    const without = told.left_out.length ? ` Without ${told.left_out.join(", ")}: nothing tells their worth.` : "";
    byId("equity").replaceChildren(el("h3", {}, title + of), ...(plotted.equity ? [plotted.equity.sheet] : []), el("p", {}, without));
  }
  byId("key").append(...keys.map((key) => el("option", { value: key }, key)));
  byId("key").addEventListener("input", () => { drawPosition(); movePlots(); });
  drawPosition();
}

/** The position that is chosen, over the records of the page. */
function drawPosition() {
  const key = byId("key").value;
  const rows = (readings.get(key) ?? { rows: [] }).rows;
  const points = rows.map((row) => {
    const at = Math.max(0, Math.min(count - 1, streams.positions.seq[row] - first));
    return [BigInt(rec.wall_ns.at(at)), streams.positions.text("total", row)];
  });
  plotted.position = points.length ? plot(points, { title: key, steps: true }) : null;
  byId("position").replaceChildren(plotted.position ? plotted.position.sheet : el("p", {}, "No position was read."));
}

function movePlots() {
  if (count === 0) return;
  const time = BigInt(rec.wall_ns.at(cursor.at));
  for (const one of Object.values(plotted)) one?.move(time);
}
