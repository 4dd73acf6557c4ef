"""The columns of a record: made of what its writer was given, and refused if it does not fit."""

from collections.abc import Mapping, Sequence
from enum import Enum
from functools import cache
from typing import Any, cast

from verifill.engine.digest import canonical_json
from verifill.engine.errors import EngineDefect
from verifill.engine.log.record import (
    COLUMNS,
    EVIDENCE,
    INTENT,
    KINDS,
    OPTIONAL,
    Evidence,
    Origin,
    Record,
    Row,
)
from verifill.engine.log.streams import AMOUNT, CODE, INT, TEXT


def stored(record: Record, origin: Origin, *, seq: int, epoch: int, previous: str) -> Row:
    """A record by its columns, up to `prev_hash`.

    Args:
        record: what it says.
        origin: what it has in common with the others.
        seq: its number.
        epoch: the process life.
        previous: hash of the record before.

    Raises:
        EngineDefect: a value is of another type, or does not fit its column.
    """
    told: Any = record  # whatever its annotations promise: what it holds is looked at here
    cause_seq = seq - 1 if told.cause_seq is None else told.cause_seq
    row: tuple[Any, ...] = (
        seq,
        origin.run,
        epoch,
        told.machine,
        told.instance,
        told.parent,
        told.source,
        told.event,
        told.target,
        told.attempt,
        told.kind,
        cause_seq,
        told.intent_id,
        told.venue_ref,
        told.wall_ns,
        told.mono_ns,
        told.venue_ns,
        origin.definition_hash,
        _text("quantity", told.quantity),
        _text("price", told.price),
        _payload(told.payload),
        previous,
    )
    if column := misfit(tuple(map(type, row))) or _overflow(told, cause_seq):
        raise _unfit(column, COLUMNS[column], row[list(COLUMNS).index(column)])
    if told.kind not in KINDS:
        msg = f"a record is of kind {told.kind!r}; allowed are {', '.join(sorted(KINDS))}"
        raise EngineDefect(msg)
    if told.intent_id is not None and (not told.intent_id or "\n" in told.intent_id):
        msg = f"a record has the intent_id {told.intent_id!r}; it is one line, or None"
        raise EngineDefect(msg)
    if told.kind == INTENT and not told.intent_id:
        msg = "an INTENT has no intent_id; without a key it cannot be kept from being sent twice"
        raise EngineDefect(msg)
    return row


@cache
def misfit(types: tuple[type, ...]) -> str:
    """The first column that is never stored with a value of its type; none if all may be.

    Rows come in few shapes, so that each is looked at once.
    """
    pairs = zip(COLUMNS, types, strict=False)
    return next((column for column, kind in pairs if not may_hold(column, kind)), "")


def may_hold(column: str, given: type) -> bool:
    """Whether a column, or the head of a record, is ever stored with a value of a type."""
    wanted = int if COLUMNS.get(column) == INT else str  # an amount is stored as text
    if given is wanted or (issubclass(given, wanted) and issubclass(given, Enum)):
        return True
    return given is type(None) and column in OPTIONAL


def _overflow(record: Any, cause_seq: Any) -> str:  # noqa: ANN401 - as `stored`
    """The first column whose integer is too great for 64 bits; none if all fit."""
    venue_ns = record.venue_ns or 0
    whole = (record.instance, record.parent, record.attempt, cause_seq)
    moments = (record.wall_ns, record.mono_ns, venue_ns)
    if min(*whole, *moments) >= -_INT_LIMIT and max(*whole, *moments) < _INT_LIMIT:
        return ""
    names = ("instance", "parent", "attempt", "cause_seq", "wall_ns", "mono_ns", "venue_ns")
    told = zip(names, (*whole, *moments), strict=True)
    return next(name for name, value in told if not _fits(INT, value))


def _payload(payload: Mapping[str, object] | None) -> str | None:
    if payload is None:
        return None
    streams = cast("Evidence", payload.get("streams") or {})
    for stream, rows in streams.items():
        _check_evidence(stream, rows)
    return canonical_json(payload).decode("ascii")


def _check_evidence(stream: str, rows: Sequence[Sequence[object]]) -> None:
    columns = EVIDENCE.get(stream)
    if columns is None or any(len(row) != len(columns) for row in rows):
        msg = (
            f"a payload holds {rows} for the stream {stream!r}; the streams of a record are "
            + "; ".join(f"{name}: {', '.join(columns)}" for name, columns in EVIDENCE.items())
        )
        raise EngineDefect(msg)
    for row in rows:
        for (column, kind), value in zip(columns.items(), row, strict=True):
            if not _fits(kind, value):
                raise _unfit(column, kind, value)


_INT_LIMIT = 1 << 63
_LIMITS = {INT: _INT_LIMIT, AMOUNT: 1 << 127}
_WANTED = {
    INT: "an integer of 64 bits",
    AMOUNT: "an integer of 128 bits",
    TEXT: "a text",
    CODE: "a text",
}


def _fits(kind: str, value: object) -> bool:
    limit = _LIMITS.get(kind)
    if limit is None:
        return isinstance(value, str)
    return type(value) is int and -limit <= value < limit  # so not a bool


def _unfit(column: str, kind: str, value: object) -> EngineDefect:
    msg = (
        f"column {column!r} of a record holds {value!r}; it takes {_WANTED[kind]}. "
        "Nothing was written"
    )
    return EngineDefect(msg)


def _text(column: str, amount: object) -> str | None:
    if amount is None:
        return None
    if not _fits(AMOUNT, amount):
        raise _unfit(column, AMOUNT, amount)
    return str(amount)
