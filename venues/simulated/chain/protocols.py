"""How the simulated protocols work: tokens, wrapping, staking, pools, flash loans.

What comes out of a conversion is rounded down to a unit; a pool takes its fee out of what
comes out, so that the receiver bears both roundings; a premium is rounded up.
"""

from collections.abc import Callable, Mapping
from typing import Any

from verifill.engine.errors import InstructionError
from verifill.venues.calls.rules import ChainRules
from verifill.venues.instructions import (
    Approve,
    Borrow,
    Claim,
    FlashBorrow,
    FlashRepay,
    Instruction,
    InternalTransfer,
    Repay,
    SetEMode,
    Stake,
    Supply,
    Swap,
    Unstake,
    Unwrap,
    Withdraw,
    Wrap,
)
from verifill.venues.keys import Kind, Scales, allowance, flash_debt, position_key
from verifill.venues.market import Market
from verifill.venues.orders import Order
from verifill.venues.rules import RATE_UNIT
from verifill.venues.simulated.chain.interest import Interest
from verifill.venues.simulated.chain.lending import Lending
from verifill.venues.simulated.chain.state import Reverted, State, Unstaking
from verifill.venues.simulated.chain.wallet import Wallet

RATE_ONE = 10**18
SECOND_NS = 10**9


class Protocols:
    """Everything that can be called on a simulated chain.

    Args:
        chain: its law.
        scales: decimals of the assets.
        market: public rates.
        interest: indices of the lending markets.

    Attributes:
        lending: the lending markets.
    """

    def __init__(
        self, chain: ChainRules, scales: Scales, market: Market, interest: Interest
    ) -> None:
        self._chain = chain
        self._scales = scales
        self._market = market
        self._wallet = Wallet(chain)
        self.lending = lending = Lending(chain, scales, market, interest, self._wallet)
        # each function is given instructions of its own type only: hence Any
        self._calls: Mapping[type[Instruction], Callable[[State, Any, Order], None]] = {
            InternalTransfer: self._transfer,
            Approve: self._approve,
            Wrap: self._wrap,
            Unwrap: self._unwrap,
            Stake: self._stake,
            Unstake: self._unstake,
            Claim: self._claim,
            Swap: self._swap,
            Supply: lending.supply,
            Withdraw: lending.withdraw,
            Borrow: lending.borrow,
            Repay: lending.repay,
            SetEMode: lending.set_emode,
            FlashBorrow: self._flash_borrow,
            FlashRepay: self._flash_repay,
        }

    def execute(self, state: State, order: Order) -> None:
        """Execute one order on a state.

        Raises:
            Reverted: it cannot be; the state is then worthless.
        """
        instruction = order.instruction
        call = self._calls.get(type(instruction))
        if call is None:
            reason = "there is no such call in a transaction"
            raise Reverted(reason)
        try:
            call(state, instruction, order)
        except InstructionError as error:
            raise Reverted(error.message) from error

    def _transfer(self, state: State, call: InternalTransfer, order: Order) -> None:
        self._wallet.burn(state, call.account, call.asset, order.quantity)
        self._wallet.give(state, call.to, call.asset, order.quantity)

    def _approve(self, state: State, call: Approve, order: Order) -> None:
        key = allowance(call.account, call.asset, call.spender)
        state.move(key, order.quantity - state.totals.get(key, 0))

    def _wrap(self, state: State, call: Wrap, order: Order) -> None:
        wrapper = self._chain.wrapper(call.asset, call.into)
        amount = order.quantity
        if wrapper.rate:
            amount = amount * RATE_ONE // self._market.value(wrapper.rate)
        self._wallet.take(state, call.account, call.asset, call.into, order.quantity)
        self._pay_out(state, call, amount, order.limit)

    def _unwrap(self, state: State, call: Unwrap, order: Order) -> None:
        wrapper = self._chain.wrapper(call.into, call.asset)
        amount = order.quantity
        if wrapper.rate:
            amount = amount * self._market.value(wrapper.rate) // RATE_ONE
        self._wallet.burn(state, call.account, call.asset, order.quantity)
        self._pay_out(state, call, amount, order.limit)

    def _swap(self, state: State, call: Swap, order: Order) -> None:
        pool = self._chain.pool(call.pool, call.asset, call.into)
        rate = self._market.value(pool.rate)
        base_unit = 10 ** self._scales.of(pool.base)
        quote_unit = 10 ** self._scales.of(pool.quote)
        if call.asset == pool.base:
            amount = order.quantity * rate * quote_unit // (base_unit * RATE_ONE)
        else:
            amount = order.quantity * base_unit * RATE_ONE // (rate * quote_unit)
        amount = amount * (RATE_UNIT - pool.fee) // RATE_UNIT
        self._wallet.take(state, call.account, call.asset, call.pool, order.quantity)
        self._pay_out(state, call, amount, order.limit)

    def _pay_out(self, state: State, call: Wrap | Unwrap | Swap, amount: int, least: int) -> None:
        if amount < least:
            reason = f"{amount} units of {call.into} are below min_out of {least}"
            raise Reverted(reason)
        self._wallet.give(state, call.account, call.into, amount)

    def _stake(self, state: State, call: Stake, order: Order) -> None:
        self._chain.staking(call.asset, call.into)
        self._wallet.burn(state, call.account, call.asset, order.quantity)
        self._wallet.give(state, call.account, call.into, order.quantity)

    def _unstake(self, state: State, call: Unstake, order: Order) -> None:
        staking = self._chain.staking(call.into, call.asset)
        self._wallet.burn(state, call.account, call.asset, order.quantity)
        state.move(position_key(call.account, Kind.CLAIM, call.asset), order.quantity)
        due_ns = self._market.time_ns + staking.queue_s * SECOND_NS
        request = Unstaking(call.account, call.asset, call.into, order.quantity, due_ns)
        state.queue.append(request)

    def _claim(self, state: State, call: Claim, _order: Order) -> None:
        whose = (call.account, call.asset, call.into)
        mine = [r for r in state.queue if (r.account, r.asset, r.into) == whose]
        released = [(r, r.payout) for r in mine if r.payout is not None]
        if not released:
            reason = f"the queue of {call.asset} has released nothing to {call.account}"
            raise Reverted(reason)
        burnt = sum(request.amount for request, _ in released)
        state.move(position_key(call.account, Kind.CLAIM, call.asset), -burnt)
        self._wallet.give(state, call.account, call.into, sum(paid for _, paid in released))
        gone = [request for request, _ in released]
        state.queue = [request for request in state.queue if request not in gone]

    def _flash_borrow(self, state: State, call: FlashBorrow, order: Order) -> None:
        lender = self._chain.lender(call.lender, call.asset)
        loan = (lender.name, call.asset)
        state.owed[loan] = state.owed.get(loan, 0) + order.quantity
        self._wallet.give(state, call.account, call.asset, order.quantity)
        state.move(flash_debt(call.asset), order.quantity)

    def _flash_repay(self, state: State, call: FlashRepay, order: Order) -> None:
        lender = self._chain.lender(call.lender, call.asset)
        loan = (lender.name, call.asset)
        owed = state.owed.get(loan, 0)
        if order.quantity > owed:
            reason = f"{order.quantity} units are more than the {owed} owed to {lender.name}"
            raise Reverted(reason)
        state.owed[loan] = owed - order.quantity
        premium = -(-order.quantity * lender.premium // RATE_UNIT)
        self._wallet.take(state, call.account, call.asset, lender.name, order.quantity + premium)
        state.move(flash_debt(call.asset), -order.quantity)
