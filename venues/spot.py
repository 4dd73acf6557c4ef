"""Spot trades: what one should make of the positions, and what its fills amount to.

Signs follow DOMAIN section 2. Roundings, each fill by itself: a purchase costs the
product rounded up to a unit of the quote asset, a sale brings it rounded down, a fee is
rounded up.
"""

from verifill.venues.expectation import Assessment, Bound, Expectation, Origin
from verifill.venues.market import Books
from verifill.venues.orders import Fill, Receipt
from verifill.venues.tickets import Ticket, TradeOrder

# An order may have this many fills, each of which may round by one unit.
FILLS_MAX = 100

LIMIT = Origin.LIMIT
FEE_CAP = Origin.FEE_CAP


def expect_spot(order: TradeOrder, _books: Books) -> Expectation:
    """Base exactly, quote between the worst and the best price, the fee up to its cap."""
    ticket, quantity = order.ticket, order.quantity
    least = quantity * order.low // ticket.scale
    most = -(-quantity * order.high // ticket.scale)
    if ticket.buy:
        base, low, high = quantity, -most - FILLS_MAX, -least
    else:
        base, low, high = -quantity, least - FILLS_MAX, most
    cap = ticket.fee(quantity, order.high, order.fee_price)
    if cap > 0 and ticket.fee_key == ticket.quote_key:  # the usual one, without a detour
        low -= cap + FILLS_MAX
        cap = 0
    bounds = {ticket.base_key: Bound(base, base), ticket.quote_key: Bound(low, high, LIMIT)}
    if cap:
        with_fee_cap(bounds, ticket, cap)
    return Expectation(bounds)


def with_fee_cap(bounds: dict[str, Bound], ticket: Ticket, cap: int) -> None:
    """Let the position that pays the fee go lower by as much as the fee may be."""
    low, high = min(-cap, 0) - FILLS_MAX, max(-cap, 0)  # a rebate comes in
    paid = bounds.get(ticket.fee_key)
    if paid is None:
        bounds[ticket.fee_key] = Bound(low, high, FEE_CAP)
    else:
        origin = paid.origin if paid.low != paid.high else FEE_CAP
        bounds[ticket.fee_key] = Bound(paid.low + low, paid.high + high, origin)


def assess_spot(order: TradeOrder, receipt: Receipt, _books: Books) -> Assessment:
    """What the fills amount to, and the first rule that one of them breaks."""
    ticket = order.ticket
    sign = ticket.sign
    executed = quote = fees = 0
    strange: list[Fill] = []
    flaw = ""
    for fill in receipt.fills:
        quantity, price, fee = fill.quantity, fill.price, fill.fee
        executed += quantity
        quote += -sign * quantity * price // ticket.scale
        if fill.fee_asset == ticket.fee_asset:
            fees += fee
        elif fee:
            strange.append(fill)
        due = ticket.fee(quantity, price, order.fee_price)
        if fee != due or strange or not order.low <= price <= order.high or quantity <= 0:
            flaw = flaw or f"{fill} breaks a rule: price {order.low} to {order.high}, fee {due}"
    if executed > order.quantity:
        flaw = flaw or f"filled {executed} of {order.quantity}: more than was ordered"
    effects = {ticket.base_key: sign * executed, ticket.quote_key: quote}
    if fees:
        effects[ticket.fee_key] = effects.get(ticket.fee_key, 0) - fees
    for fill in strange:
        key = ticket.instrument.fee_key(fill.fee_asset)
        effects[key] = effects.get(key, 0) - fill.fee
    return Assessment(executed, effects, flaw)
