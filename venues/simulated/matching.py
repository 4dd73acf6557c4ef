"""How a simulated exchange fills an order: price, liquidity, funds, fee, accounts."""

from verifill.venues.instructions import PerpTrade, Side, SpotTrade
from verifill.venues.market import Market
from verifill.venues.orders import Cause, Fill, Order, Outcome, Receipt
from verifill.venues.rules import QUOTE, RATE_UNIT, RECEIVED, Instrument, VenueRules
from verifill.venues.simulated.ledger import Accounts
from verifill.venues.simulated.margin import Margin
from verifill.venues.simulated.model import ExchangeModel


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
        """Put the parts together; no fill yet."""
        self._rules = rules
        self._accounts = accounts
        self._margin = margin
        self._market = market
        self._model = model
        self._fills = 0

    def trade(self, order: Order, trade: SpotTrade | PerpTrade) -> Receipt:
        """Fill what there is at once, cancel the rest."""
        instrument = self._rules.instruments[trade.account, trade.symbol]
        buy = trade.side is Side.BUY
        price = self._model.fill_price(instrument, trade.side, self._market.price(instrument.data))
        if order.limit and (price > order.limit if buy else price < order.limit):
            reason = f"nothing at {order.limit} ticks or better: {price}"
            return Receipt(Outcome.EXPIRED, effect_ns=self._accounts.now_ns, reason=reason)
        wanted = order.quantity
        if isinstance(trade, PerpTrade) and trade.reduce_only:
            wanted = min(wanted, self._reducible(instrument, buy=buy))
        quantity = min(wanted, self._model.liquidity(instrument, trade.side, wanted))
        quantity -= quantity % instrument.lot
        if quantity <= 0:
            reason = "nothing to fill it with"
            return Receipt(Outcome.EXPIRED, effect_ns=self._accounts.now_ns, reason=reason)
        short = self._short_of(instrument, quantity, price, buy=buy)
        if short:
            return Receipt(Outcome.REJECTED_DEFINITIVE, reason=short)
        fill = self._fill(instrument, quantity, price, buy=buy)
        whole = quantity == order.quantity
        outcome = Outcome.EXECUTED if whole else Outcome.EXECUTED_PARTIAL
        return Receipt(outcome, (fill,), (), self._accounts.now_ns)

    def _reducible(self, instrument: Instrument, *, buy: bool) -> int:
        size = self._accounts.totals[instrument.base_key]
        return max(0, -size if buy else size)

    def _short_of(self, instrument: Instrument, quantity: int, price: int, *, buy: bool) -> str:
        """Which asset the account has too little of, or empty."""
        totals = self._accounts.totals
        if instrument.perpetual:
            return self._short_of_margin(instrument, quantity, price, buy=buy)
        if buy:
            key, needed = instrument.quote_key, instrument.value_up(quantity, price)
        else:
            key, needed = instrument.base_key, quantity
        asset, fee = self._fee(instrument, quantity, price, buy=buy)
        fee_key = instrument.fee_key(asset)
        received = instrument.base_key if buy else instrument.quote_key
        if fee_key == key:
            needed += fee
        elif fee_key != received and totals[fee_key] < fee:
            return f"insufficient {fee_key} for the fee of {fee}"
        if totals[key] < needed:
            return f"insufficient {key}: {totals[key]} of {needed}"
        return ""

    def _short_of_margin(
        self, instrument: Instrument, quantity: int, price: int, *, buy: bool
    ) -> str:
        """Whether equity carries the position that the order would leave."""
        size = self._accounts.totals[instrument.base_key]
        added = abs(size + (quantity if buy else -quantity)) - abs(size)
        if added <= 0:
            return ""
        key = instrument.quote_key
        needed = self._margin.needed(key) + self._margin.initial(instrument, added, price)
        equity = self._margin.equity(key)
        return f"insufficient margin {key}: {equity} of {needed}" * (equity < needed)

    def _fee(
        self, instrument: Instrument, quantity: int, price: int, *, buy: bool
    ) -> tuple[str, int]:
        """What this exchange charges, rounded up to a unit of the asset it takes."""
        fees = instrument.fees
        if fees.paid_in == RECEIVED and buy and not instrument.perpetual:
            return instrument.base, -(-quantity * fees.rate // RATE_UNIT)
        due = quantity * price * fees.rate
        if fees.paid_in in (RECEIVED, QUOTE):
            return instrument.quote, -(-due // (RATE_UNIT * instrument.scale))
        unit = RATE_UNIT * instrument.scale * self._market.price(fees.price)
        return fees.paid_in, -(-due * 10**fees.exponent // unit)

    def _fill(self, instrument: Instrument, quantity: int, price: int, *, buy: bool) -> Fill:
        """Book a fill in the accounts; what is returned is the report of it."""
        self._fills += 1
        ref = f"{instrument.account}-{self._fills}"
        asset, fee = self._fee(instrument, quantity, price, buy=buy)
        post = self._accounts.post
        change = quantity if buy else -quantity
        realised = 0
        if instrument.perpetual:
            realised = self._margin.trade(instrument, change, price)
            if realised:
                post(ref, instrument.quote_key, realised, Cause.REALISED)
        elif buy:
            cost = instrument.value_up(quantity, price)
            post(ref, instrument.quote_key, -cost, Cause.TRADE)
        else:
            proceeds = instrument.value_down(quantity, price)
            post(ref, instrument.quote_key, proceeds, Cause.TRADE)
        post(ref, instrument.base_key, change, Cause.TRADE)
        if fee:
            post(ref, instrument.fee_key(asset), -fee, Cause.FEE)
        return Fill(ref, quantity, price, fee, asset, realised)
