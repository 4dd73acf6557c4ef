// A lane per level, for the records around the cursor.

const SPAN = 48;
const LANE = 30;
const LEFT = 96;
const OTHERS = "beside";

const RULERS = 6;
const interval = BigInt(data.head.interval_ns);

/** Where records and times stand: one after another, or to scale by the wall clock. */
function scaleOf(from, to, width) {
  const room = width - LEFT;
  const time = (at) => BigInt(rec.wall_ns.at(Math.min(at, count - 1)));
  const begin = count ? time(from) : 0n;
  const long = count ? Number(time(to) - begin) : 0;
  if (byId("axis").value === "time" && long > 0) {
    const at = (ns) => LEFT + (Number(ns - begin) / long) * room;
    return { x: (one) => at(time(one)), at, begin, long };
  }
  const step = room / Math.max(1, to - from);
  const x = (one) => LEFT + (one - from) * step;
  const later = (ns) => {
    let one = from;
    while (one < to && time(one) < ns) one += 1;
    return x(one);
  };
  return { x, at: later, begin, long: 0 };
}

function showLanes() {
  const from = Math.max(0, Math.min(cursor.at - SPAN / 2, count - SPAN));
  const to = Math.min(count, from + SPAN);
  const width = room.lanes;
  const names = [...data.levels.map(([table]) => table), OTHERS];
  const height = names.length * LANE + 38;
  const scale = scaleOf(from, to, width);
  const { x } = scale;
  const sheet = svg("svg", { class: "lane", width, height, viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": `States of every level, records ${first + from} to ${first + to - 1}` });
  names.forEach((name, row) => {
    sheet.append(svg("text", { class: "name", x: 0, y: row * LANE + 19 }, name));
    if (name === OTHERS) sheet.append(...besides(from, to, x, row * LANE));
    else sheet.append(...segments(name, from, to, x, row * LANE));
  });
  const foot = names.length * LANE;
  sheet.append(...deadlines(from, to, scale, foot, width));
  const here = scale.long ? x(cursor.at) : (x(cursor.at) + x(cursor.at + 1)) / 2;
  sheet.append(svg("line", { class: "here", x1: here, x2: here, y1: 0, y2: foot + 4 }));
  if (count) sheet.append(...rulers(from, to, scale, foot, width));
  for (let at = from; at < to; at += 1) sheet.append(picked(at, x(at), Math.max(1, x(at + 1) - x(at)), foot));
  byId("lanes").replaceChildren(sheet);
}

/** When each tick is to be over: where the next one is due. */
function deadlines(from, to, scale, foot, width) {
  const lines = [];
  for (let at = Math.max(0, from - SPAN); at < to && interval > 0n; at += 1) {
    if (rec.event.at(at) !== "tick" || !tables.has(rec.machine.at(at)) || SPECIAL[rec.kind.at(at)]) continue;
    const due = BigInt(rec.wall_ns.at(at)) + interval;
    const left = scale.at(due);
    const known = due <= BigInt(rec.wall_ns.at(Math.min(to, count - 1))) && due >= scale.begin;
    if (!known || left > width) continue;
    lines.push(svg("line", { class: "due", x1: left, x2: left, y1: 0, y2: foot },
      svg("title", {}, `tick ${rec.instance.at(at)} is to be over at ${moment(due)}`)));
  }
  return lines;
}

/** What the axis says: the times of both ends, and to scale how long after the first. */
function rulers(from, to, scale, foot, width) {
  const texts = [[from, "start"], [to - 1, "end"]].map(([at, anchor]) =>
    svg("text", { x: anchor === "end" ? width : LEFT, y: foot + 20, "text-anchor": anchor },
      `${first + at}: ${moment(rec.wall_ns.at(at))}`));
  for (let part = 1; scale.long && part < RULERS; part += 1) {
    const left = LEFT + ((width - LEFT) * part) / RULERS;
    texts.push(svg("line", { class: "ruler", x1: left, x2: left, y1: foot, y2: foot + 6 }));
    texts.push(svg("text", { x: left, y: foot + 33, "text-anchor": "middle" }, `+${span((scale.long * part) / RULERS)}`));
  }
  return texts;
}

/** The states of one level as boxes, each as long as the level stays in it. */
function segments(table, from, to, x, top) {
  const parts = [];
  for (let at = from; at < to; at += 1) {
    const state = levelsAt(at).find((level) => level.table === table)?.state ?? "";
    const last = parts.at(-1);
    if (last && last.state === state) last.end = at + 1;
    else parts.push({ state, begin: at, end: at + 1, sort: "" });
    if (rec.machine.at(at) === table && sortOf[at]) parts.at(-1).sort = sortOf[at];
  }
  return parts.filter((part) => part.state).map((part) => {
    const wide = x(part.end) - x(part.begin);
    const now = cursor.at >= part.begin && cursor.at < part.end ? "now" : "";
    const room = Math.floor((wide - 6) / 6.8);
    const label = part.state.length <= room ? part.state : part.state.slice(0, Math.max(0, room - 1)) + (room > 1 ? "…" : "");
    return svg("g", {},
      svg("rect", { class: `seg ${part.sort} ${now}`, x: x(part.begin) + 0.5, y: top + 4, width: Math.max(1, wide - 1), height: LANE - 8, rx: 3 }),
      svg("text", { x: x(part.begin) + 4, y: top + 19 }, label));
  });
}

/** Records of machines beside the loops, such as breakers, and of the process. */
function besides(from, to, x, top) {
  const marks = [];
  for (let at = from; at < to; at += 1) {
    const sort = SPECIAL[rec.kind.at(at)] ?? "";
    if (tables.has(rec.machine.at(at)) && !sort) continue;
    marks.push(svg("circle", { class: `mark ${sort}`, cx: (x(at) + Math.min(x(at + 1), x(at) + 12)) / 2, cy: top + LANE / 2, r: 4 }));
  }
  return marks;
}

function picked(at, left, width, height) {
  const said = `${first + at}: ${rec.machine.at(at)} ${rec.event.at(at) || rec.kind.at(at)}, ${rec.to.at(at)}`;
  return svg("rect", { class: "pick", x: left, y: 0, width, height, "data-at": at }, svg("title", {}, said));
}
