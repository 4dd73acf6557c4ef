"""The chain of a durable log: each record carries the hash of the one before it.

The hash of a record is the SHA-256 of its columns up to `prev_hash`, in their order, as a
JSON array without spaces, in UTF-8; amounts are texts there. The first record carries the
digest of the header, so a record belongs to one place of one log.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, compress, count, islice, repeat
from operator import itemgetter, lt, ne
from typing import Any

import msgspec

from verifill.engine.errors import LogError
from verifill.engine.log.record import COLUMNS, EPOCH, Batch, Origin, Row, Tail
from verifill.engine.log.stored import may_hold

Anchored = tuple[int, str] | None
"""A record's number and the hash that it must have, as the second place holds them."""


def hash_of(columns: Row) -> str:
    """The hash of a record, from its columns up to `prev_hash`."""
    return hashlib.sha256(_encode(columns)).hexdigest()


def follow(batches: Iterable[Batch], origin: Origin, tail: Tail, anchored: Anchored = None) -> Tail:
    """Follow a chain from a place in it to the last of the rows.

    Args:
        batches: the records after that place, by number, some at a time.
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
    for batch in batches:
        _, fault = min(_faults(batch, tail, origin, anchored), key=itemgetter(0), default=(0, ""))
        if fault:
            raise _broken(origin, fault)
        told = (_target_of(row, origin) for row in reversed(batch.rows))
        state = next((target for target in told if target is not None), tail.state)
        tail = after(batch.rows[-1], tail, origin)._replace(state=state)
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
    seq, digest, epoch, wall_ns, mono_ns = _end_of(row)
    return Tail(seq, digest, epoch, _target_of(row, origin) or tail.state, wall_ns, mono_ns)


def _target_of(row: Row, origin: Origin) -> str | None:
    """The leaf that a record says the machine went to; None if it says nothing of it."""
    target, machine = _move_of(row)
    return target if machine in origin.tables else None


def _faults(
    batch: Batch, tail: Tail, origin: Origin, anchored: Anchored
) -> Iterator[tuple[int, str]]:
    """What is wrong in records that stand after that tail, each kind where it is first.

    Column by column, because what all records share is compared many times faster so.

    Yields:
        The place in the batch, and the fault. Of one place the gravest comes first.
    """
    rows, shown = batch
    seqs = shown["seq"]
    for at in _unlike(seqs, range(tail.seq + 1, tail.seq + 1 + len(seqs))):
        due = tail.seq + 1 + at
        yield at, f"record {due} is missing: after record {due - 1} comes record {seqs[at]}"
        break
    odd = min((at for name, told in shown.items() for at in _misfits(name, told)), default=None)
    if odd is not None:
        yield odd, f"record {seqs[odd]} was edited: its columns do not give its hash"
        rows = rows[:odd]  # what stands there may not even be compared
        shown = {name: told[:odd] for name, told in shown.items()}
    yield from _links(rows, shown, tail, origin, anchored)
    yield from _breaks_in_time(shown, tail)


def _links(
    rows: Sequence[Row],
    shown: Mapping[str, Sequence[Any]],
    tail: Tail,
    origin: Origin,
    anchored: Anchored,
) -> Iterator[tuple[int, str]]:
    """Every record gives its hash, names that of the one before, and is of this log."""
    seqs, hashes = shown["seq"], shown["hash"]
    for at in _unlike(hashes, _hashes(rows)):
        yield at, f"record {seqs[at]} was edited: its columns do not give its hash"
        break
    for at in _unlike(shown["prev_hash"], (tail.hash, *hashes)):
        before = f"record {tail.seq + at}" if tail.seq + at else "the header"
        yield at, f"record {seqs[at]} does not follow {before}: one of them was replaced"
        break
    runs, definitions = shown["run"], shown["definition_hash"]
    for at in (
        *islice(_unlike(runs, repeat(origin.run)), 1),
        *islice(_unlike(definitions, repeat(origin.definition_hash)), 1),
    ):
        yield (
            at,
            (
                f"record {seqs[at]} is of run {runs[at]} and table {definitions[at]}, the header "
                f"of run {origin.run} and table {origin.definition_hash}"
            ),
        )
    place = anchored[0] - tail.seq - 1 if anchored else -1
    if anchored and 0 <= place < len(hashes) and hashes[place] != anchored[1]:
        fault = (
            f"record {anchored[0]} has the hash {hashes[place]}, and the anchor holds "
            f"{anchored[1]}: records up to it were made anew, or the anchor is of another log"
        )
        yield place, fault


def _breaks_in_time(shown: Mapping[str, Sequence[Any]], tail: Tail) -> Iterator[tuple[int, str]]:
    """Time and process go on from record to record; only an EPOCH may break them."""
    seqs, kinds, epochs, monos = (shown[name] for name in ("seq", "kind", "epoch", "mono_ns"))
    begins = [kind == EPOCH for kind in kinds]
    due = [*accumulate(begins, initial=tail.epoch)][1:]
    for at in _unlike(epochs, due):
        if begins[at]:
            yield at, f"record {seqs[at]} begins process life {epochs[at]} after {due[at] - 1}"
        else:
            told = f"record {seqs[at]} is of process life {epochs[at]} and stands in {due[at]}"
            yield at, f"{told}: no EPOCH"
        break
    before = (tail.mono_ns, *monos)
    for at in compress(count(), map(lt, monos, before)):
        if not begins[at]:
            told = f"record {seqs[at]} has mono_ns {monos[at]}, before the {before[at]} of the last"
            yield at, f"{told}: no EPOCH"
            break


def _hashes(rows: Iterable[Row]) -> Iterator[str]:
    """The hash of each, from its columns up to `prev_hash`.

    A row is written whole, and its last text cut off, which costs less than a row without it:
    a hash of another length is none that a record has.
    """
    text = bytearray()

    def hashed(row: Row) -> str:
        _encode_into(row, text)
        text[-len(_HASH_AND_END) :] = b"]"
        return hashlib.sha256(text).hexdigest()

    return map(hashed, rows)


def _unlike(found: Iterable[object], due: Iterable[object]) -> Iterator[int]:
    """The places where two columns differ."""
    return compress(count(), map(ne, found, due))


def _misfits(name: str, told: Sequence[object]) -> Iterator[int]:
    """The places of a column where there is a value of a type that it never has."""
    odd = {kind for kind in set(map(type, told)) if not may_hold(name, kind)}
    return (at for at, value in enumerate(told) if type(value) in odd) if odd else iter(())


_encode = msgspec.json.Encoder().encode
_encode_into = msgspec.json.Encoder().encode_into
_HASH_AND_END = b',"%s"]' % (b"0" * 64)


def _columns(*names: str) -> Callable[[Row], tuple[Any, ...]]:
    at = list(COLUMNS).index
    return itemgetter(*map(at, names))


_end_of = _columns("seq", "hash", "epoch", "wall_ns", "mono_ns")
_move_of = _columns("to", "machine")


def _broken(origin: Origin, fault: str) -> LogError:
    msg = (
        f"the log {origin.where} is not as it was written: {fault}. Nothing goes on from here; "
        "find out what happened, then restore the log from a copy"
    )
    return LogError(msg)
