"""Which positions hedge which, as a configuration says."""

import re
from pathlib import Path

import pytest

from tests.config.examples import MINIMAL, WHOLE, load
from verifill.assembly.hedges import Underlying, underlyings_of
from verifill.engine.errors import ConfigError
from verifill.links import By, Link

BYBIT = """
[exchanges.bybit]
accounts = { "bybit.uta" = ["USDT"] }

[[exchanges.bybit.instruments]]
account = "bybit.uta"
symbol = "ETHUSDT"
perpetual = true
base = "ETH"
quote = "USDT"

[[exchanges.bybit.instruments]]
account = "bybit.uta"
symbol = "BTC-PERP"
perpetual = true
base = "BTC"
quote = "USDT"
"""


def hedges(words: str) -> str:
    return f"{WHOLE}{BYBIT}\n[breakers.hedges]\n{words}\n"


def priced(asset: str, data: str) -> Link:
    return Link(asset=asset, into="USDT", by=By.DATA, data=data)


def test_an_asset_that_perpetuals_are_on_counts_with_all_of_them_and_what_is_named(
    tmp_path: Path,
) -> None:
    config = load(tmp_path, hedges('ETH = ["weETH", "vDebtWETH"]'))

    assert [
        Underlying(
            asset="BTC",
            perpetuals=frozenset({"binance.usdm:Perp:BTCUSDT", "bybit.uta:Perp:BTC-PERP"}),
            prices=(priced("BTC", "binance.usdm:BTCUSDT"), priced("BTC", "bybit.uta:BTC-PERP")),
        ),
        Underlying(
            asset="ETH",
            perpetuals=frozenset({"bybit.uta:Perp:ETHUSDT"}),
            others=frozenset({"weETH", "vDebtWETH"}),
            prices=(priced("ETH", "bybit.uta:ETHUSDT"),),
        ),
    ] == underlyings_of(config, "USDT")


def test_an_amount_of_the_asset_that_limits_count_in_needs_no_hedge(tmp_path: Path) -> None:
    config = load(tmp_path, f"{WHOLE}{BYBIT}")

    assert ["ETH"] == [one.asset for one in underlyings_of(config, "BTC")]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (
            'WETH = ["weETH"]',
            "breakers.hedges.WETH is of an asset that no perpetual is on; there are BTC, ETH",
        ),
        (
            'ETH = ["wstETH"]',
            'breakers.hedges.ETH names "wstETH", which is not in [assets] and no token of a chain',
        ),
        (
            'ETH = ["BTC"]',
            'breakers.hedges.ETH names "BTC", which counts by itself; an asset counts once',
        ),
        ('ETH = ["USDT"]', 'breakers.hedges.ETH names "USDT", which counts by itself'),
        (
            'BTC = ["WETH"]\nETH = ["WETH"]',
            'breakers.hedges.ETH names "WETH", which breakers.hedges.BTC names too',
        ),
        ('ETH = ["WETH", "WETH"]', 'names "WETH", which breakers.hedges.ETH names too'),
    ],
)
def test_what_hedges_nothing_or_counts_twice_is_refused(
    tmp_path: Path, words: str, problem: str
) -> None:
    config = load(tmp_path, hedges(words))

    with pytest.raises(ConfigError, match=re.escape(problem)):
        underlyings_of(config, "USDT")


def test_where_no_perpetual_is_nothing_is_hedged(tmp_path: Path) -> None:
    config = load(tmp_path, MINIMAL)
    named = load(tmp_path, f'{MINIMAL}\n[breakers.hedges]\nBTC = ["USDT"]\n')

    assert [] == underlyings_of(config, "USDT")
    with pytest.raises(ConfigError, match="that no perpetual is on; there are none"):
        underlyings_of(named, "USDT")
