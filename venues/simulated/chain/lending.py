"""How the simulated lending markets book: shares, caps, what collateral allows.

Shares are minted and burnt against the one who acts: supply down, withdrawal up, borrowing
up, repayment down. A balance and a debt are their shares times the index, rounded down.
Clearing all (`MAX`) burns every share for that amount.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal

from verifill.engine.amounts import to_decimal
from verifill.venues.calls.protocols import EMode, Reserve
from verifill.venues.calls.rules import ChainRules
from verifill.venues.instructions import Borrow, Repay, SetEMode, Supply, Withdraw
from verifill.venues.keys import Scales, emode_key
from verifill.venues.market import Market
from verifill.venues.orders import MAX_UNITS, Order
from verifill.venues.rules import RATE_DECIMALS, RATE_UNIT
from verifill.venues.simulated.chain.interest import ONE_RAY, Interest
from verifill.venues.simulated.chain.state import Reverted, State
from verifill.venues.simulated.chain.wallet import Wallet

PRICE_OF_CURRENCY = 10**18
VALUE_DECIMALS = 36


class Lending:
    """All lending markets of a chain.

    Args:
        chain: its law.
        scales: decimals of the assets.
        market: public prices.
        interest: the indices.
        wallet: how tokens are taken from accounts.
    """

    def __init__(
        self,
        chain: ChainRules,
        scales: Scales,
        market: Market,
        interest: Interest,
        wallet: Wallet,
    ) -> None:
        self._chain = chain
        self._scales = scales
        self._market = market
        self._interest = interest
        self._wallet = wallet

    def supply(self, state: State, call: Supply, order: Order) -> None:
        """Take the asset, mint shares."""
        reserve = self._chain.supplied(call.market, call.asset)
        index = self._interest.supply_index(reserve)
        minted = order.quantity * ONE_RAY // index
        if not minted:
            reason = f"{order.quantity} units are less than a share"
            raise Reverted(reason)
        self._wallet.take(state, call.account, call.asset, call.market, order.quantity)
        state.move(reserve.a_key, minted)
        self._check_cap(reserve.a_key, reserve.supply_cap, self._supplied(state, reserve))

    def withdraw(self, state: State, call: Withdraw, order: Order) -> None:
        """Burn shares, give the asset, unless what is left no longer carries the debt."""
        reserve = self._chain.supplied(call.market, call.asset)
        index = self._interest.supply_index(reserve)
        shares = state.totals[reserve.a_key]
        if order.quantity == MAX_UNITS:
            amount = shares * index // ONE_RAY
        else:
            amount = order.quantity
            shares = -(-amount * ONE_RAY // index)
        if not amount:
            reason = f"nothing is supplied at {reserve.a_key}"
            raise Reverted(reason)
        state.move(reserve.a_key, -shares)
        self._wallet.give(state, call.account, call.asset, amount)
        self._check_health(state, call.market)

    def borrow(self, state: State, call: Borrow, order: Order) -> None:
        """Mint debt, give the asset, as far as cap and collateral allow."""
        reserve = self._chain.borrowed(call.market, call.asset)
        index = self._interest.borrow_index(reserve)
        mode = self._mode(state, call.market)
        if mode and call.asset not in mode.assets:
            reason = f"{call.asset} cannot be borrowed in efficiency mode {mode.category}"
            raise Reverted(reason)
        state.move(reserve.debt_key, -(-order.quantity * ONE_RAY // index))
        self._wallet.give(state, call.account, call.asset, order.quantity)
        self._check_cap(reserve.debt_key, reserve.borrow_cap, self._owed(state, reserve))
        if self._debt(state, call.market) > self._collateral(state, call.market):
            reason = "collateral does not cover the debt at its loan-to-value"
            raise Reverted(reason)

    def repay(self, state: State, call: Repay, order: Order) -> None:
        """Take no more than the debt, burn as much of it."""
        reserve = self._chain.borrowed(call.market, call.asset)
        index = self._interest.borrow_index(reserve)
        shares = state.totals[reserve.debt_key]
        debt = shares * index // ONE_RAY
        if not debt:
            reason = f"nothing is owed at {reserve.debt_key}"
            raise Reverted(reason)
        if order.quantity == MAX_UNITS or order.quantity >= debt:
            amount = debt
        else:
            amount = order.quantity
            shares = amount * ONE_RAY // index
        self._wallet.take(state, call.account, call.asset, call.market, amount)
        state.move(reserve.debt_key, -shares)

    def set_emode(self, state: State, call: SetEMode, order: Order) -> None:
        """Change the mode, unless something owed is not of it, or its ratios do not carry it."""
        asked, key = self._chain.emode(call.market, call.category), emode_key(call.market)
        for reserve in self._reserves(call.market):
            owed = state.totals[reserve.debt_key] if reserve.debt_token else 0
            if asked.category and owed and reserve.asset not in asked.assets:
                reason = f"{reserve.asset} is owed, and not of efficiency mode {asked.category}"
                raise Reverted(reason)
        state.move(key, order.quantity - state.totals[key])
        self._check_health(state, call.market)

    def health(self, state: State) -> Iterator[tuple[str, Decimal]]:
        """Each market with a debt, and its health factor, rounded down."""
        for market in sorted({reserve.market for reserve in self._chain.reserves}):
            debt = self._debt(state, market)
            if debt:
                carried = self._collateral(state, market, of_threshold=True)
                yield market, to_decimal(carried * RATE_UNIT // debt, RATE_DECIMALS)

    def _supplied(self, state: State, reserve: Reserve) -> int:
        return state.totals[reserve.a_key] * self._interest.supply_index(reserve) // ONE_RAY

    def _owed(self, state: State, reserve: Reserve) -> int:
        return state.totals[reserve.debt_key] * self._interest.borrow_index(reserve) // ONE_RAY

    def _mode(self, state: State, market: str) -> EMode | None:
        """The efficiency mode that is on; None if none is."""
        category = state.totals.get(emode_key(market), 0)
        return self._chain.emode(market, category) if category else None

    def _check_health(self, state: State, market: str) -> None:
        if self._debt(state, market) > self._collateral(state, market, of_threshold=True):
            reason = "health factor would fall below 1"
            raise Reverted(reason)

    @staticmethod
    def _check_cap(key: str, cap: int | None, amount: int) -> None:
        if cap is not None and amount > cap:
            reason = f"cap of {key.rpartition(':')[2]} reached"
            raise Reverted(reason)

    def _collateral(self, state: State, market: str, *, of_threshold: bool = False) -> int:
        """What everything supplied allows to owe, in 1e-8 of the market's value units."""
        return sum(
            self._value(reserve, self._supplied(state, reserve))
            * _ratio(reserve, self._mode(state, market), of_threshold=of_threshold)
            for reserve in self._reserves(market)
            if reserve.a_token
        )

    def _debt(self, state: State, market: str) -> int:
        """What everything owed is worth, in 1e-8 of the market's value units."""
        debt: int = RATE_UNIT * sum(
            self._value(reserve, self._owed(state, reserve))
            for reserve in self._reserves(market)
            if reserve.debt_token
        )
        return debt

    def _reserves(self, market: str) -> Iterable[Reserve]:
        return [reserve for reserve in self._chain.reserves if reserve.market == market]

    def _value(self, reserve: Reserve, amount: int) -> int:
        """Exact, in units so small that no asset's decimals are lost."""
        price = self._market.value(reserve.price) if reserve.price else PRICE_OF_CURRENCY
        unit: int = 10 ** (VALUE_DECIMALS - self._scales.of(reserve.asset))
        return amount * price * unit


def _ratio(reserve: Reserve, mode: EMode | None, *, of_threshold: bool) -> int:
    """What may be owed on the value of an asset, in 1e-8."""
    which = mode if mode and reserve.asset in mode.assets else reserve
    return which.threshold if of_threshold else which.ltv
