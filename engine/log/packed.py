"""Rows of the usual way as bytes: eight for each number, as it lies in a file's columns.

A number of the compiled kernel becomes bytes without ever being a value of Python, and nothing
is left to free. One of more than 64 bits, as of many tokens with 18 decimals, does not fit:
from there on, rows are kept as values until a chunk of them is written.
"""

from typing import Final

from librt.strings import BytesWriter, write_i64_le

from verifill.engine.executor import Context, UsualRow

NUMBERS: Final = (
    "seq", "time_ns", "tick", "instruction", "kind", "quantity", "price", "fee",
    "base_total", "base_low", "base_high", "quote_total", "quote_low", "quote_high",
    "first", "path",
)  # fmt: skip
"""The numbers of a row, in their order."""
WIDTH: Final = 8 * len(NUMBERS)


class Packed:
    """Rows that are not yet written.

    Attributes:
        refs: of each row, the venue's reference.
        wide: whether a row did not fit, and no further one is taken.
    """

    def __init__(self) -> None:
        self._bytes = BytesWriter()
        self.refs: list[str] = []
        self.wide = False

    def add(self, row: UsualRow, context: Context, first: int, path: int) -> bool:
        """Take a row, unless one does not fit.

        Args:
            row: what is recorded.
            context: of its path.
            first: number of the path's first transition.
            path: the path's number.
        """
        if self.wide:
            return False
        to = self._bytes
        try:
            write_i64_le(to, row.seq)
            write_i64_le(to, context.time_ns)
            write_i64_le(to, context.tick)
            write_i64_le(to, context.instruction)
            write_i64_le(to, row.kind)
            write_i64_le(to, row.quantity)
            write_i64_le(to, row.price)
            write_i64_le(to, row.fee)
            write_i64_le(to, row.base_total)
            write_i64_le(to, row.base_low)
            write_i64_le(to, row.base_high)
            write_i64_le(to, row.quote_total)
            write_i64_le(to, row.quote_low)
            write_i64_le(to, row.quote_high)
            write_i64_le(to, first)
            write_i64_le(to, path)
        except (OverflowError, ValueError):  # compiled, and not
            self.wide = True
            to.truncate(WIDTH * len(self.refs))
            return False
        self.refs.append(row.ref)
        return True

    def taken(self) -> tuple[bytes, list[str]]:
        """All rows, and their references; none are left."""
        numbers, refs = self._bytes.getvalue(), self.refs
        self._bytes, self.refs, self.wide = BytesWriter(), [], False
        return numbers, refs


def values_of(row: UsualRow, context: Context, first: int, path: int) -> tuple[object, ...]:
    """A row as values, its reference first and then `NUMBERS`."""
    return (
        row.ref,
        row.seq,
        context.time_ns,
        context.tick,
        context.instruction,
        row.kind,
        row.quantity,
        row.price,
        row.fee,
        row.base_total,
        row.base_low,
        row.base_high,
        row.quote_total,
        row.quote_low,
        row.quote_high,
        first,
        path,
    )
