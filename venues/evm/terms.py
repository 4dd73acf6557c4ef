"""What is expected of an order on a chain as it is: bounds that hold until it is in a block.

An index, a rate or a quote is read at the newest block, and the transaction takes effect in a
later one. So a bound is as wide as they may drift until then, and as the contracts round (Aave
V3.0: to the nearest; two units at most, each way).
"""

from collections.abc import Mapping
from typing import Any, Final

from verifill.engine.amounts import divide_down, divide_up
from verifill.engine.errors import InstructionError, NotObserved
from verifill.venues.calls.call import ROUNDING, Bounds, Call, Public, base, exactly, held
from verifill.venues.calls.conversions import StakeCall, SwapCall, UnstakeCall, WrapCall
from verifill.venues.calls.flash import FlashRepayCall
from verifill.venues.calls.indices import RAY
from verifill.venues.calls.lending import BorrowCall, RepayCall, SupplyCall, WithdrawCall
from verifill.venues.calls.protocols import Reserve
from verifill.venues.calls.tokens import ApproveCall
from verifill.venues.evm.abi import call_of, word
from verifill.venues.evm.node import LATEST, Node
from verifill.venues.evm.questions import read_at
from verifill.venues.evm.quotes import Quoting
from verifill.venues.evm.rules import EvmRules, Speaks
from verifill.venues.expectation import Bound, Origin
from verifill.venues.instructions import (
    Approve,
    Borrow,
    FlashRepay,
    Instruction,
    Repay,
    Stake,
    Supply,
    Swap,
    Unstake,
    Unwrap,
    Withdraw,
    Wrap,
)
from verifill.venues.keys import Kind, allowance, flash_debt, position_key
from verifill.venues.market import Books
from verifill.venues.orders import MAX_UNITS, Order
from verifill.venues.rules import RATE_UNIT

INCOME: Final = "getReserveNormalizedIncome(address)"
OWED: Final = "getReserveNormalizedVariableDebt(address)"


class ChainIndices:
    """What a share of each lending market is worth at the newest block; implements `Indices`.

    Args:
        node: where it is asked for.
        rules: where the markets are.
        reserves: what they lend.
    """

    def __init__(self, node: Node, rules: EvmRules, reserves: tuple[Reserve, ...]) -> None:
        self._node = node
        self._asked: dict[str, tuple[str, bytes]] = {}
        for reserve in reserves:
            pool, token = rules.contract(reserve.market).address, rules.token(reserve.asset)
            self._asked[reserve.supplied()] = pool, call_of(INCOME, token)
            self._asked[reserve.borrowed()] = pool, call_of(OWED, token)
        self._known: dict[str, int] = {}
        self._named: str | int = LATEST

    def observe(self, named: str | int = LATEST) -> None:
        """From now on as they are at a block; they are looked at when one of them is needed."""
        self._named, self._known = named, {}

    def supply(self, reserve: Reserve) -> int:
        """See `Indices.supply`.

        Raises:
            NotObserved: it cannot be known; likewise for the other one.
        """
        return self._of(reserve.supplied())

    def borrow(self, reserve: Reserve) -> int:
        """See `Indices.borrow`."""
        return self._of(reserve.borrowed())

    def _of(self, name: str) -> int:
        if not self._known:
            told = read_at(self._node, self._asked.values(), self._named)
            try:
                self._known = {n: word(answer) for n, answer in zip(self._asked, told, strict=True)}
            except ValueError as error:
                msg = f"the index of a lending market: {error}"
                raise NotObserved(msg) from None
        return self._known[name]


class _Drifting:
    """What may move until a transaction is in a block.

    Args:
        public: what anybody knows.
        rules: how far, among others.
        quotes: tells what something would give.
    """

    def __init__(self, public: Public, rules: EvmRules, quotes: Quoting) -> None:
        self._public = public
        self._rules = rules
        self._quotes = quotes

    def later(self, amount: int) -> int:
        """An amount or an index that has grown as far as it may."""
        return divide_up(amount * (RATE_UNIT + self._rules.drift), RATE_UNIT)

    def earlier(self, amount: int) -> int:
        """An amount that has become as much less as it may."""
        return divide_down(amount * RATE_UNIT, RATE_UNIT + self._rules.drift)

    def shares(self, amount: int, index: int) -> tuple[int, int]:
        """Fewest and most shares that an amount may be."""
        low = divide_down(max(0, amount - ROUNDING) * RAY, self.later(index))
        return low, divide_up((amount + ROUNDING) * RAY, index)

    def taken(self, asset: str, units: int) -> Bound:
        """What goes of an asset; of a rebasing token a share or two may stay."""
        if asset in self._rules.rebasing:
            return Bound(-units, min(0, ROUNDING - units), Origin.ROUNDING)
        return exactly(-units)

    def around(self, quote: int) -> Bound:
        """What comes, by a quote that may move."""
        low = max(0, self.earlier(quote) - ROUNDING)
        return Bound(low, self.later(quote) + ROUNDING, Origin.ROUNDING)

    def worth(self, shares: int, index: int) -> tuple[int, int]:
        """Least and most that shares may be worth."""
        low = max(0, divide_down(shares * index, RAY) - ROUNDING)
        return low, divide_up(shares * self.later(index), RAY) + ROUNDING


