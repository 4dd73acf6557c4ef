"""What may be asked of the market data and of the books, by anybody."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Protocol


class Market(Protocol):
    """Market data (public): what is known at the current time, and nothing later."""

    @property
    def time_ns(self) -> int:
        """The current time."""
        ...

    def price(self, instrument: str) -> int:
        """Last known price of an instrument, in ticks.

        Raises:
            DataError: there is no such instrument in the data.
        """
        ...

    def mark(self, instrument: str) -> int:
        """Mark price in ticks, which funding is paid on; the last price if none is kept."""
        ...

    def value(self, series: str) -> int:
        """Last known value of a series (rate, index), as an integer with 18 decimals.

        Raises:
            DataError: there is no such series, or no value yet.
        """
        ...


class Books(Protocol):
    """What the monitor believes, as far as an expectation may depend on it."""

    @property
    def totals(self) -> Mapping[str, int]:
        """Position key -> units, every tracked key."""
        ...

    @property
    def bases(self) -> Mapping[str, int]:
        """Perpetual's key -> signed entry value, units of base times ticks."""
        ...


class MarketView(Market, Protocol):
    """What a strategy sees of the market."""

    def close(self, instrument: str) -> Decimal:
        """Last known price of an instrument."""
        ...

    def closes(self, instrument: str, count: int) -> list[int]:
        """The last closes in ticks, oldest first; fewer while the history is young."""
        ...

    def rate(self, series: str) -> Decimal:
        """Last known value of a series."""
        ...


class LiveMarket(MarketView, Protocol):
    """Public prices as of the last `refresh`: what a live price feed has to be."""

    @property
    def clock_ns(self) -> int:
        """The feed's own clock then; the prices may be older."""
        ...

    @property
    def prices(self) -> Mapping[str, int]:
        """Instrument -> ticks."""
        ...

    @property
    def marks(self) -> Mapping[str, int]:
        """Instrument -> ticks, where there is a mark price."""
        ...

    @property
    def series(self) -> Mapping[str, int]:
        """Series -> integer with 18 decimals."""
        ...

    def refresh(self) -> None:
        """Fetch the prices now.

        Raises:
            NotObserved: no answer; the prices stay what they were, and so does their time.
        """
        ...
