"""Spot trades: what is sent, what is refused before it is sent, and what fills amount to."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from tests.venues.exchanges import (
    BNB,
    BNB_FEES,
    BTC,
    BTC_DATA,
    PRICES,
    SCALES,
    USDT,
    World,
    buy,
    deltas,
    go,
    reference,
    rich,
    sell,
    spot,
    world,
)
from verifill.engine.errors import DataError, EngineDefect, InstructionError
from verifill.venues.expectation import Assessment, Origin
from verifill.venues.instructions import MAX, Amount, Instruction, Late, SpotTrade, Wrap
from verifill.venues.orders import Fill, Order, Outcome, Receipt
from verifill.venues.rules import QUOTE, RATE_UNIT, Fees
from verifill.venues.simulated.model import ExchangeModel
from verifill.venues.spot import FILLS_MAX
from verifill.venues.trades import TradeTerms

Asking = Callable[..., SpotTrade]
CARRY, NEUTRAL = "btc_cash_and_carry", "usdt_market_neutral"


def terms(venue: World) -> TradeTerms:
    return TradeTerms(venue.exchange.rules, venue.market)


def units(key: str, amount: str) -> int:
    return SCALES.units(key, Decimal(amount))


# What a trade moves, to the last digit.


def test_a_fee_in_base_is_taken_from_what_a_purchase_brings() -> None:
    sent = world({BTC: "0", USDT: "801100"}, instruments=[spot()]).send(buy("12.51252", "64064"))

    assert deltas(CARRY, "A5") == sent.moved


def test_a_fee_in_a_third_asset_leaves_base_and_quote_whole() -> None:
    variant = reference(CARRY)["variant_A5_bnb_fee"]
    venue = world({BTC: "0", USDT: "801100", BNB: "2"}, instruments=[evolve(spot(), fees=BNB_FEES)])

    assert variant["deltas"] == venue.send(buy(variant["qty"])).moved


def test_an_ether_purchase_of_the_market_neutral_strategy_is_exact() -> None:
    ether, paid = "binance.spot:BaseToken:ETH", "binance.spot:BaseToken:USDT"
    pair = spot("ETH/USDT")
    venue = world({ether: "0", paid: "500000"}, instruments=[pair], prices={pair.data: 3_201_00})

    assert deltas(NEUTRAL, "C5") == venue.send(buy("156.2011", symbol="ETH/USDT")).moved


def test_a_fee_in_quote_is_paid_beside_what_a_purchase_costs() -> None:
    venue = rich(evolve(spot(), fees=Fees(rate=100_000, paid_in=QUOTE)))

    assert {BTC: "0.5", USDT: "-32037.005"} == venue.send(buy("0.5")).moved


@pytest.mark.parametrize("paid_in", ["received", "quote"])
def test_a_fee_of_a_sale_is_taken_from_what_it_brings(paid_in: str) -> None:
    venue = rich(evolve(spot(), fees=Fees(rate=100_000, paid_in=paid_in)))

    assert {BTC: "-0.5", USDT: "31972.995"} == venue.send(sell("0.5")).moved


def test_a_sale_may_pay_its_fee_in_a_third_asset() -> None:
    venue = rich(evolve(spot(), fees=BNB_FEES))

    assert {BTC: "-1", USDT: "64010", BNB: "-0.0800125"} == venue.send(sell()).moved


def test_a_trade_without_a_fee_moves_base_and_quote_only() -> None:
    venue = rich(evolve(spot(), fees=Fees(rate=0)))

    assert {BTC: "1", USDT: "-64010"} == venue.send(buy()).moved


def test_a_rebate_is_paid_and_not_charged() -> None:
    venue = rich(evolve(spot(), fees=Fees(rate=-10_000)))

    assert {BTC: "1", USDT: "-64003.599"} == venue.send(buy()).moved


def test_a_third_asset_finer_than_the_quote_pays_the_exact_fee_too() -> None:
    """A wei of ether is worth less than a unit of the quote asset."""
    fees = Fees(rate=75_000, paid_in="ETH", price="binance.spot:ETH/USDT", exponent=18 + 2 - 8)
    ether = "binance.spot:BaseToken:ETH"
    prices = PRICES | {fees.price: 3_201_00}
    venue = world(
        {BTC: "0", USDT: "1e6", ether: "1"},
        instruments=[evolve(spot(), fees=fees)],
        prices=prices,
    )

    assert "-0.014997656982193065" == venue.send(buy()).moved[ether]


def test_half_the_spread_and_the_slippage_go_against_whoever_trades() -> None:
    model = ExchangeModel(spread=20_000, slippage=5_000)  # 1.5 basis points away, together
    venue = rich(model=model)
    (bought,), (sold,) = venue.send(buy()).receipt.fills, venue.send(sell()).receipt.fills

    assert (64_019_61, 64_000_39) == (bought.price, sold.price)  # 64010 -/+ 9.6015


def test_a_fill_price_is_rounded_to_the_tick_against_whoever_trades() -> None:
    venue = rich(evolve(spot(), tick=100))
    venue.market.prices[BTC_DATA] = 64_010_01
    (bought,), (sold,) = venue.send(buy()).receipt.fills, venue.send(sell()).receipt.fills

    assert (64_011_00, 64_010_00) == (bought.price, sold.price)


def test_a_purchase_costs_its_value_rounded_up_and_a_sale_brings_it_rounded_down() -> None:
    venue = rich(evolve(spot(), fees=Fees(rate=0)))
    venue.market.prices[BTC_DATA] = 64_010_01  # a unit of bitcoin is worth 64010.01 units

    assert "-0.00064011" == venue.send(buy("0.00000001")).moved[USDT]
    assert "0.0006401" == venue.send(sell("0.00000001")).moved[USDT]


# What is sent.


def test_the_quantity_is_in_units_of_base_and_the_limit_in_ticks() -> None:
    order = rich().resolve(buy("0.5", "64064.5"))

    assert (50_000_000, 64_064_50) == (order.quantity, order.limit)


def test_an_order_at_market_has_no_limit() -> None:
    assert 0 == rich().resolve(buy()).limit


def test_a_late_amount_is_rounded_down_to_whole_lots() -> None:
    venue = rich(evolve(spot(), lot=1_000))

    assert 12_000 == venue.resolve(buy("9"), late=12_999).quantity


def test_a_late_amount_below_the_lot_is_denied() -> None:
    venue = rich(evolve(spot(), lot=1_000))

    assert "BTC/USDT: quantity 0.00000000 is not positive" == venue.denial(buy(), late=999)


@pytest.mark.parametrize("quantity", [MAX, Late("A4", USDT)], ids=["MAX", "late"])
def test_a_trade_of_an_unknown_quantity_is_refused(quantity: Amount) -> None:
    with pytest.raises(InstructionError, match="give a quantity"):
        rich().resolve(structs.replace(buy(), quantity=quantity))


def test_a_symbol_that_is_not_listed_is_refused_with_those_that_are() -> None:
    with pytest.raises(InstructionError, match=r"no 'XRP/USDT' in 'binance.spot'; .*BTC/USDT"):
        rich().resolve(buy(symbol="XRP/USDT"))


@pytest.mark.parametrize(
    "trade",
    [
        structs.replace(buy(), account="binance.usdm", symbol="BTCUSDT"),
        go("1", "BTC/USDT", "binance.spot"),
    ],
    ids=["a perpetual", "a spot pair"],
)
def test_a_spot_trade_is_of_a_pair_and_a_perpetual_trade_of_a_perpetual(trade: Instruction) -> None:
    with pytest.raises(InstructionError, match=" is a "):
        rich().resolve(trade)


@pytest.mark.parametrize("limit", ["0", "-64010", "64010.5"])
def test_a_limit_that_is_no_positive_multiple_of_the_tick_is_refused(limit: str) -> None:
    venue = rich(evolve(spot(), tick=100))

    with pytest.raises(InstructionError, match="not a positive multiple of the tick 1"):
        venue.resolve(buy("1", limit))


def test_what_is_no_trade_is_a_defect_of_ours() -> None:
    wrap = Wrap(account="binance.spot", asset="ETH", into="WETH", amount=Decimal(1))

    with pytest.raises(EngineDefect, match="WRAP is not a trade"):
        terms(rich()).resolve(wrap, 1, None)


def test_an_order_of_other_terms_is_a_defect_of_ours() -> None:
    with pytest.raises(EngineDefect, match="order 7 was not made by these terms"):
        terms(rich()).deny(Order(7, buy(), 1))


# What is denied before it is sent.


@pytest.mark.parametrize("quantity", ["0", "-1"])
def test_a_quantity_that_is_not_positive_is_denied(quantity: str) -> None:
    assert "is not positive" in rich().denial(buy(quantity))


def test_a_quantity_of_half_a_lot_is_denied() -> None:
    venue = rich(evolve(spot(), lot=1_000))

    assert "BTC/USDT: quantity 0.00001500 is no multiple of the lot 0.00001000" == venue.denial(
        buy("0.00001500")
    )


def test_a_value_below_the_least_notional_is_denied() -> None:
    venue = rich(evolve(spot(), min_notional=10 * 10**8))

    assert "" == venue.denial(buy("0.00015623"))
    assert "below the least notional" in venue.denial(buy("0.00015622"))
    assert "below the least notional" in venue.denial(buy("0.00015623", "64000"))


@pytest.mark.parametrize(
    ("limit", "denied"),
    [("67210.5", False), ("67210.51", True), ("60809.5", False), ("60809.49", True)],
)
def test_a_limit_further_from_the_last_price_than_the_collar_is_denied(
    limit: str, *, denied: bool
) -> None:
    assert denied == ("outside the collar" in rich().denial(buy("1", limit)))


def test_a_fee_in_an_asset_that_is_not_tracked_is_expected_all_the_same() -> None:
    """So that the tight loop denies the order, because it does not know that position."""
    venue = world({BTC: "0", USDT: "1e6"}, instruments=[evolve(spot(), fees=BNB_FEES)])

    assert BNB in venue.expect(buy())
    assert BNB not in venue.books.totals


def test_a_price_of_the_third_asset_must_be_known() -> None:
    venue = world(
        {BTC: "0", USDT: "1e6", BNB: "1"},
        instruments=[evolve(spot(), fees=BNB_FEES)],
        prices={BTC_DATA: 64_010_00},
    )

    with pytest.raises(DataError, match="BNB/USDT"):
        venue.resolve(buy())


# What is expected.


def test_a_purchase_with_a_limit_costs_no_more_than_quantity_times_limit() -> None:
    bound = rich().exchange.expect(rich().resolve(buy("12.51252", "64064")), rich().books)

    assert -units(USDT, "801602.08128") - FILLS_MAX == bound.bounds[USDT].low
    assert Origin.LIMIT is bound.bounds[USDT].origin


def test_the_fee_may_be_less_than_its_cap_but_not_more() -> None:
    venue = rich(evolve(spot(), fees=BNB_FEES))
    low, high = venue.expect(buy("1", "64064"))[BNB]

    assert "0" == high
    assert Decimal("-0.08008") - Decimal(FILLS_MAX) / 10**8 == Decimal(low)


def test_the_width_of_what_a_purchase_brings_is_its_fee() -> None:
    venue = rich()
    bound = venue.exchange.expect(venue.resolve(buy()), venue.books).bounds[BTC]

    assert (99_900_000 - FILLS_MAX, 10**8) == (bound.low, bound.high)
    assert Origin.FEE_CAP is bound.origin


@pytest.mark.parametrize("limit", [None, "60809.50", "67210.50"])
@pytest.mark.parametrize("trade", [buy, sell])
def test_a_price_range_holds_the_last_price_and_the_limit(trade: Asking, limit: str | None) -> None:
    venue = rich()
    least, most = venue.expect(trade("1", limit))[USDT]

    assert Decimal(least) < Decimal(most)


@given(
    st.sampled_from([buy, sell]),
    st.lists(st.tuples(st.integers(1, 10**6), st.integers(-500, 500)), min_size=1, max_size=9),
    st.sampled_from([Fees(rate=100_000, paid_in="received"), Fees(rate=30_000), BNB_FEES]),
)
def test_any_fills_within_the_prices_are_within_the_expectation(
    trade: Asking, parts: list[tuple[int, int]], fees: Fees
) -> None:
    venue = rich(evolve(spot(), fees=fees))
    total = sum(quantity for quantity, _ in parts)
    order = venue.resolve(trade(f"{total}e-8"))
    fills = tuple(
        _filled(venue, trade(f"{quantity}e-8"), 64_010_00 + away, f"t{index}")
        for index, (quantity, away) in enumerate(parts)
    )
    assessed = terms(venue).assess(order, Receipt(Outcome.EXECUTED, fills), venue.books)
    bounds = venue.exchange.expect(order, venue.books).bounds

    assert (total, "") == (assessed.executed, assessed.flaw)
    for key, moved in assessed.effects.items():
        assert bounds[key].low <= moved <= bounds[key].high


def _filled(venue: World, trade: Instruction, price: int, ref: str) -> Fill:
    """The honest fill of a trade at a price, by the exchange's own model."""
    venue.market.prices[BTC_DATA] = price
    (fill,) = venue.submit(trade).fills
    venue.market.prices[BTC_DATA] = PRICES[BTC_DATA]
    return replace(fill, ref=ref)


