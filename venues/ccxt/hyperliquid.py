"""Hyperliquid's accounts: the one of perpetuals, and the one of spot pairs."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import ClassVar, Final

from verifill.venues.ccxt.client import number, whole
from verifill.venues.ccxt.hyperliquid_wallet import (
    PERP,
    SPOT,
    USDC,
    HyperliquidAccount,
    ledger,
    update_id,
    update_ms,
    updates,
    user,
)
from verifill.venues.ccxt.words import (
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

UNSIGNED: Final[Plain] = {"builderFee": False, "approvedBuilderFee": False}

MODES: Final = {"cross": MarginMode.CROSS, "isolated": MarginMode.ISOLATED}


class Hyperliquid(HyperliquidAccount):
    """The account of perpetuals, which withdrawals leave too."""

    name: ClassVar[str] = PERP
    options: ClassVar[Plain] = {"fetchMarkets": {"types": ["swap"]}, **UNSIGNED}
    perpetual: ClassVar[bool] = True
    margin_modes: ClassVar[bool] = True
    reaches: ClassVar[tuple[str, ...]] = (SPOT,)
    withdraws: ClassVar[bool] = True

    def balances(self, exchange: Ccxt, assets: Sequence[str]) -> Mapping[str, Decimal]:  # noqa: ARG002 - one protocol
        """See `Dialect.balances`: the account's value without the profit that is not realised."""
        told = _state(exchange)
        value = number(told["marginSummary"]["accountValue"], "the value of the account")
        for held in told["assetPositions"]:
            value -= number(held["position"]["unrealizedPnl"], "an unrealised profit")
        return {"USDC": value}

    def sizes(self, exchange: Ccxt, listed: Sequence[Listed]) -> Mapping[str, Decimal]:
        """See `Dialect.sizes`: what is flat is not in the list."""
        names = {_coin(exchange, one): one.symbol for one in listed}
        sizes = dict.fromkeys(names.values(), Decimal(0))
        for held in _state(exchange)["assetPositions"]:
            position = held["position"]
            if position["coin"] in names:
                sizes[names[position["coin"]]] = number(position["szi"], "the size of a position")
        return sizes

    def margin(self, exchange: Ccxt, listed: Sequence[Listed]) -> Margin:  # noqa: ARG002 - one protocol
        """See `Dialect.margin`: of what is margined together."""
        told = _state(exchange)
        return Margin(
            worth=number(told["crossMarginSummary"]["accountValue"], "the value of the account"),
            maintenance=number(told["crossMaintenanceMarginUsed"], "a maintenance margin"),
        )

    def leverage(self, exchange: Ccxt, listed: Listed) -> int:
        """See `Dialect.leverage`: told of what is flat, too."""
        return whole(_set(exchange, listed)["value"], "a leverage")

    def set_leverage(self, exchange: Ccxt, listed: Listed, leverage: int) -> None:
        """See `Dialect.set_leverage`: it is set with the mode, which is left as it is."""
        mode = self.margin_mode(exchange, listed)
        exchange.set_leverage(leverage, listed.symbol, {"marginMode": mode.lower()})

    def margin_mode(self, exchange: Ccxt, listed: Listed) -> MarginMode:
        """See `Dialect.margin_mode`."""
        return MODES[_set(exchange, listed)["type"]]

    def set_margin_mode(self, exchange: Ccxt, listed: Listed, mode: MarginMode) -> None:
        """See `Dialect.set_margin_mode`: it is set with the leverage, which is left as it is."""
        leverage = self.leverage(exchange, listed)
        exchange.set_margin_mode(mode.lower(), listed.symbol, {"leverage": leverage})

    def entries(
        self,
        exchange: Ccxt,
        listed: Sequence[Listed],  # noqa: ARG002 - one protocol
        trades: Sequence[tuple[Listed, Traded]],
        since_ms: int,
        until_ms: int,
    ) -> Iterable[Entry]:
        """See `Dialect.entries`: fills, funding, and all that is neither."""
        for one, trade in trades:
            yield resized(one, trade)
            yield from _paid(trade)
        for told in updates(exchange, "userFunding", since_ms, until_ms):
            yield _update(told, number(told["delta"]["usdc"], "a funding"), Cause.FUNDING)
        for told in ledger(exchange, since_ms, until_ms):
            yield from _moved(told)

    def realised(self, trade: Plain) -> Decimal:
        """See `Dialect.realised`."""
        return number(trade["info"]["closedPnl"], "the profit of a trade")

    def forced(self, trade: Plain) -> bool:
        """See `Dialect.forced`."""
        info = trade["info"]
        return "liquidation" in info or info["dir"] == "Auto-Deleveraging"


