"""Margin: what carries a perpetual, what funding pays, and when all of it is taken."""

from decimal import Decimal

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from tests.venues.exchanges import (
    HOUR_NS,
    MARGIN,
    PERCENT,
    PERP,
    PERP_DATA,
    PRICES,
    START_NS,
    World,
    amount,
    deltas,
    go,
    internal,
    perpetual,
    rates,
    rich,
    set_leverage,
    set_margin_mode,
    spot,
    summed,
    world,
)
from verifill.engine.errors import ConfigError
from verifill.venues.data.history import SeriesPoints
from verifill.venues.margin_mode import MarginMode
from verifill.venues.orders import Cause, LedgerRow, Outcome
from verifill.venues.rules import Fees
from verifill.venues.time_in_force import TimeInForce

FREE = evolve(perpetual(), fees=Fees(rate=0))
OTHER = evolve(perpetual("ETHUSDT"), fees=Fees(rate=0))
MODE = "binance.usdm:Setting:BTCUSDT.margin_mode"
ETH_PERP = "binance.usdm:Perp:ETHUSDT"


def margined(margin: str, held: str = "0") -> World:
    """An account with this margin, and a position bought at the first price, without a fee."""
    venue = world({PERP: "0", MARGIN: margin}, instruments=[FREE])
    if held != "0":
        venue.send(go(held))
    return venue


def rows_of(venue: World, cause: Cause) -> list[LedgerRow]:
    return [row for row in venue.exchange.read().rows if row.cause is cause]


# What carries a position.


def test_a_position_needs_its_value_divided_by_the_leverage() -> None:
    assert Outcome.EXECUTED is margined("12806").send(go("1")).receipt.outcome
    receipt = margined("12805.99999999").send(go("1")).receipt

    assert Outcome.REJECTED_DEFINITIVE is receipt.outcome
    assert f"insufficient margin {MARGIN}" in receipt.reason


def test_the_fee_is_carried_too() -> None:
    venue = world({PERP: "0", MARGIN: "12838.01499999"}, instruments=[perpetual()])

    assert Outcome.REJECTED_DEFINITIVE is venue.send(go("1")).receipt.outcome
    venue = world({PERP: "0", MARGIN: "12838.015"}, instruments=[perpetual()])
    assert Outcome.EXECUTED is venue.send(go("1")).receipt.outcome


@pytest.mark.parametrize("second", ["1", "-3"])
def test_a_trade_that_adds_needs_margin_for_what_it_adds(second: str) -> None:
    """From 1 to 2, and from 1 to -2: one more of either."""
    assert Outcome.EXECUTED is margined("25612", "1").send(go(second)).receipt.outcome
    assert Outcome.REJECTED_DEFINITIVE is margined("25611", "1").send(go(second)).receipt.outcome


@pytest.mark.parametrize("second", ["-1", "-2"])
def test_a_trade_that_adds_nothing_needs_no_margin(second: str) -> None:
    assert Outcome.EXECUTED is margined("12806", "1").send(go(second)).receipt.outcome


def test_an_unrealised_profit_carries_a_position_and_a_loss_does_not() -> None:
    venue = margined("12806", "1")
    venue.market.prices[PERP_DATA] += 20_000_00
    assert Outcome.EXECUTED is venue.send(go("0.19")).receipt.outcome
    venue.market.prices[PERP_DATA] -= 30_000_00
    assert Outcome.REJECTED_DEFINITIVE is venue.send(go("0.01")).receipt.outcome


def test_perpetuals_of_one_margin_asset_share_it() -> None:
    venue = world(
        {PERP: "0", ETH_PERP: "0", MARGIN: "13000"},
        instruments=[FREE, OTHER],
        prices=PRICES | {OTHER.data: 3_202_00},
    )
    venue.send(go("1"))

    assert Outcome.REJECTED_DEFINITIVE is venue.send(go("1", "ETHUSDT")).receipt.outcome


