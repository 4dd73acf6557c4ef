"""Limit orders that rest at a simulated exchange.

The rule of fills, which no data on bars can make exact: an order that rests is filled when a bar
that began after it was placed has traded *through* its limit, never when it only touched it,
because nobody knows how much stood before it in the queue; at its limit, never at a better price;
of as much as the liquidity of the model gives for that bar. Money is not locked: an order that
nothing is left to pay for when its price comes is cancelled.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol, runtime_checkable

from attrs import define

from verifill.venues.instructions import PerpTrade, Side, SpotTrade
from verifill.venues.market import Market
from verifill.venues.orders import Fill, Order, Outcome, Receipt
from verifill.venues.rules import VenueRules
from verifill.venues.simulated.matching import Matching
from verifill.venues.time_in_force import TimeInForce

Tell = Callable[[int, Receipt], None]


@runtime_checkable
class Ranged(Protocol):
    """Market data that knows how far prices went, not only where they stand."""

    @property
    def bar_ns(self) -> int:
        """When the last bar became known."""
        ...

    def span(self, instrument: str) -> tuple[int, int]:
        """Lowest and highest price of the last bar, in ticks."""
        ...


@define
class Resting:
    """One order in the book.

    Attributes:
        order: as it was sent.
        trade: its instruction.
        data: market data that prices it.
        seen_ns: the bars up to this one are of no use to it.
        fills: its trades so far.
        effect_ns: time of the last of them.
    """

    order: Order
    trade: SpotTrade | PerpTrade
    data: str
    seen_ns: int
    fills: tuple[Fill, ...]
    effect_ns: int

    @property
    def left(self) -> int:
        """Units that are not filled."""
        return self.order.quantity - sum(fill.quantity for fill in self.fills)


class RestingOrders:
    """The orders that rest at one exchange.

    Args:
        rules: static data.
        market: public prices.
        matching: fills what is met.
        tell: takes the receipt of an order, by number, whenever it changes.

    Attributes:
        standing: number of an order -> what rests of it.
    """

    def __init__(self, rules: VenueRules, market: Market, matching: Matching, tell: Tell) -> None:
        self._rules = rules
        self._market = market
        self._ranged = market if isinstance(market, Ranged) else None
        self._matching = matching
        self._tell = tell
        self.standing: dict[int, Resting] = {}

    def place(self, order: Order, trade: SpotTrade | PerpTrade) -> Receipt:
        """Fill what there is at once, unless it is post-only; let the rest of it rest."""
        if trade.time_in_force is TimeInForce.POST_ONLY:
            if self._matching.crosses(order, trade):
                reason = "post-only: it would have been filled at once"
                return Receipt(Outcome.REJECTED_DEFINITIVE, reason=reason)
            taken = Receipt(Outcome.ACCEPTED)
        else:
            taken = self._matching.trade(order, trade)
            if taken.outcome not in (Outcome.EXPIRED, Outcome.EXECUTED_PARTIAL):
                return taken
        data = self._rules.instruments[trade.account, trade.symbol].data
        now_ns = self._now_ns()
        resting = Resting(order, trade, data, now_ns, taken.fills, taken.effect_ns)
        self.standing[order.number] = resting
        return _told(resting, Outcome.ACCEPTED)

    def recall(self, number: int) -> None:
        """Take an order out of the book, if it is there."""
        resting = self.standing.pop(number, None)
        if resting:
            self._end(resting, "cancelled")

    def advance(self) -> None:
        """Fill what the last bar has traded through."""
        for number, resting in tuple(self.standing.items()):
            now_ns = self._now_ns()
            if now_ns > resting.seen_ns:
                resting.seen_ns = now_ns
                if self._met(resting):
                    self._fill(number, resting)

    def _now_ns(self) -> int:
        return self._ranged.bar_ns if self._ranged else self._market.time_ns

    def _met(self, resting: Resting) -> bool:
        if self._ranged:
            low, high = self._ranged.span(resting.data)
        else:
            low = high = self._market.price(resting.data)
        limit = resting.order.limit
        return low < limit if resting.trade.side is Side.BUY else high > limit

    def _fill(self, number: int, resting: Resting) -> None:
        part = replace(resting.order, quantity=resting.left)
        receipt = self._matching.trade(part, resting.trade, resting.order.limit)
        if receipt.outcome is Outcome.REJECTED_DEFINITIVE:
            del self.standing[number]
            self._end(resting, receipt.reason)
            return
        if receipt.fills:
            resting.fills += receipt.fills
            resting.effect_ns = receipt.effect_ns
        if resting.left:
            self._tell(number, _told(resting, Outcome.ACCEPTED))
            return
        del self.standing[number]
        self._tell(number, _told(resting, Outcome.EXECUTED))

    def _end(self, resting: Resting, reason: str) -> None:
        outcome = Outcome.EXECUTED_PARTIAL if resting.fills else Outcome.EXPIRED
        self._tell(resting.order.number, _told(resting, outcome, reason))


def _told(resting: Resting, outcome: Outcome, reason: str = "") -> Receipt:
    return Receipt(outcome, resting.fills, effect_ns=resting.effect_ns, reason=reason)
