"""Where boxes and arrows of a picture stand, as the library graphlay lays them out.

States side by side are laid out by the library, which keeps those of one holder in a lane of
their own; the holder's box is then drawn around them. A table that others refer to is laid
out by itself and stands below. Where holders nest more deeply, in a drawing unfolded, or where no
lanes are found in which they stand apart, the library nests them itself: its arrows then share
a track at a holder's edge.

The library is imported when a picture is laid out: it comes with the extra `diagrams`.
"""

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from itertools import combinations
from types import ModuleType
from typing import Any, Protocol

import attrs

from verifill.engine.drawing.labels import Area, Point, around, meet, spots
from verifill.engine.drawing.marks import Marks
from verifill.engine.drawing.model import Box, Picture, walk
from verifill.engine.errors import ConfigError

CHARACTER = 7.3  # width of one, in pixels, of a fixed-width font of LINE
LINE = 15.0
PADDING = 12.0  # between a holder and what it holds
HEADER = 20.0  # for the name of a holder
BETWEEN = 40.0  # between two parts of a drawing

TRIES = tuple((lanes, seed) for lanes in ("soft", "strict") for seed in range(8))
BEST = 5  # of so many the texts are placed too
CLASH = 500.0  # what a text over another, or over a box, costs; likewise
CROSSING = 20.0  # what one costs, in pixels of width and height

_SPACING = {"node_gap": 46.0, "dummy_gap": 18.0, "layer_gap": 58.0, "isolated_gap": 30.0}
_FLAT: Mapping[str, Any] = {
    "direction": "topbottom",
    "cycles": {"strategy": "follow_flow"},
    "spacing": _SPACING,
}
_NESTED: Mapping[str, Any] = {
    "direction": "topbottom",
    "cycles": {"strategy": "minimum_reversal"},
    "spacing": _SPACING | {"compound_header": HEADER, "compound_padding": PADDING},
}


@attrs.frozen(kw_only=True)
class Placed:
    """A box with its place; x and y are of its upper left corner, in pixels."""

    x: float
    y: float
    width: float
    height: float
    lines: tuple[str, ...]
    kind: str
    box: Box | None = None

    def moved(self, x: float, y: float) -> "Placed":
        """The same box elsewhere."""
        return attrs.evolve(self, x=self.x + x, y=self.y + y)


@attrs.frozen(kw_only=True)
class Line:
    """An arrow with its corners, and the place of the middle of its text."""

    points: tuple[Point, ...]
    text: tuple[str, ...]
    anchor: Point
    kind: str

    def moved(self, x: float, y: float) -> "Line":
        """The same arrow elsewhere."""
        return attrs.evolve(
            self,
            points=tuple((across + x, down + y) for across, down in self.points),
            anchor=(self.anchor[0] + x, self.anchor[1] + y),
        )


@attrs.frozen
class Plan:
    """A picture laid out: boxes from the outside in, arrows, and the size of all; pixels."""

    boxes: tuple[Placed, ...]
    lines: tuple[Line, ...]
    width: float
    height: float


class _Drawn(Protocol):
    """What the library answers: a mapping for each box and each arrow, in their order."""

    nodes: Sequence[Mapping[str, Any]]
    edges: Sequence[Mapping[str, Any]]

    def metrics(self) -> Mapping[str, float]:
        """Figures of the drawing's quality: `crossings`, `width`, `height` and others."""
        ...


class _Sheet:
    """One part of a drawing, as it is handed to the library."""

    def __init__(self, library: ModuleType, *, nested: bool) -> None:
        self.graph = library.Graph()
        self.nested = nested
        self.boxes: list[tuple[tuple[str, ...], str, Box | None]] = []
        self.lines: list[tuple[tuple[str, ...], str]] = []

    def box(
        self, name: str, kind: str, text: Sequence[str], box: Box | None = None, **around: int
    ) -> int:
        """Add a box; `around` says in which lane or holder it stands."""
        wide = max((len(line) for line in text), default=0)
        dot = kind == "start"
        height = 14.0 if dot else LINE * len(text) + 14
        width = 14.0 if dot else wide * CHARACTER + 20
        self.boxes.append((tuple(text), kind, box))
        number: int = self.graph.node(name, width=width, height=height, **around)
        return number

    def line(self, source: str, target: str, text: Sequence[str], kind: str) -> None:
        """Add an arrow."""
        width, height = size_of(text)
        size = {"label_size": {"width": width, "height": height}} if text else {}
        self.lines.append((tuple(text), kind))
        self.graph.edge(source, target, **size)