class ChainSupply(_Drifting, SupplyCall):
    """SUPPLY: the asset goes, shares come."""

    def expect(self, asked: Supply, order: Order, books: Books) -> Bounds:  # noqa: ARG002 - one protocol
        """Shares at an index that may have grown."""
        reserve = self._public.chain.supplied(asked.market, asked.asset)
        low, high = self.shares(order.quantity, self._public.indices.supply(reserve))
        bounds = self._public.spend(
            asked.account, asked.asset, asked.market, exactly(-order.quantity)
        )
        return bounds | {reserve.a_key: Bound(low, high, Origin.ROUNDING)}


class ChainWithdraw(_Drifting, WithdrawCall):
    """WITHDRAW: exactly the asset comes, shares go; of `MAX` all shares go."""

    def expect(self, asked: Withdraw, order: Order, books: Books) -> Bounds:
        """Shares at an index that may have grown."""
        reserve = self._public.chain.supplied(asked.market, asked.asset)
        index, target = self._public.indices.supply(reserve), base(asked.account, asked.asset)
        if order.quantity == MAX_UNITS:
            shares = held(books, reserve.a_key)
            low, high = self.worth(shares, index)
            return {reserve.a_key: exactly(-shares), target: Bound(low, high, Origin.ROUNDING)}
        low, high = self.shares(order.quantity, index)
        return {
            reserve.a_key: Bound(-high, -low, Origin.ROUNDING),
            target: exactly(order.quantity),
        }


class ChainBorrow(_Drifting, BorrowCall):
    """BORROW: exactly the asset comes, debt shares come."""

    def expect(self, asked: Borrow, order: Order, books: Books) -> Bounds:  # noqa: ARG002 - one protocol
        """Shares at an index that may have grown."""
        reserve = self._public.chain.borrowed(asked.market, asked.asset)
        low, high = self.shares(order.quantity, self._public.indices.borrow(reserve))
        return {
            reserve.debt_key: Bound(low, high, Origin.ROUNDING),
            base(asked.account, asked.asset): exactly(order.quantity),
        }


class ChainRepay(_Drifting, RepayCall):
    """REPAY: never more than the debt; `MAX` clears every share."""

    def expect(self, asked: Repay, order: Order, books: Books) -> Bounds:
        """The amount goes, or the debt as it may have grown."""
        reserve = self._public.chain.borrowed(asked.market, asked.asset)
        index, shares = self._public.indices.borrow(reserve), held(books, reserve.debt_key)
        least, most = self.worth(shares, index)
        amount = order.quantity
        if amount == MAX_UNITS or amount > most:
            paid, burnt = Bound(-most, -least, Origin.ROUNDING), exactly(-shares)
        elif amount >= least:
            paid = Bound(-amount, -least, Origin.ROUNDING)
            burnt = Bound(-shares, -self.shares(amount, index)[0], Origin.ROUNDING)
        else:
            low, high = self.shares(amount, index)
            paid, burnt = exactly(-amount), Bound(-high, -low, Origin.ROUNDING)
        bounds = self._public.spend(asked.account, asked.asset, asked.market, paid)
        return bounds | {reserve.debt_key: burnt}


class ChainSwap(_Drifting, SwapCall):
    """SWAP of an exact amount: at least `min_out`, at most the quote as it may have moved."""

    def expect(self, asked: Swap, order: Order, books: Books) -> Bounds:  # noqa: ARG002 - one protocol
        """The amount goes in; what comes out is within the minimum and the quote."""
        taken = exactly(-order.quantity)
        bounds = self._public.spend(asked.account, asked.asset, asked.pool, taken)
        most = max(order.limit, self.later(self._quotes(asked, order.quantity)))
        into = base(asked.account, asked.into)
        return bounds | {into: Bound(order.limit, most, Origin.MIN_OUT)}


