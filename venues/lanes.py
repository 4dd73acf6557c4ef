"""Lanes: the terms of a plain spot trade, worked out in one go.

Nearly all that a long run trades is the same few things: at market, in whole, with the fee
in one of the two assets. For these a lane does what the terms of `venues.spot` do in four
steps with a value for each, and comes to the same numbers. Wherever a trade, a receipt or
a reading is anything else, it says so, and the terms go through it step by step.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from verifill.engine.amounts import LARGEST, divide_up, reduced, to_units
from verifill.engine.errors import AmountError
from verifill.venues.instructions import Amount, Side, SpotTrade
from verifill.venues.orders import LedgerRow, Reading, Receipt
from verifill.venues.rules import RATE_UNIT
from verifill.venues.spot import FILLS_MAX
from verifill.venues.tickets import Ticket, TradeOrder

LAST_MAX: Final = 10**18
"""Highest last price that a lane takes, in ticks: the kernel compares 64 bits faster."""


def is_plain(ticket: Ticket) -> bool:
    """Whether a ticket's trades move two positions and no third one pays for them."""
    one_of_two = ticket.fee_key in (ticket.base_key, ticket.quote_key)
    return not ticket.instrument.perpetual and one_of_two and ticket.fee_rate >= 0


@dataclass(frozen=True, kw_only=True)
class Size:
    """What all trades of one quantity have in common, in one lane.

    Attributes:
        quantity: as the strategy gives it.
        units: of the base asset.
        last_min: lowest last price, in ticks, at which it is worth the least notional.
        last_max: highest, at which its value can be counted, and no more than `LAST_MAX`.
        base: what comes in of the base asset before the fee, negative to sell.
        base_net: likewise, after it.
        base_fee: fee in the base asset.
        base_low: least change of the base asset.
        paid: times a price, divided by
        scale: this, is what changes hands of the quote asset, before the fee.
        charge: times a price, divided by
        fee_unit: this, is the fee in the quote asset; 0 where that is in the base asset.
    """

    quantity: Decimal
    units: int
    last_min: int
    last_max: int
    base: int
    base_net: int
    base_fee: int
    base_low: int
    paid: int
    scale: int
    charge: int
    fee_unit: int

    def up(self, price: int) -> int:
        """What changes hands of the quote asset at a price, rounded up."""
        return divide_up(price * self.paid, self.scale)

    def fee(self, price: int) -> int:
        """The fee in the quote asset at a price, which is rounded up."""
        return divide_up(price * self.charge, self.fee_unit)


NO_SIZE: Final = Size(quantity=Decimal(0), units=0, last_min=1, last_max=0, base=0, base_net=0,
                      base_fee=0, base_low=0, paid=0, scale=1, charge=0, fee_unit=1)  # fmt: skip


