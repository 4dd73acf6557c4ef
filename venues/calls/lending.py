"""Terms of a lending market: supply, withdraw, borrow, repay, in shares (R3), and its mode.

Roundings of shares are the market's own, each against the one who acts: supply down,
withdraw up, borrow up, repay down (Aave v3.5, `TokenMath`). The bounds allow two units of
the asset beyond, on that side only. `MAX` clears all shares; what it pays is their worth
rounded down (see docs/reference/roundings.md), or up to two units against the one who acts.
"""

from verifill.venues.calls.call import ROUNDING, Bounds, Public, base, exactly, held
from verifill.venues.calls.indices import shares_down, shares_up, worth
from verifill.venues.expectation import Bound, Origin
from verifill.venues.instructions import Borrow, Repay, SetEMode, Supply, Withdraw
from verifill.venues.keys import emode_key
from verifill.venues.market import Books
from verifill.venues.orders import MAX_UNITS, Order


class SupplyCall:
    """SUPPLY: the asset goes, shares come, worth up to two units less."""

    def __init__(self, public: Public) -> None:
        self._public = public

    def deny(self, asked: Supply, order: Order) -> str:  # noqa: ARG002 - one protocol
        """To a market that takes the asset."""
        self._public.chain.supplied(asked.market, asked.asset)
        return ""

    def expect(self, asked: Supply, order: Order, books: Books) -> Bounds:  # noqa: ARG002 - one protocol
        """Shares for no more than what was supplied."""
        reserve = self._public.chain.supplied(asked.market, asked.asset)
        index = self._public.indices.supply(reserve)
        amount = order.quantity
        low = shares_down(max(0, amount - ROUNDING), index)
        bounds = self._public.spend(asked.account, asked.asset, asked.market, exactly(-amount))
        bounds[reserve.a_key] = Bound(low, shares_down(amount, index), Origin.ROUNDING)
        return bounds


class WithdrawCall:
    """WITHDRAW: exactly the asset comes, shares go, worth up to two units more."""

    def __init__(self, public: Public) -> None:
        self._public = public

    def deny(self, asked: Withdraw, order: Order) -> str:  # noqa: ARG002 - one protocol
        """From a market that takes the asset."""
        self._public.chain.supplied(asked.market, asked.asset)
        return ""

    def expect(self, asked: Withdraw, order: Order, books: Books) -> Bounds:
        """Of `MAX`: every share goes, what they are worth comes."""
        reserve = self._public.chain.supplied(asked.market, asked.asset)
        index = self._public.indices.supply(reserve)
        amount = order.quantity
        target = base(asked.account, asked.asset)
        if amount == MAX_UNITS:
            shares = held(books, reserve.a_key)
            whole = worth(shares, index)
            least = max(0, whole - ROUNDING)
            return {
                reserve.a_key: exactly(-shares),
                target: Bound(least, whole, Origin.ROUNDING),
            }
        low, high = shares_up(amount + ROUNDING, index), shares_up(amount, index)
        return {reserve.a_key: Bound(-low, -high, Origin.ROUNDING), target: exactly(amount)}


class BorrowCall:
    """BORROW: exactly the asset comes, debt shares come, worth up to two units more."""

    def __init__(self, public: Public) -> None:
        self._public = public

    def deny(self, asked: Borrow, order: Order) -> str:  # noqa: ARG002 - one protocol
        """From a market that lends the asset."""
        self._public.chain.borrowed(asked.market, asked.asset)
        return ""

    def expect(self, asked: Borrow, order: Order, books: Books) -> Bounds:  # noqa: ARG002 - one protocol
        """Debt for no less than what was borrowed."""
        reserve = self._public.chain.borrowed(asked.market, asked.asset)
        index = self._public.indices.borrow(reserve)
        amount = order.quantity
        high = shares_up(amount + ROUNDING, index)
        return {
            reserve.debt_key: Bound(shares_up(amount, index), high, Origin.ROUNDING),
            base(asked.account, asked.asset): exactly(amount),
        }


class RepayCall:
    """REPAY: never more than the debt; `MAX`, or as much as is owed, clears every share."""

    def __init__(self, public: Public) -> None:
        self._public = public

    def deny(self, asked: Repay, order: Order) -> str:  # noqa: ARG002 - one protocol
        """To a market that lends the asset."""
        self._public.chain.borrowed(asked.market, asked.asset)
        return ""

    def expect(self, asked: Repay, order: Order, books: Books) -> Bounds:
        """The lesser of the amount and the debt goes, debt shares for no more than that."""
        reserve = self._public.chain.borrowed(asked.market, asked.asset)
        index = self._public.indices.borrow(reserve)
        shares, amount = held(books, reserve.debt_key), order.quantity
        debt = worth(shares, index)
        if amount == MAX_UNITS or amount >= debt + ROUNDING:
            paid, burnt = Bound(-debt - ROUNDING, -debt, Origin.ROUNDING), exactly(-shares)
        elif amount >= debt:
            # whether so little more is owed than the amount is the market's own rounding
            paid = Bound(-amount, -debt, Origin.ROUNDING)
            burnt = Bound(-shares, -shares_down(max(0, amount - ROUNDING), index), Origin.ROUNDING)
        else:
            low = shares_down(max(0, amount - ROUNDING), index)
            paid = exactly(-amount)
            burnt = Bound(-shares_down(amount, index), -low, Origin.ROUNDING)
        bounds = self._public.spend(asked.account, asked.asset, asked.market, paid)
        bounds[reserve.debt_key] = burnt
        return bounds


class EModeCall:
    """SET_EMODE: no balance moves, the setting itself is verified (R13)."""

    def __init__(self, public: Public) -> None:
        self._public = public

    def deny(self, asked: SetEMode, order: Order) -> str:  # noqa: ARG002 - one protocol
        """To a mode that the market has."""
        self._public.chain.emode(asked.market, asked.category)
        return ""

    def expect(self, asked: SetEMode, order: Order, books: Books) -> Bounds:
        """From what it is to what was asked for."""
        key = emode_key(asked.market)
        return {key: exactly(order.quantity - held(books, key))}
