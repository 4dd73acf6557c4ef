// Everything about the record at the cursor.

const ATTEMPTS_MAX = 60;
const CAUSES_MAX = 12;
const PART_NAMES = {
  instructions: "Instruction", receipts: "Receipts", fills: "Fills", moves: "Transfers",
  ledger: "Ledger rows of the venue", notes: "Notes",
};

function showDetail() {
  const box = byId("facts-of");
  if (count === 0) {
    box.replaceChildren(el("p", {}, "The log holds no record."));
    return;
  }
  const at = cursor.at;
  const seq = first + at;
  byId("h-detail").textContent = `Record ${seq}`;
  const parts = [recordFacts(at, seq), ...readingsOf(seq), ...rowsOf(seq), ...payloadOf(seq)];
  box.replaceChildren(...parts, ...attemptsOf(at), ...levelsShown(at), ...positionsShown(seq), ...causesOf(at));
}

function recordFacts(at, seq) {
  const cause = seq > 1 ? linkTo(seq - 1) : "none";
  const rows = [
    ["time", `${moment(rec.wall_ns.at(at))} UTC`],
    ["machine", `${rec.machine.at(at)} ${rec.instance.at(at)}`],
    ["from", rec.from.at(at)], ["event", rec.event.at(at)], ["to", rec.to.at(at)],
    ["kind", rec.kind.at(at)], ["send", rec.attempt.at(at) > 0 ? rec.attempt.text(at) : ""],
    ["process life", rec.epoch.text(at)], ["key", rec.intent_id.at(at)],
    ["venue's reference", rec.venue_ref.at(at)], ["record before", cause],
  ];
  const facts = pairs(rows.filter(([, value]) => value !== ""));
  const sort = sortOf[at];
  return sort ? el("div", {}, el("p", { class: sort }, `This is a ${sort}.`), facts) : facts;
}

/** Expected and actual of every position that was read here. */
function readingsOf(seq) {
  const table = streams.positions;
  const [begin, end] = table.of(seq);
  const rows = [];
  for (let row = begin; row < end; row += 1) {
    const [total, low, high] = ["total", "low", "high"].map((name) => table.text(name, row));
    const inside = compare(low, total) <= 0 && compare(total, high) <= 0;
    const word = el("span", { class: inside ? "holds" : "fails" }, inside ? "inside" : "OUTSIDE");
    rows.push([table.text("key", row), low === high ? low : `${low} to ${high}`, total, word]);
  }
  if (!rows.length) return [];
  return [el("h3", {}, "Positions read: expected and actual"),
    grid(["position", "expected", "actual", ""], rows, ["actual"])];
}

/** Two decimal numbers as exact as they are written: below zero, zero or above. */
function compare(one, other) {
  const places = Math.max(...[one, other].map((text) => (text.split(".")[1] ?? "").length));
  const units = [one, other].map((text) => {
    const [whole, rest = ""] = text.split(".");
    return BigInt(whole + rest.padEnd(places, "0"));
  });
  return units[0] < units[1] ? -1 : Number(units[0] > units[1]);
}

function rowsOf(seq) {
  const parts = [];
  for (const [name, title] of Object.entries(PART_NAMES)) {
    const table = streams[name];
    if (!table) continue;
    const [begin, end] = table.of(seq);
    for (let row = begin; row < end; row += 1) {
      const facts = table.names.filter((column) => column !== "seq").map((column) => [column, valueOf(table, column, row)]);
      if (row === begin) parts.push(el("h3", {}, title));
      parts.push(pairs(facts.filter(([, value]) => value !== "")));
    }
  }
  return parts;
}

function valueOf(table, column, row) {
  const value = table.columns[column].at(row);
  if (column.endsWith("_ns")) return value > 0 ? `${moment(value)} UTC` : "";
  return String(value);
}

function payloadOf(seq) {
  const facts = factsOf(seq).filter(([, value]) => value !== "");
  return facts.length ? [el("h3", {}, "Payload"), pairs(facts)] : [];
}

/** All records of the instruction, with the waits between them: what was sent and asked, and when. */
function attemptsOf(at) {
  const inner = data.levels.at(-1)[0];
  if (rec.machine.at(at) !== inner) return [];
  const number = rec.instance.at(at);
  const same = (other) => rec.machine.at(other) === inner && rec.instance.at(other) === number;
  let begin = at;
  let end = at + 1;
  while (begin > 0 && at - begin < ATTEMPTS_MAX && !over(begin - 1, inner, number)) begin -= 1;
  while (end < count && end - at < ATTEMPTS_MAX && !over(end, inner, number)) end += 1;
  const rows = [];
  let last = -1;
  for (let other = begin; other < end; other += 1) {
    if (!same(other)) continue;
    const wait = last < 0 ? "" : span(BigInt(rec.wall_ns.at(other)) - BigInt(rec.wall_ns.at(last)));
    rows.push([linkTo(first + other), rec.attempt.text(other), rec.event.at(other) || rec.kind.at(other),
      rec.to.at(other), wait]);
    last = other;
  }
  return [el("h3", {}, `Instruction ${number}: sends and waits`),
    grid(["record", "send", "event", "to", "after"], rows, ["send", "after"])];
}

/** Whether a record is of another instruction, so that no more of this one follow. */
function over(at, inner, number) {
  return rec.machine.at(at) === inner && rec.instance.at(at) !== number;
}

function levelsShown(at) {
  const told = levelsAt(at);
  if (!told.length) return [];
  const rows = told.map((level) => [level.table, String(instanceAt(level, at)), level.state]);
  return [el("h3", {}, "Levels"), grid(["machine", "number", "state"], rows, ["number"])];
}

function positionsShown(seq) {
  const known = keys.map((key) => positionAt(key, seq)).filter((one) => one !== null);
  if (!known.length) return [];
  const rows = known.map((one) => [one.key, one.total, linkTo(one.seq)]);
  return [el("h3", {}, "Positions as last read"), grid(["position", "amount", "read at"], rows, ["amount"])];
}

/** What led here, the newest first, back to the start of the tick. */
function causesOf(at) {
  const rows = [];
  for (let other = at - 1; other >= 0 && rows.length < CAUSES_MAX; other -= 1) {
    rows.push([linkTo(first + other), rec.machine.at(other), rec.event.at(other) || rec.kind.at(other), rec.to.at(other)]);
    if (rec.event.at(other) === "tick") break;
  }
  return rows.length ? [el("h3", {}, "What led here"), grid(["record", "machine", "event", "to"], rows)] : [];
}
