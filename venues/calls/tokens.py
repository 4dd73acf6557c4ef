"""Terms of tokens: transfers and approvals."""

from verifill.venues.calls.call import Bounds, Public, base, exactly, held
from verifill.venues.instructions import Approve, InternalTransfer, Transfer
from verifill.venues.keys import allowance
from verifill.venues.market import Books
from verifill.venues.orders import Order


class TransferCall:
    """TRANSFER to an account elsewhere, INTERNAL_TRANSFER between two accounts of the chain.

    All of the amount leaves, all of it arrives: gas is paid beside it, not out of it.
    """

    def __init__(self, public: Public) -> None:
        self._public = public

    def deny(self, asked: Transfer | InternalTransfer, order: Order) -> str:  # noqa: ARG002 - one protocol
        """To another account, which takes the asset."""
        chain = self._public.chain
        if asked.to == asked.account:
            return f"{asked.account} cannot transfer to itself"
        if isinstance(asked, Transfer):
            known = ", ".join(sorted(chain.deposits_s)) or "none"
            if asked.to not in chain.deposits_s:
                return f"no deposit address of {asked.to!r}; known are {known}"
        elif asked.asset not in chain.holdings.get(asked.to, ()):
            return f"{asked.to!r} holds no {asked.asset!r} on {chain.rules.name}"
        return ""

    def expect(self, asked: Transfer | InternalTransfer, order: Order, books: Books) -> Bounds:  # noqa: ARG002 - one protocol
        """All of it leaves one account and reaches the other."""
        return {
            base(asked.account, asked.asset): exactly(-order.quantity),
            base(asked.to, asked.asset): exactly(order.quantity),
        }


class ApproveCall:
    """APPROVE: the allowance becomes the amount; no balance moves (R13)."""

    def __init__(self, public: Public) -> None:
        self._public = public

    def deny(self, asked: Approve, order: Order) -> str:  # noqa: ARG002 - one protocol
        """For a spender whose allowance is kept."""
        chain = self._public.chain
        key = allowance(asked.account, asked.asset, asked.spender)
        if key not in chain.positions():
            return (
                f"{asked.spender!r} needs no allowance of {asked.account} for {asked.asset}; "
                "declare it in approvals, or leave the approval out"
            )
        return ""

    def expect(self, asked: Approve, order: Order, books: Books) -> Bounds:
        """From what it is to what was asked for."""
        key = allowance(asked.account, asked.asset, asked.spender)
        return {key: exactly(order.quantity - held(books, key))}
