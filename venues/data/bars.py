"""One instrument's bars: read, checked, and stamped with the time at which they are known."""

from collections.abc import Iterator
from itertools import chain
from typing import Final

import polars as pl

from verifill.engine.amounts import to_decimal
from verifill.engine.errors import DataError
from verifill.venues.data.columns import STEP, TIME, Converter
from verifill.venues.data.exact import Scale, places_of
from verifill.venues.data.sources import BAR_DECIMALS_MAX, FIELDS, PRICES, BarFile
from verifill.venues.data.stamps import SECOND_NS, iso
from verifill.venues.data.tables import Table, open_table

KNOWN: Final = "time_ns"
_SAMPLE_ROWS: Final = 1024

_BROKEN: Final = (
    pl.any_horizontal(pl.col(price) <= 0 for price in PRICES)
    | pl.any_horizontal(pl.col("high") < pl.col(price) for price in PRICES)
    | pl.any_horizontal(pl.col("low") > pl.col(price) for price in PRICES)
    | (pl.col("volume") < 0)
)


class BarReader:
    """The checked bars of one file, read once.

    Attributes:
        file: What is read.
        price_decimals: Those that were given, or that the file's prices need.
        interval_ns: The time from one bar to the next.
        shift_ns: From a bar's time stamp to the time at which it is known.
        size_bytes: The file's size.
    """

    def __init__(self, file: BarFile) -> None:
        self.file = file
        self._table = open_table(
            file.path, {field: file.columns.get(field, field) for field in FIELDS}
        )
        self.size_bytes = self._table.size_bytes
        given = file.price_decimals
        self.price_decimals = _price_decimals(self._table) if given is None else given
        price = Scale(self.price_decimals, "price_decimals")
        volume = Scale(file.volume_decimals, "volume_decimals", summed=True)
        self._converter = Converter(self._table, dict.fromkeys(PRICES, price) | {"volume": volume})
        self._frames = self._converter.frames()
        self._first = next(self._frames)
        self.interval_ns = self._interval_ns()
        self.shift_ns = self.interval_ns if file.stamp == "open" else 0

    @property
    def read_bytes(self) -> int:
        """How much of the file has been read so far."""
        return self._converter.size_bytes

    def frames(self) -> Iterator[pl.DataFrame]:
        """The bars in batches: `time_ns`, then the prices and the volume by instrument.

        Raises:
            DataError: a row cannot be read, contradicts itself, or is off the interval.
        """
        for frame in chain((self._first,), self._frames):
            self._check(frame)
            yield frame.select(
                (pl.col(TIME) + self.shift_ns).alias(KNOWN),
                *(pl.col(field).alias(f"{self.file.instrument}.{field}") for field in FIELDS[1:]),
            )

    def defect(
        self, message: str, *, row: int | None = None, field: str | None = None
    ) -> DataError:
        """The error about this file."""
        return self._table.defect(message, row=row, field=field)

    def _interval_ns(self) -> int:
        if self.file.interval_s is not None:
            return self.file.interval_s * SECOND_NS
        sample = self._first[STEP].head(_SAMPLE_ROWS).drop_nulls()
        steps: list[int] = sample.mode().to_list()
        if not steps:
            msg = "one bar does not tell the interval; give interval_s"
            raise self.defect(msg)
        return min(steps)

    def _check(self, frame: pl.DataFrame) -> None:
        interval_s = to_decimal(self.interval_ns, 9).normalize()
        steps = frame[STEP]

        def off_grid(index: int) -> str:
            step_s = to_decimal(steps[index], 9).normalize()
            return (
                f"the bar of {iso(frame[TIME][index])} comes {step_s:f} s after the one before, "
                f"which is no multiple of the interval, {interval_s:f} s; "
                "give interval_s, or a file with one interval only"
            )

        self._converter.check(steps % self.interval_ns != 0, TIME, off_grid)
        broken = frame.select(_BROKEN).to_series().arg_true().first()
        if isinstance(broken, int):
            field, message = self._fault(frame.row(broken, named=True))
            raise self.defect(message, row=self._converter.rows + broken + 1, field=field)

    def _fault(self, bar: dict[str, int]) -> tuple[str, str]:
        """The column and the fault of a bar that breaks a rule."""
        price = {field: to_decimal(bar[field], self.price_decimals) for field in PRICES}
        volume = to_decimal(bar["volume"], self.file.volume_decimals)
        correct = "correct the row, or leave it out and choose a gap policy"
        for field in PRICES:
            if price[field] <= 0:
                return field, f"the price is {price[field]:f}; a price is above zero; {correct}"
        if volume < 0:
            return "volume", f"the volume is {volume:f}; a volume is not negative; {correct}"
        low, high = price["low"], price["high"]
        if high < low:
            return "high", f"the high {high:f} is below the low {low:f}; {correct}"
        field = "close" if low <= price["open"] <= high else "open"
        span = f"low {low:f} to high {high:f}"
        return field, f"the {field} {price[field]:f} lies outside its bar, {span}; {correct}"


def _price_decimals(table: Table) -> int:
    """The most decimal places that a price of the file needs."""
    places = max(max(places_of(batch.rows[field]) for field in PRICES) for batch in table.batches())
    if places > BAR_DECIMALS_MAX:
        msg = (
            f"a price has {places} decimal places, more than {BAR_DECIMALS_MAX}; "
            "give price_decimals, or round it in the file"
        )
        raise table.defect(msg)
    return places
