// The records as a table. Only the rows in view are elements, so a long run scrolls as a short one.

const ROW = 24;
const MARGIN = 6;
const COLUMNS = ["record", "time", "event", "to", "machine", "number", "kind", "send", "from"];
const WIDTHS = ["8ch", "21ch", "15ch", "30ch", "12ch", "9ch", "13ch", "6ch", "30ch"];
const SHOWN = {
  all: () => true,
  "refused or failed": (sort) => sort === "refused" || sort === "failure",
  exceptions: (sort) => sort !== "",
  refused: (sort) => sort === "refused",
  failures: (sort) => sort === "failure",
  retries: (sort) => sort === "retry",
  holds: (sort) => sort === "hold",
};
const body = el("tbody");
const spaces = [space(), space()];
const pool = []; // rows that are elements; they show other records as the table is scrolled
let shownRows = new Int32Array(0);
let drawn = "";

function buildTable() {
  const head = COLUMNS.map((name, at) => {
    const cell = el("th", { scope: "col" }, name);
    cell.style.width = WIDTHS[at];
    return cell;
  });
  byId("rows").append(el("table", {}, el("thead", {}, el("tr", {}, ...head)), body));
  const machines = [...new Set(rec.machine.words)].sort();
  byId("machine").append(...["all", ...machines].map((name) => el("option", { value: name }, name)));
  byId("sort").append(...Object.keys(SHOWN).map((name) => el("option", { value: name }, name)));
  byId("rows").addEventListener("scroll", () => requestAnimationFrame(() => drawRows(byId("rows").scrollTop)));
  body.addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-at]");
    if (row) go(Number(row.dataset.at), { keep: true });
  });
  body.addEventListener("pointerover", tell);
  for (const id of ["text", "machine", "sort"]) byId(id).addEventListener("input", filter);
}

/** Which records hold a text, by the words of their columns first: there are few of those. */
function matching(text) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return () => true;
  const columns = ["machine", "from", "event", "to", "kind", "intent_id", "venue_ref"].map((name) => {
    const hits = new Uint8Array(rec[name].words.length);
    rec[name].words.forEach((word, at) => { hits[at] = word.toLowerCase().includes(wanted) ? 1 : 0; });
    return [rec[name].values, hits];
  });
  const told = new Set();
  payloads.seq.forEach((seq, at) => {
    if (payloads.facts[at].some((fact) => fact[1].toLowerCase().includes(wanted))) told.add(seq - first);
  });
  for (const table of Object.values(streams)) {
    for (const column of Object.values(table.columns)) {
      if (column.words === null) continue;
      const hits = column.words.map((word) => word.toLowerCase().includes(wanted));
      for (let row = 0; row < table.length; row += 1) {
        if (hits[column.values[row]]) told.add(table.seq[row] - first);
      }
    }
  }
  return (at) => told.has(at) || columns.some(([values, hits]) => values[at] >= 0 && hits[values[at]] === 1);
}

function filter() {
  const matches = matching(byId("text").value);
  const machine = byId("machine").value;
  const wanted = SHOWN[byId("sort").value];
  const found = [];
  for (let at = 0; at < count; at += 1) {
    if (wanted(sortOf[at]) && (machine === "all" || rec.machine.at(at) === machine) && matches(at)) found.push(at);
  }
  shownRows = Int32Array.from(found);
  byId("found").textContent = `${found.length.toLocaleString("en")} of ${many(count, "record")}`;
  drawn = "";
  drawRows(0); // so that there is as much to scroll as there are rows
  drawRows(reveal());
}

/** Scroll so that the record at the cursor is in view, or the one where it would be; how far. */
function reveal() {
  const box = byId("rows");
  const top = lowest(shownRows, cursor.at) * ROW;
  const seen = room.rows - 2 * ROW;
  if (top < box.scrollTop || top > box.scrollTop + seen) box.scrollTop = Math.max(0, top - seen / 2);
  return box.scrollTop;
}

/** The rows that are seen where the table is scrolled so far, and some around them. */
function drawRows(scrolled) {
  const begin = Math.min(shownRows.length, Math.max(0, Math.floor(scrolled / ROW) - MARGIN));
  const end = Math.min(shownRows.length, begin + Math.ceil(room.rows / ROW) + 2 * MARGIN);
  const now = `${begin} ${end} ${cursor.at}`;
  if (now === drawn) return;
  drawn = now;
  while (pool.length < end - begin) pool.push(el("tr", {}, ...COLUMNS.map(() => el("td", {}, ""))));
  const rows = pool.slice(0, end - begin);
  rows.forEach((row, place) => fill(row, shownRows[begin + place]));
  [begin, shownRows.length - end].forEach((left, which) => { spaces[which].firstChild.style.height = `${left * ROW}px`; });
  if (body.childElementCount !== rows.length + 2) body.replaceChildren(spaces[0], ...rows, spaces[1]);
}

function space() {
  return el("tr", { class: "space", "aria-hidden": "true" }, el("td", { colspan: COLUMNS.length }));
}

/** Let a row show a record; what it shows already is not touched. */
function fill(row, at) {
  const texts = [
    String(first + at), moment(rec.wall_ns.at(at)), rec.event.at(at), rec.to.at(at), rec.machine.at(at),
    rec.instance.text(at), rec.kind.at(at), rec.attempt.text(at), rec.from.at(at),
  ];
  texts.forEach((text, column) => {
    const words = row.cells[column].firstChild;
    if (words.data !== text) words.data = text;
  });
  if (row.className !== sortOf[at]) row.className = sortOf[at];
  row.dataset.at = at;
  row.toggleAttribute("aria-current", false);
  if (at === cursor.at) row.setAttribute("aria-current", "true");
}

/** A text that is too long for its cell is told whole to whoever points at it. */
function tell(event) {
  const cell = event.target.closest("tr[data-at] > td");
  if (cell) cell.title = cell.textContent;
}

/** The record before or after in the table, as it is filtered. */
function neighbour(by) {
  const place = lowest(shownRows, cursor.at);
  const exact = shownRows[place] === cursor.at;
  const next = by > 0 && !exact ? place : place + by;
  return shownRows[Math.max(0, Math.min(shownRows.length - 1, next))] ?? cursor.at;
}
