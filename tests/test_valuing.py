"""What assets are worth now, for limits of money: as reports value them, at live prices."""

from decimal import Decimal
from typing import Any

import pytest

from tests.machines.support import START_NS
from verifill.assembly.hedges import Underlying
from verifill.engine.errors import NotObserved
from verifill.links import By, Link, to_header
from verifill.machines.figures import Then
from verifill.valuing import LiveWorth
from verifill.venues.simulated.quotes import FixedMarket

PERP = "desk.perp:Perp:BTCUSDT"
ETH_PERP, SOL_PERP = "desk.perp:Perp:ETHUSDT", "desk.perp:Perp:SOLUSDT"
LINKS = [
    Link(asset="BTC", into="USDT", by=By.DATA, data="btc"),
    Link(asset="EUR", into="USDT", by=By.DATA, data="eur"),
    Link(asset="stETH", into="ETH", by=By.SHARE, data="rate"),
    Link(asset="ETH", into="USDT", by=By.DATA, data="eth"),
    Link(asset="WETH", into="ETH", by=By.SAME),
    Link(asset="aETH", into="ETH", by=By.RATE, data="supply"),
    Link(asset="debtETH", into="ETH", by=By.SAME),
    Link(asset=PERP, into="USDT", by=By.PERPETUAL, data="btc", exponent=4),
    Link(asset=ETH_PERP, into="USDT", by=By.PERPETUAL, data="eth", exponent=-1),
    Link(asset=SOL_PERP, into="USDT", by=By.PERPETUAL, data="sol", exponent=2),
]
HEADER: dict[str, Any] = {
    "quote": "USDT",
    "decimals": {
        "BTC": 8,
        "USDT": 6,
        "EUR": 2,
        "ETH": 18,
        "stETH": 18,
        "WETH": 18,
        "aETH": 18,
        "debtETH": 18,
        "BTCUSDT": 8,
        "ETHUSDT": 3,
        "SOL": 4,
        "SOLUSDT": 6,
    },
    "price_decimals": {"btc": 2, "eur": 4, "eth": 2, "sol": 2},
    "links": to_header(LINKS),
}
PRICES = {"btc": 40_000_00, "eur": 1_2500, "eth": 3_000_00, "sol": 150_00}
SOL = Link(asset="SOL", into="USDT", by=By.DATA, data="sol")
HEDGED = [
    Underlying(asset="BTC", perpetuals=frozenset({PERP})),
    Underlying(
        asset="ETH",
        perpetuals=frozenset({ETH_PERP}),
        others=frozenset({"stETH", "WETH", "debtETH"}),
    ),
    Underlying(asset="SOL", perpetuals=frozenset({SOL_PERP}), prices=(SOL,)),
]


def worth(quote: str = "USDT", **prices: int) -> LiveWorth:
    market = FixedMarket(START_NS, prices=PRICES | prices, series={"rate": 11 * 10**17})
    market.marks = {"btc": 40_100_00}
    return LiveWorth(HEADER | {"quote": quote}, market, HEDGED)


@pytest.mark.parametrize(
    ("asset", "units", "quote", "value"),
    [
        ("USDT", 5, "USDT", "0.000005"),
        ("BTC", 10**8, "USDT", "40000.000000"),
        ("BTC", 1, "USDT", "0.000400"),
        ("EUR", 800, "USDT", "10.000000"),
        ("stETH", 10**18, "USDT", "3300.000000"),
        ("WETH", 10**18, "USDT", "3000.000000"),
        ("BTC", 10**8, "EUR", "32000.00"),
        ("USDT", 10**6, "BTC", "0.00002500"),
        ("EUR", 1, "BTC", "0.00000031"),  # rounded down
    ],
)
def test_an_asset_is_worth_what_the_links_and_prices_of_now_say(
    asset: str, units: int, quote: str, value: str
) -> None:
    assert value == f"{worth(quote).value(asset, units):f}"


