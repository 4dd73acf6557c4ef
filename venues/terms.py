"""The terms of an operation: what is known of it before and after, without the venue.

An adapter declares terms for each type of instruction it supports, and so what it does
not support is refused before anything is sent.
"""

from collections.abc import Mapping
from typing import Protocol

from verifill.engine.errors import InstructionError
from verifill.venues.expectation import Assessment, Expectation
from verifill.venues.instructions import Instruction
from verifill.venues.market import Books
from verifill.venues.orders import Order, Receipt


class Terms(Protocol):
    """The pure half of an order handler, for one kind of operation."""

    def resolve(self, instruction: Instruction, number: int, late: int | None) -> Order:
        """The exact order; see `OrderHandler.resolve`."""
        ...

    def deny(self, order: Order) -> str:
        """Why the order must not be sent, or empty."""
        ...

    def expect(self, order: Order, books: Books) -> Expectation:
        """What it should make of the positions."""
        ...

    def assess(self, order: Order, receipt: Receipt, books: Books) -> Assessment:
        """What a receipt of it amounts to."""
        ...


class TermsByType:
    """The terms of every operation that one venue supports.

    Args:
        venue: name of the venue, for messages.
        terms: type of instruction -> its terms.
    """

    def __init__(self, venue: str, terms: Mapping[type[Instruction], Terms]) -> None:
        """Keep the terms."""
        self._venue = venue
        self._terms = dict(terms)

    def resolve(self, instruction: Instruction, number: int, late: int | None) -> Order:
        """The exact order, or the refusal of an operation without terms.

        Raises:
            InstructionError: the venue does not support it, or the amount does not fit.
        """
        try:
            terms = self._terms[type(instruction)]
        except KeyError:
            known = ", ".join(sorted(t.op for t in self._terms))
            msg = (
                f"{self._venue} does not support {instruction.op}; it supports {known}. "
                "Send it to a venue that does"
            )
            raise InstructionError(msg) from None
        return terms.resolve(instruction, number, late)

    def for_type(self, of: type[Instruction]) -> Terms | None:
        """The terms of a type of instruction, if it is supported."""
        return self._terms.get(of)

    def of(self, order: Order) -> Terms:
        """The terms of an order that was resolved here."""
        return self._terms[type(order.instruction)]