# What fills amount to, and what is wrong with them.


def assess(fills: list[Fill], outcome: Outcome = Outcome.EXECUTED) -> Assessment:
    venue = rich()
    return terms(venue).assess(venue.resolve(buy()), Receipt(outcome, tuple(fills)), venue.books)


HONEST = Fill("t1", 10**8, 64_010_00, 100_000, "BTC")


def test_an_honest_fill_has_no_flaw() -> None:
    assert Assessment(10**8, {BTC: 99_900_000, USDT: -64_010 * 10**8}) == assess([HONEST])


def test_no_fill_amounts_to_nothing() -> None:
    assessed = assess([], Outcome.EXPIRED)

    assert (0, "") == (assessed.executed, assessed.flaw)
    assert not any(assessed.effects.values())


@pytest.mark.parametrize(
    "skewed",
    [
        replace(HONEST, fee=99_999),
        replace(HONEST, fee=100_001),
        replace(HONEST, fee_asset="USDT"),
        replace(HONEST, price=67_210_51),
        replace(HONEST, price=60_809_49),
        replace(HONEST, quantity=0, fee=0),
        replace(HONEST, quantity=-1, fee=0),
    ],
    ids=["fee too low", "fee too high", "fee asset", "price too high", "too low", "zero", "minus"],
)
def test_a_fill_that_breaks_a_rule_is_a_flaw(skewed: Fill) -> None:
    assert "breaks a rule" in assess([skewed]).flaw


