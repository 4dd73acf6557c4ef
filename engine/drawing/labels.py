"""Where the text of an arrow stands: on a piece of that arrow, so that it is clear whose it is.

Of all places along the arrow the one is taken that covers least: no box, no other text, few
other arrows, and not the head of its own.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

Point = tuple[float, float]
Area = tuple[float, float, float, float]
"""Left, top, right, bottom."""

_BOX = 1000.0
_TEXT = 600.0
_HEAD = 60.0
_ARROW = 20.0
_ROUNDS = 2
_PLACES = 60  # to try along one arrow
_STEP = 9.0  # pixels from one place to try to the next, at least
_TIP = 12.0  # room for an arrow's head


def spots(
    paths: Sequence[Sequence[Point]], sizes: Sequence[tuple[float, float]], boxes: Sequence[Area]
) -> list[Point]:
    """The middle of each arrow's text, in the order of the arrows.

    Args:
        paths: corners of each arrow, from its source to its target.
        sizes: width and height of each text; (0, 0) if there is none.
        boxes: what no text should cover.
    """
    fixed = [(box, _BOX) for box in boxes]
    fixed += [(around(path[-1], _TIP, 2 * _TIP), _HEAD) for path in paths]
    spots: list[Point] = [path[0] for path in paths]
    texts: dict[int, Area] = {}
    # the short ones first: they have least choice; then again, now that all are placed
    ordered = sorted(range(len(paths)), key=lambda each: _length(paths[each]))
    for number in (each for _ in range(_ROUNDS) for each in ordered):
        width, height = sizes[number]
        if not width:
            continue
        lines = [
            (_piece(start, end), _ARROW)
            for each, path in enumerate(paths)
            if each != number
            for start, end in pairwise(path)
        ]
        words = [(area, _TEXT) for each, area in texts.items() if each != number]
        reach = _reach(paths[number], width, height)
        close = [one for one in (*fixed, *lines, *words) if meet(one[0], reach)]
        spots[number] = _best(paths[number], width, height, close)
        texts[number] = around(spots[number], width, height)
    return spots


def _best(
    path: Sequence[Point], width: float, height: float, close: Sequence[tuple[Area, float]]
) -> Point:
    """The place that covers least, and of equal ones that nearest to the source."""
    best, least = path[0], float("inf")
    for spot, way in _places(path, width, height):
        area = around(spot, width, height)
        cost = sum(cost for other, cost in close if meet(area, other)) + 0.002 * way
        if cost < least:
            best, least = spot, cost
    return best


def _length(path: Sequence[Point]) -> float:
    return sum(abs(ax - bx) + abs(ay - by) for (ax, ay), (bx, by) in pairwise(path))


def _places(path: Sequence[Point], width: float, height: float) -> Iterator[tuple[Point, float]]:
    """Places on an arrow and close beside it, and how far along it they are."""
    step = max(_STEP, _length(path) / _PLACES)
    gone = 0.0
    for (ax, ay), (bx, by) in pairwise(path):
        long = abs(ax - bx) + abs(ay - by)
        steps = max(1, int(long / step))
        for number in range(steps + 1):
            part = number / steps
            x, y = ax + (bx - ax) * part, ay + (by - ay) * part
            yield (x, y), gone + long * part
            if ax == bx:
                yield (x + width / 2 + 3, y), gone + long * part
                yield (x - width / 2 - 3, y), gone + long * part
            else:
                yield (x, y - height / 2 - 2), gone + long * part
                yield (x, y + height / 2 + 2), gone + long * part
        gone += long


def _reach(path: Sequence[Point], width: float, height: float) -> Area:
    """Where a text of an arrow could be at all."""
    across, down = [x for x, _ in path], [y for _, y in path]
    return (
        min(across) - width - 3,
        min(down) - height - 3,
        max(across) + width + 3,
        max(down) + height + 3,
    )


def around(spot: Point, width: float, height: float) -> Area:
    """The area of a text by its middle."""
    x, y = spot
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _piece(start: Point, end: Point) -> Area:
    (ax, ay), (bx, by) = start, end
    return min(ax, bx), min(ay, by), max(ax, bx), max(ay, by)


def meet(one: Area, other: Area) -> bool:
    """Whether two areas have more than an edge in common."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
