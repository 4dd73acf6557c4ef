"""The server's market: a seeded random walk, or a tape; both a function of time alone.

So a server that is started again with the same settings has the same prices at the same time.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from random import Random

from verifill.venues.loopback.wire import Candle
from verifill.venues.rules import RATE_UNIT
from verifill.venues.simulated.quotes import FixedMarket

SECOND_NS = 10**9
QUOTES_KEPT = 4_096


class MovingMarket(FixedMarket):
    """Prices that change as time passes; implements `venues.market.Market`.

    Args:
        start_ns: when it begins.
        prices: instrument -> ticks at that time.
        marks: mark prices that stand.
        series: rates and indices that stand, integers with 18 decimals.
    """

    def __init__(
        self,
        start_ns: int,
        prices: Mapping[str, int],
        *,
        marks: Mapping[str, int] | None = None,
        series: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__(start_ns, prices=prices, marks=marks, series=series)
        self._quotes: deque[tuple[int, dict[str, int]]] = deque(maxlen=QUOTES_KEPT)
        self._keep(start_ns)

    def advance(self, now_ns: int) -> None:
        """Let time pass up to now; here no price changes."""
        self.time_ns = now_ns

    def quote(
        self, prices: Mapping[str, int], marks: Mapping[str, int], series: Mapping[str, int]
    ) -> None:
        """Take prices from outside, as of now."""
        self.prices.update(prices)
        self.marks.update(marks)
        self.series.update(series)
        self._keep(self.time_ns)

    def _keep(self, time_ns: int) -> None:
        self._quotes.append((time_ns, dict(self.prices)))

    def candles(self, instrument: str, interval_s: int, count: int) -> tuple[Candle, ...]:
        """The last candles, as far back as quotes are kept.

        Raises:
            DataError: there is no such instrument.
        """
        self.price(instrument)
        width = interval_s * SECOND_NS
        stretches: dict[int, list[int]] = {}
        for time_ns, prices in self._quotes:
            stretches.setdefault(time_ns // width * width, []).append(prices[instrument])
        made = [Candle(at, p[0], max(p), min(p), p[-1]) for at, p in stretches.items()]
        return tuple(made[-count:]) if count > 0 else ()


class WalkMarket(MovingMarket):
    """Every price takes a random step at a time, from a seed of its own.

    Args:
        start_ns: when it begins.
        prices: instrument -> ticks at that time.
        seed: where chance begins.
        step_s: seconds between two steps.
        width: the greatest step, part of the price in 1e-8.
        series: rates and indices that stand.
    """

    def __init__(
        self,
        start_ns: int,
        prices: Mapping[str, int],
        *,
        seed: str,
        step_s: int = 1,
        width: int = 10_000,
        series: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__(start_ns, prices, series=series)
        self._randoms = {name: Random(f"{seed}:{name}") for name in prices}
        self._step_ns = step_s * SECOND_NS
        self._width = width
        self._due_ns = start_ns + self._step_ns

    def advance(self, now_ns: int) -> None:
        """Take the steps that are due."""
        while self._due_ns <= now_ns:
            for name, random in self._randoms.items():
                change = random.randint(-self._width, self._width)
                price = self.prices[name]
                self.prices[name] = max(1, price + price * change // RATE_UNIT)
            self._keep(self._due_ns)
            self._due_ns += self._step_ns
        self.time_ns = now_ns


class TapeMarket(MovingMarket):
    """Prices as they are written down, from the start on; the last ones stay.

    Args:
        start_ns: when it begins.
        tape: (seconds after the start, instrument -> ticks), ascending, the first at 0.
        series: rates and indices that stand.
    """

    def __init__(
        self,
        start_ns: int,
        tape: Sequence[tuple[int, Mapping[str, int]]],
        *,
        series: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__(start_ns, tape[0][1], series=series)
        self._start_ns = start_ns
        self._tape = tape
        self._next = 1

    def advance(self, now_ns: int) -> None:
        """Go to what is written for this time."""
        while self._next < len(self._tape):
            after_s, prices = self._tape[self._next]
            due_ns = self._start_ns + after_s * SECOND_NS
            if due_ns > now_ns:
                break
            self.prices.update(prices)
            self._keep(due_ns)
            self._next += 1
        self.time_ns = now_ns
