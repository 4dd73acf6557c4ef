"""The simulated exchange as a whole: what it supports, knows, forgets and shows late."""

from decimal import Decimal

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from tests.venues.exchanges import (
    BTC,
    BTC_DATA,
    HOUR_NS,
    IDEAL,
    LEVERAGE,
    MARGIN,
    OPERATIONS,
    PERP,
    PERP_DATA,
    SCALES,
    START_NS,
    USDT,
    World,
    buy,
    changes,
    go,
    internal,
    perpetual,
    rates,
    rich,
    rules,
    sell,
    set_leverage,
    spot,
    summed,
    withdraw,
)
from verifill.engine.errors import ConfigError, EngineDefect, InstructionError
from verifill.venues.instructions import Instruction, Operation, Wrap
from verifill.venues.orders import Bundle, Order, Outcome
from verifill.venues.samples import samples
from verifill.venues.simulated.exchange import SimulatedExchange
from verifill.venues.simulated.model import ExchangeModel

BUNDLE = Bundle(1, "binance.spot", ())


# What it supports.


@pytest.mark.parametrize(
    "instruction",
    [one for one in samples("binance.spot") if one.op not in OPERATIONS],
    ids=lambda instruction: instruction.op,
)
def test_what_an_exchange_does_not_do_is_refused_with_what_it_does(
    instruction: Instruction,
) -> None:
    with pytest.raises(
        InstructionError, match=f"binance does not support {instruction.op}; it supports .*SPOT_TR"
    ):
        rich().resolve(instruction)


def test_an_operation_that_is_not_declared_is_refused() -> None:
    venue = rich()
    exchange = SimulatedExchange(
        rules=evolve(rules([spot()]), operations=frozenset({Operation.SPOT_TRADE})),
        scales=SCALES,
        market=venue.market,
        network=venue.network,
        model=IDEAL,
        opening={BTC: 0, USDT: 0},
        bases={},
        funding={},
    )

    with pytest.raises(InstructionError, match="does not support INTERNAL_TRANSFER; it supports S"):
        exchange.resolve(internal(), 1, None)


def test_a_chain_of_orders_is_denied() -> None:
    assert "binance" in rich().exchange.deny(BUNDLE)


def test_a_chain_of_orders_that_was_not_denied_is_a_defect_of_ours() -> None:
    venue = rich()
    with pytest.raises(EngineDefect):
        venue.exchange.submit(BUNDLE)
    with pytest.raises(EngineDefect):
        venue.exchange.expect(BUNDLE, venue.books)


def test_an_order_of_what_it_does_not_do_is_rejected() -> None:
    """If somebody makes one by hand."""
    wrap = Wrap(account="binance.spot", asset="ETH", into="WETH", amount=Decimal(1))
    receipt = rich().exchange.submit(Order(1, wrap, 1))

    assert (Outcome.REJECTED_DEFINITIVE, "not supported") == (receipt.outcome, receipt.reason)


def test_a_simulation_is_always_ready() -> None:
    assert () == rich().exchange.start_up_failures()


# What it tells.


def test_what_it_was_never_sent_is_absent() -> None:
    venue = rich()

    assert Outcome.ABSENT is venue.exchange.query(venue.resolve(buy())).outcome


@pytest.mark.parametrize("trade", [buy(), sell("1", "65000"), go("-1"), set_leverage(3)])
def test_asked_about_an_order_it_repeats_what_it_said(trade: Instruction) -> None:
    venue = rich()
    sent = venue.send(trade)

    assert sent.receipt == venue.exchange.query(sent.order)
    assert () == venue.exchange.read().rows


def test_it_remembers_what_is_pending_and_the_last_hundreds_and_does_not_know_of_the_rest() -> None:
    venue = rich(model=ExchangeModel(withdrawal_ns=HOUR_NS))
    exchange, last = venue.exchange, 3_100

    def known(number: int) -> Outcome:
        return exchange.query(exchange.resolve(buy("0.001"), number, None)).outcome

    away = exchange.resolve(withdraw(), 1, None)
    exchange.submit(away)
    for number in range(2, last + 1):
        exchange.submit(exchange.resolve(buy("0.001"), number, None))

    assert Outcome.UNKNOWN is known(2)
    assert {Outcome.EXECUTED} == {known(number) for number in range(last - 256, last + 1)}
    assert Outcome.ABSENT is known(last + 1)
    assert Outcome.ACCEPTED is exchange.query(away).outcome
    venue.wait(HOUR_NS)
    assert Outcome.EXECUTED is exchange.query(away).outcome


def test_the_leverage_of_every_perpetual_is_tracked_from_the_beginning() -> None:
    assert 20 == rich(model=ExchangeModel(default_leverage=20)).exchange.read().totals[LEVERAGE]


def test_every_reading_has_every_position() -> None:
    venue = rich()
    keys = venue.exchange.read().totals.keys()
    for trade in (buy("100"), sell("199.9"), go("1"), go("-1")):
        venue.send(trade)

    assert keys == venue.exchange.read().totals.keys()


def test_an_order_sent_twice_is_executed_twice() -> None:
    """As a venue does whose keys are no idempotency keys: nobody but us prevents it."""
    venue = rich()
    order = venue.resolve(buy())
    refs = {venue.exchange.submit(order).fills[0].ref for _ in range(2)}

    assert 2 == len(refs)
    assert "101.998" == venue.total(BTC)


# A view of positions that is behind.


