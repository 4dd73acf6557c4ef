"""Efficiency modes on the simulated chain: other ratios, their assets only, the setting itself."""

from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve

from tests.venues.chains import MODE, MODED, RULES, World, world
from verifill.engine.errors import ConfigError
from verifill.venues.instructions import Borrow, SetEMode, Supply
from verifill.venues.orders import Outcome
from verifill.venues.undo import reverse

KEY = "aave_v3:Setting:emode"


def opened() -> World:
    """Of 108 WETH that are supplied as weETH, 97.2 may be owed, and in the mode 102.6."""
    venue = world({"dsa:BaseToken:weETH": "100", "eoa:BaseToken:ETH": "10"}, MODED)
    venue.send(Supply(account="dsa", market="aave_v3", asset="weETH", amount=Decimal(100)))
    return venue


def mode(category: int) -> SetEMode:
    return SetEMode(account="dsa", market="aave_v3", category=category)


def borrow(amount: str, asset: str = "WETH") -> Borrow:
    return Borrow(account="dsa", market="aave_v3", asset=asset, amount=Decimal(amount))


def test_in_the_mode_more_may_be_borrowed() -> None:
    venue = opened()
    assert Outcome.REJECTED_DEFINITIVE is venue.send(borrow("100")).receipt.outcome

    assert {KEY, "eoa:BaseToken:ETH"} == set(venue.send(mode(1)).moved())  # it, and the gas
    assert 1 == venue.total(KEY)
    assert Outcome.EXECUTED is venue.send(borrow("100")).receipt.outcome


def test_the_mode_is_not_left_with_more_owed_than_is_carried_without_it() -> None:
    venue = opened()
    venue.send(mode(1))
    venue.send(borrow("102.6"))  # without the mode 95 percent of 108 carries it: 102.6
    assert -1 == venue.send(mode(0)).moved()[KEY]

    venue.send(mode(1))
    venue.wait(86_400 * 10**9)
    refused = venue.send(mode(0)).receipt

    assert "health factor would fall below 1" in refused.reason
    assert 1 == venue.total(KEY)


def test_in_the_mode_its_assets_only_can_be_owed() -> None:
    venue = opened()
    venue.send(mode(1))
    assert "USDC cannot be borrowed in efficiency mode 1" in (
        venue.send(borrow("5", "USDC")).receipt.reason
    )

    venue.send(mode(0))
    venue.send(borrow("5", "USDC"))
    assert "USDC is owed, and not of efficiency mode 1" in venue.send(mode(1)).receipt.reason


def test_a_mode_that_the_market_has_not_is_denied() -> None:
    venue = opened()

    assert "no efficiency mode aave_v3 7" in venue.chain.deny(venue.resolve(mode(7)))


def test_a_mode_is_set_to_what_it_was() -> None:
    back = reverse(mode(1), {KEY: 1, "eoa:BaseToken:ETH": -5})

    assert back is not None
    assert (mode(0), None) == (back.instruction, back.units)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"assets": ("DAI",)}, "emodes names 'DAI'"),
        ({"ltv": 98_000_000}, "emodes.ltv is 98000000; allowed is 0 to 97000000"),
    ],
)
def test_a_mode_that_does_not_fit_is_refused(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        evolve(RULES, emodes=(evolve(MODE, **changed),))
