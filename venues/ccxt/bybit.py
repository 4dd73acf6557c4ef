"""Bybit's unified trading account, by its v5 API: spot and linear perpetuals in one wallet."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar, Final

from attrs import evolve

from verifill.engine.errors import NotObserved
from verifill.venues.ccxt.bybit_funding import BybitAccount, pages
from verifill.venues.ccxt.client import number, whole
from verifill.venues.ccxt.funds import NEAR_MS, Moved, named
from verifill.venues.ccxt.words import (
    Ccxt,
    Entry,
    Listed,
    Margin,
    OrderNotFound,
    Plain,
    Traded,
    resized,
)
from verifill.venues.margin_mode import MarginMode
from verifill.venues.orders import Cause

# https://bybit-exchange.github.io/docs/v5/enum#typeuta-translog
CAUSES: Final = {
    "TRADE": Cause.TRADE,
    "SETTLEMENT": Cause.FUNDING,
    "LIQUIDATION": Cause.LIQUIDATION,
    "ADL": Cause.LIQUIDATION,
    "INTEREST": Cause.INTEREST,
}
LOG_MS: Final = 60_000  # the log has times of its own
FORCED: Final = frozenset({"BustTrade", "AdlTrade", "SessionSettlePnL"})
TRADES: Final = FORCED | {"Trade"}

MODES: Final = {"REGULAR_MARGIN": MarginMode.CROSS, "ISOLATED_MARGIN": MarginMode.ISOLATED}


class Bybit(BybitAccount):
    """The unified account.

    An order is asked for by `orderLinkId`: ccxt's own questions by a client id send no id at
    all, and may be answered with another order. The log of transactions tells what moved the
    wallet; executions tell what moved a size, and payments of funding are among them.
    """

    name: ClassVar[str] = "bybit"
    spot: ClassVar[bool] = True
    perpetual: ClassVar[bool] = True
    margin_modes: ClassVar[bool] = True
    modes_together: ClassVar[bool] = True
    settled: ClassVar[tuple[str, ...]] = ('"retCode":110043',)
    reaches: ClassVar[tuple[str, ...]] = ("bybitfunding",)

    def find(self, exchange: Ccxt, symbol: str, client_id: str) -> Plain:
        """See `Dialect.find`: what rests or ended lately, then the history.

        Raises:
            OrderNotFound: neither has it.
        """
        market = exchange.market(symbol)
        asked = _of(market) | {"orderLinkId": client_id}
        for question in (
            exchange.private_get_v5_order_realtime,
            exchange.private_get_v5_order_history,
        ):
            for told in question(asked)["result"]["list"]:
                if told["orderLinkId"] == client_id:
                    found: Plain = exchange.parse_order(told, market)
                    return found
        msg = f"{symbol}: there is no order {client_id}"
        raise OrderNotFound(msg)

    def cancel(self, exchange: Ccxt, symbol: str, client_id: str) -> None:
        """See `Dialect.cancel`."""
        asked = _of(exchange.market(symbol)) | {"orderLinkId": client_id}
        exchange.private_post_v5_order_cancel(asked)

    def filled(self, exchange: Ccxt, listed: Listed, order: Plain) -> Sequence[Traded]:
        """See `Dialect.filled`; what a trade realised is in the log of transactions."""
        trades = super().filled(exchange, listed, order)
        if not trades or not listed.instrument.perpetual:
            return trades
        times = [trade.time_ms for trade in trades]
        market = exchange.market(listed.symbol)
        realised = {
            told["tradeId"]: number(told["cashFlow"], "the profit of a trade")
            for told in _log(exchange, min(times) - LOG_MS, max(times) + LOG_MS)
            if told["symbol"] == market["id"] and told["category"] == "linear"
        }
        ids = [trade.ref.rpartition(":")[2] for trade in trades]
        if missing := [one for one in ids if one not in realised]:
            msg = f"bybit: the log of transactions lacks the trades {', '.join(missing)}"
            raise NotObserved(msg)
        return [evolve(t, realised=realised[one]) for t, one in zip(trades, ids, strict=True)]

    def trades(
        self,
        exchange: Ccxt,
        listed: Listed,
        since_ms: int,
        until_ms: int,
    ) -> Sequence[Traded]:
        """See `Dialect.trades`."""
        market = exchange.market(listed.symbol)
        asked = _of(market) | {"startTime": since_ms, "endTime": until_ms, "limit": 100}
        told = list(pages(exchange.private_get_v5_execution_list, asked))
        return self.read(exchange, listed, exchange.parse_trades(told, market))

    def balances(self, exchange: Ccxt, assets: Sequence[str]) -> Mapping[str, Decimal]:
        """See `Dialect.balances`: what the list does not have, the wallet does not hold."""
        told = exchange.private_get_v5_account_wallet_balance({"accountType": "UNIFIED"})
        (wallet,) = told["result"]["list"]
        held = dict.fromkeys(assets, Decimal(0))
        for coin in wallet["coin"]:
            asset = exchange.safe_currency_code(coin["coin"])
            held[asset] = number(coin["walletBalance"], "a wallet balance")
        return held

    def sizes(self, exchange: Ccxt, listed: Sequence[Listed]) -> Mapping[str, Decimal]:
        """See `Dialect.sizes`: asked for one by one, what is flat is told too."""
        return {one.symbol: _size(_position(exchange, one)) for one in listed}

    def margin(self, exchange: Ccxt, listed: Sequence[Listed]) -> Margin:  # noqa: ARG002 - one protocol
        """See `Dialect.margin`: in US dollars, with all that is collateral."""
        told = exchange.private_get_v5_account_wallet_balance({"accountType": "UNIFIED"})
        (wallet,) = told["result"]["list"]
        return Margin(
            worth=number(wallet["totalMarginBalance"], "a margin balance"),
            maintenance=number(wallet["totalMaintenanceMargin"], "a maintenance margin"),
        )

    def leverage(self, exchange: Ccxt, listed: Listed) -> int:
        """See `Dialect.leverage`."""
        return whole(_position(exchange, listed)["leverage"], "a leverage")

    def margin_mode(self, exchange: Ccxt, listed: Listed) -> MarginMode:  # noqa: ARG002 - of the account
        """See `Dialect.margin_mode`.

        Raises:
            NotObserved: it is another one, such as that of a portfolio.
        """
        told = exchange.private_get_v5_account_info()["result"]["marginMode"]
        if told not in MODES:
            msg = f"bybit: the margin mode is {told}; known are {', '.join(MODES)}"
            raise NotObserved(msg)
        return MODES[told]

    def set_margin_mode(self, exchange: Ccxt, listed: Listed, mode: MarginMode) -> None:  # noqa: ARG002 - of the account
        """See `Dialect.set_margin_mode`."""
        word = {MarginMode.CROSS: "REGULAR_MARGIN", MarginMode.ISOLATED: "ISOLATED_MARGIN"}[mode]
        exchange.private_post_v5_account_set_margin_mode({"setMarginMode": word})

    def entries(
        self,
        exchange: Ccxt,
        listed: Sequence[Listed],
        trades: Sequence[tuple[Listed, Traded]],
        since_ms: int,
        until_ms: int,
    ) -> Iterable[Entry]:
        """See `Dialect.entries`."""
        for one, trade in trades:
            if one.instrument.perpetual:
                yield resized(one, trade)
        names = {_name(exchange.market(one.symbol)): one.symbol for one in listed}
        rows = [_row(exchange, told, names) for told in _log(exchange, since_ms, until_ms)]
        moved: Sequence[Moved] = ()
        if any(row.cause is Cause.TRANSFER for row in rows):  # the log does not name them
            moved = self.transfers(exchange, since_ms - NEAR_MS, until_ms + NEAR_MS)
        yield from named(rows, moved, self.name)

    def read(self, exchange: Ccxt, listed: Listed, told: Iterable[Plain]) -> list[Traded]:
        """See `Dialect.read`: funding is no trade."""
        return super().read(exchange, listed, [t for t in told if t["info"]["execType"] in TRADES])

    def forced(self, trade: Plain) -> bool:
        """See `Dialect.forced`."""
        return trade["info"]["execType"] in FORCED


def _of(market: Plain) -> dict[str, Any]:
    return {"category": "spot" if market["spot"] else "linear", "symbol": str(market["id"])}


def _name(market: Plain) -> tuple[str, str]:
    return ("spot" if market["spot"] else "linear", str(market["id"]))


def _position(exchange: Ccxt, listed: Listed) -> Plain:
    """The position of a perpetual in one-way mode, which is told though it be flat."""
    told = exchange.private_get_v5_position_list(_of(exchange.market(listed.symbol)))
    (position,) = told["result"]["list"]
    return dict(position)


def _size(position: Plain) -> Decimal:
    size = number(position["size"], "the size of a position")
    if not size:
        return size
    return {"Buy": size, "Sell": -size}[position["side"]]


def _row(exchange: Ccxt, told: Plain, names: Mapping[tuple[str, str], str]) -> Entry:
    symbol = names.get((told["category"], told["symbol"]), told["symbol"])
    trade = told["tradeId"]
    return Entry(
        ref=f"{symbol}:{trade}" if trade else f"{told['type']}:{told['id']}",
        part=str(told["id"]),
        asset=exchange.safe_currency_code(told["currency"]),
        amount=number(told["change"], "a change of the wallet"),
        cause=CAUSES.get(told["type"], Cause.TRANSFER),
        time_ms=whole(told["transactionTime"], "the time of a change"),
    )


def _log(exchange: Ccxt, since_ms: int, until_ms: int) -> Iterator[Plain]:
    """The log of transactions."""
    asked = {"accountType": "UNIFIED", "startTime": since_ms, "endTime": until_ms, "limit": 50}
    return pages(exchange.private_get_v5_account_transaction_log, asked)
