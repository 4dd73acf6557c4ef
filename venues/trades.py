"""Spot and perpetual trades: own check, expectation, and what their fills amount to.

Signs and fees follow DOMAIN section 2: a spot trade moves base and quote; a perpetual
moves its size and, in the margin asset, only fee and realised profit. Roundings, each
fill by itself: a purchase costs the product rounded up to a unit of the quote asset, a
sale brings it rounded down, a fee is rounded up, a realised profit is rounded down.
"""

from decimal import Decimal

from verifill.engine.amounts import divide_down, divide_up, to_units
from verifill.engine.errors import EngineDefect, InstructionError
from verifill.venues.expectation import Assessment, Bound, Expectation, Origin
from verifill.venues.instructions import Instruction, Late, Max, PerpTrade, Side, SpotTrade
from verifill.venues.market import Books, Market
from verifill.venues.orders import Order, Receipt
from verifill.venues.perpetuals import after_fill
from verifill.venues.rules import QUOTE, RATE_UNIT, RECEIVED, Instrument, VenueRules

Trade = SpotTrade | PerpTrade

# An order may have this many fills, each of which may round by one unit.
FILLS_MAX = 100


class TradeTerms:
    """The terms of SPOT_TRADE and PERP_TRADE at one venue.

    Args:
        rules: static data with the instruments.
        market: prices known now.
    """

    def __init__(self, rules: VenueRules, market: Market) -> None:
        """Keep both."""
        self._rules = rules
        self._market = market

    def resolve(self, instruction: Instruction, number: int, late: int | None) -> Order:
        """Quantity in units of the base asset, limit in ticks."""
        trade = _trade(instruction)
        instrument = self._rules.instrument(trade.account, trade.symbol)
        quantity = trade.quantity
        if late is not None:
            units = late // instrument.lot * instrument.lot
        elif isinstance(quantity, Late | Max):
            msg = f"{trade.op}: give a quantity; MAX has no meaning for a trade"
            raise InstructionError(msg)
        else:
            units = to_units(quantity, instrument.quantity_decimals)
        return Order(number, trade, units, limit_ticks(trade.limit, instrument))

    def deny(self, order: Order) -> str:
        """Lot, least notional, collar."""
        return deny_trade(order, self._instrument(order), self._market)

    def expect(self, order: Order, books: Books) -> Expectation:
        """Each position between the worst and the best price, the fee up to its cap."""
        trade = _trade(order.instruction)
        return expect_trade(order, trade, self._instrument(order), self._market, books)

    def assess(self, order: Order, receipt: Receipt, books: Books) -> Assessment:
        """What the fills amount to, and the first of them that breaks a rule."""
        trade = _trade(order.instruction)
        instrument = self._instrument(order)
        return assess_trade(order, trade, instrument, receipt, self._market, books)

    def _instrument(self, order: Order) -> Instrument:
        trade = _trade(order.instruction)
        return self._rules.instrument(trade.account, trade.symbol)


def _trade(instruction: Instruction) -> Trade:
    if isinstance(instruction, SpotTrade | PerpTrade):
        return instruction
    msg = f"{instruction.op} is not a trade"
    raise EngineDefect(msg)


def limit_ticks(limit: Decimal | None, instrument: Instrument) -> int:
    """A limit price in ticks; 0 for a market order.

    Raises:
        InstructionError: it is not positive, or not a multiple of the tick.
    """
    if limit is None:
        return 0
    ticks = to_units(limit, instrument.price_decimals)
    if ticks <= 0 or ticks % instrument.tick:
        step = Decimal(instrument.tick).scaleb(-instrument.price_decimals)
        msg = (
            f"{instrument.account} {instrument.symbol}: limit {limit} is not a positive "
            f"multiple of the tick {step}; round it before you send it"
        )
        raise InstructionError(msg)
    return ticks


def deny_trade(order: Order, instrument: Instrument, market: Market) -> str:
    """Why the order must not be sent, or empty: lot, least notional, collar."""
    quantity, limit = order.quantity, order.limit
    if quantity <= 0:
        return f"quantity of {quantity} units is not positive"
    if quantity % instrument.lot:
        return f"quantity of {quantity} units is no multiple of the lot {instrument.lot}"
    last = market.price(instrument.data)
    value = instrument.value_down(quantity, limit or last)
    if value < instrument.min_notional:
        return (
            f"value of {value} units of {instrument.quote} is below the least notional "
            f"{instrument.min_notional}"
        )
    if limit and abs(limit - last) * RATE_UNIT > instrument.collar * last:
        return f"limit of {limit} ticks is outside the collar around the last price {last}"
    return ""


def expect_trade(
    order: Order, trade: Trade, instrument: Instrument, market: Market, books: Books
) -> Expectation:
    """Each position between the worst and the best price, the fee up to its cap."""
    buy = trade.side is Side.BUY
    quantity = order.quantity
    low, high = price_range(order, instrument, market, buy=buy)
    if instrument.perpetual:
        bounds = _perpetual_bounds(quantity, instrument, books, low, high, buy=buy)
    else:
        bounds = _spot_bounds(quantity, instrument, low, high, buy=buy)
    asset, cap = fee_of(instrument, quantity, high, market, buy=buy)
    key = instrument.fee_key(asset)
    if cap:
        paid = bounds.get(key)
        cap += FILLS_MAX
        bounds[key] = (
            Bound(-cap, 0, Origin.FEE_CAP)
            if paid is None
            else Bound(paid.low - cap, paid.high, paid.origin)
        )
    return Expectation(bounds)