def test_a_view_that_is_behind_shows_the_position_later_than_the_fill() -> None:
    venue = rich(model=ExchangeModel(lag_ns=HOUR_NS))
    opening = dict(venue.exchange.accounts.totals)
    receipt = venue.submit(buy())
    early = venue.exchange.read()
    assert Outcome.EXECUTED is receipt.outcome
    assert (receipt.effect_ns - HOUR_NS, opening, ()) == (
        early.as_of_ns,
        early.totals,
        early.rows,
    )
    venue.wait(HOUR_NS)
    late = venue.exchange.read()

    assert receipt.effect_ns == late.as_of_ns
    assert {BTC: "99900000", USDT: "-6401000000000"} == {
        key: str(units) for key, units in changes(opening, late).items()
    }
    assert changes(opening, late) == summed(late.rows)


def test_a_fee_is_what_it_was_when_the_order_was_sent_however_late_it_is_seen() -> None:
    venue = rich(model=ExchangeModel(lag_ns=HOUR_NS))
    order = venue.resolve(buy())
    receipt = venue.exchange.submit(order)
    venue.market.prices[BTC_DATA] *= 2
    venue.wait(HOUR_NS)

    assert "" == venue.exchange.assess(order, receipt, venue.books).flaw


# All of it together.

ACTIONS = st.lists(
    st.one_of(
        st.integers(1, 10**9).map(lambda q: buy(f"{q}e-8")),
        st.integers(1, 10**9).map(lambda q: sell(f"{q}e-8")),
        st.integers(-(10**9), 10**9).filter(bool).map(lambda q: go(f"{q}e-8")),
        st.integers(1, 10**9).map(lambda q: go(f"{q}e-8", reduce_only=True)),
        st.integers(1, 125).map(set_leverage),
        st.integers(1, 10**15).map(lambda a: internal(f"{a}e-8")),
        st.integers(1, 10**14).map(lambda a: withdraw(f"{a}e-8")),
        st.integers(1, 10**15).map(
            lambda a: internal(f"{a}e-8", to="binance.spot", account="binance.usdm")
        ),
        st.integers(0, 10 * HOUR_NS),
    ),
    max_size=15,
)


@given(ACTIONS, st.lists(st.integers(-5_000_00, 5_000_00), min_size=15, max_size=15))
def test_rows_add_up_whatever_is_done_and_nothing_is_made_of_nothing(
    actions: list[Instruction | int], moves: list[int]
) -> None:
    """`World.send` compares rows, receipt, expectation and totals after every order."""
    venue = rich(funding={PERP_DATA: rates("0.001", "-0.002", "0.003")})
    opening = dict(venue.exchange.accounts.totals)
    base = outside = 0
    for action, move in zip(actions, moves, strict=False):
        if isinstance(action, Instruction):
            sent = venue.send(action)
            if action.op is Operation.SPOT_TRADE:
                base += sent.assessment.effects[BTC]
            if sent.receipt.outcome is Outcome.ACCEPTED:
                outside += sent.order.quantity
        else:
            venue.market.prices[PERP_DATA] += move
            venue.wait(action)
            rows = venue.exchange.read().rows
            for key, units in summed(rows).items():
                venue.books.totals[key] += units

    assert venue.books.totals == venue.exchange.accounts.totals
    assert opening[BTC] + base == venue.books.totals[BTC]
    assert all(venue.books.totals[key] >= 0 for key in (BTC, USDT, MARGIN))
    venue.wait(HOUR_NS)
    assert outside == venue.wallet.totals["wallet:BaseToken:USDT"]


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 10**8)), max_size=12))
def test_what_buyers_get_sellers_give_but_for_fees(orders: list[tuple[bool, int]]) -> None:
    """Two accounts, each the other's market: base is conserved across fills."""
    one, other = rich(), rich()
    fees = 0
    for buys, quantity in orders:
        buyer, seller = (one, other) if buys else (other, one)
        fees += buyer.send(buy(f"{quantity}e-8")).receipt.fills[0].fee
        seller.send(sell(f"{quantity}e-8"))

    both = one.books.totals[BTC] + other.books.totals[BTC]
    assert 2 * SCALES.units(BTC, Decimal(100)) - fees == both


# A model that makes no sense.


@pytest.mark.parametrize(("spread", "slippage"), [(2 * 10**8, 0), (0, 10**8), (10**8, 5 * 10**7)])
def test_a_model_that_sells_for_nothing_is_refused(spread: int, slippage: int) -> None:
    with pytest.raises(ConfigError, match="are the whole price"):
        ExchangeModel(spread=spread, slippage=slippage)


@given(
    st.integers(1, 10**7),
    st.integers(0, 10**8),
    st.integers(0, 4 * 10**7),
    st.sampled_from([1, 5, 100]),
)
def test_a_fill_is_never_better_than_the_price_and_always_on_the_tick(
    last: int, spread: int, slippage: int, tick: int
) -> None:
    venue = rich(evolve(spot(), tick=tick), model=ExchangeModel(spread=spread, slippage=slippage))
    venue.market.prices[BTC_DATA] = last
    (bought,) = venue.submit(buy("0.00000001")).fills
    (sold,) = venue.submit(sell("0.00000001")).fills

    assert 0 <= sold.price <= last <= bought.price
    assert 0 == sold.price % tick == bought.price % tick


def test_time_begins_where_the_market_is() -> None:
    venue: World = rich(perpetual(), spot())

    assert START_NS == venue.exchange.read().as_of_ns
    assert PERP in venue.exchange.read().totals
