"""The static data of a venue, and the terms of what it supports."""

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from tests.venues.exchanges import buy, internal, perpetual, rules, spot
from verifill.engine.errors import ConfigError, InstructionError
from verifill.venues.expectation import Bound, Expectation, Origin, total
from verifill.venues.instructions import Operation, SpotTrade
from verifill.venues.orders import Order
from verifill.venues.rules import Fees, Instrument
from verifill.venues.simulated.quotes import FixedMarket
from verifill.venues.terms import TermsByType
from verifill.venues.trades import TradeTerms

TRADES = TradeTerms(rules([spot()]), FixedMarket(prices={spot().data: 64_010_00}))


def test_market_data_has_the_name_of_the_instrument_unless_it_has_its_own() -> None:
    assert "binance.spot:BTC/USDT" == spot().data
    assert "coinbase:BTC" == evolve(spot(), data="coinbase:BTC").data


def test_a_pair_moves_its_base_and_a_perpetual_moves_itself() -> None:
    assert "binance.spot:BaseToken:BTC" == spot().base_key
    assert "binance.usdm:Perp:BTCUSDT" == perpetual().base_key
    assert "binance.usdm:BaseToken:USDT" == perpetual().quote_key


def test_a_fee_is_paid_in_the_account_of_the_trade() -> None:
    assert spot().quote_key == spot().fee_key("USDT")
    assert "binance.spot:BaseToken:BNB" == spot().fee_key("BNB")


@given(st.integers(0, 10**20), st.integers(0, 10**12))
def test_a_value_is_rounded_as_its_name_says(quantity: int, price: int) -> None:
    down, up = spot().value_down(quantity, price), spot().value_up(quantity, price)

    assert down * spot().scale <= quantity * price <= up * spot().scale
    assert 0 <= up - down <= 1


def test_a_value_finer_than_the_asset_that_pays_is_refused() -> None:
    with pytest.raises(ConfigError, match="give the prices more decimals"):
        evolve(spot(), exponent=-1)
    with pytest.raises(ConfigError, match="give the prices more decimals"):
        evolve(spot(), fees=Fees(rate=1, exponent=-1))


def test_a_value_as_fine_as_the_asset_that_pays_is_exact() -> None:
    assert 6 == evolve(spot(), exponent=0).value_up(2, 3)


def test_a_step_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="lot and tick are at least one unit"):
        evolve(spot(), lot=0)
    with pytest.raises(ConfigError, match="lot and tick are at least one unit"):
        evolve(spot(), tick=0)


def test_an_instrument_that_is_not_listed_is_refused_with_those_that_are() -> None:
    listed = rules([spot(), perpetual()])
    with pytest.raises(
        InstructionError,
        match=r"no 'DOGE' in 'binance.spot'; listed are binance.spot BTC/USDT, binance.usdm BTC",
    ):
        listed.instrument("binance.spot", "DOGE")
    with pytest.raises(InstructionError, match="listed are none"):
        evolve(listed, instruments={}).instrument("binance.spot", "DOGE")


def test_an_instrument_is_of_one_account() -> None:
    listed: Instrument = rules([spot()]).instrument("binance.spot", "BTC/USDT")

    assert spot() == listed


def test_a_window_is_a_minute_unless_it_is_declared() -> None:
    patient = evolve(rules([spot()]), windows_s={Operation.TRANSFER: 7_200})

    assert 7_200 == patient.window_s(Operation.TRANSFER)
    assert 60 == patient.window_s(Operation.SPOT_TRADE)


# Terms by type of instruction.


def test_an_instruction_has_the_terms_of_its_type() -> None:
    terms = TermsByType("binance", {SpotTrade: TRADES})
    order = terms.resolve(buy(), 3, None)

    assert (3, buy()) == (order.number, order.instruction)
    assert TRADES is terms.of(order)


def test_an_instruction_without_terms_is_refused_with_what_there_is() -> None:
    with pytest.raises(
        InstructionError, match="does not support INTERNAL_TRANSFER; it supports SPOT_TRADE"
    ):
        TermsByType("binance", {SpotTrade: TRADES}).resolve(internal(), 1, None)


def test_an_order_of_a_type_without_terms_was_not_resolved_here() -> None:
    with pytest.raises(KeyError):
        TermsByType("binance", {}).of(Order(1, internal(), 1))


# Expectations add up.

BOUNDS = st.tuples(st.integers(-99, 99), st.integers(0, 99)).map(
    lambda ends: Bound(ends[0], ends[0] + ends[1])
)


@given(st.lists(st.dictionaries(st.sampled_from("abc"), BOUNDS), max_size=5))
def test_the_expectation_of_a_chain_is_the_sum_of_its_steps(
    steps: list[dict[str, Bound]],
) -> None:
    bounds = total([Expectation(step) for step in steps]).bounds

    assert {key for step in steps for key in step} == bounds.keys()
    for key, bound in bounds.items():
        assert bound.low == sum(step[key].low for step in steps if key in step)
        assert bound.high == sum(step[key].high for step in steps if key in step)


def test_a_sum_is_as_wide_as_its_widest_part_is() -> None:
    exact, capped = Bound(1, 1), Bound(0, 2, Origin.GAS_CAP)

    for steps in ([exact, capped], [capped, exact]):
        summed = total([Expectation({"a": step}) for step in steps])
        assert Bound(1, 3, Origin.GAS_CAP) == summed.bounds["a"]
