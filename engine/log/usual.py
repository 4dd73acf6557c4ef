"""The usual way of an instruction as one row.

Nearly every instruction of a long run is sent, filled at once and found to match. What the
log says of it is then the same few values each time, so they are packed into one row here,
and spread over the streams `paths`, `instructions`, `fills` and `positions` when these are
read. Nobody who reads a log can tell the difference.

A row holds no opinion: each value in it was said by the strategy, the venue or the
expectation, and is told apart as such when it is spread.
"""

from collections.abc import Callable, Mapping, Sequence

import polars as pl

from verifill.engine.log.packed import NUMBERS, Packed
from verifill.engine.log.schema import STREAMS
from verifill.engine.log.streams import AMOUNT, INT, TEXT, Stream, dtype_of

NAME = "usual"
COLUMNS: Mapping[str, str] = (
    {"ref": TEXT}
    | dict.fromkeys(("seq", "time_ns", "tick", "instruction", "kind"), INT)
    | {"quantity": AMOUNT, "price": INT, "fee": AMOUNT}
    | dict.fromkeys(("base_total", "base_low", "base_high"), AMOUNT)
    | dict.fromkeys(("quote_total", "quote_low", "quote_high"), AMOUNT)
    # of the path: its first transition and its number, known when it ends
    | dict.fromkeys(("first", "path"), INT)
)
KIND = ("role", "op", "account", "subject", "side", "name", "base_key", "quote_key", "fee_asset")
SIDES = ("base", "quote")
EVIDENCE = 2  # transitions from the decision to the reading that it was judged by

Kind = tuple[int, int, int, int, int, int, int, int, int]
"""The codes of the texts in KIND."""


class Usual(Stream):
    """The rows not yet written: those that are packed, and after them those that did not fit.

    Attributes:
        kinds: what rows may have in common, by number; see KIND.
        packed: takes rows, as long as they fit.
    """

    def __init__(self) -> None:
        super().__init__(NAME, COLUMNS)
        self.kinds: dict[Kind, int] = {}
        self.packed = Packed()

    @property
    def rows(self) -> int:
        """How many rows are not yet written."""
        return len(self.packed.refs) + super().rows

    def taken(self) -> pl.LazyFrame:
        """See `Stream.taken`."""
        whole = super().taken()
        numbers, refs = self.packed.taken()
        return pl.concat([_unpacked(numbers, refs), whole]) if refs else whole


def _unpacked(numbers: bytes, refs: list[str]) -> pl.LazyFrame:
    """The rows that these bytes are; see `engine.log.packed`."""
    whole = pl.Array(pl.Int64(), len(NUMBERS) * len(refs))
    row = pl.col("bytes").bin.reinterpret(dtype=whole).reshape((len(refs), len(NUMBERS)))
    table = pl.LazyFrame({"bytes": [numbers]}, schema={"bytes": pl.Binary()})
    columns = table.select(row.arr.to_struct(fields=NUMBERS)).unnest("bytes")
    texts = pl.LazyFrame({"ref": refs}, schema={"ref": pl.String()})
    return pl.concat([texts, columns], how="horizontal").select(
        pl.col(name).cast(dtype_of(kind)) for name, kind in COLUMNS.items()
    )


def stands_for(name: str) -> Mapping[str, int]:
    """Stream -> how many rows of it one row of a file is; of most files, one of its own."""
    if name != NAME:
        return {name: 1}
    return dict.fromkeys(SPREAD, 1) | {"positions": len(SIDES)}


def schema() -> dict[str, pl.DataType]:
    """The columns of a file of rows."""
    return {column: dtype_of(kind) for column, kind in COLUMNS.items()}


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
