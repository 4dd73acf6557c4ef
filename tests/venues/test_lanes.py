"""A lane comes to the numbers of the terms, and leaves to them whatever is not plain."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from tests.venues.exchanges import (
    BNB_FEES,
    BTC,
    BTC_DATA,
    USDT,
    World,
    buy,
    perpetual,
    rich,
    sell,
    spot,
)
from verifill.engine.amounts import LARGEST
from verifill.venues.adapter import Adapter
from verifill.venues.expectation import Expectation
from verifill.venues.instructions import Side, SpotTrade
from verifill.venues.lanes import Lane
from verifill.venues.market import Books
from verifill.venues.orders import Reading, Receipt, Request
from verifill.venues.rules import RATE_UNIT, Fees
from verifill.venues.simulated.exchange import SimulatedExchange
from verifill.venues.simulated.model import ExchangeModel
from verifill.venues.tickets import TradeOrder


def lane_of(venue: World, trade: SpotTrade) -> Lane:
    lane = venue.exchange.lane(trade)
    assert lane is not None
    return lane


def order_of(venue: World, lane: Lane, trade: SpotTrade) -> TradeOrder | None:
    assert isinstance(trade.quantity, Decimal)
    return lane.order(trade, trade.quantity, 1, venue.books.totals)


@given(
    side=st.sampled_from(Side),
    units=st.integers(1, 10**9),
    price=st.integers(1, 10**8),
    fees=st.builds(
        Fees,
        rate=st.sampled_from([0, 1, 7_500, 100_000]),
        paid_in=st.sampled_from(["received", "quote"]),
    ),
    away=st.integers(0, RATE_UNIT // 100),
)
def test_order_bounds_and_books_are_those_of_the_terms(
    side: Side, units: int, price: int, fees: Fees, away: int
) -> None:
    venue = rich(evolve(spot(), fees=fees), model=ExchangeModel(slippage=away))
    venue.market.prices[BTC_DATA] = price
    trade = structs.replace(buy(str(Decimal(units).scaleb(-8))), side=side)
    lane, opening = lane_of(venue, trade), dict(venue.books.totals)
    order = order_of(venue, lane, trade)
    assert order is not None

    assert venue.resolve(trade) == order
    assert "" == venue.exchange.deny(order)
    bounds = venue.exchange.expect(order, venue.books).bounds
    ours = {
        BTC: (lane.base_low - opening[BTC], lane.base_high - opening[BTC]),
        USDT: (lane.quote_low - opening[USDT], lane.quote_high - opening[USDT]),
    }
    assert {key: (bound.low, bound.high) for key, bound in bounds.items()} == ours
    receipt = venue.exchange.submit(order)
    assessment = venue.exchange.assess(order, receipt, venue.books)
    effects = assessment.effects
    ledger = lane.ledger(receipt, venue.exchange.read(), opening)
    # what did not move may have no row, and a flaw wants words: the terms look closer
    if all(effects.values()) and not assessment.flaw:
        assert {key: total + effects.get(key, 0) for key, total in opening.items()} == ledger
    else:
        assert ledger is None


@pytest.mark.parametrize("quantity", ["0", "-1", "0.000000001", "1e40", "NaN"])
def test_a_quantity_that_does_not_fit_is_left_to_the_terms(quantity: str) -> None:
    venue = rich()
    trade = buy(quantity)

    assert None is order_of(venue, lane_of(venue, trade), trade)


def test_a_quantity_off_the_lot_is_left_to_the_terms() -> None:
    venue = rich(evolve(spot(), lot=10**6))
    lane = lane_of(venue, buy())

    assert None is order_of(venue, lane, buy("0.015"))
    assert order_of(venue, lane, buy("0.01"))


def test_a_value_below_the_least_or_above_what_can_be_counted_is_left_to_the_terms() -> None:
    venue = rich(evolve(spot(), min_notional=10 * 10**8))
    lane = lane_of(venue, buy())

    assert None is order_of(venue, lane, buy("0.0001"))
    assert None is order_of(venue, lane, buy(str(LARGEST // 10**12)))


Skew = Callable[[Receipt, Reading], tuple[Receipt, Reading]]


def fill(**changes: Any) -> Skew:  # noqa: ANN401 - fields of any type
    """Another fill than the venue's."""

    def skew(receipt: Receipt, reading: Reading) -> tuple[Receipt, Reading]:
        fills = tuple(replace(one, **changes) for one in receipt.fills)
        return replace(receipt, fills=fills), reading

    return skew


