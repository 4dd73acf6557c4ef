"""Real files of other people, where they are present: all can be read."""

import os
from pathlib import Path

import pytest

from tests.data.files import closes, minute_bars, prepared, refusal, write_csv
from verifill.venues.data import BarFile, SeriesFile

ROOT = Path(__file__).parent.parent.parent
SHARED = Path(os.environ.get("VERIFILL_SHARED", ROOT.parent / "shared")) / "data"

pytestmark = pytest.mark.skipif(
    not SHARED.is_dir(),
    reason=f"other people's files are not part of the project; no folder {SHARED}",
)

SPOT = BarFile(SHARED / "btc/binance_BTCUSDT_1h_2024-01-01_2025-09-30.csv", "spot")
PERPETUAL = BarFile(SHARED / "btc/binance_BTCUSDT_perp_1h_2024-01-01_2025-09-30.csv", "perp")
MINUTES = BarFile(SHARED / "btc/btc-perp-20211231-20220201_1m.csv", "perp", stamp="close")
HOUR_NS = 3600 * 10**9


@pytest.mark.parametrize("file", [SPOT, PERPETUAL], ids=["spot", "perpetual"])
def test_the_hourly_files_have_15_gaps_at_the_same_places(tmp_path: Path, file: BarFile) -> None:
    error = refusal(tmp_path, file)

    assert (str(file.path), 962) == (error.path, error.row)
    assert "gaps: 15, in which 345 bars are missing" in error.message
    assert "the bar of 2024-02-10T01:00:00Z should be" in error.message


def test_two_hourly_files_join_at_all_their_times(tmp_path: Path) -> None:
    history = prepared(tmp_path, SPOT, PERPETUAL, gaps="skip")

    assert (history.rows, history.interval_ns) == (14_967, HOUR_NS)
    assert history.price_decimals == {"spot": 2, "perp": 1}
    assert closes(history, "spot")[0] == 4_247_523
    assert closes(history, "perp")[-1] == 1_142_571


def test_two_hourly_files_are_carried_over_their_gaps(tmp_path: Path) -> None:
    history = prepared(tmp_path, SPOT, PERPETUAL, gaps="carry")

    assert history.rows == 14_967 + 345
    assert history.end_ns - history.start_ns == (history.rows - 1) * HOUR_NS


def test_45_031_minutes_have_no_gap(tmp_path: Path) -> None:
    history = prepared(tmp_path, MINUTES)

    assert (history.rows, history.interval_ns) == (45_031, 60 * 10**9)
    assert history.price_decimals == {"perp": 3}
    assert closes(history, "perp")[0] == 46_377_000


@pytest.mark.parametrize(
    ("path", "time_column", "value_column", "rows", "last"),
    [
        (
            "btc/binance_BTCUSDT_funding_rates_2024-01-01_2025-09-30.csv",
            "funding_timestamp",
            "funding_rate",
            1_914,
            320_000_000_000,
        ),
        (
            "defi/weETH_ETH_oracle_2024-01-01_2025-09-18.csv",
            "timestamp",
            "oracle_price_eth",
            12_120,
            1_077_867_566_376_097_500,
        ),
        (
            "defi/aave_v3_aave-v3-ethereum_WETH_rates_2024-01-01_2025-09-18.csv",
            "timestamp",
            "liquidityIndex",
            638,
            1_053_364_035_898_755_300,
        ),
        (
            "defi/aave_v3_aave-v3-ethereum_USDT_rates_2024-01-01_2025-09-18.csv",
            "targetDate",
            "variableBorrowIndex",
            638,
            1_194_025_120_970_072_000,
        ),
        (
            "defi/aave_v3_aave-v3-ethereum_weETH_rates_2024-05-12_2025-09-18.csv",
            "timestamp",
            "price",
            506,
            4_462_630_844_160_000_000_000,
        ),
    ],
    ids=["funding", "oracle", "WETH", "USDT", "weETH"],
)
def test_the_series_can_be_read(
    tmp_path: Path, path: str, time_column: str, value_column: str, rows: int, last: int
) -> None:
    bars = minute_bars(write_csv(tmp_path / "a.csv", ["2024-01-01,1,1,1,1,1"]))
    series = SeriesFile(SHARED / path, "series", time_column=time_column, value_column=value_column)
    points = prepared(tmp_path, bars, series=[series]).series("series")

    assert rows == len(points.times) == len(points.values)
    assert last == points.values[-1]
