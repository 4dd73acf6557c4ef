"""The static data of a chain: what fits together, and what is refused by name."""

from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve

from tests.venues.chains import RULES, SCALES, SERIES, with_reserve, world
from verifill.engine.errors import ConfigError, InstructionError
from verifill.venues.calls import (
    GAS,
    ChainRules,
    ChainTerms,
    Lender,
    Pool,
    PublicIndices,
    Reserve,
    Staking,
    Wrapper,
)
from verifill.venues.instructions import Operation
from verifill.venues.keys import Scales, allowance, asset_of
from verifill.venues.rules import VenueRules
from verifill.venues.simulated.quotes import FixedMarket

SMALL: dict[str, Any] = {
    "rules": VenueRules(name="eth", accounts=frozenset({"a", "b"}), operations=frozenset()),
    "holdings": {"a": ("ETH", "WETH"), "b": ("ETH",)},
}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"holdings": {"a": ("ETH",)}}, "holdings or accounts names 'b'; allowed are a"),
        ({"gas_payers": {"x": "a"}}, "gas_payers names 'x'; allowed are a, b"),
        ({"gas_payers": {"a": "x"}}, "gas_payers.a names 'x'; allowed are a, b"),
        ({"native": "POL"}, "holdings.a lacks 'POL', which it pays gas in"),
        ({"approvals": {"x": ()}}, "approvals names 'x'; allowed are a, b"),
        ({"approvals": {"a": ("pool",)}}, "approvals.a names 'pool'; allowed are none"),
        ({"wrappers": (Wrapper(asset="ETH", into="X"),)}, "wrappers names 'X'"),
        ({"stakings": (Staking(asset="X", into="ETH"),)}, "stakings names 'X'"),
        ({"reserves": (Reserve(market="m", asset="X", a_token="aX"),)}, "reserves names 'X'"),
        ({"pools": (Pool(name="p", base="X", quote="ETH", rate="r"),)}, "pools names 'X'"),
        ({"lenders": (Lender(name="l", assets=("X",)),)}, "lenders names 'X'; allowed are ETH, W"),
        ({"gas": {Operation.WRAP: -1}}, "gas.WRAP is -1; it cannot be negative"),
        ({"gas_base": -1}, "gas_base is -1; it cannot be negative"),
        ({"deposits_s": {"x": -1}}, "deposits_s.x is -1; it cannot be negative"),
        (
            {"stakings": (Staking(asset="ETH", into="WETH", queue_s=-1),)},
            "stakings.queue_s is -1; it cannot be negative",
        ),
        (
            {"pools": (Pool(name="p", base="ETH", quote="WETH", rate="r", fee=10**8 + 1),)},
            "pools.fee is 100000001; allowed is 0 to 100000000, in 1e-8",
        ),
        (
            {"reserves": (Reserve(market="m", asset="ETH"),)},
            "reserves: m ETH has neither a_token nor debt_token",
        ),
        (
            {"reserves": (Reserve(market="m", asset="ETH", a_token="aE", ltv=2, threshold=1),)},
            "reserves.ltv is 2; allowed is 0 to 1, in 1e-8",
        ),
        (
            {
                "reserves": (
                    Reserve(market="m", asset="ETH", a_token="aE"),
                    Reserve(market="m", asset="WETH", a_token="aE"),
                )
            },
            "reserves: m:aToken:aE is there twice; give each token its own reserve",
        ),
        (
            {"rules": evolve(SMALL["rules"], operations=frozenset({Operation.CANCEL}))},
            "operations names CANCEL, which has no entry in gas",
        ),
    ],
)
def test_rules_that_do_not_fit_together_are_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ChainRules(**{**SMALL, **changes})

    assert f"eth: {told}" in str(caught.value)


def test_rules_that_fit_together_are_accepted() -> None:
    assert frozenset({"a:BaseToken:ETH", "a:BaseToken:WETH", "b:BaseToken:ETH"}) == (
        ChainRules(**SMALL).positions()
    )


