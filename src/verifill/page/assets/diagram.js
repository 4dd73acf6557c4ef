// The drawing of the machine; the boxes of the state at the cursor stand out.

const drawing = byId("diagram").shadowRoot;
const boxes = new Map();
for (const box of drawing?.querySelectorAll("[data-state]") ?? []) boxes.set(box.dataset.state, box);

function showState(leaf) {
  for (const box of boxes.values()) box.classList.remove("here");
  for (const name of data.stands[leaf] ?? []) boxes.get(name)?.classList.add("here");
  const [box] = (data.stands[leaf] ?? []).map((name) => boxes.get(name)).slice(-1);
  if (box) intoView(box.getBoundingClientRect());
  byId("state").textContent = leaf ? `At the cursor: ${leaf}` : "No state yet.";
}

/** Scroll the drawing, and not the page, so that a box of it is seen. */
function intoView(box) {
  const frame = byId("diagram");
  const seen = frame.getBoundingClientRect();
  if (box.top < seen.top || box.bottom > seen.bottom) frame.scrollTop += box.top - seen.top - seen.height / 3;
  if (box.left < seen.left || box.right > seen.right) frame.scrollLeft += box.left - seen.left - seen.width / 3;
}
