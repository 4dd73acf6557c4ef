"""A run that starts from the end of another one."""

from pathlib import Path

import attrs
import pytest

from tests.config.examples import STRATEGY, WHOLE, load
from verifill.backtest import run
from verifill.build import Carried, build, described
from verifill.engine.errors import ConfigError, LogError
from verifill.engine.log.reader import Log
from verifill.engine.log.writer import MANIFEST
from verifill.venues.simulated.chain import SimulatedChain

PERP = "binance.usdm:Perp:BTCUSDT"
USDT = "binance.spot:BaseToken:USDT"
RAISES = """
class Waiting:
    def __init__(self, words, table):
        pass

    def decide(self, market, positions, last):
        raise ValueError("x")
"""


def first(folder: Path, strategy: str = STRATEGY, *changes: tuple[str, str]) -> Path:
    folder.mkdir()
    config = load(folder, WHOLE, *changes, strategy=strategy)
    run(build(config, work=folder / "work"), folder / "log", config=described(config))
    return folder / "log"


def continued(folder: Path, carried: Carried, *changes: tuple[str, str]) -> str:
    with pytest.raises(ConfigError) as caught:
        build(load(folder, WHOLE, *changes), work=folder / "work", start_from=carried)
    return str(caught.value)


def test_a_run_takes_over_positions_entry_values_and_indices(tmp_path: Path) -> None:
    log = first(tmp_path / "a")
    carried = Carried.read(log)
    changes = (
        (f'"{USDT}" = 1_000_000', f'"{USDT}" = 1'),
        (f'"{PERP}" = "-1.5"\n', ""),
        (f'[entry_prices]\n"{PERP}" = "42000.1"\n', ""),
    )
    config = load(tmp_path, WHOLE, *changes)
    parts = build(config, work=tmp_path / "work", start_from=carried)

    assert 10**14 == parts.opening[USDT]
    assert -150_000_000 == parts.opening[PERP]
    assert {PERP: -150_000_000 * 42_000_100} == parts.bases
    end = Log(log).end
    assert end is not None
    chain = parts.venues[1]
    assert isinstance(chain, SimulatedChain)
    assert end["indices"] == {name: str(ray) for name, ray in chain.indices().items()}
    assert chain.indices()["supply:aave_v3:WETH"] > 1_018_085_923_463_130_800_000_000_000


def test_the_run_that_is_continued_is_named_in_the_header(tmp_path: Path) -> None:
    log = first(tmp_path / "a")
    config = load(tmp_path)
    carried = Carried.read(log)
    parts = build(config, work=tmp_path / "work", start_from=carried)
    run(parts, tmp_path / "log", config=described(config, carried))

    assert Log(log).header["run"] == Log(tmp_path / "log").header["config"]["from"]


def test_positions_that_are_new_here_come_from_the_opening(tmp_path: Path) -> None:
    carried = Carried(run="a", closing={})
    opening = build(load(tmp_path), work=tmp_path / "work", start_from=carried).opening

    assert 10**14 == opening[USDT]


def test_a_position_that_is_not_tracked_here_is_refused_by_name(tmp_path: Path) -> None:
    carried = Carried(run="a", closing={"okx:BaseToken:USDT": 1})

    words = continued(tmp_path, carried)

    assert "run a: okx:BaseToken:USDT is not tracked here; tracked are in_transit:" in words


def test_what_was_on_its_way_cannot_be_taken_over(tmp_path: Path) -> None:
    carried = Carried(run="a", closing={"in_transit:wallet:ETH": 1}, decimals={"ETH": 18})

    assert "is on its way" in continued(tmp_path, carried)


def test_other_decimals_are_refused(tmp_path: Path) -> None:
    carried = Carried(run="a", closing={USDT: 1}, decimals={"USDT": 6})

    assert "is in 6 decimals, here USDT has 8; set it to the same" in continued(tmp_path, carried)


def test_other_prices_are_refused_where_an_entry_value_is_in_them(tmp_path: Path) -> None:
    carried = Carried(
        run="a",
        closing={PERP: 1},
        bases={PERP: 1},
        decimals={"BTCUSDT": 8},
        price_decimals={"binance.usdm:BTCUSDT": 2},
    )

    words = continued(tmp_path, carried)

    assert "at prices of 2 decimals, here binance.usdm:BTCUSDT has 3" in words


def test_a_killed_run_is_not_resumed_and_says_why(tmp_path: Path) -> None:
    log = first(tmp_path / "a")
    manifest = log / MANIFEST
    manifest.write_text("".join(manifest.read_text().splitlines(keepends=True)[:-1]))

    with pytest.raises(ConfigError) as caught:
        Carried.read(log)

    assert "A killed backtest is not resumed" in str(caught.value)
    assert "can be read up to the last complete chunk" in str(caught.value)


def test_a_run_that_failed_is_not_continued(tmp_path: Path) -> None:
    log = first(tmp_path / "a", RAISES, ("fail_fast = false", "fail_fast = true"))

    with pytest.raises(ConfigError, match="ended FAILED: the strategy raised ValueError"):
        Carried.read(log)


def test_a_folder_without_a_log_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="is no log"):
        Carried.read(tmp_path)


def test_what_is_carried_cannot_be_changed() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Carried(run="a", closing={}).run = "b"  # type: ignore[misc]  # that it cannot be is tested
