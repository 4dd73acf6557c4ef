"""Made-up history is the same for the same seed, exact, and sound."""

import runpy
from decimal import Decimal
from pathlib import Path

import pytest

from tests.data.files import closes, prepared, times
from verifill.engine.errors import ConfigError
from verifill.venues.data import BarFile, SeriesFile
from verifill.venues.data.generate import Walk, bars, rates

ROOT = Path(__file__).parent.parent.parent
HOURLY = ROOT / "fixtures" / "data" / "hourly"
FEW = 200


def test_the_fixtures_are_made_by_the_generator(tmp_path: Path) -> None:
    runpy.run_path(str(ROOT / "fixtures" / "hourly.py"))["generate"](tmp_path)

    for file in ("spot.csv", "perpetual.csv", "funding.csv"):
        assert (HOURLY / file).read_text() == (tmp_path / file).read_text()


def test_the_fixtures_make_a_history(tmp_path: Path) -> None:
    funding = SeriesFile(
        HOURLY / "funding.csv", "funding", time_column="timestamp", value_column="rate"
    )
    spot = BarFile(HOURLY / "spot.csv", "binance.spot:BTC/USDT")
    perpetual = BarFile(HOURLY / "perpetual.csv", "binance.usdm:BTC/USDT")
    history = prepared(tmp_path, spot, perpetual, series=[funding])

    assert (history.rows, history.interval_ns) == (72, 3600 * 10**9)
    assert len(history.series("funding").values) == 9
    assert history.price_decimals == {spot.instrument: 2, perpetual.instrument: 2}
    assert all(
        abs(first - second) <= 1_500
        for first, second in zip(
            closes(history, spot.instrument), closes(history, perpetual.instrument), strict=True
        )
    )


def test_csv_and_parquet_hold_the_same_bars(tmp_path: Path) -> None:
    digests: set[str] = set()
    for name in ("a.csv", "a.parquet"):
        bars(tmp_path / name, seed=1, rows=FEW)
        digests.add(prepared(tmp_path, BarFile(tmp_path / name, "spot", price_decimals=2)).digest)

    assert len(digests) == 1


def test_another_seed_makes_other_bars(tmp_path: Path) -> None:
    bars(tmp_path / "a.csv", seed=1, rows=FEW)
    bars(tmp_path / "b.csv", seed=2, rows=FEW)

    assert (tmp_path / "a.csv").read_text() != (tmp_path / "b.csv").read_text()


def test_a_longer_file_begins_as_a_shorter_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("verifill.venues.data.generate._BATCH_ROWS", 64)
    bars(tmp_path / "short.csv", seed=1, rows=FEW)
    bars(tmp_path / "long.csv", seed=1, rows=2 * FEW)

    assert (tmp_path / "long.csv").read_text().startswith((tmp_path / "short.csv").read_text())


@pytest.mark.parametrize("start_price", ["0.0003", "1", "60000"])
def test_prices_stay_above_zero(tmp_path: Path, start_price: str) -> None:
    walk = Walk(
        start_price=Decimal(start_price),
        price_decimals=4,
        step_ticks=500,
        wick_ticks=1,
        basis_ticks=1,
    )
    bars(tmp_path / "a.parquet", seed=3, rows=2_000, walk=walk)

    assert prepared(tmp_path, BarFile(tmp_path / "a.parquet", "spot")).rows == 2_000


def test_bars_can_be_left_out(tmp_path: Path) -> None:
    bars(tmp_path / "whole.csv", seed=1, rows=10)
    bars(tmp_path / "gap.csv", seed=1, rows=10, missing={3, 4})
    lines = (tmp_path / "whole.csv").read_text().splitlines()
    file = BarFile(tmp_path / "gap.csv", "spot", price_decimals=2)

    assert [*lines[:4], *lines[6:]] == (tmp_path / "gap.csv").read_text().splitlines()
    assert len(times(prepared(tmp_path, file, gaps="skip"))) == 8


def test_rates_lie_between_their_bounds(tmp_path: Path) -> None:
    low, high = Decimal("-0.00000002"), Decimal("0.00000001")
    bars(tmp_path / "a.csv", seed=1, rows=2)
    rates(tmp_path / "r.csv", seed=1, rows=FEW, low=low, high=high)
    series = SeriesFile(
        tmp_path / "r.csv", "r", time_column="timestamp", value_column="rate", decimals=8
    )
    points = prepared(tmp_path, BarFile(tmp_path / "a.csv", "spot"), series=[series]).series("r")

    assert {-2, -1, 0, 1} == {*points.values}
    assert points.times[1] - points.times[0] == 8 * 3600 * 10**9


def test_a_walk_below_its_floor_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"start_price is 0\.01; give at least 1001 ticks"):
        bars(tmp_path / "a.csv", seed=1, rows=1, walk=Walk(start_price=Decimal("0.01")))

    assert [] == list(tmp_path.iterdir())


def test_an_unknown_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"ends in '\.txt'; give a file that ends in .csv or"):
        bars(tmp_path / "a.txt", seed=1, rows=1)

    assert [] == list(tmp_path.iterdir())
