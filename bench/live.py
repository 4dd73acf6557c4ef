"""What a live step costs beside a bare write and fsync of the same bytes, and what a day costs.

    python -m bench.live [TICKS]

A step is a record of the log: a transition, a plan, an intent, all durable when it returns.
The venue is simulated in memory and time is virtual, so what is measured is the engine, its
log, and the disk. Beside each commit as many bytes as it stored are written bare, and
synced, to a file in the same folder: before it or after it, by lot, because of two syncs in
a row the second finds less to do. No figure here is a test.
"""

import os
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any
from unittest.mock import patch

from bench.meter import peak_mb
from tests.machines.lives import Moments, World
from tests.machines.support import Bars, buy, scripted, sell
from verifill.engine.log import durable
from verifill.engine.log.chain import hash_of
from verifill.engine.log.record import Row
from verifill.machines.strategy import Plan

DAY_TICKS = 1_440


class Timed(Moments):
    """Times what passes, and writes as many bytes bare beside each commit."""

    def __init__(self, bare: Path) -> None:
        super().__init__()
        self._bare = os.open(bare, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._lot = random.Random(7)
        self._bytes = 900  # of the first, before anything is known
        self.sizes: list[int] = []
        self.commits_s: list[float] = []
        self.bare_s: list[float] = []
        self.between_s: list[float] = []
        self.cpu_s = 0.0
        self._ended: tuple[float, float] | None = None  # the last step, by both clocks

    def around(self, place: str, do: Callable[[], Any]) -> Any:  # noqa: ANN401 - as `Moments`
        """Time a commit, and a bare write before or after it."""
        if place != "commit":
            return do()
        ended_s, ended_cpu_s = self._ended or (perf_counter(), process_time())
        self.between_s.append(perf_counter() - ended_s)
        self.cpu_s += process_time() - ended_cpu_s
        first = self._lot.random() < 0.5  # noqa: PLR2004 - a coin
        if first:
            self._write()
        began_s, began_cpu_s = perf_counter(), process_time()
        answer = do()
        self.commits_s.append(perf_counter() - began_s)
        self.cpu_s += process_time() - began_cpu_s
        if not first:
            self._write()
        self._ended = (perf_counter(), process_time())
        return answer

    def hashed(self, columns: Row) -> str:
        """The hash of a record, whose size is noted."""
        self._bytes = sum(len(str(value)) for value in columns) + 64
        self.sizes.append(self._bytes)
        return hash_of(columns)

    def _write(self) -> None:
        began_s = perf_counter()
        os.write(self._bare, b"x" * self._bytes)
        os.fsync(self._bare)
        self.bare_s.append(perf_counter() - began_s)


def main(ticks: int) -> None:
    """Run so many ticks of a minute with an instruction each, and tell what they took."""
    with TemporaryDirectory(dir=Path.cwd()) as folder:
        plans: Sequence[Plan] = [[buy("0.1") if n % 2 else sell("0.1")] for n in range(ticks)]
        stage, venue = scripted(bars=Bars(0))
        world = World(Path(folder), stage, venue, plans, patience=ticks * 100)
        timed = Timed(Path(folder) / "bare")
        with patch.object(durable, "hash_of", timed.hashed):
            state = world.live(ticks, timed)
        size = (world.log / "log.sqlite").stat().st_size
    steps = len(timed.commits_s)
    whole = [sum(pair) for pair in zip(timed.commits_s, timed.between_s, strict=True)]
    commit, bare, rest = map(median, (timed.commits_s, timed.bare_s, timed.between_s))
    (low, _, _), (bare_low, _, bare_high) = quantiles(whole), quantiles(timed.bare_s)
    print(
        f"{state} after {ticks:,} ticks, {steps:,} steps, load {os.getloadavg()[0]:.1f}\n"
        f"a step {1e6 * median(whole):.0f} us: log {1e6 * commit:.0f}, the rest {1e6 * rest:.0f}; "
        f"CPU {1e6 * timed.cpu_s / steps:.0f} on average\n"
        f"a bare write and fsync of the same bytes {1e6 * bare:.0f} us, quartiles "
        f"{1e6 * bare_low:.0f} and {1e6 * bare_high:.0f}\n"
        f"ratio of sums {sum(whole) / sum(timed.bare_s):.2f}, of medians "
        f"{median(whole) / bare:.2f}, of lower quartiles {low / bare_low:.2f}\n"
        f"log {size / ticks:,.0f} bytes a tick, {size / steps:,.0f} a step; stored "
        f"{sum(timed.sizes) / steps:,.0f} bytes a step; peak {peak_mb():.0f} MB"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else DAY_TICKS)
