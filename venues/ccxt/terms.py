"""The terms of what a real exchange does: rounded before it is sent, judged within bounds.

A simulated venue has the very rules of the configuration as its law, and is held to the unit.
A real one has a schedule of its own: a fee may be less than the one that is declared, and a
profit is worked out from an entry price that it rounds. So a fee may be anything from nothing
to the declared one, a profit is held to the average-cost rule within what such a rounding can
make of it, and that what its receipt says really moved is still held to the unit, by its
ledger (L2) and by its balances (L3).
"""

from dataclasses import replace
from decimal import Decimal
from typing import Final

from msgspec import structs

from verifill.engine.amounts import LARGEST
from verifill.engine.errors import InstructionError
from verifill.venues.expectation import Assessment, Bound, Expectation
from verifill.venues.instructions import Instruction, PerpTrade, Side, SpotTrade
from verifill.venues.market import Books, Market
from verifill.venues.orders import Fill, Order, Receipt
from verifill.venues.perpetuals import after_fill, expect_perpetual
from verifill.venues.rules import Instrument, VenueRules
from verifill.venues.spot import FILLS_MAX, expect_spot
from verifill.venues.tickets import Ticket, TradeOrder
from verifill.venues.trades import TradeTerms, exact_trade

PARTS: Final = 10**8
"""What an exchange rounds to: fees to 8 decimals, an entry price to so many parts of itself."""


class ExchangeTrades:
    """The terms of SPOT_TRADE and PERP_TRADE at a real exchange; implements `Terms`.

    Args:
        rules: static data with the instruments.
        market: prices known now.
    """

    def __init__(self, rules: VenueRules, market: Market) -> None:
        self._rules = rules
        self._terms = TradeTerms(rules, market)
        self._tickets: dict[int, Ticket] = {}

    def resolve(self, instruction: Instruction, number: int, late: int | None) -> Order:
        """The order, rounded to lot and tick in the direction that risks less."""
        rounded = instruction
        if isinstance(instruction, SpotTrade | PerpTrade):
            rounded = self._rounded(instruction)
        order = exact_trade(self._terms.resolve(rounded, number, late))
        own = self._own(order.ticket)
        return replace(order, instruction=instruction, ticket=own)

    def deny(self, order: Order) -> str:
        """Lot, least notional, collar."""
        exact = exact_trade(order)
        return exact.ticket.deny(exact)

    def expect(self, order: Order, books: Books) -> Expectation:
        """See `TradeTerms.expect`, with room for what the exchange rounds."""
        exact = exact_trade(order)
        return exact.ticket.expect(exact, books)

    def assess(self, order: Order, receipt: Receipt, books: Books) -> Assessment:
        """What the fills amount to, and the first of them that is out of bounds."""
        exact = exact_trade(order)
        return exact.ticket.assess(exact, receipt, books)

    def _rounded(self, trade: SpotTrade | PerpTrade) -> SpotTrade | PerpTrade:
        instrument = self._rules.instrument(trade.account, trade.symbol)
        quantity, limit = trade.quantity, trade.limit
        if isinstance(quantity, Decimal) and quantity.is_finite():
            lot = instrument.quantity(instrument.lot)
            quantity = floored(quantity, lot) if quantity > 0 else quantity
        if limit is not None and limit.is_finite() and limit > 0:
            tick = instrument.price(instrument.tick)
            down = floored(limit, tick)
            limit = down if trade.side is Side.BUY or down == limit else down + tick
        return structs.replace(trade, quantity=quantity, limit=limit)

    def _own(self, ticket: Ticket) -> Ticket:
        own = self._tickets.get(id(ticket))
        if own is None:
            perpetual = ticket.instrument.perpetual
            own = structs.replace(
                ticket,
                expect=expect_swap if perpetual else expect_pair,
                assess=assess_swap if perpetual else assess_pair,
            )
            self._tickets[id(ticket)] = own
        return own


def floored(amount: Decimal, step: Decimal) -> Decimal:
    """The greatest multiple of a step that is not above an amount.

    Raises:
        InstructionError: the amount is too large to count its steps.
    """
    if amount > LARGEST:
        msg = f"{amount} is more than can be counted"
        raise InstructionError(msg)
    return amount // step * step


