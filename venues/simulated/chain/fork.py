"""A dry run of a simulated chain: its steps one by one, on a copy of its state."""

from verifill.venues.calls.rules import ChainRules
from verifill.venues.calls.terms import ChainTerms
from verifill.venues.orders import (
    Bundle,
    Cause,
    Outcome,
    Receipt,
    Request,
)
from verifill.venues.simulated.chain.judged import Judged
from verifill.venues.simulated.chain.protocols import Protocols
from verifill.venues.simulated.chain.state import Reverted, State
from verifill.venues.simulated.ledger import Accounts


class ChainFork(Judged):
    """A dry run of a chain: single orders, no gas, nothing leaves; then it is thrown away."""

    def __init__(
        self,
        chain: ChainRules,
        terms: ChainTerms,
        accounts: Accounts,
        protocols: Protocols,
        state: State,
    ) -> None:
        super().__init__(chain, terms, accounts)
        self._protocols = protocols
        self._state = state

    def submit(self, request: Request) -> Receipt:
        """Execute an order on the copy; a bundle is refused."""
        receipt = self._execute(request)
        self._receipts[request.number] = receipt
        return receipt

    def _execute(self, request: Request) -> Receipt:
        if isinstance(request, Bundle):
            return Receipt(Outcome.REJECTED_DEFINITIVE, reason="a dry run takes one step at a time")
        state = State(self.accounts.totals.copy(), list(self._state.queue), dict(self._state.owed))
        try:
            self._protocols.execute(state, request)
        except Reverted as reverted:
            reason = f"{request.instruction.op}: {reverted.reason}"
            return Receipt(Outcome.REJECTED_DEFINITIVE, reason=reason)
        self._state = state
        ref = f"{self.rules.name}-dry-{request.number}"
        moves = tuple(self.post(ref, state.moves, Cause.CALL))
        return Receipt(Outcome.EXECUTED, (), moves, self.accounts.now_ns)
