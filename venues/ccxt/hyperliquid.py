"""Hyperliquid's perpetuals: an order is signed by a wallet, and is public once it is made."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from hashlib import sha256
from typing import Any, ClassVar, Final

from attrs import evolve

from verifill.venues.ccxt.client import number, whole
from verifill.venues.ccxt.dialect import Dialect
from verifill.venues.ccxt.pages import forward
from verifill.venues.ccxt.words import (
    Asked,
    Ccxt,
    Entry,
    Listed,
    Permissions,
    Plain,
    Traded,
    resized,
)
from verifill.venues.orders import Cause

PAGE: Final = 500
FIGURES: Final = 5  # a price has no more significant ones, unless it is whole
EXPIRY: Final = "expiresAfter"


class Hyperliquid(Dialect):
    """The perpetuals' account of a wallet; its key is best that of an API wallet.

    Every action is signed with `expiresAfter`, so that it is refused after that. ccxt would
    sign an approval of a fee for its builder, and a referrer, when it loads the markets: both
    are cut off, and nothing is signed but orders, cancels and settings.
    """

    name: ClassVar[str] = "hyperliquid"
    exchange: ClassVar[str] = "hyperliquid"
    options: ClassVar[Plain] = {
        "fetchMarkets": {"types": ["swap"]},
        "builderFee": False,
        "approvedBuilderFee": False,
    }
    wallet: ClassVar[bool] = True
    perpetual: ClassVar[bool] = True
    page: ClassVar[int] = 2_000

    def prepare(self, exchange: Ccxt) -> None:
        """See `Dialect.prepare`."""
        super().prepare(exchange)
        exchange.initialize_client = _nothing
        sign, post = exchange.sign_l1_action, exchange.privatePostExchange
        options: dict[str, Any] = exchange.options
        for helper in options.get("marketHelperProps", ()):  # it would look for them in vain
            options.setdefault(helper, None)

        def signed(action: object, nonce: object, vault: str | None = None, *_: object) -> object:
            return sign(action, nonce, vault, options.get(EXPIRY))

        def posted(request: Plain) -> object:
            expiry = options.get(EXPIRY)
            return post({**request, EXPIRY: expiry} if expiry else request)

        exchange.sign_l1_action = signed
        exchange.privatePostExchange = posted

    def time_ms(self, exchange: Ccxt) -> int:
        """See `Dialect.time_ms`: nothing tells it but an answer about somebody's account."""
        told = exchange.publicPostInfo({"type": "clearinghouseState", "user": _user(exchange)})
        return whole(told["time"], "the exchange's time")

    def candles(
        self,
        exchange: Ccxt,
        symbol: str,
        timeframe: str,
        since_ms: int | None,
        count: int,
    ) -> Sequence[Sequence[Any]]:
        """See `Dialect.candles`; it has no more than the last 5000."""
        until: dict[str, int] = {}
        if since_ms is not None:
            until["until"] = since_ms + exchange.parse_timeframe(timeframe) * 1_000 * count
        told: Sequence[Sequence[Any]] = exchange.fetch_ohlcv(
            symbol, timeframe, since_ms, count, until
        )
        return told

    def permissions(self, exchange: Ccxt) -> Permissions:
        """See `Dialect.permissions`: an API wallet trades, and only its owner withdraws."""
        signer = str(exchange.eth_get_address_from_private_key(exchange.privateKey)).lower()
        owner = _user(exchange)
        told = exchange.publicPostInfo({"type": "userRole", "user": signer})
        agent = told["role"] == "agent" and str(told["data"]["user"]).lower() == owner
        return Permissions(read=True, trade=agent or signer == owner, withdraw=signer == owner)

    def client_id(self, key: str) -> str:
        """See `Dialect.client_id`: 128 bits in hexadecimal digits."""
        return f"0x{sha256(key.encode()).hexdigest()[:32]}"

    def expire(self, exchange: Ccxt, now_ms: int, deadline_ms: int) -> Mapping[str, str]:
        """See `Dialect.expire`."""
        exchange.nonce = lambda: now_ms
        exchange.options[EXPIRY] = deadline_ms
        return {}

    def create(self, exchange: Ccxt, asked: Asked) -> Plain:
        """See `Dialect.create`: there is no market order, but one with the worst price it takes."""
        limit = asked.limit or rounded(asked.worst, up=not asked.buy)
        return super().create(exchange, evolve(asked, limit=limit))

    def filled(self, exchange: Ccxt, listed: Listed, order: Plain) -> Sequence[Traded]:
        """See `Dialect.filled`."""
        since_ms = whole(order["timestamp"], "the time of an order") - 60_000
        told = exchange.fetch_my_trades(listed.symbol, since_ms)
        return [t for t in self.read(exchange, listed, told) if t.order == order["id"]]

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

    def leverage(self, exchange: Ccxt, listed: Listed) -> int:
        """See `Dialect.leverage`: told of what is flat, too."""
        asked = {
            "type": "activeAssetData",
            "user": _user(exchange),
            "coin": _coin(exchange, listed),
        }
        return whole(exchange.publicPostInfo(asked)["leverage"]["value"], "a leverage")

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
        for told in _updates(exchange, "userFunding", since_ms, until_ms):
            yield _update(told, number(told["delta"]["usdc"], "a funding"), Cause.FUNDING)
        for told in _updates(exchange, "userNonFundingLedgerUpdates", since_ms, until_ms):
            yield from _moved(told)

    def realised(self, trade: Plain) -> Decimal:
        """See `Dialect.realised`."""
        return number(trade["info"]["closedPnl"], "the profit of a trade")

    def forced(self, trade: Plain) -> bool:
        """See `Dialect.forced`."""
        info = trade["info"]
        return "liquidation" in info or info["dir"] == "Auto-Deleveraging"


