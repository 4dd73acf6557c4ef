"""How a simulated exchange fills an order: price, liquidity, funds, fee, accounts."""

from verifill.venues.instructions import PerpTrade, Side, SpotTrade
from verifill.venues.market import Market
from verifill.venues.orders import Cause, Fill, Order, Outcome, Receipt
from verifill.venues.rules import QUOTE, RATE_UNIT, RECEIVED, Instrument, VenueRules
from verifill.venues.simulated.ledger import Accounts
from verifill.venues.simulated.margin import Margin
from verifill.venues.simulated.model import ExchangeModel

BUY = Side.BUY
TRADE, FEE, REALISED = Cause.TRADE, Cause.FEE, Cause.REALISED
EXECUTED, EXECUTED_PARTIAL = Outcome.EXECUTED, Outcome.EXECUTED_PARTIAL


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
        self._fills = 0

    def trade(self, order: Order, trade: SpotTrade | PerpTrade) -> Receipt:
        """Fill what there is at once, cancel the rest."""
        instrument = self._rules.instruments[trade.account, trade.symbol]
        side = trade.side
        buy = side is BUY
        price = self._model.fill_price(instrument, side, self._market.price(instrument.data))
        limit = order.limit
        if limit and (price > limit if buy else price < limit):
            return self._expired(f"nothing at {limit} ticks or better: {price}")
        quantity = self._available(order, trade, instrument)
        if quantity <= 0:
            return self._expired("nothing to fill it with")
        asset, fee = self._fee(instrument, quantity, price, buy=buy)
        fee_key = instrument.fee_key(asset)
        if instrument.perpetual:
            short = self._short_of_margin(instrument, quantity, price, fee_key, fee, buy=buy)
        else:
            short = self._short_of(instrument, quantity, price, fee_key, fee, buy=buy)
        if short:
            return Receipt(Outcome.REJECTED_DEFINITIVE, reason=short)
        ref = self._next_ref(instrument)
        realised = self._book(ref, instrument, quantity, price, buy=buy)
        if fee:
            self._accounts.post(ref, fee_key, -fee, FEE)
        outcome = EXECUTED if quantity == order.quantity else EXECUTED_PARTIAL
        fill = Fill(ref, quantity, price, fee, asset, realised)
        return Receipt(outcome, (fill,), (), self._accounts.now_ns)

    def _expired(self, reason: str) -> Receipt:
        now_ns = self._accounts.now_ns
        return Receipt(Outcome.EXPIRED, effect_ns=now_ns, reason=reason, retryable=True)

    def _available(self, order: Order, trade: SpotTrade | PerpTrade, instrument: Instrument) -> int:
        """Units that the market gives, in whole lots."""
        wanted = order.quantity
        if instrument.perpetual and isinstance(trade, PerpTrade) and trade.reduce_only:
            size = self._accounts.totals[instrument.base_key]
            wanted = min(wanted, max(0, -size if trade.side is BUY else size))
        quantity = min(wanted, self._model.liquidity(instrument, trade.side, wanted))
        return quantity - quantity % instrument.lot

    def _short_of(
        self,
        instrument: Instrument,
        quantity: int,
        price: int,
        fee_key: str,
        fee: int,
        *,
        buy: bool,
    ) -> str:
        """Which asset the account has too little of, or empty."""
        totals = self._accounts.totals
        if buy:
            key, received = instrument.quote_key, instrument.base_key
            needed = instrument.value_up(quantity, price)
        else:
            key, received = instrument.base_key, instrument.quote_key
            needed = quantity
        if fee_key == key:
            needed += fee
        elif fee_key != received and totals[fee_key] < fee:
            return f"insufficient {fee_key} for the fee of {fee}"
        if totals[key] < needed:
            return f"insufficient {key}: {totals[key]} of {needed}"
        return ""

    def _short_of_margin(
        self,
        instrument: Instrument,
        quantity: int,
        price: int,
        fee_key: str,
        fee: int,
        *,
        buy: bool,
    ) -> str:
        """Whether equity carries the position that the order would leave, and its fee."""
        key = instrument.quote_key
        if fee_key != key and self._accounts.totals[fee_key] < fee:
            return f"insufficient {fee_key} for the fee of {fee}"
        size = self._accounts.totals[instrument.base_key]
        added = abs(size + (quantity if buy else -quantity)) - abs(size)
        if added <= 0:
            return ""
        needed = self._margin.needed(key) + self._margin.initial(instrument, added, price)
        needed += fee if fee_key == key else 0
        equity = self._margin.equity(key)
        return f"insufficient margin {key}: {equity} of {needed}" * (equity < needed)

    def _fee(
        self, instrument: Instrument, quantity: int, price: int, *, buy: bool
    ) -> tuple[str, int]:
        """What this exchange charges, rounded up to a unit of the asset it takes."""
        fees = instrument.fees
        paid_in = fees.paid_in
        if paid_in == RECEIVED and buy and not instrument.perpetual:
            return instrument.base, -(-quantity * fees.rate // RATE_UNIT)
        due = quantity * price * fees.rate
        unit = RATE_UNIT * instrument.scale
        if paid_in in (RECEIVED, QUOTE):
            return instrument.quote, -(-due // unit)
        return paid_in, -(-due * 10**fees.exponent // (unit * self._market.price(fees.price)))

    def _next_ref(self, instrument: Instrument) -> str:
        self._fills += 1
        return f"{instrument.account}-{self._fills}"

    def _book(
        self, ref: str, instrument: Instrument, quantity: int, price: int, *, buy: bool
    ) -> int:
        """Move the accounts by a fill; the profit it realised, of a perpetual."""
        post = self._accounts.post
        realised = 0
        if instrument.perpetual:
            realised = self._margin.trade(instrument, quantity if buy else -quantity, price)
            if realised:
                post(ref, instrument.quote_key, realised, REALISED)
        elif buy:
            post(ref, instrument.quote_key, -instrument.value_up(quantity, price), TRADE)
        else:
            post(ref, instrument.quote_key, instrument.value_down(quantity, price), TRADE)
        post(ref, instrument.base_key, quantity if buy else -quantity, TRADE)
        return realised
