"""A run at one of its records, as plain values; what stands before a person who debugs it."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, cast

from attrs import asdict, frozen

Row = Mapping[str, Any]
"""A record, by the columns of docs/reference/log.md."""


@frozen(kw_only=True)
class Level:
    """One machine of those that hold one another.

    Attributes:
        table: its table.
        instance: number of the tick, chain or instruction; 0 where no record has told it yet.
        state: the state in that table.
    """

    table: str
    instance: int
    state: str


@frozen(kw_only=True)
class Aside:
    """A machine beside the loops, such as a breaker.

    Attributes:
        table: its table.
        scope: what it is about.
        state: its state.
        seq: number of the record that led there.
    """

    table: str
    scope: str
    state: str
    seq: int


@frozen(kw_only=True)
class Open:
    """An instruction that is not at its end.

    Attributes:
        instruction: its number.
        state: of its tight loop.
        attempt: which send of it, from 1; 0 before the first.
        since_seq: number of the record that led to the state.
        intent_id: key of its last send; None if it has none.
        what: operation, account, subject, side, and so on, of its decision; empty before that.
    """

    instruction: int
    state: str
    attempt: int
    since_seq: int
    intent_id: str | None
    what: Row


@frozen(kw_only=True)
class Held:
    """A position as it was last read.

    Attributes:
        total: how much.
        low: least that was expected.
        high: greatest that was expected.
        as_of_ns: the moment that the reading describes.
        seq: number of the record that it belongs to.
    """

    total: Decimal
    low: Decimal
    high: Decimal
    as_of_ns: int
    seq: int


@frozen(kw_only=True)
class Snapshot:
    """A run at one of its records.

    Attributes:
        run: name of the run.
        mode: its mode.
        seq: number of the record.
        last_seq: number of the last one of the log.
        record: the record itself.
        state: the leaf after it.
        levels: the state of every level, from the outside in.
        asides: of breakers, trading states and feeds, by table and scope.
        open: instructions that are not at their end.
        attempts: number of an instruction of this tick -> how often it was sent.
        positions: position key -> how much was read last.
        notes: what is noted at this record.
        causes: the records that led here, the newest first, back to the start of the tick.
    """

    run: str
    mode: str
    seq: int
    last_seq: int
    record: Row
    state: str
    levels: tuple[Level, ...]
    asides: tuple[Aside, ...]
    open: tuple[Open, ...]
    attempts: Mapping[int, int]
    positions: Mapping[str, Held]
    notes: tuple[Row, ...]
    causes: tuple[Row, ...]


@frozen(kw_only=True)
class Change:
    """One thing that is not the same at two records.

    Attributes:
        name: what it is.
        before: at the first; None if it is not there.
        after: at the second; None if it is not there.
    """

    name: str
    before: object
    after: object


def as_plain(snapshot: Snapshot) -> dict[str, Any]:
    """A snapshot as plain values for JSON; amounts are texts."""
    return cast("dict[str, Any]", _plain(asdict(snapshot)))


def changes(before: Snapshot, after: Snapshot) -> tuple[Change, ...]:
    """What is not the same at two records, beside what says which records they are."""
    ours, theirs = dict(_told(before)), dict(_told(after))
    names = dict.fromkeys((*ours, *theirs))
    pairs = ((name, ours.get(name), theirs.get(name)) for name in names)
    return tuple(
        Change(name=name, before=one, after=other) for name, one, other in pairs if one != other
    )


def _told(snapshot: Snapshot) -> Iterator[tuple[str, object]]:
    """Everything at a record by its name."""
    yield "state", snapshot.state
    for level in snapshot.levels:
        yield f"{level.table}", f"{level.state} ({level.instance})"
    for aside in snapshot.asides:
        yield f"{aside.table} {aside.scope}", aside.state
    for one in snapshot.open:
        yield f"open instruction {one.instruction}", one.state
    for number, count in snapshot.attempts.items():
        yield f"attempts of instruction {number}", count
    for key, held in snapshot.positions.items():
        yield f"position {key}", f"{held.total:f}"


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, Mapping):
        table = cast("Mapping[object, object]", value)
        return {str(key): _plain(part) for key, part in table.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in cast("tuple[object, ...]", value)]
    return value
