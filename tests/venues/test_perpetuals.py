"""Perpetuals: entry value, realised profit, margin asset; two accounts of it that agree."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from tests.venues.exchanges import (
    BNB,
    BNB_FEES,
    LEVERAGE,
    MARGIN,
    PERP,
    PERP_DATA,
    deltas,
    go,
    perpetual,
    reference,
    rich,
    world,
)
from verifill.venues.expectation import Assessment
from verifill.venues.orders import Fill, Outcome, Receipt
from verifill.venues.perpetuals import after_fill
from verifill.venues.rules import Fees, Instrument
from verifill.venues.simulated.model import ExchangeModel

CARRY, NEUTRAL = "btc_cash_and_carry", "usdt_market_neutral"
BYBIT = Fees(rate=55_000)
FILLS = st.lists(
    st.tuples(st.integers(-(10**10), 10**10).filter(bool), st.integers(1, 10**8)),
    min_size=1,
    max_size=12,
)


# The entry value, by our own rule.


def test_fills_on_one_side_add_to_the_entry_value() -> None:
    assert (3 * 10 + 2 * 13, 0) == after_fill(3, 30, 2, 13)
    assert (-3 * 10 - 2 * 13, 0) == after_fill(-3, -30, -2, 13)


def test_a_part_that_is_closed_releases_its_part_of_the_entry_value() -> None:
    assert (20, 3) == after_fill(3, 30, -1, 13)
    assert (-20, -3) == after_fill(-3, -30, 1, 13)


def test_what_is_released_is_rounded_towards_zero() -> None:
    assert (21, 13 - 10) == after_fill(3, 31, -1, 13)
    assert (-21, -13 + 10) == after_fill(-3, -31, 1, 13)


def test_a_fill_that_turns_a_position_closes_all_of_it_and_opens_the_rest() -> None:
    assert (-2 * 13, 3 * 13 - 31) == after_fill(3, 31, -5, 13)
    assert (2 * 13, 31 - 3 * 13) == after_fill(-3, -31, 5, 13)


def test_a_flat_position_has_no_entry_value_whatever_was_left_of_one() -> None:
    """A liquidation closes a position by the venue's rows, and no fill of ours tells of it."""
    assert (13, 0) == after_fill(0, 31, 1, 13)


@given(FILLS)
def test_realised_and_unrealised_profit_are_together_what_was_traded(
    fills: list[tuple[int, int]],
) -> None:
    size = basis = realised = paid = 0
    for change, price in fills:
        basis, profit = after_fill(size, basis, change, price)
        size, realised, paid = size + change, realised + profit, paid + change * price
    last = fills[-1][1]

    assert size * last - paid == realised + (size * last - basis)


@given(FILLS)
def test_a_position_that_is_closed_has_no_entry_value(fills: list[tuple[int, int]]) -> None:
    size = basis = 0
    for change, price in fills:
        basis, _ = after_fill(size, basis, change, price)
        size += change
    if size:
        basis, _ = after_fill(size, basis, -size, 7)

    assert 0 == basis


@given(FILLS)
def test_the_entry_value_has_the_sign_of_the_position(fills: list[tuple[int, int]]) -> None:
    size = basis = 0
    for change, price in fills:
        basis, _ = after_fill(size, basis, change, price)
        size += change
        assert size * basis > 0 or size == basis == 0


@given(st.integers(1, 10**10), st.integers(1, 10**18), st.integers(1, 10**10))
def test_average_cost_is_off_by_less_than_a_unit(size: int, basis: int, part: int) -> None:
    closed = min(size, part)
    left, _ = after_fill(size, basis, -closed, 1)

    assert 0 <= left - Fraction(basis * (size - closed), size) < 1


# What a trade moves, to the last digit.


@pytest.mark.parametrize(
    ("strategy", "step", "symbol", "account", "quantity", "price", "fees"),
    [
        (CARRY, "A6", "BTCUSDT", "binance.usdm", "5", 64_030_00, None),
        (CARRY, "A7", "BTCUSDT", "bybit.uta", "3.75", 64_025_00, BYBIT),
        (CARRY, "A8", "BTCUSDT", "okx.trading", "3.75", 64_028_00, None),
        (NEUTRAL, "C6", "ETHUSDT", "binance.usdm", "62.417", 3_202_00, None),
        (NEUTRAL, "C7", "ETHUSDT", "bybit.uta", "46.81", 3_201_50, BYBIT),
        (NEUTRAL, "C8", "ETHUSDT", "okx.trading", "46.817", 3_202_00, None),
    ],
)
def test_a_hedge_of_the_reference_strategies_is_exact(
    strategy: str,
    step: str,
    symbol: str,
    account: str,
    quantity: str,
    price: int,
    fees: Fees | None,
) -> None:
    listed = perpetual(symbol, account)
    traded = evolve(listed, fees=fees or listed.fees)
    venue = world(
        {f"{account}:Perp:{symbol}": "0", f"{account}:BaseToken:USDT": "200000"},
        instruments=[traded],
        prices={traded.data: price},
    )

    assert deltas(strategy, step) == venue.send(go(f"-{quantity}", symbol, account)).moved


