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
      el("div", {}, el("h3", {}, "Notes and verdicts other than a plain match"), counted(told.notes),
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

function timesShown(times) {
  const lines = Array.from({ length: times.state.length }, (_, row) => [
    times.state.at(row), times.times.at(row).toLocaleString("en"),
    ...["total_ns", "p50_ns", "max_ns"].map((name) => (times[name].at(row) < 0 ? "" : span(times[name].at(row)))),
  ]);
  return grid(["state", "left", "in all", "median", "longest"], lines, ["left", "in all", "median", "longest"]);
}

function coverage(told) {
  const never = (names) => el("ul", {}, ...names.map((name) => el("li", { class: "mono" }, name)));
  return [["states", "visited", told.states, told.states_never], ["moves", "made", told.moves, told.moves_never]].map(
    ([noun, done, of, names]) => el("details", {},
      el("summary", {}, `${of - names.length} of ${of} ${noun} ${done}; those never ${done}`), never(names)));
}