def test_more_leverage_needs_less_margin() -> None:
    venue = margined("6403")
    assert Outcome.REJECTED_DEFINITIVE is venue.send(go("1")).receipt.outcome
    venue.send(set_leverage(10))
    assert Outcome.EXECUTED is venue.send(go("1")).receipt.outcome


def test_margin_in_use_cannot_be_taken_out() -> None:
    opening = {"binance.spot:BaseToken:USDT": "0", PERP: "0", MARGIN: "20000"}
    venue = world(opening, instruments=[FREE, spot()])
    venue.send(go("1"))
    too_much = internal("7194.00000001", account="binance.usdm", to="binance.spot")
    all_there_is = internal("7194", account="binance.usdm", to="binance.spot")

    assert Outcome.REJECTED_DEFINITIVE is venue.send(too_much).receipt.outcome
    assert Outcome.EXECUTED is venue.send(all_there_is).receipt.outcome


# Isolated margin.


def isolated(margin: str = "40000") -> World:
    """A perpetual with a margin of its own, and one that shares what else there is."""
    venue = world(
        {PERP: "0", ETH_PERP: "0", MARGIN: margin},
        instruments=[FREE, OTHER],
        prices=PRICES | {OTHER.data: 3_200_00},
    )
    venue.send(set_margin_mode(MarginMode.ISOLATED))
    return venue


def test_a_margin_mode_is_a_setting_that_moves_no_balance() -> None:
    venue = isolated()

    assert "2" == venue.total(MODE)
    assert {MODE: "-1"} == venue.send(set_margin_mode(MarginMode.CROSS)).moved
    assert {} == venue.send(set_margin_mode(MarginMode.CROSS)).moved


def test_it_cannot_be_changed_while_there_is_a_position_or_an_order_that_rests() -> None:
    venue = isolated()
    venue.send(go("1"))
    cross = set_margin_mode(MarginMode.CROSS)

    assert Outcome.REJECTED_DEFINITIVE is venue.send(cross).receipt.outcome
    venue.send(go("-1"))
    rests = {"time_in_force": TimeInForce.GTC, "timeout_s": 60}
    venue.send(structs.replace(go("1", limit="63000"), **rests))
    assert Outcome.REJECTED_DEFINITIVE is venue.send(cross).receipt.outcome
    assert "2" == venue.total(MODE)


def test_an_isolated_position_loses_no_more_than_its_margin() -> None:
    """1 BTC at 5x has a fifth of its value; the price falls by a quarter at once."""
    venue = isolated()
    venue.send(go("1"))
    before, price = Decimal(venue.total(MARGIN)), venue.market.prices[PERP_DATA]
    venue.market.prices[PERP_DATA] = price * 3 // 4
    venue.wait(1)

    assert "0" == venue.total(PERP)
    assert before - Decimal(price) / 100 / 5 == Decimal(venue.total(MARGIN))


def test_an_isolated_position_is_closed_though_the_account_could_carry_it() -> None:
    """Cross, the same fall is carried."""
    for mode, left in ((MarginMode.ISOLATED, "0"), (MarginMode.CROSS, "1")):
        venue = isolated()
        venue.send(set_margin_mode(mode))
        venue.send(go("1"))
        venue.market.prices[PERP_DATA] = venue.market.prices[PERP_DATA] * 804 // 1000
        venue.wait(1)
        assert left == venue.total(PERP)


def test_what_an_isolated_position_gains_or_has_as_margin_carries_no_other() -> None:
    venue = isolated("13000")
    venue.send(go("1"))
    venue.market.prices[PERP_DATA] *= 2

    assert Outcome.REJECTED_DEFINITIVE is venue.send(go("1", "ETHUSDT")).receipt.outcome
    assert venue.exchange.margin.equity(MARGIN) < 300 * 10**8