@pytest.mark.parametrize(
    ("decimals", "told"),
    [
        ({"weETH": 9}, "'eETH' has 18 decimals and 'weETH' has 9"),
        ({"aUSDC": 18}, "'USDC' has 6 decimals and 'aUSDC' has 18"),
        ({"vDebtWETH": 6}, "'WETH' has 18 decimals and 'vDebtWETH' has 6"),
        (dict.fromkeys(("ETH", "WETH", "eETH"), 9), "'eETH' has 9 decimals and 'weETH' has 18"),
    ],
)
def test_decimals_that_do_not_fit_together_are_refused(decimals: dict[str, int], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        _terms(RULES, Scales(SCALES.as_dict() | decimals))


def test_gas_is_counted_in_eighteen_decimals() -> None:
    with pytest.raises(
        ConfigError, match="native asset 'ETH' has 9 decimals; gas is counted in 18"
    ):
        _terms(ChainRules(**SMALL), Scales({"ETH": 9, "WETH": 9}))


def test_an_undeclared_asset_is_refused() -> None:
    with pytest.raises(ConfigError, match="asset 'WETH' is not declared"):
        _terms(ChainRules(**SMALL), Scales({"ETH": 18}))


def _terms(chain: ChainRules, scales: Scales) -> ChainTerms:
    market = FixedMarket()
    indices = PublicIndices(chain.reserves, market, {})
    return ChainTerms(chain, scales, market, indices=indices)


def test_an_opening_that_the_chain_does_not_have_is_refused() -> None:
    with pytest.raises(ConfigError, match="ethereum: opening names 'moon:BaseToken:ETH'; allowed"):
        world({"moon:BaseToken:ETH": "1"})
    with pytest.raises(ConfigError, match="ethereum: indices names 'supply:moon:ETH'; allowed are"):
        world({}, indices={"supply:moon:ETH": 1})


def test_every_position_of_the_chain_is_known_before_it_moves() -> None:
    positions = RULES.positions()

    assert {
        "dsa:BaseToken:weETH",
        "aave_v3:aToken:aweETH",
        "aave_v3:debtToken:vDebtWETH",
        "flash:debt:USDC",
        "wallet:Claim:eETH",
        "wallet:Allowance:WETH@aave_v3",
    } <= positions
    assert not {key for key in positions if key.startswith(("dsa:Allowance", "eoa:Claim"))}
    assert positions == set(world({}).chain.read().totals)


def test_every_spender_takes_what_it_works_with() -> None:
    taken = RULES.taken_assets()

    assert {"eETH"} == taken["weETH"]
    assert {"WETH", "USDC"} == taken["uniswap"] == taken["aave_flash"]
    assert "WETH" not in taken  # wrapping the native asset takes nothing by allowance


@pytest.mark.parametrize(
    ("look", "told"),
    [
        (lambda: RULES.wrapper("ETH", "x"), "no wrapper ETH x; there are ETH WETH, eETH weETH"),
        (lambda: RULES.staking("ETH", "x"), "no staking ETH x; there are ETH eETH"),
        (lambda: RULES.supplied("aave_v3", "x"), "no market that takes aave_v3 x; there are"),
        (lambda: RULES.borrowed("aave_v3", "weETH"), "no market that lends aave_v3 weETH"),
        (lambda: RULES.pool("curve", "WETH", "USDC"), "no pool curve USDC WETH; there are"),
        (lambda: RULES.lender("morpho", "USDC"), "no flash lender morpho USDC; there are"),
        (lambda: ChainRules(**SMALL).lender("x", "y"), "no flash lender x y; there are none"),
    ],
)
def test_what_the_chain_does_not_have_is_told_with_what_it_has(
    look: Callable[[], object], told: str
) -> None:
    with pytest.raises(InstructionError, match=told):
        look()


def test_a_pool_exchanges_both_ways() -> None:
    assert RULES.pool("curve", "WETH", "weETH") is RULES.pool("curve", "weETH", "WETH")


def test_a_transfer_is_55_000_gas_and_a_levered_entry_1_150_000() -> None:
    entry = ("FLASH_BORROW", "UNWRAP", "STAKE", "WRAP", "SUPPLY", "BORROW", "FLASH_REPAY")

    assert 55_000 == RULES.gas_base + GAS[Operation.TRANSFER]
    assert 1_150_000 == RULES.gas_base + sum(GAS[Operation(name)] for name in entry)
    assert 30_000 == GAS[Operation.APPROVE]


def test_series_are_named_by_market_and_asset_unless_they_are_given() -> None:
    reserve = Reserve(market="m", asset="A", a_token="aA", borrow="my_rate")

    assert ("supply_rate:m:A", "my_rate") == (reserve.supply_series, reserve.borrow_series)
    assert "supply_rate:aave_v3:weETH" in SERIES


def test_an_allowance_is_named_by_spender_and_counted_in_the_asset() -> None:
    key = allowance("wallet", "USDC", "pool")

    assert "wallet:Allowance:USDC@pool" == key
    assert "USDC" == asset_of(key)


def test_rules_can_be_changed_as_values() -> None:
    assert 5 == with_reserve("WETH", borrow_cap=5).borrowed("aave_v3", "WETH").borrow_cap


def test_an_asset_that_can_only_be_borrowed_has_one_index_and_one_position() -> None:
    rules = with_reserve("USDC", a_token="")
    venue = world({"aave_v3:debtToken:vDebtUSDC": "5"}, rules)

    assert "aave_v3:aToken:aUSDC" not in rules.positions()
    assert "supply:aave_v3:USDC" not in venue.chain.indices()
    assert 5_000_000 == venue.chain.display("aave_v3:debtToken:vDebtUSDC", 5_000_000)


def test_an_allowance_is_kept_only_for_what_an_account_can_hold() -> None:
    keys = evolve(RULES, approvals={"eoa": ("aave_v3",), "dsa": ("curve",)}).positions()

    assert {"dsa:Allowance:WETH@curve", "dsa:Allowance:weETH@curve"} == {
        key for key in keys if ":Allowance:" in key
    }
