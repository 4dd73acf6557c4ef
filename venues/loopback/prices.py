"""Market data of a server: the last prices that were fetched, and candles on request."""

from decimal import Decimal

from verifill.engine.amounts import to_decimal
from verifill.venues.loopback.remote import ask
from verifill.venues.loopback.transport import Transport
from verifill.venues.loopback.wire import Candle, Candles, Prices
from verifill.venues.simulated.quotes import SERIES_DECIMALS, FixedMarket


class LoopbackMarket(FixedMarket):
    """Public prices as of the last `refresh`; implements `venues.market.MarketView`.

    Args:
        venue: any venue of the server: they share its market.
        transport: makes the attempts.
        price_decimals: instrument -> decimals of its ticks.
        interval_s: seconds of a candle, for `closes`.

    Attributes:
        beat: heartbeat of the server at the last refresh; 0 before the first.
        clock_ns: its clock then.
    """

    def __init__(
        self,
        venue: str,
        transport: Transport,
        price_decimals: dict[str, int],
        *,
        interval_s: int = 60,
    ) -> None:
        super().__init__()
        self._venue = venue
        self._transport = transport
        self._interval_s = interval_s
        self.price_decimals = price_decimals
        self.beat = self.clock_ns = 0

    def refresh(self) -> None:
        """Fetch the prices now.

        Raises:
            NotObserved: no answer; the prices stay what they were, and so does their time.
        """
        told = ask(self._transport, f"/{self._venue}/prices", {}, Prices)
        self.time_ns, self.beat, self.clock_ns = told.time_ns, told.beat, told.clock_ns
        self.prices, self.marks, self.series = told.prices, told.marks, told.series

    def candles(self, instrument: str, count: int) -> tuple[Candle, ...]:
        """The last candles, oldest first; the last may still move.

        Raises:
            NotObserved: no answer.
        """
        asked = {
            "instrument": instrument,
            "interval_s": str(self._interval_s),
            "count": str(count),
        }
        return ask(self._transport, f"/{self._venue}/candles", asked, Candles).candles

    def close(self, instrument: str) -> Decimal:
        """Last known price as a number."""
        return to_decimal(self.price(instrument), self.price_decimals[instrument])

    def closes(self, instrument: str, count: int) -> list[int]:
        """The closes of the last candles in ticks, oldest first."""
        return [candle.close for candle in self.candles(instrument, count)]

    def rate(self, series: str) -> Decimal:
        """Last known value of a series as a number."""
        return to_decimal(self.value(series), SERIES_DECIMALS)
