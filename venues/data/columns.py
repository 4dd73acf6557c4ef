"""Columns of a file turned into integers, with the row named that cannot be."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final

import polars as pl
from attrs import define, field

from verifill.engine.errors import DataError
from verifill.venues.data.exact import Scale, units, units_of
from verifill.venues.data.stamps import iso, nanoseconds, nanoseconds_of
from verifill.venues.data.tables import Table

TIME: Final = "timestamp"
STEP: Final = "step_ns"  # how long after the row before it, null in the first row of a file


@define
class Converter:
    """Reads a table's batches as integers: time stamps in nanoseconds, numbers in units.

    Attributes:
        table: The file.
        scales: How each column but the time stamp becomes integers.
        rows: How many rows came before the frame that was yielded last.
        size_bytes: How much of the file has been read.
    """

    table: Table
    scales: Mapping[str, Scale]
    rows: int = 0
    size_bytes: int = 0
    _last_ns: int | None = field(default=None, init=False)

    def frames(self) -> Iterator[pl.DataFrame]:
        """The rows from the beginning, never an empty frame; the time stamps ascend.

        Raises:
            DataError: a time stamp or number cannot be read, or a stamp does not ascend.
        """
        for batch in self.table.batches():
            self.size_bytes += batch.size_bytes
            if batch.rows.height:
                yield self._with_steps(self._converted(batch.rows))
                self.rows += batch.rows.height

    def check(self, wrong: pl.Series, column: str, message: Callable[[int], str]) -> None:
        """Refuses the first wrong row of the frame that is at hand.

        Raises:
            DataError: there is one; the message is made from its index in the frame.
        """
        index = wrong.arg_true().first()
        if isinstance(index, int):
            raise self.table.defect(message(index), row=self.rows + index + 1, field=column)

    def _converted(self, raw: pl.DataFrame) -> pl.DataFrame:
        faults: list[tuple[int, str, str]] = []
        columns: list[pl.Series] = []
        for bulk, exact in self._bulk(raw):
            try:
                columns.append(_mended(raw[bulk.name], bulk, exact))
            except _UnreadableError as error:
                faults.append((error.index, bulk.name, error.reason))
        if faults:
            index, name, reason = min(faults, key=lambda fault: fault[0])
            raise self.table.defect(reason, row=self.rows + index + 1, field=name)
        return pl.DataFrame(columns)

    def _bulk(self, raw: pl.DataFrame) -> Iterator[tuple[pl.Series, Callable[[object], int]]]:
        """Each column read in bulk, with what reads one value of it exactly."""
        time = nanoseconds_of(raw[TIME])
        if time is None:
            raise self._wrong_type(raw[TIME], "a datetime, a date, a whole number or text")
        yield time.alias(TIME), nanoseconds
        columns: list[pl.Expr] = []
        for name, scale in self.scales.items():
            number = units_of(name, raw[name].dtype, scale)
            if number is None:
                raise self._wrong_type(
                    raw[name], "a decimal, a 64-bit float, a whole number or text"
                )
            columns.append(number.alias(name))
        # All in one query, which polars spreads over the cores.
        for bulk in raw.select(columns):
            yield bulk, partial(units, scale=self.scales[bulk.name])

    def _wrong_type(self, column: pl.Series, allowed: str) -> DataError:
        msg = f"the column holds {column.dtype}; allowed is {allowed}"
        return self.table.defect(msg, field=column.name)

    def _with_steps(self, frame: pl.DataFrame) -> pl.DataFrame:
        times = frame[TIME]
        steps = times - times.shift(1, fill_value=self._last_ns)

        def message(index: int) -> str:
            fault = "goes back" if steps[index] else "is repeated"
            stamp = iso(times[index])
            return f"the time stamp {stamp} {fault}; sort the file by time and keep one row of each"

        self.check(steps <= 0, TIME, message)
        self._last_ns = times[-1]
        return frame.with_columns(steps.alias(STEP))


class _UnreadableError(Exception):
    def __init__(self, index: int, reason: str) -> None:
        super().__init__(index, reason)
        self.index = index
        self.reason = reason


def _mended(raw: pl.Series, bulk: pl.Series, exact: Callable[[object], int]) -> pl.Series:
    """The column read in bulk, with what that left out read one by one."""
    indices = bulk.is_null().arg_true()
    values: list[int] = []
    for index in indices:
        try:
            values.append(exact(raw[index]))
        except ValueError as error:
            raise _UnreadableError(index, str(error)) from error
    return bulk.scatter(indices, pl.Series(values, dtype=bulk.dtype)) if values else bulk
