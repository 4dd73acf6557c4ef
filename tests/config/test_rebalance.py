"""The example that trades continuously: rebalance to a target ratio."""

from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from verifill.backtest import ExecutorName, Outcome, run
from verifill.build import build, described
from verifill.config import Config, load_config
from verifill.ending import Ending
from verifill.engine.log.reader import Log
from verifill.venues.data.generate import Walk, bars

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / "docs" / "examples" / "rebalance.toml"
BARS = ROOT / "fixtures" / "data" / "rebalance" / "btc_usdt_1h.csv"
WALK = Walk(step_ticks=60_000, wick_ticks=30_000)
BTC, USDT = "binance.spot:BaseToken:BTC", "binance.spot:BaseToken:USDT"


def rebalanced(folder: Path, executor: ExecutorName = "compiled") -> tuple[Config, Outcome, Log]:
    config = load_config(EXAMPLE, {})
    parts = build(config, work=folder / "work")
    log = folder / f"log-{executor}"
    return config, run(parts, log, executor=executor, config=described(config)), Log(log)


def test_its_data_are_what_the_generator_makes(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    target = BARS if request.config.getoption("--rewrite") else tmp_path / "bars.csv"
    bars(target, seed=7, rows=720, interval_s=3600, walk=WALK)

    assert target.read_bytes() == BARS.read_bytes()


def test_it_ends_within_its_band_of_the_target(tmp_path: Path) -> None:
    config, outcome, _ = rebalanced(tmp_path)
    price = Decimal(pl.read_csv(BARS, schema_overrides={"close": pl.String})["close"][-1])
    bitcoin = outcome.closing[BTC] * price
    part = bitcoin / (bitcoin + outcome.closing[USDT])

    assert (Ending.COMPLETED, 720) == (outcome.ending, outcome.ticks)
    assert abs(part - Decimal("0.5")) < Decimal("0.0015")
    assert {"target": "0.5", "band": "0.001"} == config.strategy.options


def test_it_trades_continuously_and_every_instruction_is_verified(tmp_path: Path) -> None:
    _, _, log = rebalanced(tmp_path)
    instructions = log.stream("instructions").collect()

    assert instructions.height > 400
    assert instructions.height == log.stream("fills").collect().height
    assert 0 == log.stream("notes").collect().height


def test_both_executors_write_the_same_log(tmp_path: Path) -> None:
    _, compiled, one = rebalanced(tmp_path, "compiled")
    _, transitions, other = rebalanced(tmp_path, "transitions")

    assert compiled == transitions
    assert one.header == other.header
    assert one.records().collect().equals(other.records().collect())
