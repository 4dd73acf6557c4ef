"""The figures that limits of money are held against: what a live engine measures exactly.

    suspense     of an account: what was accepted today without a ledger row, sign aside
    slippage     of the strategy: by how much today's fills were worse than the last price
                 when their orders were made; an order that was better counts as nothing
    daily loss   of the strategy: what all positions are worth less than at the day's first look
    naked delta  of each asset that can be hedged: what positions move with its price

A day is one of UTC. Units are counted, and turned into money at the prices of the last look.
After an operator's reset a figure is counted anew; what positions an operator adopts is
neither a loss nor a gain.
"""

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Protocol

from attrs import evolve, field, frozen

from verifill.machines.leg import Leg
from verifill.machines.saved import VERSION, handed_over, known_version, taken_back
from verifill.machines.tolerance import DAY_NS, Suspense
from verifill.venues.keys import account_of, asset_of
from verifill.venues.market import Books
from verifill.venues.tickets import TradeOrder


class Worth(Protocol):
    """What things are worth in the asset that limits count in, at the prices of the last look."""

    def value(self, asset: str, units: int) -> Decimal:
        """What so much of an asset is worth.

        Raises:
            NotObserved: a price that it takes is not there.
        """
        ...

    def equity(self, books: Books) -> Decimal:
        """What all positions are worth together.

        Raises:
            NotObserved: a price that it takes is not there.
        """
        ...

    def deltas(self, books: Books) -> Mapping[str, Decimal]:
        """Asset that can be hedged -> what is held of it and is not; negative: short.

        Raises:
            NotObserved: a price that it takes is not there.
        """
        ...


@frozen
class Then:
    """Books as they were; implements `venues.market.Books`.

    Attributes:
        totals: position key -> units.
        bases: perpetual's key -> entry value.
    """

    totals: Mapping[str, int]
    bases: Mapping[str, int]


@frozen(kw_only=True)
class FiguresMemory:
    """What was counted, in this life and the next.

    Attributes:
        version: Of this layout.
        day: The day that it is of, since the epoch.
        slipped: Asset -> units that fills were worse.
        counted: Key of the last order whose fills were counted.
        opening: What the positions were worth at the day's first look; None before it.
        equity: What they were worth at the last look.
        spent: Position key -> units of the day's suspense at the last look.
        excused: Likewise, as far as an operator has reset it.
    """

    version: int = VERSION
    day: int = -1
    slipped: dict[str, int] = field(factory=dict[str, int])
    counted: str = ""
    opening: Decimal | None = None
    equity: Decimal = Decimal(0)
    spent: dict[str, int] = field(factory=dict[str, int])
    excused: dict[str, int] = field(factory=dict[str, int])

    def __attrs_post_init__(self) -> None:
        """Refuse a layout that this version does not read."""
        known_version(self.version)


class Figures:
    """Counts, for one strategy.

    Args:
        worth: turns units into money.
        memory: what an earlier life had counted.

    Attributes:
        memory: what is counted now.
    """

    def __init__(self, worth: Worth, memory: FiguresMemory | None = None) -> None:
        self._worth = worth
        self.memory = memory or FiguresMemory()

    @classmethod
    def restored(cls, worth: Worth, state: object) -> "Figures":
        """The figures of an earlier life.

        Raises:
            StateError: the state is not what `state` hands over.
        """
        return cls(worth, taken_back(FiguresMemory, state, "the figures of limits"))

    def state(self) -> dict[str, Any]:
        """What was counted, as plain values for JSON."""
        return handed_over(self.memory)

    # What is counted.

    def begin(self, now_ns: int) -> None:
        """A new day counts from nothing; a clock that is set back begins none."""
        day = now_ns // DAY_NS
        if day > self.memory.day:
            self.memory = FiguresMemory(day=day, counted=self.memory.counted)

    def filled(self, leg: Leg) -> None:
        """Count what a trade that is verified has slipped; once, whoever verifies it again."""
        order, memory = leg.request, self.memory
        if not isinstance(order, TradeOrder) or order.key == memory.counted:
            return
        ticket = order.ticket
        worse = sum(
            ticket.sign * (fill.price - order.last) * fill.quantity for fill in leg.receipt.fills
        )
        slipped = dict(memory.slipped)
        if worse > 0:
            asset = ticket.instrument.quote
            slipped[asset] = slipped.get(asset, 0) - (-worse // ticket.scale)
        self.memory = evolve(memory, slipped=slipped, counted=order.key)

    def look(self, books: Books) -> None:
        """Value all positions; the day's first look is what the others are compared with.

        Raises:
            NotObserved: a price that it takes is not there.
        """
        equity = self._worth.equity(books)
        opening = equity if self.memory.opening is None else self.memory.opening
        self.memory = evolve(self.memory, opening=opening, equity=equity)

    def adopted(self, before: Books, after: Books) -> None:
        """The books were changed on an operator's word, at the same prices.

        Raises:
            NotObserved: a price that it takes is not there.
        """
        then, now = self._worth.equity(before), self._worth.equity(after)
        opening = None if self.memory.opening is None else self.memory.opening + now - then
        self.memory = evolve(self.memory, opening=opening, equity=now)

    def suspended(self, suspense: Suspense) -> None:
        """What was accepted today without a ledger row."""
        self.memory = evolve(self.memory, spent=suspense.spent_on(self.memory.day))

    # What it comes to.

    def suspense(self) -> Mapping[str, Decimal]:
        """Account -> what was accepted today and no operator has reset.

        Raises:
            NotObserved: a price that it takes is not there.
        """
        memory = self.memory
        totals: defaultdict[str, Decimal] = defaultdict(Decimal)
        for key, units in memory.spent.items():
            left = units - memory.excused.get(key, 0)
            totals[account_of(key)] += self._worth.value(asset_of(key), left)
        return totals

    def slippage(self) -> Decimal:
        """What the day's fills were worse.

        Raises:
            NotObserved: a price that it takes is not there.
        """
        slipped = self.memory.slipped.items()
        return sum((self._worth.value(asset, units) for asset, units in slipped), Decimal(0))

    def deltas(self, books: Books) -> Mapping[str, Decimal]:
        """Asset -> its unhedged amount now; nothing of it is remembered.

        Raises:
            NotObserved: a price that it takes is not there.
        """
        return self._worth.deltas(books)

    def loss(self) -> Decimal:
        """What all positions are worth less than at the day's first look; negative is a gain."""
        opening = self.memory.opening
        return Decimal(0) if opening is None else opening - self.memory.equity

    # An operator's word.

    def excuse_suspense(self, account: str) -> None:
        """Count an account's suspense anew."""
        here = {k: units for k, units in self.memory.spent.items() if account_of(k) == account}
        self.memory = evolve(self.memory, excused={**self.memory.excused, **here})

    def excuse_slippage(self) -> None:
        """Count slippage anew."""
        self.memory = evolve(self.memory, slipped={})

    def excuse_loss(self) -> None:
        """Count the loss anew, from the last look."""
        if self.memory.opening is not None:
            self.memory = evolve(self.memory, opening=self.memory.equity)
