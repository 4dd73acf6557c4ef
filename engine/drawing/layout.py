"""Where boxes, arrows and texts of a picture stand.

A machine that stands in a box of its own is laid out by itself, and its box then stands among
the others, as large as it is; so is a table that others refer to, beside the whole. Of the states
side by side the library keeps those of one group in a lane of their own, and the group's box is
drawn around them. Where no lanes are found in which groups stand apart, the library nests them.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import attrs

from verifill.engine.drawing.marks import Marks
from verifill.engine.drawing.model import Box, Picture, walk
from verifill.engine.drawing.sheet import (
    CHARACTER,
    HEADER,
    LINE,
    PADDING,
    Drawn,
    Line,
    Placed,
    Point,
    Sheet,
    size_of,
)
from verifill.engine.drawing.words import STAYS, Told, Words, told

Area = tuple[float, float, float, float]
"""Left, top, right, bottom."""

BETWEEN = 36.0  # between two parts of a drawing
PAGE = (190.0, 277.0)  # an A4 page within margins of a centimetre, in millimetres
SEEDS = 8  # layouts to choose from
LANES = ("soft", "strict")
CROSSING = 0.004  # the share of its size on paper that a drawing would give to avoid one
CLASH = 0.9  # the share of its merit that a layout keeps if a text is over another or a box
COVERED = 50  # arrows that a name would rather cross than cover a box
NAME_STEP = 8.0  # pixels from one place to try for a name to the next

_DOT = (14.0, 14.0)


@attrs.frozen
class Plan:
    """A picture laid out: boxes from the outside in, arrows, and the size of all; pixels.

    Attributes:
        crossings: How often arrows cross.
    """

    boxes: tuple[Placed, ...]
    lines: tuple[Line, ...]
    width: float = 0
    height: float = 0
    crossings: float = 0

    def moved(self, x: float, y: float) -> "Plan":
        """The same elsewhere."""
        boxes = tuple(box.moved(x, y) for box in self.boxes)
        return attrs.evolve(self, boxes=boxes, lines=tuple(one.moved(x, y) for one in self.lines))


def plan(picture: Picture, marks: Marks, *, marked: bool) -> Plan:
    """The picture laid out from top to bottom.

    Raises:
        ConfigError: the library is not installed.
    """
    found = [_laid(_Look(picture, marks, marked, seed)) for seed in range(SEEDS)]
    return max(found, key=lambda one: _merit(one) * CLASH ** clashes(one))


def _laid(look: "_Look") -> Plan:
    """The whole, and the tables that it refers to below or beside it."""
    whole = tuple(box for box in look.picture.boxes if not box.entry)
    parts = [look.part(whole, look.picture.initial)]
    parts += [
        _framed(box, look.part(box.children, box.entry), "once")
        for box in look.picture.boxes
        if box.entry
    ]
    return max((_together(parts, below=True), _together(parts, below=False)), key=on_paper)


def _merit(drawn: Plan) -> float:
    """How good a layout is: how large it can be printed, and how little its arrows cross."""
    return on_paper(drawn) * (1 - CROSSING * drawn.crossings)


def on_paper(drawn: Plan) -> float:
    """Millimetres for a pixel on a page of A4, turned if that is larger."""
    short, long = PAGE
    width, height = drawn.width, drawn.height
    return max(min(short / width, long / height), min(long / width, short / height))


def clashes(drawn: Plan) -> int:
    """How many texts lie over another text or a box, or are crossed by an arrow."""
    texts = [_words_area(box) for box in drawn.boxes if box.lines]
    solid = [_area(box) for box in drawn.boxes if not _around(box)]
    lines = [piece for line in drawn.lines for piece in _pieces(line)]
    names = [_words_area(box) for box in drawn.boxes if _around(box)]
    count = sum(meet(one, other) for at, one in enumerate(texts) for other in texts[:at])
    count += sum(meet(name, box) for name in names for box in solid)
    return count + sum(meet(text, piece) for text in texts for piece in lines)


def meet(one: Area, other: Area) -> bool:
    """Whether two areas have more than an edge in common."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


