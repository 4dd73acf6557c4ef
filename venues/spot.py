"""Spot trades: what one should make of the positions, and what its fills amount to.

Signs follow DOMAIN section 2. Roundings, each fill by itself: a purchase costs the
product rounded up to a unit of the quote asset, a sale brings it rounded down, a fee is
rounded up.
"""

from verifill.venues.expectation import Assessment, Bound, Expectation, Origin
from verifill.venues.orders import Receipt
from verifill.venues.tickets import TradeOrder

# An order may have this many fills, each of which may round by one unit.
FILLS_MAX = 100

LIMIT = Origin.LIMIT
FEE_CAP = Origin.FEE_CAP


def expect_spot(order: TradeOrder) -> Expectation:
    """Base exactly, quote between the worst and the best price, the fee up to its cap."""
    ticket = order.ticket
    quantity, scale = order.quantity, ticket.scale
    least = quantity * order.low // scale
    most = -(-quantity * order.high // scale)
    if ticket.buy:
        base = Bound(quantity, quantity)
        quote = Bound(-most - FILLS_MAX, -least, LIMIT)
    else:
        base = Bound(-quantity, -quantity)
        quote = Bound(least - FILLS_MAX, most, LIMIT)
    bounds = {ticket.base_key: base, ticket.quote_key: quote}
    with_fee_cap(bounds, order)
    return Expectation(bounds)


def with_fee_cap(bounds: dict[str, Bound], order: TradeOrder) -> None:
    """Let the position that pays the fee go lower by as much as the fee may be."""
    ticket = order.ticket
    cap = ticket.fee(order.quantity, order.high, order.fee_price)
    if cap:
        paid = bounds.get(ticket.fee_key)
        low, high = min(-cap, 0) - FILLS_MAX, max(-cap, 0)  # a rebate comes in
        bounds[ticket.fee_key] = (
            Bound(low, high, FEE_CAP)
            if paid is None
            else Bound(
                paid.low + low,
                paid.high + high,
                paid.origin if paid.low != paid.high else FEE_CAP,
            )
        )


def assess_spot(order: TradeOrder, receipt: Receipt) -> Assessment:
    """What the fills amount to, and the first rule that one of them breaks."""
    ticket = order.ticket
    scale = ticket.scale
    executed, paid = 0, 0
    fees: dict[str, int] = {}
    flaw = ""
    for fill in receipt.fills:
        quantity, price = fill.quantity, fill.price
        executed += quantity
        paid += -(-quantity * price // scale) if ticket.buy else quantity * price // scale
        if fill.fee:
            fees[fill.fee_asset] = fees.get(fill.fee_asset, 0) - fill.fee
        due = ticket.fee(quantity, price, order.fee_price)
        sound = fill.fee == due and (fill.fee_asset == ticket.fee_asset or not due)
        if not (sound and order.low <= price <= order.high and quantity > 0):
            flaw = flaw or f"{fill} breaks a rule: price {order.low} to {order.high}, fee {due}"
    if executed > order.quantity:
        flaw = flaw or f"filled {executed} of {order.quantity}: more than was ordered"
    sign = ticket.sign
    effects = {ticket.base_key: sign * executed, ticket.quote_key: -sign * paid}
    for asset, amount in fees.items():
        key = ticket.instrument.fee_key(asset)
        effects[key] = effects.get(key, 0) + amount
    return Assessment(executed, effects, flaw)
