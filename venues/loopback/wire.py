"""What goes over the wire between client and server: JSON, one type for each message.

Integers are JSON numbers of any size and decimal amounts are strings, so every amount arrives
exactly; a reader that makes doubles of numbers would not see them so.
"""

from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct

from verifill.venues.any_instruction import AnyInstruction
from verifill.venues.orders import Bundle, Fill, LedgerRow, Order, Receipt, Request


class SentOrder(Struct, frozen=True, tag="order"):
    """An exact order, without what only its sender needs; see `Order`."""

    instruction: AnyInstruction
    quantity: int
    limit: int = 0


class SentBundle(Struct, frozen=True, tag="bundle"):
    """The steps of one transaction; see `Bundle`."""

    account: str
    orders: tuple[SentOrder, ...]


Sent = SentOrder | SentBundle


def sent(request: Request) -> Sent:
    """A request as it goes over the wire; its key goes beside it."""
    if isinstance(request, Bundle):
        return SentBundle(request.account, tuple(_order(order) for order in request.orders))
    return _order(request)


def _order(order: Order) -> SentOrder:
    instruction: Any = order.instruction  # one of the types above
    return SentOrder(instruction, order.quantity, order.limit)


class Submit(Struct, frozen=True):
    """A request to execute something, once.

    Attributes:
        key: of the intent, 32 characters of [a-z0-9].
        request: what to execute.
        deadline_ns: venue time after which it must be refused; class D only.
    """

    key: str
    request: Sent
    deadline_ns: int | None = None


class Asked(Struct, frozen=True):
    """A question about a key, or the wish to cancel what rests under it."""

    key: str


class Code(StrEnum):
    """Why a request was refused."""

    BAD_REQUEST = "BAD_REQUEST"  # it cannot be read, or its key is none
    INVALID = "INVALID"  # the rules of the venue: lot, notional, collar, route
    DUPLICATE = "DUPLICATE"  # the key is in use: look it up
    LATE = "LATE"  # it came after its deadline
    FORBIDDEN = "FORBIDDEN"
    BAD_CURSOR = "BAD_CURSOR"  # no such row has been given out
    UNKNOWN_NAME = "UNKNOWN_NAME"  # of a venue, or of an instrument


class Ack(Struct, frozen=True, tag_field="answer", tag="ack"):
    """The venue has, or had, an order.

    Attributes:
        key: as it was sent.
        order: the venue's own id of it.
        receipt: what became of it.
        time_ns: venue time of the answer.
    """

    key: str
    order: str
    receipt: Receipt
    time_ns: int


class Refusal(Struct, frozen=True, tag_field="answer", tag="refusal"):
    """The venue did not take a request.

    Attributes:
        code: why.
        reason: in words.
        retryable: whether the same may be sent again with a new key.
    """

    code: Code
    reason: str
    retryable: bool = False


class NotFound(Struct, frozen=True, tag_field="answer", tag="not_found"):
    """The venue shows no order of a key; whether that proves anything depends on its class.

    Attributes:
        key: as it was asked for.
        time_ns: venue time of the answer.
    """

    key: str
    time_ns: int


Answer = Ack | Refusal | NotFound


class Shown(Struct, frozen=True):
    """Positions, with the ledger rows from a cursor on.

    Attributes:
        as_of_ns: the moment they describe.
        totals: position key -> units.
        since: the cursor that was asked from.
        next: the cursor to ask from next.
        rows: those between the two, oldest first.
        bases: perpetual's key -> entry value, units of base times ticks.
    """

    as_of_ns: int
    totals: dict[str, int]
    since: int
    next: int
    rows: tuple[LedgerRow, ...]
    bases: dict[str, int] = {}


class Fills(Struct, frozen=True):
    """All fills of all that was executed under a key."""

    key: str
    fills: tuple[Fill, ...]


class OpenOrder(Struct, frozen=True):
    """An order of which something may still be executed."""

    key: str
    order: str


class OpenOrders(Struct, frozen=True):
    """All open orders of a venue."""

    orders: tuple[OpenOrder, ...]


class Margins(Struct, frozen=True):
    """Account or lending market -> margin ratio or health factor; see `Margined`."""

    margins: dict[str, Decimal]


class Status(Struct, frozen=True):
    """What a client asks before its first order.

    Attributes:
        venue: the name of the venue.
        time_ns: venue time.
        can_read: whether positions may be read.
        can_trade: whether orders are taken.
        accounts: the accounts it keeps, sorted.
        operations: what it supports, sorted.
        idempotency: its class.
    """

    venue: str
    time_ns: int
    can_read: bool
    can_trade: bool
    accounts: tuple[str, ...]
    operations: tuple[str, ...]
    idempotency: str


class Prices(Struct, frozen=True):
    """Public prices at one moment; see `venues.market.Market`.

    Attributes:
        time_ns: venue time.
        beat: grows with each answer of this server: a heartbeat.
        prices: instrument -> ticks.
        marks: instrument -> ticks, where there is a mark price.
        series: series -> integer with 18 decimals.
        clock_ns: the venues' clock now; the prices may be a second older.
    """

    time_ns: int
    beat: int
    prices: dict[str, int]
    marks: dict[str, int]
    series: dict[str, int]
    clock_ns: int = 0


class Candle(Struct, frozen=True):
    """Prices of one stretch of time, in ticks.

    Attributes:
        time_ns: when it began.
        open: first price.
        high: greatest.
        low: least.
        close: last.
    """

    time_ns: int
    open: int
    high: int
    low: int
    close: int


class Candles(Struct, frozen=True):
    """The last candles of an instrument, oldest first; the last one may still move."""

    instrument: str
    candles: tuple[Candle, ...]


encode = msgspec.json.encode
