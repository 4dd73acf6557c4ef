"""A durable log record by record: its chain, and the rows and evidence that are checked."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from operator import itemgetter
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
from attrs import define, field
from msgspec import Struct

from verifill.engine.errors import LogError
from verifill.engine.log.anchor import Anchor
from verifill.engine.log.connection import (
    DATABASE,
    check_pages,
    check_tables,
    connect_to_read,
    reading,
    rows_after,
)
from verifill.engine.log.opening import origin_of
from verifill.engine.log.parts import verify as follow
from verifill.engine.log.record import COLUMNS, EVIDENCE, Row
from verifill.engine.log.schema import STREAMS
from verifill.engine.log.streams import CODE, TEXT, dtype_of
from verifill.engine.paths import Move
from verifill.engine.verify.machine import Machine
from verifill.engine.verify.sends import answers
from verifill.engine.verify.verdict import Check, Fault, checked

PICKED = ("seq", "epoch", "machine", "instance", "from", "event", "to", "attempt", "kind",
          "intent_id", "mono_ns")  # fmt: skip
MOVES = {"IGNORED": Move.IGNORED, "REFUSED": Move.REFUSED}
PIECE_ROWS = 65_536

_picked: Callable[[Row], tuple[Any, ...]] = itemgetter(*map(list(COLUMNS).index, PICKED))
_payload = list(COLUMNS).index("payload")


class Told(Struct):
    """A payload, as far as it is evidence."""

    streams: dict[str, list[list[Any]]] = {}


_told = msgspec.json.Decoder(Told).decode


@define
class Records:
    """What was read of a durable log.

    Attributes:
        checks: of its chain, its anchor and its pages.
        root: hash that the chain ends with, as far as it could be followed.
        frame: the columns PICKED of every record.
        streams: stream -> its rows, with the number of their record first.
    """

    checks: list[Check] = field(factory=list[Check])
    root: str = ""
    frame: pl.DataFrame = field(factory=pl.DataFrame)
    streams: dict[str, list[tuple[Any, ...]]] = field(
        factory=lambda: {name: list[tuple[Any, ...]]() for name in EVIDENCE}
    )

    def stream(self, name: str) -> pl.LazyFrame:
        """The rows of a stream that records carry."""
        kinds = {TEXT: pl.String(), CODE: pl.String()}
        schema = {c: kinds.get(kind, dtype_of(kind)) for c, kind in STREAMS[name].items()}
        return pl.LazyFrame(self.streams[name], schema=schema, orient="row")


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
    pieces = _Pieces(told.streams)
    broken: list[Fault] = []
    with ExitStack() as held, reading(path):
        connection = connect_to_read(path)
        held.callback(connection.close)
        check_tables(connection, path)
        try:
            told.root = follow(connection, path, origin, anchored, pieces.of).hash
        except LogError as error:
            broken.append(Fault(str(path), str(error)))
            _drain(pieces.of(rows_after(connection, path, pieces.last)))
        try:
            check_pages(connection, path)
        except LogError as error:
            broken.append(Fault(str(path), str(error)))
    told.frame = pieces.frame()
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
            f"it holds nothing of {folder}, and every log publishes there when it begins: so "
            "nobody can tell whether records were cut off its end. Restore it"
        )
        return None, [Fault("anchor", what)]
    return told, []


def _drain(rows: Iterator[Row]) -> None:
    """Read the rest, as far as it can be read; that it is broken is known."""
    try:
        for _ in rows:
            pass
    except LogError:
        return


class _Pieces:
    """The picked columns of records, packed now and then, because Python values take room."""

    def __init__(self, streams: dict[str, list[tuple[Any, ...]]]) -> None:
        self.last = 0  # number of the last record that was looked at
        self._streams = streams
        self._loose: list[tuple[Any, ...]] = []
        self._packed: list[pl.DataFrame] = []

    def of(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows, while what is picked of them is kept."""
        keep, streams = self._loose.append, self._streams
        for row in rows:
            keep(_picked(row))
            self.last = seq = int(row[0] or 0)
            payload = row[_payload]
            if payload is not None and '"streams"' in str(payload):
                _carry(str(payload), seq, streams)
            if len(self._loose) >= PIECE_ROWS:
                self._pack()
            yield row

    def frame(self) -> pl.DataFrame:
        """All of it."""
        self._pack()
        return pl.concat(self._packed)

    def _pack(self) -> None:
        texts = {"machine", "from", "event", "to", "kind"}
        schema = {
            name: pl.Categorical() if name in texts else dtype_of(COLUMNS[name]) for name in PICKED
        }
        piece = pl.DataFrame(self._loose, schema=schema, orient="row", strict=False)
        self._packed.append(piece)
        self._loose.clear()


