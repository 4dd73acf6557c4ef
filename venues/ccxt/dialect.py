"""What one exchange does its own way; the base says what most of them do, through ccxt.

A dialect is what another exchange is added by: the facts as class attributes, and a method
where the exchange differs from what ccxt calls unified. It keeps no state and makes no
decision: whatever cannot be read raises, and its caller says what that amounts to.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar

from attrs import frozen

from verifill.engine.errors import NotObserved, VenueDefect
from verifill.venues.ccxt.client import number, whole
from verifill.venues.ccxt.pages import forward
from verifill.venues.orders import Cause
from verifill.venues.rules import Idempotency, Instrument

Plain = Mapping[str, Any]
DAY_MS = 86_400_000


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
    """

    ref: str
    part: str
    asset: str
    amount: Decimal
    cause: Cause
    time_ms: int


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
class Moved:
    """A transfer between two accounts of an exchange.

    Attributes:
        id: the exchange's.
        asset: what was moved.
        amount: how much.
        source: name of the dialect of the account that it left.
        target: name of the dialect of the account that it came to.
        time_ms: when.
    """

    id: str
    asset: str
    amount: Decimal
    source: str
    target: str
    time_ms: int

    @property
    def ref(self) -> str:
        """The reference of its rows."""
        return f"transfer:{self.id}"


@frozen(kw_only=True)
class Permissions:
    """What a key may do."""

    read: bool
    trade: bool
    withdraw: bool


@frozen(kw_only=True)
class Asked:
    """An order as it is asked for, in words of ccxt.

    Attributes:
        listed: what is traded.
        buy: whether it buys.
        contracts: quantity as the exchange counts it.
        limit: worst price; empty for a market order.
        worst: where even a market order's fills may go no further, for exchanges without any.
        reduce_only: never open or turn a position.
        client_id: our name of it.
    """

    listed: Listed
    buy: bool
    contracts: str
    limit: str
    worst: str
    reduce_only: bool
    client_id: str


class OrderNotFound(VenueDefect):
    """An exchange has said that there is no such order; named as ccxt names it."""


class Dialect:
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
        reaches: names of the dialects whose accounts it can transfer to.
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
    settled: ClassVar[tuple[str, ...]] = ()
    reaches: ClassVar[tuple[str, ...]] = ()

    # Before anything is asked.

    def prepare(self, exchange: Any) -> None:  # noqa: ANN401 - of ccxt, here and below
        """Cut what ccxt does on its own and nobody asked for."""
        exchange.has["fetchCurrencies"] = False  # it would sign requests to list coins

    def rehearse(self, exchange: Any) -> None:  # noqa: ANN401
        """Turn to the exchange's own place to rehearse, for the environment staging."""
        exchange.set_sandbox_mode(True)

    def time_ms(self, exchange: Any) -> int:  # noqa: ANN401
        """The exchange's clock."""
        return whole(exchange.fetch_time(), "the exchange's time")

    def permissions(self, exchange: Any) -> Permissions:  # noqa: ANN401
        """What the key may do, by the exchange's own word."""
        raise NotImplementedError

    # What is public.

    def load(self, exchange: Any) -> None:  # noqa: ANN401
        """Load the markets: what is traded, lots, ticks, least notionals."""
        exchange.load_markets()

    def tickers(self, exchange: Any, symbols: Sequence[str]) -> Mapping[str, Plain]:  # noqa: ANN401
        """The last price of each symbol, and its mark price where there is one."""
        told: dict[str, Plain] = {}
        for swap in (False, True):  # of one kind at a time
            of_a_kind = [symbol for symbol in symbols if (":" in symbol) is swap]
            if of_a_kind:
                told |= exchange.fetch_tickers(of_a_kind)
        return told

    def candles(
        self,
        exchange: Any,  # noqa: ANN401
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

    def expire(self, exchange: Any, now_ms: int, deadline_ms: int) -> Mapping[str, str]:  # noqa: ANN401
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

    def create(self, exchange: Any, asked: Asked) -> Plain:  # noqa: ANN401
        """Send an order, once."""
        params: dict[str, Any] = {"clientOrderId": asked.client_id}
        if asked.limit:
            params["timeInForce"] = "IOC"
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

    def find(self, exchange: Any, symbol: str, client_id: str) -> Plain:  # noqa: ANN401
        """What became of an order, by our name of it.

        Raises:
            Exception: ccxt's OrderNotFound where there is none; others where nobody knows.
        """
        found: Plain = exchange.fetch_order("", symbol, {"clientOrderId": client_id})
        return found

    def cancel(self, exchange: Any, symbol: str, client_id: str) -> None:  # noqa: ANN401
        """Take back what rests under our name of it."""
        exchange.cancel_order("", symbol, {"clientOrderId": client_id})

    def open_orders(self, exchange: Any, symbol: str) -> Sequence[Plain]:  # noqa: ANN401
        """What rests."""
        found: Sequence[Plain] = exchange.fetch_open_orders(symbol)
        return found

    def filled(self, exchange: Any, listed: Listed, order: Plain) -> Sequence[Traded]:  # noqa: ANN401
        """The trades of an order."""
        told = exchange.fetch_my_trades(listed.symbol, None, None, {"orderId": order["id"]})
        return [t for t in self.read(exchange, listed, told) if t.order == order["id"]]

    # Transfers between accounts.

    def transfer(self, exchange: Any, asset: str, amount: str, target: str) -> str:  # noqa: ANN401
        """Move an asset to the account of another dialect, once; the exchange's id of it."""
        raise NotImplementedError

    def transfers(self, exchange: Any, since_ms: int, until_ms: int) -> Sequence[Moved]:  # noqa: ANN401
        """All transfers in a stretch of time, in any direction."""
        raise NotImplementedError

    # Positions.

    def balances(self, exchange: Any, assets: Sequence[str]) -> Mapping[str, Decimal]:  # noqa: ANN401
        """Asset -> what the account holds of it: its wallet balance, never its equity.

        Args:
            exchange: whom to ask.
            assets: at least of these; one that is left out of the answer is not known.
        """
        raise NotImplementedError

    def sizes(self, exchange: Any, listed: Sequence[Listed]) -> Mapping[str, Decimal]:  # noqa: ANN401
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

    def leverage(self, exchange: Any, listed: Listed) -> int:  # noqa: ANN401
        """The leverage that is set for a perpetual."""
        told = exchange.fetch_leverage(listed.symbol)
        return whole(told["longLeverage"], f"the leverage of {listed.symbol}")

    def set_leverage(self, exchange: Any, listed: Listed, leverage: int) -> None:  # noqa: ANN401
        """Set it."""
        exchange.set_leverage(leverage, listed.symbol)

    def trades(
        self,
        exchange: Any,  # noqa: ANN401
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
        exchange: Any,  # noqa: ANN401
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

    def contract(self, exchange: Any, symbol: str) -> Decimal:  # noqa: ANN401
        """How much of the underlying asset one contract is; 1 where there are no contracts."""
        market: Plain = exchange.market(symbol)
        size = market.get("contractSize")
        return Decimal(1) if size is None else number(size, f"the contract of {symbol}")

    def read(self, exchange: Any, listed: Listed, told: Iterable[Plain]) -> list[Traded]:  # noqa: ANN401
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