@attrs.frozen
class _Look:
    """A picture, what a log adds to it, whether there is one, and where chance begins."""

    picture: Picture
    marks: Marks
    marked: bool
    seed: int

    def part(self, boxes: Sequence[Box], initial: str) -> Plan:
        """Some boxes side by side, with all that stands in them."""
        inside = {
            box.name: _framed(box, self.part(box.children, box.starts), "machine")
            for box in _machines(boxes)
        }
        arrows = list(told(self.picture, boxes, self.marks, marked=self.marked))
        order = [one.name for box in boxes for one in walk((box,))]
        heights = {name: float(number) for number, name in enumerate(order)}
        best = self._best(boxes, initial, arrows, inside, heights)
        return _cornered(best, inside)

    def _best(
        self,
        boxes: Sequence[Box],
        initial: str,
        arrows: Sequence[Told],
        inside: Mapping[str, Plan],
        heights: Mapping[str, float],
    ) -> Plan:
        """The layout with fewest crossings for its size."""
        found: list[Plan] = []
        groups = [box for box in boxes if box.children and not box.starts]
        if not any(box.children for group in groups for box in group.children):
            sheet = self._sheet(boxes, initial, arrows, inside, heights, nested=False)
            for lanes in LANES if groups else LANES[:1]:
                drawn, placed, lines = sheet.laid("follow_flow", lanes, self.seed)
                around = (*_holders(groups, placed), *placed)
                if _apart(around):
                    found.append(_measured(drawn, around, lines))
        if groups or not found:
            sheet = self._sheet(boxes, initial, arrows, inside, heights, nested=True)
            drawn, placed, lines = sheet.laid("minimum_reversal", "soft", self.seed)
            found.append(_measured(drawn, placed, lines))
        return max(found, key=_merit)

    def _sheet(
        self,
        boxes: Sequence[Box],
        initial: str,
        arrows: Sequence[Told],
        inside: Mapping[str, Plan],
        heights: Mapping[str, float],
        *,
        nested: bool,
    ) -> Sheet:
        sheet = Sheet(heights)
        stays = {one.source: one.words for one in arrows if one.source == one.target}
        lanes: dict[str, dict[str, int]] = {}
        self._fill(sheet, boxes, stays, inside, lanes, nested=nested)
        first = next(box.name for box in _standing(boxes) if _holds(box, initial))
        sheet.box("", "start", (), size=_DOT)
        sheet.arrow(Told(source="", target=first, words=(), kind="plain"))
        for one in arrows:
            if one.source != one.target:
                lane, other = lanes.get(one.source, {}), lanes.get(one.target, {})
                sheet.arrow(one, **(lane if lane == other else {}))
        for (name, event), count in self.marks.refused.items():
            if any(box.name == name for box in _standing(boxes)):
                sheet.stub(name, Words(f"{event} refused {count:,}x", "stub"))
        return sheet

    def _fill(
        self,
        sheet: Sheet,
        boxes: Sequence[Box],
        stays: Mapping[str, tuple[Words, ...]],
        inside: Mapping[str, Plan],
        lanes: dict[str, dict[str, int]],
        *,
        nested: bool,
        **around: int,
    ) -> None:
        """Add some boxes, and those of the groups among them; `lanes` is told where they are."""
        for number, box in enumerate(boxes):
            if box.starts or not box.children:
                lanes[box.name] = around
                self._add(sheet, box, stays, inside, **around)
                continue
            if nested:
                name = [Words(box.label)]
                size = (size_of(name)[0] + 20, LINE)
                where = {
                    "parent": sheet.box(box.name, "holder", name, size=size, box=box, **around)
                }
            else:
                where = {"group": number}
            self._fill(sheet, box.children, stays, inside, lanes, nested=nested, **where)

    def _add(
        self,
        sheet: Sheet,
        box: Box,
        stays: Mapping[str, tuple[Words, ...]],
        inside: Mapping[str, Plan],
        **around: int,
    ) -> None:
        if box.name in inside:
            size = (inside[box.name].width, inside[box.name].height)
            sheet.box(box.name, "hole", (), size=size, box=box, **around)
            return
        kind = ("visited" if box.name in self.marks.visited else "unvisited") if self.marked else ""
        lines = [Words(box.label)]
        if box.refers:
            lines.append(Words(f"see {box.refers}"))
        lines += [
            one if one.goes_on else attrs.evolve(one, text=f"{STAYS} {one.text}")
            for one in stays.get(box.name, ())
        ]
        width, height = size_of(lines)
        sheet.box(
            box.name, kind or "leaf", lines, size=(width + 20, height + 14), box=box, **around
        )


def _machines(boxes: Sequence[Box]) -> Iterator[Box]:
    return (box for box in _standing(boxes) if box.starts)


def _standing(boxes: Sequence[Box]) -> Iterator[Box]:
    """The boxes that are laid out side by side: leaves, and machines as a whole."""
    for box in boxes:
        if box.starts or not box.children:
            yield box
        else:
            yield from _standing(box.children)


def _holds(box: Box, name: str) -> bool:
    return any(one.name == name for one in walk((box,)))


def _measured(drawn: Drawn, placed: Sequence[Placed], lines: Sequence[Line]) -> Plan:
    told = drawn.metrics()
    return Plan(tuple(placed), tuple(lines), told["width"], told["height"], told["crossings"])


def _apart(placed: Sequence[Placed]) -> bool:
    """Whether every group's box covers what it holds, and no other box."""
    return not any(
        meet(_area(holder), _area(other))
        for holder in placed
        if holder.box and holder.kind == "holder"
        for other in placed
        if other is not holder and other.kind != "said" and other.box not in holder.box.children
    )


