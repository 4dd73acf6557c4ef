"""The market data of a run, asked for prices at many times at once."""

from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path

import polars as pl
from attrs import frozen

from verifill.engine.errors import DataError
from verifill.report.exact import ones, product
from verifill.venues.calls.indices import RAY, SERIES_UNIT, YEAR_NS
from verifill.venues.data.history import MARKET, History
from verifill.venues.simulated.timeline import MARK

RAY_DECIMALS = len(str(RAY)) - 1


@frozen
class _Stretch:
    """A stretch of time with one rate: the index at its start, the rate, and since when."""

    index: int
    rate: int
    since_ns: int

    def grown(self, now_ns: int) -> int:
        grown = self.index * self.rate * (now_ns - self.since_ns)
        return self.index + grown // (SERIES_UNIT * YEAR_NS)


Points = tuple[pl.Series, pl.Series, int]
"""Times, ascending; the value that is known from each on; decimals of the values."""


class MarketData(ABC):
    """Prices, series and indices of a run, wherever they are kept."""

    def __init__(self) -> None:
        self._read: dict[str, Points] = {}

    @property
    @abstractmethod
    def times(self) -> pl.Series:
        """Time of every bar, nanoseconds, ascending."""

    @property
    @abstractmethod
    def start_ns(self) -> int:
        """When every price is known."""

    @abstractmethod
    def has(self, series: str) -> bool:
        """Whether there is a series."""

    @abstractmethod
    def points(self, name: str) -> Points:
        """All of an instrument's prices, or of a series.

        Raises:
            DataError: there is no such data.
        """

    def data(self, name: str, times: pl.Series) -> tuple[pl.Series, int]:
        """The last known price of an instrument, or value of a series, and its decimals.

        Raises:
            DataError: there is no such data, or none yet at one of the times.
        """
        if name not in self._read:
            self._read[name] = self.points(name)
        known, values, places = self._read[name]
        return _known(name, known, values, times), places

    def mark(self, instrument: str, times: pl.Series) -> tuple[pl.Series, int]:
        """The mark price of a perpetual in ticks; the last price while no mark is known."""
        prices, ticks = self.data(instrument, times)
        name = MARK + instrument
        if not self.has(name):
            return prices, ticks
        first_ns = self.points(name)[0][0]
        late = times.clip(lower_bound=first_ns)
        marks, places = self.data(name, late)
        scaled = product(marks, ones(len(marks)), places - ticks)
        return scaled.zip_with(times >= first_ns, prices.cast(pl.Int128)), ticks

    def index(self, rates: str, opening: int, times: pl.Series) -> pl.Series:
        """An index in ray that grows by a series of yearly rates.

        It follows `venues.calls.indices`: a rate counts from the bar at which it is first
        seen, linear while it stands, compounding where it changes.
        """
        seen, _ = self.data(rates, self.times)
        changed = (seen != seen.shift(1)).fill_null(value=True)
        since = self.times.filter(changed)
        starts: list[_Stretch] = []
        rates_seen: list[int] = seen.filter(changed).to_list()
        index = opening
        for since_ns, rate in zip(since.to_list(), rates_seen, strict=True):
            if starts:
                index = starts[-1].grown(since_ns)
            starts.append(_Stretch(index, rate, since_ns))
        places = (since.search_sorted(times, side="right") - 1).clip(0).to_list()
        moments: list[tuple[int, int]] = list(zip(places, times.to_list(), strict=True))
        return pl.Series([starts[at].grown(now_ns) for at, now_ns in moments], dtype=pl.Int128)


class PreparedMarket(MarketData):
    """The market data of a backtest: a prepared history.

    Args:
        folder: the history that a run was made on.
        digest: of the market data, as the log's header tells it.

    Raises:
        DataError: it is no history, or another one.
    """

    def __init__(self, folder: Path, digest: str) -> None:
        super().__init__()
        self.history = History(folder)
        if self.history.digest != digest:
            msg = (
                f"this is not the market data of the run: its digest is {self.history.digest}, "
                f"and the log says {digest}. Name the folder that the run was made on"
            )
            raise DataError(msg, path=str(folder))

    @property
    def times(self) -> pl.Series:
        """See `MarketData.times`."""
        return self._times

    @cached_property
    def _times(self) -> pl.Series:
        return self._frame.select("time_ns").collect()["time_ns"]

    @property
    def start_ns(self) -> int:
        """See `MarketData.start_ns`."""
        return self.history.start_ns

    @property
    def _frame(self) -> pl.LazyFrame:
        return pl.scan_parquet(self.history.path / MARKET, glob=False)

    def has(self, series: str) -> bool:
        """See `MarketData.has`."""
        return series in self.history.series_names

    def points(self, name: str) -> Points:
        """See `MarketData.points`."""
        history = self.history
        if name in history.price_decimals:
            column = f"{name}.close"
            prices = self._frame.select(column).collect()[column]
            return self.times, prices, history.price_decimals[name]
        points = history.series(name)
        known = pl.Series(points.times, dtype=pl.Int64)
        return known, pl.Series(points.values, dtype=pl.Int128), points.decimals


def _known(name: str, known: pl.Series, values: pl.Series, times: pl.Series) -> pl.Series:
    """The last value at or before each time."""
    at = known.search_sorted(times, side="right").cast(pl.Int64) - 1
    if len(times) and (not len(known) or (at < 0).any()):
        begins = f"it begins at {known[0]} ns" if len(known) else "it has no value at all"
        msg = f"{name} is not known yet at {times[0]} ns: {begins}"
        raise DataError(msg)
    return values.gather(at)
