"""Position keys, and the decimals that give their units a meaning."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifill.engine.errors import AmountError, ConfigError
from verifill.venues.keys import (
    Kind,
    Scales,
    account_of,
    allowance,
    asset_of,
    flash_debt,
    in_transit,
    position_key,
)

SCALES = Scales({"USDT": 6, "BTC": 8})
WORD = st.text("abcdefghijklmnopqrstuvwxyz._0123456789", min_size=1)


@pytest.mark.parametrize(
    ("key", "account", "asset"),
    [
        (position_key("binance.spot", Kind.BASE, "BTC"), "binance.spot", "BTC"),
        (position_key("binance.usdm", Kind.PERP, "BTCUSDT"), "binance.usdm", "BTCUSDT"),
        (in_transit("bybit.uta", "USDT"), "in_transit", "USDT"),
        (flash_debt("WETH"), "flash", "WETH"),
        (allowance("wallet", "WETH", "pool"), "wallet", "WETH"),
    ],
)
def test_a_key_tells_its_account_and_its_asset(key: str, account: str, asset: str) -> None:
    assert (account, asset) == (account_of(key), asset_of(key))


@given(WORD, st.sampled_from(Kind), WORD)
def test_account_and_asset_are_read_as_they_were_written(
    account: str, kind: Kind, asset: str
) -> None:
    key = position_key(account, kind, asset)

    assert (account, asset) == (account_of(key), asset_of(key))


def test_a_key_reads_like_the_domain_writes_it() -> None:
    assert "binance.spot:BaseToken:BTC" == position_key("binance.spot", Kind.BASE, "BTC")
    assert "wallet:Allowance:WETH@pool" == allowance("wallet", "WETH", "pool")


def test_units_and_amounts_are_of_the_keys_asset() -> None:
    assert 1_500_000 == SCALES.units("wallet:BaseToken:USDT", Decimal("1.5"))
    assert Decimal("1.5") == SCALES.amount("wallet:BaseToken:USDT", 1_500_000)


def test_an_amount_finer_than_its_asset_is_refused() -> None:
    with pytest.raises(AmountError, match="more than the 6 decimals"):
        SCALES.units("wallet:BaseToken:USDT", Decimal("0.0000001"))


def test_an_asset_without_decimals_is_refused_and_those_with_are_named() -> None:
    with pytest.raises(
        ConfigError, match=r"'ETH' is not declared; known are BTC, USDT.*\[assets\]"
    ):
        SCALES.of("ETH")


def test_scales_are_written_sorted() -> None:
    assert ["BTC", "USDT"] == list(SCALES.as_dict())


def test_scales_keep_a_copy() -> None:
    given_decimals = {"BTC": 8}
    scales = Scales(given_decimals)
    given_decimals["BTC"] = 2
    scales.as_dict()["BTC"] = 2

    assert 8 == scales.of("BTC")