def test_the_part_that_was_filled_of_a_hedge_is_exact() -> None:
    variant = reference(CARRY)["variant_A7_timeout"]["recorded_deltas"]
    listed = evolve(perpetual(account="bybit.uta"), fees=BYBIT)
    venue = world(
        {"bybit.uta:Perp:BTCUSDT": "0", "bybit.uta:BaseToken:USDT": "60000"},
        instruments=[listed],
        prices={listed.data: 64_025_00},
        model=ExchangeModel(liquidity=lambda _instrument, _side, quantity: quantity // 3),
    )
    sent = venue.send(go("-3.75", account="bybit.uta"))

    assert Outcome.EXECUTED_PARTIAL is sent.receipt.outcome
    assert variant == sent.moved


def test_a_reducing_trade_pays_the_profit_of_what_it_closes() -> None:
    venue = rich(evolve(perpetual(), fees=Fees(rate=0)))
    venue.send(go("-2"))
    venue.market.prices[PERP_DATA] = 63_030_00

    assert {PERP: "0.5", MARGIN: "500"} == venue.send(go("0.5")).moved


def test_a_trade_that_turns_a_position_realises_all_of_it() -> None:
    venue = rich(evolve(perpetual(), fees=Fees(rate=0)))
    venue.send(go("2"))
    venue.market.prices[PERP_DATA] = 63_030_00

    assert {PERP: "-3", MARGIN: "-2000"} == venue.send(go("-3")).moved
    assert {PERP: "1", MARGIN: "0"} | venue.send(go("1")).moved == {PERP: "1", MARGIN: "0"}


def test_an_opening_trade_without_a_fee_moves_no_margin() -> None:
    venue = rich(evolve(perpetual(), fees=Fees(rate=0)))

    assert {PERP: "1"} == venue.send(go("1")).moved
    assert {PERP: ("1", "1")} == venue.expect(go("1"))


def test_a_perpetual_may_pay_its_fee_in_a_third_asset() -> None:
    fees = evolve(BNB_FEES, price=PERP_DATA)
    venue = world(
        {PERP: "0", MARGIN: "1e6", "binance.usdm:BaseToken:BNB": "1"},
        instruments=[evolve(perpetual(), fees=fees)],
    )

    assert {PERP: "1", "binance.usdm:BaseToken:BNB": "-0.00075"} == venue.send(go("1")).moved


def test_a_perpetual_that_cannot_pay_its_fee_is_rejected() -> None:
    fees = evolve(BNB_FEES, price=PERP_DATA)
    venue = world(
        {PERP: "0", MARGIN: "1e6", "binance.usdm:BaseToken:BNB": "0.0007"},
        instruments=[evolve(perpetual(), fees=fees)],
    )
    receipt = venue.send(go("1")).receipt

    assert Outcome.REJECTED_DEFINITIVE is receipt.outcome
    assert "insufficient binance.usdm:BaseToken:BNB for the fee" in receipt.reason


def test_a_rebate_of_a_perpetual_is_paid() -> None:
    venue = rich(evolve(perpetual(), fees=Fees(rate=-10_000)))

    assert {PERP: "1", MARGIN: "6.403"} == venue.send(go("1")).moved


def test_a_fee_is_never_of_the_base_of_a_perpetual() -> None:
    venue = rich(evolve(perpetual(), fees=Fees(rate=100_000, paid_in="received")))

    assert {PERP: "1", MARGIN: "-64.03"} == venue.send(go("1")).moved


def test_a_perpetual_that_is_not_tracked_is_expected_all_the_same() -> None:
    """So that the tight loop denies the order, because it does not know that position."""
    venue = world({MARGIN: "1000"}, instruments=[perpetual()])

    assert PERP in venue.expect(go("1"))


# Reduce-only.


@pytest.mark.parametrize(("held", "asked", "filled"), [("2", "-3", "-2"), ("-2", "3", "2")])
def test_reduce_only_shrinks_to_the_position_and_the_rest_is_final(
    held: str, asked: str, filled: str
) -> None:
    venue = rich()
    venue.send(go(held))
    sent = venue.send(go(asked, reduce_only=True))

    assert Outcome.EXECUTED_PARTIAL is sent.receipt.outcome
    assert filled == sent.moved[PERP]
    assert "0" == venue.total(PERP)


@pytest.mark.parametrize("held", ["0", "1"])
def test_reduce_only_never_opens(held: str) -> None:
    venue = rich()
    if held != "0":
        venue.send(go(held))

    assert Outcome.EXPIRED is venue.send(go("1", reduce_only=True)).receipt.outcome


def test_reduce_only_of_less_than_the_position_is_executed_whole() -> None:
    venue = rich()
    venue.send(go("2"))

    assert Outcome.EXECUTED is venue.send(go("-2", reduce_only=True)).receipt.outcome


# Two accounts of the same trades, kept apart.


@given(
    st.lists(
        st.tuples(st.integers(-(10**9), 10**9).filter(bool), st.integers(-2_000, 2_000)),
        max_size=15,
    ),
    st.sampled_from([Fees(rate=0), Fees(rate=50_000), Fees(rate=-20_000)]),
)
def test_the_monitors_rule_agrees_with_the_exchange_whatever_is_traded(
    trades: list[tuple[int, int]], fees: Fees
) -> None:
    """`World.send` compares rows, receipt and totals; here the entry values are compared too."""
    venue = rich(evolve(perpetual(), fees=fees))
    margin = venue.exchange.margin
    paid = cash = 0
    for change, away in trades:
        venue.market.prices[PERP_DATA] += away
        sent = venue.send(go(f"{change}e-8"))
        assert venue.books.bases[PERP] == margin.bases[PERP]
        paid += sum(change * fill.price for fill in sent.receipt.fills)
        cash += sum(fill.realised for fill in sent.receipt.fills)
    size = venue.books.totals[PERP]
    unrealised = size * venue.market.prices[PERP_DATA] - margin.bases.get(PERP, 0)
    profit = size * venue.market.prices[PERP_DATA] - paid

    assert sum(change for change, _ in trades) == size
    assert 0 <= profit - (cash * perpetual().scale + unrealised) <= len(trades) * perpetual().scale


@given(
    st.integers(-(10**9), 10**9),
    st.lists(st.tuples(st.integers(1, 10**8), st.integers(-500, 500)), min_size=1, max_size=8),
    st.booleans(),
)
def test_any_fills_within_the_prices_are_within_the_expectation(
    held: int,
    parts: list[tuple[int, int]],
    buy: bool,  # noqa: FBT001 - drawn by hypothesis
) -> None:
    venue = rich()
    if held:
        venue.send(go(f"{held}e-8"))
    sign = 1 if buy else -1
    order = venue.resolve(go(f"{sign * sum(quantity for quantity, _ in parts)}e-8"))
    bounds = venue.exchange.expect(order, venue.books).bounds
    fills: list[Fill] = []
    for quantity, away in parts:
        venue.market.prices[PERP_DATA] = 64_030_00 + away
        fills += venue.submit(go(f"{sign * quantity}e-8")).fills
    receipt = Receipt(Outcome.EXECUTED, tuple(fills))
    assessed = venue.exchange.assess(order, receipt, venue.books)

    assert "" == assessed.flaw
    assert assessed.bases[PERP] == venue.exchange.margin.bases[PERP]
    for key, moved in assessed.effects.items():
        if moved:
            assert bounds[key].low <= moved <= bounds[key].high


# What is wrong with a fill.


def assess(change: str, fill: Fill) -> Assessment:
    venue = rich()
    venue.send(go("-2"))
    order = venue.resolve(go(change))
    return venue.exchange.assess(order, Receipt(Outcome.EXECUTED, (fill,)), venue.books)


HONEST = Fill("t9", 10**8, 64_030_00, 3_201_500_000, "USDT", 0)


def test_an_honest_fill_has_no_flaw() -> None:
    assert "" == assess("1", HONEST).flaw


@pytest.mark.parametrize(
    "skewed",
    [
        replace(HONEST, realised=1),
        replace(HONEST, realised=-1),
        replace(HONEST, fee=3_201_499_999),
        replace(HONEST, fee_asset="BNB"),
        replace(HONEST, price=70_000_00),
        replace(HONEST, quantity=0, fee=0),
    ],
    ids=["profit too high", "too low", "fee", "fee asset", "price", "zero"],
)
def test_a_fill_that_breaks_a_rule_is_a_flaw(skewed: Fill) -> None:
    assert "breaks a rule" in assess("1", skewed).flaw


def test_a_fill_without_a_fee_moves_no_fee() -> None:
    assert {PERP: 10**8, MARGIN: 0} == assess("1", replace(HONEST, fee=0)).effects


def test_a_fee_in_a_wrong_asset_is_an_effect_on_that_asset() -> None:
    wrong = assess("1", replace(HONEST, fee_asset="BNB"))

    assert -HONEST.fee == wrong.effects["binance.usdm:BaseToken:BNB"]
    assert BNB not in wrong.effects


def test_more_than_was_ordered_is_a_flaw() -> None:
    assert "more than was ordered" in assess("0.5", HONEST).flaw


# The setting.


def test_the_leverage_is_a_position_of_its_own() -> None:
    venue = rich()

    assert "5" == venue.total(LEVERAGE)


def test_listing_a_perpetual_does_not_track_it() -> None:
    venue = world({MARGIN: "1"}, instruments=[perpetual()])
    venue.wait(1)

    assert PERP not in venue.exchange.read().totals


def test_a_perpetual_of_many_decimals_is_as_exact() -> None:
    listed: Instrument = perpetual("ETHUSDT")
    venue = world(
        {listed.base_key: "0", MARGIN: "1e5"}, instruments=[listed], prices={listed.data: 3_202_01}
    )
    sent = venue.send(go("0.000000000000000001", "ETHUSDT"))

    assert "0.000000000000000001" == sent.moved[listed.base_key]
    assert Decimal("-0.00000001") == Decimal(sent.moved[MARGIN])
