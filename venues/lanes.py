"""Lanes: the terms of a plain spot trade, worked out in one go.

Nearly all that a long run trades is the same few things: at market, in whole, with the fee
in one of the two assets. For these a lane does what the terms of `venues.spot` do in four
steps with a value for each, and comes to the same numbers. Wherever a trade, a receipt or
a reading is anything else, it says so, and the terms go through it step by step.
"""

from collections.abc import Callable
from decimal import Decimal

from verifill.engine.amounts import LARGEST, to_units
from verifill.engine.errors import AmountError
from verifill.venues.instructions import SpotTrade
from verifill.venues.orders import Reading, Receipt
from verifill.venues.rules import RATE_UNIT
from verifill.venues.spot import FILLS_MAX
from verifill.venues.tickets import Ticket, TradeOrder


def is_plain(ticket: Ticket) -> bool:
    """Whether a ticket's trades move two positions and no third one pays for them."""
    one_of_two = ticket.fee_key in (ticket.base_key, ticket.quote_key)
    return not ticket.instrument.perpetual and one_of_two and ticket.fee_rate >= 0


class Lane:
    """One side of a spot instrument, of which `is_plain` is true.

    Args:
        ticket: what is fixed of its trades.
        price: tells the last price of market data, in ticks.

    Attributes:
        ticket: what is fixed of its trades.
        base_key: position of the base asset.
        quote_key: position of the quote asset.
        base_low: least total of the base asset after the order made last, in units.
        base_high: greatest.
        quote_low: likewise of the quote asset.
        quote_high: greatest.
    """

    def __init__(self, ticket: Ticket, price: Callable[[str], int]) -> None:
        instrument = ticket.instrument
        self.ticket = ticket
        self.base_key = ticket.base_key
        self.quote_key = ticket.quote_key
        self._price = price
        self._data = instrument.data
        self._sign = ticket.sign
        self._scale = ticket.scale
        self._collar = instrument.collar
        self._least = instrument.min_notional
        self._on_quantity = ticket.fee_on_quantity
        self._fee_asset = ticket.fee_asset
        self._fee_rate = ticket.fee_rate
        self._fee_unit = ticket.fee_unit
        self._slack = FILLS_MAX if ticket.fee_rate else 0
        self._asked = Decimal(0)
        self._units = 0
        self.base_low = self.base_high = self.quote_low = self.quote_high = 0

    def order(
        self, trade: SpotTrade, quantity: Decimal, number: int, opening: dict[str, int]
    ) -> TradeOrder | None:
        """The exact order; None if the terms have to say what is the matter with it.

        Sets the bounds of both positions, as `venues.spot.expect_spot` gives them.

        Args:
            trade: at market.
            quantity: of it.
            number: of the intent.
            opening: position key -> units, before it.
        """
        units = self._units if quantity is self._asked else self._ask(quantity)
        last, scale, sign = self._price(self._data), self._scale, self._sign
        if not units or not self._least <= units * last // scale <= LARGEST:
            return None
        width = last * self._collar // RATE_UNIT
        low, high = last - width, last + width
        worst, best = (high, low) if sign > 0 else (low, high)
        paid = -sign * units
        base = opening[self.base_key] + sign * units
        quote = opening[self.quote_key]
        self.base_low = self.base_high = base
        self.quote_low = quote + paid * worst // scale - FILLS_MAX
        self.quote_high = quote - (-paid * best // scale)
        if self._on_quantity:
            self.base_low -= -(-units * self._fee_rate // self._fee_unit) + self._slack
        else:
            self.quote_low -= -(-units * high * self._fee_rate // self._fee_unit) + self._slack
        return TradeOrder(
            number, trade, units, ticket=self.ticket, last=last, low=low, high=high, fee_price=1
        )

    def _ask(self, quantity: Decimal) -> int:
        """Its units, 0 if it does not fit; kept, for many trades are of one quantity."""
        instrument = self.ticket.instrument
        try:
            units = to_units(quantity, instrument.quantity_decimals)
        except AmountError:
            return 0
        if units <= 0 or units % instrument.lot:
            return 0
        self._asked, self._units = quantity, units
        return units

    def ledger(
        self, order: TradeOrder, receipt: Receipt, reading: Reading, opening: dict[str, int]
    ) -> dict[str, int] | None:
        """The books after an order, if all is as it should be; None if that takes a closer look.

        The receipt has one fill, which is the whole order, within its limits and charged as
        scheduled (L1); all ledger rows are that fill's and add up to it (L2); every balance
        is its opening and these rows, and both are within their bounds (L3).

        Args:
            order: the one that `order` made last.
            receipt: the venue's last word on it: executed.
            reading: all readings together, taken after it.
            opening: position key -> units, before it.
        """
        fills = receipt.fills
        if len(fills) != 1 or receipt.moves or receipt.reason:
            return None
        fill = fills[0]
        quantity, price, fee = fill.quantity, fill.price, fill.fee
        value = quantity * price
        due = -(-(quantity if self._on_quantity else value) * self._fee_rate // self._fee_unit)
        within = quantity == order.quantity and order.low <= price <= order.high
        if not within or fee != due or fill.fee_asset != self._fee_asset:
            return None
        base = self._sign * quantity
        quote = -self._sign * value // self._scale
        if self._on_quantity:
            base -= fee
        else:
            quote -= fee
        return self._booked(fill.ref, base, quote, reading, opening)

    def _booked(
        self, ref: str, base: int, quote: int, reading: Reading, opening: dict[str, int]
    ) -> dict[str, int] | None:
        """The books after changes that rows and balances both show, and nothing else."""
        base_key, quote_key = self.base_key, self.quote_key
        ledger = opening.copy()
        ledger[base_key] += base
        ledger[quote_key] += quote
        if not base or not quote or ledger != reading.totals:
            return None
        for row in reading.rows:
            if row.ref != ref:
                return None
            key = row.key
            if key == quote_key:
                quote -= row.amount
            elif key == base_key:
                base -= row.amount
            else:
                return None
        if base or quote or not self.base_low <= ledger[base_key] <= self.base_high:
            return None
        return ledger if self.quote_low <= ledger[quote_key] <= self.quote_high else None