def test_a_shared_margin_that_is_lost_leaves_the_isolated_one() -> None:
    venue = isolated("20000")
    venue.send(go("1"))
    venue.send(go("10", "ETHUSDT"))
    venue.market.prices[OTHER.data] //= 4
    venue.wait(1)

    assert ("1", "0") == (venue.total(PERP), venue.total(ETH_PERP))
    assert 0 == venue.exchange.margin.free(MARGIN)


def test_the_margin_of_an_isolated_position_cannot_be_taken_out() -> None:
    opening = {"binance.spot:BaseToken:USDT": "0", PERP: "0", MARGIN: "20000"}
    venue = world(opening, instruments=[FREE, spot()])
    venue.send(set_margin_mode(MarginMode.ISOLATED))
    venue.send(go("1"))
    venue.market.prices[PERP_DATA] *= 2  # what it gained is not there either
    free = venue.exchange.margin.free(MARGIN)
    too_much = internal(amount(MARGIN, free + 1), account="binance.usdm", to="binance.spot")
    all_there_is = internal(amount(MARGIN, free), account="binance.usdm", to="binance.spot")

    assert Outcome.REJECTED_DEFINITIVE is venue.send(too_much).receipt.outcome
    assert Outcome.EXECUTED is venue.send(all_there_is).receipt.outcome


def test_what_funding_has_taken_a_liquidation_cannot_take_again() -> None:
    """An account is never short, though the margin of a position was more than it has left."""
    venue = world(
        {PERP: "0", MARGIN: "13000"},
        instruments=[FREE],
        funding={PERP_DATA: rates("0.1")},
    )
    venue.send(set_margin_mode(MarginMode.ISOLATED))
    venue.send(go("1"))
    venue.wait(2 * HOUR_NS)
    assert Decimal(venue.total(MARGIN)) < 7_000
    venue.market.prices[PERP_DATA] //= 2
    venue.wait(1)

    assert ("0", "0") == (venue.total(PERP), venue.total(MARGIN))


def test_the_ratio_of_an_account_is_the_least_of_its_margins() -> None:
    venue = isolated("1000000")
    venue.send(go("1"))

    assert Decimal(30) < venue.exchange.margins()["binance.usdm"] < Decimal(50)


# Funding.


def test_the_funding_of_the_reference_strategy_is_exact() -> None:
    venue = world(
        {PERP: "0", MARGIN: "80000"},
        instruments=[perpetual()],
        funding={PERP_DATA: rates("0.0001")},
    )
    venue.send(go("-5"))
    venue.market.marks[PERP_DATA] = 64_020_00
    venue.wait(HOUR_NS)
    (row,) = venue.exchange.read().rows

    assert deltas("btc_cash_and_carry", "A-ext1") == {row.key: "32.01"}
    assert (32_01000000, Cause.FUNDING, START_NS + HOUR_NS) == (row.amount, row.cause, row.time_ns)
    assert "79871.935" == venue.total(MARGIN)


def funded(*values: str, first_ns: int = START_NS + HOUR_NS) -> World:
    return world(
        {PERP: "0", MARGIN: "80000"},
        instruments=[FREE],
        funding={PERP_DATA: rates(*values, first_ns=first_ns)},
    )


@pytest.mark.parametrize(
    ("held", "rate", "paid"),
    [("1", "0.0001", -6_40300000), ("1", "-0.0001", 6_40300000), ("-1", "-0.0001", -6_40300000)],
)
def test_who_pays_funding_depends_on_side_and_rate(held: str, rate: str, paid: int) -> None:
    venue = funded(rate)
    venue.send(go(held))
    venue.wait(HOUR_NS)

    assert [paid] == [row.amount for row in rows_of(venue, Cause.FUNDING)]


@pytest.mark.parametrize(("held", "paid"), [("1", -6401), ("-1", 6400)])
def test_funding_is_rounded_down_for_whoever_pays_or_receives(held: str, paid: int) -> None:
    venue = funded("0.00000000100000015")  # 6400.00096 units of the margin asset
    venue.market.marks[PERP_DATA] = 64_000_00
    venue.send(go(held))
    venue.wait(HOUR_NS)

    assert [paid] == [row.amount for row in rows_of(venue, Cause.FUNDING)]


