// The run as it was at any record: the fold of all records up to there.

const first = data.window.first;
const count = Math.max(0, data.window.last - first + 1);
const rec = Object.fromEntries(
  Object.entries(data.records).map(([name, packed]) => [name, new Column(packed)]));
const streams = Object.fromEntries(
  Object.entries(data.streams).map(([name, packed]) => [name, new Table(packed)]));
const jumps = Object.fromEntries(
  Object.entries(data.jumps).map(([name, packed]) => [name, integers(packed)]));
const payloads = { seq: Array.from(integers(data.payloads.seq), Number), facts: data.payloads.facts };
const tables = new Set(data.levels.map(([table]) => table));
const SPECIAL = { REFUSED: "refused", IGNORED: "ignored", OPERATOR: "operator" };
const sortOf = sorts();
const leafOf = leaves();

/** For each record which sort of exception it is; empty for none. */
function sorts() {
  const found = Array.from({ length: count }, (_, at) => SPECIAL[rec.kind.at(at)] ?? "");
  for (const name of ["retry", "hold", "failure", "refused"]) {
    for (const seq of jumps[name]) found[Number(seq) - first] = name;
  }
  return found;
}

/** For each record the place in `rec.to.words` of the leaf after it; -1 before the first. */
function leaves() {
  const found = new Int32Array(count);
  let now = -1;
  for (let at = 0; at < count; at += 1) {
    if (rec.to.values[at] >= 0 && tables.has(rec.machine.at(at))) now = rec.to.values[at];
    found[at] = now;
  }
  return found;
}

function stateAt(at) {
  if (at < 0 || count === 0) return data.before.state;
  return leafOf[at] < 0 ? data.before.state : rec.to.words[leafOf[at]];
}

const levels = new Map();

/** The state of every level after a record, from the outside in; worked out once for each leaf. */
function levelsAt(at) {
  const leaf = stateAt(at);
  if (!levels.has(leaf)) levels.set(leaf, levelsOf(leaf));
  return levels.get(leaf);
}

function levelsOf(leaf) {
  if (!leaf) return [];
  const around = Object.keys(data.holders)
    .filter((holder) => holder === "" || leaf.startsWith(`${holder}.`))
    .sort((one, other) => one.length - other.length);
  return around.map((holder, at) => {
    const inner = at + 1 < around.length ? around[at + 1] : leaf;
    const state = holder === "" ? inner : inner.slice(holder.length + 1);
    return { table: data.holders[holder], holder, state };
  });
}

/** The number of the instance that a level is in; 0 where no record of the page has told it. */
function instanceAt(level, from) {
  for (let at = from; at >= 0; at -= 1) {
    const machine = rec.machine.at(at);
    if (machine === level.table) return rec.instance.at(at);
    if (tables.has(machine) && !rec.to.at(at).startsWith(level.holder)) return 0;
  }
  return 0;
}

const readings = new Map();
const earlier = new Map();
for (let row = 0; row < streams.positions.length; row += 1) {
  const key = streams.positions.text("key", row);
  if (!readings.has(key)) readings.set(key, { rows: [], seq: [] });
  readings.get(key).rows.push(row);
  readings.get(key).seq.push(streams.positions.seq[row]);
}
const before = new Table(data.before.positions);
for (let row = 0; row < before.length; row += 1) earlier.set(before.text("key", row), row);
const keys = [...new Set([...earlier.keys(), ...readings.keys()])].sort();

/** A position as it was last read at a record; null if it was not. */
function positionAt(key, seq) {
  const { rows, seq: numbers } = readings.get(key) ?? { rows: [], seq: [] };
  const place = lowest(numbers, seq + 1) - 1;
  const [table, row] = place >= 0 ? [streams.positions, rows[place]] : [before, earlier.get(key)];
  if (row === undefined) return null;
  return {
    key, seq: table.seq[row],
    total: table.text("total", row), low: table.text("low", row), high: table.text("high", row),
  };
}

/** What a payload says, as [name, text]. */
function factsOf(seq) {
  const at = lowest(payloads.seq, seq);
  return payloads.seq[at] === seq ? payloads.facts[at] : [];
}

/** Nanoseconds since the epoch as people read them, UTC. */
function moment(ns) {
  const time = BigInt(ns);
  const whole = new Date(Number(time / 1000000000n) * 1000).toISOString();
  const rest = String(time % 1000000000n).padStart(9, "0").replace(/0+$/, "");
  return `${whole.slice(0, 10)} ${whole.slice(11, 19)}${rest ? `.${rest}` : ""}`;
}

/** A time in the unit that people would take, to three digits. */
function span(ns) {
  const value = Number(ns);
  const units = [[86400e9, "d"], [3600e9, "h"], [60e9, "min"], [1e9, "s"], [1e6, "ms"], [1e3, "us"], [1, "ns"]];
  for (const [unit, name] of units) {
    if (value >= unit) return `${Number((value / unit).toPrecision(3))} ${name}`;
  }
  return "0 s";
}
