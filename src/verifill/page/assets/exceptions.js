// The exception report of the whole log, also where the page holds a window of it.

function buildReport() {
  const told = data.exceptions;
  const rows = new Table(told.rows);
  const times = Object.fromEntries(Object.entries(told.times).map(([name, packed]) => [name, new Column(packed)]));
  const total = Object.values(told.counts).reduce((sum, number) => sum + number, 0);
  byId("report").replaceChildren(
    el("p", {}, total ? `${many(total, "exception")} in the whole log: ${listed(told.counts)}.` : "The whole log holds no retry, no refused event, no failure and no hold."),
    ...(total ? [el("div", { class: "scroll" }, exceptionRows(rows))] : []),
    ...(total > rows.length ? [el("p", { class: "warn" }, `The first ${rows.length.toLocaleString("en")} are listed here.`)] : []),
    el("div", { class: "side" },
      el("div", {}, el("h3", {}, "Time in state"), timesShown(times)),
      el("div", {}, el("h3", {}, "Tolerances used"), tolerances(new Table(told.tolerances)),
        el("h3", {}, "Notes and verdicts other than a plain match"), counted(told.notes),
        el("h3", {}, "Kinds of record"), counted(told.kinds), el("h3", {}, "Coverage"), ...coverage(told.coverage))));
}

function listed(counts) {
  return Object.entries(counts).map(([name, number]) => `${name} ${number.toLocaleString("en")}`).join(", ");
}

function counted(counts) {
  const rows = Object.entries(counts).map(([name, number]) => [name, number.toLocaleString("en")]);
  return rows.length ? grid(["kind", "how often"], rows, ["how often"]) : el("p", {}, "None.");
}

function exceptionRows(rows) {
  const lines = rows.seq.map((seq, row) => [
    linkTo(seq), el("span", { class: rows.text("sort", row) }, rows.text("sort", row)),
    moment(rows.columns.wall_ns.at(row)), `${rows.text("machine", row)} ${rows.text("instance", row)}`,
    rows.text("from", row), rows.text("event", row), rows.text("to", row),
  ]);
  return grid(["record", "sort", "time", "machine", "from", "event", "to"], lines);
}

/** Differences that no venue explains, and that were accepted as it was declared. */
function tolerances(used) {
  const lines = used.seq.map((seq, row) => [
    used.text("key", row), used.text("times", row), used.text("amount", row), linkTo(seq),
  ]);
  return lines.length ? grid(["position", "how often", "in all", "last"], lines, ["how often", "in all", "last"]) : el("p", {}, "None.");
}

function timesShown(times) {
  const lines = Array.from({ length: times.state.length }, (_, row) => [
    times.state.at(row), times.times.at(row).toLocaleString("en"),
    ...["total_ns", "p50_ns", "max_ns"].map((name) => (times[name].at(row) < 0 ? "" : span(times[name].at(row)))),
  ]);
  return grid(["state", "left", "in all", "median", "longest"], lines, ["left", "in all", "median", "longest"]);
}

function coverage(told) {
  const { states, moves, refusals, states_never: unseen, moves_never: unmade, refused } = told;
  const rows = [
    [`${states - unseen.length} of ${states} states visited; those never visited`, unseen],
    [`${moves - unmade.length} of ${moves} moves made; those never made`, unmade],
    [`${refused.length} of ${refusals} refusals met; those met`, refused],
  ];
  return rows.map(([words, names]) => el("details", {},
    el("summary", {}, words), el("ul", {}, ...names.map((name) => el("li", { class: "mono" }, name)))));
}
