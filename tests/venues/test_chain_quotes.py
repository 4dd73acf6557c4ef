"""The market that says what it is told to."""

from decimal import Decimal

import pytest

from verifill.engine.errors import AmountError, DataError
from verifill.venues.market import Market
from verifill.venues.simulated.quotes import FixedMarket


def test_prices_marks_and_series_stay_until_they_are_set() -> None:
    quotes = FixedMarket(5, prices={"BTC": 64_000}, marks={"ETH": 3_000}, series={"rate": 7})
    market: Market = quotes

    assert (5, 64_000, 64_000, 3_000, 7) == (
        market.time_ns,
        market.price("BTC"),
        market.mark("BTC"),
        market.mark("ETH"),
        market.value("rate"),
    )
    quotes.set_series("rate", Decimal("0.5"))
    assert 5 * 10**17 == market.value("rate")


def test_what_it_was_not_told_it_does_not_say() -> None:
    market = FixedMarket(series={"rate": 7})

    with pytest.raises(DataError, match="there is no instrument 'BTC'; there are none"):
        market.price("BTC")
    with pytest.raises(DataError, match="there is no series 'gas'; there are rate"):
        market.value("gas")


def test_a_series_has_eighteen_decimals() -> None:
    with pytest.raises(AmountError):
        FixedMarket().set_series("rate", Decimal("1e-19"))
