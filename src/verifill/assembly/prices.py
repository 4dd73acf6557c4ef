"""Where live prices come from: a server of venues, or the history as if it happened now."""

import os
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache

from attrs import frozen

from verifill.assembly.endpoints import servers_of
from verifill.assembly.loopback import Hosting
from verifill.engine.amounts import to_decimal
from verifill.engine.clock import NANOSECONDS, Times
from verifill.engine.errors import NotObserved
from verifill.venues.data import History, SeriesPoints
from verifill.venues.loopback.prices import LoopbackMarket
from verifill.venues.loopback.transport import Http
from verifill.venues.market import LiveMarket
from verifill.venues.simulated.quotes import SERIES_DECIMALS, FixedMarket
from verifill.venues.simulated.timeline import MARK

PriceSource = Callable[[Hosting, int], LiveMarket]
"""The configuration and the time at which its simulated venues began -> its live prices."""


def served(port: int = 0) -> PriceSource:
    """The prices of a loopback server on this machine.

    Args:
        port: its port; 0 for the endpoint in the environment that the configuration chooses.
    """

    def prices(hosting: Hosting, _began_ns: int) -> LiveMarket:
        config = hosting.config
        name, at = next(iter(servers_of(config, port, os.environ).items()))
        timeout_s = config.policies.at(name).timeouts.reading_s
        return LoopbackMarket(name, Http(at, timeout_s), dict(hosting.history.price_decimals))

    return prices


def replayed(interval_s: int, times: Times) -> PriceSource:
    """The history, one row after another on the wall clock.

    Args:
        interval_s: seconds from one row to the next.
        times: where time comes from.
    """

    def prices(hosting: Hosting, began_ns: int) -> LiveMarket:
        rows = _rows(hosting.history)
        return HistoryMarket(rows, began_ns, interval_s * NANOSECONDS, times.wall_ns)

    return prices


@frozen
class Rows:
    """A history, whole.

    Attributes:
        times: when each row was known.
        closes: instrument -> its closes, row by row.
        series: by name.
        price_decimals: instrument -> decimals of its ticks.
    """

    times: Sequence[int]
    closes: Mapping[str, list[int]]
    series: Mapping[str, SeriesPoints]
    price_decimals: Mapping[str, int]

    def known(self, time_ns: int) -> tuple[dict[str, int], dict[str, int]]:
        """The series at a time of the history, and the mark prices among them in ticks."""
        series = {
            name: points.values[at]
            for name, points in self.series.items()
            if (at := bisect_right(points.times, time_ns) - 1) >= 0
        }
        marks = {
            instrument: series[name] * int(10**ticks) // int(10 ** self.series[name].decimals)
            for instrument, ticks in self.price_decimals.items()
            if (name := f"{MARK}{instrument}") in series
        }
        return series, marks


@lru_cache(maxsize=1)
def _rows(history: History) -> Rows:
    """The rows of a history, read once for all who look at it."""
    times: list[int] = []
    closes: dict[str, list[int]] = {name: [] for name in history.price_decimals}
    for chunk in history.chunks():
        times += chunk.time_ns
        for name, own in closes.items():
            own.extend(chunk.close[name])
    series = {name: history.series(name) for name in history.series_names}
    return Rows(times, closes, series, history.price_decimals)


class HistoryMarket(FixedMarket):
    """The history as if it happened now; implements `venues.market.LiveMarket`.

    Its first row stands when the simulated venues begin, and it goes on by the wall clock
    whether or not an engine runs, as a market does. When it is over, there are no prices.

    Args:
        rows: the history.
        began_ns: when the first row stands.
        interval_ns: from one row to the next.
        now_ns: the wall clock.
    """

    def __init__(
        self, rows: Rows, began_ns: int, interval_ns: int, now_ns: Callable[[], int]
    ) -> None:
        super().__init__(began_ns)
        self._rows = rows
        self._began_ns = began_ns
        self._interval_ns = interval_ns
        self._now_ns = now_ns
        self._row = -1
        self.clock_ns = 0

    def refresh(self) -> None:
        """Go to the row of this moment.

        Raises:
            NotObserved: the history is over.
        """
        self.clock_ns = now_ns = self._now_ns()
        row = max(0, now_ns - self._began_ns) // self._interval_ns
        if row >= len(self._rows.times):
            msg = f"the history of {len(self._rows.times)} rows is over"
            raise NotObserved(msg)
        self.time_ns, self._row = now_ns, row
        self.prices = {name: closes[row] for name, closes in self._rows.closes.items()}
        self.series, self.marks = self._rows.known(self._rows.times[row])

    def close(self, instrument: str) -> Decimal:
        """See `MarketView.close`."""
        return to_decimal(self.price(instrument), self._rows.price_decimals[instrument])

    def closes(self, instrument: str, count: int) -> list[int]:
        """See `MarketView.closes`."""
        self.price(instrument)
        rows = self._rows.closes[instrument][: self._row + 1]
        return list(rows[-count:]) if count > 0 else []

    def rate(self, series: str) -> Decimal:
        """See `MarketView.rate`."""
        return to_decimal(self.value(series), SERIES_DECIMALS)
