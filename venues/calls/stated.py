"""What a chain and its dry run know without asking it."""

from verifill.venues.calls.terms import ChainTerms
from verifill.venues.expectation import Assessment, Expectation
from verifill.venues.instructions import Instruction
from verifill.venues.market import Books
from verifill.venues.orders import Order, Receipt, Request
from verifill.venues.rules import VenueRules


class Stated:
    """The pure half of an order handler, by the terms of a chain.

    Attributes:
        rules: the static data that every venue has.
    """

    def __init__(self, rules: VenueRules, terms: ChainTerms) -> None:
        self.rules = rules
        self._terms = terms

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