class ChainWrap(_Drifting, WrapCall):
    """WRAP and UNWRAP: one to one, share for share, or by the wrapper's rate."""

    def expect(self, asked: Wrap | Unwrap, order: Order, books: Books) -> Bounds:
        """All of it goes in; what comes out follows a rate that may move."""
        pair = asked.asset, asked.into
        plain, wrapped = pair if isinstance(asked, Wrap) else pair[::-1]
        if self._rules.contract(wrapped).speaks is Speaks.WETH:
            return super().expect(asked, order, books)
        account, rebasing = asked.account, plain in self._rules.rebasing
        comes = self.around(order.quantity if rebasing else self._quotes(asked, order.quantity))
        if order.limit:
            comes = Bound(order.limit, max(order.limit, comes.high), Origin.MIN_OUT)
        goes = self.taken(asked.asset, order.quantity)
        if isinstance(asked, Unwrap):
            return {base(account, asked.asset): goes, base(account, asked.into): comes}
        bounds = self._public.spend(account, asked.asset, asked.into, goes)
        permitted = self._public.chain.allowance_key(account, asked.asset, asked.into)
        if permitted and rebasing:  # an allowance is an amount, not shares
            amount = self.around(self._quotes.amount_of(plain, order.quantity))
            bounds[permitted] = Bound(-amount.high, -amount.low, Origin.ROUNDING)
        return bounds | {base(account, asked.into): comes}


class ChainStake(_Drifting, StakeCall):
    """STAKE: the asset goes; of a rebasing token shares come, by its rate."""

    def expect(self, asked: Stake, order: Order, books: Books) -> Bounds:
        """Shares by a rate that may move."""
        bounds = super().expect(asked, order, books)
        if asked.into not in self._rules.rebasing:
            return bounds
        comes = self.around(self._quotes(asked, order.quantity))
        return bounds | {base(asked.account, asked.into): comes}


class ChainUnstake(_Drifting, UnstakeCall):
    """UNSTAKE: the token goes, a claim to what it is worth waits in the queue."""

    def expect(self, asked: Unstake, order: Order, books: Books) -> Bounds:  # noqa: ARG002 - one protocol
        """A claim by a rate that may move."""
        amount = self.around(self._quotes(asked, order.quantity))
        bounds = {
            base(asked.account, asked.asset): self.taken(asked.asset, order.quantity),
            position_key(asked.account, Kind.CLAIM, asked.asset): amount,
        }
        permitted = self._public.chain.allowance_key(asked.account, asked.asset, asked.asset)
        if permitted:  # an allowance is an amount, not shares
            bounds[permitted] = Bound(-amount.high, -amount.low, Origin.ROUNDING)
        return bounds


class ChainFlashRepay(_Drifting, FlashRepayCall):
    """FLASH_REPAY: the amount and the premium go; the lender rounds the premium to the nearest."""

    def expect(self, asked: FlashRepay, order: Order, books: Books) -> Bounds:  # noqa: ARG002 - one protocol
        """The amount with its premium, or a unit less."""
        lender = self._public.chain.lender(asked.lender, asked.asset)
        premium = order.quantity * lender.premium
        most, least = (
            order.quantity + divide(premium, RATE_UNIT) for divide in (divide_up, divide_down)
        )
        paid = Bound(-most, -least, Origin.ROUNDING)
        bounds = self._public.spend(asked.account, asked.asset, asked.lender, paid)
        return bounds | {flash_debt(asked.asset): exactly(-order.quantity)}


class ChainApprove(_Drifting, ApproveCall):
    """APPROVE: the allowance becomes the amount."""

    def expect(self, asked: Approve, order: Order, books: Books) -> Bounds:
        """From what it is to what was asked for; by way of zero where the token wants that.

        Raises:
            InstructionError: it is to be changed, and its token does not let it.
        """
        there = held(books, allowance(asked.account, asked.asset, asked.spender))
        if there and order.quantity and asked.asset in self._rules.by_way_of_zero:
            msg = (
                f"{asked.asset} lets an allowance be changed by way of zero only, and "
                f"{asked.spender} still has one: approve 0 first"
            )
            raise InstructionError(msg)
        return super().expect(asked, order, books)


def own_calls(
    public: Public, rules: EvmRules, quotes: Quoting
) -> Mapping[type[Instruction], Call[Any]]:
    """The calls that differ from those of a simulated chain."""
    wrap = ChainWrap(public, rules, quotes)
    return {
        Supply: ChainSupply(public, rules, quotes),
        Withdraw: ChainWithdraw(public, rules, quotes),
        Borrow: ChainBorrow(public, rules, quotes),
        Repay: ChainRepay(public, rules, quotes),
        Swap: ChainSwap(public, rules, quotes),
        Stake: ChainStake(public, rules, quotes),
        Unstake: ChainUnstake(public, rules, quotes),
        Wrap: wrap,
        Unwrap: wrap,
        Approve: ChainApprove(public, rules, quotes),
        FlashRepay: ChainFlashRepay(public, rules, quotes),
    }
