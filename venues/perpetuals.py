"""The entry value of a perpetual position, and the profit that a fill realises.

The entry value is the signed sum of quantity times price of the fills that opened the
position, an exact integer in units of base times ticks. Rule (average cost): a fill
that closes part of a position releases the same part of its entry value, rounded
towards zero; the profit is what the closed part is worth less what it released.
"""


def after_fill(size: int, basis: int, change: int, price: int) -> tuple[int, int]:
    """The entry value after a fill, and the profit it realised (base units x ticks).

    Args:
        size: signed position before, units of base.
        basis: signed entry value before.
        change: signed quantity of the fill.
        price: of the fill, ticks.

    Returns:
        New entry value, realised profit; both in units of base times ticks.
    """
    if size * change >= 0:
        return basis + change * price, 0
    closed = min(abs(change), abs(size))
    sign = 1 if size > 0 else -1
    released = sign * (abs(basis) * closed // abs(size))
    realised = sign * closed * price - released
    opened = abs(change) - closed
    return basis - released - sign * opened * price, realised
