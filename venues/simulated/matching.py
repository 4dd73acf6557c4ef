"""How a simulated exchange fills an order: price, liquidity, funds, fee, accounts."""

from msgspec import Struct

from verifill.venues.instructions import PerpTrade, Side, SpotTrade
from verifill.venues.market import Market
from verifill.venues.orders import Cause, Fill, Order, Outcome, Receipt
from verifill.venues.rules import QUOTE, RATE_UNIT, RECEIVED, Instrument, VenueRules
from verifill.venues.simulated.ledger import Accounts
from verifill.venues.simulated.margin import Margin
from verifill.venues.simulated.model import ExchangeModel

BUY = Side.BUY
FEE, REALISED = Cause.FEE, Cause.REALISED
EXECUTED, EXECUTED_PARTIAL = Outcome.EXECUTED, Outcome.EXECUTED_PARTIAL


class Book(Struct, frozen=True, kw_only=True):
    """One side of the book of an instrument: what is the same for all its trades.

    Attributes:
        instrument: what is traded.
        buy: whether the one who trades buys.
        gives: position that is given away.
        takes: position that is received.
        fee_asset: what the fee is taken in.
        fee_key: position that pays it.
        fee_rate: numerator of the fee.
        fee_unit: its denominator, before the price of a third asset.
        fee_on_quantity: whether it is a part of the quantity, not of the value.
        fee_price: market data of a third asset that pays fees, else empty.
    """

    instrument: Instrument
    buy: bool
    gives: str
    takes: str
    fee_asset: str
    fee_key: str
    fee_rate: int
    fee_unit: int
    fee_on_quantity: bool
    fee_price: str


class Matching:
    """The matching of one exchange: market and limit-IOC orders, never resting.

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
        self._market = market
        self._model = model
        self._books: dict[tuple[str, str, Side], Book] = {}
        self._fills = 0

    def trade(self, order: Order, trade: SpotTrade | PerpTrade) -> Receipt:
        """Fill what there is at once, cancel the rest."""
        side = trade.side
        book = self._books.get((trade.account, trade.symbol, side)) or self._open(trade)
        instrument = book.instrument
        price = self._model.fill_price(instrument, side, self._market.price(instrument.data))
        limit = order.limit
        if limit and (price > limit if book.buy else price < limit):
            better, offered = instrument.price(limit), instrument.price(price)
            return self._expired(f"nothing at {better:f} or better, the market is at {offered:f}")
        wanted = self._reducible(order, trade) if instrument.perpetual else order.quantity
        quantity = self._model.liquidity(instrument, side, wanted)
        quantity = min(quantity, wanted)
        quantity -= quantity % instrument.lot
        if quantity <= 0:
            return self._expired("nothing to fill it with")
        return self._fill(order, book, quantity, price)

    def _open(self, trade: SpotTrade | PerpTrade) -> Book:
        """One side of an instrument's book, kept from now on."""
        instrument = self._rules.instruments[trade.account, trade.symbol]
        fees, buy = instrument.fees, trade.side is BUY
        on_quantity = fees.paid_in == RECEIVED and buy and not instrument.perpetual
        third = fees.paid_in not in (RECEIVED, QUOTE)
        asset = instrument.base if on_quantity else fees.paid_in if third else instrument.quote
        keys = (instrument.quote_key, instrument.base_key)
        book = Book(
            instrument=instrument,
            buy=buy,
            gives=keys[not buy],
            takes=keys[buy],
            fee_asset=asset,
            fee_key=instrument.fee_key(asset),
            fee_rate=fees.rate * (10**fees.exponent if third else 1),
            fee_unit=RATE_UNIT * (1 if on_quantity else instrument.scale),
            fee_on_quantity=on_quantity,
            fee_price=fees.price if third else "",
        )
        self._books[trade.account, trade.symbol, trade.side] = book
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

    def _fill(self, order: Order, book: Book, quantity: int, price: int) -> Receipt:
        """Move the accounts by one fill, if there are funds for it and its fee."""
        instrument, accounts = book.instrument, self._accounts
        base = quantity if book.buy else -quantity
        quote = -base * price // instrument.scale  # what is paid is rounded up, else down
        fee = self._fee(book, quantity, price)
        if instrument.perpetual:
            short = self._short_of_margin(book, base, price, fee)
        else:
            short = self._short_of(book, -quote if book.buy else quantity, fee)
        if short:
            return Receipt(Outcome.REJECTED_DEFINITIVE, reason=short)
        self._fills += 1
        ref = f"{instrument.account}-{self._fills}"
        realised = 0
        if instrument.perpetual:
            realised = self._carry(ref, instrument, base, price)
        else:
            accounts.trade(ref, instrument.quote_key, quote, instrument.base_key, base)
        if fee:
            accounts.post(ref, book.fee_key, -fee, FEE)
        outcome = EXECUTED if quantity == order.quantity else EXECUTED_PARTIAL
        fill = Fill(ref, quantity, price, fee, book.fee_asset, realised)
        return Receipt(outcome, (fill,), (), accounts.now_ns)

    def _fee(self, book: Book, quantity: int, price: int) -> int:
        """What this exchange charges, rounded up to a unit of the asset it takes."""
        due = quantity if book.fee_on_quantity else quantity * price
        unit = book.fee_unit
        if book.fee_price:
            unit *= self._market.price(book.fee_price)
        return -(-due * book.fee_rate // unit)

    def _short_of(self, book: Book, needed: int, fee: int) -> str:
        """Which asset the account has too little of, or empty."""
        totals = self._accounts.totals
        key, fee_key = book.gives, book.fee_key
        if fee_key == key:
            needed += fee
        elif fee_key != book.takes and totals[fee_key] < fee:
            return f"insufficient {fee_key} for the fee of {fee}"
        if totals[key] < needed:
            instrument = book.instrument
            told = instrument.value if key == instrument.quote_key else instrument.quantity
            return f"insufficient {key}: {told(totals[key]):f} of {told(needed):f}"
        return ""

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