def test_positions_are_worth_what_they_hold_less_what_is_owed() -> None:
    books = Then(
        {
            "desk.spot:BaseToken:BTC": 10**8,
            "wallet:debtToken:ETH": 10**18,
            "desk.spot:Setting:x": 7,
            "wallet:BaseToken:nothing": 0,
            PERP: -(10**8),
        },
        {PERP: -(10**8) * 40_000_00},
    )

    # a coin, less a loan, less what the perpetual has lost at its mark
    assert Decimal(40_000 - 3_000 - 100) == worth().equity(books)


@pytest.mark.parametrize("asset", ["aETH", "GAS"])
def test_what_no_live_price_tells_is_named(asset: str) -> None:
    assert [asset] == worth().unpriced(["BTC", asset, "USDT"])
    with pytest.raises(NotObserved, match=f"nothing tells what {asset} is worth in USDT"):
        worth().value(asset, 1)


def test_the_asset_of_a_perpetual_is_its_margin() -> None:
    assert "USDT" == worth().asset(PERP)
    assert "BTC" == worth().asset("desk.spot:BaseToken:BTC")


# What is not hedged.


def deltas(totals: dict[str, int]) -> dict[str, str]:
    told = worth().deltas(Then(totals, {PERP: 1, SOL_PERP: 1}))
    return {asset: f"{value:f}" for asset, value in told.items() if value}


@pytest.mark.parametrize(
    ("totals", "unhedged"),
    [
        ({"desk.spot:BaseToken:BTC": 10**8, PERP: -(10**8)}, {}),
        # at its own price, not at the perpetual's mark: a basis is no unhedged amount
        ({"desk.spot:BaseToken:BTC": 10**8, PERP: -(10**8) - 1}, {"BTC": "-0.000400"}),
        ({"a:BaseToken:BTC": 10**8, "in_transit:b:BTC": 10**8}, {"BTC": "80000.000000"}),
        # what holds no amount of it: money, an allowance, a leverage, what no perpetual is on
        (
            {
                "desk.spot:BaseToken:USDT": 10**12,
                "desk.spot:BaseToken:EUR": 100,
                "wallet:Allowance:WETH@pool": 10**18,
                "desk.perp:Setting:BTCUSDT.leverage": 5,
            },
            {},
        ),
        # what counts as it, by what it is worth, against what is owed of it
        ({"wallet:BaseToken:stETH": 10**18, ETH_PERP: -1_100}, {}),
        ({"wallet:BaseToken:WETH": 10**18, "wallet:Claim:stETH": 10**18}, {"ETH": "6300.000000"}),
        ({"pool:aToken:stETH": 10**18, "pool:debtToken:debtETH": 10**18}, {"ETH": "300.000000"}),
        # a token of debt that nobody has named counts as nothing
        ({"pool:debtToken:debtBTC": 10**8}, {}),
        # an asset that only its perpetual prices; a size that is finer than the asset
        ({SOL_PERP: 2 * 10**6}, {"SOL": "300.000000"}),
        ({SOL_PERP: 199}, {"SOL": "0.015000"}),
    ],
)
def test_an_unhedged_amount_is_what_is_held_of_an_asset_less_what_is_short_of_it(
    totals: dict[str, int], unhedged: dict[str, str]
) -> None:
    assert unhedged == deltas(totals)


def test_a_perpetual_that_is_called_as_another_asset_is_no_amount_of_that() -> None:
    called = "desk.perp:Perp:BTC"
    links = [*LINKS, Link(asset=called, into="USDT", by=By.PERPETUAL, data="eth")]
    market = FixedMarket(START_NS, prices=PRICES)
    told = LiveWorth(HEADER | {"links": to_header(links)}, market, HEDGED)

    assert 0 == told.deltas(Then({called: 10**8}, {}))["BTC"]


def test_what_not_even_a_perpetual_prices_is_named() -> None:
    market = FixedMarket(START_NS, prices=PRICES)
    named = Underlying(asset="SOL", perpetuals=frozenset({SOL_PERP}), others=frozenset({"aETH"}))

    assert [] == worth().unhedged()
    assert ["SOL", "aETH"] == LiveWorth(HEADER, market, [named]).unhedged()
