"""A record of a durable log: what its writer is given, and the columns it is stored in."""

from collections.abc import Mapping, Sequence
from enum import Enum
from functools import cache
from typing import Any, Literal, cast, get_args

import msgspec
from attrs import frozen

from verifill.engine.digest import canonical_json
from verifill.engine.errors import EngineDefect
from verifill.engine.log.schema import STREAMS
from verifill.engine.log.streams import AMOUNT, CODE, INT, TEXT

Kind = Literal[
    "PLAN",
    "INTENT",
    "OBSERVED",
    "RESOLVED",
    "TRANSITION",
    "IGNORED",
    "REFUSED",
    "EPOCH",
    "OPERATOR",
    "NOTE",
]
KINDS: frozenset[str] = frozenset(get_args(Kind))
INTENT = "INTENT"
EPOCH = "EPOCH"
OPERATOR = "OPERATOR"

COLUMNS: Mapping[str, str] = {
    "seq": INT,
    "run": TEXT,
    "epoch": INT,
    "machine": TEXT,
    "instance": INT,
    "parent": INT,
    "from": TEXT,
    "event": TEXT,
    "to": TEXT,
    "attempt": INT,
    "kind": TEXT,
    "cause_seq": INT,
    "intent_id": TEXT,
    "venue_ref": TEXT,
    "wall_ns": INT,
    "mono_ns": INT,
    "venue_ns": INT,
    "definition_hash": TEXT,
    "quantity": AMOUNT,
    "price": AMOUNT,
    "payload": TEXT,
    "prev_hash": TEXT,
    "hash": TEXT,
}
OPTIONAL = frozenset(
    {"from", "event", "to", "intent_id", "venue_ref", "venue_ns", "quantity", "price", "payload"}
)

# Streams that a payload may carry rows of; `seq` is that of the record itself.
EVIDENCE: Mapping[str, Mapping[str, str]] = {
    stream: {column: kind for column, kind in columns.items() if column != "seq"}
    for stream, columns in STREAMS.items()
    if stream != "paths"
}

Value = int | str | None
Row = tuple[Value, ...]
"""A record as it is stored: a value for each of COLUMNS, amounts as text."""

Evidence = Mapping[str, Sequence[Sequence[Any]]]
"""Stream -> rows of it, as a payload carries them."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What one record says; its number, process life and hashes come from the log.

    Attributes:
        machine: table that the event belongs to.
        instance: number of the tick, chain or instruction, by machine.
        parent: instance of the machine around it, 0 for the outermost.
        source: leaf state before; None for what is no transition.
        event: what happened.
        target: leaf state after.
        attempt: which send of the instruction, from 1; 0 outside a tight loop.
        kind: what sort of record it is.
        cause_seq: number of the record that caused it, by default the one before.
        intent_id: key of the send.
        venue_ref: the venue's own reference.
        wall_ns: when, by the wall clock.
        mono_ns: when, by a clock that never goes back within a process life.
        venue_ns: when, by the venue's clock, where it told.
        quantity: units, of at most 128 bits.
        price: ticks, of at most 128 bits.
        payload: whatever else there is, of mappings, lists, texts, integers and None. Under
            `streams` it may hold rows of EVIDENCE, as stream -> list of rows, each a list
            with a value for each column but `seq`.
    """

    machine: str
    instance: int = 0
    parent: int = 0
    source: str | None = None
    event: str | None = None
    target: str | None = None
    attempt: int = 0
    kind: Kind
    cause_seq: int | None = None
    intent_id: str | None = None
    venue_ref: str | None = None
    wall_ns: int
    mono_ns: int
    venue_ns: int | None = None
    quantity: int | None = None
    price: int | None = None
    payload: Mapping[str, object] | None = None


@frozen
class Origin:
    """What a chain begins with, and what its records have in common.

    Attributes:
        where: file that the chain lies in, for messages.
        digest: SHA-256 of the header.
        run: name of the run.
        definition_hash: digest of the machine's table.
        tables: the machine's tables; records of others are about breakers, feeds and the like.
    """

    where: str
    digest: str
    run: str
    definition_hash: str
    tables: frozenset[str]


def stored(record: Record, origin: Origin, *, seq: int, epoch: int, previous: str) -> Row:
    """A record as it is stored, up to `prev_hash`.

    Args:
        record: what it says.
        origin: what it has in common with the others.
        seq: its number.
        epoch: the process life.
        previous: hash of the record before.

    Raises:
        EngineDefect: a value is of another type, or does not fit its column.
    """
    cause_seq = seq - 1 if record.cause_seq is None else record.cause_seq
    row = (
        seq,
        origin.run,
        epoch,
        record.machine,
        record.instance,
        record.parent,
        record.source,
        record.event,
        record.target,
        record.attempt,
        record.kind,
        cause_seq,
        record.intent_id,
        record.venue_ref,
        record.wall_ns,
        record.mono_ns,
        record.venue_ns,
        origin.definition_hash,
        _text("quantity", record.quantity),
        _text("price", record.price),
        _payload(record.payload),
        previous,
    )
    if column := misfit(tuple(map(type, row))) or _overflow(record, cause_seq):
        raise _unfit(column, COLUMNS[column], row[list(COLUMNS).index(column)])
    if record.kind not in KINDS:
        msg = f"a record is of kind {record.kind!r}; allowed are {', '.join(sorted(KINDS))}"
        raise EngineDefect(msg)
    if record.kind == INTENT and not record.intent_id:
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
    """Whether a column is ever stored with a value of a type."""
    wanted = int if COLUMNS[column] == INT else str  # an amount is stored as text
    if given is wanted or (issubclass(given, wanted) and issubclass(given, Enum)):
        return True
    return given is type(None) and column in OPTIONAL


def _overflow(record: Record, cause_seq: int) -> str:
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


def _text(column: str, amount: int | None) -> str | None:
    if amount is None:
        return None
    if not _fits(AMOUNT, amount):
        raise _unfit(column, AMOUNT, amount)
    return str(amount)
