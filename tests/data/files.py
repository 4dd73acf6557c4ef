"""Small files of bars and series, and what preparing them gives."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from verifill.engine.errors import DataError
from verifill.venues.data import BarFile, Gaps, History, SeriesFile, prepare

HEADER = "timestamp,open,high,low,close,volume"
START = datetime(2024, 1, 1, tzinfo=UTC)
MINUTE_NS = 60 * 10**9
START_NS = int(START.timestamp()) * 10**9


def stamp(minute: int) -> str:
    return (START + timedelta(minutes=minute)).isoformat().replace("+00:00", "Z")


def bar(minute: int, prices: str = "10,12,9,11", volume: str = "1.5") -> str:
    return f"{stamp(minute)},{prices},{volume}"


def bars(*minutes: int) -> list[str]:
    """Bars whose close tells their minute: minute 3 closes at 103."""
    return [bar(minute, f"100,{200 + minute},1,{100 + minute}", str(minute)) for minute in minutes]


def write_csv(path: Path, rows: Sequence[str], header: str = HEADER) -> Path:
    path.write_text("".join(f"{line}\n" for line in (header, *rows)))
    return path


def write_parquet(path: Path, **columns: Sequence[object] | pl.Series) -> Path:
    """Two good bars, with columns replaced."""
    good: dict[str, Sequence[object] | pl.Series] = {
        "timestamp": [START, START + timedelta(minutes=1)],
        "open": [10.0, 10.0],
        "high": [12.0, 12.0],
        "low": [9.0, 9.0],
        "close": [11.0, 11.0],
        "volume": [1.5, 1.5],
    }
    pl.DataFrame(good | columns).write_parquet(path)
    return path


def prepared(
    tmp_path: Path, *files: BarFile, series: Sequence[SeriesFile] = (), gaps: Gaps = "error"
) -> History:
    return prepare(files, series, tmp_path / "history", gaps=gaps)


def minute_bars(path: Path, instrument: str = "spot", price_decimals: int | None = 2) -> BarFile:
    return BarFile(path, instrument, price_decimals=price_decimals, interval_s=60)


def closes(history: History, instrument: str = "spot") -> list[int]:
    return [price for chunk in history.chunks() for price in chunk.close[instrument]]


def times(history: History) -> list[int]:
    return [time_ns for chunk in history.chunks() for time_ns in chunk.time_ns]


def refusal(tmp_path: Path, *files: BarFile, gaps: Gaps = "error") -> DataError:
    """The error with which preparing fails; it must leave nothing behind."""
    with pytest.raises(DataError) as caught:
        prepared(tmp_path, *files, gaps=gaps)

    assert not (tmp_path / "history").exists()
    return caught.value
