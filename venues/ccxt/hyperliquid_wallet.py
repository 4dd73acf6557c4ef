"""A wallet of Hyperliquid: what its two accounts have in common, and what funds do in it.

An order is signed by a wallet, and is public once it is made.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from hashlib import sha256
from typing import Any, ClassVar, Final

from attrs import evolve

from verifill.venues.ccxt.client import number, whole
from verifill.venues.ccxt.dialect import Dialect
from verifill.venues.ccxt.funds import Destination, Moved, State, Withdrawn
from verifill.venues.ccxt.pages import forward
from verifill.venues.ccxt.words import Asked, Ccxt, Listed, Permissions, Plain, Traded

PAGE: Final = 500
FIGURES: Final = 5  # a price has no more significant ones, unless it is whole
EXPIRY: Final = "expiresAfter"
NOBODY: Final = f"0x{0:040x}"
USDC: Final = "USDC"
SPOT, PERP = "hyperliquidspot", "hyperliquid"
# actions that only the owner of a wallet can sign, and that know of no expiry
BY_OWNER: Final = frozenset({"usdClassTransfer", "withdraw3"})
CHAIN_ID: Final = "0x66eee"  # which is signed, whatever the chain


class HyperliquidAccount(Dialect):
    """An account of a wallet; its key is best that of an API wallet, which trades only.

    Every order is signed with `expiresAfter`, so that it is refused after that. ccxt would
    sign an approval of a fee for its builder, and a referrer, when it loads the markets: both
    are cut off, and nothing is signed but orders, cancels, settings, transfers and withdrawals.

    Transfers and withdrawals have no expiry, but a nonce that is taken once: the deadline of the
    intent, so that one is never carried out twice. A withdrawal is told with it; a transfer is
    not, and one that is not found may still come.
    """

    exchange: ClassVar[str] = "hyperliquid"
    wallet: ClassVar[bool] = True
    page: ClassVar[int] = 2_000
    lingers_s: ClassVar[int | None] = None
    movable: ClassVar[tuple[str, ...]] = (USDC,)
    fee_on_top: ClassVar[bool] = True

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
            expiry = "" if request["action"]["type"] in BY_OWNER else options.get(EXPIRY)
            return post({**request, EXPIRY: expiry} if expiry else request)

        exchange.sign_l1_action = signed
        exchange.privatePostExchange = posted

    def time_ms(self, exchange: Ccxt) -> int:
        """See `Dialect.time_ms`: nothing tells it but an answer about somebody's account."""
        told = exchange.publicPostInfo({"type": "clearinghouseState", "user": user(exchange)})
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
        by, owner = signer(exchange), user(exchange)
        told = exchange.publicPostInfo({"type": "userRole", "user": by})
        agent = told["role"] == "agent" and str(told["data"]["user"]).lower() == owner
        return Permissions(read=True, trade=agent or by == owner, withdraw=by == owner)

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

    def immovable(self, exchange: Ccxt, asset: str) -> str:
        """See `Funds.immovable`: an API wallet may move none."""
        if signer(exchange) != user(exchange):
            return "an API wallet trades only; transfers and withdrawals are signed by its owner"
        return super().immovable(exchange, asset)

    def transfer(
        self,
        exchange: Ccxt,
        asset: str,  # noqa: ARG002 - it is USDC
        amount: str,
        target: str,
        client_id: str,  # noqa: ARG002 - it has a nonce
    ) -> str:
        """See `Funds.transfer`; it is acknowledged without an id."""
        signed = {"amount": amount, "toPerp": target == PERP, "nonce": exchange.options[EXPIRY]}
        return _signed(exchange, "usdClassTransfer", signed, exchange.build_usd_class_send_sig)

    def transfers(self, exchange: Ccxt, since_ms: int, until_ms: int) -> Sequence[Moved]:
        """See `Funds.transfers`."""
        return [
            Moved(
                id=update_id(told),
                asset=USDC,
                amount=number(told["delta"]["usdc"], "the amount of a transfer"),
                source=SPOT if told["delta"]["toPerp"] else PERP,
                target=PERP if told["delta"]["toPerp"] else SPOT,
                time_ms=update_ms(told),
            )
            for told in ledger(exchange, since_ms, until_ms)
            if told["delta"]["type"] == "accountClassTransfer"
        ]

    def withdrawal_id(self, key: str, deadline_ms: int) -> str:  # noqa: ARG002 - it has a nonce
        """See `Funds.withdrawal_id`: the nonce."""
        return str(deadline_ms)

    def withdraw(
        self,
        exchange: Ccxt,
        asset: str,  # noqa: ARG002 - it is USDC
        amount: str,
        to: Destination,
        client_id: str,
    ) -> str:
        """See `Funds.withdraw`; it is acknowledged without an id."""
        signed = {"destination": to.address, "amount": amount, "time": int(client_id)}
        return _signed(exchange, "withdraw3", signed, exchange.build_withdraw_sig)

    def withdrawals(
        self,
        exchange: Ccxt,
        client_id: str,  # noqa: ARG002 - all of a time are told
        since_ms: int,
        until_ms: int,
    ) -> Sequence[Withdrawn]:
        """See `Funds.withdrawals`: what is told has left; when it arrives is not told."""
        return [
            Withdrawn(
                id=update_id(told),
                client_id=str(told["delta"]["nonce"]),
                asset=USDC,
                amount=number(told["delta"]["usdc"], "the amount of a withdrawal"),
                fee=number(told["delta"]["fee"], "the fee of a withdrawal"),
                address="",
                time_ms=update_ms(told),
                state=State.DONE,
                words="it has left",
            )
            for told in ledger(exchange, since_ms, until_ms)
            if told["delta"]["type"] == "withdraw"
        ]


