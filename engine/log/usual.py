"""The usual way of an instruction as one row of plain integers.

Nearly every instruction of a long run is sent, filled at once and found to match. What the
log says of it is then the same few numbers each time, so they are packed into one row here,
and spread over the streams `paths`, `instructions`, `fills` and `positions` when these are
read. Nobody who reads a log can tell the difference.

A row holds no opinion: each number in it was said by the strategy, the venue or the
expectation, and is told apart as such when it is spread.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from struct import Struct
from struct import error as StructError  # noqa: N812 - the library's own name says nothing

import polars as pl

from verifill.engine.log.schema import STREAMS
from verifill.engine.log.streams import TEXT, dtype_of, write_parquet

NAME = "usual"
COLUMNS = (
    "first", "path",  # of the path: its first transition and its number, known when it ends
    "seq", "time_ns", "tick", "instruction", "kind",
    "quantity", "price", "fee",
    "base_total", "base_low", "base_high", "quote_total", "quote_low", "quote_high",
)  # fmt: skip
KIND = ("role", "op", "account", "subject", "side", "name", "base_key", "quote_key", "fee_asset")
SIDES = ("base", "quote")
EVIDENCE = 2  # transitions from the decision to the reading that it was judged by

_ROW = Struct(f"<{len(COLUMNS)}q")
_END = Struct("<2q")

Kind = tuple[int, int, int, int, int, int, int, int, int]
"""The codes of the texts in KIND."""


class Usual:
    """The rows not yet written.

    Args:
        rows: how many there is room for.

    Attributes:
        kinds: what rows may have in common, by number; see KIND.
    """

    def __init__(self, rows: int) -> None:
        self.name = NAME
        self.kinds: dict[Kind, int] = {}
        self._buffer = bytearray(_ROW.size * rows)
        self._refs: list[str] = []
        self._at = 0
        self._open = False

    def begin(self, ref: str, *numbers: int) -> bool:
        """Take a row, all of it but how its path ends; False if a number is too large.

        Args:
            ref: the venue's reference of the fill.
            numbers: the columns from `seq` on.
        """
        try:
            _ROW.pack_into(self._buffer, self._at, 0, 0, *numbers)
        except StructError:
            return False
        self._refs.append(ref)
        self._open = True
        return True

    def end(self, first: int, number: int) -> bool:
        """Complete the row, if one was begun, with its path; False if none was."""
        if not self._open:
            return False
        _END.pack_into(self._buffer, self._at, first, number)
        self._at += _ROW.size
        self._open = False
        return True

    @property
    def rows(self) -> int:
        """How many whole rows are not yet written."""
        return self._at // _ROW.size

    def pack(self) -> None:
        """Nothing to do: the rows take little room as they are."""

    def write(self, path: Path) -> None:
        """Write the rows as Parquet.

        Raises:
            OSError: the file cannot be written.
        """
        write_parquet(self.frame(), path)

    def frame(self) -> pl.DataFrame:
        """The rows not yet written."""
        count = self.rows
        cells = pl.Series([bytes(self._buffer[: self._at])], dtype=pl.Binary)
        whole = pl.Array(pl.Int64, count * len(COLUMNS))
        table = cells.bin.reinterpret(dtype=whole, endianness="little").explode()
        columns = table.reshape((count, len(COLUMNS))).arr.to_struct(COLUMNS).struct.unnest()
        return columns.with_columns(ref=pl.Series(self._refs, dtype=pl.String))

    def clear(self) -> None:
        """Forget the rows; they are written."""
        self._refs.clear()
        self._at = 0


def stands_for(name: str) -> Mapping[str, int]:
    """Stream -> how many rows of it one row of a file is; of most files, one of its own."""
    if name != NAME:
        return {name: 1}
    return dict.fromkeys(SPREAD, 1) | {"positions": len(SIDES)}


def schema() -> dict[str, pl.DataType]:
    """The columns of a file of rows."""
    return dict.fromkeys(COLUMNS, pl.Int64()) | {"ref": dtype_of(TEXT)}


def spread(rows: pl.LazyFrame, kinds: Sequence[Sequence[int]], stream: str) -> pl.LazyFrame:
    """The rows of a stream that these rows stand for, codes not yet replaced by texts."""
    frame = SPREAD[stream](rows, _kinds(kinds))
    return frame.select(
        pl.col(column).cast(dtype_of(kind)) for column, kind in STREAMS[stream].items()
    )


def _kinds(kinds: Sequence[Sequence[int]]) -> pl.LazyFrame:
    columns: dict[str, pl.DataType] = dict.fromkeys(KIND, pl.Int32())
    return pl.LazyFrame(list(kinds), schema=columns, orient="row").with_row_index("kind")


def _paths(rows: pl.LazyFrame, _kinds: pl.LazyFrame) -> pl.LazyFrame:
    return rows.with_columns(seq="first", chain=pl.lit(0), attempt=pl.lit(1))


def _instructions(rows: pl.LazyFrame, kinds: pl.LazyFrame) -> pl.LazyFrame:
    return _with_kind(rows, kinds).with_columns(
        parent=pl.lit(0), limit=pl.lit(0), detail=pl.lit("")
    )


def _fills(rows: pl.LazyFrame, kinds: pl.LazyFrame) -> pl.LazyFrame:
    return _with_kind(rows, kinds).with_columns(pl.col("seq") + EVIDENCE, realised=pl.lit(0))


def _positions(rows: pl.LazyFrame, kinds: pl.LazyFrame) -> pl.LazyFrame:
    both = _with_kind(rows, kinds).with_columns(pl.col("seq") + EVIDENCE, as_of_ns="time_ns")
    fields = ("key", "total", "low", "high")
    sides = [
        both.select(
            "seq", "instruction", "as_of_ns", *(pl.col(f"{s}_{f}").alias(f) for f in fields)
        )
        for s in SIDES
    ]
    return pl.concat(sides).sort("seq", maintain_order=True)


def _with_kind(rows: pl.LazyFrame, kinds: pl.LazyFrame) -> pl.LazyFrame:
    return rows.join(kinds, on="kind", how="left", maintain_order="left")


SPREAD: Mapping[str, Callable[[pl.LazyFrame, pl.LazyFrame], pl.LazyFrame]] = {
    "paths": _paths,
    "instructions": _instructions,
    "fills": _fills,
    "positions": _positions,
}
