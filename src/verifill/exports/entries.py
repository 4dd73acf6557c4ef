"""The records of any log, of a backtest as of a live run, one after another in little memory."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

import polars as pl

from verifill.engine.log.durable_reader import DurableReader
from verifill.engine.log.expand import records
from verifill.engine.log.reader import Log
from verifill.observing.following import NO_PAYLOAD, Entry, Follower, Payload, Streams

COLUMNS: Final = (
    *("seq", "epoch", "machine", "instance", "from", "event", "to", "attempt", "kind"),
    *("intent_id", "wall_ns", "mono_ns"),
)


def entries(log: Log) -> Iterator[Entry]:
    """Every record of a log once, in order.

    A log that is being written ends with what was there when its end was reached.

    Raises:
        LogError: it cannot be read.
    """
    if isinstance(log, DurableReader):
        follower = Follower(log.folder)
        while batch := follower.batch():
            yield from batch
    else:
        for chunk in log.chunks():
            yield from _of_chunk(chunk)


def _of_chunk(chunk: Log) -> Iterator[Entry]:
    """The records of a chunk, with the rows of its streams as a payload carries them."""
    told = _evidence(chunk)
    # the amounts that `records` puts beside a record are in its payload here
    beside = {name: chunk.stream(name).head(0) for name in ("instructions", "fills", "notes")}
    frame = records(chunk.header, chunk.paths, beside | {"paths": chunk.stream("paths")})
    for row in frame.select(COLUMNS).collect().iter_rows():
        rows = told.get(row[0])
        payload = Payload(streams=Streams(**rows)) if rows else NO_PAYLOAD
        yield Entry._make((*row, payload))


def _evidence(chunk: Log) -> dict[int, dict[str, tuple[Any, ...]]]:
    """Number of a record -> stream -> its rows, without the number."""
    told: defaultdict[int, dict[str, tuple[Any, ...]]] = defaultdict(dict)
    for name in Streams.__struct_fields__:
        for seq, *row in chunk.stream(name).cast({pl.Enum: pl.String}).collect().iter_rows():
            of = told[seq]
            of[name] = (*of.get(name, ()), tuple(row))
    return told
