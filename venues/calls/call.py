"""What a call is: one on-chain operation, and what all of them have in common."""

from collections.abc import Mapping
from typing import Protocol, TypeVar

from attrs import frozen

from verifill.engine.errors import InstructionError
from verifill.venues.calls.indices import Indices
from verifill.venues.calls.rules import ChainRules
from verifill.venues.expectation import Bound
from verifill.venues.instructions import Instruction
from verifill.venues.keys import Kind, Scales, position_key
from verifill.venues.market import Books, Market
from verifill.venues.orders import Order

# Protocols may round by this much, each in its own direction (DOMAIN section 2.1).
ROUNDING = 2

Bounds = dict[str, Bound]
Asked_contra = TypeVar("Asked_contra", bound=Instruction, contravariant=True)


class Call(Protocol[Asked_contra]):
    """The terms of one operation, without the gas, which is the transaction's."""

    def deny(self, asked: Asked_contra, order: Order) -> str:
        """Why the order must not be sent, or empty."""
        ...

    def expect(self, asked: Asked_contra, order: Order, books: Books) -> Bounds:
        """What it should make of the positions."""
        ...


@frozen
class Public:
    """What anybody knows: the chain's rules, the assets, the market and its indices."""

    chain: ChainRules
    scales: Scales
    market: Market
    indices: Indices

    def spend(self, account: str, asset: str, spender: str, bound: Bound) -> Bounds:
        """What a spender takes of an account: the asset, and of an allowance if it needs one."""
        bounds = {base(account, asset): bound}
        permitted = self.chain.allowance_key(account, asset, spender)
        if permitted:
            bounds[permitted] = bound
        return bounds


def base(account: str, asset: str) -> str:
    """The position of a token in an account."""
    return position_key(account, Kind.BASE, asset)


def exactly(amount: int) -> Bound:
    """A bound of no width."""
    return Bound(amount, amount)


def held(books: Books, key: str) -> int:
    """What the books have at a key.

    Raises:
        InstructionError: the key is not tracked.
    """
    totals: Mapping[str, int] = books.totals
    if key not in totals:
        msg = f"not tracked: {key}; declare the position in the venue's opening"
        raise InstructionError(msg)
    return totals[key]
