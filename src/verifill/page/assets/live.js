// Served beside a running engine: when its log has grown, the page is fetched anew, and what was
// looked at stays. At the last record it follows.

const POLL_MS = 1000;
const KEPT = "verifill";
const lamp = el("span", { id: "live", class: "holds", role: "status" }, "LIVE");
byId("badges").before(lamp);

function keep() {
  const follows = count === 0 || cursor.at === count - 1;
  sessionStorage.setItem(KEPT, JSON.stringify({
    follows, text: byId("text").value, machine: byId("machine").value, sort: byId("sort").value, top: window.scrollY,
  }));
  clearTimeout(linking);
  history.replaceState(null, "", follows ? window.location.pathname : `#seq=${first + cursor.at}`);
}

function restore() {
  const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
  sessionStorage.removeItem(KEPT);
  if (kept === null) return;
  for (const name of ["text", "machine", "sort"]) byId(name).value = kept[name];
  filter();
  if (kept.follows && linked() === null) go(count - 1);
  else go(cursor.at);
  window.scrollTo(0, kept.top);
}

/** Whether somebody is busy here; what is new can wait. */
function busy() {
  const on = document.activeElement;
  return playing !== 0 || (on instanceof HTMLElement && on.matches("input:not([type=range]), select"));
}

function light(name, words) {
  lamp.className = name;
  lamp.textContent = words;
}

async function poll() {
  try {
    const answer = await fetch("/last", { cache: "no-store" });
    if (!answer.ok) throw new Error(await answer.text());
    const { last } = await answer.json();
    const more = last - data.window.of;
    if (more > 0 && !busy()) {
      keep();
      window.location.reload();
      return;
    }
    light("holds", more > 0 ? `LIVE, ${many(more, "record")} more to come` : `LIVE, record ${data.window.of}`);
  } catch (error) {
    light("fails", `NOT LIVE: ${error.message}`);
  }
  setTimeout(poll, POLL_MS);
}

restore();
poll();
