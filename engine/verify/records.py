"""A durable log record by record: its chain, and the rows and evidence that are checked."""

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import polars as pl
from attrs import define, field

from verifill.engine.errors import LogError, LogExists
from verifill.engine.log.anchor import Anchor, FileAnchor
from verifill.engine.log.connection import (
    DATABASE,
    Connection,
    batches_after,
    check_tables,
    connect_to_read,
    indexed,
    reading,
)
from verifill.engine.log.identity import check_same
from verifill.engine.log.line import Batch
from verifill.engine.log.opening import origin_of
from verifill.engine.log.parts import verify as follow
from verifill.engine.verify.kept import RECORDS, Kept
from verifill.engine.verify.verdict import Check, Fault, checked


@define
class Records:
    """What was read of a durable log.

    Attributes:
        kept: of its records.
        checks: of its chain, its anchor and its pages.
        root: hash that the chain ends with, as far as it could be followed.
    """

    kept: Kept = field(factory=Kept)
    checks: list[Check] = field(factory=list[Check])
    root: str = ""

    @property
    def frame(self) -> pl.DataFrame:
        """The columns PICKED and READ of every record."""
        return self.kept.frame(RECORDS)

    def stream(self, name: str) -> pl.LazyFrame:
        """The rows of a stream that records carry.

        Raises:
            LogError: they are not what such rows are.
        """
        return self.kept.frame(name).lazy()


def read(folder: Path, anchor: Anchor | None) -> Records:
    """Read a durable log once, from its start to its end, also while its writer goes on.

    Args:
        folder: the log.
        anchor: the second place; None if there is none to be asked.

    Raises:
        LogError: it is no durable log, or it cannot be read at all.
    """
    told = Records()
    origin = origin_of(folder)
    path = folder / DATABASE
    anchored, lost = _anchored(folder, anchor)
    broken: list[Fault] = []
    with ExitStack() as held, reading(path):
        connection = connect_to_read(path)
        held.callback(connection.close)
        check_tables(connection, path)
        try:
            told.root = follow(connection, path, origin, anchored, told.kept).hash
        except LogError as error:
            broken.append(Fault(str(path), str(error)))
            _drain(told.kept.of(batches_after(connection, path, told.kept.last)))
        broken += _unlike_index(connection, path, told.kept)
    count = told.frame.height
    claim = "every record carries the hash of the one before it"
    told.checks.append(checked("chain", claim, count, "records", broken))
    claim = "the second place holds a record of this chain"
    if anchor is None:
        told.checks.append(Check("anchor", claim, skipped="no anchor was named"))
    else:
        told.checks.append(checked("anchor", claim, int(anchored is not None), "places", lost))
    return told


def _anchored(folder: Path, anchor: Anchor | None) -> tuple[tuple[int, str] | None, list[Fault]]:
    if anchor is None:
        return None, []
    try:
        told = anchor.last()
    except LogError as error:
        return None, [Fault("anchor", str(error))]
    if told is None:
        what = (
            f"{anchor if isinstance(anchor, FileAnchor) else 'it'} holds nothing of {folder}, and "
            "every log publishes there when it begins: so nobody can tell whether records were cut "
            "off its end. Restore it, or name the file that it was moved to with --anchor"
        )
        return None, [Fault("anchor", what)]
    try:
        check_same(folder, anchor)
    except (LogError, LogExists) as error:
        return told, [Fault("anchor", str(error))]
    return told, []


def _unlike_index(connection: Connection, path: Path, kept: Kept) -> Iterator[Fault]:
    """What keeps an intent from being sent twice, and finds commands, says what records say."""
    try:
        found = indexed(connection, path)
    except LogError as error:
        yield Fault(str(path), str(error))
        return
    frame, last = kept.frame(RECORDS), kept.last  # what has come since is looked at next time
    for kind, listed in found.items():
        told = frame.filter(pl.col("kind") == kind)
        keys = dict(zip(told["seq"].to_list(), told["intent_id"].to_list(), strict=True))
        if keys != {seq: key for seq, key in listed.items() if seq <= last}:
            what = f"is damaged: its index of {kind} does not say what its records say"
            yield Fault(str(path), f"{path} {what}. Restore it from a copy")


def _drain(batches: Iterable[Batch]) -> None:
    """Read the rest, as far as it can be read; that it is broken is known."""
    try:
        deque(batches, maxlen=0)
    except LogError:
        return
