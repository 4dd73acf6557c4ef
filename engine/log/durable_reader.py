"""Reading a durable log from any process, while its writer goes on."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from functools import cached_property
from itertools import islice, takewhile
from pathlib import Path
from typing import Any, cast

import polars as pl

from verifill.engine.log.connection import (
    COMMANDS,
    DATABASE,
    backwards,
    check_tables,
    connect_to_read,
    reading,
    rows_after,
)
from verifill.engine.log.expand import Nesting
from verifill.engine.log.identity import check_header
from verifill.engine.log.reader import Log
from verifill.engine.log.record import COLUMNS, EVIDENCE, Evidence, Row
from verifill.engine.log.schema import PATHS, SQLITE, STORE
from verifill.engine.log.streams import AMOUNT, CODE, dtype_of
from verifill.engine.log.tally import of_records
from verifill.engine.log.writer import is_log

LAST_RECORD = "SELECT * FROM records ORDER BY seq DESC LIMIT 1"
BATCH_ROWS = 65_536
MAX_SEQ = 1 << 62


def open_log(folder: Path | str) -> Log:
    """The reader of a log, of a backtest or of a live run.

    Raises:
        LogError: it is no log, or of a schema that this version does not know; or its header
            is damaged.
    """
    if not is_log(Path(folder)):
        check_header(Path(folder))
    log = Log(folder)  # that it is of another version is told before what has become of it
    check_header(Path(folder))
    return DurableReader(folder) if log.header.get(STORE) == SQLITE else log


def check_readable(folder: Path) -> None:
    """Refuse a durable log of which it shows without reading it whole that it is damaged.

    Raises:
        LogError: its header is not as it was written, or its database cannot be read as a log.
    """
    check_header(folder)
    path = folder / DATABASE
    with reading(path), closing(connect_to_read(path)) as connection:
        check_tables(connection, path)
        connection.execute(LAST_RECORD).fetchone()


class DurableReader(Log):
    """A durable log as it stood when it was first read; `tail` tells what came since.

    It verifies nothing: `engine.log.opening` does.

    Args:
        folder: the log's folder.
        after: a number; the records up to it are left out, as if they were not there.
        before: a number; those from it on are left out too; 0 for none.

    Raises:
        LogError: it is no log, or of a schema that this version does not know.
    """

    def __init__(self, folder: Path | str, *, after: int = 0, before: int = 0) -> None:
        super().__init__(folder)
        self._after = after
        self._before = before

    def recent(self, count: int) -> "DurableReader":
        """A reader of the last records alone, as the log stands now.

        It costs what those records cost, however long the log is.

        Args:
            count: how many, at most.

        Raises:
            LogError: the log cannot be read.
        """
        path = self.folder / DATABASE
        with reading(path), closing(connect_to_read(path)) as connection:
            last: int = connection.execute("SELECT coalesce(max(seq), 0) FROM records").fetchone()[
                0
            ]
        return DurableReader(self.folder, after=max(self._after, last - count))

    @property
    def first_seq(self) -> int:
        """Number of the first record that is read; 1 if none is left out."""
        return self._after + 1

    @cached_property
    def manifest(self) -> Sequence[Mapping[str, Any]]:
        """No line: there are no chunks."""
        return ()

    @property
    def end(self) -> Mapping[str, Any] | None:
        """What the last record holds under `end`; None if it holds nothing there."""
        last = self._records["payload"].tail(1)
        return None if not last.len() or last[0] is None else json.loads(last[0]).get("end")

    @property
    def last_seq(self) -> int:
        """Number of the last record; 0 if there is none."""
        return self._after + self._records.height

    @property
    def rows(self) -> Mapping[str, int]:
        """Stream -> how many rows it has."""
        evidence = {stream: len(rows) for stream, rows in self._evidence.items()}
        return {"paths": self._records.height} | evidence

    @cached_property
    def codes(self) -> list[str]:
        """The texts of all CODE columns."""
        coded = [
            (stream, at)
            for stream, columns in EVIDENCE.items()
            for at, kind in enumerate(columns.values(), start=1)
            if kind == CODE
        ]
        return list(
            dict.fromkeys(row[at] for stream, at in coded for row in self._evidence[stream])
        )

    def stream(self, name: str) -> pl.LazyFrame:
        """One stream: the rows of it that records carry. `paths` has a row for each record.

        Raises:
            LogError: the log has no such stream.
        """
        columns = self._columns(name)
        if name == "paths":
            return self._moments()
        rows = self._evidence[name]
        texts = pl.Enum(self.codes)
        return pl.LazyFrame(
            [
                pl.Series(
                    column,
                    [row[at] for row in rows],
                    dtype=texts if kind == CODE else dtype_of(kind),
                )
                for at, (column, kind) in enumerate(columns.items())
            ]
        )

    def records(self, paths: pl.LazyFrame | None = None) -> pl.LazyFrame:
        """Every record, one row each, in the columns of `engine.log.expand`.

        Args:
            paths: rows of the stream `paths` whose records are wanted; all by default.
        """
        frame = self._records.lazy().drop("hash")
        return frame if paths is None else frame.join(paths, on="seq", how="semi").sort("seq")

    def tally(self) -> pl.LazyFrame:
        """How often each transition was recorded; see `Log.tally`."""
        return of_records(self.records(), Nesting(**self.header["nesting"]))

    def first(self, told: pl.Expr, count: int) -> pl.LazyFrame:
        """The first records of which something is true; see `Log.first`."""
        return self.records().filter(told).head(count)

    def tail(self, seq: int) -> pl.LazyFrame:
        """The records after a number, as they are now, in the columns of `records`.

        It costs what those records cost, however long the log is.

        Args:
            seq: the number; 0 is before the first.
        """
        return self._read(seq).lazy().drop("hash")

    def backwards(self, columns: Collection[str]) -> Iterator[Mapping[str, Any]]:
        """Records as they are now, the newest first, each read when it is asked for.

        Args:
            columns: those of COLUMNS that are wanted.
        """
        wanted = [name for name in COLUMNS if name in columns]
        for row in self._rows(backwards(wanted)):
            yield dict(zip(wanted, row, strict=True))

    def commands(self) -> Iterator[str]:
        """The payload of every command of an operator, as they are now, by number."""
        return (payload for (payload,) in self._rows(COMMANDS))

    def _rows(self, query: str) -> Iterator[tuple[Any, ...]]:
        path = self.folder / DATABASE
        with reading(path), closing(connect_to_read(path)) as connection:
            within = query.replace("seq > ?", "seq > ? AND seq < ?")
            yield from connection.execute(within, (self._after, self._before or MAX_SEQ))

    @cached_property
    def _records(self) -> pl.DataFrame:
        return self._read(self._after)

    def _read(self, seq: int) -> pl.DataFrame:
        path = self.folder / DATABASE
        with reading(path), closing(connect_to_read(path)) as connection:
            rows = rows_after(connection, path, seq)
            if self._before:
                rows = takewhile(lambda row: cast("int", row[0]) < self._before, rows)
            return _frame(rows)

    @cached_property
    def _evidence(self) -> Mapping[str, Sequence[tuple[Any, ...]]]:
        """Stream -> its rows, each with the number of its record."""
        told: dict[str, list[tuple[Any, ...]]] = {stream: [] for stream in EVIDENCE}
        carrying = self._records.filter(pl.col("payload").str.contains('"streams"', literal=True))
        for seq, payload in carrying.select("seq", "payload").iter_rows():
            streams: Evidence = json.loads(payload).get("streams") or {}
            for stream, rows in streams.items():
                told[stream].extend((seq, *row) for row in rows)
        return told

    def _moments(self) -> pl.LazyFrame:
        """When each record was written, and within which tick, chain and instruction."""
        nesting = Nesting(**self.header["nesting"])
        tables = [table for table, _ in nesting.levels]
        depth = pl.col("machine").replace_strict(
            tables, range(len(tables)), default=0, return_dtype=pl.Int64
        )
        around = {
            column: pl.when((depth >= at) & _inside(nesting, table))
            .then(pl.when(pl.col("machine") == table).then("instance").forward_fill())
            .otherwise(0)
            .alias(column)
            for at, (table, column) in enumerate(nesting.levels)
        }
        given = {
            "seq": pl.col("seq"),
            "path": pl.lit(None, dtype=pl.Int64),
            "time_ns": pl.col("wall_ns"),
            "attempt": pl.col("attempt"),
        }
        none = pl.lit(0, dtype=pl.Int64)
        told = [(given | around).get(name, none).alias(name) for name in PATHS]
        return self._records.lazy().select(told)


def _inside(nesting: Nesting, table: str) -> pl.Expr:
    """Whether the leaf of a record lies in a state that holds the table."""
    leaf = pl.coalesce("to", "from").fill_null("")
    holders = [holder for holder, held in nesting.holders.items() if held == table]
    return pl.any_horizontal(
        leaf.str.starts_with(f"{holder}.") if holder else pl.lit(value=True) for holder in holders
    )


def _frame(rows: Iterator[Row]) -> pl.DataFrame:
    """Records as a frame, made piece by piece, because Python values take much room."""
    schema = {
        name: pl.String() if kind == AMOUNT else dtype_of(kind) for name, kind in COLUMNS.items()
    }
    pieces = [pl.DataFrame(schema=schema)]
    while batch := list(islice(rows, BATCH_ROWS)):
        pieces.append(pl.DataFrame(batch, schema=schema, orient="row"))
    amounts = [name for name, kind in COLUMNS.items() if kind == AMOUNT]
    return pl.concat(pieces).with_columns(pl.col(amounts).cast(pl.Int128))
