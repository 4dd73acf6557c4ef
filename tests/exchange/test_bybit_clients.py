"""Bybit, driven by its own client, and by ccxt where that has no method."""

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

import pytest

from fixtures.exchange import KEY, SECRET
from fixtures.exchange.bybit.dialect import PUBLIC, SIGNED
from tests.exchange.clients import CCXT, Loopback
from tests.exchange.driving import drive

PYBIT: Any = importlib.import_module("pybit.unified_trading")
ERRORS: Any = importlib.import_module("pybit.exceptions")
ETHER = "0x" + "ab" * 20
BTC = {"category": "linear", "symbol": "BTCUSDT"}
LIMIT = BTC | {"side": "Buy", "orderType": "Limit", "qty": "0.01", "price": "50000"}
MARKET = BTC | {"side": "Sell", "orderType": "Market", "qty": "0.01"}
SPOT = {"category": "spot", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market"}


@dataclass(frozen=True, slots=True)
class Clients:
    """Bybit's client, and ccxt's."""

    own: Any
    ccxt: Any


@pytest.fixture
def clients(loopback: Loopback) -> Iterator[Clients]:
    own = PYBIT.HTTP(api_key=KEY, api_secret=SECRET, max_retries=1)
    own.endpoint = loopback.url("api.bybit.com")
    loopback.control.permit("bybit", "withdraw", on=True)
    yield Clients(own=own, ccxt=loopback.ccxt("bybit"))
    own.client.close()


DRIVES: Mapping[str, Callable[[Clients], object]] = {
    "GET /v5/market/time": lambda c: c.own.get_server_time(),
    "GET /v5/market/instruments-info": lambda c: c.own.get_instruments_info(category="spot"),
    "GET /v5/market/tickers": lambda c: c.own.get_tickers(**BTC),
    "GET /v5/market/orderbook": lambda c: c.own.get_orderbook(**BTC, limit=2),
    "GET /v5/market/kline": lambda c: c.own.get_kline(**BTC, interval="60", limit=3),
    "GET /v5/market/funding/history": lambda c: c.own.get_funding_rate_history(**BTC, limit=3),
    "GET /v5/user/query-api": lambda c: c.own.get_api_key_information(),
    "GET /v5/account/info": lambda c: c.own.get_account_info(),
    "GET /v5/account/wallet-balance": lambda c: c.own.get_wallet_balance(accountType="UNIFIED"),
    "POST /v5/account/set-margin-mode": lambda c: c.own.set_margin_mode(
        setMarginMode="ISOLATED_MARGIN"
    ),
    "POST /v5/position/set-leverage": lambda c: c.own.set_leverage(
        **BTC, buyLeverage="3", sellLeverage="3"
    ),
    "POST /v5/position/switch-mode": lambda c: refused(
        c.own.switch_position_mode, 110025, **BTC, mode=0
    ),
    "POST /v5/order/create": lambda c: c.own.place_order(**LIMIT, orderLinkId="mine"),
    "GET /v5/order/realtime": lambda c: c.own.get_open_orders(**BTC),
    "POST /v5/order/cancel": lambda c: c.own.cancel_order(**BTC, orderLinkId="mine"),
    "GET /v5/order/history": lambda c: c.own.get_order_history(**BTC),
    "POST /v5/order/cancel-all": lambda c: (
        c.own.place_order(**LIMIT, orderLinkId="all"),
        c.own.cancel_all_orders(category="linear", settleCoin="USDT"),
    ),
    "GET /v5/execution/list": lambda c: (
        c.own.place_order(**MARKET, orderLinkId="sale"),
        c.own.get_executions(**BTC),
    ),
    "GET /v5/position/list": lambda c: c.own.get_positions(category="linear", settleCoin="USDT"),
    "GET /v5/account/transaction-log": lambda c: c.own.get_transaction_log(),
    "GET /v5/asset/coin/query-info": lambda c: c.own.get_coin_info(coin="USDT"),
    "GET /v5/asset/transfer/query-account-coins-balance": lambda c: c.own.get_coins_balance(
        accountType="FUND"
    ),
    "POST /v5/asset/transfer/inter-transfer": lambda c: c.own.create_internal_transfer(
        transferId="t1", coin="USDT", amount="5", fromAccountType="FUND", toAccountType="UNIFIED"
    ),
    "GET /v5/asset/transfer/query-inter-transfer-list": lambda c: (
        c.own.get_internal_transfer_records(transferId="t1")
    ),
    "GET /v5/asset/deposit/query-address": lambda c: c.own.get_master_deposit_address(coin="USDT"),
    "GET /v5/asset/deposit/query-record": lambda c: c.own.get_deposit_records(coin="USDT"),
    "POST /v5/asset/withdraw/create": lambda c: c.own.withdraw(
        coin="USDT", chain="ETH", address=ETHER, amount="10", accountType="FUND", requestId="w1"
    ),
    "GET /v5/asset/withdraw/query-record": lambda c: c.own.get_withdrawal_records(coin="USDT"),
}


def refused(call: Callable[..., object], code: int, **told: object) -> int:
    """Bybit's code of what it refuses."""
    with pytest.raises(ERRORS.InvalidRequestError) as caught:
        call(**told)
    assert code == caught.value.status_code
    return code


def test_every_route_is_driven_by_a_client_that_others_wrote(
    loopback: Loopback, clients: Clients
) -> None:
    loopback.control.deposit("bybit", "FUND", "USDT", Decimal(7))
    answers: dict[str, Any] = drive(loopback, clients, DRIVES, PUBLIC.keys() | SIGNED.keys())

    def rows(route: str, name: str = "list") -> list[Any]:
        answer: Any = answers[route]
        told: Any = cast("tuple[Any, Any]", answer)[1] if isinstance(answer, tuple) else answer
        return list(told["result"][name])

    assert ["mine"] == [each["orderLinkId"] for each in rows("GET /v5/order/realtime")]
    assert ["Cancelled"] == [each["orderStatus"] for each in rows("GET /v5/order/history")]
    assert ["all"] == [
        clients.own.get_order_history(**BTC, orderId=each["orderId"])["result"]["list"][0][
            "orderLinkId"
        ]
        for each in rows("POST /v5/order/cancel-all")
    ]
    assert [("Sell", "0.01", "3")] == [
        (each["side"], each["size"], each["leverage"]) for each in rows("GET /v5/position/list")
    ]
    assert [("TRADE", "0.329967", "-0.329967")] == [
        (each["type"], each["fee"], each["change"])
        for each in rows("GET /v5/account/transaction-log")
    ]
    assert ["7"] == [each["amount"] for each in rows("GET /v5/asset/deposit/query-record", "rows")]
    assert [("10", "1")] == [
        (each["amount"], each["withdrawFee"])
        for each in rows("GET /v5/asset/withdraw/query-record", "rows")
    ]


def test_what_is_refused_has_bybits_own_codes(clients: Clients) -> None:
    own = clients.own
    place, spot = own.place_order, SPOT | {"qty": "10000000"}
    place(**LIMIT, orderLinkId="once")
    place(**(SPOT | {"qty": "100"}), orderLinkId="once too")
    asked: list[tuple[Callable[..., object], Mapping[str, object], int]] = [
        (place, LIMIT | {"symbol": "NONE"}, 10001),
        (place, LIMIT | {"qty": "0.0001"}, 10001),
        (place, LIMIT | {"timeInForce": "DAY"}, 10001),
        (place, LIMIT | {"side": "Long"}, 10001),
        (place, LIMIT | {"qty": "much"}, 10001),
        (place, LIMIT | {"orderLinkId": "x" * 37}, 10001),
        (place, LIMIT | {"price": "0.1"}, 110094),
        (place, LIMIT | {"qty": "900"}, 110007),
        (place, LIMIT | {"qty": "1001"}, 10001),
        (place, LIMIT | {"orderLinkId": "once"}, 110072),
        (place, MARKET | {"reduceOnly": True}, 110017),
        (place, spot, 170131),
        (place, SPOT | {"qty": "1"}, 170140),
        (place, SPOT | {"qty": "100", "orderLinkId": "once too"}, 170141),
        (place, SPOT | {"symbol": "NONE", "qty": "1"}, 170121),
        (own.cancel_order, BTC | {"orderLinkId": "none"}, 110001),
        (own.cancel_order, {"category": "spot", "symbol": "BTCUSDT", "orderId": "1"}, 170213),
        (own.set_leverage, BTC | {"buyLeverage": "101", "sellLeverage": "101"}, 110013),
        (own.set_leverage, BTC | {"buyLeverage": "20", "sellLeverage": "20"}, 110043),
        (own.set_leverage, BTC | {"buyLeverage": "2.5", "sellLeverage": "2.5"}, 10001),
        (own.switch_position_mode, BTC | {"mode": 3}, 110028),
        (own.set_margin_mode, {"setMarginMode": "SOME"}, 10001),
        (own.get_positions, {"category": "linear"}, 10001),
        (own.get_wallet_balance, {"accountType": "SPOT"}, 10001),
    ]

    for call, told, code in asked:
        refused(call, code, **told)


def test_a_client_id_is_never_taken_twice(loopback: Loopback, clients: Clients) -> None:
    clients.own.place_order(**MARKET, orderLinkId="again")
    refused(clients.own.place_order, 110072, **MARKET, orderLinkId="again")

    assert {"again": 1} == loopback.control.counts("bybit")


def test_a_post_only_order_that_would_take_is_cancelled_and_says_why(clients: Clients) -> None:
    told = LIMIT | {"timeInForce": "PostOnly", "price": "70000", "orderLinkId": "post"}
    clients.own.place_order(**told)
    (order,) = clients.own.get_open_orders(**BTC, orderLinkId="post")["result"]["list"]

    assert ("Cancelled", "EC_PostOnlyWillTakeLiquidity", "0") == (
        order["orderStatus"],
        order["rejectReason"],
        order["cumExecQty"],
    )


def test_transfers_and_withdrawals_are_refused_in_bybits_words(
    loopback: Loopback, clients: Clients
) -> None:
    move = {"coin": "USDT", "amount": "5", "fromAccountType": "FUND", "toAccountType": "UNIFIED"}
    clients.own.create_internal_transfer(**move, transferId="t1")
    for more, code in (
        ({"transferId": "t1"}, 131214),
        ({"transferId": "t2", "amount": "90000"}, 131212),
        ({"transferId": "t3", "toAccountType": "SPOT"}, 131203),
    ):
        refused(clients.own.create_internal_transfer, code, **(move | more))
    send = {"coin": "USDT", "chain": "ETH", "address": ETHER, "amount": "10", "requestId": "w1"}
    for more, code in (
        ({"coin": "NONE"}, 131001),
        ({"chain": "BSC"}, 131082),
        ({"accountType": "SPOT"}, 10001),
    ):
        refused(clients.own.withdraw, code, **(send | more))
    refused(clients.own.get_master_deposit_address, 131001, coin="NONE")
    loopback.control.permit("bybit", "withdraw", on=False)
    with pytest.raises(CCXT.PermissionDenied):
        clients.ccxt.withdraw("USDT", 10, ETHER, params={"network": "ETH"})

    told = clients.own.get_api_key_information()["result"]["permissions"]["Wallet"]
    assert ["AccountTransfer"] == told


def test_the_log_tells_funding_liquidation_and_deleveraging(
    loopback: Loopback, clients: Clients
) -> None:
    market, control = "BTC/USDT:USDT", loopback.control
    clients.own.place_order(**MARKET | {"qty": "5"}, orderLinkId="short")
    control.fund("bybit", market, Decimal("0.001"))
    control.deleverage("bybit", market, Decimal(1))
    control.balance("bybit", "UNIFIED", "USDT", Decimal(1_000))
    control.move("bybit", market, Decimal(61_000))

    assert [market] == control.liquidate("bybit")
    rows = clients.own.get_transaction_log(currency="USDT")["result"]["list"]
    kinds = [each["type"] for each in reversed(rows)]
    assert ["TRADE", "SETTLEMENT", "ADL", "LIQUIDATION"] == list(dict.fromkeys(kinds))
    fundings = clients.ccxt.fetch_funding_history(market)
    assert [Decimal(300)] == [Decimal(each["info"]["execFee"]) * -1 for each in fundings]
    fills = clients.own.get_executions(category="linear")["result"]["list"]
    assert {"Trade", "AdlTrade", "BustTrade"} == {each["execType"] for each in fills}


def test_pages_follow_each_other_by_the_cursor(clients: Clients) -> None:
    for number in range(5):
        clients.own.place_order(**LIMIT, orderLinkId=f"p{number}")
    seen: list[str] = []
    cursor = ""
    for _ in range(3):
        page = clients.own.get_open_orders(**BTC, limit=2, cursor=cursor)["result"]
        seen += [each["orderLinkId"] for each in page["list"]]
        cursor = page["nextPageCursor"]

    assert (["p4", "p3", "p2", "p1", "p0"], "") == (seen, cursor)
