"""The chain of a durable log: each record carries the hash of the one before it.

The hash of a record is the SHA-256 of its columns up to `prev_hash`, in their order, as a
JSON array without spaces, in UTF-8; amounts are texts there. The first record carries the
digest of the header, so a record belongs to one place of one log.
"""

import hashlib
from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec

from verifill.engine.errors import LogError
from verifill.engine.log.record import COLUMNS, EPOCH, Origin, Row
from verifill.engine.log.stored import misfit

Anchored = tuple[int, str] | None
"""A record's number and the hash that it must have, as the second place holds them."""


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


def hash_of(columns: Row) -> str:
    """The hash of a record, from its columns up to `prev_hash`."""
    return hashlib.sha256(_encode(columns)).hexdigest()


def follow(rows: Iterable[Row], origin: Origin, tail: Tail, anchored: Anchored = None) -> Tail:
    """Follow a chain from a place in it to the last of the rows.

    Args:
        rows: the records after that place, by number.
        origin: what the chain begins with.
        tail: the place; `beginning` is before the first record.
        anchored: a number and the hash that the record of this number must have, should it be
            among them.

    Returns:
        Where they end.

    Raises:
        LogError: a record was edited, deleted, inserted or moved, or breaks time or process
            without an EPOCH, or the chain is not the anchored one; with the place.
    """
    for row in rows:
        if fault := _fault(row, tail, origin):
            raise _broken(origin, fault)
        tail = after(row, tail, origin)
        if anchored and anchored[0] == tail.seq and anchored[1] != tail.hash:
            fault = (
                f"record {tail.seq} has the hash {tail.hash}, and the anchor holds {anchored[1]}: "
                "records up to it were made anew, or the anchor is of another log"
            )
            raise _broken(origin, fault)
    return tail


def check_end(tail: Tail, origin: Origin, anchored: Anchored, acknowledged: int = 0) -> None:
    """Refuse a chain that ends before the record that its anchor holds, or its mark speaks of.

    Raises:
        LogError: it does.
    """
    if anchored and anchored[0] > tail.seq:
        fault = f"it ends at record {tail.seq}, and the anchor holds record {anchored[0]}"
        raise _broken(origin, f"{fault}: records were cut off, or the anchor is of another log")
    if acknowledged > tail.seq:
        fault = f"it ends at record {tail.seq}, and record {acknowledged} was acknowledged"
        raise _broken(origin, f"{fault}: records were cut off, or a write of them was damaged")


def beginning(origin: Origin) -> Tail:
    """The place before the first record."""
    return Tail(0, origin.digest)


def after(row: Row, tail: Tail, origin: Origin) -> Tail:
    """Where a chain ends that has one more record."""
    seq, digest, epoch, machine, target, wall_ns, mono_ns = _end_of(row)
    moved = target is not None and machine in origin.tables
    return Tail(seq, digest, epoch, target if moved else tail.state, wall_ns, mono_ns)


def _fault(row: Row, tail: Tail, origin: Origin) -> str:
    """What is wrong with a record that stands after that tail; nothing if all is well."""
    seq, run, definition_hash, previous, digest = _identity_of(row)
    if seq != tail.seq + 1:
        return f"record {tail.seq + 1} is missing: after record {tail.seq} comes record {seq}"
    if misfit(tuple(map(type, row))) or digest != hash_of(row[:-1]):
        return f"record {seq} was edited: its columns do not give its hash"
    if previous != tail.hash:
        before = f"record {tail.seq}" if tail.seq else "the header"
        return f"record {seq} does not follow {before}: one of them was replaced"
    if (run, definition_hash) != (origin.run, origin.definition_hash):
        return (
            f"record {seq} is of run {run} and table {definition_hash}, the header of run "
            f"{origin.run} and table {origin.definition_hash}"
        )
    return _break_in_time(row, tail)


def _break_in_time(row: Row, tail: Tail) -> str:
    """Time and process go on from record to record; only an EPOCH may break them."""
    seq, kind, epoch, mono_ns = _life_of(row)
    if kind == EPOCH:
        if epoch != tail.epoch + 1:
            return f"record {seq} begins process life {epoch} after {tail.epoch}"
    elif epoch != tail.epoch:
        return f"record {seq} is of process life {epoch} and stands in {tail.epoch}: no EPOCH"
    elif mono_ns < tail.mono_ns:
        return (
            f"record {seq} has mono_ns {mono_ns}, before the {tail.mono_ns} of the last: no EPOCH"
        )
    return ""


_encode = msgspec.json.Encoder().encode


def _columns(*names: str) -> Callable[[Row], tuple[Any, ...]]:
    at = list(COLUMNS).index
    return itemgetter(*map(at, names))


_end_of = _columns("seq", "hash", "epoch", "machine", "to", "wall_ns", "mono_ns")
_identity_of = _columns("seq", "run", "definition_hash", "prev_hash", "hash")
_life_of = _columns("seq", "kind", "epoch", "mono_ns")


def _broken(origin: Origin, fault: str) -> LogError:
    msg = (
        f"the log {origin.where} is not as it was written: {fault}. Nothing goes on from here; "
        "find out what happened, then restore the log from a copy"
    )
    return LogError(msg)
