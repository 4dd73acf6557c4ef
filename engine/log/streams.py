"""Streams: the kinds of records a log is made of, as columns in flat buffers."""

from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl

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
        self._values: list[object] = []
        # one flat list: extending it is the cheapest way to keep a row
        self.append: Callable[[tuple[object, ...]], None] = self._values.extend

    @property
    def rows(self) -> int:
        """How many rows are not yet written."""
        return len(self._values) // len(self.columns)

    def write(self, path: Path) -> None:
        """Write the rows as Parquet.

        Raises:
            OSError: the file cannot be written.
        """
        frame = self.frame()
        frame.write_parquet(path, compression="zstd", compression_level=1, statistics=False)

    def clear(self) -> None:
        """Forget the rows; they are written."""
        self._values.clear()

    def frame(self) -> pl.DataFrame:
        """The rows not yet written."""
        width = len(self.columns)
        return pl.DataFrame(
            [
                pl.Series(name, self._values[at::width], dtype=_DTYPES[kind])
                for at, (name, kind) in enumerate(self.columns.items())
            ]
        )


def dtype_of(kind: str) -> pl.DataType:
    """The polars type that a kind of column is stored as."""
    return _DTYPES[kind]
