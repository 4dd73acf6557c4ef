"""Limit orders that rest at the simulated exchange: filled by what trades through them."""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

import pytest
from attrs import evolve
from msgspec import structs

from tests.venues.exchanges import (
    BNB_FEES,
    BTC,
    BTC_DATA,
    HOUR_NS,
    PRICES,
    SCALES,
    START_NS,
    USDT,
    World,
    buy,
    rules,
    sell,
    spot,
    world,
)
from verifill.engine.errors import InstructionError
from verifill.venues.instructions import SpotTrade
from verifill.venues.orders import Outcome
from verifill.venues.simulated.exchange import SimulatedExchange
from verifill.venues.simulated.model import ExchangeModel
from verifill.venues.simulated.network import Network
from verifill.venues.simulated.quotes import FixedMarket
from verifill.venues.time_in_force import TimeInForce

GTC, POST_ONLY, IOC = TimeInForce.GTC, TimeInForce.POST_ONLY, TimeInForce.IOC
LIMIT = 63_000_00


def rests(trade: SpotTrade, force: TimeInForce = GTC) -> SpotTrade:
    return structs.replace(trade, time_in_force=force, timeout_s=60)


def rich(model: ExchangeModel | None = None) -> World:
    return world({USDT: "100000", BTC: "2"}, model=model or ExchangeModel())


def at(made: World, price: int) -> Outcome:
    """What has become of order 1 when the price is this one."""
    made.market.prices[BTC_DATA] = price
    made.wait(HOUR_NS)
    return made.exchange.query(made.resolve(resting_buy())).outcome


def resting_buy(force: TimeInForce = GTC) -> SpotTrade:
    return rests(buy("1", limit="63000"), force)


@pytest.mark.parametrize("force", [GTC, POST_ONLY])
def test_a_price_that_only_touches_the_limit_fills_nothing_one_tick_through_it_all(
    force: TimeInForce,
) -> None:
    made = rich()

    assert Outcome.ACCEPTED is made.submit(resting_buy(force)).outcome
    assert Outcome.ACCEPTED is at(made, LIMIT)
    assert Outcome.EXECUTED is at(made, LIMIT - 1)
    (fill,) = made.exchange.query(made.resolve(resting_buy())).fills
    assert LIMIT == fill.price
    assert Decimal("2.999") == Decimal(made.total(BTC))


def test_a_seller_waits_for_a_price_above_the_limit() -> None:
    made = rich()
    made.submit(rests(sell("1", limit="65000")))

    assert Outcome.ACCEPTED is at(made, 65_000_00)
    assert Outcome.EXECUTED is at(made, 66_000_00)


def test_a_post_only_order_that_would_take_is_refused_and_nothing_moves() -> None:
    made = rich()
    receipt = made.submit(rests(buy("1", limit="65000"), POST_ONLY))

    assert (Outcome.REJECTED_DEFINITIVE, False) == (receipt.outcome, receipt.retryable)
    assert "post-only" in receipt.reason
    sold = made.submit(rests(sell("1", limit="64000"), POST_ONLY))
    assert Outcome.REJECTED_DEFINITIVE is sold.outcome
    assert Decimal(2) == Decimal(made.total(BTC))


def test_what_crosses_is_filled_at_once_at_the_market() -> None:
    made = rich()
    receipt = made.submit(rests(buy("1", limit="65000")))

    assert Outcome.EXECUTED is receipt.outcome
    assert [64_010_00] == [fill.price for fill in receipt.fills]


def test_it_is_filled_by_as_much_as_each_bar_has_and_cancelled_with_what_it_got() -> None:
    made = rich(ExchangeModel(liquidity=lambda _i, _s, wanted: wanted // 2))
    order = made.resolve(resting_buy())
    made.exchange.submit(order)

    assert Outcome.ACCEPTED is at(made, LIMIT - 1)
    assert Outcome.ACCEPTED is at(made, LIMIT - 1)
    ended = made.exchange.recall(order)
    assert Outcome.EXECUTED_PARTIAL is ended.outcome
    assert [50_000_000, 25_000_000] == [fill.quantity for fill in ended.fills]
    assert ended == made.exchange.recall(order)
    assert Outcome.EXECUTED_PARTIAL is at(made, LIMIT - 1)


def test_the_same_bar_fills_it_once() -> None:
    made = rich(ExchangeModel(liquidity=lambda _i, _s, wanted: wanted // 2))
    made.submit(resting_buy())
    at(made, LIMIT - 1)
    made.exchange.advance(made.market.time_ns)

    assert 1 == len(made.exchange.query(made.resolve(resting_buy())).fills)


def test_an_order_that_nothing_is_left_to_pay_for_is_cancelled() -> None:
    made = rich()
    made.submit(resting_buy())
    spend = made.exchange.resolve(buy("1"), 2, None)
    made.exchange.submit(spend)

    assert Outcome.EXPIRED is at(made, LIMIT - 1)
    assert "insufficient" in made.exchange.query(made.resolve(resting_buy())).reason


def test_an_order_that_was_never_there_is_not_taken_back() -> None:
    made = rich()

    assert Outcome.ABSENT is made.exchange.recall(made.resolve(resting_buy())).outcome


@pytest.mark.parametrize(
    ("force", "limit", "timeout_s", "why"),
    [
        (IOC, Decimal(63_000), 60, "an IOC order never rests"),
        (GTC, None, 60, "has no limit"),
        (GTC, Decimal(63_000), 0, "timeout_s of 0"),
        (POST_ONLY, Decimal(63_000), -1, "timeout_s of -1"),
    ],
)
def test_what_cannot_rest_as_it_says_is_refused_with_what_to_do(
    force: TimeInForce, limit: Decimal | None, timeout_s: int, why: str
) -> None:
    trade = structs.replace(buy("1"), limit=limit, time_in_force=force, timeout_s=timeout_s)

    with pytest.raises(InstructionError, match=why):
        rich().resolve(trade)


class Ranged(FixedMarket):
    """A market of bars: where each of them went, beside where it closed."""

    bar_ns = START_NS
    spans: Mapping[str, tuple[int, int]] = MappingProxyType({})

    def span(self, instrument: str) -> tuple[int, int]:
        price = self.price(instrument)
        return self.spans.get(instrument, (price, price))


def test_a_bar_fills_it_by_its_range_but_not_the_bar_that_it_was_placed_after() -> None:
    market = Ranged(START_NS, prices=PRICES)
    market.spans = {BTC_DATA: (LIMIT - 1, 65_000_00)}
    made = SimulatedExchange(
        rules=rules([spot()]),
        scales=SCALES,
        market=market,
        network=Network([]),
        model=ExchangeModel(),
        opening={USDT: SCALES.units(USDT, Decimal(100_000)), BTC: 0},
        bases={},
        funding={},
    )
    order = made.resolve(resting_buy(), 1, None)
    made.submit(order)
    market.time_ns += HOUR_NS // 2
    made.advance(market.time_ns)
    before = made.query(order)
    market.bar_ns = market.time_ns = START_NS + HOUR_NS
    made.advance(market.time_ns)

    assert Outcome.ACCEPTED is before.outcome
    assert [LIMIT] == [fill.price for fill in made.query(order).fills]


def test_a_fee_in_a_third_asset_is_not_known_before_so_such_an_order_does_not_rest() -> None:
    pair = evolve(spot(), fees=BNB_FEES)
    made = world({USDT: "100000", BTC: "2"}, instruments=(pair,))

    with pytest.raises(InstructionError, match="its fee in BNB depends on a price to come"):
        made.resolve(resting_buy())
