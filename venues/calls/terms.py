"""The terms of requests to a chain: single orders, and bundles as one transaction."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from msgspec import Struct

from verifill.engine.amounts import to_units
from verifill.engine.errors import InstructionError
from verifill.venues.calls.call import Bounds, Call, Public, base
from verifill.venues.calls.conversions import (
    ClaimCall,
    StakeCall,
    SwapCall,
    UnstakeCall,
    WrapCall,
)
from verifill.venues.calls.flash import FlashBorrowCall, FlashRepayCall
from verifill.venues.calls.indices import Indices, display
from verifill.venues.calls.lending import BorrowCall, EModeCall, RepayCall, SupplyCall, WithdrawCall
from verifill.venues.calls.receipts import (
    executed_units,
    flaw_of,
    moves_of,
    orders_of,
    sender_of,
    step_name,
)
from verifill.venues.calls.rules import ChainRules
from verifill.venues.calls.scales import check_scales
from verifill.venues.calls.tokens import ApproveCall, TransferCall
from verifill.venues.expectation import Assessment, Bound, Expectation, Origin, total
from verifill.venues.instructions import (
    Approve,
    Borrow,
    Claim,
    FlashBorrow,
    FlashRepay,
    Instruction,
    InternalTransfer,
    Late,
    Max,
    Repay,
    SetEMode,
    Stake,
    Supply,
    Swap,
    Transfer,
    Unstake,
    Unwrap,
    Withdraw,
    Wrap,
)
from verifill.venues.keys import Kind, Scales, position_key
from verifill.venues.market import Books, Market
from verifill.venues.orders import MAX_UNITS, Order, Receipt, Request

LEAST: Mapping[type[Instruction], int] = {Approve: 0, SetEMode: 0}
"""An allowance may be taken away, and a mode be left."""


class _Folded(Struct):
    """Books before a step: those before the bundle, with its earlier steps."""

    totals: dict[str, int]
    bases: Mapping[str, int]


class ChainTerms:
    """What is known of requests to one chain; implements the pure half of `OrderHandler`.

    Args:
        chain: its static data.
        scales: decimals of the assets.
        market: public data.
        indices: what a share of a lending market is worth, from public data.
        dry: for a dry run: no gas, flash loans step by step, nothing leaves the chain.
        own: type of instruction -> its call, where the chain has another one than is usual.

    Raises:
        ConfigError: assets are not declared, or their decimals do not fit together.
    """

    def __init__(
        self,
        chain: ChainRules,
        scales: Scales,
        market: Market,
        *,
        indices: Indices,
        dry: bool = False,
        own: Mapping[type[Instruction], Call[Any]] | None = None,
    ) -> None:
        check_scales(chain, scales)
        self._chain = chain
        self._scales = scales
        self._market = market
        self._indices = indices
        self._dry = dry
        self._expected: tuple[Request, tuple[Expectation, ...]] | None = None
        public = Public(chain, scales, market, indices)
        self._claims = ClaimCall(public)
        transfer, wrap = TransferCall(public), WrapCall(public)
        # each call is given instructions of its own type only: hence Any
        calls: dict[type[Instruction], Call[Any]] = {
            Transfer: transfer,
            InternalTransfer: transfer,
            Approve: ApproveCall(public),
            Wrap: wrap,
            Unwrap: wrap,
            Stake: StakeCall(public),
            Unstake: UnstakeCall(public),
            Claim: self._claims,
            Swap: SwapCall(public),
            Supply: SupplyCall(public),
            Withdraw: WithdrawCall(public),
            Borrow: BorrowCall(public),
            Repay: RepayCall(public),
            SetEMode: EModeCall(public),
            FlashBorrow: FlashBorrowCall(public),
            FlashRepay: FlashRepayCall(public),
        }
        calls |= own or {}
        supported = chain.rules.operations
        self._calls = {asked: call for asked, call in calls.items() if asked.op in supported}

    def resolve(self, instruction: Instruction, number: int, late: int | None) -> Order:
        """See `OrderHandler.resolve`; a claim is of all that the queue has released."""
        chain = self._chain
        if type(instruction) not in self._calls:
            known = ", ".join(sorted(asked.op for asked in self._calls))
            msg = (
                f"{chain.rules.name} does not support {instruction.op}; it supports {known}. "
                "Send it to a venue that does"
            )
            raise InstructionError(msg)
        for asset in _assets(instruction):
            self._require(instruction.account, asset)
        limit = getattr(instruction, "min_out", None)
        least = 0 if limit is None else self._units(limit, _assets(instruction)[-1])
        return Order(number, instruction, self._quantity(instruction, late), least)

    def deny(self, request: Request) -> str:
        """See `OrderHandler.deny`; a flaw of a bundle names the step."""
        if isinstance(request, Order):
            return self._deny_alone(request) or self._deny(request)
        if self._dry:
            return "a dry run takes one step at a time"
        if not request.orders:
            return "a bundle has no steps"
        payer = self._chain.payer(request.account)
        for index, order in enumerate(request.orders):
            reason = self._deny(order)
            if isinstance(order.instruction, Transfer):
                reason = "what leaves the chain goes by itself, not in a bundle"
            elif self._chain.payer(order.instruction.account) != payer:
                reason = f"{order.instruction.account} does not belong to {payer}"
            if reason:
                return f"{step_name(index, order)}: {reason}"
        return ""

    def expect(self, request: Request, books: Books) -> Expectation:
        """See `OrderHandler.expect`; a bundle's is the sum of its steps, and the gas."""
        steps = self._steps(request, books)
        self._expected = replace(request, sealed=()), steps
        return total((*steps, self._gas(request)))

    def assess(self, request: Request, receipt: Receipt, books: Books) -> Assessment:
        """See `OrderHandler.assess`; each step's moves against that step's bounds (R14).

        The bounds are those of the expectation before: an index may have moved since.
        """
        effects: dict[str, int] = {}
        for move in receipt.moves:
            effects[move.key] = effects.get(move.key, 0) + move.amount
        executed = executed_units(request, receipt)
        if not executed:
            return Assessment(0, effects)
        known = self._expected if self.knows(request) else None
        steps = known[1] if known else self._steps(request, books)
        flaw = flaw_of(request, receipt, steps, gas_key=self._chain.gas_key(sender_of(request)))
        return Assessment(executed, effects, flaw or self._claim_flaw(request, receipt))

    def knows(self, request: Request) -> bool:
        """Whether the bounds of a request are those that were worked out before it was sent."""
        return self._expected is not None and self._expected[0] == replace(request, sealed=())

    def gas_cost(self, request: Request) -> int:
        """What the gas of a request costs at the price now, in units of the native asset."""
        units = self._chain.gas_base
        for order in orders_of(request):
            units += self._chain.gas[order.instruction.op]
        return units * self._market.value(self._chain.gas_price)

    def display(self, key: str, shares: int) -> int:
        """A position as people read it now: shares of a lending market as an amount."""
        return display(key, shares, self._chain.reserves, self._indices)

    def _quantity(self, instruction: Instruction, late: int | None) -> int:
        size = instruction.size
        if isinstance(instruction, Claim):
            return MAX_UNITS
        if isinstance(instruction, SetEMode):
            return instruction.category
        if late is not None:
            return late
        if isinstance(size, Max) and isinstance(instruction, Withdraw | Repay):
            return MAX_UNITS
        if isinstance(size, Late | Max):
            msg = f"{instruction.op}: give an amount; MAX is for WITHDRAW and REPAY"
            raise InstructionError(msg)
        return self._units(size, _assets(instruction)[0])

    def _units(self, amount: Any, asset: str) -> int:  # noqa: ANN401 - checked as a Decimal
        return to_units(amount, self._scales.of(asset))

    def _require(self, account: str, asset: str) -> None:
        holdings = self._chain.holdings
        if asset not in holdings.get(account, ()):
            there = ", ".join(f"{name} {a}" for name, assets in holdings.items() for a in assets)
            msg = f"{account!r} holds no {asset!r} on {self._chain.rules.name}; there are {there}"
            raise InstructionError(msg)

    def _deny_alone(self, order: Order) -> str:
        """What goes only in a bundle, and what goes only outside a dry run."""
        if self._dry and isinstance(order.instruction, Transfer):
            return "what leaves the chain goes by itself, not in a bundle"
        if not self._dry and isinstance(order.instruction, FlashBorrow | FlashRepay):
            return "a flash loan lives inside a ONE_TX chain only"
        return ""

    def _deny(self, order: Order) -> str:
        asked, quantity = order.instruction, order.quantity
        if quantity < LEAST.get(type(asked), 1) and quantity != MAX_UNITS:
            return f"amount of {quantity} units is not positive"
        try:
            return self._calls[type(asked)].deny(asked, order)
        except InstructionError as error:
            return str(error)

    def _steps(self, request: Request, books: Books) -> tuple[Expectation, ...]:
        """The expectation of each step, on the books after the steps before it.

        A step before may be an interval: then this one is expected on both ends of it.
        """
        if isinstance(request, Order):
            return (Expectation(self._bounds(request, books)),)
        low = _Folded(dict(books.totals), books.bases)
        high = _Folded(dict(books.totals), books.bases)
        steps: list[Expectation] = []
        for order in request.orders:
            bounds = _hull(self._bounds(order, low), self._bounds(order, high))
            for key, bound in bounds.items():
                low.totals[key] = low.totals.get(key, 0) + bound.low
                high.totals[key] = high.totals.get(key, 0) + bound.high
            steps.append(Expectation(bounds))
        return tuple(steps)

    def _bounds(self, order: Order, books: Books) -> Bounds:
        return self._calls[type(order.instruction)].expect(order.instruction, order, books)

    def _gas(self, request: Request) -> Expectation:
        """Up to what the gas costs now; the same on success and on revert."""
        if self._dry:
            return Expectation({})
        bound = Bound(-self.gas_cost(request), 0, Origin.GAS_CAP)
        return Expectation({self._chain.gas_key(sender_of(request)): bound})

    def _claim_flaw(self, request: Request, receipt: Receipt) -> str:
        """Whether each claim paid what it burnt; its bounds cannot tell."""
        for index, order in enumerate(orders_of(request)):
            claim = order.instruction
            if isinstance(claim, Claim):
                moved = moves_of(request, receipt, index)
                burnt = -moved[position_key(claim.account, Kind.CLAIM, claim.asset)]
                flaw = self._claims.flaw(claim, burnt, moved[base(claim.account, claim.into)])
                if flaw:
                    return flaw
        return ""


def _hull(one: Bounds, other: Bounds) -> Bounds:
    """The least bounds that hold both."""
    return {
        key: Bound(min(b.low, other[key].low), max(b.high, other[key].high), b.origin)
        for key, b in one.items()
    }


def _assets(instruction: Instruction) -> tuple[str, ...]:
    """The assets of the account that an instruction moves, its own first."""
    into = getattr(instruction, "into", None)
    asset = getattr(instruction, "asset", "")
    if not asset:
        return ()
    return (asset,) if into is None else (asset, into)
