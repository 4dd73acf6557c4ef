"""What is tested of an exchange before the first order, without an order."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from attrs import frozen

from verifill.engine.clock import off_by_ns
from verifill.engine.errors import NotObserved
from verifill.venues.ccxt.account import Account
from verifill.venues.ccxt.client import number, plain
from verifill.venues.ccxt.words import Listed, Permissions, Told

OFFSET_MAX_MS: Final = 1_000
MARKETS: Final = "markets"


@frozen(kw_only=True)
class Starting:
    """The tests of one account.

    Attributes:
        account: what is tested.
        now_ns: our wall time.
        withdrawals: whether a key that may withdraw is taken.
    """

    account: Account
    now_ns: Callable[[], int]
    withdrawals: bool = False

    def failures(self) -> Iterator[str]:
        """What is not ready; each test that raises is a failure itself."""
        tests = {
            "clock": self._clock,
            MARKETS: self._markets,
            "permissions": self._permissions,
            "balances": self._balances,
            "positions": self._positions,
        }
        for what, test in tests.items():
            try:
                found = list(test())
            except NotObserved as error:
                yield self._told(f"its {what} cannot be read: {error}")
                return
            yield from found
            if found and what == MARKETS:
                return  # what is not traded has no position to ask for

    def _clock(self) -> Iterator[str]:
        before_ns = self.now_ns()
        told_ns = self.account.ask_time_ns()
        offset_ms = off_by_ns(told_ns, before_ns, self.now_ns()) // 10**6
        if abs(offset_ms) > OFFSET_MAX_MS:
            yield self._told(f"its clock is {offset_ms} ms off, allowed is {OFFSET_MAX_MS}")

    def _permissions(self) -> Iterator[str]:
        may: Permissions = self._ask(self.account.dialect.permissions)
        if not may.read:
            yield self._told("this key may not read positions")
        if not may.trade and self.account.listed:
            yield self._told("this key may not trade here")
        if may.withdraw and not self.withdrawals:
            yield self._told(
                "this key may withdraw; take a key that may not, or set withdrawals = true"
            )

    def _markets(self) -> Iterator[str]:
        exchange = self.account.orders.exchange
        self._ask(self.account.dialect.load)
        for listed in self.account.listed.values():
            market: Any = exchange.markets.get(listed.symbol)
            if not market or market.get("active") is False:
                yield self._told(f"it does not trade {listed.symbol} now")
            else:
                yield from self._rules(listed, market)

    def _rules(self, listed: Listed, market: Told) -> Iterator[str]:
        """Our rules are at least as strict as the exchange's."""
        instrument = listed.instrument
        contract = self.account.dialect.contract(self.account.orders.exchange, listed.symbol)
        precision, limits = market["precision"], market["limits"]
        lot = number(precision["amount"], f"the lot of {listed.symbol}") * contract
        ours = instrument.quantity(instrument.lot)
        if ours % lot:
            yield self._told(
                f"{listed.symbol}: lot is {plain(ours)}, and there a multiple of {plain(lot)}"
            )
        if precision["price"]:
            tick, our_tick = number(precision["price"], "a tick"), instrument.price(instrument.tick)
            if our_tick % tick:
                problem = f"tick is {plain(our_tick)}, and there a multiple of {plain(tick)}"
                yield self._told(f"{listed.symbol}: {problem}")
        least: object = (limits["cost"] or {"min": None})["min"]
        if least is not None:
            value, theirs = instrument.value(instrument.min_notional), number(least, "a notional")
            if value < theirs:
                problem = f"min_notional is {plain(value)}, and there {plain(theirs)}"
                yield self._told(f"{listed.symbol}: {problem}")

    def _balances(self) -> Iterator[str]:
        self.account.ask(self.account.positions, self.account.dialect.balances, ())
        yield from ()

    def _positions(self) -> Iterator[str]:
        perpetuals = [one for one in self.account.listed.values() if one.instrument.perpetual]
        if perpetuals:
            self.account.ask(self.account.positions, self.account.dialect.sizes, perpetuals)
        yield from ()

    def _ask(self, call: Callable[[Any], Any]) -> Told:
        return self.account.ask(self.account.orders, call)

    def _told(self, problem: str) -> str:
        return f"{self.account.name}: {problem}"
