"""Streams: the kinds of records a log is made of, as columns in flat buffers.

A row is kept as Python values at first, which is the fastest; now and then what there is
is packed into columns, which is the smallest; and many packed pieces are written as one
file, because a file has a price of its own.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import polars as pl
from polars.lazyframe.in_process import InProcessQuery

TEXT = "text"
CODE = "code"  # a text from a small set, stored as a number (see `Writer.code`)
INT = "int"
AMOUNT = "amount"  # an exact integer of any size that a chain can hold

_DTYPES: Mapping[str, pl.DataType] = {
    TEXT: pl.String(),
    CODE: pl.Int32(),
    INT: pl.Int64(),
    AMOUNT: pl.Int128(),
}


class Stream:
    """One kind of record: a name, its columns, and the rows not yet written.

    Args:
        name: part of the file name of its chunks.
        columns: column -> TEXT, CODE, INT or AMOUNT.

    Attributes:
        append: adds one row, given as a tuple with a value for each column.
    """

    def __init__(self, name: str, columns: Mapping[str, str]) -> None:
        """Start with no rows."""
        self.name = name
        self.columns = dict(columns)
        self._pieces: list[pl.DataFrame] = []
        self._values: list[object] = []
        # one flat list: extending it is the cheapest way to keep a row
        self.append: Callable[[tuple[object, ...]], None] = self._values.extend

    @property
    def rows(self) -> int:
        """How many rows are not yet written."""
        packed = sum(piece.height for piece in self._pieces)
        return packed + len(self._values) // len(self.columns)

    def taken(self) -> pl.LazyFrame:
        """All rows, none of which are left."""
        self.pack()
        pieces, self._pieces = self._pieces or [self._piece()], []
        return pl.concat(pieces).lazy()

    def pack(self) -> None:
        """Turn the rows that came since the last time into columns."""
        if self._values:
            self._pieces.append(self._piece())
            self._values.clear()

    def _piece(self) -> pl.DataFrame:
        width = len(self.columns)
        return pl.DataFrame(
            [
                _series(name, self._values[at::width], kind)
                for at, (name, kind) in enumerate(self.columns.items())
            ]
        )


def _series(name: str, values: list[object], kind: str) -> pl.Series:
    if kind == AMOUNT:
        # nearly all are of 64 bits, which polars reads in half the time
        with suppress(TypeError):
            return pl.Series(name, values, dtype=pl.Int64()).cast(pl.Int128())
    return pl.Series(name, values, dtype=_DTYPES[kind])


def write_parquet(rows: pl.LazyFrame, path: Path) -> InProcessQuery:
    """Begin to write one file of a log, which polars does while other work goes on.

    Raises:
        OSError: the file cannot be written; now, or when the query is fetched.
    """
    sink = rows.sink_parquet(
        path, compression="zstd", compression_level=1, statistics=False, lazy=True
    )
    return sink.collect(background=True)


def dtype_of(kind: str) -> pl.DataType:
    """The polars type that a kind of column is stored as."""
    return _DTYPES[kind]
