"""Terms of flash loans: borrowed and paid back in one transaction.

The debt is a position of its own, which is back to its opening when the transaction ends.
The premium is paid beside the amount, rounded up to a unit.
"""

from verifill.engine.amounts import divide_up
from verifill.venues.calls.call import Bounds, Public, base, exactly
from verifill.venues.instructions import FlashBorrow, FlashRepay
from verifill.venues.keys import flash_debt
from verifill.venues.market import Books
from verifill.venues.orders import Order
from verifill.venues.rules import RATE_UNIT


class FlashBorrowCall:
    """FLASH_BORROW: the asset comes, as much is owed."""

    def __init__(self, public: Public) -> None:
        self._public = public

    def deny(self, asked: FlashBorrow, order: Order) -> str:  # noqa: ARG002 - one protocol
        """Of a lender that has the asset."""
        self._public.chain.lender(asked.lender, asked.asset)
        return ""

    def expect(self, asked: FlashBorrow, order: Order, books: Books) -> Bounds:  # noqa: ARG002 - one protocol
        """Exactly the amount, twice."""
        return {
            base(asked.account, asked.asset): exactly(order.quantity),
            flash_debt(asked.asset): exactly(order.quantity),
        }


class FlashRepayCall:
    """FLASH_REPAY: the amount and the premium go, the amount is no longer owed."""

    def __init__(self, public: Public) -> None:
        self._public = public

    def deny(self, asked: FlashRepay, order: Order) -> str:  # noqa: ARG002 - one protocol
        """To a lender that has the asset."""
        self._public.chain.lender(asked.lender, asked.asset)
        return ""

    def expect(self, asked: FlashRepay, order: Order, books: Books) -> Bounds:  # noqa: ARG002 - one protocol
        """Exactly the amount with its premium."""
        lender = self._public.chain.lender(asked.lender, asked.asset)
        due = order.quantity + divide_up(order.quantity * lender.premium, RATE_UNIT)
        bounds = self._public.spend(asked.account, asked.asset, asked.lender, exactly(-due))
        bounds[flash_debt(asked.asset)] = exactly(-order.quantity)
        return bounds
