"""A dry run on the chain itself: the steps so far in one call, with a look at its end.

Nothing is sent. The call runs the executor's own code in the place of the account, at one block,
and its last step reveals every position by reverting with them. So a chain of steps is rehearsed
by what will run it, the inside of a flash loan included.
"""

from typing import Final

from verifill.engine.errors import InstructionError, NotObserved
from verifill.venues.calls.stated import Stated
from verifill.venues.calls.terms import ChainTerms
from verifill.venues.evm.abi import call_of, given_in
from verifill.venues.evm.contracts import READER_CODE
from verifill.venues.evm.encode import EXECUTE, Call, Encoder
from verifill.venues.evm.executors import executor_of
from verifill.venues.evm.node import READER, Block, Node, RefusedError
from verifill.venues.evm.positions import rows_of
from verifill.venues.evm.questions import REVEAL, REVEALED, Questions, read_at
from verifill.venues.evm.reasons import innermost, reason_of
from verifill.venues.evm.rules import MAX_WORD, EvmRules
from verifill.venues.instructions import FlashBorrow, FlashRepay
from verifill.venues.keys import flash_debt
from verifill.venues.orders import (
    Bundle,
    Cause,
    LedgerRow,
    Move,
    Order,
    Outcome,
    Reading,
    Receipt,
    Request,
)
from verifill.venues.rules import VenueRules

NEVER_LATE: Final = MAX_WORD


class EvmFork(Stated):
    """The steps of a chain, one after another, on the state of one block.

    Args:
        rules: of the chain.
        terms: of a dry run.
        node: where it runs.
        evm: where everything is.
        encoder: makes calls of the steps.
        questions: about every position.

    Attributes:
        orders: the steps that went well.
        opening: the positions before the first.
        totals: those after the last.
    """

    def __init__(
        self,
        rules: VenueRules,
        terms: ChainTerms,
        *,
        node: Node,
        evm: EvmRules,
        encoder: Encoder,
        questions: Questions,
    ) -> None:
        super().__init__(rules, terms)
        self._node = node
        self._evm = evm
        self._encoder = encoder
        self._questions = questions
        self._block: Block = node.block()
        self._rows: tuple[LedgerRow, ...] = ()
        self._receipts: dict[int, Receipt] = {}
        self.orders: list[Order] = []
        self.opening = questions.totals(read_at(node, questions.plain, self._block))
        self.totals = self.opening

    def submit(self, request: Request) -> Receipt:
        """Take a step; a bundle is refused."""
        receipt = self._taken(request)
        self._receipts[request.number] = receipt
        return receipt

    def _taken(self, request: Request) -> Receipt:
        if isinstance(request, Bundle):
            return Receipt(Outcome.REJECTED_DEFINITIVE, reason="a dry run takes one step at a time")
        try:
            totals = self._after([*self.orders, request])
        except InstructionError as error:
            return Receipt(Outcome.REJECTED_DEFINITIVE, reason=str(error))
        ref = f"{self.rules.name}-dry-{request.number}"
        moves = tuple(
            Move(f"{ref}:{key}", key, change, Cause.CALL)
            for key, total in totals.items()
            if (change := total - self.totals[key])
        )
        time_ns = self._block.time_ns
        self._rows += tuple(rows_of(moves, time_ns))
        self.orders.append(request)
        self.totals = totals
        return Receipt(Outcome.EXECUTED, (), moves, time_ns)

    def query(self, request: Request) -> Receipt:
        """What became of a step."""
        absent = Receipt(Outcome.ABSENT, reason="no such step", retryable=True)
        return self._receipts.get(request.number, absent)

    def read(self) -> Reading:
        """The positions after the last step, with the rows since the reading before."""
        rows, self._rows = self._rows, ()
        return Reading(self._block.time_ns, dict(self.totals), rows)

    def start_up_failures(self) -> tuple[str, ...]:
        """Nothing is to be tested of a dry run."""
        return ()

    def _after(self, orders: list[Order]) -> dict[str, int]:
        """The positions after some steps, which all begin at the same block.

        Raises:
            InstructionError: a step fails, and why.
            NotObserved: the node does not answer, or not with the positions.
        """
        until_s = self._block.time_s + self._evm.deadline_s
        look = Call(READER, 0, call_of(REVEAL, self._questions.plain), len(orders))
        calls = self._encoder.chain(orders, until_s, [look])
        account = orders[0].instruction.account
        address = self._evm.accounts[account]
        data = call_of(EXECUTE, [call.plain for call in calls], [], NEVER_LATE)
        own = executor_of(self._evm, account).code()
        sender = address if own else self._evm.accounts[self._evm.sender(account)]
        code = {READER: READER_CODE, **own}
        try:
            self._node.view(address, data, self._block, sender=sender, code=code)
        except RefusedError as error:
            told = given_in(REVEALED, innermost(error.data))
            if told is None:
                raise InstructionError(reason_of(error.data) or str(error)) from None
            totals: dict[str, int] = self._questions.totals(told[0])
            return totals | _owed(orders)
        msg = "a dry run ended without a look at the positions"
        raise NotObserved(msg)


def _owed(orders: list[Order]) -> dict[str, int]:
    """What flash loans are owed: no contract tells it in the midst of a transaction."""
    owed: dict[str, int] = {}
    for order in orders:
        asked = order.instruction
        if isinstance(asked, FlashBorrow | FlashRepay):
            sign = 1 if isinstance(asked, FlashBorrow) else -1
            key = flash_debt(asked.asset)
            owed[key] = owed.get(key, 0) + sign * order.quantity
    return owed
