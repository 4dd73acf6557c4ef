"""OKX, driven by its own clients."""

import importlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from fixtures.exchange import KEY, PASSPHRASE, SECRET
from fixtures.exchange.okx.dialect import PUBLIC, SIGNED
from tests.exchange.clients import CCXT, Loopback, create
from tests.exchange.driving import drive

# Its own deprecated way of sending a body is the client's affair.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

TRADE: Any = importlib.import_module("okx.Trade")
ACCOUNT: Any = importlib.import_module("okx.Account")
FUNDING: Any = importlib.import_module("okx.Funding")
MARKET: Any = importlib.import_module("okx.MarketData")
OPEN: Any = importlib.import_module("okx.PublicData")
ETHER = "0x" + "ab" * 20
SWAP = "BTC-USDT-SWAP"
LIMIT = {
    "instId": SWAP,
    "tdMode": "cross",
    "side": "buy",
    "ordType": "limit",
    "sz": "1",
    "px": "50000",
}
SALE = {"instId": SWAP, "tdMode": "cross", "side": "sell", "ordType": "market", "sz": "1"}


@dataclass(frozen=True, slots=True)
class Clients:
    """OKX's clients by section."""

    trade: Any
    account: Any
    funding: Any
    market: Any
    open: Any


@pytest.fixture
def clients(loopback: Loopback) -> Iterator[Clients]:
    domain = loopback.url("www.okx.com")
    loopback.control.permit("okx", "withdraw", on=True)
    kinds = (TRADE.TradeAPI, ACCOUNT.AccountAPI, FUNDING.FundingAPI, MARKET.MarketAPI)
    with ExitStack() as stack:
        made = [
            stack.enter_context(kind(KEY, SECRET, PASSPHRASE, flag="0", domain=domain))
            for kind in (*kinds, OPEN.PublicAPI)
        ]
        yield Clients(*made)


DRIVES: Mapping[str, Callable[[Clients], Any]] = {
    "GET /api/v5/public/time": lambda c: c.open.get_system_time(),
    "GET /api/v5/public/instruments": lambda c: c.open.get_instruments("SWAP"),
    "GET /api/v5/public/mark-price": lambda c: c.open.get_mark_price("SWAP"),
    "GET /api/v5/public/funding-rate": lambda c: c.open.get_funding_rate(SWAP),
    "GET /api/v5/public/funding-rate-history": lambda c: c.open.funding_rate_history(SWAP),
    "GET /api/v5/market/ticker": lambda c: c.market.get_ticker(SWAP),
    "GET /api/v5/market/tickers": lambda c: c.market.get_tickers("SPOT"),
    "GET /api/v5/market/books": lambda c: c.market.get_orderbook(SWAP, sz="2"),
    "GET /api/v5/market/candles": lambda c: c.market.get_candlesticks(SWAP, bar="1H", limit="3"),
    "GET /api/v5/market/history-candles": lambda c: c.market.get_history_candlesticks(
        SWAP, bar="1H"
    ),
    "GET /api/v5/account/config": lambda c: c.account.get_account_config(),
    "GET /api/v5/account/balance": lambda c: c.account.get_account_balance(),
    "POST /api/v5/account/set-position-mode": lambda c: c.account.set_position_mode("net_mode"),
    "POST /api/v5/account/set-leverage": lambda c: c.account.set_leverage("3", "cross", SWAP),
    "GET /api/v5/account/leverage-info": lambda c: c.account.get_leverage("cross", instId=SWAP),
    "GET /api/v5/account/trade-fee": lambda c: c.account.get_fee_rates("SWAP"),
    "POST /api/v5/trade/order": lambda c: c.trade.place_order(**LIMIT, clOrdId="mine"),
    "GET /api/v5/trade/order": lambda c: c.trade.get_order(SWAP, clOrdId="mine"),
    "GET /api/v5/trade/orders-pending": lambda c: c.trade.get_order_list(instType="SWAP"),
    "POST /api/v5/trade/cancel-order": lambda c: c.trade.cancel_order(SWAP, clOrdId="mine"),
    "POST /api/v5/trade/batch-orders": lambda c: c.trade.place_multiple_orders(
        [SALE | {"clOrdId": "b1"}, LIMIT | {"clOrdId": "b2"}]
    ),
    "POST /api/v5/trade/cancel-batch-orders": lambda c: c.trade.cancel_multiple_orders(
        [{"instId": SWAP, "clOrdId": "b2"}]
    ),
    "GET /api/v5/trade/orders-history": lambda c: c.trade.get_orders_history("SWAP"),
    "GET /api/v5/trade/orders-history-archive": lambda c: c.trade.get_orders_history_archive(
        "SWAP"
    ),
    "GET /api/v5/trade/fills": lambda c: c.trade.get_fills("SWAP"),
    "GET /api/v5/trade/fills-history": lambda c: c.trade.get_fills_history("SWAP"),
    "GET /api/v5/account/positions": lambda c: c.account.get_positions("SWAP"),
    "GET /api/v5/account/bills": lambda c: c.account.get_account_bills(),
    "GET /api/v5/account/bills-archive": lambda c: c.account.get_account_bills_archive(),
    "GET /api/v5/asset/currencies": lambda c: c.funding.get_currencies(),
    "GET /api/v5/asset/balances": lambda c: c.funding.get_balances("USDT"),
    "GET /api/v5/asset/bills": lambda c: c.funding.get_bills(),
    "POST /api/v5/asset/transfer": lambda c: c.funding.funds_transfer("USDT", "5", "6", "18"),
    "GET /api/v5/asset/transfer-state": lambda c: c.funding.transfer_state(
        c.funding.funds_transfer("USDT", "6", "6", "18")["data"][0]["transId"]
    ),
    "GET /api/v5/asset/deposit-address": lambda c: c.funding.get_deposit_address("USDT"),
    "GET /api/v5/asset/deposit-history": lambda c: c.funding.get_deposit_history(),
    "POST /api/v5/asset/withdrawal": lambda c: c.funding.withdrawal(
        "USDT", "10", "4", ETHER, chain="USDT-ERC20", clientId="w1"
    ),
    "GET /api/v5/asset/withdrawal-history": lambda c: c.funding.get_withdrawal_history(),
}


