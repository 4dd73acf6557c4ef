"""The machine that a log carries: its own table, not one of this version of Verifill."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import msgspec
from msgspec import Struct

from verifill.engine.digest import canonical_json, sha256_hex
from verifill.engine.errors import LogError, TableError
from verifill.engine.flat import SEPARATOR, Flat, Plain, inner
from verifill.engine.log.expand import Nesting
from verifill.engine.paths import Move
from verifill.engine.sound import sound


class Content(Struct, frozen=True):
    """A table as a header holds it; see `engine.table.Table.content`."""

    name: str
    states: tuple[str, ...]
    events: tuple[str, ...]
    initial: str
    rows: tuple[tuple[str, str, str], ...]
    ignored: tuple[tuple[str, str], ...]
    final: tuple[str, ...]
    holds: "dict[str, Content]"


class Machine:
    """What the header of a log says its engine ran.

    Args:
        header: of the log.

    Raises:
        LogError: it holds no table, or one that is no sound machine.

    Attributes:
        nesting: how its leaves nest.
        flat: all its leaves and moves.
    """

    def __init__(self, header: Mapping[str, Any]) -> None:
        try:
            self._content = msgspec.convert(header["table"], Content)
            self.nesting = Nesting(**header["nesting"])
            self.flat: Flat = _flat(self._content)
        except (KeyError, TypeError, msgspec.ValidationError, TableError) as error:
            msg = f"the header of the log holds no table that can be checked against: {error!r}"
            raise LogError(msg) from error
        self._told = header["table"]
        self._ignored = frozenset(self.flat.ignored())

    def odd(self) -> str:
        """What the header says of its table that is not so; empty if all of it is."""
        nesting, flat = self.nesting, self.flat
        digest = sha256_hex(canonical_json(self._told))
        if digest != nesting.digest:
            return f"the table has the digest {digest}, and the header says {nesting.digest}"
        same = tuple(nesting.states) == flat.leaves and set(nesting.events) == set(flat.events)
        if not same:  # events come in the order of held tables, which a header does not keep
            return "the states and events of the header are not those of its table"
        if dict(nesting.holders) != dict(_holders("", self._content)):
            return "the nesting of the header is not that of its table"
        return ""

    def wrong(self, source: str, event: str, target: str, move: Move) -> str:
        """Why the table does not do that; empty if it does."""
        goes = self.flat.moves.get((source, event))
        if move is Move.MOVED:
            right = goes == target
        elif move is Move.IGNORED:
            right = (source, event) in self._ignored and source == target
        else:
            right = goes is None and (source, event) not in self._ignored and source == target
        if right:
            return ""
        told = f"goes to {goes}" if goes else "has no row"
        if (source, event) in self._ignored:
            told = "is a repeat that stays"
        return f"({source}, {event}) {told}, and the log says {move.name} to {target}"

    @cached_property
    def innermost(self) -> str:
        """Name of the table that runs one instruction."""
        return self.nesting.levels[-1][0]

    @cached_property
    def holders(self) -> tuple[str, ...]:
        """The states that hold the table of one instruction."""
        return tuple(h for h, table in self.nesting.holders.items() if table == self.innermost)

    @cached_property
    def around(self) -> Mapping[str, tuple[str, ...]]:
        """Column that numbers the instances of a table -> the states that hold it."""
        holders = self.nesting.holders
        return {
            column: tuple(holder for holder, held in holders.items() if held == table and holder)
            for table, column in self.nesting.levels
        }

    @cached_property
    def inside(self) -> Mapping[str, str]:
        """Leaf inside a tight loop -> its name there."""
        return {
            leaf: leaf.removeprefix(inner(holder, ""))
            for leaf in self.flat.leaves
            for holder in self.holders
            if leaf.startswith(inner(holder, ""))
        }

    @cached_property
    def at_rest(self) -> frozenset[str]:
        """Leaves in which an instruction has ended."""
        final = _tables(self._content)[self.innermost].final
        return frozenset(leaf for leaf, name in self.inside.items() if name in final)

    @cached_property
    def entry(self) -> frozenset[str]:
        """Leaves in which an attempt begins."""
        name = _flat(_tables(self._content)[self.innermost]).initial
        return frozenset(leaf for leaf, own in self.inside.items() if own == name)


def _tables(content: Content) -> dict[str, Content]:
    """Every table of the machine by its name, itself included."""
    own = {content.name: content}
    for held in content.holds.values():
        own |= _tables(held)
    return own


def _flat(content: Content) -> Flat:
    plain = Plain(
        name=content.name,
        states=content.states,
        events=content.events,
        initial=content.initial,
        rows=content.rows,
        ignored=content.ignored,
        final=content.final,
        held={state: _flat(held) for state, held in content.holds.items()},
    )
    return sound(plain)


def _holders(holder: str, content: Content) -> list[tuple[str, str]]:
    below = [
        pair
        for state, held in content.holds.items()
        for pair in _holders(f"{holder}{SEPARATOR}{state}" if holder else state, held)
    ]
    return [(holder, content.name), *below]
