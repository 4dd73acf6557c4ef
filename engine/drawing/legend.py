"""What the signs of a drawing mean: said below it, so that it can be read without anything else."""

from collections.abc import Iterator

from verifill.engine.drawing.layout import Plan
from verifill.engine.drawing.sheet import CHARACTER
from verifill.engine.drawing.words import STAYS

SMALL = CHARACTER * 10 / 12  # width of a character of small text
SAMPLE = 34.0  # room for a sign
ROW = 20.0
GAP = 22.0

START = "start"
END = "end"
ARROW = "arrow"
STAY = "stay"
REFERS = "refers"
GROUP = "group"
MACHINE = "machine"
VISITED = "visited"
TAKEN = "taken"
NEVER = "never"
STUB = "stub"

MEANINGS = {
    START: "where it starts",
    END: "where it may end",
    ARROW: "upon the event it goes there",
    STAY: "upon the event it stays",
    REFERS: "a machine drawn in a frame of its own; STATE: event is said of its state",
    GROUP: "states grouped by name",
    MACHINE: "a machine inside; STATE: event leaves from its state, event into STATE enters it",
    VISITED: "the run was here",
    TAKEN: "taken so many times; median and 99th percentile of the time in the state before",
    NEVER: "never taken",
    STUB: "refused so many times",
}


def legend(drawn: Plan, *, marked: bool, width: float) -> list[tuple[float, float, str]]:
    """Left end, top and sign of each entry that a drawing needs, in pixels.

    Args:
        drawn: the drawing.
        marked: whether a run is drawn over it.
        width: room for a row.
    """
    x, y = 0.0, 0.0
    placed: list[tuple[float, float, str]] = []
    for sign in _signs(drawn, marked=marked):
        wide = SAMPLE + len(MEANINGS[sign]) * SMALL
        if x and x + wide > width:
            x, y = 0.0, y + ROW
        placed.append((x, y, sign))
        x += wide + GAP
    return placed


def _signs(drawn: Plan, *, marked: bool) -> Iterator[str]:
    boxes = [box.box for box in drawn.boxes if box.box]
    kinds = {box.kind for box in drawn.boxes}
    lines = {line.kind for line in drawn.lines}
    yield START
    if any(box.final for box in boxes):
        yield END
    if not marked:
        yield ARROW
    if any(words.text.startswith(STAYS) for box in drawn.boxes for words in box.lines):
        yield STAY
    if any(box.refers for box in boxes):
        yield REFERS
    if "holder" in kinds:
        yield GROUP
    if "machine" in kinds:
        yield MACHINE
    if marked:
        yield VISITED
        yield TAKEN
        yield NEVER
    if STUB in lines:
        yield STUB
