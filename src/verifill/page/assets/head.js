// What ran, and what the page vouches for.

function buildHead() {
  const head = data.head;
  byId("badges").replaceChildren(...data.badges.map((badge) =>
    el("details", { class: badge.standing }, el("summary", {}, badge.word), el("p", {}, badge.what),
      el("ul", {}, ...badge.found.map((line) => el("li", {}, line))))));
  const { first: from, last, of } = data.window;
  const rows = [
    ["mode", head.mode || "not told"],
    ["what if", head.fork],
    ["outcome", [head.ending || "no end in the log", head.reason].filter(Boolean).join(": ")],
    ["rests in", head.state],
    ["counts", `${many(head.ticks, "tick")}, ${many(of, "record")}, ` + ["instruction", "fill", "move", "note"]
      .filter((name) => `${name}s` in head.counts).map((name) => many(head.counts[`${name}s`], name)).join(", ")],
    ...Object.entries(head.digests).map(([name, digest]) => [`SHA-256 of ${name}`, digest]),
    ["versions", Object.entries(head.versions).map(([name, version]) => `${name} ${version}`).join(", ")],
    ["this page", `made ${head.made} by ${head.made_by}`],
  ];
  const parts = [pairs(rows.filter(([, value]) => value !== ""))];
  if (count < of) {
    const held = `This page holds ${many(count, "record")}, ${from.toLocaleString("en")} to ${last.toLocaleString("en")} of ${of.toLocaleString("en")}. `;
    parts.push(el("p", { class: "warn", id: "windowed" }, `${held}Badges, diagram, equity and exceptions are of the whole log. For other records make a page with verifill report LOG -o FILE --first RECORD.`));
  }
  byId("facts").replaceChildren(...parts);
}