def fee_step(instrument: Instrument, fee_asset: str, ticket: Ticket) -> int:
    """By how many units a fee may be above the schedule, because the exchange rounds it."""
    on_base = fee_asset == instrument.base and ticket.fee_on_quantity
    decimals = instrument.quantity_decimals if on_base else _quote_decimals(instrument)
    return max(int(10**decimals) // PARTS, 1)


def _quote_decimals(instrument: Instrument) -> int:
    return instrument.quantity_decimals + instrument.price_decimals - instrument.exponent


def _slack(order: TradeOrder) -> int:
    """Units of quote by which a profit may be off, and of fees, for all fills together."""
    value = order.quantity * order.high // order.ticket.scale
    step = max(int(10 ** _quote_decimals(order.ticket.instrument)) // PARTS, 1)
    return 2 * value // PARTS + FILLS_MAX * step


def expect_pair(order: TradeOrder, books: Books) -> Expectation:
    """See `expect_spot`; the fee of each fill may be rounded up by the exchange."""
    return _widened(order, expect_spot(order, books), order.ticket.fee_key)


def expect_swap(order: TradeOrder, books: Books) -> Expectation:
    """See `expect_perpetual`; fee and profit may be rounded by the exchange."""
    return _widened(order, expect_perpetual(order, books), order.ticket.quote_key)


def _widened(order: TradeOrder, expectation: Expectation, key: str) -> Expectation:
    bound, slack = expectation.bounds.get(key), _slack(order)
    if bound is None or bound.low == bound.high:
        return expectation
    wide = Bound(bound.low - slack, bound.high + slack, bound.origin)
    return Expectation(expectation.bounds | {key: wide})


def fee_flaw(order: TradeOrder, fill: Fill) -> str:
    """What is wrong with the fee of a fill, or empty."""
    ticket = order.ticket
    due = ticket.fee(fill.quantity, fill.price, order.fee_price)
    most = due + fee_step(ticket.instrument, fill.fee_asset, ticket)
    low, high = min(due, 0), max(most, 0)
    if fill.fee and fill.fee_asset != ticket.fee_asset:
        return f"its fee is in {fill.fee_asset}, declared is {ticket.fee_asset}"
    return "" if low <= fill.fee <= high else f"its fee is outside {low} to {high}"


def _flaw(order: TradeOrder, fill: Fill, profit: int) -> str:
    """The first rule that a fill breaks."""
    slack = fill.quantity * fill.price // order.ticket.scale // PARTS + 2
    if not order.low <= fill.price <= order.high:
        return f"{fill} is outside the prices {order.low} to {order.high}"
    if fill.quantity <= 0:
        return f"{fill} has no quantity"
    if abs(fill.realised - profit) > slack:
        return f"{fill}: its profit is not {profit}, within {slack}"
    wrong = fee_flaw(order, fill)
    return f"{fill}: {wrong}" if wrong else ""


def assess_pair(order: TradeOrder, receipt: Receipt, _books: Books) -> Assessment:
    """What the fills of a spot trade amount to."""
    ticket, sign = order.ticket, order.ticket.sign
    executed = quote = 0
    fees: dict[str, int] = {}
    flaw = ""
    for fill in receipt.fills:
        executed += fill.quantity
        quote -= sign * fill.quantity * fill.price // ticket.scale
        key = ticket.instrument.fee_key(fill.fee_asset)
        fees[key] = fees.get(key, 0) + fill.fee
        flaw = flaw or _flaw(order, fill, 0)
    effects = {ticket.base_key: sign * executed, ticket.quote_key: quote}
    return _assessed(order, executed, effects, fees, flaw)


def assess_swap(order: TradeOrder, receipt: Receipt, books: Books) -> Assessment:
    """What the fills of a perpetual amount to."""
    ticket = order.ticket
    key = ticket.base_key
    size, basis = books.totals[key], books.bases.get(key, 0)
    executed = realised = 0
    fees: dict[str, int] = {}
    flaw = ""
    for fill in receipt.fills:
        change = ticket.sign * fill.quantity
        basis, profit = after_fill(size, basis, change, fill.price)
        size += change
        executed += fill.quantity
        realised += fill.realised
        fee_key = ticket.instrument.fee_key(fill.fee_asset)
        fees[fee_key] = fees.get(fee_key, 0) + fill.fee
        flaw = flaw or _flaw(order, fill, profit // ticket.scale)
    effects = {key: ticket.sign * executed, ticket.quote_key: realised}
    assessed = _assessed(order, executed, effects, fees, flaw)
    return structs.replace(assessed, bases={key: basis})


def _assessed(
    order: TradeOrder, executed: int, effects: dict[str, int], fees: dict[str, int], flaw: str
) -> Assessment:
    for key, fee in fees.items():
        if fee:
            effects[key] = effects.get(key, 0) - fee
    if executed > order.quantity:
        flaw = flaw or f"filled {executed} of {order.quantity}: more than was ordered"
    return Assessment(executed, effects, flaw)
