"""What one exchange does its own way; the base says what most of them do, through ccxt.

A dialect is what another exchange is added by: the facts as class attributes, and a method
where the exchange differs from what ccxt calls unified. It keeps no state and makes no
decision: whatever cannot be read raises, and its caller says what that amounts to.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar, Final

from verifill.engine.errors import NotObserved
from verifill.venues.ccxt.client import number, whole
from verifill.venues.ccxt.funds import Funds
from verifill.venues.ccxt.pages import forward
from verifill.venues.ccxt.words import (
    DAY_MS,
    Asked,
    Ccxt,
    Entry,
    Listed,
    Margin,
    Permissions,
    Plain,
    Top,
    Traded,
)
from verifill.venues.margin_mode import MarginMode
from verifill.venues.rules import Idempotency
from verifill.venues.time_in_force import TimeInForce

DEPTH: Final = 5  # levels; the fewest that each exchange is known to take
FORCES: Final[Mapping[TimeInForce, Plain]] = {
    TimeInForce.IOC: {"timeInForce": "IOC"},
    TimeInForce.GTC: {"timeInForce": "GTC"},
    TimeInForce.POST_ONLY: {"postOnly": True},  # LIMIT_MAKER, GTX, PostOnly, post_only, Alo
}
"""The words of ccxt for what it turns into each exchange's own."""


