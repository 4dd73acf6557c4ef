"""A backtest on real files of other people, where they are present."""

import os
from pathlib import Path

import polars as pl
import pytest

from verifill.backtest import run
from verifill.build import build
from verifill.config import load_config
from verifill.ending import Ending
from verifill.engine.log.reader import Log

ROOT = Path(__file__).parent.parent
SHARED = Path(os.environ.get("VERIFILL_SHARED", ROOT.parent / "shared")) / "data"

pytestmark = pytest.mark.skipif(
    not SHARED.is_dir(),
    reason=f"other people's files are not part of the project; no folder {SHARED}",
)

SPOT = SHARED / "btc/binance_BTCUSDT_1h_2024-01-01_2025-09-30.csv"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The rebalance example on 21 months of real hours."""
    text = (ROOT / "docs/examples/rebalance.toml").read_text()
    text = text.replace("../../fixtures/data/rebalance/btc_usdt_1h.csv", str(SPOT))
    text = text.replace('gaps = "error"', 'gaps = "carry"')
    text = text.replace('source = "', f'source = "{ROOT}/docs/examples/')
    path = tmp_path / "rebalance.toml"
    path.write_text(text)
    return path


def test_both_executors_leave_the_same_log_of_21_real_months(config: Path, tmp_path: Path) -> None:
    logs: list[Log] = []
    for executor in ("compiled", "transitions"):
        folder = tmp_path / executor
        parts = build(load_config(config), work=folder / "market")
        outcome = run(parts, folder / "log", executor=executor)
        logs.append(Log(folder / "log"))

        assert (Ending.COMPLETED, 15_312) == (outcome.ending, outcome.ticks)
    one, other = logs
    traded = one.stream("instructions").select(pl.len()).collect().item()

    assert traded > 1_000
    assert one.records().collect().equals(other.records().collect())
    for stream in one.header["streams"]:
        assert one.stream(stream).collect().equals(other.stream(stream).collect())
