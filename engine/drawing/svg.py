"""A drawing as SVG: one file, for print and screen, light and dark."""

from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from verifill.engine.drawing import legend as signs
from verifill.engine.drawing.layout import Plan, plan
from verifill.engine.drawing.legend import legend
from verifill.engine.drawing.marks import NONE, Marks
from verifill.engine.drawing.model import Picture
from verifill.engine.drawing.sheet import LINE, Line, Placed
from verifill.engine.drawing.words import STAYS, Words

MARGIN = 20.0
HEAD = 52.0  # room for the title above the drawing
LEAST = 560.0  # width, in pixels, in which the legend is not too long

LIGHT = {
    "paper": "#ffffff",
    "ink": "#1f2933",
    "line": "#52606d",
    "box": "#f5f7fa",
    "holder": "#9aa5b1",
    "tint": "#cfe8d5",
    "taken": "#1b7837",
    "never": "#7b8794",
    "stub": "#c62828",
}
DARK = {
    "paper": "#14181d",
    "ink": "#e4e7eb",
    "line": "#9aa5b1",
    "box": "#232a32",
    "holder": "#616e7c",
    "tint": "#1f4a2c",
    "taken": "#6fcf8b",
    "never": "#8793a0",
    "stub": "#ff8a80",
}
AROUND = {"holder", "machine", "once"}
LINES = {"plain": "line", "taken": "taken", "never": "never", "stub": "stub"}
_LINE_OF = {
    signs.ARROW: "plain",
    signs.TAKEN: "taken",
    signs.NEVER: "never",
    signs.STUB: "stub",
}

_STYLE = """\
text { font: 12px "DejaVu Sans Mono", ui-monospace, Menlo, Consolas, monospace; fill: var(--ink) }
.title { font-size: 15px; font-weight: bold }
.small { font-size: 10px }
.in { text-anchor: middle }
.name { font-weight: bold }
.paper { fill: var(--paper) }
.holder { fill: none; stroke: var(--holder); stroke-dasharray: 5 3 }
.machine, .once { fill: none; stroke: var(--ink); stroke-width: 1.6px }
.leaf, .unvisited { fill: var(--box); stroke: var(--ink) }
.visited { fill: var(--tint); stroke: var(--taken) }
.start { fill: var(--ink) }
.refers { stroke-dasharray: 2 2 }
.end { fill: none; stroke: var(--ink) }"""


def svg(picture: Picture, marks: Marks = NONE) -> Iterator[str]:
    """The picture laid out; colours are variables, so a page around it may set its own.

    Boxes of states have their names as `data-state`, so a page may point to one.

    Raises:
        ConfigError: the library that lays it out is not installed.
    """
    marked = marks is not NONE
    drawn = plan(picture, marks, marked=marked)
    notes = (f"sha256 {picture.digest}", *marks.notes)
    head = MARGIN + HEAD + LINE * len(marks.notes)
    inner = max(drawn.width, 7 * max(map(len, notes)), LEAST)
    entries = legend(drawn, marked=marked, width=inner)
    foot = head + drawn.height + 2 * LINE
    width, height = inner + 2 * MARGIN, foot + entries[-1][1] + signs.ROW + MARGIN
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-labelledby="title desc">'
    )
    yield f'<title id="title">State machine {escape(picture.title)}</title>'
    yield f'<desc id="desc">{escape(_description(picture, marks))}</desc>'
    yield from _style()
    yield f'<rect class="paper" width="{width:.0f}" height="{height:.0f}"/>'
    yield f'<text class="title" x="{MARGIN}" y="{MARGIN + 12}">{escape(picture.name)}</text>'
    for number, note in enumerate(notes):
        y = MARGIN + 30 + LINE * number
        yield f'<text class="small" x="{MARGIN}" y="{y}">{escape(note)}</text>'
    yield f'<g transform="translate({MARGIN:.1f} {head:.1f})">'
    yield from _drawn(drawn)
    yield "</g>"
    yield f'<g transform="translate({MARGIN:.1f} {foot:.1f})">'
    for x, y, sign in entries:
        yield from _entry(x, y, sign)
    yield "</g>"
    yield "</svg>"


def _drawn(drawn: Plan) -> Iterator[str]:
    yield from (_rect(box, box.kind) for box in drawn.boxes if box.kind in AROUND)
    for line in drawn.lines:
        yield from _arrow(line)
    for box in drawn.boxes:
        yield from _name(box) if box.kind in AROUND else _box(box)


def _description(picture: Picture, marks: Marks) -> str:
    """The drawing in words, for whoever cannot see it."""
    arrows = "; ".join(
        f"{arrow.source} to {arrow.target} upon {', '.join(marks.told(arrow))}"
        for arrow in picture.arrows
    )
    refused = "; ".join(
        f"{event} refused in {name} {count:,} times"
        for (name, event), count in marks.refused.items()
    )
    told = (f"Starts in {picture.initial}", arrows, refused, *marks.notes)
    return ". ".join(part for part in told if part)


