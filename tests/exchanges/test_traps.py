"""What exchanges and their client do that nobody would expect, and what is made of it."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from fixtures.exchange.faults import Do, Fault
from fixtures.exchange.record import What
from tests.exchanges.places import BINANCE, BYBIT, HYPERLIQUID, OKX, PLACES, Place
from tests.exchanges.test_faults import orders
from tests.exchanges.worlds import Running, once
from verifill.assembly.ccxt import Exchanges
from verifill.engine.errors import NotObserved
from verifill.machines.full_loop import Full
from verifill.result import RunResult
from verifill.venues.ccxt.terms import floored
from verifill.venues.ccxt.venue import Exchange
from verifill.venues.instructions import Instruction, PerpTrade, Side, SpotTrade
from verifill.venues.orders import Cause, Order, Outcome, Receipt, Trouble

Opened = Callable[[Place], Exchange]
SLEEPS = 500
# whether an id is unique among open orders only, so that a fill frees it
TWICE = {"binance": True, "bybit": False, "okx": True, "hyperliquid": False}


class EnoughError(Exception):
    """Somebody waits for an operator."""


def enough(running: Running) -> Callable[[], None]:
    def slept() -> None:
        if running.sleeps > SLEEPS:
            raise EnoughError

    return slept


@pytest.fixture
def opened(running: Running, tmp_path: Path) -> Iterator[Opened]:
    connections: list[Exchanges] = []

    def venue(place: Place) -> Exchange:
        connected = running.connected(tmp_path, place)
        connections.append(connected)
        connected.refresh()
        found = connected.venues[place.venue]
        assert () == found.start_up_failures()
        found.read()
        return found

    yield venue
    for one in connections:
        one.close()


def order_of(venue: Exchange, wanted: Instruction, number: int = 1) -> Order:
    order = venue.resolve(wanted, number, None)
    return replace(order, key=f"{number:a>32}", deadline_ns=venue.deadline_ns())


# What is sent, and what is not.


def test_nothing_is_sent_to_test_an_exchange_and_nothing_is_signed_to_load_it(
    opened: Opened, running: Running, place: Place
) -> None:
    opened(place)
    public = {"POST api.hyperliquid.xyz/info"}

    assert not [
        one for one in running.control.arrivals() if not one.startswith("GET") and one not in public
    ]
    assert [] == running.control.effects(place.venue)


def test_the_flag_test_of_ccxt_places_a_real_order_and_so_is_never_given(
    opened: Opened, running: Running
) -> None:
    account = opened(BINANCE).accounts["binance.usdm"]
    exchange = account.orders.exchange
    exchange.create_order("BTC/USDT:USDT", "market", "buy", "0.012", None, {"test": True})

    assert [1] == orders(running, BINANCE)


def test_hyperliquid_signs_orders_and_nothing_else(opened: Opened, running: Running) -> None:
    venue = opened(HYPERLIQUID)
    receipt = venue.submit(order_of(venue, HYPERLIQUID.trade(HYPERLIQUID.any)))
    signed = [one for one in running.control.arrivals() if one.endswith("/exchange")]

    assert Outcome.ACCEPTED is receipt.outcome
    assert 1 == len(signed)
    assert {What.ORDER, What.FILL} == {e.what for e in running.control.effects("hyperliquid")}


def test_a_quantity_is_always_of_the_base_asset(opened: Opened, place: Place) -> None:
    venue = opened(place)
    order = order_of(venue, place.trade(place.any))
    venue.submit(order)

    assert order.quantity == sum(fill.quantity for fill in venue.query(order).fills)


@pytest.mark.parametrize(
    ("side", "limit"), [(Side.BUY, "60100.0"), (Side.SELL, "59900.1")], ids=["buy", "sell"]
)
def test_quantity_and_limit_are_rounded_so_that_less_is_risked(
    opened: Opened, side: Side, limit: str
) -> None:
    venue, (spot, perpetual) = opened(BINANCE), BINANCE.traded
    asked = Decimal("60100.07") if side is Side.BUY else Decimal("59900.07")
    wanted = PerpTrade(
        account=perpetual.account,
        symbol=perpetual.symbol,
        side=side,
        quantity=Decimal("0.0129"),
        limit=asked,
    )
    order = order_of(venue, wanted)
    instrument = venue.rules.instrument(perpetual.account, perpetual.symbol)

    assert Decimal("0.012") == instrument.quantity(order.quantity)
    assert Decimal(limit) == instrument.price(order.limit)
    assert order.instruction == wanted
    assert "least notional" in venue.deny(
        order_of(venue, BINANCE.trade(spot, quantity=Decimal("0.00001")))
    )
    assert Decimal("0.3") == floored(Decimal("0.39"), Decimal("0.1"))


# What an answer means.


REFUSED, UNKNOWN = Outcome.REJECTED_DEFINITIVE, Outcome.UNKNOWN
CODE = '{{"code": {}, "msg": "no"}}'
BYBIT_CODE = '{{"retCode": {}, "retMsg": "no", "result": {{}}, "retExtInfo": {{}}, "time": 1}}'
OKX_CODE = '{{"code": "1", "msg": "", "data": [{{"ordId": "", "sCode": "{}", "sMsg": "no"}}]}}'
ANSWERS = [
    (BINANCE, 400, CODE.format(-2010), REFUSED),  # no money
    (BINANCE, 400, CODE.format(-1013), REFUSED),  # a filter
    (BINANCE, 400, CODE.format(-1021), REFUSED),  # a wrong clock
    (BINANCE, 401, CODE.format(-2015), REFUSED),  # a key that is not let in
    (BINANCE, 400, CODE.format(-1000), UNKNOWN),
    (BINANCE, 400, CODE.format(-1006), UNKNOWN),
    (BINANCE, 400, CODE.format(-1007), UNKNOWN),
    (BINANCE, 503, CODE.format(-1008), UNKNOWN),
    (BINANCE, 503, CODE.format(-2010), UNKNOWN),  # a 5xx says nothing of the order
    (BINANCE, 200, "{}", UNKNOWN),
    (BINANCE, 200, "null", UNKNOWN),
    (BINANCE, 200, '{"orderId": null, "clientOrderId": "x"}', UNKNOWN),
    (BINANCE, 200, '{"symbol": "BTCUSDT", "orderId": 1, "clientOrderId": "another"}', UNKNOWN),
    (BINANCE, 524, "<html>", UNKNOWN),
    (BYBIT, 200, BYBIT_CODE.format(170131), REFUSED),
    (BYBIT, 200, BYBIT_CODE.format(10000), UNKNOWN),
    (BYBIT, 200, BYBIT_CODE.format(10016), UNKNOWN),
    (BYBIT, 200, BYBIT_CODE.format(110072), UNKNOWN),  # the id is in use: look it up
    (OKX, 200, OKX_CODE.format(51008), REFUSED),
    (OKX, 200, OKX_CODE.format(51149), UNKNOWN),
    (OKX, 200, OKX_CODE.format(51016), UNKNOWN),  # likewise
    (HYPERLIQUID, 200, '{"status": "err", "response": "what?"}', UNKNOWN),
]


def answered(opened: Opened, running: Running, place: Place, fault: Fault) -> Receipt:
    venue = opened(place)
    order = order_of(venue, place.trade(place.any))
    running.control.arm(fault)
    receipt = venue.submit(order)

    assert 0 == len(running.control.effects(place.venue))
    return receipt


@pytest.mark.parametrize(
    ("place", "status", "body", "outcome"),
    ANSWERS,
    ids=[f"{at}-{p.venue}-{s}" for at, (p, s, _, _) in enumerate(ANSWERS)],
)
def test_only_a_definite_refusal_is_one(
    opened: Opened, running: Running, place: Place, status: int, body: str, outcome: Outcome
) -> None:
    fault = Fault(on=place.create, do=Do.STATUS_BEFORE, status=status, body=body)
    receipt = answered(opened, running, place, fault)

    assert outcome is receipt.outcome, receipt


def test_a_key_that_is_revoked_is_barred_and_not_busy(opened: Opened, running: Running) -> None:
    venue = opened(BINANCE)  # it has worked: from here on ccxt takes -2015 for too many requests
    running.control.permit("binance", "trade", on=False)
    receipt = venue.submit(order_of(venue, BINANCE.trade(BINANCE.any)))

    assert (REFUSED, Trouble.BARRED, False) == (
        receipt.outcome,
        receipt.trouble,
        receipt.retryable,
    ), receipt


@pytest.mark.parametrize(
    ("status", "trouble"), [(429, Trouble.BUSY), (418, Trouble.BARRED)], ids=["429", "418"]
)
def test_a_busy_exchange_says_how_long_to_stay_away(
    opened: Opened, running: Running, status: int, trouble: Trouble
) -> None:
    body = CODE.format(-1003)
    fault = Fault(on=BINANCE.create, do=Do.STATUS_BEFORE, status=status, body=body, retry_after_s=7)
    receipt = answered(opened, running, BINANCE, fault)

    assert (REFUSED, trouble, 7, True) == (
        receipt.outcome,
        receipt.trouble,
        receipt.wait_s,
        receipt.retryable,
    ), receipt


def test_a_ban_opens_the_breaker_and_nothing_is_sent(running: Running, tmp_path: Path) -> None:
    body = CODE.format(-1003)
    running.control.arm(
        Fault(on=BINANCE.create, do=Do.STATUS_BEFORE, status=418, body=body, retry_after_s=700)
    )
    strategy = once(BINANCE.trade(BINANCE.any))
    _, run = running.live(tmp_path, BINANCE, strategy=strategy, ticks=3)
    breaker = run.transitions.collect().filter(machine="breaker")

    assert "OPEN.COOLING" in list(breaker["to"]), breaker
    assert [] == orders(running, BINANCE)


def test_too_many_requests_are_waited_out_and_trip_the_breaker(
    running: Running, tmp_path: Path
) -> None:
    """Three in a row open it; each is stayed away from as long as Retry-After says."""
    running.control.arm(
        Fault(
            on=BINANCE.create,
            do=Do.STATUS_BEFORE,
            status=429,
            body=CODE.format(-1003),
            retry_after_s=40,
            times=3,
        )
    )
    begun_ns = running.offset_ns
    strategy = once(BINANCE.trade(BINANCE.any), ended=("DONE",))
    ended, run = running.live(tmp_path, BINANCE, strategy=strategy, ticks=200)
    breaker = list(run.transitions.collect().filter(machine="breaker")["to"])

    assert Full.STOPPED == ended.state, ended.reason
    assert "OPEN.COOLING" in breaker
    assert "CLOSED" == breaker[-1]
    assert [1] == orders(running, BINANCE)
    assert running.offset_ns - begun_ns >= 3 * 40 * 10**9


def test_what_never_left_is_denied_here(opened: Opened, running: Running) -> None:
    venue = opened(BINANCE)
    order = order_of(venue, BINANCE.trade(BINANCE.any))
    running.server.close()
    receipt = venue.submit(order)

    assert receipt.outcome in {Outcome.DENIED_LOCAL, UNKNOWN}
    assert Outcome.DENIED_LOCAL is venue.submit(order).outcome


# Ids, settings, strangers.


def test_another_order_is_never_taken_for_ours(
    opened: Opened, running: Running, place: Place
) -> None:
    venue = opened(place)
    venue.submit(order_of(venue, place.trade(place.any), 1))
    other = order_of(venue, place.trade(place.any), 2)
    told = [venue.query(other).outcome]
    for _ in range(2):
        running.sleep(30)
        told.append(venue.query(other).outcome)

    assert [UNKNOWN, UNKNOWN, Outcome.ABSENT] == told


@pytest.mark.parametrize("venue", TWICE)
def test_an_order_that_is_delivered_twice_is_noticed(
    running: Running, tmp_path: Path, venue: str
) -> None:
    place = PLACES[venue]
    running.control.arm(Fault(on=place.create, do=Do.TWICE))
    strategy = once(place.trade(place.any))
    with suppress(EnoughError):
        running.asleep = enough(running)
        running.live(tmp_path, place, strategy=strategy, ticks=3)
    states = list(RunResult(tmp_path / "run").transitions.collect()["to"])
    twice = 2 in orders(running, place)

    assert TWICE[venue] == twice
    assert twice == (Full.HALTED in states)
    assert twice != (Full.STOPPED in states)


def test_a_setting_that_is_what_it_should_be_is_done(opened: Opened, levered: Place) -> None:
    venue = opened(levered)
    wanted = levered.leverage(7)
    first = venue.submit(order_of(venue, wanted, 1))
    venue.read()
    again = venue.submit(order_of(venue, wanted, 2))

    assert (Outcome.EXECUTED, 1) == (first.outcome, len(first.moves))
    assert (Outcome.EXECUTED, ()) == (again.outcome, again.moves)


def test_orders_that_rest_are_listed_and_taken_back(
    opened: Opened, running: Running, place: Place
) -> None:
    venue, traded = opened(place), place.traded[-1]
    account = venue.accounts[traded.account]  # an order of somebody else
    order = order_of(venue, place.trade(traded), 1)
    listed = account.of(traded.symbol)
    client_id = account.dialect.client_id(order.key)
    running.sleep(0)
    account.stamp(account.orders)
    contract = account.dialect.contract(account.orders.exchange, listed.symbol)
    account.orders.exchange.create_order(
        listed.symbol,
        "limit",
        "buy",
        str(Decimal(traded.least) / contract),
        "50000",
        {"clientOrderId": client_id},
    )
    foreign = venue.open_orders()
    known = venue.query(order)

    assert (client_id,) == foreign
    assert Outcome.ACCEPTED is known.outcome
    assert (order.key,) == venue.open_orders()
    assert Outcome.EXPIRED is venue.cancel(order.key).outcome
    assert () == venue.open_orders()


def test_a_skewed_clock_is_told_and_signed_for(running: Running, tmp_path: Path) -> None:
    running.control.skew("binance", 20_000)
    connected = running.connected(tmp_path, BINANCE)
    connected.refresh()
    failures = connected.venues["binance"].start_up_failures()
    reading = connected.venues["binance"].read()
    connected.close()

    assert 2 == len([one for one in failures if "clock is 2" in one or "clock is 19" in one])
    assert reading.totals


def test_a_liquidation_and_funding_explain_themselves(opened: Opened, running: Running) -> None:
    for place in PLACES.values():
        venue = opened(place)
        perpetual = place.perpetual
        assert perpetual
        venue.submit(order_of(venue, place.trade(perpetual, Side.SELL)))
        venue.read()
        market = f"BTC/{place.wallet}:{place.wallet}"
        running.control.fund(place.venue, market, Decimal("0.0001"))
        running.control.deleverage(place.venue, market, Decimal(perpetual.lot))
        before = venue.feed
        rows = before.read().rows
        causes = json.dumps(sorted({row.cause for row in rows}))

        assert "FUNDING" in causes, place.venue
        assert "LIQUIDATION" in causes, place.venue


@pytest.mark.parametrize(("place", "wallet"), [(BYBIT, "UNIFIED"), (OKX, "trading")])
def test_interest_explains_itself(
    opened: Opened, running: Running, place: Place, wallet: str
) -> None:
    venue, key = opened(place), f"{place.any.account}:BaseToken:USDT"
    before = venue.read().totals[key]
    running.control.charge(place.venue, wallet, "USDT", Decimal("1.25"))
    reading = venue.read()
    told = [(row.key, row.cause, row.amount) for row in reading.rows]

    assert [(key, Cause.INTEREST, -125 * 10**16)] == told
    assert before - 125 * 10**16 == reading.totals[key]


def test_spot_trades_of_a_stranger_are_rows_too(opened: Opened, running: Running) -> None:
    venue, spot = opened(BINANCE), BINANCE.traded[0]
    trade = SpotTrade(
        account=spot.account, symbol=spot.symbol, side=Side.BUY, quantity=Decimal("0.001")
    )
    venue.submit(order_of(venue, trade))
    first = venue.read()
    running.sleep(300)
    second = venue.read()

    assert {f"{BINANCE.traded[0].account}:BaseToken:BTC"} <= {row.key for row in first.rows}
    assert () == second.rows


@pytest.mark.parametrize(
    ("bids", "asks", "said"),
    [
        ([], [["60001", "1"]], "a side of its book is empty"),
        ([["60000", "1"]], [], "a side of its book is empty"),
        ([["60002", "1"]], [["60001", "1"]], "its book is crossed, 60002.0 is bid and 60001.0"),
    ],
)
def test_a_book_that_is_none_is_no_price(
    running: Running, tmp_path: Path, bids: list[object], asks: list[object], said: str
) -> None:
    """The prices stay what they were, and the tick waits."""
    connected = running.connected(tmp_path, BINANCE)
    connected.refresh()
    before_ns = connected.market.time_ns
    connected.market.set_series("bid:binance.spot:BTC/USDT", Decimal(1))
    page = json.dumps({"lastUpdateId": 1, "bids": bids, "asks": asks})
    depth = "GET *binance.com/api/v3/depth"
    running.control.arm(Fault(on=depth, do=Do.STATUS_BEFORE, status=200, body=page))
    with pytest.raises(NotObserved, match=said):
        connected.market.refresh()
    connected.close()

    assert before_ns == connected.market.time_ns
    assert Decimal(1) == connected.market.rate("bid:binance.spot:BTC/USDT")


# Prices.


TICKERS = {
    "binance": "GET *binance.com/*/ticker/24hr",
    "bybit": "GET *bybit.com/v5/market/tickers",
    "okx": "GET *okx.com/api/v5/market/tickers",
    "hyperliquid": "POST *hyperliquid.xyz/info#*etaAndAssetCtxs",
}


def test_prices_that_do_not_come_are_no_prices_of_now(
    running: Running, place: Place, tmp_path: Path
) -> None:
    """Heartbeats drive the machine of the feed; while it is not LIVE nothing is decided."""
    armed: list[Fault] = []

    def break_off() -> None:
        if not armed and orders(running, place):
            armed.append(Fault(on=TICKERS[place.venue], do=Do.STATUS_BEFORE, status=503, times=6))
            running.control.arm(armed[0])

    running.asleep = break_off
    strategy = once(place.trade(place.any), ended=())  # at each tick again
    ended, run = running.live(tmp_path, place, strategy=strategy, ticks=9)
    told = run.transitions.collect()
    feed = told.filter(machine="feed")
    sent = told.filter(pl.col("event") == "instruct")["seq"].to_list()

    assert Full.STOPPED == ended.state, ended.reason
    assert ["LIVE", "DOWN"] == list(feed["to"])[:2]
    down, live = feed["seq"][1], feed["seq"][-1]
    assert ("CONNECTING", "LIVE") == (feed["to"][-2], feed["to"][-1])
    assert {1} == set(orders(running, place))
    assert sent[0] < down < live < sent[-1]
    assert not [seq for seq in sent if down < seq < live]