def test_more_than_was_ordered_is_a_flaw() -> None:
    more = replace(HONEST, quantity=10**8 + 1, fee=100_001)

    assert "filled 100000001 of 100000000: more than was ordered" == assess([more]).flaw


def test_the_first_flaw_is_the_one_that_is_told() -> None:
    first = replace(HONEST, ref="first", fee=1)

    assert "first" in assess([first, replace(HONEST, ref="second", fee=2)]).flaw


def test_the_price_of_the_moment_of_the_order_decides_and_not_a_later_one() -> None:
    """A reading may come bars after the fill; the collar is around the price at the send."""
    venue = rich(evolve(spot(), fees=BNB_FEES))
    order = venue.resolve(buy())
    receipt = venue.exchange.submit(order)
    venue.market.prices |= {BTC_DATA: 80_000_00, BNB_FEES.price: 700_00}

    assert "" == venue.exchange.assess(order, receipt, venue.books).flaw


# What the exchange does with an order.


def test_a_limit_that_is_not_reached_expires_and_moves_nothing() -> None:
    venue = rich()
    before = dict(venue.exchange.accounts.totals)
    for trade in (buy("1", "64009.99"), sell("1", "64010.01")):
        assert Outcome.EXPIRED is venue.send(trade).receipt.outcome

    assert before == venue.exchange.accounts.totals


