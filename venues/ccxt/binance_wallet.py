"""Binance's wallet: transfers, deposits and withdrawals, by an API of its own beside trading."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import permutations
from typing import ClassVar, Final

from verifill.engine.errors import NotObserved
from verifill.venues.ccxt.client import number, whole
from verifill.venues.ccxt.dialect import Dialect
from verifill.venues.ccxt.funds import Address, Destination, Moved, State, Withdrawn
from verifill.venues.ccxt.words import Ccxt, Entry, Permissions, Plain
from verifill.venues.orders import Cause

PAGE: Final = 100
WALLETS: Final = {"binance": "MAIN", "binanceusdm": "UMFUTURE"}
# https://developers.binance.com/docs/wallet/capital/withdraw-history: 0 email sent, 2 awaiting
# approval, 3 rejected, 4 processing, 6 completed; 1 cancelled and 5 failure of older ones
WITHDRAWALS: Final = {
    "1": State.FAILED,
    "3": State.FAILED,
    "5": State.FAILED,
    "6": State.DONE,
}
CREDITED: Final = frozenset({"1", "6"})  # success; credited, and not to be withdrawn yet


class Binance(Dialect):
    """What both have in common.

    An id is unique among open orders only: after a fill the same id executes again. A request
    is refused once `timestamp + recvWindow` is over, and so a deadline is its class D. That holds
    for transfers too, which have no id of ours; withdrawals have one to be asked for by.
    """

    page: ClassVar[int] = 1_000
    # -2015 comes as DDoSProtection once the key has worked, which looks as if waiting would help
    barred: ClassVar[tuple[str, ...]] = ('"code":-2015', '"code":-2014', '"code":-1022')
    in_use: ClassVar[tuple[str, ...]] = (
        '"code":-4116',
        '"code":-4026',
        "Duplicate order sent",
    )
    settled: ClassVar[tuple[str, ...]] = ('"code":-4046', '"code":-4059')

    def rehearse(self, exchange: Ccxt) -> None:
        """See `Dialect.rehearse`: its demo; of the old sandbox of USD-M nothing is left."""
        exchange.enable_demo_trading(True)  # noqa: FBT003 - how ccxt calls it

    def immovable(self, exchange: Ccxt, asset: str) -> str:
        """See `Funds.immovable`: where one rehearses there is no wallet."""
        if not has_wallet(exchange):
            return "Binance's demo has no wallet to move funds by"
        return super().immovable(exchange, asset)

    def transfer(
        self,
        exchange: Ccxt,
        asset: str,
        amount: str,
        target: str,
        client_id: str,  # noqa: ARG002 - it takes none
    ) -> str:
        """See `Funds.transfer`."""
        kind = f"{WALLETS[self.name]}_{WALLETS[target]}"
        asked = {"type": kind, "asset": asset, "amount": amount}
        return str(exchange.sapi_post_asset_transfer(asked)["tranId"])

    def transfers(self, exchange: Ccxt, since_ms: int, until_ms: int) -> Sequence[Moved]:
        """See `Funds.transfers`; none where the wallet's API is not."""
        if not has_wallet(exchange):
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
            yield one.entry(self.name)

    def withdraw(
        self, exchange: Ccxt, asset: str, amount: str, to: Destination, client_id: str
    ) -> str:
        """See `Funds.withdraw`; the fee is taken out of the amount."""
        asked = {
            "coin": asset,
            "address": to.address,
            "amount": amount,
            "withdrawOrderId": client_id,
            **({"network": to.network} if to.network else {}),
            **({"addressTag": to.tag} if to.tag else {}),
        }
        return str(exchange.sapi_post_capital_withdraw_apply(asked)["id"])

    def withdrawals(
        self, exchange: Ccxt, client_id: str, since_ms: int, until_ms: int
    ) -> Sequence[Withdrawn]:
        """See `Funds.withdrawals`.

        Raises:
            NotObserved: they are more than a page has.
        """
        asked: Plain = {"withdrawOrderId": client_id}
        if not client_id:
            asked = {"startTime": since_ms, "endTime": until_ms, "limit": PAGE}
        told: Sequence[Plain] = exchange.sapi_get_capital_withdraw_history(asked)
        _not_full(told, f"withdrawals since {since_ms}")
        return [
            Withdrawn(
                id=str(one["id"]),
                client_id=str(one.get("withdrawOrderId") or ""),
                asset=exchange.safe_currency_code(one["coin"]),
                amount=number(one["amount"], "the amount of a withdrawal"),
                fee=number(one["transactionFee"], "the fee of a withdrawal"),
                address=str(one["address"]),
                time_ms=_read(one["applyTime"]),
                state=WITHDRAWALS.get(str(one["status"]), State.PENDING),
                words=f"status {one['status']}",
            )
            for one in told
        ]

    def address(self, exchange: Ccxt, asset: str, network: str) -> Address:
        """See `Funds.address`."""
        asked = {"coin": asset, **({"network": network} if network else {})}
        told = exchange.sapi_get_capital_deposit_address(asked)
        return Address(
            asset=asset, network=network, address=str(told["address"]), tag=str(told["tag"])
        )

    def trades_here(self, exchange: Ccxt) -> bool:
        """Whether the account may trade, by its own word and not by that of the wallet."""
        raise NotImplementedError

    def permissions(self, exchange: Ccxt) -> Permissions:
        """See `Dialect.permissions`; the demo has no wallet to withdraw from."""
        if not has_wallet(exchange):
            return Permissions(read=True, trade=self.trades_here(exchange), withdraw=False)
        told = exchange.sapi_get_account_apirestrictions()
        trade = "enableFutures" if self.perpetual else "enableSpotAndMarginTrading"
        return Permissions(
            read=told["enableReading"] is True,
            trade=told[trade] is True,
            withdraw=told["enableWithdrawals"] is not False,
        )


def deposits(exchange: Ccxt, since_ms: int, until_ms: int) -> Iterator[Entry]:
    """What came from outside.

    Raises:
        NotObserved: they are more than a page has.
    """
    asked = {"startTime": since_ms, "endTime": until_ms, "limit": PAGE}
    told: Sequence[Plain] = exchange.sapi_get_capital_deposit_hisrec(asked)
    _not_full(told, f"deposits since {since_ms}")
    for one in told:
        if str(one["status"]) in CREDITED:
            yield Entry(
                ref=f"deposit:{one['id']}",
                part="amount",
                asset=exchange.safe_currency_code(one["coin"]),
                amount=number(one["amount"], "the amount of a deposit"),
                cause=Cause.TRANSFER,
                time_ms=whole(one["insertTime"], "the time of a deposit"),
            )


def has_wallet(exchange: Ccxt) -> bool:
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
        "size": PAGE,
    }
    told: Sequence[Plain] = exchange.sapi_get_asset_transfer(asked).get("rows") or ()
    _not_full(told, f"transfers since {since_ms}")
    return told


def _not_full(told: Sequence[Plain], what: str) -> None:
    if len(told) >= PAGE:
        msg = f"there are more than {PAGE} {what}"
        raise NotObserved(msg)


def _read(written: str) -> int:
    """Milliseconds of a time as the list of withdrawals has it: UTC, without a zone."""
    at = datetime.strptime(written, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    return int(at.timestamp()) * 1_000