def said(**changes: Any) -> Skew:  # noqa: ANN401 - likewise
    """Another receipt."""
    return lambda receipt, reading: (replace(receipt, **changes), reading)


def row(**changes: Any) -> Skew:  # noqa: ANN401 - likewise
    """Another first ledger row."""

    def skew(receipt: Receipt, reading: Reading) -> tuple[Receipt, Reading]:
        first, *rest = reading.rows
        rows = (replace(first, **changes), *rest)
        return receipt, replace(reading, rows=rows)

    return skew


def rowless(receipt: Receipt, reading: Reading) -> tuple[Receipt, Reading]:
    return receipt, replace(reading, rows=())


def twice(receipt: Receipt, reading: Reading) -> tuple[Receipt, Reading]:
    return replace(receipt, fills=receipt.fills * 2), reading


def poorer(receipt: Receipt, reading: Reading) -> tuple[Receipt, Reading]:
    return receipt, replace(reading, totals=reading.totals | {USDT: 0})


SKEWS: Mapping[str, Skew] = {
    "another quantity": fill(quantity=1),
    "another price": fill(price=1),
    "another fee": fill(fee=1),
    "another fee asset": fill(fee_asset="BNB"),
    "another reference": fill(ref="x"),
    "no fill": said(fills=()),
    "a reason": said(reason="x"),
    "two fills": twice,
    "a row of another": row(ref="x"),
    "a row elsewhere": row(key=BTC),
    "a row of no key": row(key="x"),
    "a row of another amount": row(amount=1),
    "no rows": rowless,
    "another balance": poorer,
}


@pytest.mark.parametrize("skew", SKEWS)
@pytest.mark.parametrize("trade", [buy(), sell()], ids=["buy", "sell"])
def test_whatever_is_not_plain_takes_a_closer_look(skew: str, trade: SpotTrade) -> None:
    venue = rich()
    lane, opening = lane_of(venue, trade), venue.books.totals
    order = order_of(venue, lane, trade)
    assert order
    receipt, reading = venue.exchange.submit(order), venue.exchange.read()

    assert lane.ledger(receipt, reading, opening)
    assert None is lane.ledger(*SKEWS[skew](receipt, reading), opening)


@pytest.mark.parametrize("bound", ["base_low", "base_high", "quote_low", "quote_high"])
def test_a_total_outside_its_bounds_takes_a_closer_look(bound: str) -> None:
    venue = rich()
    lane, opening = lane_of(venue, buy()), venue.books.totals
    order = order_of(venue, lane, buy())
    assert order
    receipt, reading = venue.exchange.submit(order), venue.exchange.read()
    setattr(lane, bound, 10**20 if bound.endswith("low") else -(10**20))

    assert None is lane.ledger(receipt, reading, opening)


def test_three_positions_a_rebate_and_a_perpetual_have_no_lane() -> None:
    contract = perpetual()
    posing = SpotTrade(
        account=contract.account, symbol=contract.symbol, side=Side.BUY, quantity=Decimal(1)
    )

    assert None is rich(evolve(spot(), fees=BNB_FEES)).exchange.lane(buy())
    assert None is rich(evolve(spot(), fees=Fees(rate=-1))).exchange.lane(buy())
    assert None is rich().exchange.lane(posing)
    assert None is rich().exchange.lane(buy(symbol="NO/SUCH"))


class Doubtful(SimulatedExchange):
    """A venue with expectations of its own."""

    def expect(self, request: Request, books: Books) -> Expectation:
        return Adapter.expect(self, request, books)


def test_a_venue_with_terms_of_its_own_has_no_lane() -> None:
    venue = rich()
    venue.exchange.__class__ = Doubtful

    assert None is venue.exchange.lane(buy())