class Dialect(Funds):
    """What most exchanges do.

    Attributes:
        name: as a configuration calls it.
        exchange: ccxt's class.
        options: of ccxt.
        credentials: what signs a request, of `API_KEY`, `SECRET`, `PASSWORD`.
        wallet: whether that is a wallet's address and private key.
        spot: whether spot pairs are traded in such an account.
        perpetual: whether perpetuals are.
        idempotency: what it makes of our ids.
        recv_window_s: for how long an order is valid that was sent, in seconds.
        query_lag_s: for how long it may not find an order that it has.
        trades_window_ms: the longest stretch that one question for trades may be about.
        page: how many trades or entries it tells at once.
        barred: what its errors have in their text if the key is not let in.
        in_use: what its errors have in their text if our id is in use: the order may be there.
        margin_modes: whether the margin mode of a perpetual is a setting, and not of each order.
        modes_together: whether it is one setting for all perpetuals of the account.
        settled: what its errors have in their text if a setting is what it was to be.
    """

    name: ClassVar[str]
    exchange: ClassVar[str]
    options: ClassVar[Plain] = {}
    credentials: ClassVar[tuple[str, ...]] = ("API_KEY", "SECRET")
    wallet: ClassVar[bool] = False
    spot: ClassVar[bool] = False
    perpetual: ClassVar[bool] = False
    idempotency: ClassVar[Idempotency] = Idempotency.D
    recv_window_s: ClassVar[int] = 5
    query_lag_s: ClassVar[int] = 5
    trades_window_ms: ClassVar[int] = 7 * DAY_MS
    page: ClassVar[int] = 100
    barred: ClassVar[tuple[str, ...]] = ()
    in_use: ClassVar[tuple[str, ...]] = ()
    margin_modes: ClassVar[bool] = False
    modes_together: ClassVar[bool] = False
    settled: ClassVar[tuple[str, ...]] = ()

    # Before anything is asked.

    def prepare(self, exchange: Ccxt) -> None:
        """Cut what ccxt does on its own and nobody asked for."""
        exchange.has["fetchCurrencies"] = False  # it would sign requests to list coins

    def rehearse(self, exchange: Ccxt) -> None:
        """Turn to the exchange's own place to rehearse, for the environment staging."""
        exchange.set_sandbox_mode(True)

    def time_ms(self, exchange: Ccxt) -> int:
        """The exchange's clock."""
        return whole(exchange.fetch_time(), "the exchange's time")

    def permissions(self, exchange: Ccxt) -> Permissions:
        """What the key may do, by the exchange's own word."""
        raise NotImplementedError

    # What is public.

    def load(self, exchange: Ccxt) -> None:
        """Load the markets: what is traded, lots, ticks, least notionals."""
        exchange.load_markets()

    def tickers(self, exchange: Ccxt, symbols: Sequence[str]) -> Mapping[str, Plain]:
        """The last price of each symbol, and its mark price where there is one."""
        told: dict[str, Plain] = {}
        for swap in (False, True):  # of one kind at a time
            of_a_kind = [symbol for symbol in symbols if (":" in symbol) is swap]
            if of_a_kind:
                told |= exchange.fetch_tickers(of_a_kind)
        return told

    def funding(self, exchange: Ccxt, symbols: Sequence[str]) -> Mapping[str, Decimal]:
        """The rate of the next funding of each perpetual."""
        told: Mapping[str, Plain] = exchange.fetch_funding_rates(list(symbols))
        return {
            symbol: number(told[symbol]["fundingRate"], f"the funding of {symbol}")
            for symbol in symbols
        }

    def top(self, exchange: Ccxt, listed: Listed) -> Top:
        """The best bid and ask.

        Of a book ccxt makes floats whatever it is told. They are taken by their digits, which
        are those of the exchange up to 15: enough for what is nobody's amount.

        Raises:
            NotObserved: a side is empty, or the two cross.
        """
        told: Plain = exchange.fetch_order_book(listed.symbol, DEPTH)
        sides = [
            [(Decimal(str(price)), Decimal(str(size))) for price, size, *_ in told[side]]
            for side in ("bids", "asks")
        ]
        if not all(sides):
            msg = f"{listed.symbol}: a side of its book is empty"
            raise NotObserved(msg)
        (bid, bid_size), (ask, ask_size) = max(sides[0]), min(sides[1])
        if bid >= ask:
            msg = f"{listed.symbol}: its book is crossed, {bid} is bid and {ask} asked"
            raise NotObserved(msg)
        contract = self.contract(exchange, listed.symbol)
        return Top(bid=bid, bid_size=bid_size * contract, ask=ask, ask_size=ask_size * contract)

    def candles(
        self,
        exchange: Ccxt,
        symbol: str,
        timeframe: str,
        since_ms: int | None,
        count: int,
    ) -> Sequence[Sequence[Any]]:
        """Candles, oldest first: begin in milliseconds, open, high, low, close, volume."""
        told: Sequence[Sequence[Any]] = exchange.fetch_ohlcv(symbol, timeframe, since_ms, count)
        return told

    # Orders.

    def client_id(self, key: str) -> str:
        """Our name of an order, from the key of its intent: 32 characters of [a-z2-7]."""
        return key

    def expire(self, exchange: Ccxt, now_ms: int, deadline_ms: int) -> Mapping[str, str]:
        """Let the next request be refused after a deadline.

        Args:
            exchange: whose next request it is.
            now_ms: the exchange's time now.
            deadline_ms: in the exchange's time.

        Returns:
            Headers that the request is to have.
        """
        exchange.nonce = lambda: now_ms
        exchange.options["recvWindow"] = max(deadline_ms - now_ms, 1)
        return {}

    def create(self, exchange: Ccxt, asked: Asked) -> Plain:
        """Send an order, once."""
        params: dict[str, Any] = {"clientOrderId": asked.client_id}
        if asked.limit:
            params |= FORCES[asked.force]
        if asked.reduce_only:
            params["reduceOnly"] = True
        params |= self.more(asked)
        side = "buy" if asked.buy else "sell"
        kind = "limit" if asked.limit else "market"
        price = asked.limit or None  # with one, a market order might be sized in quote
        made: Plain = exchange.create_order(
            asked.listed.symbol, kind, side, asked.contracts, price, params
        )
        return made

    def more(self, asked: Asked) -> Plain:  # noqa: ARG002 - nothing more here
        """Parameters of an order beside the usual ones."""
        return {}

    def find(self, exchange: Ccxt, symbol: str, client_id: str) -> Plain:
        """What became of an order, by our name of it.

        Raises:
            Exception: ccxt's OrderNotFound where there is none; others where nobody knows.
        """
        found: Plain = exchange.fetch_order("", symbol, {"clientOrderId": client_id})
        return found

    def cancel(self, exchange: Ccxt, symbol: str, client_id: str) -> None:
        """Take back what rests under our name of it."""
        exchange.cancel_order("", symbol, {"clientOrderId": client_id})

    def open_orders(self, exchange: Ccxt, symbol: str) -> Sequence[Plain]:
        """What rests."""
        found: Sequence[Plain] = exchange.fetch_open_orders(symbol)
        return found

    def filled(self, exchange: Ccxt, listed: Listed, order: Plain) -> Sequence[Traded]:
        """The trades of an order."""
        told = exchange.fetch_my_trades(listed.symbol, None, None, {"orderId": order["id"]})
        return [t for t in self.read(exchange, listed, told) if t.order == order["id"]]

    # Positions.

    def balances(self, exchange: Ccxt, assets: Sequence[str]) -> Mapping[str, Decimal]:
        """Asset -> what the account holds of it: its wallet balance, never its equity.

        Args:
            exchange: whom to ask.
            assets: at least of these; one that is left out of the answer is not known.
        """
        raise NotImplementedError

    def sizes(self, exchange: Ccxt, listed: Sequence[Listed]) -> Mapping[str, Decimal]:
        """Symbol -> signed size in the underlying asset, of each perpetual."""
        symbols = [one.symbol for one in listed]
        sizes = dict.fromkeys(symbols, Decimal(0))
        for told in exchange.fetch_positions(symbols):
            symbol = told["symbol"]
            size = number(told["contracts"] or "0", f"the size of {symbol}")
            sign = {"long": 1, "short": -1, None: 0}[told["side"] if size else None]
            if symbol in sizes:
                sizes[symbol] += sign * size * self.contract(exchange, symbol)
        return sizes

    def margin(self, exchange: Ccxt, listed: Sequence[Listed]) -> Margin:
        """How far the account is from a liquidation, by the exchange's own figures.

        Args:
            exchange: whom to ask.
            listed: its perpetuals.
        """
        raise NotImplementedError

    def leverage(self, exchange: Ccxt, listed: Listed) -> int:
        """The leverage that is set for a perpetual."""
        told = exchange.fetch_leverage(listed.symbol)
        return whole(told["longLeverage"], f"the leverage of {listed.symbol}")

    def set_leverage(self, exchange: Ccxt, listed: Listed, leverage: int) -> None:
        """Set it."""
        exchange.set_leverage(leverage, listed.symbol)

    def margin_mode(self, exchange: Ccxt, listed: Listed) -> MarginMode:
        """The margin mode that is set for a perpetual; where `margin_modes`."""
        raise NotImplementedError

    def set_margin_mode(self, exchange: Ccxt, listed: Listed, mode: MarginMode) -> None:
        """Set it."""
        raise NotImplementedError

    def trades(
        self,
        exchange: Ccxt,
        listed: Listed,
        since_ms: int,
        until_ms: int,
    ) -> Sequence[Traded]:
        """All trades of an instrument in a stretch of time."""

        def page(since_ms: int) -> Sequence[Traded]:
            params = {"until": until_ms}
            told = exchange.fetch_my_trades(listed.symbol, since_ms, self.page, params)
            return self.read(exchange, listed, told)

        return forward(page, since_ms, self.page, lambda trade: (trade.ref, trade.time_ms))

    def entries(
        self,
        exchange: Ccxt,
        listed: Sequence[Listed],
        trades: Sequence[tuple[Listed, Traded]],
        since_ms: int,
        until_ms: int,
    ) -> Iterable[Entry]:
        """What moved in a stretch of time: of trades, and of everything else.

        Args:
            exchange: whom to ask.
            listed: what is traded in the account.
            trades: all trades in that time.
            since_ms: its begin.
            until_ms: its end.
        """
        raise NotImplementedError

    # What ccxt tells, in our words.

    def contract(self, exchange: Ccxt, symbol: str) -> Decimal:
        """How much of the underlying asset one contract is; 1 where there are no contracts."""
        market: Plain = exchange.market(symbol)
        size = market.get("contractSize")
        return Decimal(1) if size is None else number(size, f"the contract of {symbol}")

    def read(self, exchange: Ccxt, listed: Listed, told: Iterable[Plain]) -> list[Traded]:
        """Trades of ccxt, exactly.

        Raises:
            NotObserved: one lacks something; missing is not zero.
        """
        contract = self.contract(exchange, listed.symbol)
        return [self._read(listed, trade, contract) for trade in told]

    def _read(self, listed: Listed, trade: Plain, contract: Decimal) -> Traded:
        if not trade["id"] or trade["side"] not in {"buy", "sell"} or not trade["order"]:
            msg = f"a trade of {listed.symbol} lacks its id, its order or its side"
            raise NotObserved(msg)
        quantity = number(trade["amount"], "the amount of a trade") * contract
        price = number(trade["price"], "the price of a trade")
        fee: Plain = trade["fee"] or {}
        return Traded(
            ref=f"{listed.symbol}:{trade['id']}",
            order=str(trade["order"]),
            buy=trade["side"] == "buy",
            quantity=quantity,
            price=price,
            cost=quantity * price,
            fee=number(fee.get("cost"), "the fee of a trade"),
            fee_asset=str(fee.get("currency")),
            realised=self.realised(trade),
            time_ms=whole(trade["timestamp"], "the time of a trade"),
            forced=self.forced(trade),
        )

    def realised(self, trade: Plain) -> Decimal:  # noqa: ARG002 - nothing in a spot trade
        """What a trade of a perpetual paid out in its margin asset."""
        return Decimal(0)

    def forced(self, trade: Plain) -> bool:  # noqa: ARG002 - not told here
        """Whether the exchange closed a position by this trade, unasked."""
        return False
