"""What assets are worth now, for limits of money: as reports value them, at live prices."""

from decimal import Decimal
from typing import Any

import pytest

from tests.machines.support import START_NS
from verifill.engine.errors import NotObserved
from verifill.links import By, Link, to_header
from verifill.machines.figures import Then
from verifill.valuing import LiveWorth
from verifill.venues.simulated.quotes import FixedMarket

PERP = "desk.perp:Perp:BTCUSDT"
LINKS = [
    Link(asset="BTC", into="USDT", by=By.DATA, data="btc"),
    Link(asset="EUR", into="USDT", by=By.DATA, data="eur"),
    Link(asset="stETH", into="ETH", by=By.SHARE, data="rate"),
    Link(asset="ETH", into="USDT", by=By.DATA, data="eth"),
    Link(asset="WETH", into="ETH", by=By.SAME),
    Link(asset="aETH", into="ETH", by=By.RATE, data="supply"),
    Link(asset=PERP, into="USDT", by=By.PERPETUAL, data="btc", exponent=4),
]
HEADER: dict[str, Any] = {
    "quote": "USDT",
    "decimals": {"BTC": 8, "USDT": 6, "EUR": 2, "ETH": 18, "stETH": 18, "WETH": 18, "aETH": 18},
    "price_decimals": {"btc": 2, "eur": 4, "eth": 2},
    "links": to_header(LINKS),
}
PRICES = {"btc": 40_000_00, "eur": 1_2500, "eth": 3_000_00}


def worth(quote: str = "USDT", **prices: int) -> LiveWorth:
    market = FixedMarket(START_NS, prices=PRICES | prices, series={"rate": 11 * 10**17})
    market.marks = {"btc": 40_100_00}
    return LiveWorth(HEADER | {"quote": quote}, market)


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
