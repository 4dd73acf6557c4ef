"""Binance, driven by its own clients, and by ccxt where those have no method."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from fixtures.exchange import KEY, SECRET
from fixtures.exchange.binance.dialect import PUBLIC, SIGNED
from tests.exchange.clients import CCXT, Loopback
from tests.exchange.driving import drive

SPOT: Any = importlib.import_module("binance_sdk_spot.spot")
USDM: Any = importlib.import_module(
    "binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures"
)
COMMON: Any = importlib.import_module("binance_common.configuration")
ERRORS: Any = importlib.import_module("binance_common.errors")
BTC = {"symbol": "BTCUSDT"}
LIMIT = BTC | {
    "side": "BUY",
    "type": "LIMIT",
    "time_in_force": "GTC",
    "quantity": 0.01,
    "price": 50_000,
    "new_client_order_id": "mine",
}
MARKET = BTC | {"side": "SELL", "type": "MARKET", "quantity": 0.01}


@dataclass(frozen=True, slots=True)
class Clients:
    """Binance's client of spot, its client of USD-M, and ccxt's for the wallet."""

    spot: Any
    usdm: Any
    ccxt: Any


@pytest.fixture
def clients(loopback: Loopback) -> Clients:
    def settings(host: str) -> Any:  # noqa: ANN401 - of a library
        return COMMON.ConfigurationRestAPI(
            api_key=KEY, api_secret=SECRET, base_path=loopback.url(host), retries=0
        )

    loopback.control.permit("binance", "withdraw", on=True)
    return Clients(
        spot=SPOT.Spot(config_rest_api=settings("api.binance.com")).rest_api,
        usdm=USDM.DerivativesTradingUsdsFutures(
            config_rest_api=settings("fapi.binance.com")
        ).rest_api,
        ccxt=loopback.ccxt("binance"),
    )


DRIVES: Mapping[str, Callable[[Clients], object]] = {
    "GET /api/v3/ping": lambda c: c.spot.ping(),
    "GET /api/v3/time": lambda c: c.spot.time(),
    "GET /api/v3/exchangeInfo": lambda c: c.spot.exchange_info(symbol="BTCUSDT"),
    "GET /api/v3/depth": lambda c: c.spot.depth(**BTC, limit=5),
    "GET /api/v3/ticker/bookTicker": lambda c: c.spot.ticker_book_ticker(**BTC),
    "GET /api/v3/ticker/price": lambda c: c.spot.ticker_price(**BTC),
    "GET /api/v3/ticker/24hr": lambda c: c.spot.ticker24hr(),
    "GET /api/v3/klines": lambda c: c.spot.klines(**BTC, interval="1h", limit=5),
    "GET /api/v3/account": lambda c: c.spot.get_account(),
    "POST /api/v3/order/test": lambda c: c.spot.order_test(**LIMIT),
    "POST /api/v3/order": lambda c: c.spot.new_order(**LIMIT),
    "GET /api/v3/order": lambda c: c.spot.get_order(**BTC, orig_client_order_id="mine"),
    "GET /api/v3/openOrders": lambda c: c.spot.get_open_orders(),
    "DELETE /api/v3/order": lambda c: c.spot.delete_order(**BTC, orig_client_order_id="mine"),
    "GET /api/v3/allOrders": lambda c: c.spot.all_orders(**BTC),
    "DELETE /api/v3/openOrders": lambda c: (
        c.spot.new_order(**LIMIT),
        c.spot.delete_open_orders(**BTC),
    ),
    "GET /api/v3/myTrades": lambda c: (c.spot.new_order(**MARKET), c.spot.my_trades(**BTC)),
    "GET /fapi/v1/ping": lambda c: c.usdm.test_connectivity(),
    "GET /fapi/v1/time": lambda c: c.usdm.check_server_time(),
    "GET /fapi/v1/exchangeInfo": lambda c: c.usdm.exchange_information(),
    "GET /fapi/v1/depth": lambda c: c.usdm.order_book(**BTC),
    "GET /fapi/v1/ticker/bookTicker": lambda c: c.usdm.symbol_order_book_ticker(**BTC),
    "GET /fapi/v1/ticker/price": lambda c: c.usdm.symbol_price_ticker(**BTC),
    "GET /fapi/v2/ticker/price": lambda c: c.usdm.symbol_price_ticker_v2(),
    "GET /fapi/v1/ticker/24hr": lambda c: c.usdm.ticker24hr_price_change_statistics(**BTC),
    "GET /fapi/v1/klines": lambda c: c.usdm.kline_candlestick_data(**BTC, interval="1m"),
    "GET /fapi/v1/premiumIndex": lambda c: c.usdm.mark_price(**BTC),
    "GET /fapi/v1/fundingRate": lambda c: c.usdm.get_funding_rate_history(**BTC, limit=3),
    "POST /fapi/v1/order/test": lambda c: c.usdm.test_order(**LIMIT),
    "POST /fapi/v1/order": lambda c: c.usdm.new_order(**LIMIT),
    "GET /fapi/v1/order": lambda c: c.usdm.query_order(**BTC, orig_client_order_id="mine"),
    "GET /fapi/v1/openOrder": lambda c: c.usdm.query_current_open_order(
        **BTC, orig_client_order_id="mine"
    ),
    "GET /fapi/v1/openOrders": lambda c: c.usdm.current_all_open_orders(),
    "DELETE /fapi/v1/order": lambda c: c.usdm.cancel_order(**BTC, orig_client_order_id="mine"),
    "GET /fapi/v1/allOrders": lambda c: c.usdm.all_orders(**BTC),
    "DELETE /fapi/v1/allOpenOrders": lambda c: c.usdm.cancel_all_open_orders(**BTC),
    "GET /fapi/v1/userTrades": lambda c: (
        c.usdm.new_order(**MARKET),
        c.usdm.account_trade_list(**BTC),
    ),
    "GET /fapi/v2/account": lambda c: c.usdm.account_information_v2(),
    "GET /fapi/v3/account": lambda c: c.usdm.account_information_v3(),
    "GET /fapi/v2/balance": lambda c: c.usdm.futures_account_balance_v2(),
    "GET /fapi/v3/balance": lambda c: c.usdm.futures_account_balance_v3(),
    "GET /fapi/v2/positionRisk": lambda c: c.usdm.position_information_v2(),
    "GET /fapi/v3/positionRisk": lambda c: c.usdm.position_information_v3(),
    "GET /fapi/v1/forceOrders": lambda c: c.usdm.users_force_orders(),
    "GET /fapi/v1/leverageBracket": lambda c: c.usdm.notional_and_leverage_brackets(),
    "GET /fapi/v1/symbolConfig": lambda c: c.usdm.symbol_configuration(**BTC),
    "GET /fapi/v1/positionSide/dual": lambda c: c.usdm.get_current_position_mode(),
    "POST /fapi/v1/positionSide/dual": lambda c: unchanged(
        c.usdm.change_position_mode, dual_side_position="false"
    ),
    "GET /fapi/v1/multiAssetsMargin": lambda c: c.usdm.get_current_multi_assets_mode(),
    "POST /fapi/v1/leverage": lambda c: c.usdm.change_initial_leverage(**BTC, leverage=3),
    "POST /fapi/v1/marginType": lambda c: c.usdm.change_margin_type(
        symbol="ETHUSDT", margin_type="ISOLATED"
    ),
    "GET /fapi/v1/income": lambda c: c.usdm.get_income_history(),
    "GET /fapi/v1/commissionRate": lambda c: c.usdm.user_commission_rate(**BTC),
    "GET /sapi/v1/system/status": lambda c: c.ccxt.fetch_status(),
    "GET /sapi/v1/account/apiRestrictions": lambda c: c.ccxt.sapi_get_account_apirestrictions(),
    "GET /sapi/v1/capital/config/getall": lambda c: c.ccxt.fetch_currencies(),
    "GET /sapi/v1/margin/allPairs": lambda c: c.ccxt.sapi_get_margin_allpairs(),
    "GET /sapi/v1/margin/isolated/allPairs": lambda c: c.ccxt.sapi_get_margin_isolated_allpairs(),
    "POST /sapi/v1/asset/transfer": lambda c: c.ccxt.transfer("USDT", 5, "spot", "swap"),
    "GET /sapi/v1/asset/transfer": lambda c: c.ccxt.fetch_transfers(
        "USDT", params={"type": "MAIN_UMFUTURE"}
    ),
    "GET /sapi/v1/capital/deposit/address": lambda c: c.ccxt.fetch_deposit_address("USDT"),
    "GET /sapi/v1/capital/deposit/hisrec": lambda c: c.ccxt.fetch_deposits("USDT"),
    "POST /sapi/v1/capital/withdraw/apply": lambda c: c.ccxt.withdraw(
        "USDT", 10, "0x" + "ab" * 20, params={"network": "ETH", "withdrawOrderId": "w1"}
    ),
    "GET /sapi/v1/capital/withdraw/history": lambda c: c.ccxt.fetch_withdrawals("USDT"),
}


def unchanged(call: Any, **told: object) -> None:  # noqa: ANN401 - of a library
    """A setting that is so already is refused."""
    with pytest.raises(ERRORS.BadRequestError):
        call(**told)


def test_every_route_is_driven_by_a_client_that_others_wrote(
    loopback: Loopback, clients: Clients
) -> None:
    loopback.control.deposit("binance", "spot", "USDT", Decimal(7))
    answers = drive(loopback, clients, DRIVES, PUBLIC.keys() | SIGNED.keys())

    def told(route: str) -> Any:  # noqa: ANN401 - of a library
        return answers[route]

    assert "mine" == told("GET /api/v3/order").data().client_order_id
    assert "CANCELED" == told("DELETE /fapi/v1/order").data().status
    ((sale,),) = [told("GET /api/v3/myTrades")[1].data()]
    assert (False, False, "0.59994000") == (sale.is_buyer, sale.is_maker, sale.commission)
    assert "-0.01" == told("GET /fapi/v3/positionRisk").data()[0].position_amt
    assert "ISOLATED" == clients.usdm.symbol_configuration(symbol="ETHUSDT").data()[0].margin_type
    assert [5] == [float(each["amount"]) for each in told("GET /sapi/v1/asset/transfer")]
    assert ["7"] == [each["amount"] for each in told("GET /sapi/v1/capital/deposit/hisrec")]
    assert ["1"] == [each["fee"]["cost"] for each in told("GET /sapi/v1/capital/withdraw/history")]
    info = [each["info"] for each in told("GET /sapi/v1/capital/withdraw/history")]
    assert ["w1"] == [each["withdrawOrderId"] for each in info]


def test_what_is_refused_has_binances_own_codes(clients: Clients) -> None:
    spot, usdm = clients.spot.new_order, clients.usdm.new_order
    resting = LIMIT | {"new_client_order_id": "resting"}
    spot(**resting)
    usdm(**resting)
    asked: list[tuple[Any, dict[str, Any], int]] = [
        (spot, LIMIT | {"quantity": 0.000001}, -1013),
        (spot, LIMIT | {"quantity": 0.00005, "price": 10}, -1013),
        (spot, LIMIT | {"quantity": 100}, -2010),
        (spot, resting, -2010),
        (spot, MARKET | {"type": "LIMIT_MAKER", "price": 10_000}, -2010),
        (spot, LIMIT | {"symbol": "NONE"}, -1121),
        (spot, LIMIT | {"type": "STOP_LOSS"}, -1116),
        (spot, LIMIT | {"time_in_force": "GTX9"}, -1115),
        (spot, {**LIMIT, "time_in_force": None}, -1102),
        (spot, {**LIMIT, "price": None}, -1102),
        (spot, LIMIT | {"new_client_order_id": "x" * 37}, -4015),
        (usdm, LIMIT | {"quantity": 0.0001}, -1111),
        (usdm, LIMIT | {"quantity": 0.001}, -4164),
        (usdm, LIMIT | {"quantity": 900}, -2019),
        (usdm, LIMIT | {"quantity": 1_001}, -4005),
        (usdm, resting, -4116),
        (usdm, LIMIT | {"time_in_force": "GTX", "price": 70_000}, -5022),
        (usdm, MARKET | {"reduce_only": "true"}, -2022),
        (clients.usdm.change_initial_leverage, BTC | {"leverage": 126}, -4028),
        (clients.usdm.change_margin_type, BTC | {"margin_type": "CROSSED"}, -4046),
        (clients.usdm.change_margin_type, BTC | {"margin_type": "ISOLATED"}, -4047),
        (clients.usdm.change_margin_type, BTC | {"margin_type": "SOME"}, -1102),
        (clients.usdm.change_position_mode, {"dual_side_position": "true"}, -4068),
        (clients.usdm.query_order, BTC | {"order_id": 1}, -2013),
        (clients.usdm.cancel_order, BTC | {"order_id": 1}, -2011),
        (clients.spot.delete_open_orders, {"symbol": "ETHUSDT"}, -2011),
    ]
    codes: list[int] = []
    for call, told, _ in asked:
        with pytest.raises(ERRORS.BadRequestError) as caught:
            call(**told)
        codes.append(caught.value.args[0])

    assert [code for _, _, code in asked] == codes


def test_trades_are_paged_by_their_ids_or_told_by_time_and_order(clients: Clients) -> None:
    for _ in range(3):
        clients.usdm.new_order(**MARKET)
    trades = clients.usdm.account_trade_list

    def ids(**told: object) -> list[int]:
        return [row.id for row in trades(**BTC, **told).data()]

    first, second, third = ids()
    begun = trades(**BTC).data()[0].time
    assert [third] == ids(limit=1)
    assert [first, second] == ids(limit=2, from_id=first)
    assert [second, third] == ids(from_id=second)
    assert [first] == ids(order_id=trades(**BTC).data()[0].order_id)
    assert [first] == ids(start_time=begun, limit=1)
    assert [] == ids(end_time=begun - 1)


def test_an_order_that_is_tried_out_is_not_placed(loopback: Loopback, clients: Clients) -> None:
    clients.usdm.test_order(**LIMIT)
    clients.spot.order_test(**LIMIT)

    assert [] == loopback.control.effects("binance")


def test_ids_are_unique_among_open_orders_only(loopback: Loopback, clients: Clients) -> None:
    for _ in range(2):
        clients.usdm.new_order(**MARKET, new_client_order_id="again")

    assert {"again": 2} == loopback.control.counts("binance")


def test_a_withdrawal_is_refused_without_the_permission(
    loopback: Loopback, clients: Clients
) -> None:
    loopback.control.permit("binance", "withdraw", on=False)
    with pytest.raises(CCXT.BaseError, match="-1002"):
        clients.ccxt.withdraw("USDT", 10, "0x" + "ab" * 20, params={"network": "ETH"})

    told = clients.ccxt.sapi_get_account_apirestrictions()
    assert (False, True) == (told["enableWithdrawals"], told["enableFutures"])


def test_the_ledger_of_usdm_tells_funding_fees_profits_and_transfers(
    loopback: Loopback, clients: Clients
) -> None:
    clients.usdm.new_order(**MARKET)
    loopback.control.fund("binance", "BTC/USDT:USDT", Decimal("0.001"))
    clients.usdm.new_order(**MARKET | {"side": "BUY"})
    clients.ccxt.transfer("USDT", 5, "spot", "swap")

    rows = [(row.income_type, row.income) for row in clients.usdm.get_income_history().data()]
    assert [
        ("COMMISSION", "-0.29997"),
        ("FUNDING_FEE", "0.6"),
        ("REALIZED_PNL", "-0.12"),
        ("COMMISSION", "-0.30003"),
        ("TRANSFER", "5"),
    ] == rows
