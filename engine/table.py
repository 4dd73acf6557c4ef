"""A state machine as a table of rows: the one definition that everything else reads.

Rule 1: events, not guards. `(state, event) -> state` is a pure function. A row holds only
names, so a table can be run, drawn, digested, logged, checked and replayed.

Rule 2: every pair of state and event is a row, listed as ignored (a repeat), or a defect.

Rule 3: a table that exists is sound. A duplicate, an unknown name, a leaf that nothing
reaches and a leaf with no way out are refused when it is built, and the message names the
fix (`engine.sound`).

A state may hold another table. Then the machine is in exactly one leaf of it, such as
`ATOMIC.STEP.RECONCILE`, and the rows of both tables together say where that leads. A row
that goes to a state with leaves inside it enters the initial leaf there.
"""

from collections.abc import Mapping
from enum import Enum, StrEnum
from functools import cached_property
from typing import Any, Generic, NewType, TypeVar

import attrs

from verifill.engine.digest import canonical_json, sha256_hex
from verifill.engine.flat import EVERYWHERE, SEPARATOR, Flat, Plain
from verifill.engine.sound import sound

S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)

Inside = NewType("Inside", str)


class Anywhere(Enum):
    """The type of ANYWHERE."""

    ANYWHERE = EVERYWHERE


ANYWHERE = Anywhere.ANYWHERE
"""In `ignored`: every leaf for which there is no row."""


def inside(holder: StrEnum, *names: StrEnum) -> Inside:
    """The name of a state inside a held machine, as in `inside(Full.ATOMIC, Atomic.BEGIN)`."""
    return Inside(SEPARATOR.join((holder, *names)))


@attrs.frozen
class Row(Generic[S, E]):
    """One move: in the source state, upon the event, go to the target state.

    Attributes:
        source: A leaf, of this table or of one that it holds.
        upon: The event.
        target: A state; one that has leaves inside it is entered at its initial leaf.
        why: The reason for the row, in a few words; no part of the digest.
    """

    source: S | Inside
    upon: E
    target: S | Inside
    why: str = attrs.field(default="", kw_only=True)


@attrs.frozen(eq=False)
class Table(Generic[S, E]):
    """A sound state machine.

    Attributes:
        name: The name in logs, diagrams and errors.
        states: The own states; a value with a dot is a leaf inside a composite state.
        events: The own events.
        initial: The state it starts in.
        rows: The moves.
        ignored: Pairs of leaf and event that are repeats: logged, and nothing moves.
        final: The leaves in which it may end; every other leads to one of them.
        holds: The own states that hold another table.

    Raises:
        TableError: the rows are no sound machine; the message names the fix.
    """

    name: str
    states: type[S]
    events: type[E]
    initial: S = attrs.field(kw_only=True)
    rows: tuple[Row[S, E], ...] = attrs.field(kw_only=True)
    ignored: tuple[tuple[S | Inside | Anywhere, E], ...] = attrs.field(kw_only=True, default=())
    final: tuple[S | Inside, ...] = attrs.field(kw_only=True, default=())
    holds: Mapping[S, "AnyTable"] = attrs.field(kw_only=True, factory=dict[Any, Any])

    def __attrs_post_init__(self) -> None:
        """Refuse what is not sound."""
        _ = self.flat

    @cached_property
    def plain(self) -> Plain:
        """The table in plain names, as it was written."""
        return Plain(
            name=self.name,
            states=tuple(str(state) for state in self.states),
            events=tuple(str(event) for event in self.events),
            initial=str(self.initial),
            rows=tuple((str(row.source), str(row.upon), str(row.target)) for row in self.rows),
            ignored=tuple((_plain(state), str(event)) for state, event in self.ignored),
            final=tuple(str(state) for state in self.final),
            held={str(state): table.flat for state, table in self.holds.items()},
        )

    @cached_property
    def flat(self) -> Flat:
        """The machine spread out: all leaves and moves, those of held tables included."""
        return sound(self.plain)

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of everything that decides how the machine moves: all but the whys."""
        return sha256_hex(canonical_json(self.content))

    @cached_property
    def content(self) -> dict[str, object]:
        """What the digest covers as plain values, so that a log can carry its machine."""
        return _content(self)


AnyTable = Table[Any, Any]


def _plain(state: str | Anywhere) -> str:
    return state.value if isinstance(state, Anywhere) else str(state)


def _content(table: AnyTable) -> dict[str, object]:
    """What the digest covers; the order of states and events too, for codes depend on it."""
    plain = table.plain
    return {
        "name": plain.name,
        "states": plain.states,
        "events": plain.events,
        "initial": plain.initial,
        "rows": plain.rows,
        "ignored": sorted(plain.ignored),
        "final": sorted(plain.final),
        "holds": {str(state): _content(child) for state, child in table.holds.items()},
    }
