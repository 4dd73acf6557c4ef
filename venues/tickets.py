"""Trade tickets: what is fixed of a trade by its instrument and side, worked out once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

from msgspec import Struct
from mypy_extensions import mypyc_attr

from verifill.engine.amounts import LARGEST
from verifill.venues.expectation import Assessment, Expectation
from verifill.venues.instructions import Instruction
from verifill.venues.market import Books
from verifill.venues.orders import Order, Receipt
from verifill.venues.rules import QUOTE, RATE_UNIT, RECEIVED, Instrument


class Ticket(Struct, frozen=True, kw_only=True):
    """One side of one instrument.

    Attributes:
        instrument: what is traded.
        buy: whether base comes in.
        sign: 1 to buy, -1 to sell.
        base_key: position of the base asset, or of the perpetual.
        quote_key: position of the asset that pays, or of the margin.
        scale: quantity times price, divided by it, is in units of quote.
        fee_asset: asset that the fee is taken in.
        fee_key: position that pays it.
        fee_on_quantity: whether the fee is a part of the quantity, not of the value.
        fee_rate: numerator of the fee.
        fee_unit: its denominator, before the price of a third asset.
        fee_price: market data of a third asset that pays fees, else empty.
        expect: what its trades should make of the positions.
        assess: what the fills of its trades amount to.
    """

    instrument: Instrument
    buy: bool
    sign: int
    base_key: str
    quote_key: str
    scale: int
    fee_asset: str
    fee_key: str
    fee_on_quantity: bool
    fee_rate: int
    fee_unit: int
    fee_price: str
    expect: "Expect"
    assess: "Assess"

    def fee(self, quantity: int, price: int, fee_price: int) -> int:
        """Units of `fee_asset` that a fill costs, rounded up.

        Args:
            quantity: units of base.
            price: ticks.
            fee_price: price of a third asset in its ticks, 1 where there is none.
        """
        amount = quantity if self.fee_on_quantity else quantity * price
        return -(-amount * self.fee_rate // (self.fee_unit * fee_price))

    def deny(self, order: "TradeOrder") -> str:
        """Why a trade must not be sent, or empty: lot, least notional, collar."""
        instrument = self.instrument
        quantity, limit, last = order.quantity, order.limit, order.last
        value = quantity * (limit or last) // self.scale
        if quantity <= 0:
            problem = "is not positive"
        elif quantity % instrument.lot:
            problem = f"is no multiple of the lot {instrument.quantity(instrument.lot):f}"
        elif value < instrument.min_notional:
            least = instrument.value(instrument.min_notional)
            problem = f"is below the least notional {least:f} {instrument.quote}"
        elif value > LARGEST:
            problem = "is worth more than can be counted"
        elif limit and abs(limit - last) * RATE_UNIT > instrument.collar * last:
            near = instrument.price(last)
            problem = f"at {instrument.price(limit):f} is outside the collar around {near:f}"
        else:
            return ""
        return f"{instrument.symbol}: quantity {instrument.quantity(quantity):f} {problem}"


@final
@mypyc_attr(acyclic=True)
@dataclass(init=False, kw_only=True)
class TradeOrder(Order):
    """The exact order of a trade.

    Attributes:
        ticket: its instrument and side.
        last: last price in ticks, when the order was made.
        low: lowest price in ticks that a fill may have: collar, then limit.
        high: highest price.
        fee_price: price of a third asset that pays fees, when the order was made; else 1.
    """

    ticket: Ticket
    last: int
    low: int
    high: int
    fee_price: int

    def __init__(  # noqa: PLR0913 - it has as many fields
        self,
        number: int,
        instruction: Instruction,
        quantity: int,
        limit: int = 0,
        key: str = "",
        deadline_ns: int = 0,
        sealed: tuple[str, ...] = (),
        *,
        ticket: Ticket,
        last: int,
        low: int,
        high: int,
        fee_price: int,
    ) -> None:
        super().__init__(number, instruction, quantity, limit, key, deadline_ns, sealed)
        self.ticket = ticket
        self.last = last
        self.low = low
        self.high = high
        self.fee_price = fee_price


Expect = Callable[[TradeOrder, Books], Expectation]
Assess = Callable[[TradeOrder, Receipt, Books], Assessment]


def ticket(instrument: Instrument, *, buy: bool, expect: Expect, assess: Assess) -> Ticket:
    """The ticket for one side of an instrument, with the terms of its trades."""
    fees = instrument.fees
    on_quantity = fees.paid_in == RECEIVED and buy and not instrument.perpetual
    third = fees.paid_in not in (RECEIVED, QUOTE)
    asset = instrument.quote
    if on_quantity:
        asset = instrument.base
    elif third:
        asset = fees.paid_in
    return Ticket(
        instrument=instrument,
        buy=buy,
        sign=1 if buy else -1,
        base_key=instrument.base_key,
        quote_key=instrument.quote_key,
        scale=instrument.scale,
        fee_asset=asset,
        fee_key=instrument.fee_key(asset),
        fee_on_quantity=on_quantity,
        fee_rate=fees.rate * (10**fees.exponent if third else 1),
        fee_unit=RATE_UNIT * (1 if on_quantity else instrument.scale),
        fee_price=fees.price if third else "",
        expect=expect,
        assess=assess,
    )


def price_range(last: int, limit: int, instrument: Instrument, *, buy: bool) -> tuple[int, int]:
    """Lowest and highest price in ticks that a fill may have: collar, then limit."""
    width = last * instrument.collar // RATE_UNIT
    if not limit:
        return last - width, last + width
    if buy:
        return min(last - width, limit), limit
    return limit, max(last + width, limit)