def test_every_route_is_driven_by_a_client_that_others_wrote(
    loopback: Loopback, clients: Clients
) -> None:
    loopback.control.deposit("okx", "funding", "USDT", Decimal(7))
    answers: dict[str, Any] = drive(loopback, clients, DRIVES, PUBLIC.keys() | SIGNED.keys())

    assert {"0"} == {answer["code"] for answer in answers.values()}
    told = {route: answer["data"] for route, answer in answers.items()}
    assert [("mine", "live")] == [
        (each["clOrdId"], each["state"]) for each in told["GET /api/v5/trade/orders-pending"]
    ]
    assert [("b2", "canceled"), ("b1", "filled"), ("mine", "canceled")] == [
        (each["clOrdId"], each["state"]) for each in told["GET /api/v5/trade/orders-history"]
    ]
    assert [("-1", "3", "cross")] == [
        (each["pos"], each["lever"], each["mgnMode"])
        for each in told["GET /api/v5/account/positions"]
    ]
    assert [("2", "-0.29997")] == [
        (each["type"], each["balChg"]) for each in told["GET /api/v5/account/bills"]
    ]
    assert ["6"] == [each["amt"] for each in told["GET /api/v5/asset/transfer-state"]]
    assert ["7"] == [each["amt"] for each in told["GET /api/v5/asset/deposit-history"]]
    assert [("w1", "10", "1")] == [
        (each["clientId"], each["amt"], each["fee"])
        for each in told["GET /api/v5/asset/withdrawal-history"]
    ]


def test_orders_that_are_refused_have_okxs_own_codes(clients: Clients) -> None:
    place = clients.trade.place_order
    place(**LIMIT, clOrdId="resting")
    spot = {"instId": "BTC-USDT", "tdMode": "cash", "side": "buy", "ordType": "market"}
    asked: list[tuple[dict[str, str], str]] = [
        (LIMIT | {"instId": "NONE"}, "51001"),
        (LIMIT | {"tdMode": "cash"}, "51000"),
        (LIMIT | {"ordType": "stop"}, "51000"),
        (LIMIT | {"clOrdId": "not-a-word"}, "51000"),
        (LIMIT | {"side": "long"}, "51000"),
        (LIMIT | {"px": ""}, "51000"),
        (LIMIT | {"sz": "0.001"}, "51121"),
        (LIMIT | {"sz": "0"}, "51020"),
        (LIMIT | {"sz": "100000"}, "51008"),
        (LIMIT | {"sz": "100001"}, "51202"),
        (LIMIT | {"clOrdId": "resting"}, "51016"),
        (SALE | {"reduceOnly": "true"}, "51169"),
        (spot | {"sz": "9000000"}, "51008"),
    ]
    codes = [place(**told)["data"][0]["sCode"] for told, _ in asked]

    assert [code for _, code in asked] == codes


def test_what_else_is_refused_has_its_code_at_the_top(loopback: Loopback, clients: Clients) -> None:
    loopback.control.permit("okx", "withdraw", on=False)
    send = {"amt": "10", "dest": "4", "toAddr": ETHER}
    asked = (
        (clients.trade.get_order(SWAP, clOrdId="none"), "51603"),
        (clients.trade.cancel_order(SWAP, clOrdId="none"), "1"),
        (clients.trade.place_multiple_orders([]), "51000"),
        (clients.account.set_leverage("101", "cross", SWAP), "59102"),
        (clients.account.set_leverage("5", "cross", "BTC-USDT"), "51000"),
        (clients.account.get_leverage("net", instId=SWAP), "51000"),
        (clients.account.set_position_mode("long_short_mode"), "59000"),
        (clients.funding.funds_transfer("USDT", "90000", "6", "18"), "58350"),
        (clients.funding.funds_transfer("USDT", "5", "6", "7"), "51000"),
        (clients.funding.transfer_state("1"), "58129"),
        (clients.funding.get_deposit_address("NONE"), "58004"),
        (clients.funding.withdrawal("NONE", **send), "58004"),
        (clients.funding.withdrawal("USDT", **send, chain="USDT-TRC20"), "51000"),
        (clients.funding.withdrawal("USDT", **send, clientId="w1"), "50120"),
        (clients.market.get_candlesticks(SWAP, bar="1Y"), "51000"),
    )

    assert [code for _, code in asked] == [answer["code"] for answer, _ in asked]
    assert "read_only,trade" == clients.account.get_account_config()["data"][0]["perm"]


