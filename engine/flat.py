"""A table spread out: the leaves, events and moves of a nested machine as plain names.

It knows only strings, and trusts them: `engine.sound` is what refuses a table.
"""

from collections.abc import Iterator, Mapping

import attrs

SEPARATOR = "."
EVERYWHERE = "*"

Pair = tuple[str, str]


@attrs.frozen(kw_only=True)
class Flat:
    """A nested machine spread out.

    Attributes:
        initial: The leaf it starts in.
        leaves: All leaves in table order, those of a held machine in place of its holder.
        events: Its own events, then those that only held machines know.
        entries: For each name that a row may go to, the leaf that is entered.
        moves: The leaf that each pair of leaf and event goes to.
        listed: The pairs of leaf and event that are ignored by name.
        anywhere: Prefix and event: ignored in all leaves below the prefix that have no row.
        final: The leaves in which it may end.
    """

    initial: str
    leaves: tuple[str, ...]
    events: tuple[str, ...]
    entries: Mapping[str, str]
    moves: Mapping[Pair, str]
    listed: frozenset[Pair]
    anywhere: frozenset[Pair]
    final: frozenset[str]

    def ignored(self) -> Iterator[Pair]:
        """Every pair of leaf and event that is a repeat, in table order."""
        for leaf in self.leaves:
            for event in self.events:
                if (leaf, event) not in self.moves and self._ignores(leaf, event):
                    yield leaf, event

    def _ignores(self, leaf: str, event: str) -> bool:
        if (leaf, event) in self.listed:
            return True
        return any(
            ignored == event and leaf.startswith(prefix) for prefix, ignored in self.anywhere
        )


@attrs.frozen(kw_only=True)
class Plain:
    """A table in plain names, as it was written.

    Attributes:
        name: The table's name.
        states: Its own states, in order; a dot makes a leaf inside a composite state.
        events: Its own events, in order.
        initial: The own state it starts in.
        rows: Source, event and target of each row.
        ignored: State and event of each pair that is a repeat; the state may be EVERYWHERE.
        final: The leaves in which it may end.
        held: The own states that hold another machine, each with that machine.
    """

    name: str
    states: tuple[str, ...]
    events: tuple[str, ...]
    initial: str
    rows: tuple[tuple[str, str, str], ...]
    ignored: tuple[Pair, ...]
    final: tuple[str, ...]
    held: Mapping[str, Flat]


def inner(holder: str, name: str) -> str:
    """The name of a state that lies inside another."""
    return f"{holder}{SEPARATOR}{name}"


def spread(plain: Plain) -> Flat:
    """The table with all its leaves and moves side by side."""
    entries = entries_of(plain)
    return Flat(
        initial=entries[plain.initial],
        leaves=tuple(name for name, leaf in entries.items() if name == leaf),
        events=_events(plain),
        entries=entries,
        moves=_moves_inside(plain) | {(s, upon): entries[to] for s, upon, to in plain.rows},
        listed=_listed(plain),
        anywhere=_anywhere(plain),
        final=frozenset(plain.final),
    )


def entries_of(plain: Plain) -> dict[str, str]:
    """The leaf that is entered by each name that a row may go to, in table order.

    A leaf is entered as itself, a held machine in its initial leaf, and a composite state
    in the machine's initial leaf if that lies inside it, otherwise in its first leaf.
    """
    first = _first_inside(plain)
    entries: dict[str, str] = {}
    for state in plain.states:
        for composite in _composites(state):
            entries.setdefault(composite, _entered(first[composite], first, plain))
        if state not in first:
            entries |= _entries_of_state(state, plain.held.get(state))
    return entries


def _first_inside(plain: Plain) -> dict[str, str]:
    """For each composite state the own state inside it that is entered."""
    first: dict[str, str] = {}
    for state in sorted(plain.states, key=lambda state: state != plain.initial):
        for composite in _composites(state):
            first.setdefault(composite, state)
    return first


def _entered(state: str, first: Mapping[str, str], plain: Plain) -> str:
    """The leaf that is entered by way of an own state."""
    while state in first:
        state = first[state]
    return _entries_of_state(state, plain.held.get(state))[state]


def _entries_of_state(state: str, child: Flat | None) -> dict[str, str]:
    if child is None:
        return {state: state}
    inside = {inner(state, name): inner(state, leaf) for name, leaf in child.entries.items()}
    return {state: inner(state, child.initial)} | inside


def _composites(state: str) -> Iterator[str]:
    """The composite states around a state, the outermost first."""
    parts = state.split(SEPARATOR)
    for depth in range(1, len(parts)):
        yield SEPARATOR.join(parts[:depth])


def _events(plain: Plain) -> tuple[str, ...]:
    inside = [event for child in plain.held.values() for event in child.events]
    return tuple(dict.fromkeys([*plain.events, *inside]))


def _moves_inside(plain: Plain) -> dict[Pair, str]:
    return {
        (inner(state, leaf), event): inner(state, target)
        for state, child in plain.held.items()
        for (leaf, event), target in child.moves.items()
    }


def _listed(plain: Plain) -> frozenset[Pair]:
    own = {(state, event) for state, event in plain.ignored if state != EVERYWHERE}
    inside = {
        (inner(state, leaf), event)
        for state, child in plain.held.items()
        for leaf, event in child.listed
    }
    return frozenset(own | inside)


def _anywhere(plain: Plain) -> frozenset[Pair]:
    own = {("", event) for state, event in plain.ignored if state == EVERYWHERE}
    inside = {
        (inner(state, prefix), event)
        for state, child in plain.held.items()
        for prefix, event in child.anywhere
    }
    return frozenset(own | inside)