def _style() -> Iterator[str]:
    yield "<style>"
    yield f"svg {{ {_variables(LIGHT)} }}"
    yield f"@media (prefers-color-scheme: dark) {{ svg {{ {_variables(DARK)} }} }}"
    yield f"@media print {{ svg {{ {_variables(LIGHT)} }} }}"
    yield _STYLE
    for kind, colour in LINES.items():
        yield f".to-{kind} {{ fill: none; stroke: var(--{colour}); stroke-width: 1.4px }}"
        yield f".head-{kind} {{ fill: var(--{colour}) }}"
    yield ".say-never { fill: var(--never) }"
    yield ".say-taken { fill: var(--taken) }"
    yield ".say-stub { fill: var(--stub) }"
    yield "</style>"
    yield "<defs>"
    for kind in LINES:
        shape = "M6 0V8H8V0z" if kind == "stub" else "M0 0 8 4 0 8z"
        yield (
            f'<marker id="{kind}" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="7" '
            f'markerHeight="7" orient="auto"><path class="head-{kind}" d="{shape}"/></marker>'
        )
    yield "</defs>"


def _variables(colours: dict[str, str]) -> str:
    return "; ".join(f"--{name}: {colour}" for name, colour in colours.items())


def _name(placed: Placed) -> Iterator[str]:
    """The name of what stands in a box."""
    x, y = placed.name_at
    kind = "name" if placed.kind != "holder" else "group"
    yield f'<text class="{kind}" x="{x:.1f}" y="{y + 12:.1f}">{escape(placed.lines[0].text)}</text>'


def _box(placed: Placed) -> Iterator[str]:
    x, y = placed.x + placed.width / 2, placed.y + placed.height / 2
    if placed.kind == "start":
        yield f'<circle class="start" cx="{x:.1f}" cy="{y:.1f}" r="6"/>'
        return
    box = placed.box
    if placed.kind != "said":
        name = box.name if box else ""
        yield _rect(placed, f"{placed.kind} refers" if box and box.refers else placed.kind, name)
    if box and box.final:
        yield _rect(placed, "end", by=3)
    yield from _words(placed.lines, x, y)


def _rect(placed: Placed, kind: str, state: str = "", *, by: float = 0) -> str:
    named = f" data-state={quoteattr(state)}" if state else ""
    return (
        f'<rect class="{kind}"{named} x="{placed.x + by:.1f}" y="{placed.y + by:.1f}" '
        f'width="{placed.width - 2 * by:.1f}" height="{placed.height - 2 * by:.1f}" rx="5"/>'
    )


def _arrow(line: Line) -> Iterator[str]:
    """Its pieces, the last of which has the head; a stub ends in a bar."""
    *before, last = line.pieces
    for piece in before:
        yield f'<polyline class="to-{line.kind}" points="{_points(piece)}"/>'
    yield (
        f'<polyline class="to-{line.kind}" points="{_points(last)}" '
        f'marker-end="url(#{line.kind})"/>'
    )


def _points(piece: tuple[tuple[float, float], ...]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in piece)


def _words(lines: tuple[Words, ...], x: float, y: float) -> Iterator[str]:
    first = y - LINE * (len(lines) - 1) / 2 + 4
    for number, words in enumerate(lines):
        yield (
            f'<text class="in say-{words.kind}" x="{x:.1f}" y="{first + LINE * number:.1f}">'
            f"{escape(words.text)}</text>"
        )


def _entry(x: float, y: float, sign: str) -> Iterator[str]:
    """A sign of the legend with its meaning."""
    middle, end = y + signs.ROW / 2, x + signs.SAMPLE - 8
    kind = {signs.REFERS: "leaf refers", signs.GROUP: "holder", signs.END: "leaf"}.get(sign, sign)
    if sign == signs.START:
        yield f'<circle class="start" cx="{x + 13:.1f}" cy="{middle:.1f}" r="5"/>'
    elif sign == signs.STAY:
        yield f'<text class="in" x="{x + 13:.1f}" y="{middle + 4:.1f}">{STAYS}</text>'
    elif sign in _LINE_OF:
        yield from _arrow(Line(pieces=(((x, middle), (end, middle)),), kind=_LINE_OF[sign]))
    else:
        sample = Placed(x=x, y=y + 3, width=26, height=14, lines=(), kind=kind)
        yield _rect(sample, kind)
        if sign == signs.END:
            yield _rect(sample, "end", by=3)
    text = escape(signs.MEANINGS[sign])
    yield (f'<text class="small" x="{x + signs.SAMPLE:.1f}" y="{middle + 3.5:.1f}">{text}</text>')