def test_ids_are_unique_among_pending_orders_only(loopback: Loopback, clients: Clients) -> None:
    for _ in range(2):
        clients.trade.place_order(**SALE, clOrdId="again")

    assert {"again": 2} == loopback.control.counts("okx")


def test_a_batch_may_succeed_in_part(clients: Clients) -> None:
    answer = clients.trade.place_multiple_orders(
        [LIMIT | {"clOrdId": "good"}, LIMIT | {"clOrdId": "bad", "sz": "0"}]
    )

    assert ("0", ["0", "51020"]) == (answer["code"], [row["sCode"] for row in answer["data"]])


def test_what_has_expired_on_the_way_is_not_carried_out(loopback: Loopback) -> None:
    client = loopback.ccxt("okx")
    now_ms = int(time.time() * 1000)
    client.headers = {"expTime": str(now_ms - 1)}
    with pytest.raises(CCXT.ExchangeError, match="50036"):
        create(client, "buy", 0.01, 1)
    client.headers = {"expTime": str(now_ms + 60_000)}
    create(client, "buy", 0.01, 2)

    assert ["t00000002"] == list(loopback.control.counts("okx"))


def test_orders_that_may_not_rest_say_why_they_ended(clients: Clients) -> None:
    place = clients.trade.place_order
    place(**LIMIT | {"px": "70000", "ordType": "post_only"}, clOrdId="post")
    place(**LIMIT | {"ordType": "ioc"}, clOrdId="ioc")
    place(**LIMIT, clOrdId="gone")
    clients.trade.cancel_order(SWAP, clOrdId="gone")
    rows = [
        clients.trade.get_order(SWAP, clOrdId=each)["data"][0] for each in ("post", "ioc", "gone")
    ]

    assert [("canceled", "31"), ("canceled", "14"), ("canceled", "1")] == [
        (row["state"], row["cancelSource"]) for row in rows
    ]


def test_the_bills_tell_funding_liquidation_and_deleveraging(
    loopback: Loopback, clients: Clients
) -> None:
    market, control = "BTC/USDT:USDT", loopback.control
    clients.trade.place_order(**SALE | {"sz": "500"})
    control.fund("okx", market, Decimal("0.001"))
    control.deleverage("okx", market, Decimal(1))
    control.balance("okx", "trading", "USDT", Decimal(1_000))
    control.move("okx", market, Decimal(61_000))
    control.liquidate("okx")

    rows = clients.account.get_account_bills(instType="SWAP")["data"]
    assert ["5", "9", "8", "2"] == list(dict.fromkeys(row["type"] for row in rows))
    assert ("174", "300") == next(
        (row["subType"], row["balChg"]) for row in rows if row["type"] == "8"
    )
    fills = clients.trade.get_orders_history("SWAP")["data"]
    assert {"normal", "adl", "full_liquidation"} == {row["category"] for row in fills}


def test_pages_follow_each_other_by_ids(clients: Clients) -> None:
    for number in range(5):
        clients.trade.place_order(**LIMIT, clOrdId=f"p{number}")
    seen: list[str] = []
    after = ""
    for _ in range(3):
        rows = clients.trade.get_order_list(limit="2", after=after)["data"]
        seen += [row["clOrdId"] for row in rows]
        after = rows[-1]["ordId"]
    newer = clients.trade.get_order_list(before=after)["data"]

    assert ["p4", "p3", "p2", "p1", "p0"] == seen
    assert ["p4", "p3", "p2", "p1"] == [row["clOrdId"] for row in newer]


def test_a_market_purchase_may_be_told_by_what_it_spends(clients: Clients) -> None:
    told = {"instId": "BTC-USDT", "tdMode": "cash", "side": "buy", "ordType": "market"}
    clients.trade.place_order(**told, sz="6000.6", clOrdId="spend")
    (order,) = clients.trade.get_order("BTC-USDT", clOrdId="spend")["data"]

    assert ("0.1", "quote_ccy", "filled") == (order["accFillSz"], order["tgtCcy"], order["state"])


def test_a_position_has_the_margin_mode_of_the_order_that_opened_it(clients: Clients) -> None:
    clients.trade.place_order(**SALE | {"tdMode": "isolated"})
    (row,) = clients.account.get_positions(instId=SWAP)["data"]

    assert ("isolated", "30") == (row["mgnMode"], row["margin"])
