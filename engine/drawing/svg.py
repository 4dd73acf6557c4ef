"""A drawing as SVG: one file, for print and screen, light and dark."""

from collections.abc import Iterator
from xml.sax.saxutils import escape

from verifill.engine.drawing.layout import LINE, Line, Placed, plan
from verifill.engine.drawing.marks import NONE, Marks
from verifill.engine.drawing.model import Picture

MARGIN = 20.0
HEAD = 52.0  # room for the title above the drawing

LIGHT = {
    "paper": "#ffffff",
    "ink": "#1f2933",
    "line": "#52606d",
    "box": "#f5f7fa",
    "holder": "#9aa5b1",
    "tint": "#cfe8d5",
    "taken": "#1b7837",
    "never": "#a8b0b8",
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
    "never": "#5a646e",
    "stub": "#ff8a80",
}
LINES = {"plain": "line", "taken": "taken", "never": "never", "stub": "stub"}

_STYLE = """\
text { font: 12px ui-monospace, "DejaVu Sans Mono", monospace; fill: var(--ink) }
.title { font-size: 15px; font-weight: bold }
.small { font-size: 10px }
.in, .at { text-anchor: middle }
.at { paint-order: stroke; stroke: var(--paper); stroke-width: 4px }
.paper { fill: var(--paper) }
.holder { fill: none; stroke: var(--holder); stroke-dasharray: 5 3 }
.once { fill: none; stroke: var(--ink) }
.leaf, .unvisited { fill: var(--box); stroke: var(--ink) }
.visited { fill: var(--tint); stroke: var(--taken) }
.stub { fill: none; stroke: none }
.start { fill: var(--ink) }
.refers { stroke-dasharray: 2 2 }
.end { fill: none; stroke: var(--ink) }"""


def svg(picture: Picture, marks: Marks = NONE) -> Iterator[str]:
    """The picture laid out; colours are variables, so a page around it may set its own.

    Raises:
        ConfigError: the library that lays it out is not installed.
    """
    drawn = plan(picture, marks, marked=marks is not NONE)
    notes = (f"sha256 {picture.digest}", *marks.notes)
    head = HEAD + LINE * len(marks.notes)
    width = max(drawn.width, 7 * max(map(len, notes))) + 2 * MARGIN
    height = drawn.height + head + 2 * MARGIN
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
    yield f'<g transform="translate({MARGIN:.1f} {MARGIN + head:.1f})">'
    yield from (_holder(box) for box in drawn.boxes if box.kind == "holder")
    yield from (_arrow(line) for line in drawn.lines)
    for box in drawn.boxes:
        if box.kind != "holder":
            yield from _box(box)
    for line in drawn.lines:
        yield from _words(line.text, *line.anchor, kind=f"at say-{line.kind}")
    yield "</g>"
    yield "</svg>"


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
        yield (
            f'<marker id="{kind}" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="7" '
            f'markerHeight="7" orient="auto"><path class="head-{kind}" d="M0 0 8 4 0 8z"/></marker>'
        )
    yield "</defs>"


def _variables(colours: dict[str, str]) -> str:
    return "; ".join(f"--{name}: {colour}" for name, colour in colours.items())


def _holder(placed: Placed) -> str:
    kind = "once" if placed.box and placed.box.entry else "holder"
    label = escape(placed.lines[0])
    return (
        f'{_rect(placed, kind)}<text x="{placed.x + 8:.1f}" y="{placed.y + 15:.1f}">{label}</text>'
    )


def _box(placed: Placed) -> Iterator[str]:
    x, y = placed.x + placed.width / 2, placed.y + placed.height / 2
    if placed.kind == "start":
        yield f'<circle class="start" cx="{x:.1f}" cy="{y:.1f}" r="6"/>'
        return
    box = placed.box
    yield _rect(placed, f"{placed.kind} refers" if box and box.refers else placed.kind)
    if box and box.final:
        yield _rect(placed, "end", by=3)
    yield from _words(placed.lines, x, y, kind=f"in say-{placed.kind}")


def _rect(placed: Placed, kind: str, *, by: float = 0) -> str:
    return (
        f'<rect class="{kind}" x="{placed.x + by:.1f}" y="{placed.y + by:.1f}" '
        f'width="{placed.width - 2 * by:.1f}" height="{placed.height - 2 * by:.1f}" rx="5"/>'
    )


def _arrow(line: Line) -> str:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in line.points)
    ends = "" if line.kind == "stub" else f' marker-end="url(#{line.kind})"'
    return f'<polyline class="to-{line.kind}" points="{points}"{ends}/>'


def _words(lines: tuple[str, ...], x: float, y: float, *, kind: str) -> Iterator[str]:
    first = y - LINE * (len(lines) - 1) / 2 + 4
    for number, text in enumerate(lines):
        yield (
            f'<text class="{kind}" x="{x:.1f}" y="{first + LINE * number:.1f}">'
            f"{escape(text)}</text>"
        )
