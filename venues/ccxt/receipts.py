"""A receipt of what an exchange tells of an order and of its trades."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from verifill.engine.amounts import to_units
from verifill.engine.errors import AmountError, NotObserved
from verifill.venues.ccxt.client import number
from verifill.venues.ccxt.words import Listed, Plain, Traded
from verifill.venues.keys import Scales
from verifill.venues.orders import Fill, Outcome, Receipt

MS: Final = 1_000_000
RESTS: Final = "open"
OVER: Final = frozenset({"closed", "canceled", "expired", "rejected"})


def told(order: Plain, trades: Sequence[Traded], listed: Listed, scales: Scales) -> Receipt:
    """What became of an order.

    Args:
        order: of ccxt.
        trades: all of its trades.
        listed: what it trades.
        scales: decimals of the assets that fees are taken in.

    Raises:
        NotObserved: it lacks something, or what it says cannot be right.
    """
    status = order["status"]
    if status not in OVER and status != RESTS:
        msg = f"an order of {listed.symbol} whose status is {status!r}"
        raise NotObserved(msg)
    ordered = number(order["amount"], "how much was ordered")
    fills = tuple(fill_of(trade, listed, scales) for trade in trades)
    effect_ns = max((trade.time_ms * MS for trade in trades), default=0)
    if status == RESTS:
        return Receipt(Outcome.ACCEPTED, fills, effect_ns=effect_ns)
    if not fills:
        outcome = Outcome.REJECTED_DEFINITIVE if status == "rejected" else Outcome.EXPIRED
        return Receipt(outcome, reason=f"{status}, and nothing of it was filled")
    whole = number(order["filled"], "how much of an order is filled") >= ordered
    outcome = Outcome.EXECUTED if whole else Outcome.EXECUTED_PARTIAL
    return Receipt(outcome, fills, effect_ns=effect_ns, reason="" if whole else status)


def complete(order: Plain, trades: Sequence[Traded], contract: Decimal) -> bool:
    """Whether its trades are all there: they may come later than the order's own word."""
    filled = number(order["filled"], "how much of an order is filled") * contract
    return filled == sum((trade.quantity for trade in trades), Decimal(0))


def fill_of(trade: Traded, listed: Listed, scales: Scales) -> Fill:
    """A trade in units.

    Raises:
        NotObserved: it has more decimals than what is declared.
    """
    instrument = listed.instrument
    return Fill(
        ref=trade.ref,
        quantity=units(trade.quantity, instrument.quantity_decimals, trade.ref),
        price=units(trade.price, instrument.price_decimals, trade.ref),
        fee=units(trade.fee, scales.of(trade.fee_asset), trade.ref) if trade.fee else 0,
        fee_asset=trade.fee_asset,
        realised=units(trade.realised, scales.of(instrument.quote), trade.ref),
    )


def units(amount: Decimal, decimals: int, where: str) -> int:
    """An amount that an exchange tells, in units.

    Raises:
        NotObserved: it has more decimals than that.
    """
    try:
        return to_units(amount, decimals)
    except AmountError as error:
        msg = f"{where}: {error} Declare more decimals under [assets], or for the prices"
        raise NotObserved(msg) from None
