"""Perpetual trades: entry value, what a trade should do, and what its fills amount to.

A perpetual moves its size and, in the margin asset, only fee and realised profit. The
entry value is the signed sum of quantity times price of the fills that opened the
position, an exact integer in units of base times ticks. Rule (average cost): a fill that
closes part of a position releases the same part of its entry value, rounded towards zero;
the profit is what the closed part is worth less what it released, rounded down to a unit
of the margin asset. A fee is rounded up.
"""

from verifill.venues.expectation import Assessment, Bound, Expectation, Origin
from verifill.venues.market import Books
from verifill.venues.orders import Receipt
from verifill.venues.spot import FILLS_MAX, with_fee_cap
from verifill.venues.tickets import TradeOrder


def after_fill(size: int, basis: int, change: int, price: int) -> tuple[int, int]:
    """The entry value after a fill, and the profit it realised.

    Args:
        size: signed position before, units of base.
        basis: signed entry value before.
        change: signed quantity of the fill.
        price: of the fill, ticks.

    Returns:
        New entry value, realised profit; both in units of base times ticks.
    """
    if not size:  # whatever is left of an entry value: a liquidation is no fill of ours
        return change * price, 0
    if size * change > 0:
        return basis + change * price, 0
    closed = min(abs(change), abs(size))
    sign = 1 if size > 0 else -1
    released = sign * (abs(basis) * closed // abs(size))
    realised = sign * closed * price - released
    opened = abs(change) - closed
    return basis - released - sign * opened * price, realised


def expect_perpetual(order: TradeOrder, books: Books) -> Expectation:
    """The size exactly, the margin by fee and profit between worst and best price."""
    ticket = order.ticket
    change = ticket.sign * order.quantity
    # a position that is not tracked is expected all the same, and so denied by whoever asks
    size, basis = books.totals.get(ticket.base_key, 0), books.bases.get(ticket.base_key, 0)
    _, one = after_fill(size, basis, change, order.low)
    _, other = after_fill(size, basis, change, order.high)
    bounds = {ticket.base_key: Bound(change, change)}
    if size * change < 0:
        low = min(one, other) // ticket.scale - FILLS_MAX
        high = -(-max(one, other) // ticket.scale) + FILLS_MAX
        bounds[ticket.quote_key] = Bound(low, high, Origin.LIMIT)
    cap = ticket.fee(order.quantity, order.high, order.fee_price)
    if cap:
        with_fee_cap(bounds, ticket, cap)
    return Expectation(bounds)


def assess_perpetual(order: TradeOrder, receipt: Receipt, books: Books) -> Assessment:
    """What the fills amount to, and the first rule that one of them breaks."""
    ticket = order.ticket
    key = ticket.base_key
    size, basis = books.totals[key], books.bases.get(key, 0)
    executed = 0
    effects = {key: 0, ticket.quote_key: 0}
    flaw = ""
    for fill in receipt.fills:
        quantity, price = fill.quantity, fill.price
        change = ticket.sign * quantity
        basis, profit = after_fill(size, basis, change, price)
        size += change
        executed += quantity
        effects[key] += change
        effects[ticket.quote_key] += fill.realised
        if fill.fee:
            fee_key = ticket.instrument.fee_key(fill.fee_asset)
            effects[fee_key] = effects.get(fee_key, 0) - fill.fee
        due = ticket.fee(quantity, price, order.fee_price)
        realised = profit // ticket.scale
        sound = fill.fee == due and (fill.fee_asset == ticket.fee_asset or not due)
        inside = order.low <= price <= order.high and quantity > 0
        if not (sound and inside and fill.realised == realised):
            flaw = flaw or (
                f"{fill} breaks a rule: price {order.low} to {order.high}, fee {due}, "
                f"realised {realised}"
            )
    if executed > order.quantity:
        flaw = flaw or f"filled {executed} of {order.quantity}: more than was ordered"
    return Assessment(executed, effects, flaw, {key: basis})
