"""The data of a configuration, checked and prepared."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from verifill.config import Config
from verifill.venues.data import BarFile, History, SeriesFile, prepare

Progress = Callable[[int, int], None]
BEGINNING = "1970-01-01T00:00:00Z"


def prepared(config: Config, work: Path, progress: Progress | None) -> History:
    """The history of a configuration, written into a folder.

    Raises:
        ConfigError: a file or a series is given twice.
        DataError: a file cannot be used.
    """
    bars = [
        BarFile(
            config.path(bars.file),
            bars.instrument,
            price_decimals=bars.price_decimals,
            volume_decimals=bars.volume_decimals,
            interval_s=bars.interval_s,
            stamp=bars.stamp,
            columns=bars.columns,
        )
        for bars in config.data.bars
    ]
    series = [
        SeriesFile(config.path(s.file), s.name, time_column=s.time, value_column=s.value)
        for s in config.data.series
    ]
    work.mkdir(parents=True, exist_ok=True)
    for index, (name, value) in enumerate(config.data.constants.items()):
        series.append(_constant(work / f"constant-{index}.csv", name, value))
    return prepare(bars, series, work / "history", gaps=config.data.gaps, progress=progress)


def _constant(file: Path, name: str, value: Decimal) -> SeriesFile:
    """A series of one value, as old as time."""
    file.write_text(f"timestamp,value\n{BEGINNING},{value:f}\n", encoding="ascii")
    return SeriesFile(file, name, time_column="timestamp", value_column="value")
