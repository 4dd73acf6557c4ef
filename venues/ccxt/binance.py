"""Binance: spot, and perpetuals of USD-M futures. Two hosts, one key, an account each."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import ClassVar, Final

from attrs import evolve

from verifill.venues.ccxt.binance_wallet import Binance, deposits
from verifill.venues.ccxt.client import number, whole
from verifill.venues.ccxt.pages import forward
from verifill.venues.ccxt.words import (
    DAY_MS,
    Ccxt,
    Entry,
    Listed,
    Margin,
    Plain,
    Traded,
    bought_and_sold,
    resized,
)
from verifill.venues.margin_mode import MarginMode
from verifill.venues.orders import Cause

# https://developers.binance.com/docs/derivatives/usds-margined-futures/account/rest-api/Get-Income-History
CAUSES: Final = {
    "REALIZED_PNL": Cause.REALISED,
    "COMMISSION": Cause.FEE,
    "FUNDING_FEE": Cause.FUNDING,
    "INSURANCE_CLEAR": Cause.LIQUIDATION,
}

MODES: Final = {"CROSSED": MarginMode.CROSS, "ISOLATED": MarginMode.ISOLATED}


class BinanceSpot(Binance):
    """Spot. It has no ledger: what moved is worked out from trades, deposits and withdrawals."""

    name: ClassVar[str] = "binance"
    exchange: ClassVar[str] = "binance"
    options: ClassVar[Plain] = {
        "defaultType": "spot",
        "fetchMarkets": {"types": ["spot"]},
        "fetchMargins": False,  # it would sign requests to list them
    }
    spot: ClassVar[bool] = True
    reaches: ClassVar[tuple[str, ...]] = ("binanceusdm",)
    withdraws: ClassVar[bool] = True
    takes_deposits: ClassVar[bool] = True
    trades_window_ms: ClassVar[int] = DAY_MS

    def trades_here(self, exchange: Ccxt) -> bool:
        """See `Binance.trades_here`."""
        return exchange.private_get_account()["canTrade"] is True

    def balances(self, exchange: Ccxt, assets: Sequence[str]) -> Mapping[str, Decimal]:  # noqa: ARG002 - one protocol
        """See `Dialect.balances`: free and locked."""
        told = exchange.private_get_account()
        return {
            exchange.safe_currency_code(one["asset"]): number(one["free"], "a free balance")
            + number(one["locked"], "a locked balance")
            for one in told["balances"]
        }

    def entries(
        self,
        exchange: Ccxt,
        listed: Sequence[Listed],  # noqa: ARG002 - one protocol
        trades: Sequence[tuple[Listed, Traded]],
        since_ms: int,
        until_ms: int,
    ) -> Iterable[Entry]:
        """See `Dialect.entries`."""
        for one, trade in trades:
            yield from bought_and_sold(one, trade)
        yield from self.moved(exchange, since_ms, until_ms)

    def outside(self, exchange: Ccxt, since_ms: int, until_ms: int) -> Iterable[Entry]:
        """See `Funds.outside`."""
        for one in self.withdrawals(exchange, "", since_ms, until_ms):
            yield from one.entries()
        yield from deposits(exchange, since_ms, until_ms)


class BinanceUsdm(Binance):
    """USD-M futures. Its income tells what moved the wallet, its trades what moved the size."""

    name: ClassVar[str] = "binanceusdm"
    exchange: ClassVar[str] = "binanceusdm"
    options: ClassVar[Plain] = {"fetchMarkets": {"types": ["linear"]}}
    perpetual: ClassVar[bool] = True
    margin_modes: ClassVar[bool] = True
    reaches: ClassVar[tuple[str, ...]] = ("binance",)

    def trades_here(self, exchange: Ccxt) -> bool:
        """See `Binance.trades_here`."""
        return exchange.fapiprivatev2_get_account()["canTrade"] is True

    def balances(self, exchange: Ccxt, assets: Sequence[str]) -> Mapping[str, Decimal]:  # noqa: ARG002 - one protocol
        """See `Dialect.balances`."""
        told = exchange.fapiprivatev3_get_account()
        return {
            exchange.safe_currency_code(one["asset"]): number(
                one["walletBalance"], "a wallet balance"
            )
            for one in told["assets"]
        }

    def sizes(self, exchange: Ccxt, listed: Sequence[Listed]) -> Mapping[str, Decimal]:
        """See `Dialect.sizes`: what has neither position nor order is not in the list."""
        ids = {exchange.market(one.symbol)["id"]: one.symbol for one in listed}
        sizes = dict.fromkeys(ids.values(), Decimal(0))
        for told in exchange.fapiprivatev3_get_positionrisk():
            if told["symbol"] in ids:
                sizes[ids[told["symbol"]]] += number(told["positionAmt"], "the size of a position")
        return sizes

    def margin(self, exchange: Ccxt, listed: Sequence[Listed]) -> Margin:  # noqa: ARG002 - one protocol
        """See `Dialect.margin`."""
        told = exchange.fapiprivatev3_get_account()
        return Margin(
            worth=number(told["totalMarginBalance"], "a margin balance"),
            maintenance=number(told["totalMaintMargin"], "a maintenance margin"),
        )

    def leverage(self, exchange: Ccxt, listed: Listed) -> int:
        """See `Dialect.leverage`."""
        return whole(_config(exchange, listed)["leverage"], "a leverage")

    def margin_mode(self, exchange: Ccxt, listed: Listed) -> MarginMode:
        """See `Dialect.margin_mode`."""
        return MODES[_config(exchange, listed)["marginType"]]

    def set_margin_mode(self, exchange: Ccxt, listed: Listed, mode: MarginMode) -> None:
        """See `Dialect.set_margin_mode`."""
        word = {MarginMode.CROSS: "CROSSED", MarginMode.ISOLATED: "ISOLATED"}[mode]
        asked = {"symbol": exchange.market(listed.symbol)["id"], "marginType": word}
        exchange.fapiprivate_post_margintype(asked)

    def entries(
        self,
        exchange: Ccxt,
        listed: Sequence[Listed],
        trades: Sequence[tuple[Listed, Traded]],
        since_ms: int,
        until_ms: int,
    ) -> Iterable[Entry]:
        """See `Dialect.entries`."""
        forced = self._forced(exchange, since_ms, until_ms) if trades else frozenset[str]()
        for one, trade in trades:
            yield resized(one, evolve(trade, forced=trade.order in forced))
        symbols = {exchange.market(one.symbol)["id"]: one.symbol for one in listed}

        def page(since_ms: int) -> Sequence[Plain]:
            asked = {"startTime": since_ms, "endTime": until_ms, "limit": self.page}
            told: Sequence[Plain] = exchange.fapiprivate_get_income(asked)
            return told

        for told in forward(page, since_ms, self.page, _income_of):
            if told["incomeType"] != "TRANSFER":  # these come with the name they have elsewhere
                yield _income(exchange, told, symbols)
        yield from self.moved(exchange, since_ms, until_ms)

    def realised(self, trade: Plain) -> Decimal:
        """See `Dialect.realised`."""
        return number(trade["info"]["realizedPnl"], "the profit of a trade")

    def _forced(self, exchange: Ccxt, since_ms: int, until_ms: int) -> frozenset[str]:
        """The orders by which the exchange itself closed positions: liquidation and ADL."""
        asked = {"startTime": since_ms, "endTime": until_ms}
        return frozenset(str(o["orderId"]) for o in exchange.fapiprivate_get_forceorders(asked))


def _config(exchange: Ccxt, listed: Listed) -> Plain:
    """The settings of a perpetual."""
    asked = {"symbol": exchange.market(listed.symbol)["id"]}
    (told,) = exchange.fapiprivate_get_symbolconfig(asked)
    return dict(told)


def _income_of(told: Plain) -> tuple[str, int]:
    return f"{told['incomeType']}:{told['tranId']}", whole(told["time"], "the time of an income")


def _income(exchange: Ccxt, told: Plain, symbols: Mapping[str, str]) -> Entry:
    kind, trade = str(told["incomeType"]), str(told.get("tradeId") or "")
    symbol = symbols.get(str(told["symbol"]), str(told["symbol"]))
    return Entry(
        ref=f"{symbol}:{trade}" if trade else f"{kind}:{told['tranId']}",
        part=f"{kind}:{told['tranId']}",
        asset=exchange.safe_currency_code(told["asset"]),
        amount=number(told["income"], "an income"),
        cause=CAUSES.get(kind, Cause.TRANSFER),
        time_ms=whole(told["time"], "the time of an income"),
    )
