"""How a simulated exchange fills an order: price, liquidity, funds, fee, accounts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from verifill.engine.amounts import divide_up, reduced
from verifill.venues.instructions import PerpTrade, Side, SpotTrade
from verifill.venues.market import Market
from verifill.venues.orders import Cause, Fill, Order, Outcome, Receipt
from verifill.venues.rules import QUOTE, RATE_UNIT, RECEIVED, Instrument, VenueRules
from verifill.venues.simulated.ledger import Accounts
from verifill.venues.simulated.margin import Margin
from verifill.venues.simulated.model import ExchangeModel, unlimited

# bound once: Python 3.11 looks enum members up slowly
BUY: Final = Side.BUY
FEE: Final = Cause.FEE
REALISED: Final = Cause.REALISED
EXECUTED: Final = Outcome.EXECUTED
EXECUTED_PARTIAL: Final = Outcome.EXECUTED_PARTIAL
REJECTED: Final = Outcome.REJECTED_DEFINITIVE


@dataclass(frozen=True, kw_only=True)
class Book:
    """One side of the book of an instrument: what is the same for all its trades.

    Attributes:
        instrument: what is traded.
        perpetual: whether it is one.
        buy: whether the one who trades buys.
        sign: 1 to buy, -1 to sell.
        prefix: of the references of its fills.
        data: market data that prices it.
        factor: a fill's price is the last one times this,
        up: plus this, which rounds against the one who buys,
        unit: divided by this,
        tick: times this.
        lot: least step of a quantity.
        scale: quantity times price, divided by it, is in units of quote.
        base_key: position of the base asset, or of the perpetual.
        quote_key: position of the quote asset, or of the margin.
        gives: position that is given away.
        fee_asset: what the fee is taken in.
        fee_key: position that pays it.
        charge: numerator of the fee; it is rounded against the one who trades.
        fee_unit: its denominator, before the price of a third asset.
        fee_on_quantity: whether it is a part of the quantity, not of the value.
        fee_price: market data of a third asset that pays fees, else empty.
        fee_given: whether it is paid by the position that is given away.
        fee_apart: whether it is paid by a third position.
    """

    instrument: Instrument
    perpetual: bool
    buy: bool
    sign: int
    prefix: str
    data: str
    factor: int
    up: int
    unit: int
    tick: int
    lot: int
    scale: int
    base_key: str
    quote_key: str
    gives: str
    fee_asset: str
    fee_key: str
    charge: int
    fee_unit: int
    fee_on_quantity: bool
    fee_price: str
    fee_given: bool
    fee_apart: bool

    def fee(self, quantity: int, price: int, price_of: Callable[[str], int]) -> int:
        """What this exchange charges, rounded up to a unit of the asset that it takes."""
        amount = quantity if self.fee_on_quantity else quantity * price
        unit = self.fee_unit * price_of(self.fee_price) if self.fee_price else self.fee_unit
        # in two parts, because small numbers are multiplied faster
        return amount // unit * self.charge + divide_up(amount % unit * self.charge, unit)


class Matching:
    """The matching of one exchange: what is filled of an order now.

    Args:
        rules: static data, the law of this market.
        accounts: what fills move.
        margin: what carries perpetuals.
        market: public prices.
        model: spread, slippage, liquidity.
    """

    def __init__(
        self,
        rules: VenueRules,
        accounts: Accounts,
        margin: Margin,
        market: Market,
        model: ExchangeModel,
    ) -> None:
        self._rules = rules
        self._accounts = accounts
        self._margin = margin
        self._price = market.price
        self._model = model
        self._unlimited = model.liquidity is unlimited
        self._books: dict[tuple[str, str, Side], Book] = {}
        self._fills = 0

    def trade(self, order: Order, trade: SpotTrade | PerpTrade, met: int = 0) -> Receipt:
        """Fill what there is now, and nothing of the rest.

        Args:
            order: exact.
            trade: its instruction.
            met: the price in ticks at which it was met, of one that rested; else 0.
        """
        side = trade.side
        try:
            book = self._books[trade.account, trade.symbol, side]
        except KeyError:
            book = self._open(trade)
        price_of = self._price
        price = met or (price_of(book.data) * book.factor + book.up) // book.unit * book.tick
        quantity, limit = order.quantity, order.limit
        if limit and (price > limit if book.buy else price < limit):
            tell = book.instrument.price
            better, offered = tell(limit), tell(price)
            return self._expired(f"nothing at {better:f} or better, the market is at {offered:f}")
        if book.perpetual:
            quantity = self._reducible(order, trade)
        if not self._unlimited:
            quantity = min(quantity, self._model.liquidity(book.instrument, side, quantity))
        quantity -= quantity % book.lot
        if quantity <= 0:
            return self._expired("nothing to fill it with")
        if book.perpetual:
            return self._fill_perpetual(order, book, quantity, price)
        return self._fill_spot(order, book, quantity, price)

    def crosses(self, order: Order, trade: SpotTrade | PerpTrade) -> bool:
        """Whether a limit order would be filled at once."""
        key = trade.account, trade.symbol, trade.side
        book = self._books.get(key) or self._open(trade)
        price = (self._price(book.data) * book.factor + book.up) // book.unit * book.tick
        return price <= order.limit if book.buy else price >= order.limit

    def _open(self, trade: SpotTrade | PerpTrade) -> Book:
        """One side of an instrument's book, kept from now on."""
        instrument = self._rules.instruments[trade.account, trade.symbol]
        fees, buy = instrument.fees, trade.side is BUY
        on_quantity = fees.paid_in == RECEIVED and buy and not instrument.perpetual
        third = fees.paid_in not in (RECEIVED, QUOTE)
        asset = instrument.base if on_quantity else fees.paid_in if third else instrument.quote
        fee_key = instrument.fee_key(asset)
        base_key, quote_key = instrument.base_key, instrument.quote_key
        gives = quote_key if buy else base_key
        sign = 1 if buy else -1
        away = sign * self._model.away
        factor, unit = reduced(RATE_UNIT + away, RATE_UNIT * instrument.tick)
        charge, fee_unit = reduced(
            fees.rate * (10**fees.exponent if third else 1),
            RATE_UNIT * (1 if on_quantity else instrument.scale),
        )
        book = self._books[trade.account, trade.symbol, trade.side] = Book(
            instrument=instrument,
            perpetual=instrument.perpetual,
            buy=buy,
            sign=sign,
            prefix=f"{self._model.refs}{instrument.account}-",
            data=instrument.data,
            factor=factor,
            up=unit - 1 if buy else 0,
            unit=unit,
            tick=instrument.tick,
            lot=instrument.lot,
            scale=instrument.scale,
            base_key=base_key,
            quote_key=quote_key,
            gives=gives,
            fee_asset=asset,
            fee_key=fee_key,
            charge=charge,
            fee_unit=fee_unit,
            fee_on_quantity=on_quantity,
            fee_price=fees.price if third else "",
            fee_given=fee_key == gives,
            fee_apart=fee_key not in (base_key, quote_key),
        )
        return book

    def _expired(self, reason: str) -> Receipt:
        now_ns = self._accounts.now_ns
        return Receipt(Outcome.EXPIRED, effect_ns=now_ns, reason=reason, retryable=True)

    def _reducible(self, order: Order, trade: SpotTrade | PerpTrade) -> int:
        """Units of an order for a perpetual, no more than it has to close if it only may."""
        if not (isinstance(trade, PerpTrade) and trade.reduce_only):
            return order.quantity
        instrument = self._rules.instruments[trade.account, trade.symbol]
        size = self._accounts.totals[instrument.base_key]
        return min(order.quantity, max(0, -size if trade.side is BUY else size))

    def _fill_spot(self, order: Order, book: Book, quantity: int, price: int) -> Receipt:
        """Move two positions, and the one that pays the fee, if there are funds for it."""
        accounts, value = self._accounts, quantity * price
        # what is paid is rounded up, what is received down
        quote = (-value if book.buy else value) // book.scale
        fee = book.fee(quantity, price, self._price)
        needed = -quote if book.buy else quantity
        if book.fee_given:
            needed += fee
        totals = accounts.totals
        if totals[book.gives] < needed or (book.fee_apart and totals[book.fee_key] < fee):
            return Receipt(REJECTED, reason=self._short_of(book, needed, fee))
        base = quantity if book.buy else -quantity
        self._fills = number = self._fills + 1
        ref = book.prefix + str(number)
        accounts.trade(ref, book.quote_key, quote, book.base_key, base, book.fee_key, fee)
        return Receipt(
            EXECUTED if quantity == order.quantity else EXECUTED_PARTIAL,
            (Fill(ref, quantity, price, fee, book.fee_asset),),
            (),
            accounts.now_ns,
        )

    def _fill_perpetual(self, order: Order, book: Book, quantity: int, price: int) -> Receipt:
        """Move a perpetual and what it realises, if the margin carries it, and pay the fee."""
        accounts = self._accounts
        fee = book.fee(quantity, price, self._price)
        change = quantity * book.sign
        short = self._short_of_margin(book, change, price, fee)
        if short:
            return Receipt(REJECTED, reason=short)
        self._fills += 1
        ref = f"{book.prefix}{self._fills}"
        realised = self._carry(ref, book.instrument, change, price)
        if fee:
            accounts.post(ref, book.fee_key, -fee, FEE)
        return Receipt(
            EXECUTED if quantity == order.quantity else EXECUTED_PARTIAL,
            (Fill(ref, quantity, price, fee, book.fee_asset, realised),),
            (),
            accounts.now_ns,
        )

    def _short_of(self, book: Book, needed: int, fee: int) -> str:
        """Which asset the account has too little of."""
        totals, key = self._accounts.totals, book.gives
        if book.fee_apart and totals[book.fee_key] < fee:
            return f"insufficient {book.fee_key} for the fee of {fee}"
        instrument = book.instrument
        told = instrument.value if key == instrument.quote_key else instrument.quantity
        return f"insufficient {key}: {told(totals[key]):f} of {told(needed):f}"

    def _short_of_margin(self, book: Book, change: int, price: int, fee: int) -> str:
        """Whether equity carries the position that the order would leave, and its fee."""
        instrument, fee_key = book.instrument, book.fee_key
        key, totals = instrument.quote_key, self._accounts.totals
        if fee_key != key and totals[fee_key] < fee:
            return f"insufficient {fee_key} for the fee of {fee}"
        size = totals[instrument.base_key]
        added = abs(size + change) - abs(size)
        if added <= 0:
            return ""
        needed = self._margin.needed(key) + self._margin.initial(instrument, added, price)
        needed += fee if fee_key == key else 0
        equity = self._margin.equity(key)
        if equity >= needed:
            return ""
        there, least = instrument.value(equity), instrument.value(needed)
        return f"insufficient margin {key}: {there:f} of {least:f}"

    def _carry(self, ref: str, instrument: Instrument, change: int, price: int) -> int:
        """Move a perpetual by a fill; the profit that it realised."""
        post = self._accounts.post
        realised = self._margin.trade(instrument, change, price)
        if realised:
            post(ref, instrument.quote_key, realised, REALISED)
        post(ref, instrument.base_key, change, Cause.TRADE)
        return realised