def test_a_flat_position_pays_no_funding() -> None:
    venue = funded("0.0001")
    venue.wait(HOUR_NS)

    assert () == venue.exchange.read().rows


def test_each_funding_is_paid_once_and_none_is_left_out() -> None:
    venue = funded("0.0001", "0.0002", "0.0003")
    venue.send(go("1"))
    venue.wait(9 * HOUR_NS)
    first = rows_of(venue, Cause.FUNDING)
    venue.wait(8 * HOUR_NS)
    second = rows_of(venue, Cause.FUNDING)
    venue.wait(8 * HOUR_NS)

    assert [-6_40300000, -12_80600000] == [row.amount for row in first]
    assert [-19_20900000] == [row.amount for row in second]
    assert 3 == len({row.ref for row in [*first, *second]})
    assert [] == rows_of(venue, Cause.FUNDING)


def test_funding_from_before_the_run_is_not_paid_again() -> None:
    """A position carried over from another run has paid it there."""
    venue = world(
        {PERP: "1", MARGIN: "80000"},
        instruments=[FREE],
        bases={PERP: 10**8 * 64_030_00},
        funding={PERP_DATA: rates("0.1", "0.2", "0.0001", first_ns=START_NS - 16 * HOUR_NS)},
    )

    assert [-6_40300000] == [row.amount for row in rows_of(venue, Cause.FUNDING)]


def test_funding_of_what_is_not_listed_is_nobodys() -> None:
    venue = world(
        {PERP: "0", MARGIN: "1"}, instruments=[FREE], funding={"okx:BTC": SeriesPoints([], [], 18)}
    )
    venue.wait(HOUR_NS)

    assert () == venue.exchange.read().rows


# Liquidation.


def test_a_position_under_water_is_closed_at_the_last_price() -> None:
    venue = margined("13000", "1")
    venue.market.prices[PERP_DATA] = 51_260_00  # a loss of 12770, and 230 of 256.3 left
    venue.wait(1)
    rows = rows_of(venue, Cause.LIQUIDATION)

    assert {PERP: -(10**8), MARGIN: -12_770 * 10**8} == summed(rows)
    assert ("0", "230") == (venue.total(PERP), venue.total(MARGIN))
    assert 1 == len({row.ref for row in rows})


def test_a_position_with_its_maintenance_margin_stays() -> None:
    venue = margined("13000", "1")
    venue.market.prices[PERP_DATA] = 51_300_00  # a loss of 12730, and 270 of 256.5 left
    venue.wait(1)

    assert "1" == venue.total(PERP)


def test_a_margin_ratio_is_equity_over_maintenance_margin_rounded_down() -> None:
    venue = margined("13000", "1")
    assert {"binance.usdm": Decimal("40.60596595")} == venue.exchange.margins()  # 13000 of 320.15
    venue.market.prices[PERP_DATA] = 51_300_00

    assert {"binance.usdm": Decimal("1.05263157")} == venue.exchange.margins()  # 270 of 256.5


@given(st.integers(-20, 20).filter(bool), st.integers(20_000_00, 120_000_00))
def test_below_one_a_position_is_liquidated_and_from_one_on_it_stays(held: int, price: int) -> None:
    venue = margined("70000", f"{held}e-1")
    venue.market.prices[PERP_DATA] = price
    (ratio,) = venue.exchange.margins().values()
    venue.wait(1)

    assert (ratio < 1) == (venue.total(PERP) == "0")


def test_what_carries_nothing_has_no_margin_ratio() -> None:
    assert {} == margined("13000").exchange.margins()
    free = evolve(FREE, maintenance=0)
    venue = world({PERP: "0", MARGIN: "80000"}, instruments=[free])
    venue.send(go("1"))
    assert {} == venue.exchange.margins()


