"""A market that says what it is told to: for tests and for trying a venue out by hand."""

from collections.abc import Mapping
from decimal import Decimal

from verifill.engine.amounts import to_units
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


def _of(known: Mapping[str, int], what: str, name: str) -> int:
    try:
        return known[name]
    except KeyError:
        there = ", ".join(sorted(known)) or "none"
        msg = f"there is no {what} {name!r}; there are {there}"
        raise DataError(msg) from None
