// The drawing of the machine; the boxes of the state at the cursor stand out.

const drawing = { seen: false, marked: [] };
const boxes = new Map();
for (const box of byId("diagram").shadowRoot?.querySelectorAll("[data-state]") ?? []) boxes.set(box.dataset.state, box);

// far down the page it is not laid out, and not asked where its boxes are
new IntersectionObserver((told) => {
  drawing.seen = told.at(-1).isIntersecting;
  if (drawing.seen) intoView(stateAt(cursor.at));
}).observe(byId("diagram"));

function boxesOf(leaf) {
  return (data.stands[leaf] ?? []).map((name) => boxes.get(name)).filter((box) => box !== undefined);
}

function showState(leaf) {
  for (const box of drawing.marked) box.classList.remove("here");
  drawing.marked = boxesOf(leaf);
  for (const box of drawing.marked) box.classList.add("here");
  byId("state").textContent = leaf ? `At the cursor: ${leaf}` : "No state yet.";
}

/** Scroll the drawing, and not the page, so that the box of a state is seen. */
function intoView(leaf) {
  const box = boxesOf(leaf).at(-1)?.getBoundingClientRect();
  if (box === undefined) return;
  const frame = byId("diagram");
  const seen = frame.getBoundingClientRect();
  if (box.top < seen.top || box.bottom > seen.bottom) frame.scrollTop += box.top - seen.top - seen.height / 3;
  if (box.left < seen.left || box.right > seen.right) frame.scrollLeft += box.left - seen.left - seen.width / 3;
}
