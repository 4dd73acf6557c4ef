"""Leverage and margin mode, set by an engine: verified as positions, never sent twice."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from attrs import evolve

from fixtures.exchange.faults import Do, Fault
from tests.exchanges.places import BYBIT, HYPERLIQUID, OKX, PLACES, Place
from tests.exchanges.test_funds import order_of
from tests.exchanges.worlds import Running, once, settings_of, written
from verifill.assembly.ccxt import keys_of
from verifill.engine.errors import ConfigError, NotObserved
from verifill.machines.full_loop import Full
from verifill.result import RunResult
from verifill.venues.instructions import Instruction
from verifill.venues.margin_mode import MarginMode
from verifill.venues.transfers import MODES, margin_mode_key

CROSS, ISOLATED = MarginMode.CROSS, MarginMode.ISOLATED
MODAL = [place for place in PLACES.values() if place.modal]
ON_THE_WAY = (Do.RESET_AFTER, Do.RESET_BEFORE, Do.HOLD, Do.PAGE, Do.STATUS_AFTER)
SETS = {
    "binance": "POST fapi.binance.com/fapi/v1/marginType",
    "bybit": "POST *bybit.com/v5/account/set-margin-mode",
    "hyperliquid": "POST *hyperliquid.xyz/exchange#updateLeverage",
}


def named(place: Place) -> str:
    return place.venue


modal = pytest.mark.parametrize("place", MODAL, ids=named)


def sent(running: Running, place: Place) -> int:
    """How often a setting was changed, by the exchange's own record of the perpetual."""
    assert place.perpetual
    market = place.market(place.perpetual)
    effects = running.control.effects(place.venue)
    return sum(effect.what == "setting" and effect.market == market for effect in effects)


def mode_of(run: RunResult, place: Place, symbol: str = "") -> int:
    assert place.perpetual
    key = margin_mode_key(place.perpetual.account, symbol or place.perpetual.symbol)
    told = run.positions.collect()
    units = told.filter(told["key"] == key)["total_units"].to_list()
    return int(units[-1]) if units else MODES[CROSS]


@modal
def test_an_engine_sets_it_there_and_back_and_there_again(
    running: Running, place: Place, tmp_path: Path
) -> None:
    """With a position in between, in the mode that was set; each is verified by a reading."""
    assert place.perpetual
    plan: Sequence[Instruction] = (
        place.mode(ISOLATED),
        place.mode(CROSS),
        place.mode(ISOLATED),
        place.leverage(7),
        place.trade(place.perpetual),
    )
    ended, run = running.live(tmp_path, place, strategy=once(*plan), ticks=4)

    assert Full.STOPPED == ended.state, ended.reason
    assert MODES[ISOLATED] == mode_of(run, place)
    assert 4 == sent(running, place)


@modal
@pytest.mark.parametrize("do", ON_THE_WAY)
def test_a_fault_on_the_way_of_a_margin_mode_neither_loses_nor_repeats_it(
    running: Running, place: Place, tmp_path: Path, do: Do
) -> None:
    running.control.arm(Fault(on=SETS[place.venue], do=do))
    ended, run = running.live(tmp_path, place, strategy=once(place.mode(ISOLATED)), ticks=4)
    running.control.release()  # what is only now under way comes too late

    assert Full.STOPPED == ended.state, ended.reason
    assert MODES[ISOLATED] == mode_of(run, place)
    assert 1 == sent(running, place)


@modal
def test_it_is_not_changed_under_a_position(running: Running, place: Place, tmp_path: Path) -> None:
    assert place.perpetual
    plan = once(place.trade(place.perpetual), place.mode(ISOLATED), ended=("DONE", "FAILED_CLEAN"))
    ended, run = running.live(tmp_path, place, strategy=plan, ticks=4)

    assert Full.STOPPED == ended.state, ended.reason
    assert MODES[CROSS] == mode_of(run, place)
    assert 0 == sent(running, place)


def test_somebody_else_who_changes_it_is_told_of_as_a_row(running: Running, tmp_path: Path) -> None:
    connected = running.connected(tmp_path, HYPERLIQUID)
    connected.refresh()
    venue, perpetual = connected.venues["hyperliquid"], HYPERLIQUID.perpetual
    assert perpetual
    account = venue.accounts[perpetual.account]
    venue.read()
    account.stamp(account.orders)
    listed = account.of(perpetual.symbol)
    account.dialect.set_margin_mode(account.orders.exchange, listed, ISOLATED)
    rows = venue.read().rows
    connected.close()

    key = margin_mode_key(perpetual.account, perpetual.symbol)
    assert [(key, 1, "SETTING")] == [(row.key, row.amount, row.cause) for row in rows]


def test_at_bybit_it_is_one_setting_of_all_perpetuals(running: Running, tmp_path: Path) -> None:
    """So all of them move with it, and the second finds that it is done."""
    bitcoin = BYBIT.perpetual
    assert bitcoin
    ether = evolve(bitcoin, symbol="ETHUSDT", base="ETH", lot="0.01", tick="0.01", price="3000.00")
    opening = {**BYBIT.opening, "bybit.uta:Setting:ETHUSDT.leverage": "10"}
    place = evolve(BYBIT, traded=(*BYBIT.traded, ether), opening=opening)
    second = evolve(place, traded=(ether,))
    plan = once(place.mode(ISOLATED), second.mode(ISOLATED))
    ended, run = running.live(tmp_path, place, strategy=plan, ticks=3)

    assert Full.STOPPED == ended.state, ended.reason
    assert MODES[ISOLATED] == mode_of(run, place) == mode_of(run, place, "ETHUSDT")


def test_where_it_is_of_each_order_it_cannot_be_set(tmp_path: Path) -> None:
    config = written(tmp_path, [OKX], 1)
    config.write_text(config.read_text().replace('"SET_LEVERAGE"', '"SET_MARGIN_MODE"'))
    with pytest.raises(ConfigError, match='is "okx", where a margin mode is of each order'):
        keys_of(settings_of(config))


def test_the_margin_of_an_account_that_is_not_told_is_not_made_up(
    running: Running, tmp_path: Path
) -> None:
    """Bybit tells no figure of the account where margins are isolated."""
    connected = running.connected(tmp_path, BYBIT)
    connected.refresh()
    venue = connected.venues["bybit"]
    venue.read()
    venue.submit(order_of(venue, BYBIT.mode(ISOLATED)))
    with pytest.raises(NotObserved, match="a margin balance is ''"):
        venue.margins()
    connected.close()
