"""OKX's trading account, by its v5 API: spot, and perpetuals that are counted in contracts."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import ClassVar, Final

from verifill.engine.errors import NotObserved
from verifill.venues.ccxt.client import number, whole
from verifill.venues.ccxt.funds import NEAR_MS, Moved, named
from verifill.venues.ccxt.okx_funding import OkxAccount, pages
from verifill.venues.ccxt.words import Asked, Ccxt, Entry, Listed, Margin, Plain, Traded, resized
from verifill.venues.orders import Cause

# https://www.okx.com/docs-v5/en/#trading-account-rest-api-get-bills-details-last-7-days
CAUSES: Final = {
    "2": Cause.TRADE,
    "5": Cause.LIQUIDATION,
    "7": Cause.INTEREST,
    "8": Cause.FUNDING,
    "9": Cause.LIQUIDATION,  # ADL
}
# subTypes of fills: partial and full liquidation, ADL
FORCED: Final = frozenset({"100", "101", "102", "103", "104", "105", "125", "126"})


class Okx(OkxAccount):
    """The trading account, in net mode and with cross margin.

    Bills tell what moved a wallet, fills what moved a size.
    """

    name: ClassVar[str] = "okx"
    spot: ClassVar[bool] = True
    perpetual: ClassVar[bool] = True
    reaches: ClassVar[tuple[str, ...]] = ("okxfunding",)

    def funding(self, exchange: Ccxt, symbols: Sequence[str]) -> Mapping[str, Decimal]:
        """See `Dialect.funding`; asked for one by one."""
        rates = {symbol: exchange.fetch_funding_rate(symbol) for symbol in symbols}
        return {
            symbol: number(told["fundingRate"], f"the funding of {symbol}")
            for symbol, told in rates.items()
        }

    def more(self, asked: Asked) -> Plain:
        """See `Dialect.more`: a quantity is always of the base asset."""
        if asked.listed.instrument.perpetual:
            return {"marginMode": "cross"}
        return {"tgtCcy": "base_ccy"}

    def filled(self, exchange: Ccxt, listed: Listed, order: Plain) -> Sequence[Traded]:
        """See `Dialect.filled`."""
        return self._fills(exchange, listed, {"ordId": order["id"]})

    def trades(
        self,
        exchange: Ccxt,
        listed: Listed,
        since_ms: int,
        until_ms: int,
    ) -> Sequence[Traded]:
        """See `Dialect.trades`."""
        return self._fills(exchange, listed, {"begin": since_ms, "end": until_ms})

    def balances(self, exchange: Ccxt, assets: Sequence[str]) -> Mapping[str, Decimal]:
        """See `Dialect.balances`: what is not among the details, the account does not hold."""
        (told,) = exchange.private_get_account_balance()["data"]
        held = dict.fromkeys(assets, Decimal(0))
        for coin in told["details"]:
            held[exchange.safe_currency_code(coin["ccy"])] = number(coin["cashBal"], "a balance")
        return held

    def sizes(self, exchange: Ccxt, listed: Sequence[Listed]) -> Mapping[str, Decimal]:
        """See `Dialect.sizes`: what is flat is not in the list."""
        sizes = dict.fromkeys((one.symbol for one in listed), Decimal(0))
        for told in exchange.private_get_account_positions({"instType": "SWAP"})["data"]:
            symbol = exchange.safe_symbol(told["instId"])
            if symbol in sizes:
                contracts = number(told["pos"] or "0", "the size of a position")
                sizes[symbol] += contracts * self.contract(exchange, symbol)
        return sizes

    def margin(self, exchange: Ccxt, listed: Sequence[Listed]) -> Margin:
        """See `Dialect.margin`: in futures mode each asset margins its own positions.

        Raises:
            NotObserved: there are several such assets, of which there is no common figure.
        """
        assets = {one.instrument.quote for one in listed}
        if len(assets) > 1:
            msg = f"okx: {', '.join(sorted(assets))} margin apart, and have no common margin"
            raise NotObserved(msg)
        (told,) = exchange.private_get_account_balance()["data"]
        for coin in told["details"]:
            if exchange.safe_currency_code(coin["ccy"]) in assets:
                return Margin(
                    worth=number(coin["eq"], "what margins"),
                    maintenance=number(coin["mmr"] or "0", "a maintenance margin"),
                )
        return Margin(worth=Decimal(0), maintenance=Decimal(0))

    def leverage(self, exchange: Ccxt, listed: Listed) -> int:
        """See `Dialect.leverage`."""
        asked = {"instId": exchange.market(listed.symbol)["id"], "mgnMode": "cross"}
        (told,) = exchange.private_get_account_leverage_info(asked)["data"]
        return whole(told["lever"], "a leverage")

    def set_leverage(self, exchange: Ccxt, listed: Listed, leverage: int) -> None:
        """See `Dialect.set_leverage`."""
        exchange.set_leverage(leverage, listed.symbol, {"mgnMode": "cross"})

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
            if one.instrument.perpetual:
                yield resized(one, trade)
        asked = {"begin": since_ms, "end": until_ms}
        rows = [_row(exchange, told) for told in pages(exchange.private_get_account_bills, asked)]
        moved: Sequence[Moved] = ()
        if any(row.cause is Cause.TRANSFER for row in rows):  # these bills do not name them
            moved = self.transfers(exchange, since_ms - NEAR_MS, until_ms + NEAR_MS)
        yield from named(rows, moved, self.name)

    def realised(self, trade: Plain) -> Decimal:
        """See `Dialect.realised`."""
        return number(trade["info"]["fillPnl"] or "0", "the profit of a trade")

    def forced(self, trade: Plain) -> bool:
        """See `Dialect.forced`."""
        return str(trade["info"]["subType"]) in FORCED

    def _fills(self, exchange: Ccxt, listed: Listed, asked: Plain) -> Sequence[Traded]:
        market = exchange.market(listed.symbol)
        kind = "SPOT" if market["spot"] else "SWAP"
        asked = {"instType": kind, "instId": market["id"], **asked}
        told = list(pages(exchange.private_get_trade_fills, asked))
        return self.read(exchange, listed, exchange.parse_trades(told, market))


def _row(exchange: Ccxt, told: Plain) -> Entry:
    """A bill."""
    symbol, trade = exchange.safe_symbol(told["instId"]), told["tradeId"]
    kind = str(told["type"])
    return Entry(
        ref=f"{symbol}:{trade}" if trade else f"{kind}:{told['billId']}",
        part=str(told["billId"]),
        asset=exchange.safe_currency_code(told["ccy"]),
        amount=number(told["balChg"], "a change of a balance"),
        cause=CAUSES.get(kind, Cause.TRANSFER),
        time_ms=whole(told["ts"], "the time of a bill"),
    )
