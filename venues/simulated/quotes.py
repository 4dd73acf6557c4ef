"""A market that says what it is told to: for tests and for trying a venue out by hand."""

from collections.abc import Mapping
from decimal import Decimal

from verifill.engine.amounts import to_decimal, to_units
from verifill.engine.digest import canonical_json, sha256_hex
from verifill.engine.errors import DataError

SERIES_DECIMALS = 18


class FixedMarket:
    """Prices and series that stay until they are set; implements `venues.market.Market`.

        market = FixedMarket(prices={"binance.spot:BTC/USDT": 6_400_000})
        market.set_series("gas_price", Decimal("0.00000001"))  # 10 gwei, in ETH
        market.time_ns += 60 * 10**9

    Args:
        time_ns: the current time.
        prices: instrument -> ticks.
        marks: instrument -> ticks; the price where there is none.
        series: series -> integer with 18 decimals.

    Attributes:
        time_ns: the current time; set it to let time pass.
        prices: set an entry to change a price; so with `marks` and `series`.
        marks: mark prices.
        series: rates and indices.
    """

    def __init__(
        self,
        time_ns: int = 0,
        *,
        prices: Mapping[str, int] | None = None,
        marks: Mapping[str, int] | None = None,
        series: Mapping[str, int] | None = None,
    ) -> None:
        self.time_ns = time_ns
        self.prices = dict(prices or {})
        self.marks = dict(marks or {})
        self.series = dict(series or {})

    def set_series(self, series: str, value: Decimal) -> None:
        """Give a series its value.

        Raises:
            AmountError: it has more than 18 decimals.
        """
        self.series[series] = to_units(value, SERIES_DECIMALS)

    def price(self, instrument: str) -> int:
        """See `Market.price`."""
        return _of(self.prices, "instrument", instrument)

    def mark(self, instrument: str) -> int:
        """See `Market.mark`."""
        if instrument in self.marks:
            return self.marks[instrument]
        return self.price(instrument)

    def value(self, series: str) -> int:
        """See `Market.value`."""
        return _of(self.series, "series", series)


class Tape(FixedMarket):
    """A market that moves from quote to quote: clock and market for a run in memory.

    Args:
        quotes: time in nanoseconds -> instrument -> ticks; every time is a tick of the run.
        price_decimals: instrument -> decimals of its ticks.

    Attributes:
        digest: of the quotes.
    """

    def __init__(
        self, quotes: Mapping[int, Mapping[str, int]], price_decimals: Mapping[str, int]
    ) -> None:
        times = sorted(quotes)
        super().__init__(times[0], prices=quotes[times[0]])
        self.price_decimals = dict(price_decimals)
        said = {str(time_ns): dict(quotes[time_ns]) for time_ns in times}
        self.digest = sha256_hex(canonical_json(said))
        self._quotes = [(time_ns, quotes[time_ns]) for time_ns in times]
        self._next = 0
        self._seen: dict[str, list[int]] = {}

    @property
    def monotonic_ns(self) -> int:
        """The same: it only goes on."""
        return self.time_ns

    @property
    def now_ns(self) -> int:
        """The current time."""
        return self.time_ns

    def next_tick(self) -> bool:
        """Go to the next quote; False after the last."""
        if self._next == len(self._quotes):
            return False
        self.time_ns, prices = self._quotes[self._next]
        self._next += 1
        self.prices.update(prices)
        for instrument, ticks in prices.items():
            self._seen.setdefault(instrument, []).append(ticks)
        return True

    def wait(self, duration_ns: int) -> int:
        """Let time pass; the number of quotes that came meanwhile."""
        end_ns = self.time_ns + duration_ns
        missed = 0
        while self._next < len(self._quotes) and self._quotes[self._next][0] <= end_ns:
            self.next_tick()
            missed += 1
        self.time_ns = end_ns
        return missed

    def close(self, instrument: str) -> Decimal:
        """Last quote of an instrument as a price."""
        return to_decimal(self.price(instrument), self.price_decimals[instrument])

    def closes(self, instrument: str, count: int) -> list[int]:
        """The last quotes in ticks, oldest first."""
        return self._seen.get(instrument, [])[-count:] if count else []

    def rate(self, series: str) -> Decimal:
        """Value of a series as a number."""
        return to_decimal(self.value(series), SERIES_DECIMALS)


def _of(known: Mapping[str, int], what: str, name: str) -> int:
    try:
        return known[name]
    except KeyError:
        there = ", ".join(sorted(known)) or "none"
        msg = f"there is no {what} {name!r}; there are {there}"
        raise DataError(msg) from None