def _holders(groups: Sequence[Box], placed: Sequence[Placed]) -> Iterator[Placed]:
    """Each group's box, drawn around what it holds."""
    for box in groups:
        inside = [_area(one) for one in placed if one.box in box.children]
        left, top = min(one[0] for one in inside), min(one[1] for one in inside)
        right, bottom = max(one[2] for one in inside), max(one[3] for one in inside)
        yield Placed(
            x=left - PADDING,
            y=top - PADDING - HEADER,
            width=max(right - left, len(box.label) * CHARACTER) + 2 * PADDING,
            height=bottom - top + 2 * PADDING + HEADER,
            lines=(Words(box.label),),
            kind="holder",
            box=box,
        )


def _cornered(drawn: Plan, inside: Mapping[str, Plan]) -> Plan:
    """Everything moved so that the upper left corner of it all is (0, 0), with what is in it."""
    around = [_area(box) for box in drawn.boxes]
    around += [piece for line in drawn.lines for piece in _pieces(line)]
    left, top = min(one[0] for one in around), min(one[1] for one in around)
    right, bottom = max(one[2] for one in around), max(one[3] for one in around)
    boxes: list[Placed] = []
    lines = list(drawn.lines)
    for box in drawn.boxes:
        if box.box and box.box.name in inside:
            part = inside[box.box.name].moved(box.x, box.y)
            boxes += part.boxes
            lines += part.lines
        elif box.kind == "holder":
            boxes.append(_named(box, drawn))
        else:
            boxes.append(box)
    crossings = drawn.crossings + sum(part.crossings for part in inside.values())
    whole = Plan(tuple(boxes), tuple(lines), right - left, bottom - top, crossings)
    return whole.moved(-left, -top)


def _named(holder: Placed, drawn: Plan) -> Placed:
    """A group's box with its name where nothing crosses it, if there is such a place."""
    solid = [(_area(box), COVERED) for box in drawn.boxes if not _around(box)]
    solid += [(piece, 1) for line in drawn.lines for piece in _pieces(line)]
    width, _ = size_of(holder.lines)
    right, bottom = holder.x + holder.width, holder.y + holder.height
    across = [holder.x + 8 + NAME_STEP * step for step in range(int(holder.width / NAME_STEP))]
    down = [holder.y + 3 + NAME_STEP * step for step in range(int(holder.height / NAME_STEP))]
    spots = [(x, holder.y + 3) for x in across]
    spots += [(x, y) for y in down for x in (holder.x + 8, right - width - 8)]
    spots += [(x, bottom - LINE - 3) for x in across]

    def cost(spot: Point) -> int:
        x, y = spot
        around = (x - 2, y, x + width + 2, y + LINE)
        outside = x + width + 8 > right or y + LINE > bottom
        return COVERED * outside + sum(cost for area, cost in solid if meet(around, area))

    best = min(spots, key=cost)
    return attrs.evolve(holder, name_at=best)


def _framed(box: Box, part: Plan, kind: str) -> Plan:
    """A part with a box around it, and its name."""
    name = Words(box.label)
    width = max(part.width, size_of([name])[0]) + 2 * PADDING
    height = part.height + 2 * PADDING + HEADER
    around = Placed(
        x=0, y=0, width=width, height=height, lines=(name,), kind=kind, box=box, name_at=(8, 3)
    )
    inner = part.moved(PADDING, HEADER + PADDING)
    return Plan((around, *inner.boxes), inner.lines, width, height, part.crossings)


def _together(parts: Sequence[Plan], *, below: bool) -> Plan:
    """Some parts one below the other, or side by side."""
    x = y = 0.0
    moved: list[Plan] = []
    for part in parts:
        moved.append(part.moved(x, y))
        x, y = (x, y + part.height + BETWEEN) if below else (x + part.width + BETWEEN, y)
    return Plan(
        tuple(box for part in moved for box in part.boxes),
        tuple(line for part in moved for line in part.lines),
        max(part.width for part in parts) if below else x - BETWEEN,
        y - BETWEEN if below else max(part.height for part in parts),
        sum(part.crossings for part in parts),
    )


def _around(box: Placed) -> bool:
    return box.kind in {"holder", "machine", "once"}


def _area(box: Placed) -> Area:
    return box.x, box.y, box.x + box.width, box.y + box.height


def _words_area(box: Placed) -> Area:
    """Where the text of a box stands."""
    width, height = size_of(box.lines)
    if _around(box):
        x, y = box.name_at
    else:
        x, y = box.x + (box.width - width) / 2, box.y + (box.height - height) / 2
    return x, y, x + width, y + height


def _pieces(line: Line) -> Iterator[Area]:
    for piece in line.pieces:
        for (ax, ay), (bx, by) in pairwise(piece):
            yield min(ax, bx), min(ay, by), max(ax, bx), max(ay, by)
