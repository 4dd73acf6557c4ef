"""A record of a durable log: what its writer is given, and its columns."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, get_args

import msgspec
from attrs import frozen

from verifill.engine.log.schema import STREAMS
from verifill.engine.log.streams import AMOUNT, INT, TEXT

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
OPERATOR: Final = "OPERATOR"

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
"""A record: a value for each of COLUMNS, amounts as text."""

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


class Tail(NamedTuple):
    """Where a chain ends.

    Attributes:
        seq: number of its last record, 0 if there is none.
        hash: that record's hash; without one, the header's digest.
        epoch: the last process life, 0 if there was none.
        state: leaf state that the machine was in, None if it never moved.
        wall_ns: when the last record was written, by the wall clock.
        mono_ns: when, by the monotonic clock of that life.
    """

    seq: int
    hash: str
    epoch: int = 0
    state: str | None = None
    wall_ns: int = 0
    mono_ns: int = 0
