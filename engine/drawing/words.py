"""What a laid out drawing says: the text at each arrow, and that inside each box.

The moves that leave a state and come back to it are said inside its box. Those into and out of a
machine that stands in a box of its own join that box, with the state in there in their text.
"""

from collections.abc import Iterator, Sequence

import attrs

from verifill.engine.drawing.marks import Marks
from verifill.engine.drawing.model import Arrow, Box, Picture, walk
from verifill.engine.flat import SEPARATOR

STAYS = "\N{ANTICLOCKWISE OPEN CIRCLE ARROW}"
"""Before an event that leads back to the state that it comes from."""

INTO = " into "
WIDE = 26  # characters of a line that need not be broken


@attrs.frozen
class Words:
    """A line of text.

    Attributes:
        text: What it says.
        kind: How it looks: plain, taken, never or stub.
        goes_on: Whether it goes on with what the line before says.
    """

    text: str
    kind: str = "plain"
    goes_on: bool = False


@attrs.frozen(kw_only=True)
class Told:
    """An arrow as it is laid out, between boxes that stand side by side.

    Attributes:
        source: Name of a box.
        target: Name of a box.
        words: The events, one or two lines each.
        kind: How the arrow looks: plain, or taken or never if there is a log.
    """

    source: str
    target: str
    words: tuple[Words, ...]
    kind: str


def told(picture: Picture, boxes: Sequence[Box], marks: Marks, *, marked: bool) -> Iterator[Told]:
    """The arrows between some boxes that stand side by side, with what they say.

    Args:
        picture: what they are a part of.
        boxes: the outermost ones.
        marks: what a log says.
        marked: whether there is a log.
    """
    here = _here(boxes)
    joined: dict[tuple[str, str], list[Words]] = {}
    for arrow in picture.arrows:
        source, target = here.get(arrow.source), here.get(arrow.target)
        if source is None or target is None or (source is target and source.starts):
            continue
        words = joined.setdefault((source.name, target.name), [])
        words += _words(arrow, source, target, marks, marked=marked)
    for (left, entered), words in joined.items():
        kind = "taken" if any(one.kind == "taken" for one in words) else words[0].kind
        yield Told(source=left, target=entered, words=tuple(words), kind=kind)


def _here(boxes: Sequence[Box]) -> dict[str, Box]:
    """For each box inside some the one that stands for it: itself, or a machine around it."""
    here: dict[str, Box] = {}
    for box in boxes:
        if box.starts:
            here |= {one.name: box for one in walk((box,))}
        else:
            here |= {box.name: box} | _here(box.children)
    return here


def _words(
    arrow: Arrow, source: Box, target: Box, marks: Marks, *, marked: bool
) -> Iterator[Words]:
    inside = arrow.source.removeprefix(source.name).removeprefix(SEPARATOR)
    entered = arrow.target.removeprefix(target.name).removeprefix(SEPARATOR)
    if arrow.target == target.starts:
        entered = ""
    for event in arrow.events:
        taken = marks.taken.get((arrow.source, arrow.target, event))
        kind = "taken" if taken else "never" if marked else "plain"
        times = f" {taken.count:,}x" if taken else ""
        first, *more = _lines(_placed(event, inside, entered))
        if taken and taken.p50_ns is not None:
            more.append(str(taken).removeprefix(f"{taken.count:,}x "))
        yield Words(first + times, kind)
        yield from (Words(line, kind, goes_on=True) for line in more)


def _lines(text: str) -> tuple[str, ...]:
    said, into, leaf = text.partition(INTO)
    return (text,) if len(text) <= WIDE or not into else (said, (into + leaf).strip())


def _placed(event: str, inside: str, entered: str) -> str:
    """An event with the states that no box says: the one left, and the one entered."""
    left, _, said = event.rpartition(": ")
    said, _, leaf = said.partition(INTO)
    left = SEPARATOR.join(part for part in (inside, left) if part)
    leaf = SEPARATOR.join(part for part in (entered, leaf) if part)
    return f"{left}: " * bool(left) + said + f"{INTO}{leaf}" * bool(leaf)
