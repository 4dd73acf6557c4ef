"""Terms of what turns one asset into another: wrapping, staking, its queue, and pools.

Roundings: what comes out is rounded down to a unit, before and after the fee of a pool.
"""

from verifill.engine.amounts import divide_down
from verifill.venues.calls.call import ROUNDING, Bounds, Public, base, exactly, held
from verifill.venues.calls.indices import SERIES_UNIT
from verifill.venues.calls.protocols import Pool
from verifill.venues.expectation import Bound, Origin
from verifill.venues.instructions import Claim, Stake, Swap, Unstake, Unwrap, Wrap
from verifill.venues.keys import Kind, position_key
from verifill.venues.market import Books
from verifill.venues.orders import Order
from verifill.venues.rules import RATE_UNIT


def _received(most: int, least: int) -> Bound:
    """What the public rate gives, or down to the minimum that was accepted."""
    return Bound(least, max(least, most), Origin.MIN_OUT) if least else exactly(most)


class WrapCall:
    """WRAP and UNWRAP: one to one, or by the wrapper's public rate."""

    def __init__(self, public: Public) -> None:
        self._public = public

    def deny(self, asked: Wrap | Unwrap, order: Order) -> str:  # noqa: ARG002 - one protocol
        """For a pair that has a wrapper."""
        self._public.chain.wrapper(*_wrapping(asked))
        return ""

    def expect(self, asked: Wrap | Unwrap, order: Order, books: Books) -> Bounds:  # noqa: ARG002 - one protocol
        """All of it goes in; what comes out follows the rate."""
        taken = exactly(-order.quantity)
        if isinstance(asked, Wrap):
            bounds = self._public.spend(asked.account, asked.asset, asked.into, taken)
        else:
            bounds = {base(asked.account, asked.asset): taken}
        out = self._out(asked, order.quantity)
        bounds[base(asked.account, asked.into)] = _received(out, order.limit)
        return bounds

    def _out(self, asked: Wrap | Unwrap, amount: int) -> int:
        wrapper = self._public.chain.wrapper(*_wrapping(asked))
        if not wrapper.rate:
            return amount
        rate = self._public.market.value(wrapper.rate)
        if isinstance(asked, Wrap):
            return divide_down(amount * SERIES_UNIT, rate)
        return divide_down(amount * rate, SERIES_UNIT)


def _wrapping(asked: Wrap | Unwrap) -> tuple[str, str]:
    """Asset and wrapped form, whichever way it goes."""
    return (asked.asset, asked.into) if isinstance(asked, Wrap) else (asked.into, asked.asset)


class StakeCall:
    """STAKE: one for one, the token may lose up to two units to rounding."""

    def __init__(self, public: Public) -> None:
        self._public = public

    def deny(self, asked: Stake, order: Order) -> str:  # noqa: ARG002 - one protocol
        """For an asset that can be staked for this token."""
        self._public.chain.staking(asked.asset, asked.into)
        return ""

    def expect(self, asked: Stake, order: Order, books: Books) -> Bounds:  # noqa: ARG002 - one protocol
        """The asset goes, as much of the token comes."""
        amount = order.quantity
        low = max(0, amount - ROUNDING)
        return {
            base(asked.account, asked.asset): exactly(-amount),
            base(asked.account, asked.into): Bound(low, amount, Origin.ROUNDING),
        }


class UnstakeCall:
    """UNSTAKE: the token is burnt at once, a claim of as much waits in the queue."""

    def __init__(self, public: Public) -> None:
        self._public = public

    def deny(self, asked: Unstake, order: Order) -> str:  # noqa: ARG002 - one protocol
        """For a token that has a queue back to this asset."""
        self._public.chain.staking(asked.into, asked.asset)
        return ""

    def expect(self, asked: Unstake, order: Order, books: Books) -> Bounds:  # noqa: ARG002 - one protocol
        """Token for claim."""
        return {
            base(asked.account, asked.asset): exactly(-order.quantity),
            position_key(asked.account, Kind.CLAIM, asked.asset): exactly(order.quantity),
        }


class ClaimCall:
    """CLAIM: collects every released request; which those are only the queue knows."""

    def __init__(self, public: Public) -> None:
        self._public = public

    def deny(self, asked: Claim, order: Order) -> str:  # noqa: ARG002 - one protocol
        """For a token that has a queue back to this asset."""
        self._public.chain.staking(asked.into, asked.asset)
        return ""

    def expect(self, asked: Claim, order: Order, books: Books) -> Bounds:  # noqa: ARG002 - one protocol
        """Something of the claims goes, no more than that comes."""
        key = position_key(asked.account, Kind.CLAIM, asked.asset)
        waiting = held(books, key)
        return {
            key: Bound(-waiting, -1, Origin.LIMIT),
            base(asked.account, asked.into): Bound(1, waiting, Origin.LIMIT),
        }

    def flaw(self, asked: Claim, burnt: int, paid: int) -> str:
        """What is wrong with a payment for a part of the claims, or empty."""
        staking = self._public.chain.staking(asked.into, asked.asset)
        least = divide_down(burnt * staking.least_payout, RATE_UNIT)
        if least <= paid <= burnt:
            return ""
        return f"a claim of {burnt} paid {paid}, due are {least} to {burnt}"


class SwapCall:
    """SWAP of an exact amount: at least `min_out`, at most the pool's public quote."""

    def __init__(self, public: Public) -> None:
        self._public = public

    def deny(self, asked: Swap, order: Order) -> str:
        """For a pair of the pool, with a minimum that is one."""
        self._public.chain.pool(asked.pool, asked.asset, asked.into)
        if order.limit <= 0:
            return f"min_out of {order.limit} units is not positive"
        return ""

    def expect(self, asked: Swap, order: Order, books: Books) -> Bounds:  # noqa: ARG002 - one protocol
        """The amount goes in; what comes out is within the minimum and the quote."""
        account = asked.account
        bounds = self._public.spend(account, asked.asset, asked.pool, exactly(-order.quantity))
        pool = self._public.chain.pool(asked.pool, asked.asset, asked.into)
        quote = self._quote(asked, pool, order.quantity)
        bounds[base(account, asked.into)] = _received(quote, order.limit)
        return bounds

    def _quote(self, asked: Swap, pool: Pool, amount: int) -> int:
        """What the pool's public rate and fee give, rounded down at each."""
        scales, rate = self._public.scales, self._public.market.value(pool.rate)
        one, other = 10 ** scales.of(pool.base), 10 ** scales.of(pool.quote)
        if asked.asset == pool.base:
            gross = divide_down(amount * rate * other, SERIES_UNIT * one)
        else:
            gross = divide_down(amount * SERIES_UNIT * one, rate * other)
        return divide_down(gross * (RATE_UNIT - pool.fee), RATE_UNIT)
