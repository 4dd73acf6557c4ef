"""What a simulated chain and a dry run of it have in common."""

from collections.abc import Iterable

from verifill.venues.calls.rules import ChainRules
from verifill.venues.calls.terms import ChainTerms
from verifill.venues.expectation import Assessment, Expectation
from verifill.venues.instructions import Instruction
from verifill.venues.market import Books
from verifill.venues.orders import (
    Cause,
    Move,
    Order,
    Outcome,
    Reading,
    Receipt,
    Request,
)
from verifill.venues.simulated.ledger import Accounts


class Judged:
    """What a chain and its dry run have in common: terms, accounts, receipts.

    Attributes:
        rules: the static data that every venue has.
        accounts: its own ledger, in base units.
    """

    def __init__(self, chain: ChainRules, terms: ChainTerms, accounts: Accounts) -> None:
        self.rules = chain.rules
        self.accounts = accounts
        self._terms = terms
        self._receipts: dict[int, Receipt] = {}

    def resolve(self, instruction: Instruction, number: int, late: int | None) -> Order:
        """See `OrderHandler.resolve`."""
        return self._terms.resolve(instruction, number, late)

    def deny(self, request: Request) -> str:
        """See `OrderHandler.deny`."""
        return self._terms.deny(request)

    def expect(self, request: Request, books: Books) -> Expectation:
        """See `OrderHandler.expect`."""
        return self._terms.expect(request, books)

    def assess(self, request: Request, receipt: Receipt, books: Books) -> Assessment:
        """See `OrderHandler.assess`."""
        return self._terms.assess(request, receipt, books)

    def query(self, request: Request) -> Receipt:
        """What became of a request."""
        missing = Receipt(Outcome.ABSENT, reason="no such transaction", retryable=True)
        return self._receipts.get(request.number, missing)

    def read(self) -> Reading:
        """The accounts now; positions in lending markets are in shares."""
        return self.accounts.read()

    def start_up_failures(self) -> tuple[str, ...]:
        """Nothing can be missing from a simulation."""
        return ()

    def post(self, ref: str, moves: Iterable[tuple[int, str, int]], cause: Cause) -> list[Move]:
        """Book moves in the accounts, each as an event of a transaction, counted from 0."""
        posted: list[Move] = []
        for index, (step, key, amount) in enumerate(moves):
            event = f"{ref}:{index}"
            self.accounts.post(event, key, amount, cause)
            posted.append(Move(event, key, amount, cause, step))
        return posted