@pytest.mark.parametrize("trade", [buy, sell])
def test_a_limit_at_the_price_is_filled(trade: Asking) -> None:
    assert Outcome.EXECUTED is rich().send(trade("1", "64010")).receipt.outcome


def test_what_there_is_no_liquidity_for_is_cancelled() -> None:
    model = ExchangeModel(liquidity=lambda _instrument, _side, quantity: quantity // 3)
    sent = rich(evolve(spot(), lot=1_000), model=model).send(buy())

    assert Outcome.EXECUTED_PARTIAL is sent.receipt.outcome
    assert 33_333_000 == sent.assessment.executed


def test_no_liquidity_at_all_expires() -> None:
    model = ExchangeModel(liquidity=lambda _instrument, _side, _quantity: 0)

    assert Outcome.EXPIRED is rich(model=model).send(buy()).receipt.outcome


def test_a_partial_fill_is_within_the_expectation_of_the_part() -> None:
    model = ExchangeModel(liquidity=lambda _instrument, _side, quantity: quantity // 4)
    venue = rich(model=model)
    sent = venue.send(buy())
    part = replace(sent.order, quantity=sent.assessment.executed)
    bounds = venue.exchange.expect(part, venue.books).bounds

    for key, moved in sent.assessment.effects.items():
        assert bounds[key].low <= moved <= bounds[key].high


@pytest.mark.parametrize(
    ("opening", "trade", "lacking"),
    [
        ({BTC: "0", USDT: "64009.99", BNB: "1"}, buy(), USDT),
        ({BTC: "0.99", USDT: "0", BNB: "1"}, sell(), BTC),
        ({BTC: "1", USDT: "1e6", BNB: "0.08"}, buy(), BNB),
        ({BTC: "1", USDT: "1e6", BNB: "0.08"}, sell(), BNB),
    ],
    ids=["quote", "base", "fee of a purchase", "fee of a sale"],
)
def test_an_order_that_the_account_cannot_pay_for_is_rejected_whole(
    opening: dict[str, str], trade: Instruction, lacking: str
) -> None:
    venue = world(opening, instruments=[evolve(spot(), fees=BNB_FEES)])
    receipt = venue.send(trade).receipt

    assert Outcome.REJECTED_DEFINITIVE is receipt.outcome
    assert f"insufficient {lacking}" in receipt.reason


def test_a_fee_in_quote_must_be_paid_for_too() -> None:
    pair = evolve(spot(), fees=Fees(rate=RATE_UNIT // 1000))
    venue = world({BTC: "0", USDT: "64010"}, instruments=[pair])

    assert "insufficient" in venue.send(buy()).receipt.reason


def test_an_account_can_be_emptied() -> None:
    venue = world({BTC: "1", USDT: "64010"}, instruments=[spot()])

    assert Outcome.EXECUTED is venue.send(buy()).receipt.outcome
    assert "0" == venue.total(USDT)


@given(
    st.lists(
        st.tuples(st.sampled_from([buy, sell]), st.integers(1, 10**9), st.integers(-300, 300)),
        max_size=20,
    ),
    st.integers(1, 7),
)
def test_ledger_rows_add_up_to_what_has_changed_whatever_is_traded(
    trades: list[tuple[Asking, int, int]], thirds: int
) -> None:
    """`World.send` compares rows, receipt and totals after every order."""
    model = ExchangeModel(liquidity=lambda _instrument, _side, quantity: quantity * thirds // 3)
    venue = world({BTC: "3", USDT: "100000", BNB: "1"}, instruments=[spot()], model=model)
    bought = 0
    for trade, quantity, away in trades:
        venue.market.prices[BTC_DATA] += away
        for fill in venue.send(trade(f"{quantity}e-8")).receipt.fills:
            bought += fill.quantity - fill.fee if trade is buy else -fill.quantity
            assert fill.quantity <= quantity

    assert venue.books.totals == venue.exchange.accounts.totals
    assert units(BTC, "3") + bought == venue.books.totals[BTC]
    assert all(total >= 0 for total in venue.books.totals.values())


def test_two_orders_have_different_trade_ids() -> None:
    venue = rich()

    assert venue.send(buy()).receipt.fills[0].ref != venue.send(buy()).receipt.fills[0].ref
