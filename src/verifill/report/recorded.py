"""The market data of a live run: the prices that its log holds."""

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import polars as pl

from verifill.engine.errors import DataError, LogError
from verifill.engine.log.reader import Log
from verifill.header import MARKET, RECORDED
from verifill.quotes import KEY
from verifill.report.market import MarketData, Points
from verifill.venues.simulated.quotes import SERIES_DECIMALS
from verifill.venues.simulated.timeline import MARK

Known = list[tuple[int, int]]


class RecordedMarket(MarketData):
    """Prices as a live log holds them: of every tick, over all process lives.

    Args:
        log: the log.

    Raises:
        DataError: the log was written without prices, by an earlier version.
        LogError: nothing was written yet.
    """

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log
        if log.header.get(MARKET) != RECORDED:
            raise DataError(_without(log))
        if not self._looks:
            msg = (
                f"{log.folder} holds no prices yet: its run has not come to see the market. "
                "Wait until it is further"
            )
            raise LogError(msg)

    @property
    def times(self) -> pl.Series:
        """See `MarketData.times`."""
        return self._times

    @cached_property
    def _times(self) -> pl.Series:
        return pl.Series(sorted({time_ns for time_ns, _ in self._looks}), dtype=pl.Int64)

    @property
    def start_ns(self) -> int:
        """See `MarketData.start_ns`."""
        return self._looks[0][0]

    def has(self, series: str) -> bool:
        """See `MarketData.has`."""
        return series in self._values

    def points(self, name: str) -> Points:
        """See `MarketData.points`."""
        values = self._values.get(name)
        if values is None:
            known = ", ".join(sorted(self._values))
            msg = f"the log holds no price and no series {name!r}; it holds {known}"
            raise DataError(msg, path=str(self._log.folder))
        places: Mapping[str, int] = self._log.header["price_decimals"]
        decimals = places.get(name.removeprefix(MARK), SERIES_DECIMALS)
        times, units = zip(*values, strict=True)
        return pl.Series(times, dtype=pl.Int64), pl.Series(units, dtype=pl.Int128), decimals

    @cached_property
    def _looks(self) -> list[tuple[int, Mapping[str, Any]]]:
        """Time and contents of every look at the market; time never goes back."""
        looks: list[tuple[int, Mapping[str, Any]]] = []
        latest_ns = 0
        for told in _told(self._log):
            latest_ns = max(latest_ns, told["time_ns"])
            looks.append((latest_ns, told))
        return looks

    @cached_property
    def _values(self) -> Mapping[str, Known]:
        values: dict[str, Known] = {}
        for time_ns, told in self._looks:
            for part, prefix in (("prices", ""), ("marks", MARK), ("series", "")):
                for name, value in told.get(part, {}).items():
                    if part == "series" and name.startswith(MARK):
                        continue  # the market's own marks are in `marks`; this is what data gave
                    values.setdefault(f"{prefix}{name}", []).append((time_ns, value))
        return values


def _told(log: Log) -> Iterator[Mapping[str, Any]]:
    holding = pl.col("payload").str.contains(f'"{KEY}":', literal=True)
    for payload in log.records().filter(holding).select("payload").collect()["payload"]:
        told = json.loads(payload).get(KEY)
        if told:
            yield told


def _without(log: Log) -> str:
    return (
        f"{log.folder} was written by an earlier version, whose live logs hold no prices and do "
        "not say what is traded (market, instruments and links in its header), so its positions "
        "cannot be valued. Its transitions, fills and positions can still be read, with "
        "`verifill log show` and `verifill log export`; a new log is complete"
    )
