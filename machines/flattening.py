"""Trading the positions flat: the plan that a kill puts in the strategy's place.

Perpetuals are closed by orders that only reduce, spot balances are sold for the quote of their
first instrument. What no instrument sells, what is smaller than the venue takes and what was
tried and not executed is left, and told by name and amount.
"""

from collections.abc import Iterator
from decimal import Decimal

from msgspec import Struct

from verifill.engine.errors import UserDefect
from verifill.machines.desk import Desk
from verifill.machines.memory import FlattenMemory
from verifill.machines.strategy import Fate, Plan, PlanReport, Positions
from verifill.venues.instructions import Instruction, PerpTrade, Side, SpotTrade
from verifill.venues.keys import Kind
from verifill.venues.market import MarketView
from verifill.venues.rules import Instrument

ROUNDS_MAX = 5  # plans: each takes up what the one before has brought in or left
WORTHLESS = frozenset({Kind.SETTING, Kind.ALLOWANCE})


class Flat(Struct, frozen=True):
    """What it takes to be flat.

    Attributes:
        plan: position key -> the trade that closes it.
        left: position key -> why it stays.
    """

    plan: dict[str, Instruction]
    left: dict[str, str]


class Flattening:
    """Decides in the strategy's place until nothing is left to trade; implements `Strategy`.

    Args:
        desk: knows venues and books.
        positions: the books, for people.
        memory: how far an earlier process life had come.

    Attributes:
        over: whether nothing is left to trade.
        before: what the strategy would have been told of its own last plan.
    """

    def __init__(self, desk: Desk, positions: Positions, memory: FlattenMemory) -> None:
        self._desk = desk
        self._positions = positions
        self._rounds = memory.rounds
        self._given_up = dict(memory.given_up)
        self.over = False
        self.before = PlanReport()

    @property
    def begun(self) -> bool:
        """Whether it has decided before."""
        return self._rounds > 0

    @property
    def memory(self) -> FlattenMemory:
        """How far it has come."""
        return FlattenMemory(self._rounds, dict(self._given_up))

    def decide(self, market: MarketView, positions: Positions, last: PlanReport) -> Plan:  # noqa: ARG002 - one protocol
        """The trades that are left; none if all is flat, or as flat as it gets."""
        if self._rounds:
            self._learn(last)
        else:
            self.before = last
        self._rounds += 1
        plan = self.look().plan if self._rounds <= ROUNDS_MAX else {}
        self.over = not plan
        return list(plan.values())

    def _learn(self, last: PlanReport) -> None:
        """What was not executed is not tried again: its reason would be the same."""
        for entry in last.entries:
            if entry.fate is Fate.FAILED_CLEAN and isinstance(entry.wanted, SpotTrade | PerpTrade):
                traded = entry.wanted
                rules = self._desk.venue_for(traded.account).rules
                key = rules.instrument(traded.account, traded.symbol).base_key
                self._given_up[key] = entry.reason

    # What it takes.

    def look(self) -> Flat:
        """What is to be traded now, and what is not."""
        totals, cash = self._desk.monitor.totals, set[str]()
        flat = Flat({}, {})
        seen: set[str] = set()
        for instrument in self._instruments():
            cash.add(instrument.quote_key)
            key = instrument.base_key
            if key in seen or not totals.get(key):
                continue
            seen.add(key)
            trade = _closing(instrument, totals[key])
            if why := self._given_up.get(key) or self._unfit(trade):
                flat.left[key] = why
            else:
                flat.plan[key] = trade
        for key, total in totals.items():
            if total and key not in seen | cash and not _worthless(key):
                flat.left[key] = "there is no instrument to sell it by"
        return flat

    def left(self, why: str) -> dict[str, str]:
        """What is left, by name and amount; and of what could be traded, why it was not."""
        flat = self.look()
        reasons = flat.left | dict.fromkeys(flat.plan, why)
        return {key: f"{self._positions[key]:f}, {reason}" for key, reason in reasons.items()}

    def told(self) -> str:
        """What will be left, by name and amount; empty if nothing will."""
        left = self.look().left.items()
        return "; ".join(f"{key} {self._positions[key]:f} ({why})" for key, why in left)

    def _instruments(self) -> Iterator[Instrument]:
        """Those of the strategy's venues, perpetuals first."""
        listed = [
            instrument
            for venue in self._desk.venues
            for instrument in venue.rules.instruments.values()
            if self._desk.venue_of(instrument.account) is not None
        ]
        return iter(sorted(listed, key=lambda one: not one.perpetual))

    def _unfit(self, trade: SpotTrade | PerpTrade) -> str:
        """Why the venue would not take it; empty if it would."""
        if trade.quantity == 0:
            return "it is less than a lot"
        venue = self._desk.venue_for(trade.account)
        try:
            return venue.deny(venue.resolve(trade, 0, None))
        except UserDefect as error:
            return str(error)


def _closing(instrument: Instrument, size: int) -> SpotTrade | PerpTrade:
    """The order that brings a position to nothing, in whole lots."""
    units = abs(size) - abs(size) % instrument.lot
    side = Side.SELL if size > 0 else Side.BUY
    quantity: Decimal = instrument.quantity(units)
    account, symbol = instrument.account, instrument.symbol
    if instrument.perpetual:
        return PerpTrade(
            account=account, symbol=symbol, side=side, quantity=quantity, reduce_only=True
        )
    return SpotTrade(account=account, symbol=symbol, side=side, quantity=quantity)


def _worthless(key: str) -> bool:
    """Whether it is no position that anybody could sell."""
    return key.split(":")[1] in WORTHLESS
