"""The prices of a run as its log holds them."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from verifill.engine.amounts import to_decimal
from verifill.engine.errors import DataError
from verifill.venues.simulated.quotes import SERIES_DECIMALS, FixedMarket


class RecordedMarket(FixedMarket):
    """Prices as of the last look; implements `machines.replaying.PastMarket`.

    Args:
        price_decimals: market data -> decimals of its ticks.
    """

    def __init__(self, price_decimals: Mapping[str, int]) -> None:
        super().__init__()
        self._decimals = price_decimals

    def take(self, told: Mapping[str, Any]) -> None:
        """Take over what has changed."""
        self.time_ns = told["time_ns"]
        self.prices |= told.get("prices", {})
        self.marks |= told.get("marks", {})
        self.series |= told.get("series", {})

    def close(self, instrument: str) -> Decimal:
        """Last known price as a number."""
        return to_decimal(self.price(instrument), self._decimals[instrument])

    def closes(self, instrument: str, count: int) -> list[int]:
        """Not recorded.

        Raises:
            DataError: always.
        """
        msg = (
            f"the log does not hold the last {count} closes of {instrument!r}: candles are asked "
            "for by the strategy itself. Use price, mark, close and rate in what is replayed"
        )
        raise DataError(msg)

    def rate(self, series: str) -> Decimal:
        """Last known value of a series as a number."""
        return to_decimal(self.value(series), SERIES_DECIMALS)