def plan(picture: Picture, marks: Marks, *, marked: bool) -> Plan:
    """The picture laid out from top to bottom.

    Raises:
        ConfigError: the library is not installed.
    """
    library = library_of("graphlay")
    whole = tuple(box for box in picture.boxes if not box.entry)
    once = [box for box in picture.boxes if box.entry]
    parts = [(whole, picture.initial), *((box.children, box.entry) for box in once)]
    titles = ["", *(box.label for box in once)]
    laid = [_part(library, picture, part, marks, marked=marked) for part in parts]
    boxes: list[Placed] = []
    lines: list[Line] = []
    below = 0.0
    for title, part in zip(titles, laid, strict=True):
        if title:
            boxes.append(_frame(title, part, below))
        x, y = (PADDING, below + HEADER + PADDING) if title else (0, below)
        boxes += [box.moved(x, y) for box in part.boxes]
        lines += [line.moved(x, y) for line in part.lines]
        below = y + part.height + (PADDING if title else 0) + BETWEEN
    width = max(part.width for part in laid) + (2 * PADDING if len(laid) > 1 else 0)
    return Plan(tuple(boxes), tuple(lines), width, below - BETWEEN)


def library_of(name: str) -> ModuleType:
    """A library of the extra `diagrams`.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        msg = f"this drawing needs {name}, which is not installed: pip install 'verifill[diagrams]'"
        raise ConfigError(msg) from error


def size_of(text: Sequence[str]) -> tuple[float, float]:
    """Width and height of the text at an arrow, in pixels; no width if there is none."""
    wide = max((len(line) for line in text), default=0)
    return (wide * CHARACTER + 4, LINE * len(text)) if text else (0.0, 0.0)


def clashes(drawn: Plan) -> int:
    """How many texts lie over another text, over a box, or over the name of a holder."""
    texts = [around(line.anchor, *size_of(line.text)) for line in drawn.lines if line.text]
    solid = [_solid(box) for box in drawn.boxes]
    count = sum(meet(one, other) for one, other in combinations(texts, 2))
    return count + sum(meet(text, box) for text in texts for box in solid)


def _part(
    library: ModuleType,
    picture: Picture,
    part: tuple[tuple[Box, ...], str],
    marks: Marks,
    *,
    marked: bool,
) -> Plan:
    """Some boxes, laid out in lanes if that is possible."""
    boxes, initial = part
    holders = [box for box in boxes if box.children]
    if not any(inside.children for box in holders for inside in box.children):
        sheet = _sheet(library, picture, boxes, initial, _Look(marks, marked), nested=False)
        tries = TRIES if holders else TRIES[:1]
        found = [one for each in tries if (one := _try(library, sheet, boxes, *each))]
        best = sorted(found, key=lambda one: one[0])[:BEST]
        if best:
            read = [(cost, _read(drawn, sheet, placed)) for cost, placed, drawn in best]
            return min(read, key=lambda one: one[0] + CLASH * clashes(one[1]))[1]
    sheet = _sheet(library, picture, boxes, initial, _Look(marks, marked), nested=True)
    drawn = library.layout(sheet.graph, options=_NESTED)
    return _read(drawn, sheet, _placed(drawn, sheet))


def _try(
    library: ModuleType, sheet: _Sheet, boxes: tuple[Box, ...], lanes: str, seed: int
) -> tuple[float, list[Placed], _Drawn] | None:
    """A layout with its cost; None if a holder's box would cover what it does not hold."""
    options = {**_FLAT, "seed": seed, "order": {"group_lanes": lanes}}
    drawn: _Drawn = library.layout(sheet.graph, options=options)
    inside = _placed(drawn, sheet)
    placed = [*_holders(boxes, inside), *inside]
    if not _apart(placed):
        return None
    told = drawn.metrics()
    return told["width"] + told["height"] + CROSSING * told["crossings"], placed, drawn


@attrs.frozen
class _Look:
    """What a log adds, and whether there is one."""

    marks: Marks
    marked: bool


def _sheet(
    library: ModuleType,
    picture: Picture,
    boxes: tuple[Box, ...],
    initial: str,
    look: _Look,
    *,
    nested: bool,
) -> _Sheet:
    """Some boxes with the arrows between them; none leads from there to the others."""
    sheet = _Sheet(library, nested=nested)
    marks = look.marks
    _add_boxes(sheet, boxes, marks, marked=look.marked)
    here = {box.name for box in walk(boxes)}
    sheet.box("", "start", ())
    sheet.line("", initial, (), "plain")
    for arrow in picture.arrows:
        if arrow.source in here:
            kind = ("taken" if marks.took(arrow) else "never") if look.marked else "plain"
            sheet.line(arrow.source, arrow.target, tuple(marks.told(arrow)), kind)
    for number, ((name, event), count) in enumerate(marks.refused.items()):
        if name in here:
            sheet.box(f"refused {number}", "stub", ("refused",))
            sheet.line(name, f"refused {number}", (f"{event} {count:,}x",), "stub")
    return sheet


