"""Prices in the log of a live run: what the market said when a tick began.

A live run has no file of prices to be valued by afterwards, so they are kept where
everything else is. They go into the record that follows a look at the market, under the key
`market`: all of it in the first of a process life, and then only what has changed.
"""

from collections.abc import Mapping
from typing import Final

from verifill.engine.log.live import LiveLog
from verifill.venues.market import LiveMarket

KEY: Final = "market"


class Quotes:
    """Writes prices into the log, of one process life.

    Args:
        log: the log.
    """

    def __init__(self, log: LiveLog) -> None:
        self._log = log
        self._told: dict[str, Mapping[str, int]] = {}

    def tell(self, market: LiveMarket) -> None:
        """Put what has changed into the next record; each look is followed by one."""
        now: dict[str, Mapping[str, int]] = {
            "prices": dict(market.prices),
            "marks": dict(market.marks),
            "series": dict(market.series),
        }
        changed = {part: _changed(values, self._told.get(part, {})) for part, values in now.items()}
        told = {part: values for part, values in changed.items() if values}
        self._log.tell(KEY, {"time_ns": market.time_ns} | told)
        self._told = now


def _changed(now: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    return {name: value for name, value in now.items() if before.get(name) != value}
