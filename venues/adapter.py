"""The half of a venue that needs no connection, for adapters to build on.

An adapter gives the terms of what it supports and adds `submit`, `query` and `read`.
"""

from collections.abc import Mapping

from mypy_extensions import mypyc_attr

from verifill.engine.errors import EngineDefect, InstructionError
from verifill.venues.expectation import Assessment, Expectation
from verifill.venues.instructions import Instruction, SpotTrade
from verifill.venues.lanes import Lane
from verifill.venues.market import Books
from verifill.venues.orders import Bundle, Order, Receipt, Request
from verifill.venues.rules import VenueRules
from verifill.venues.terms import Terms, TermsByType
from verifill.venues.tickets import TradeOrder
from verifill.venues.trades import TradeTerms

TERMS = ("resolve", "deny", "expect", "assess")


@mypyc_attr(allow_interpreted_subclasses=True)
class Adapter:
    """Resolves, denies, expects and assesses by the terms of each operation.

    A trade goes straight to its ticket, where its terms would send it too: a run makes
    millions of them.

    Args:
        rules: static data; only its operations are supported.
        terms: type of instruction -> its terms.
    """

    def __init__(self, rules: VenueRules, terms: Mapping[type[Instruction], Terms]) -> None:
        self.rules = rules
        supported = {of: its for of, its in terms.items() if of.op in rules.operations}
        self._terms = TermsByType(rules.name, supported)

    def resolve(self, instruction: Instruction, number: int, late: int | None) -> Order:
        """See `OrderHandler.resolve`."""
        return self._terms.resolve(instruction, number, late)

    def deny(self, request: Request) -> str:
        """See `OrderHandler.deny`; a venue without transactions takes no bundle."""
        if type(request) is TradeOrder:
            return request.ticket.deny(request)
        if isinstance(request, Bundle):
            return f"{self.rules.name} has no transaction for a chain of orders"
        return self.no_way(request.instruction) or self._terms.of(request).deny(request)

    def expect(self, request: Request, books: Books) -> Expectation:
        """See `OrderHandler.expect`."""
        if type(request) is TradeOrder:
            return request.ticket.expect(request, books)
        order = single(request)
        return self._terms.of(order).expect(order, books)

    def assess(self, request: Request, receipt: Receipt, books: Books) -> Assessment:
        """See `OrderHandler.assess`."""
        if type(request) is TradeOrder:
            return request.ticket.assess(request, receipt, books)
        order = single(request)
        return self._terms.of(order).assess(order, receipt, books)

    def lane(self, trade: SpotTrade) -> Lane | None:
        """See `Laned.lane`; none where a venue has terms of its own for what it supports."""
        terms = self._terms.for_type(SpotTrade)
        own = any(getattr(type(self), name) is not getattr(Adapter, name) for name in TERMS)
        if own or type(terms) is not TradeTerms:
            return None
        try:
            return terms.lane(trade)
        except InstructionError:  # an unknown symbol; its order is refused in these words
            return None

    def no_way(self, instruction: Instruction) -> str:  # noqa: ARG002 - nothing is known here
        """Why the venue cannot do it, beyond what its terms know; empty if it can."""
        return ""

    def start_up_failures(self) -> tuple[str, ...]:
        """See `Venue.start_up_failures`; nothing to test by itself."""
        return ()


def single(request: Request) -> Order:
    """The request as one order.

    Raises:
        EngineDefect: it is a bundle, which was to be denied before.
    """
    if isinstance(request, Order):
        return request
    msg = f"bundle {request.number} came to a venue that denies bundles"
    raise EngineDefect(msg)
