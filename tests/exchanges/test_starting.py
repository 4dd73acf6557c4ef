"""What is tested of an exchange before the first order, and what each test says if it fails."""

from pathlib import Path
from typing import Final

import pytest
from attrs import evolve

from fixtures.exchange.faults import Do, Fault
from tests.exchanges.places import PLACES, Place
from tests.exchanges.worlds import Running

INFO: Final = "POST api.hyperliquid.xyz/info"
ASKED: Final = {
    "binance": {
        "clock": "GET api.binance.com/api/v3/time",
        "permissions": "GET *binance.com/*/apiRestrictions",
        "markets": "GET *binance.com/*/exchangeInfo",
        "balances": "GET api.binance.com/api/v3/account",
        "positions": "GET fapi.binance.com/*/positionRisk",
    },
    "bybit": {
        "clock": "GET *bybit.com/v5/market/time",
        "permissions": "GET *bybit.com/v5/user/query-api",
        "markets": "GET *bybit.com/v5/market/instruments-info",
        "balances": "GET *bybit.com/v5/account/wallet-balance",
        "positions": "GET *bybit.com/v5/position/list",
    },
    "okx": {
        "clock": "GET *okx.com/api/v5/public/time",
        "permissions": "GET *okx.com/api/v5/account/config",
        "markets": "GET *okx.com/api/v5/public/instruments",
        "balances": "GET *okx.com/api/v5/account/balance",
        "positions": "GET *okx.com/api/v5/account/positions",
    },
    "hyperliquid": {  # whose clock, balances and positions are one answer
        "clock": f"{INFO}#clearinghouseState",
        "permissions": f"{INFO}#userRole",
        "markets": f"{INFO}#metaAndAssetCtxs",
        "balances": f"{INFO}#spotClearinghouseState",
    },
}
CELLS: Final = [(venue, what) for venue, all_of in ASKED.items() for what in all_of]


def failures(running: Running, folder: Path, place: Place) -> tuple[str, ...]:
    connected = running.connected(folder, place)
    try:
        return connected.venues[place.venue].start_up_failures()
    finally:
        connected.close()


@pytest.mark.parametrize(("venue", "what"), CELLS)
def test_each_start_up_test_says_which_it_is(
    running: Running, tmp_path: Path, venue: str, what: str
) -> None:
    fault = Fault(on=ASKED[venue][what], do=Do.STATUS_BEFORE, status=503, times=100)
    running.control.arm(fault)
    told = failures(running, tmp_path, PLACES[venue])

    assert any(f"its {what} cannot be read" in one for one in told), told


def test_a_clock_that_is_wrong_is_told(running: Running, place: Place, tmp_path: Path) -> None:
    running.control.skew(place.venue, 20_000)
    told = failures(running, tmp_path, place)

    assert len(place.accounts) == sum("ms off, allowed is 1000" in one for one in told), told


def test_a_market_that_is_not_there_is_told(
    running: Running, levered: Place, tmp_path: Path
) -> None:
    traded = [evolve(one, base="UBTC") if one.perpetual else one for one in levered.traded]
    other = evolve(levered, traded=tuple(traded))
    told = failures(running, tmp_path, other)

    assert any("it does not trade UBTC/" in one for one in told), told


@pytest.mark.parametrize("venue", ASKED)
def test_a_page_in_place_of_the_markets_is_told(
    running: Running, tmp_path: Path, venue: str
) -> None:
    fault = Fault(on=ASKED[venue]["markets"], do=Do.PAGE, times=100)
    running.control.arm(fault)  # of which ccxt makes a list of no markets
    told = failures(running, tmp_path, PLACES[venue])

    assert any("it does not trade" in one or "its markets" in one for one in told), told


@pytest.mark.parametrize("venue", ["binance", "bybit", "okx"])
def test_a_key_that_may_not_trade_is_told(running: Running, tmp_path: Path, venue: str) -> None:
    running.control.permit(venue, "trade", on=False)
    told = failures(running, tmp_path, PLACES[venue])

    assert any("this key may not trade here" in one for one in told), told
