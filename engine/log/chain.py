"""The chain of a durable log: each record carries the hash of the one before it.

What it is the hash of, `engine.log.line` says. The first record carries the digest of the
header, so a record belongs to one place of one log.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, compress, count, islice, repeat
from operator import itemgetter, lt, ne

from verifill.engine.errors import LogError
from verifill.engine.log.line import Batch, Line, hash_of, unread_in
from verifill.engine.log.record import EPOCH, Origin, Record, Tail
from verifill.engine.log.stored import may_hold

Anchored = tuple[int, str] | None
"""A record's number and the hash that it must have, as the second place holds them."""


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
        tail = ended(batch, tail, origin)
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


def after(record: Record, line: Line, epoch: int, tail: Tail, origin: Origin) -> Tail:
    """Where a chain ends that has one more record, of a process life."""
    state = (record.target if record.machine in origin.tables else None) or tail.state
    return Tail(line.seq, line.hash, epoch, state, record.wall_ns, record.mono_ns)


def ended(batch: Batch, tail: Tail, origin: Origin) -> Tail:
    """Where a chain ends that has some more records, which are sound."""
    moves = zip(reversed(batch["machine"]), reversed(batch["to"]), strict=True)
    targets = (target for machine, target in moves if target and machine in origin.tables)
    seq, digest, epoch, wall_ns, mono_ns = (
        batch[name][-1] for name in ("seq", "hash", "epoch", "wall_ns", "mono_ns")
    )
    return Tail(seq, digest, epoch, next(targets, tail.state), wall_ns, mono_ns)


def _faults(
    batch: Batch, tail: Tail, origin: Origin, anchored: Anchored
) -> Iterator[tuple[int, str]]:
    """What is wrong in records that stand after that tail, each kind where it is first.

    Column by column, because what all records share is compared many times faster so.

    Yields:
        The place in the batch, and the fault. Of one place the gravest comes first.
    """
    seqs = batch["seq"]
    for at in _unlike(seqs, range(tail.seq + 1, tail.seq + 1 + len(seqs))):
        due = tail.seq + 1 + at
        yield at, f"record {due} is missing: after record {due - 1} comes record {seqs[at]}"
        break
    if (edited := _edited(batch)) is not None:
        yield edited, f"record {seqs[edited]} was edited: its columns do not give its hash"
        batch = _first_of(batch, edited)  # what stands there may not even be compared
    if (unread := unread_in(batch)) is not None:
        yield unread, f"record {seqs[unread]} holds columns that no engine of this version writes"
        batch = _first_of(batch, unread)
    yield from _links(batch, tail, origin, anchored)
    yield from _breaks_in_time(batch, tail)


def _first_of(batch: Batch, count: int) -> Batch:
    return {name: told[:count] for name, told in batch.items()}


def _edited(batch: Batch) -> int | None:
    """The place of the first record that does not give its hash; None if all do."""
    stored = {name: batch[name] for name in Line._fields}
    odd = min((at for name, told in stored.items() for at in _misfits(name, told)), default=None)
    texts = [batch[name][:odd] for name in ("kind", "intent_id", "head", "payload")]
    return next(_unlike(batch["hash"], map(hash_of, *texts)), odd)


def _links(
    batch: Batch, tail: Tail, origin: Origin, anchored: Anchored
) -> Iterator[tuple[int, str]]:
    """Every record names the hash of the one before, and is of this log."""
    seqs, hashes = batch["seq"], batch["hash"]
    for at in _unlike(batch["prev_hash"], (tail.hash, *hashes)):
        before = f"record {tail.seq + at}" if tail.seq + at else "the header"
        yield at, f"record {seqs[at]} does not follow {before}: one of them was replaced"
        break
    runs, definitions = batch["run"], batch["definition_hash"]
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


def _breaks_in_time(batch: Batch, tail: Tail) -> Iterator[tuple[int, str]]:
    """Time and process go on from record to record; only an EPOCH may break them."""
    seqs, kinds, epochs, monos = (batch[name] for name in ("seq", "kind", "epoch", "mono_ns"))
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


def _unlike(found: Iterable[object], due: Iterable[object]) -> Iterator[int]:
    """The places where two columns differ."""
    return compress(count(), map(ne, found, due))


def _misfits(name: str, told: Sequence[object]) -> Iterator[int]:
    """The places of a stored column where there is what it never has."""
    odd = {kind for kind in set(map(type, told)) if not may_hold(name, kind)}
    if odd or "" in told:
        yield from (at for at, value in enumerate(told) if type(value) in odd or value == "")


def _broken(origin: Origin, fault: str) -> LogError:
    msg = (
        f"the log {origin.where} is not as it was written: {fault}. Nothing goes on from here; "
        "find out what happened, then restore the log from a copy"
    )
    return LogError(msg)