def rounded(price: str, *, up: bool) -> str:
    """A price of no more figures than are taken, no better for the other side than it was."""
    told = Decimal(price)
    step = Decimal(1).scaleb(min(told.adjusted() + 1 - FIGURES, 0))
    return f"{told.quantize(step, rounding=ROUND_UP if up else ROUND_DOWN):f}"


def _nothing(*_asked: object) -> bool:
    """Sign nothing that nobody asked for."""
    return True


def user(exchange: Ccxt) -> str:
    """Whose account it is, or nobody's for what is public."""
    return str(exchange.walletAddress or NOBODY).lower()


def updates(exchange: Ccxt, kind: str, since_ms: int, until_ms: int) -> Iterator[Plain]:
    """Updates of the ledger, oldest first."""

    def page(since_ms: int) -> Sequence[Plain]:
        asked = {
            "type": kind,
            "user": user(exchange),
            "startTime": since_ms,
            "endTime": until_ms,
        }
        told: Sequence[Plain] = exchange.publicPostInfo(asked)
        return told

    return iter(forward(page, since_ms, PAGE, lambda told: (update_id(told), update_ms(told))))


def update_id(told: Plain) -> str:
    """What tells an update from the others; payments of funding have no hash of their own."""
    delta = told["delta"]
    return f"{delta['type']}:{told['hash']}:{delta.get('coin', '')}:{told['time']}"


def update_ms(told: Plain) -> int:
    """When an update was."""
    return whole(told["time"], "the time of an update")


def signer(exchange: Ccxt) -> str:
    """The address of whoever signs."""
    return str(exchange.eth_get_address_from_private_key(exchange.privateKey)).lower()


def ledger(exchange: Ccxt, since_ms: int, until_ms: int) -> Iterator[Plain]:
    """All that moved a wallet and is neither a trade nor funding, oldest first."""
    return updates(exchange, "userNonFundingLedgerUpdates", since_ms, until_ms)


def _signed(exchange: Ccxt, kind: str, signed: Plain, sign: Callable[[Plain], object]) -> str:
    """Send an action that the owner of a wallet signs; how it was acknowledged."""
    chain = "Testnet" if exchange.options.get("sandboxMode") else "Mainnet"
    action = {"hyperliquidChain": chain, **signed}
    told = exchange.privatePostExchange(
        {
            "action": {"type": kind, "signatureChainId": CHAIN_ID, **action},
            "nonce": signed.get("nonce", signed.get("time")),
            "signature": sign(action),
        }
    )
    return str(told["status"])
