"""What the exchange's core does with orders, whatever API they came by."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.exchange.accounts import Account, Cause
from fixtures.exchange.api import Hall
from fixtures.exchange.exchange import Exchange, Rules, Unique
from fixtures.exchange.market import Kind, perpetual, spot
from fixtures.exchange.orders import Ask, Force, Order, Side, Status
from fixtures.exchange.record import What
from fixtures.exchange.refusals import Refused, Why

D = Decimal
COIN = spot("BTC", "USDT", tick="0.01", lot="0.001", notional="5", opening="100")
PERP = perpetual(
    "BTC",
    "USDT",
    100,
    tick="0.01",
    lot="0.001",
    notional="5",
    opening="100",
    maker="0.0002",
    taker="0.0005",
)


def opened(unique: Unique = Unique.OPEN, *, refused: bool = False) -> Hall:
    account = Account(
        name="client",
        key="k",
        secret="s",
        wallets={"spot": {"USDT": D(10_000), "BTC": D(100)}, "usdm": {"USDT": D(1_000)}},
    )
    rules = Rules(
        wallets={Kind.SPOT: "spot", Kind.PERPETUAL: "usdm"},
        unique=unique,
        post_only_refused=refused,
        empty_ioc_refused=refused,
    )
    return Hall.of(Exchange("test", rules, (COIN, PERP), account, 1), {"USDT": D(1)})


def owner(hall: Hall) -> Account:
    return hall.exchange.accounts["client"]


def ask(hall: Hall, side: Side, quantity: str, price: str | None = None, **more: object) -> Order:
    told: dict[str, object] = {"client_id": "", "market": COIN} | more
    return hall.desk.place(
        owner(hall),
        Ask(
            side=side,
            quantity=D(quantity),
            price=None if price is None else D(price),
            **told,  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - of a test
        ),
    )


def test_the_better_price_trades_first_and_of_one_price_whoever_came_first() -> None:
    hall = opened()
    hall.desk.thin(COIN, D(0))  # nobody else quotes
    late_and_worse = ask(hall, Side.SELL, "1", "101")
    hall.desk.thin(COIN, D(0))
    first = ask(hall, Side.SELL, "1", "100.5")
    hall.desk.thin(COIN, D(0))
    second = ask(hall, Side.SELL, "1", "100.5")
    hall.desk.thin(COIN, D(0))

    taker = ask(hall, Side.BUY, "1.5", "102")

    assert [(D("100.5"), D(1)), (D("100.5"), D("0.5"))] == [
        (fill.price, fill.quantity) for fill in taker.fills
    ]
    assert (Status.FILLED, D("0.5"), D(0)) == (first.status, second.filled, late_and_worse.filled)


@pytest.mark.parametrize(
    ("force", "status", "filled"),
    [
        (Force.GTC, Status.OPEN, "2"),
        (Force.IOC, Status.EXPIRED, "2"),
        (Force.FOK, Status.EXPIRED, "0"),
        (Force.POST, Status.EXPIRED, "0"),
    ],
)
def test_what_is_not_filled_at_once_rests_or_ends_by_the_force(
    force: Force, status: Status, filled: str
) -> None:
    hall = opened()
    hall.desk.thin(COIN, D(2))

    order = ask(hall, Side.BUY, "3", "110", force=force)

    assert (status, D(filled)) == (order.status, order.filled)


def test_a_limit_at_the_best_price_trades_and_one_beside_it_does_not() -> None:
    hall = opened()

    assert Status.FILLED is ask(hall, Side.BUY, "0.1", "100.01").status
    assert ask(hall, Side.BUY, "0.1", "100").open


def test_the_maker_does_not_quote_across_what_rests() -> None:
    hall = opened()
    hall.desk.thin(COIN, D(2))
    order = ask(hall, Side.BUY, "3", "100.05")
    book = hall.exchange.books[COIN.name]

    assert order.open
    assert D("100.05") == book.best(Side.BUY)
    assert D("100.06") == book.best(Side.SELL)


def test_what_rests_is_filled_when_the_market_comes_to_it_and_not_before() -> None:
    hall = opened()
    order = ask(hall, Side.BUY, "3", "99")
    ask(hall, Side.BUY, "1")  # the maker replenishes after a trade

    assert order.open
    assert not order.fills

    hall.desk.move(COIN, D(98))

    assert Status.FILLED is order.status
    assert {True} == {fill.rested for fill in order.fills}


def test_a_purchase_takes_its_fee_in_what_was_bought_and_a_sale_in_what_it_brought() -> None:
    hall = opened()
    hall.desk.thin(COIN, D(2))

    ask(hall, Side.BUY, "2")
    hall.desk.thin(COIN, D(2))
    ask(hall, Side.SELL, "1")

    spent = 2 * D("100.01") - D("99.99") * (1 - D("0.001"))
    assert D(10_000) - spent == owner(hall).balance("spot", "USDT")
    assert D(100) + 2 * (1 - D("0.001")) - 1 == owner(hall).balance("spot", "BTC")


def test_an_order_by_what_it_may_spend_spends_no_more() -> None:
    hall = opened()

    order = hall.desk.place(
        owner(hall),
        Ask(
            client_id="",
            market=COIN,
            side=Side.BUY,
            quantity=None,
            spend=D("150.5"),
            price=None,
        ),
    )

    assert D("1.504") == order.quantity == order.filled
    assert order.worth <= D("150.5") < order.worth + D("0.001") * D("100.01")


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"quantity": "1.0005"}, Why.PRECISION),
        ({"price": "100.001"}, Why.PRECISION),
        ({"price": "0"}, Why.PRECISION),
        ({"quantity": "0.01"}, Why.NOTIONAL),
        ({"quantity": "0"}, Why.TOO_SMALL),
        ({"quantity": "101"}, Why.BALANCE),
        ({"quantity": "1001"}, Why.TOO_LARGE),
        ({"market": PERP, "reduce_only": True}, Why.NOT_REDUCING),
        ({"market": PERP, "quantity": "250"}, Why.MARGIN),
        ({"force": Force.POST, "price": "90"}, Why.WOULD_TAKE),
        ({"force": Force.IOC, "price": "900"}, Why.NO_LIQUIDITY),
    ],
)
def test_an_order_that_breaks_a_rule_is_refused_and_leaves_no_trace(
    more: dict[str, object], why: Why
) -> None:
    hall = opened(refused=True)
    told = {"quantity": "1", "price": "100"} | more
    quantity, price = str(told.pop("quantity")), str(told.pop("price"))

    with pytest.raises(Refused) as caught:
        ask(hall, Side.SELL, quantity, price, **told)

    assert why is caught.value.why
    assert [] == hall.exchange.record.effects


def test_open_orders_lock_what_they_may_cost() -> None:
    hall = opened()
    ask(hall, Side.BUY, "50", "99")
    ask(hall, Side.SELL, "60", "101")

    assert D(10_000 - 50 * 99) == hall.exchange.available(owner(hall), "spot", "USDT")
    assert D(40) == hall.exchange.available(owner(hall), "spot", "BTC")
    with pytest.raises(Refused, match="not enough balance"):
        ask(hall, Side.BUY, "52", "99")


@pytest.mark.parametrize(
    ("unique", "open_again", "final_again"),
    [(Unique.EVER, False, False), (Unique.OPEN, False, True), (Unique.NEVER, True, True)],
)
def test_a_client_id_is_unique_as_far_as_the_exchange_has_it(
    unique: Unique, *, open_again: bool, final_again: bool
) -> None:
    hall = opened(unique)
    taken = {"open": open_again, "final": final_again}
    for name, price in (("open", "90"), ("final", "110")):
        ask(hall, Side.BUY, "1", price, client_id=name)
        if taken[name]:
            ask(hall, Side.BUY, "1", price, client_id=name)
        else:
            with pytest.raises(Refused, match="an order has this client id"):
                ask(hall, Side.BUY, "1", price, client_id=name)

    counts = hall.exchange.record.counts()
    assert {name: 1 + again for name, again in taken.items()} == counts


def test_a_position_has_the_average_price_of_what_opened_it_and_realises_what_closed() -> None:
    hall = opened()
    hall.desk.thin(PERP, D(2))
    ask(hall, Side.BUY, "2", market=PERP)
    hall.desk.move(PERP, D(110))
    hall.desk.thin(PERP, D(2))
    ask(hall, Side.BUY, "2", market=PERP)
    position = owner(hall).position(PERP.name)

    assert (D(4), D("105.01")) == (position.size, position.entry)

    hall.desk.thin(PERP, D(5))
    order = ask(hall, Side.SELL, "5", market=PERP)

    assert D("19.92") == order.fills[0].realised
    assert (D(-1), D("109.99")) == (position.size, position.entry)
    fees = sum((fill.fee for fill in hall.exchange.fills), D(0))
    assert D(1_000) + D("19.92") - fees == owner(hall).balance("usdm", "USDT")


def test_reducing_only_closes_what_there_is() -> None:
    hall = opened()
    ask(hall, Side.BUY, "2", market=PERP)

    order = ask(hall, Side.SELL, "5", market=PERP, reduce_only=True)

    assert (D(2), Status.FILLED) == (order.filled, order.status)
    assert D(0) == owner(hall).position(PERP.name).size


def test_a_resting_order_that_has_nothing_left_to_reduce_is_cancelled() -> None:
    hall = opened()
    ask(hall, Side.BUY, "2", market=PERP)
    resting = ask(hall, Side.SELL, "2", "101", market=PERP, reduce_only=True)
    ask(hall, Side.SELL, "1", market=PERP)

    hall.desk.move(PERP, D(102))

    assert (Status.CANCELED, D(1)) == (resting.status, owner(hall).position(PERP.name).size)


def test_longs_pay_funding_and_shorts_receive_it() -> None:
    hall = opened()
    ask(hall, Side.SELL, "10", market=PERP)
    before = owner(hall).balance("usdm", "USDT")

    hall.cashier.fund(PERP, D("0.001"))

    row = owner(hall).rows[-1]
    assert (Cause.FUNDING, D(1), D(-10)) == (row.cause, row.change, row.size)
    assert before + 1 == row.balance == owner(hall).balance("usdm", "USDT")


def test_an_account_below_its_maintenance_margin_is_liquidated() -> None:
    hall = opened()
    owner(hall).leverage[PERP.name] = 100
    ask(hall, Side.BUY, "100", market=PERP)

    assert [] == hall.cashier.liquidate()

    resting = ask(hall, Side.SELL, "1", "120", market=PERP, reduce_only=True)
    hall.desk.move(PERP, D("90.2"))

    assert [PERP.name] == hall.cashier.liquidate()
    assert D(0) == owner(hall).position(PERP.name).size
    assert Cause.LIQUIDATION in {row.cause for row in owner(hall).rows}
    assert Status.CANCELED is resting.status
    assert [Cause.LIQUIDATION] == [o.forced for o in hall.exchange.orders.values() if o.forced]


def test_deleveraging_closes_a_part_without_the_clients_doing() -> None:
    hall = opened()
    ask(hall, Side.SELL, "10", market=PERP)

    order = hall.cashier.reduce(owner(hall), PERP, D(4), Cause.ADL)

    assert (Side.BUY, D(4), Cause.ADL) == (order.side, order.filled, order.forced)
    assert D(-6) == owner(hall).position(PERP.name).size


def test_a_withdrawal_needs_the_permission_and_costs_its_fee() -> None:
    hall = opened()
    told = {"source": "spot", "address": "0xab", "network": "ETH", "client_id": "w1"}
    with pytest.raises(Refused, match="the key may not do this"):
        hall.cashier.withdraw(owner(hall), "USDT", D(10), **told)

    owner(hall).may_withdraw = True
    hall.cashier.withdraw(owner(hall), "USDT", D(10), **told)

    assert D(10_000 - 11) == owner(hall).balance("spot", "USDT")
    assert {"w1": 1} == hall.exchange.record.counts(What.WITHDRAWAL)
    with pytest.raises(Refused, match="an order has this client id"):
        hall.cashier.withdraw(owner(hall), "USDT", D(10), **told)
    with pytest.raises(Refused, match="not enough balance"):
        hall.cashier.withdraw(owner(hall), "USDT", D(9_989), **(told | {"client_id": "w2"}))


steps = st.lists(
    st.tuples(
        st.sampled_from((COIN, PERP)),
        st.sampled_from(tuple(Side)),
        st.integers(1, 5_000),
        st.one_of(st.none(), st.integers(9_000, 11_000)),
        st.sampled_from(tuple(Force)),
        st.integers(9_500, 10_500),
    ),
    max_size=12,
)


@settings(max_examples=40)
@given(steps)
def test_every_balance_is_the_sum_of_its_rows_and_every_trade_is_paid_for(
    told: list[tuple[object, Side, int, int | None, Force, int]],
) -> None:
    hall = opened()
    before = hall.exchange.copied()["client"]
    for market, side, lots, ticks, force, middle in told:
        price = None if ticks is None else str(D(ticks) / 100)
        try:
            ask(hall, side, str(D(lots) / 1000), price, market=market, force=force)
        except Refused:
            continue
        hall.desk.move(COIN, D(middle) / 100)
        hall.desk.move(PERP, D(middle) / 100)

    account = owner(hall)
    for wallet, asset in (("spot", "USDT"), ("spot", "BTC"), ("usdm", "USDT")):
        changes = [r.change for r in account.rows if (r.wallet, r.asset) == (wallet, asset)]
        after = before.balance(wallet, asset) + sum(changes, D(0))
        assert after == account.balance(wallet, asset)
    for market in (COIN, PERP):
        fills = hall.exchange.fills_of(account, market)
        signed = sum((fill.quantity * fill.order.side.sign for fill in fills), D(0))
        held = account.balance("spot", "BTC") - 100 if market is COIN else D(0)
        fees = sum((fill.fee for fill in fills if fill.fee_asset == "BTC"), D(0))
        assert signed - fees == (held if market is COIN else account.position(market.name).size)
    cash = -sum(
        (f.quantity * f.price * f.order.side.sign for f in hall.exchange.fills_of(account, PERP)),
        D(0),
    )
    position = account.position(PERP.name)
    assert abs(cash - position.realised + position.size * position.entry) < D("1e-18")