class HyperliquidSpot(HyperliquidAccount):
    """The account of spot pairs: what moved is worked out from trades and transfers."""

    name: ClassVar[str] = SPOT
    options: ClassVar[Plain] = {
        "defaultType": "spot",
        "fetchMarkets": {"types": ["spot"]},
        **UNSIGNED,
    }
    spot: ClassVar[bool] = True
    reaches: ClassVar[tuple[str, ...]] = (PERP,)

    def prepare(self, exchange: Ccxt) -> None:
        """See `Dialect.prepare`: an asset is called as the exchange calls it, UBTC and not BTC."""
        super().prepare(exchange)
        exchange.options["spotCurrencyMapping"] = {}

    def balances(self, exchange: Ccxt, assets: Sequence[str]) -> Mapping[str, Decimal]:
        """See `Dialect.balances`: what is not in the list, the account does not hold."""
        held = dict.fromkeys(assets, Decimal(0))
        told = exchange.publicPostInfo({"type": "spotClearinghouseState", "user": user(exchange)})
        for one in told["balances"]:
            held[exchange.safe_currency_code(one["coin"])] = number(one["total"], "a balance")
        return held

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
        for moved in self.transfers(exchange, since_ms, until_ms):
            yield moved.entry(self.name)


def _coin(exchange: Ccxt, listed: Listed) -> str:
    return str(exchange.market(listed.symbol)["baseName"])


def _set(exchange: Ccxt, listed: Listed) -> Plain:
    """Leverage and margin mode of a perpetual, which are one setting."""
    asked = {"type": "activeAssetData", "user": user(exchange), "coin": _coin(exchange, listed)}
    told: Plain = exchange.publicPostInfo(asked)["leverage"]
    return told


def _state(exchange: Ccxt) -> Plain:
    told: Plain = exchange.publicPostInfo({"type": "clearinghouseState", "user": user(exchange)})
    return told


def _update(told: Plain, amount: Decimal, cause: Cause, what: str = "") -> Entry:
    return Entry(
        ref=f"{what}{update_id(told)}",
        part="usdc",
        asset=USDC,
        amount=amount,
        cause=cause,
        time_ms=update_ms(told),
    )


def _paid(trade: Traded) -> Iterator[Entry]:
    """What a trade did to the wallet."""
    moved = (("pnl", trade.realised, Cause.REALISED), ("fee", -trade.fee, Cause.FEE))
    for part, amount, cause in moved:
        if amount:
            yield Entry(
                ref=trade.ref,
                part=part,
                asset=USDC if part == "pnl" else trade.fee_asset,
                amount=amount,
                cause=Cause.LIQUIDATION if trade.forced else cause,
                time_ms=trade.time_ms,
            )


# as transfers and withdrawals call them
NAMED: Final = {"accountClassTransfer": "transfer:", "withdraw": "withdrawal:"}
SIGNS: Final[Mapping[str, Callable[[Plain], int]]] = {
    "deposit": lambda _: 1,
    "withdraw": lambda _: -1,
    "accountClassTransfer": lambda delta: 1 if delta["toPerp"] else -1,
    "liquidation": lambda _: -1,
}


def _moved(told: Plain) -> Iterator[Entry]:
    """An update of a known kind; what an unknown one moved has no row, and is a mismatch."""
    delta = told["delta"]
    sign = SIGNS.get(delta["type"])
    if sign is None or "usdc" not in delta:
        return
    amount = sign(delta) * number(delta["usdc"], "an amount")
    amount -= number(delta.get("fee", "0"), "a fee")
    forced = delta["type"] == "liquidation"
    cause = Cause.LIQUIDATION if forced else Cause.TRANSFER
    yield _update(told, amount, cause, NAMED.get(delta["type"], ""))
