"""OKX's funding account, and what funds do between it, the trading account and the world."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import ClassVar, Final

from verifill.engine.errors import NotObserved
from verifill.venues.ccxt.client import number, whole
from verifill.venues.ccxt.dialect import Dialect
from verifill.venues.ccxt.funds import Address, Destination, Moved, State, Withdrawn
from verifill.venues.ccxt.pages import chained
from verifill.venues.ccxt.words import Ccxt, Entry, Listed, Permissions, Plain, Traded
from verifill.venues.orders import Cause

PAGE: Final = 100
NUMBERS: Final = {"okx": "18", "okxfunding": "6"}
NAMES: Final = {number: name for name, number in NUMBERS.items()}
STATES: Final = {"success": State.DONE, "failed": State.FAILED}
# https://www.okx.com/docs-v5/en/#funding-account-rest-api-get-withdrawal-history
WITHDRAWALS: Final = {"2": State.DONE, "-1": State.FAILED, "-2": State.FAILED}
# bills of the funding account: from and to the trading account
FROM_TRADING, TO_TRADING = "130", "131"
ON_CHAIN: Final = "4"


class OkxAccount(Dialect):
    """What its accounts have in common.

    An order is refused after `expTime`, a header that ccxt does not send. Transfers do not know
    of it: they are refused 30 seconds after they were signed. Transfers and withdrawals have a
    name of ours, which the bills of the funding account have too.
    """

    exchange: ClassVar[str] = "okx"
    options: ClassVar[Plain] = {
        "fetchMarkets": {"types": ["spot", "swap"]},
        "createOrder": "privatePostTradeOrder",
    }
    credentials: ClassVar[tuple[str, ...]] = ("API_KEY", "SECRET", "PASSWORD")
    in_use: ClassVar[tuple[str, ...]] = ('"sCode":"51016"', '"code":"50071"')
    barred: ClassVar[tuple[str, ...]] = ('"code":"50111"', '"code":"50113"', '"code":"50105"')
    named_transfers: ClassVar[bool] = True
    lingers_s: ClassVar[int | None] = 30
    no_transfer: ClassVar[tuple[str, ...]] = ('"code":"58129"',)
    fee_on_top: ClassVar[bool] = True

    def permissions(self, exchange: Ccxt) -> Permissions:
        """See `Dialect.permissions`."""
        (told,) = exchange.private_get_account_config()["data"]
        may = told["perm"].split(",")
        return Permissions(
            read="read_only" in may, trade="trade" in may, withdraw="withdraw" in may
        )

    def expire(self, exchange: Ccxt, now_ms: int, deadline_ms: int) -> Mapping[str, str]:
        """See `Dialect.expire`."""
        exchange.nonce = lambda: now_ms
        return {"expTime": str(deadline_ms)}

    def transfer(self, exchange: Ccxt, asset: str, amount: str, target: str, client_id: str) -> str:
        """See `Funds.transfer`."""
        asked = {
            "ccy": asset,
            "amt": amount,
            "from": NUMBERS[self.name],
            "to": NUMBERS[target],
            "type": "0",
            "clientId": client_id,
        }
        (told,) = exchange.private_post_asset_transfer(asked)["data"]
        return str(told["transId"])

    def transfers(self, exchange: Ccxt, since_ms: int, until_ms: int) -> Sequence[Moved]:
        """See `Funds.transfers`: as the bills of the funding account tell them."""
        return [
            _moved(exchange, told)
            for told in _bills(exchange, since_ms, until_ms)
            if told["type"] in {FROM_TRADING, TO_TRADING}
        ]

    def transferred(
        self,
        exchange: Ccxt,
        client_id: str,
        since_ms: int,
        until_ms: int,
    ) -> Sequence[Moved]:
        """See `Funds.transferred`: its state by name, and when it was by its bill.

        Raises:
            NotObserved: it is done, and its bill is not there yet.
        """
        del since_ms, until_ms
        (told,) = exchange.private_get_asset_transfer_state({"clientId": client_id})["data"]
        state = STATES.get(told["state"], State.PENDING)
        if state is State.DONE:
            bills = exchange.private_get_asset_bills({"clientId": client_id})["data"]
            if not bills:
                msg = "okx: a transfer is done, and is not among the bills yet"
                raise NotObserved(msg)
            return [_moved(exchange, bill) for bill in bills]
        moved = Moved(
            id=client_id,
            client_id=str(told["clientId"]),
            asset=exchange.safe_currency_code(told["ccy"]),
            amount=number(told["amt"], "the amount of a transfer"),
            source=NAMES.get(told["from"], str(told["from"])),
            target=NAMES.get(told["to"], str(told["to"])),
            time_ms=0,
            state=state,
        )
        return [moved]

    def withdraw(
        self, exchange: Ccxt, asset: str, amount: str, to: Destination, client_id: str
    ) -> str:
        """See `Funds.withdraw`."""
        asked = {
            "ccy": asset,
            "amt": amount,
            "dest": ON_CHAIN,
            "toAddr": f"{to.address}:{to.tag}" if to.tag else to.address,
            "clientId": client_id,
            **({"chain": f"{asset}-{to.network}"} if to.network else {}),
        }
        (told,) = exchange.private_post_asset_withdrawal(asked)["data"]
        return str(told["wdId"])

    def withdrawals(
        self,
        exchange: Ccxt,
        client_id: str,
        since_ms: int,
        until_ms: int,
    ) -> Sequence[Withdrawn]:
        """See `Funds.withdrawals`."""
        asked = {"clientId": client_id} if client_id else {"after": until_ms, "before": since_ms}
        return [
            Withdrawn(
                id=str(one["clientId"] or one["wdId"]),
                client_id=str(one["clientId"]),
                asset=exchange.safe_currency_code(one["ccy"]),
                amount=number(one["amt"], "the amount of a withdrawal"),
                fee=number(one["fee"] or "0", "the fee of a withdrawal"),
                address=str(one["to"]),
                time_ms=whole(one["ts"], "the time of a withdrawal"),
                state=WITHDRAWALS.get(one["state"], State.PENDING),
                words=f"state {one['state']}",
            )
            for one in exchange.private_get_asset_withdrawal_history(asked)["data"]
        ]

    def address(self, exchange: Ccxt, asset: str, network: str) -> Address:
        """See `Funds.address`."""
        there = (
            Address(
                asset=asset,
                network=str(one["chain"]).removeprefix(f"{asset}-"),
                address=str(one["addr"]),
                tag=str(one.get("tag") or one.get("memo") or ""),
            )
            for one in exchange.private_get_asset_deposit_address({"ccy": asset})["data"]
        )
        return self.chosen(there, asset, network)


class OkxFunding(OkxAccount):
    """The funding account, whose bills tell all that moves it."""

    name: ClassVar[str] = "okxfunding"
    reaches: ClassVar[tuple[str, ...]] = ("okx",)
    withdraws: ClassVar[bool] = True
    takes_deposits: ClassVar[bool] = True

    def balances(self, exchange: Ccxt, assets: Sequence[str]) -> Mapping[str, Decimal]:
        """See `Dialect.balances`: what is not in the list, the account does not hold."""
        held = dict.fromkeys(assets, Decimal(0))
        for one in exchange.private_get_asset_balances()["data"]:
            held[exchange.safe_currency_code(one["ccy"])] = number(one["bal"], "a balance")
        return held

    def entries(
        self,
        exchange: Ccxt,
        listed: Sequence[Listed],  # noqa: ARG002 - nothing is traded in it
        trades: Sequence[tuple[Listed, Traded]],  # noqa: ARG002 - likewise
        since_ms: int,
        until_ms: int,
    ) -> Iterable[Entry]:
        """See `Dialect.entries`."""
        for told in _bills(exchange, since_ms, until_ms):
            kind, ours = str(told["type"]), str(told["clientId"])
            what = "transfer" if kind in {FROM_TRADING, TO_TRADING} else "withdrawal"
            yield Entry(
                ref=f"{what}:{ours or told['billId']}",
                part=str(told["billId"]),
                asset=exchange.safe_currency_code(told["ccy"]),
                amount=number(told["balChg"], "a change of a balance"),
                cause=Cause.TRANSFER,
                time_ms=whole(told["ts"], "the time of a bill"),
            )


def pages(question: Callable[[Plain], Plain], asked: Plain, key: str = "billId") -> Iterator[Plain]:
    """All that a question of OKX is answered with, newest first, page by page.

    Args:
        question: of ccxt.
        asked: what is asked for.
        key: what the next page begins with.
    """

    def page(before: str) -> tuple[Sequence[Plain], str]:
        more = {"after": before} if before else {}
        told: Sequence[Plain] = question({**asked, "limit": PAGE, **more})["data"]
        return told, str(told[-1][key]) if len(told) == PAGE else ""

    return chained(page)


def _bills(exchange: Ccxt, since_ms: int, until_ms: int) -> Iterator[Plain]:
    """Bills of the funding account; both ends are left out where they are asked for."""
    asked = {"before": since_ms - 1, "after": until_ms + 1}
    return pages(exchange.private_get_asset_bills, asked, "ts")


def _moved(exchange: Ccxt, bill: Plain) -> Moved:
    """A transfer, as a bill of the funding account tells it."""
    inwards = bill["type"] == FROM_TRADING
    ours = str(bill["clientId"])
    return Moved(
        id=ours or str(bill["billId"]),
        client_id=ours,
        asset=exchange.safe_currency_code(bill["ccy"]),
        amount=abs(number(bill["balChg"], "a change of a balance")),
        source="okx" if inwards else "okxfunding",
        target="okxfunding" if inwards else "okx",
        time_ms=whole(bill["ts"], "the time of a bill"),
    )
