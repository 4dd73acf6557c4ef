"""One order that a hosted venue took: its parts, what rests of it, and what is told of it."""

from collections.abc import Iterator

from attrs import define, field

from verifill.venues.loopback.faults import Handling
from verifill.venues.loopback.wire import Sent
from verifill.venues.orders import Fill, Order, Outcome, Receipt, Request


@define
class Entry:
    """One order that was taken.

    Attributes:
        order: the venue's id.
        sent: as it came.
        request: the exact request.
        handling: what the venue does with it.
        parts: what was executed of it, each with the venue's last word on it.
        rest: units that rest in the book.
        found_ns: when it can be found.
    """

    order: str
    sent: Sent
    request: Request
    handling: Handling
    found_ns: int
    parts: list[tuple[Request, Receipt]] = field(factory=list[tuple[Request, Receipt]])
    rest: int = 0


def together(entry: Entry, receipts: list[Receipt]) -> Receipt:
    """The receipt of an order that was executed in parts, or not at all."""
    fills = tuple(fill for receipt in receipts for fill in receipt.fills)
    effect_ns = max((receipt.effect_ns for receipt in receipts), default=0)
    filled = sum(fill.quantity for fill in fills)
    whole = isinstance(entry.request, Order) and filled == entry.request.quantity
    if entry.rest or any(receipt.outcome is Outcome.ACCEPTED for receipt in receipts):
        outcome = Outcome.ACCEPTED
    elif filled:
        outcome = Outcome.EXECUTED if whole else Outcome.EXECUTED_PARTIAL
    else:
        outcome = Outcome.EXPIRED
    return Receipt(outcome, fills, (), effect_ns, retryable=outcome is Outcome.EXPIRED)


def fills_of(entry: Entry) -> Iterator[Fill]:
    """All its fills."""
    for _, receipt in entry.parts:
        yield from receipt.fills


def cut(units: int, lot: int) -> int:
    """Units that are whole lots."""
    return units - units % lot


def sizes(entry: Entry, quantity: int, lot: int) -> Iterator[int]:
    """The units of each fill of a trade at once; what is left rests, or is cancelled.

    Args:
        entry: the order; what rests of it is set.
        quantity: its units.
        lot: least step of a quantity.
    """
    handling = entry.handling
    left = cut(quantity * handling.share // 100, lot)
    entry.rest = quantity - left if handling.rest_s is not None else 0
    each = max(lot, cut(left // handling.pieces, lot))
    while left > 0:
        units = left if left < 2 * each else each
        left -= units
        yield units