def rounded(price: str, *, up: bool) -> str:
    """A price of no more figures than are taken, no better for the other side than it was."""
    told = Decimal(price)
    step = Decimal(1).scaleb(min(told.adjusted() + 1 - FIGURES, 0))
    return f"{told.quantize(step, rounding=ROUND_UP if up else ROUND_DOWN):f}"


def _nothing(*_asked: object) -> bool:
    """Sign nothing that nobody asked for."""
    return True


def _user(exchange: Ccxt) -> str:
    return str(exchange.walletAddress or NOBODY).lower()


NOBODY: Final = f"0x{0:040x}"


def _coin(exchange: Ccxt, listed: Listed) -> str:
    return str(exchange.market(listed.symbol)["baseName"])


def _state(exchange: Ccxt) -> Plain:
    told: Plain = exchange.publicPostInfo({"type": "clearinghouseState", "user": _user(exchange)})
    return told


def _updates(exchange: Ccxt, kind: str, since_ms: int, until_ms: int) -> Iterator[Plain]:
    """Updates of the ledger, oldest first."""

    def page(since_ms: int) -> Sequence[Plain]:
        asked = {
            "type": kind,
            "user": _user(exchange),
            "startTime": since_ms,
            "endTime": until_ms,
        }
        told: Sequence[Plain] = exchange.publicPostInfo(asked)
        return told

    return iter(forward(page, since_ms, PAGE, lambda told: (_name(told), _time_ms(told))))


def _name(told: Plain) -> str:
    """What tells an update from the others; payments of funding have no hash of their own."""
    delta = told["delta"]
    return f"{delta['type']}:{told['hash']}:{delta.get('coin', '')}:{told['time']}"


def _time_ms(told: Plain) -> int:
    return whole(told["time"], "the time of an update")


def _update(told: Plain, amount: Decimal, cause: Cause) -> Entry:
    return Entry(
        ref=_name(told),
        part="usdc",
        asset="USDC",
        amount=amount,
        cause=cause,
        time_ms=_time_ms(told),
    )


def _paid(trade: Traded) -> Iterator[Entry]:
    """What a trade did to the wallet."""
    moved = (("pnl", trade.realised, Cause.REALISED), ("fee", -trade.fee, Cause.FEE))
    for part, amount, cause in moved:
        if amount:
            yield Entry(
                ref=trade.ref,
                part=part,
                asset="USDC" if part == "pnl" else trade.fee_asset,
                amount=amount,
                cause=Cause.LIQUIDATION if trade.forced else cause,
                time_ms=trade.time_ms,
            )


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
    yield _update(told, amount, Cause.LIQUIDATION if forced else Cause.TRANSFER)
