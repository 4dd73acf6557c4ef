"""Small tables for tests, written as text."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from verifill.engine.table import AnyTable, Anywhere, Inside, Row, Table

Ignored = tuple[tuple[str | Anywhere, str], ...]


def names(kind: str, values: Iterable[str]) -> type[StrEnum]:
    """An enumeration of the values, each named as itself."""
    make: Any = StrEnum  # a type checker asks for literal members
    made: type[StrEnum] = make(kind, [(value.replace(".", "_"), value) for value in values])
    return made


def member(value: str) -> StrEnum:
    """A member of some enumeration, for a name that the table's own may not have."""
    return names("Name", [value])(value)


def table(
    text: str,
    *,
    initial: str = "A",
    final: str = "",
    states: str = "",
    events: str = "",
    ignored: Ignored = (),
    holds: Mapping[str, AnyTable] | None = None,
) -> AnyTable:
    """A table from lines such as `A go B`; states and events that the rows use come unasked."""
    cells = [line.split() for line in text.strip().splitlines()]
    held = holds or {}
    used = [state for source, _, target in cells for state in (source, target)]
    own = [state for state in used if not any(state.startswith(f"{name}.") for name in held)]
    return Table(
        "small",
        names("States", dict.fromkeys(states.split() or own)),
        names("Events", dict.fromkeys(events.split() or [event for _, event, _ in cells])),
        initial=member(initial),
        rows=tuple(
            Row(Inside(source), member(event), Inside(target), why=f"{source} may")
            for source, event, target in cells
        ),
        ignored=tuple(
            (state if isinstance(state, Anywhere) else Inside(state), member(event))
            for state, event in ignored
        ),
        final=tuple(Inside(state) for state in final.split()),
        holds={member(state): child for state, child in held.items()},
    )


@st.composite
def sound_tables(draw: st.DrawFn, *, depth: int = 2) -> AnyTable:
    """Sound tables of a few states, some of them composite, some holding other tables."""
    count = draw(st.integers(2, 4))
    own = [f"{draw(st.sampled_from(['', '', 'IN.']))}S{number}" for number in range(count)]
    holders = [state for state in own if "." not in state] if depth else []
    holds = {state: draw(sound_tables(depth=depth - 1)) for state in holders if draw(st.booleans())}
    leaves = [leaf for state in own for leaf in _leaves(state, holds)]
    events = [f"e{number}" for number in range(draw(st.integers(1, 3)))]
    taken = {pair for state in holds for pair in _taken(state, holds[state])}
    # A chain through all states makes the table sound; anything may be added to it.
    moves: dict[tuple[str, str], str] = {
        (leaf, "on"): after for state, after in pairwise(own) for leaf in _ends(state, holds)
    }
    pairs = [(leaf, event) for leaf in leaves for event in events if (leaf, event) not in taken]
    for pair in draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []:
        moves[pair] = draw(st.sampled_from([*own, *leaves]))
    free = [pair for pair in pairs if pair not in moves]
    ignored = draw(st.lists(st.sampled_from(free), unique=True)) if free else []
    used = {event for _, event in moves}
    return table(
        "\n".join(f"{source} {event} {target}" for (source, event), target in moves.items()),
        initial=own[0],
        states=" ".join(own),
        final=" ".join(_ends(own[-1], holds)),
        ignored=tuple((leaf, event) for leaf, event in ignored if event in used),
        holds=holds,
    )


def _leaves(state: str, holds: Mapping[str, AnyTable]) -> list[str]:
    child = holds.get(state)
    return [state] if child is None else [f"{state}.{leaf}" for leaf in child.flat.leaves]


def _ends(state: str, holds: Mapping[str, AnyTable]) -> list[str]:
    """The leaves in which a state is done: itself, or the ends of the table that it holds."""
    child = holds.get(state)
    return [state] if child is None else [f"{state}.{leaf}" for leaf in sorted(child.flat.final)]


def _taken(state: str, child: AnyTable) -> list[tuple[str, str]]:
    """The pairs that a held table has decided already."""
    return [
        (f"{state}.{leaf}", event) for leaf, event in [*child.flat.moves, *child.flat.ignored()]
    ]
