"""The clock and the market of a backtest: history, one row after another.

Time comes from the data. Whoever asks for a price gets the last one known at the current
time; what comes later cannot be reached from here.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Protocol

from verifill.engine.amounts import to_decimal
from verifill.engine.errors import DataError
from verifill.venues.data.history import Chunk, Column, History, SeriesPoints

MARK = "mark:"


class Simulation(Protocol):
    """What moves with time."""

    def advance(self, now_ns: int) -> None:
        """Let time pass up to now."""
        ...


class Series:
    """One sparse series with a finger on its current value.

    Args:
        name: of the series.
        points: its times and values.
    """

    def __init__(self, name: str, points: SeriesPoints) -> None:
        self._name = name
        self._times = points.times
        self._values = points.values
        self._at = -1

    def value(self, now_ns: int) -> int:
        """The last value known at this time; time never goes back.

        Raises:
            DataError: the series begins later.
        """
        times = self._times
        at = self._at
        while at + 1 < len(times) and times[at + 1] <= now_ns:
            at += 1
        self._at = at
        if at < 0:
            msg = f"series {self._name!r} has no value yet at {now_ns} ns; let it begin earlier"
            raise DataError(msg)
        return self._values[at]


class Columns(dict[str, list[int]]):
    """The lists of a chunk's column, each fetched when it is first asked for.

    Args:
        column: what fetches them.
    """

    def __init__(self, column: Column) -> None:
        super().__init__()
        self._column = column

    def __missing__(self, instrument: str) -> list[int]:
        """Fetch a list; an unknown instrument is a `DataError`."""
        values = self[instrument] = self._column[instrument]
        return values


class Timeline:
    """Clock (`engine.clock.Clock`) and market (`venues.market.MarketView`) in one.

    Args:
        history: prepared data.
        interval_ns: least time between two ticks; on sparser data every row is one.

    Attributes:
        price_decimals: instrument -> decimals of its ticks.
        digest: of the data.
        simulations: what is told of the time, in this order: network first, then venues.
        now_ns: the current time.
    """

    def __init__(self, history: History, interval_ns: int) -> None:
        self._interval_ns = interval_ns
        self.digest = history.header.digest
        self.price_decimals = self._decimals = dict(history.header.price_decimals)
        self._series_decimals = dict(history.header.series_decimals)
        self._series = {n: Series(n, history.series(n)) for n in self._series_decimals}
        self._chunks: Iterator[Chunk] = history.chunks()
        self._ahead = next(self._chunks, None)
        self._times: list[int] = []
        self._rows = 0
        self._closes: dict[str, list[int]] = {}
        self._earlier: dict[str, list[int]] | None = None
        self._chunk: Chunk | None = None
        self._at = -1
        self._due_ns = 0
        self.simulations: list[Simulation] = []
        self.now_ns = history.header.start_ns

    # The clock.

    def next_tick(self) -> bool:
        """Go to the next row that is a tick; False at the end of the data."""
        while True:
            at = self._at + 1
            if at == self._rows:
                if not self._turn():
                    return False
                at = 0
            self._at = at
            self.now_ns = now_ns = self._times[at]
            for simulation in self.simulations:
                simulation.advance(now_ns)
            if now_ns >= self._due_ns:
                self._due_ns = now_ns + self._interval_ns
                return True

    def wait(self, duration_ns: int) -> int:
        """Let time pass in the data; the number of ticks that fell due meanwhile."""
        end_ns = self.now_ns + duration_ns
        missed = 0
        while (next_ns := self._peek()) is not None and next_ns <= end_ns:
            if self._at + 1 == self._rows:
                self._turn()
                self._at = -1
            self._at += 1
            self._advance(next_ns)
            if next_ns >= self._due_ns:
                self._due_ns = next_ns + self._interval_ns
                missed += 1
        self._advance(end_ns)
        return missed

    def _turn(self) -> bool:
        """Go to the next chunk, if there is one."""
        chunk = self._ahead
        if chunk is None:
            return False
        self._earlier = self._closes if self._chunk else None
        self._closes = Columns(chunk.close)
        self._times = chunk.time_ns
        self._rows = len(self._times)
        self._chunk = chunk
        self._ahead = next(self._chunks, None)
        return True

    def _peek(self) -> int | None:
        """Time of the next row; None after the last one."""
        at = self._at + 1
        if at < self._rows:
            return self._times[at]
        return self._ahead.time_ns[0] if self._ahead else None

    def _advance(self, now_ns: int) -> None:
        self.now_ns = now_ns
        for simulation in self.simulations:
            simulation.advance(now_ns)

    # The market.

    @property
    def monotonic_ns(self) -> int:
        """The current time, which only goes on."""
        return self.now_ns

    @property
    def time_ns(self) -> int:
        """The current time."""
        return self.now_ns

    def price(self, instrument: str) -> int:
        """Last known close, in ticks; see `Market.price`."""
        try:
            return self._closes[instrument][self._at]
        except KeyError:  # no chunk yet
            msg = "there is no price before the first tick"
            raise DataError(msg) from None

    def volume(self, instrument: str) -> int:
        """Volume of the last bar, in units of 10**-decimals of its volumes.

        Raises:
            DataError: there is no such instrument, or no bar yet.
        """
        if self._chunk is None:
            msg = "there is no volume before the first tick"
            raise DataError(msg)
        return self._chunk.volume[instrument][self._at]

    @property
    def bar_ns(self) -> int:
        """When the last bar became known; the current time may be later."""
        return self._times[self._at] if self._times else self.now_ns

    def span(self, instrument: str) -> tuple[int, int]:
        """Lowest and highest price of the last bar, in ticks.

        Raises:
            DataError: there is no such instrument, or no bar yet.
        """
        if self._chunk is None:
            msg = "there is no bar before the first tick"
            raise DataError(msg)
        chunk, at = self._chunk, self._at
        return chunk.low[instrument][at], chunk.high[instrument][at]

    def mark(self, instrument: str) -> int:
        """The value of the series `mark:INSTRUMENT` in ticks, else the last close."""
        series = self._series.get(MARK + instrument)
        if series is None:
            return self.price(instrument)
        value = series.value(self.now_ns) * int(10 ** self._decimals[instrument])
        return value // int(10 ** self._series_decimals[MARK + instrument])

    def value(self, series: str) -> int:
        """Last known value of a series; see `Market.value`."""
        if series not in self._series:
            known = ", ".join(sorted(self._series)) or "none"
            msg = f"there is no series {series!r} in the data; there are {known}"
            raise DataError(msg)
        return self._series[series].value(self.now_ns)

    def close(self, instrument: str) -> Decimal:
        """Last known close as a price."""
        return to_decimal(self.price(instrument), self._decimals[instrument])

    def closes(self, instrument: str, count: int) -> list[int]:
        """The last closes in ticks, oldest first; at most two chunks of history back."""
        self.price(instrument)
        at = self._at + 1
        here = self._closes[instrument][max(0, at - count) : at]
        if at < count and self._earlier is not None:  # an empty one is yet to be fetched
            return [*self._earlier[instrument][at - count :], *here]
        return list(here)

    def rate(self, series: str) -> Decimal:
        """Last known value of a series as a number."""
        return to_decimal(self.value(series), self._series_decimals[series])