def _add_boxes(
    sheet: _Sheet, boxes: tuple[Box, ...], marks: Marks, *, marked: bool, **around: int
) -> None:
    for number, box in enumerate(boxes):
        if box.children and sheet.nested:
            holder = sheet.box(box.name, "holder", (box.label,), box, **around)
            _add_boxes(sheet, box.children, marks, marked=marked, parent=holder)
        elif box.children:
            _add_boxes(sheet, box.children, marks, marked=marked, group=number)
        else:
            kind = ("visited" if box.name in marks.visited else "unvisited") if marked else "leaf"
            text = (box.label, f"see {box.refers}") if box.refers else (box.label,)
            sheet.box(box.name, kind, text, box, **around)


def _placed(drawn: _Drawn, sheet: _Sheet) -> list[Placed]:
    return [
        Placed(
            x=node["center"]["x"] - node["size"]["width"] / 2,
            y=node["center"]["y"] - node["size"]["height"] / 2,
            width=node["size"]["width"],
            height=node["size"]["height"],
            lines=text,
            kind=kind,
            box=box,
        )
        for node, (text, kind, box) in zip(drawn.nodes, sheet.boxes, strict=True)
    ]


def _apart(placed: Sequence[Placed]) -> bool:
    """Whether every holder's box covers what it holds, and nothing else."""
    return not any(
        _cover(holder, other)
        for holder in placed
        if holder.box and holder.kind == "holder"
        for other in placed
        if other is not holder and other.box not in holder.box.children
    )


def _cover(one: Placed, other: Placed) -> bool:
    across = one.x < other.x + other.width and other.x < one.x + one.width
    return across and one.y < other.y + other.height and other.y < one.y + one.height


def _read(drawn: _Drawn, sheet: _Sheet, placed: Sequence[Placed]) -> Plan:
    """The boxes with the arrows between them, and the texts of those."""
    paths = [[(at["x"], at["y"]) for at in edge["points"]] for edge in drawn.edges]
    solid = [_solid(box) for box in placed]
    anchors = spots(paths, [size_of(text) for text, _ in sheet.lines], solid)
    lines = [
        Line(points=tuple(path), text=text, anchor=anchor, kind=kind)
        for path, (text, kind), anchor in zip(paths, sheet.lines, anchors, strict=True)
    ]
    return _cornered(placed, lines)


def _solid(placed: Placed) -> Area:
    """What no text should cover of a box: all of it, but of a holder only its name."""
    if placed.kind == "holder":
        width = len(placed.lines[0]) * CHARACTER + 12
        return placed.x, placed.y, placed.x + width, placed.y + HEADER
    return placed.x, placed.y, placed.x + placed.width, placed.y + placed.height


def _holders(boxes: tuple[Box, ...], placed: Sequence[Placed]) -> Iterator[Placed]:
    """Each holder's box, drawn around what it holds."""
    for box in boxes:
        inside = [one for one in placed if one.box in box.children]
        if inside:
            left, top = min(one.x for one in inside), min(one.y for one in inside)
            right = max(one.x + one.width for one in inside)
            bottom = max(one.y + one.height for one in inside)
            yield Placed(
                x=left - PADDING,
                y=top - PADDING - HEADER,
                width=right - left + 2 * PADDING,
                height=bottom - top + 2 * PADDING + HEADER,
                lines=(box.label,),
                kind="holder",
                box=box,
            )


def _cornered(boxes: Sequence[Placed], lines: Sequence[Line]) -> Plan:
    """Everything moved so that the upper left corner of it all, texts included, is (0, 0)."""
    points = [(box.x, box.y) for box in boxes]
    points += [(box.x + box.width, box.y + box.height) for box in boxes]
    points += [point for line in lines for point in line.points]
    for line in lines:
        width, height = size_of(line.text)
        x, y = line.anchor
        points += [(x - width / 2, y - height / 2), (x + width / 2, y + height / 2)]
    left, top = min(x for x, _ in points), min(y for _, y in points)
    return Plan(
        tuple(box.moved(-left, -top) for box in boxes),
        tuple(line.moved(-left, -top) for line in lines),
        max(x for x, _ in points) - left,
        max(y for _, y in points) - top,
    )


def _frame(title: str, part: Plan, below: float) -> Placed:
    return Placed(
        x=0,
        y=below,
        width=part.width + 2 * PADDING,
        height=part.height + 2 * PADDING + HEADER,
        lines=(title,),
        kind="holder",
        box=Box(name=title, label=title, entry=title),
    )
