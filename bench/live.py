"""What a live step costs beside a bare write and fsync of as many bytes, and what a day costs.

    python -m bench.live [TICKS]

A step is a record of the log: a transition, a plan, an intent, all durable when it returns.
The venue is simulated in memory and time is virtual, so what is measured is the engine, its
log, and the disk. Bare writes of the same sizes are interleaved, so that both meet the same
disk. No figure here is a test.
"""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from bench.meter import peak_mb
from tests.machines.lives import Moments, World
from tests.machines.support import Bars, buy, scripted, sell
from verifill.machines.strategy import Plan

DAY_TICKS = 1_440


class Timed(Moments):
    """Times what passes, and writes as many bytes bare after each commit."""

    def __init__(self, bare: Path, log: Path) -> None:
        super().__init__()
        self._log = log
        self._bare = os.open(bare, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.commits_s: list[float] = []
        self.bare_s: list[float] = []
        self.ended_s = perf_counter()
        self.between_s: list[float] = []

    def around(self, place: str, do: Callable[[], Any]) -> Any:  # noqa: ANN401 - as `Moments`
        """Time a commit, and a bare write beside it."""
        began_s = perf_counter()
        answer = do()
        if place == "commit":
            self.between_s.append(began_s - self.ended_s)
            self.commits_s.append(perf_counter() - began_s)
            began_s = perf_counter()
            os.write(self._bare, b"x" * 900)
            os.fsync(self._bare)
            self.bare_s.append(perf_counter() - began_s)
            self.ended_s = perf_counter()
        return answer


def main(ticks: int) -> None:
    """Run so many ticks of a minute with an instruction each, and tell what they took."""
    with TemporaryDirectory(dir=Path.cwd()) as folder:
        plans: Sequence[Plan] = [[buy("0.1") if n % 2 else sell("0.1")] for n in range(ticks)]
        stage, venue = scripted(bars=Bars(0))
        world = World(Path(folder), stage, venue, plans, patience=ticks * 100)
        timed = Timed(Path(folder) / "bare", world.log)
        state = world.live(ticks, timed)
        size = (world.log / "log.sqlite").stat().st_size
        commit, bare = median(timed.commits_s), median(timed.bare_s)
        rest = median(timed.between_s)
        sys.stdout.write(
            f"{state} after {ticks:,} ticks, {len(timed.commits_s):,} steps\n"
            f"a step {1e6 * (commit + rest):.0f} us: log {1e6 * commit:.0f}, the rest "
            f"{1e6 * rest:.0f}; a bare write and fsync of 900 bytes {1e6 * bare:.0f}; ratio "
            f"{(commit + rest) / bare:.2f}\n"
            f"log {size / ticks:,.0f} bytes a tick, {size / len(timed.commits_s):,.0f} a step; "
            f"peak {peak_mb():.0f} MB\n"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else DAY_TICKS)