class Lane:
    """One side of a spot instrument, of which `is_plain` is true.

    Args:
        ticket: what is fixed of its trades.
        price: tells the last price of market data, in ticks.

    Attributes:
        ticket: what is fixed of its trades.
        side: which one.
        base_key: position of the base asset.
        quote_key: position of the quote asset.
        base_low: least total of the base asset after the order made last, in units.
        base_high: greatest.
        quote_low: likewise of the quote asset.
        quote_high: greatest.
        units: of the base asset, that the fill judged last was of.
        price: its price, in ticks.
        fee: what it cost.
        ref: the venue's reference of it.
        base_total: total of the base asset after it, in units.
        quote_total: of the quote asset.
    """

    def __init__(self, ticket: Ticket, price: Callable[[str], int]) -> None:
        instrument = ticket.instrument
        self.ticket = ticket
        self.side = Side.BUY if ticket.buy else Side.SELL
        self.base_key = ticket.base_key
        self.quote_key = ticket.quote_key
        self._last = price
        self._data = instrument.data
        self._buy = ticket.buy
        self._collar, self._collar_unit = reduced(instrument.collar, RATE_UNIT)
        self._fee_asset = ticket.fee_asset
        self._fee_key = ticket.fee_key
        fee_in_quote = ticket.fee_rate and not ticket.fee_on_quantity
        self._slack = 2 * FILLS_MAX if fee_in_quote else FILLS_MAX
        self._size = NO_SIZE
        self._low = self._high = 0
        self.base_low = self.base_high = self.quote_low = self.quote_high = 0
        self.units = self.price = self.fee = self.base_total = self.quote_total = 0
        self.ref = ""

    def order(
        self, trade: SpotTrade, quantity: Amount, number: int, opening: dict[str, int]
    ) -> TradeOrder | None:
        """The exact order; None if the terms have to say what is the matter with it.

        Sets the bounds of both positions, as `venues.spot.expect_spot` gives them.

        Args:
            trade: at market.
            quantity: of it.
            number: of the intent.
            opening: position key -> units, before it.
        """
        size = self._size
        if quantity is not size.quantity:
            size = self._size = self._sized(quantity)
        last = self._last(self._data)
        if not size.last_min <= last <= size.last_max:
            return None
        width = last * self._collar // self._collar_unit
        self._low = low = last - width
        self._high = high = last + width
        before = opening[self.base_key]
        self.base_low = before + size.base_low
        self.base_high = before + size.base
        before = opening[self.quote_key]
        least = low * size.paid // size.scale
        most = size.up(high)
        if self._buy:
            least, most = -most, -least
        self.quote_low = before + least - size.fee(high) - self._slack
        self.quote_high = before + most
        return TradeOrder(
            number, trade, size.units,
            ticket=self.ticket, last=last, low=low, high=high, fee_price=1,
        )  # fmt: skip

    def _sized(self, quantity: Amount) -> Size:
        """What its trades have in common; `NO_SIZE`, at any price too little, if it does not fit.

        It is kept, for many trades are of one quantity.
        """
        ticket, instrument = self.ticket, self.ticket.instrument
        if type(quantity) is not Decimal:
            return NO_SIZE
        try:
            units = to_units(quantity, instrument.quantity_decimals)
        except AmountError:
            return NO_SIZE
        if units <= 0 or units % instrument.lot:
            return NO_SIZE
        charge, fee, slack = units * ticket.fee_rate, 0, 0
        if ticket.fee_on_quantity:
            charge, fee, slack = 0, divide_up(charge, ticket.fee_unit), FILLS_MAX
        base = ticket.sign * units
        paid, scale = reduced(units, ticket.scale)
        charge, fee_unit = reduced(charge, ticket.fee_unit)
        return Size(
            quantity=quantity,
            units=units,
            last_min=-(-instrument.min_notional * ticket.scale // units),
            last_max=min(((LARGEST + 1) * ticket.scale - 1) // units, LAST_MAX),
            base=base,
            base_net=base - fee,
            base_fee=fee,
            base_low=base - fee - (slack if ticket.fee_rate else 0),
            paid=paid,
            scale=scale,
            charge=charge,
            fee_unit=fee_unit,
        )

    def ledger(
        self, receipt: Receipt, reading: Reading, opening: dict[str, int]
    ) -> dict[str, int] | None:
        """The books after the order made last; None if that takes a closer look.

        The receipt has one fill, which is the whole order, within its limits and charged as
        scheduled (L1); all ledger rows are that fill's and add up to it (L2); every balance
        is its opening and these rows, and both are within their bounds (L3). What the log says
        of them is kept in the attributes.

        Args:
            receipt: the venue's last word on the order: executed.
            reading: all readings together, taken after it.
            opening: position key -> units, before it.
        """
        size = self._size
        try:
            (fill,) = receipt.fills
        except ValueError:
            return None
        price, fee = fill.price, fill.fee
        charged = size.fee(price)
        if (
            fill.quantity != size.units
            or not self._low <= price <= self._high
            or fee != size.base_fee + charged
            or fill.fee_asset != self._fee_asset
            or receipt.moves
            or receipt.reason
        ):
            return None
        base_key, quote_key = self.base_key, self.quote_key
        traded = -size.up(price) if self._buy else price * size.paid // size.scale
        quote = traded - charged
        base = size.base_net
        ledger = opening.copy()
        ledger[base_key] = base_total = ledger[base_key] + base
        ledger[quote_key] = quote_total = ledger[quote_key] + quote
        if (
            not base
            or not quote
            or not self.base_low <= base_total <= self.base_high
            or not self.quote_low <= quote_total <= self.quote_high
            or ledger != reading.totals
        ):
            return None
        self.units, self.price, self.fee = size.units, price, fee
        self.base_total, self.quote_total = base_total, quote_total
        self.ref = ref = fill.ref
        rows = reading.rows
        try:
            first, second, third = rows
        except ValueError:  # without a fee there are two
            return ledger if self._add_up(rows, ref, base, quote) else None
        if (
            first.ref == ref
            and second.ref == ref
            and third.ref == ref
            and first.key == quote_key
            and first.amount == traded
            and second.key == base_key
            and second.amount == size.base
            and third.key == self._fee_key
            and third.amount == -fee
        ):
            return ledger
        return ledger if self._add_up(rows, ref, base, quote) else None

    def _add_up(self, rows: tuple[LedgerRow, ...], ref: str, base: int, quote: int) -> bool:
        """Whether rows are all of one fill, and of the changes that it makes in sum."""
        for row in rows:
            if row.ref != ref:
                return False
            if row.key == self.quote_key:
                quote -= row.amount
            elif row.key == self.base_key:
                base -= row.amount
            else:
                return False
        return not base and not quote
