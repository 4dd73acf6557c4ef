"""Bybit's funding account, and what funds do between it, the unified account and the world."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from hashlib import sha256
from typing import ClassVar, Final
from uuid import UUID

from verifill.engine.errors import NotObserved
from verifill.venues.ccxt.client import number, whole
from verifill.venues.ccxt.dialect import Dialect
from verifill.venues.ccxt.funds import Address, Destination, Moved, State, Withdrawn
from verifill.venues.ccxt.pages import chained
from verifill.venues.ccxt.words import (
    REHEARSED,
    Ccxt,
    Entry,
    Listed,
    Permissions,
    Plain,
    Traded,
)
from verifill.venues.orders import Cause

UNIFIED, FUND = "UNIFIED", "FUND"
WALLETS: Final = {"bybit": UNIFIED, "bybitfunding": FUND}
DIALECTS: Final = {wallet: name for name, wallet in WALLETS.items()}
# https://bybit-exchange.github.io/docs/v5/enum#transferstatus
TRANSFERS: Final = {"SUCCESS": State.DONE, "FAILED": State.FAILED}
# https://bybit-exchange.github.io/docs/v5/enum#withdrawstatus
WITHDRAWALS: Final = {
    "success": State.DONE,
    "BlockchainConfirmed": State.DONE,
    "CancelByUser": State.FAILED,
    "Reject": State.FAILED,
    "Fail": State.FAILED,
}
DEPOSITED: Final = "3"
ALL_IN: Final = 1  # of a withdrawal: its fee is taken out of the amount


class BybitAccount(Dialect):
    """What its accounts have in common.

    A transfer has a name of ours, a UUID that is taken once for ever. So does a withdrawal,
    `requestId`, but no list tells it: a withdrawal is found by the id that its answer had, or by
    what it was.
    """

    exchange: ClassVar[str] = "bybit"
    options: ClassVar[Plain] = {
        "fetchMarkets": {"types": ["spot", "linear"]},
        # known, and so not asked for: the permissions are told only of such an account
        "enableUnifiedMargin": False,
        "enableUnifiedAccount": True,
        "unifiedMarginStatus": 6,
    }
    barred: ClassVar[tuple[str, ...]] = ('"retCode":10003', '"retCode":10004', '"retCode":10005')
    in_use: ClassVar[tuple[str, ...]] = (
        '"retCode":110072',
        '"retCode":170141',
        '"retCode":131214',
    )
    named_transfers: ClassVar[bool] = True
    named_withdrawals: ClassVar[bool] = False

    def rehearse(self, exchange: Ccxt) -> None:
        """See `Dialect.rehearse`: its demo."""
        exchange.enable_demo_trading(True)  # noqa: FBT003 - how ccxt calls it

    def permissions(self, exchange: Ccxt) -> Permissions:
        """See `Dialect.permissions`; its demo does not tell."""
        if exchange.options.get("enableDemoTrading"):
            return REHEARSED
        told = exchange.private_get_v5_user_query_api()["result"]
        if str(told["uta"]) != "1":
            msg = "bybit: this key is of a classic account; a unified one is needed"
            raise NotObserved(msg)
        may = told["permissions"]
        trades = bool(may["Spot"]) and bool(may["ContractTrade"])
        return Permissions(
            read=True,
            trade=trades and str(told["readOnly"]) == "0",
            withdraw="Withdraw" in may["Wallet"],
        )

    def transfer_id(self, key: str) -> str:
        """See `Funds.transfer_id`: a UUID."""
        return str(UUID(bytes=sha256(key.encode()).digest()[:16], version=4))

    def transfer(self, exchange: Ccxt, asset: str, amount: str, target: str, client_id: str) -> str:
        """See `Funds.transfer`."""
        asked = {
            "transferId": client_id,
            "coin": asset,
            "amount": amount,
            "fromAccountType": WALLETS[self.name],
            "toAccountType": WALLETS[target],
        }
        told = exchange.private_post_v5_asset_transfer_inter_transfer(asked)
        return str(told["result"]["transferId"])

    def transfers(self, exchange: Ccxt, since_ms: int, until_ms: int) -> Sequence[Moved]:
        """See `Funds.transfers`."""
        return _transfers(exchange, {"startTime": since_ms, "endTime": until_ms})

    def transferred(
        self,
        exchange: Ccxt,
        client_id: str,
        since_ms: int,  # noqa: ARG002 - it is named
        until_ms: int,  # noqa: ARG002 - likewise
    ) -> Sequence[Moved]:
        """See `Funds.transferred`."""
        return _transfers(exchange, {"transferId": client_id})

    def withdraw(
        self, exchange: Ccxt, asset: str, amount: str, to: Destination, client_id: str
    ) -> str:
        """See `Funds.withdraw`."""
        asked = {
            "coin": asset,
            "chain": to.network,
            "address": to.address,
            "amount": amount,
            "timestamp": exchange.nonce(),
            "accountType": "FUND",
            "feeType": ALL_IN,
            "requestId": client_id,
            **({"tag": to.tag} if to.tag else {}),
        }
        return str(exchange.private_post_v5_asset_withdraw_create(asked)["result"]["id"])

    def withdrawals(
        self,
        exchange: Ccxt,
        client_id: str,  # noqa: ARG002 - the list does not know it
        since_ms: int,
        until_ms: int,
    ) -> Sequence[Withdrawn]:
        """See `Funds.withdrawals`."""
        asked = {"startTime": since_ms, "endTime": until_ms, "limit": 50}
        told = pages(exchange.private_get_v5_asset_withdraw_query_record, asked, "rows")
        return [
            Withdrawn(
                id=str(one["withdrawId"]),
                asset=exchange.safe_currency_code(one["coin"]),
                amount=number(one["amount"], "the amount of a withdrawal"),
                fee=number(one["withdrawFee"] or "0", "the fee of a withdrawal"),
                address=str(one["toAddress"]),
                time_ms=whole(one["createTime"], "the time of a withdrawal"),
                state=WITHDRAWALS.get(one["status"], State.PENDING),
                words=str(one["status"]),
            )
            for one in told
        ]

    def address(self, exchange: Ccxt, asset: str, network: str) -> Address:
        """See `Funds.address`."""
        told = exchange.private_get_v5_asset_deposit_query_address({"coin": asset})["result"]
        there = (
            Address(
                asset=asset,
                network=str(one["chain"]),
                address=str(one["addressDeposit"]),
                tag=str(one["tagDeposit"]),
            )
            for one in told["chains"]
        )
        return self.chosen(there, asset, network)


class BybitFunding(BybitAccount):
    """The funding account: it has no log, so transfers, deposits and withdrawals are its rows."""

    name: ClassVar[str] = "bybitfunding"
    reaches: ClassVar[tuple[str, ...]] = ("bybit",)
    withdraws: ClassVar[bool] = True
    takes_deposits: ClassVar[bool] = True

    def balances(self, exchange: Ccxt, assets: Sequence[str]) -> Mapping[str, Decimal]:
        """See `Dialect.balances`: asked for by coin, each is told though there be none."""
        asked = {"accountType": FUND, "coin": ",".join(assets)} if assets else {"accountType": FUND}
        told = exchange.private_get_v5_asset_transfer_query_account_coins_balance(asked)
        return {
            exchange.safe_currency_code(one["coin"]): number(one["walletBalance"], "a balance")
            for one in told["result"]["balance"]
        }

    def entries(
        self,
        exchange: Ccxt,
        listed: Sequence[Listed],  # noqa: ARG002 - nothing is traded in it
        trades: Sequence[tuple[Listed, Traded]],  # noqa: ARG002 - likewise
        since_ms: int,
        until_ms: int,
    ) -> Iterable[Entry]:
        """See `Dialect.entries`."""
        for one in self.transfers(exchange, since_ms, until_ms):
            if one.state is State.DONE and one.change(self.name):
                yield one.entry(self.name)

    def outside(self, exchange: Ccxt, since_ms: int, until_ms: int) -> Iterable[Entry]:
        """See `Funds.outside`."""
        for one in self.withdrawals(exchange, "", since_ms, until_ms):
            yield from one.entries()
        asked = {"startTime": since_ms, "endTime": until_ms, "limit": 50}
        for told in pages(exchange.private_get_v5_asset_deposit_query_record, asked, "rows"):
            if str(told["status"]) == DEPOSITED:
                yield Entry(
                    ref=f"deposit:{told['txID']}:{told['txIndex']}",
                    part="amount",
                    asset=exchange.safe_currency_code(told["coin"]),
                    amount=number(told["amount"], "the amount of a deposit"),
                    cause=Cause.TRANSFER,
                    time_ms=whole(told["successAt"], "the time of a deposit"),
                )


def pages(question: Callable[[Plain], Plain], asked: Plain, rows: str = "list") -> Iterator[Plain]:
    """All that a question of Bybit is answered with, page by page."""

    def page(cursor: str) -> tuple[Sequence[Plain], str]:
        told = question({**asked, "cursor": cursor} if cursor else asked)["result"]
        return told[rows], str(told["nextPageCursor"] or "")

    return chained(page)


def _transfers(exchange: Ccxt, asked: Plain) -> list[Moved]:
    told = pages(
        exchange.private_get_v5_asset_transfer_query_inter_transfer_list, {**asked, "limit": 50}
    )
    return [
        Moved(
            id=str(one["transferId"]),
            client_id=str(one["transferId"]),
            asset=exchange.safe_currency_code(one["coin"]),
            amount=number(one["amount"], "the amount of a transfer"),
            source=DIALECTS.get(one["fromAccountType"], str(one["fromAccountType"])),
            target=DIALECTS.get(one["toAccountType"], str(one["toAccountType"])),
            time_ms=whole(one["timestamp"], "the time of a transfer"),
            state=TRANSFERS.get(one["status"], State.PENDING),
        )
        for one in told
    ]