def price_range(
    order: Order, instrument: Instrument, market: Market, *, buy: bool
) -> tuple[int, int]:
    """Lowest and highest price in ticks that a fill may have: collar, then limit."""
    last = market.price(instrument.data)
    width = last * instrument.collar // RATE_UNIT
    if not order.limit:
        return last - width, last + width
    if buy:
        return min(last - width, order.limit), order.limit
    return order.limit, max(last + width, order.limit)


def _spot_bounds(
    quantity: int, instrument: Instrument, low: int, high: int, *, buy: bool
) -> dict[str, Bound]:
    base, quote = instrument.base_key, instrument.quote_key
    if buy:
        cost = instrument.value_up(quantity, high) + FILLS_MAX
        least = instrument.value_down(quantity, low)
        return {
            base: Bound(quantity, quantity),
            quote: Bound(-cost, -least, Origin.LIMIT),
        }
    least = instrument.value_down(quantity, low) - FILLS_MAX
    most = instrument.value_up(quantity, high)
    return {
        base: Bound(-quantity, -quantity),
        quote: Bound(least, most, Origin.LIMIT),
    }


def _perpetual_bounds(
    quantity: int, instrument: Instrument, books: Books, low: int, high: int, *, buy: bool
) -> dict[str, Bound]:
    change = quantity if buy else -quantity
    size, basis = _entry(instrument, books)
    _, one = after_fill(size, basis, change, low)
    _, other = after_fill(size, basis, change, high)
    bounds = {instrument.base_key: Bound(change, change)}
    if one or other:
        bounds[instrument.quote_key] = Bound(
            instrument.value_down(1, min(one, other)) - FILLS_MAX,
            instrument.value_up(1, max(one, other)),
            Origin.LIMIT,
        )
    return bounds


def _entry(instrument: Instrument, books: Books) -> tuple[int, int]:
    key = instrument.base_key
    return books.totals[key], books.bases.get(key, 0)


def fee_of(
    instrument: Instrument, quantity: int, price: int, market: Market, *, buy: bool
) -> tuple[str, int]:
    """The asset and the units of the fee for a fill, by the venue's schedule."""
    fees = instrument.fees
    if fees.paid_in == RECEIVED and buy and not instrument.perpetual:
        return instrument.base, divide_up(quantity * fees.rate, RATE_UNIT)
    value = quantity * price
    if fees.paid_in in (RECEIVED, QUOTE):
        exponent, price_of_fee = instrument.exponent, 1
        asset = instrument.quote
    else:
        # quantity * price / price of the third asset, in units of the third asset
        exponent = instrument.exponent - fees.exponent
        price_of_fee = market.price(fees.price)
        asset = fees.paid_in
    if exponent < 0:
        value, exponent = value * 10**-exponent, 0
    return asset, divide_up(value * fees.rate, RATE_UNIT * price_of_fee * 10**exponent)


def assess_trade(
    order: Order,
    trade: Trade,
    instrument: Instrument,
    receipt: Receipt,
    market: Market,
    books: Books,
) -> Assessment:
    """What the fills amount to, and the first of them that breaks a rule.

    A fill must be within the price range, charge exactly the scheduled fee in the
    scheduled asset, and realise exactly the profit of the average-cost rule.
    """
    buy = trade.side is Side.BUY
    low, high = price_range(order, instrument, market, buy=buy)
    size, basis = _entry(instrument, books) if instrument.perpetual else (0, 0)
    base, quote = instrument.base_key, instrument.quote_key
    effects: dict[str, int] = {base: 0, quote: 0}
    executed = 0
    flaw = ""
    for fill in receipt.fills:
        quantity = fill.quantity
        executed += quantity
        signed = quantity if buy else -quantity
        if instrument.perpetual:
            basis, profit = after_fill(size, basis, signed, fill.price)
            size += signed
            realised = _value(instrument, profit)
            effects[quote] += fill.realised
        else:
            realised = 0
            effects[quote] -= (
                instrument.value_up(quantity, fill.price)
                if buy
                else -instrument.value_down(quantity, fill.price)
            )
        effects[base] += signed
        fee_asset, fee = fee_of(instrument, quantity, fill.price, market, buy=buy)
        if fill.fee:
            key = instrument.fee_key(fill.fee_asset)
            effects[key] = effects.get(key, 0) - fill.fee
        if not low <= fill.price <= high:
            flaw = flaw or f"{fill.ref}: price {fill.price} is outside {low} to {high}"
        elif fill.fee != fee or fill.fee_asset != fee_asset:
            flaw = flaw or (
                f"{fill.ref}: fee {fill.fee} {fill.fee_asset}, scheduled is {fee} {fee_asset}"
            )
        elif fill.realised != realised:
            flaw = flaw or f"{fill.ref}: realised {fill.realised}, due is {realised}"
        elif quantity <= 0:
            flaw = flaw or f"{fill.ref}: quantity {quantity} is not positive"
    if executed > order.quantity:
        flaw = flaw or f"filled {executed} of {order.quantity}: more than was ordered"
    bases = {base: basis} if instrument.perpetual else {}
    return Assessment(executed, effects, flaw, bases)


def _value(instrument: Instrument, product: int) -> int:
    """A profit in units of base times ticks, as units of quote rounded down."""
    return divide_down(product, 10**instrument.exponent)
