// Elements are made with texts as texts; nothing of a log is ever read as markup.

const SVG = "http://www.w3.org/2000/svg";
const byId = (id) => document.getElementById(id);

/** An element with attributes and children; a text becomes a text node. */
function el(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== "") node.setAttribute(key, String(value));
  }
  node.append(...children);
  return node;
}

/** Names and values, one a line. */
function pairs(rows) {
  return el("dl", {}, ...rows.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}

/** A table of texts or nodes; columns named in `numbers` stand to the right. */
function grid(names, rows, numbers = []) {
  const cell = (value, at) => el("td", { class: numbers.includes(names[at]) ? "number" : "" }, value);
  return el("table", {},
    el("thead", {}, el("tr", {}, ...names.map((name) => el("th", { scope: "col", class: numbers.includes(name) ? "number" : "" }, name)))),
    el("tbody", {}, ...rows.map((row) => el("tr", {}, ...row.map(cell)))));
}

/** A link to a record; its number alone if the page does not hold it. */
function linkTo(seq) {
  const held = seq >= first && seq < first + count;
  return held ? el("a", { href: `#seq=${seq}` }, String(seq)) : `${seq} (not in this page)`;
}

function many(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}
