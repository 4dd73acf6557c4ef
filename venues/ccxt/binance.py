"""Binance: spot, and perpetuals of USD-M futures. Two hosts, one key, an account each."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import permutations
from typing import ClassVar, Final

from attrs import evolve

from verifill.engine.errors import NotObserved
from verifill.venues.ccxt.client import number, whole
from verifill.venues.ccxt.dialect import Dialect
from verifill.venues.ccxt.pages import forward
from verifill.venues.ccxt.words import (
    DAY_MS,
    REHEARSED,
    Ccxt,
    Entry,
    Listed,
    Moved,
    Permissions,
    Plain,
    Traded,
    bought_and_sold,
    resized,
)
from verifill.venues.orders import Cause

# https://developers.binance.com/docs/derivatives/usds-margined-futures/account/rest-api/Get-Income-History
CAUSES: Final = {
    "REALIZED_PNL": Cause.REALISED,
    "COMMISSION": Cause.FEE,
    "FUNDING_FEE": Cause.FUNDING,
    "INSURANCE_CLEAR": Cause.LIQUIDATION,
}


TRANSFERS_MAX: Final = 100
WALLETS: Final = {"binance": "MAIN", "binanceusdm": "UMFUTURE"}


class Binance(Dialect):
    """What both have in common.

    An id is unique among open orders only: after a fill the same id executes again. A request
    is refused once `timestamp + recvWindow` is over, and so a deadline is its class D.
    """

    page: ClassVar[int] = 1_000
    # -2015 comes as DDoSProtection once the key has worked, which looks as if waiting would help
    barred: ClassVar[tuple[str, ...]] = ('"code":-2015', '"code":-2014', '"code":-1022')
    in_use: ClassVar[tuple[str, ...]] = ('"code":-4116', "Duplicate order sent")
    settled: ClassVar[tuple[str, ...]] = ('"code":-4046', '"code":-4059')

    def rehearse(self, exchange: Ccxt) -> None:
        """See `Dialect.rehearse`: its demo; of the old sandbox of USD-M nothing is left."""
        exchange.enable_demo_trading(True)  # noqa: FBT003 - how ccxt calls it

    def transfer(self, exchange: Ccxt, asset: str, amount: str, target: str) -> str:
        """See `Dialect.transfer`; it takes no id of ours."""
        kind = f"{WALLETS[self.name]}_{WALLETS[target]}"
        asked = {"type": kind, "asset": asset, "amount": amount}
        return str(exchange.sapi_post_asset_transfer(asked)["tranId"])

    def transfers(self, exchange: Ccxt, since_ms: int, until_ms: int) -> Sequence[Moved]:
        """See `Dialect.transfers`; none where the wallet's API is not."""
        if not _has_wallet(exchange):
            return []
        return [
            Moved(
                id=str(told["tranId"]),
                asset=exchange.safe_currency_code(told["asset"]),
                amount=number(told["amount"], "the amount of a transfer"),
                source=source,
                target=target,
                time_ms=whole(told["timestamp"], "the time of a transfer"),
            )
            for source, target in permutations(WALLETS, 2)
            for told in _transfers(exchange, source, target, since_ms, until_ms)
        ]

    def moved(self, exchange: Ccxt, since_ms: int, until_ms: int) -> Iterator[Entry]:
        """What transfers moved in this account."""
        for one in self.transfers(exchange, since_ms, until_ms):
            sign = {one.target: 1, one.source: -1}.get(self.name, 0)
            yield Entry(
                ref=one.ref,
                part=self.name,
                asset=one.asset,
                amount=sign * one.amount,
                cause=Cause.TRANSFER,
                time_ms=one.time_ms,
            )

    def permissions(self, exchange: Ccxt) -> Permissions:
        """See `Dialect.permissions`; its demo does not tell."""
        if not _has_wallet(exchange):
            return REHEARSED
        told = exchange.sapi_get_account_apirestrictions()
        trade = "enableFutures" if self.perpetual else "enableSpotAndMarginTrading"
        return Permissions(
            read=told["enableReading"] is True,
            trade=told[trade] is True,
            withdraw=told["enableWithdrawals"] is not False,
        )


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
    trades_window_ms: ClassVar[int] = DAY_MS

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


class BinanceUsdm(Binance):
    """USD-M futures. Its income tells what moved the wallet, its trades what moved the size."""

    name: ClassVar[str] = "binanceusdm"
    exchange: ClassVar[str] = "binanceusdm"
    options: ClassVar[Plain] = {"fetchMarkets": {"types": ["linear"]}}
    perpetual: ClassVar[bool] = True
    reaches: ClassVar[tuple[str, ...]] = ("binance",)

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

    def leverage(self, exchange: Ccxt, listed: Listed) -> int:
        """See `Dialect.leverage`."""
        asked = {"symbol": exchange.market(listed.symbol)["id"]}
        (told,) = exchange.fapiprivate_get_symbolconfig(asked)
        return whole(told["leverage"], "a leverage")

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


def _has_wallet(exchange: Ccxt) -> bool:
    """Whether there is the API of the wallet, which the demo does not have."""
    return "sapi" in exchange.urls["api"]


def _transfers(
    exchange: Ccxt,
    source: str,
    target: str,
    since_ms: int,
    until_ms: int,
) -> Sequence[Plain]:
    """Transfers in one direction.

    Raises:
        NotObserved: they are more than a page has.
    """
    asked = {
        "type": f"{WALLETS[source]}_{WALLETS[target]}",
        "startTime": since_ms,
        "endTime": until_ms,
        "size": TRANSFERS_MAX,
    }
    told: Sequence[Plain] = exchange.sapi_get_asset_transfer(asked).get("rows") or ()
    if len(told) == TRANSFERS_MAX:
        msg = f"there are more than {TRANSFERS_MAX} transfers since {since_ms}"
        raise NotObserved(msg)
    return told


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