@pytest.mark.parametrize(
    ("margin", "least"),
    [("13000", "40.60596595"), ("1000000", "62.46096189")],  # 1000 BNB carry 16.01
)
def test_of_several_margins_of_an_account_the_least_is_told(margin: str, least: str) -> None:
    other = evolve(OTHER, quote="BNB")
    opening = {PERP: "0", MARGIN: margin, ETH_PERP: "0", "binance.usdm:BaseToken:BNB": "1000"}
    venue = world(opening, instruments=[FREE, other], prices=PRICES | {OTHER.data: 3_202_00})
    venue.send(go("1"))
    venue.send(go("1", "ETHUSDT"))

    assert {"binance.usdm": Decimal(least)} == venue.exchange.margins()


def test_a_liquidation_takes_no_more_than_there_is() -> None:
    venue = margined("13000", "1")
    venue.market.prices[PERP_DATA] = 40_000_00
    venue.wait(1)

    assert ("0", "0") == (venue.total(PERP), venue.total(MARGIN))


def test_a_liquidation_of_several_takes_profits_for_losses() -> None:
    """Whichever perpetual is listed first: 1000 - 500 profit short of the loss leaves nothing."""
    for listed in ([FREE, OTHER], [OTHER, FREE]):
        venue = world(
            {PERP: "0", ETH_PERP: "0", MARGIN: "20000"},
            instruments=listed,
            prices=PRICES | {OTHER.data: 3_202_00},
        )
        venue.send(go("1"))
        venue.send(go("-5", "ETHUSDT"))
        venue.market.prices |= {PERP_DATA: 34_030_00, OTHER.data: 2_202_00}
        venue.wait(1)

        assert ("0", "0") == (venue.total(PERP), venue.total(ETH_PERP))
        assert "0" == venue.total(MARGIN)


def test_after_a_liquidation_trading_begins_anew() -> None:
    """The monitor's entry value is still the old one; a flat position has none."""
    venue = margined("13000", "1")
    venue.market.prices[PERP_DATA] = 51_260_00
    venue.wait(1)
    for row in venue.exchange.read().rows:
        venue.books.totals[row.key] += row.amount

    venue.send(go("0.01"))
    assert venue.books.bases[PERP] == venue.exchange.margin.bases[PERP]


@given(st.integers(-50, 50).filter(bool), st.integers(20_000_00, 120_000_00))
def test_no_margin_account_is_ever_short_after_time_has_passed(held: int, price: int) -> None:
    venue = margined("70000", f"{held}e-1")
    venue.market.prices[PERP_DATA] = price
    venue.wait(1)
    equity = venue.exchange.margin.equity(MARGIN)

    assert 0 <= venue.exchange.accounts.totals[MARGIN]
    assert 0 <= equity or venue.total(PERP) == "0"


# What cannot be margined is refused.


def test_a_perpetual_without_its_margin_asset_is_refused() -> None:
    with pytest.raises(ConfigError, match=f"{PERP} is tracked, but {MARGIN}"):
        world({PERP: "0"}, instruments=[perpetual()])


def test_a_position_without_its_entry_value_is_refused() -> None:
    with pytest.raises(ConfigError, match=f"{PERP} opens with .* without an entry value"):
        world({PERP: "1", MARGIN: "1"}, instruments=[perpetual()])


def test_a_position_that_is_carried_over_realises_from_its_entry_value() -> None:
    venue = world({PERP: "1", MARGIN: "80000"}, instruments=[FREE], bases={PERP: 10**8 * 60_000_00})

    assert {PERP: "-1", MARGIN: "4030"} == venue.send(go("-1")).moved


def test_the_market_of_a_rich_account_liquidates_nothing() -> None:
    venue = rich()
    venue.send(go("10"))
    venue.market.prices[PERP_DATA] -= 64_030_00 * 30 * PERCENT // (100 * PERCENT)
    venue.wait(1)

    assert Decimal(10) == Decimal(venue.total(PERP))
