"""The words that dialects and adapter speak in: instruments, trades, transfers, entries."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from attrs import frozen

from verifill.engine.errors import VenueDefect
from verifill.venues.orders import Cause
from verifill.venues.rules import Instrument
from verifill.venues.time_in_force import TimeInForce

Ccxt = Any  # an exchange of ccxt: hundreds of methods, made when they are called
Told = Any  # what comes out of ccxt or requests, and is looked at before it is believed
Plain = Mapping[str, Any]
DAY_MS: Final = 86_400_000


@frozen(kw_only=True)
class Listed:
    """An instrument, and what ccxt calls it.

    Attributes:
        instrument: static data.
        symbol: of ccxt, such as `BTC/USDT` or `BTC/USDT:USDT`.
    """

    instrument: Instrument
    symbol: str


@frozen(kw_only=True)
class Entry:
    """One change of a position, as an exchange's own lists tell it.

    Attributes:
        ref: what caused it; that of a trade is the reference of its fill.
        part: which of the changes of that cause it is.
        asset: the asset; of a perpetual's size, the symbol of ccxt.
        amount: with its sign; of a perpetual in its underlying asset.
        cause: why.
        time_ms: when, by the exchange's clock.
        row: what tells it from all other entries of the account; empty: reference and part.
    """

    ref: str
    part: str
    asset: str
    amount: Decimal
    cause: Cause
    time_ms: int
    row: str = ""


@frozen(kw_only=True)
class Traded:
    """One trade, whoever tells it.

    Attributes:
        ref: see `Fill.ref`.
        order: the exchange's id of its order.
        buy: whether it bought.
        quantity: of the underlying asset.
        price: in quote.
        cost: in quote.
        fee: negative is a rebate.
        fee_asset: what it was taken in.
        realised: what a perpetual paid out by it, in its margin asset.
        time_ms: when.
        forced: whether the exchange closed a position by itself: a liquidation, or ADL.
    """

    ref: str
    order: str
    buy: bool
    quantity: Decimal
    price: Decimal
    cost: Decimal
    fee: Decimal
    fee_asset: str
    realised: Decimal
    time_ms: int
    forced: bool = False


@frozen(kw_only=True)
class Permissions:
    """What a key may do."""

    read: bool
    trade: bool
    withdraw: bool


REHEARSED: Final = Permissions(read=True, trade=True, withdraw=False)
"""What a key may do where the exchange lets one rehearse and does not tell."""


@frozen(kw_only=True)
class Margin:
    """How far an account of perpetuals is from a liquidation.

    Attributes:
        worth: the wallet's balance with the profits that are not realised, as the exchange
            counts it for this; never reconciled.
        maintenance: what it must not fall below.
    """

    worth: Decimal
    maintenance: Decimal


@frozen(kw_only=True)
class Top:
    """The best that a book offers.

    Attributes:
        bid: the highest price that somebody pays, in quote.
        bid_size: for how much of the underlying asset.
        ask: the lowest price that somebody takes.
        ask_size: likewise.
    """

    bid: Decimal
    bid_size: Decimal
    ask: Decimal
    ask_size: Decimal


@frozen(kw_only=True)
class Asked:
    """An order as it is asked for, in words of ccxt.

    Attributes:
        listed: what is traded.
        buy: whether it buys.
        contracts: quantity as the exchange counts it.
        limit: worst price; empty for a market order.
        force: what becomes of what is not filled at once, of a limit order.
        worst: where even a market order's fills may go no further, for exchanges without any.
        reduce_only: never open or turn a position.
        client_id: our name of it.
    """

    listed: Listed
    buy: bool
    contracts: str
    limit: str
    force: TimeInForce
    worst: str
    reduce_only: bool
    client_id: str


class OrderNotFound(VenueDefect):
    """An exchange has said that there is no such order; named as ccxt names it."""


def bought_and_sold(listed: Listed, trade: Traded) -> Iterable[Entry]:
    """What a spot trade moves."""
    sign = 1 if trade.buy else -1
    base, _, quote = listed.symbol.partition("/")
    moved = (
        ("base", base, sign * trade.quantity, Cause.TRADE),
        ("quote", quote, -sign * trade.cost, Cause.TRADE),
        ("fee", trade.fee_asset, -trade.fee, Cause.FEE),
    )
    for part, asset, amount, cause in moved:
        if amount:
            yield Entry(
                ref=trade.ref,
                part=part,
                asset=asset,
                amount=amount,
                cause=cause,
                time_ms=trade.time_ms,
            )


def resized(listed: Listed, trade: Traded) -> Entry:
    """What a trade of a perpetual makes of its size."""
    return Entry(
        ref=trade.ref,
        part="size",
        asset=listed.symbol,
        amount=trade.quantity if trade.buy else -trade.quantity,
        cause=Cause.LIQUIDATION if trade.forced else Cause.TRADE,
        time_ms=trade.time_ms,
    )