def _carry(payload: str, seq: int, streams: dict[str, list[tuple[Any, ...]]]) -> None:
    try:
        carried = _told(payload).streams
    except msgspec.DecodeError:  # an edited payload; the chain says so
        return
    for name, rows in carried.items():
        width = len(EVIDENCE.get(name, ()))
        streams.get(name, []).extend((seq, *row) for row in rows if len(row) == width)


def legality(told: Records, machine: Machine) -> Check:
    """Every transition that was recorded is one of the table's."""
    frame = _of_loops(told.frame, machine).filter(pl.col("event").is_not_null())
    kinds = frame.group_by("from", "event", "to", "kind", "machine").agg(
        pl.col("seq").first(), pl.len()
    )
    faults: list[Fault] = []
    for source, event, target, kind, owner, seq, count in kinds.sort("seq").iter_rows():
        move = MOVES.get(kind, Move.MOVED)
        wrong = machine.wrong(source, event, target, move)
        right = machine.nesting.owner(source, event, target)
        if not wrong and owner != right:
            wrong = f"is written as a move of {owner}, and is one of {right}"
        if wrong:
            again = f", and {count - 1} more like it" if count > 1 else ""
            faults.append(Fault(f"record {seq}", f"{wrong}{again}"))
    claim = "every transition is one of the table that the log carries"
    return checked("legality", claim, frame.height, "transitions", faults)


def rows_of(told: Records, machine: Machine) -> pl.DataFrame:
    """The records as the rows that `engine.verify.order` looks at."""
    leaves = pl.Enum(["", *machine.nesting.states])
    frame = _of_loops(told.frame, machine)
    levels = machine.nesting.levels
    depths = {table: at for at, (table, _) in enumerate(levels)}
    depth = pl.col("machine").cast(pl.String).replace_strict(depths, return_dtype=pl.Int64)
    target = pl.coalesce("to", "from").cast(pl.String)
    source = pl.coalesce("from", "to").cast(pl.String)
    frame = frame.with_columns(
        depth=depth,
        source=source.cast(leaves, strict=False).fill_null(""),
        target=target.cast(leaves, strict=False).fill_null(""),
        count=pl.lit(1, dtype=pl.Int64),
        time_ns="mono_ns",
    )
    inside = {
        f"in_{column}": (pl.col("depth") >= at) & _below(machine.around[column])
        for at, (_, column) in enumerate(levels)
    }
    numbers = {
        column: pl.when((pl.col("depth") >= at) & (pl.lit(at == 0) | pl.col(f"in_{column}")))
        .then(pl.when(pl.col("depth") == at).then("instance").forward_fill())
        .otherwise(0)
        .fill_null(0)
        for at, (_, column) in enumerate(levels)
    }
    return frame.with_columns(**inside).with_columns(**numbers).with_columns(**_facts(machine))


def _below(holders: tuple[str, ...]) -> pl.Expr:
    """Whether a record stays inside one of the states."""
    leaf = pl.col("target").cast(pl.String)
    return pl.any_horizontal(
        pl.lit(value=False), *(leaf.str.starts_with(f"{holder}.") for holder in holders)
    )


def _facts(machine: Machine) -> dict[str, pl.Expr]:
    """What each record says of sends and of the leaf of its instruction."""
    inner = list(machine.inside)
    leaf = pl.col("target").cast(pl.String)
    before = pl.col("source").cast(pl.String)
    touched = pl.when(leaf.is_in(inner)).then("target").when(before.is_in(inner)).then("source")
    pairs = [
        (source, event, *answers(machine, source, event))
        for source in machine.entry
        for event in machine.nesting.events
    ]
    said = {
        name: pl.any_horizontal(
            pl.lit(value=False),
            *(
                (before == pair[0]) & (pl.col("event").cast(pl.String) == pair[1])
                for pair in pairs
                if pair[at]
            ),
        ).fill_null(value=False)
        for at, name in ((2, "answers"), (3, "denials"))
    }
    kind = pl.col("kind").cast(pl.String)
    return {
        "inner": touched.otherwise(pl.lit("")).fill_null(""),
        "answers": said["answers"].cast(pl.Int32),
        "denials": said["denials"].cast(pl.Int32),
        "refused": (kind == "REFUSED").cast(pl.Int32),
        "ignored": (kind == "IGNORED").cast(pl.Int32),
    }


def _of_loops(frame: pl.DataFrame, machine: Machine) -> pl.DataFrame:
    """The records of the trading loops, without those of breakers, feeds and the like."""
    tables = list(machine.nesting.instances)
    return frame.filter(pl.col("machine").cast(pl.String).is_in(tables))
