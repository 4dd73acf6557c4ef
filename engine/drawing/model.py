"""What every diagram shows: boxes inside boxes, and arrows between them.

A table that is held in several places is drawn once, beside the whole, and each place is one
box that refers to it. What the machine around it does upon a leaf in there is then an arrow of
that box, with the leaf's name before the event. Unfolded, every leaf stands where it is.

All moves are those of the compiled table, so a picture shows what the machine does.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping

import attrs

from verifill.engine.compile import IGNORED, Compiled, compile_table
from verifill.engine.flat import SEPARATOR, inner
from verifill.engine.table import AnyTable

_Tree = dict[str, "_Tree"]

Move = tuple[str, str, str]
"""Leaf, event, leaf."""


@attrs.frozen(kw_only=True)
class Box:
    """A state as it is drawn.

    Attributes:
        name: Unique in its picture: the state's whole name, or below that of a table drawn once.
        label: What stands in it.
        children: The boxes inside it.
        final: Whether the machine may end there.
        refers: The table that is drawn elsewhere; empty if this is no reference.
        entry: Of a table that other boxes refer to, the box that it starts in; else empty.
        starts: Of a box that holds a machine where it stands, the box that this starts in;
            else empty, as in one that only groups states of its own machine.
    """

    name: str
    label: str
    children: "tuple[Box, ...]" = ()
    final: bool = False
    refers: str = ""
    entry: str = ""
    starts: str = ""


@attrs.frozen
class Shown:
    """A move as it is drawn.

    Attributes:
        source: Name of the box that its arrow leaves.
        target: Name of the box that its arrow enters.
        said: The event, with what the boxes do not say of the leaves.
    """

    source: str
    target: str
    said: str


@attrs.frozen
class Arrow:
    """All moves from one box to another.

    Attributes:
        source: Name of a box.
        target: Name of a box.
        events: What leads from one to the other, as it is said.
    """

    source: str
    target: str
    events: tuple[str, ...]


@attrs.frozen(kw_only=True)
class Picture:
    """A machine as it is drawn.

    Attributes:
        name: The machine's name.
        digest: The digest of its table.
        boxes: The outermost boxes.
        arrows: The arrows, in the order of the table.
        initial: The box that the machine starts in.
        ignored: What no arrow shows: how many leaves ignore an event.
        shown: For each move of the machine how it is drawn.
        stands: For each leaf the boxes that stand for it.
    """

    name: str
    digest: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    initial: str
    ignored: tuple[str, ...]
    shown: Mapping[Move, Shown]
    stands: Mapping[str, tuple[str, ...]]

    @property
    def title(self) -> str:
        """Name and digest in one line."""
        return f"{self.name}, sha256 {self.digest}"

    def leaves(self) -> Iterator[Box]:
        """The boxes with nothing inside."""
        return (box for box in walk(self.boxes) if not box.children)


def walk(boxes: tuple[Box, ...]) -> Iterator[Box]:
    """The boxes and all that lie inside them, each before what is in it."""
    for box in boxes:
        yield box
        yield from walk(box.children)


def picture(table: AnyTable, *, unfold: bool = False) -> Picture:
    """The machine as boxes and arrows.

    Args:
        table: the machine's table.
        unfold: draw a held table wherever it is held, however often.
    """
    compiled = compile_table(table)
    fold = _Fold(dict(places(table)), {} if unfold else _often_held(table))
    shown = {move: fold.shown(move) for move in moves(compiled)}
    arrows: dict[tuple[str, str], dict[str, None]] = {}
    for one in shown.values():
        arrows.setdefault((one.source, one.target), {})[one.said] = None
    stands = {leaf: fold.stands(leaf) for leaf in compiled.states}
    names = [boxes[0] for boxes in stands.values()]
    names += [boxes[1] for boxes in stands.values() if len(boxes) > 1]
    return Picture(
        name=compiled.name,
        digest=compiled.digest,
        boxes=_boxes(names, {stands[compiled.states[code]][0] for code in compiled.final}, fold),
        arrows=tuple(Arrow(*ends, tuple(events)) for ends, events in arrows.items()),
        initial=stands[compiled.states[compiled.initial]][0],
        ignored=tuple(_ignored(compiled)),
        shown=shown,
        stands=stands,
    )


def alone(whole: Picture) -> Picture:
    """A picture without the tables drawn once beside it, which are pictures of their own."""
    boxes = tuple(box for box in whole.boxes if not box.entry)
    here = {box.name for box in walk(boxes)}
    arrows = tuple(arrow for arrow in whole.arrows if arrow.source in here)
    return attrs.evolve(whole, boxes=boxes, arrows=arrows)


def moves(compiled: Compiled) -> Iterator[Move]:
    """Every move of the machine, in the order of the table."""
    width = len(compiled.events)
    for at, cell in enumerate(compiled.cells):
        if cell >= 0:
            state, event = divmod(at, width)
            yield compiled.states[state], compiled.events[event], compiled.states[cell]


def places(table: AnyTable, holder: str = "") -> Iterator[tuple[str, AnyTable]]:
    """Each state that holds a table, with that table, from the outside in."""
    for state, child in table.holds.items():
        name = inner(holder, str(state)) if holder else str(state)
        yield name, child
        yield from places(child, name)


def _often_held(table: AnyTable) -> dict[str, AnyTable]:
    """The places of those tables that are held in several, with the tables."""
    held = list(places(table))
    often = Counter(child.name for _, child in held)
    return {place: child for place, child in held if often[child.name] > 1}


class _Fold:
    """Which box stands for a leaf, where tables are drawn once."""

    def __init__(self, held: Mapping[str, AnyTable], folded: Mapping[str, AnyTable]) -> None:
        self._folded = folded
        self.starts = {
            place: self.stands(inner(place, child.flat.initial))[0]
            for place, child in held.items()
            if place not in folded
        }
        self.refers = {place: child.name for place, child in folded.items()}
        self.entries = {
            child.name: inner(child.name, child.flat.initial) for child in folded.values()
        }

    def shown(self, move: Move) -> Shown:
        """The boxes that the arrow of a move joins, and what is said of it there."""
        source, event, target = move
        place, name = self._split(source)
        if place and (name, event) in self._folded[place].flat.moves:
            return Shown(self._once(source), self._once(target), event)
        to, entered = self._split(target)
        said = f"{name}: {event}" if place else event
        if to and entered != self._folded[to].flat.initial:
            said += f" into {entered}"
        return Shown(place or source, to or target, said)

    def stands(self, leaf: str) -> tuple[str, ...]:
        """The boxes for a leaf: where it is, and where its table is drawn."""
        place, _ = self._split(leaf)
        return (place, self._once(leaf)) if place else (leaf,)

    def _once(self, leaf: str) -> str:
        place, name = self._split(leaf)
        return inner(self._folded[place].name, name)

    def _split(self, leaf: str) -> tuple[str, str]:
        """The folded state around a leaf, and the leaf's name in it; empty if there is none."""
        around = (place for place in self._folded if leaf.startswith(inner(place, "")))
        place = next(around, "")
        return place, leaf.removeprefix(inner(place, "")) if place else leaf


def _boxes(names: Iterable[str], final: Collection[str], fold: _Fold) -> tuple[Box, ...]:
    tree: _Tree = {}
    for name in names:
        node = tree
        for part in name.split(SEPARATOR):
            node = node.setdefault(part, {})
    return tuple(_box(short, "", children, final, fold) for short, children in tree.items())


def _box(short: str, holder: str, inside: _Tree, final: Collection[str], fold: _Fold) -> Box:
    name = inner(holder, short) if holder else short
    return Box(
        name=name,
        label=short,
        children=tuple(_box(part, name, more, final, fold) for part, more in inside.items()),
        final=name in final,
        refers=fold.refers.get(name, ""),
        entry=fold.entries.get(name, ""),
        starts=fold.starts.get(name, ""),
    )


def _ignored(compiled: Compiled) -> Iterator[str]:
    total = len(compiled.states)
    for code, event in enumerate(compiled.events):
        count = compiled.cells[code :: len(compiled.events)].count(IGNORED)
        if count:
            yield f"{event} is ignored in {count} of {total} states"
