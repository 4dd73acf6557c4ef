"""What a live step costs beside a bare write and fsync of the same bytes.

    python -m bench.live [TICKS] [--parts]

A step is a record of the log: a transition, a plan, an intent, all durable when it returns.
Its overhead is all that the engine does for it, log and disk included. No part of it, and timed
apart, are the simulated venue's own work (orders, questions, readings), the strategy, a wait
for the next tick with all that is looked at meanwhile, and this benchmark; and the anchor, a
second sync in a second place once a tick. What an adapter works out itself (terms of an order,
what it is to move) is overhead.

Beside each commit as many bytes as it stores are written bare, and synced, to a file in the
same folder: before it or after it, by lot, because of two syncs in a row the second finds less
to do. How many they are, a rehearsal finds out. With `--parts` the overhead is divided, which
costs some of it, and which a compiled kernel does not let happen. No figure here is a test.
"""

import os
import random
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any
from unittest.mock import patch

from bench.meter import file_system, peak_mb
from bench.watch import Watch
from tests.machines.lives import Client, Kept, Moments, Scheduled, World
from tests.machines.support import Bars, buy, scripted, sell
from verifill.engine.answers import Keeping
from verifill.engine.clock import WallClock
from verifill.engine.log import durable, stored
from verifill.engine.log.anchor import FileAnchor
from verifill.engine.log.connection import DATABASE
from verifill.engine.log.durable import DurableLog
from verifill.engine.log.record import COLUMNS as NAMES
from verifill.engine.log.record import EPOCH
from verifill.kernel import KIND
from verifill.machines import execution
from verifill.machines.guarding import Guard
from verifill.machines.live_records import LiveRecords
from verifill.machines.monitor import PositionMonitor
from verifill.machines.records import Records
from verifill.machines.strategy import Plan

DAY_TICKS = 1_440
COLUMNS = list(NAMES)
START = 20  # steps of the first two ticks, which make what later ones find
LOOPS, LOG, COMMIT = "loops, table", "log, record", "log, database"
VENUE, STRATEGY, WAIT, BENCH = "venue", "strategy", "wait", "benchmark"
ANCHOR = "anchor"
APART = (VENUE, STRATEGY, WAIT, BENCH, ANCHOR)

PARTS: Sequence[tuple[Any, str, str]] = (
    (stored, "canonical_json", "log, JSON"),
    (durable, "stored", "log, row"),
    *((Keeping, name, "answers") for name in ("ask", "ask_if", "clock")),
    *((LiveRecords, name, "memory") for name in ("remember", "plan", "intent")),
    *((Records, name, "evidence") for name in ("decision", "receipt", "verdict")),
    *((Guard, name, "guard") for name in
      ("deny", "answered", "settled", "measured", "fresh", "loop_ended", "news", "keeping")),
    *((PositionMonitor, name, "reconcile") for name in ("observe", "settle")),
    (execution, "reconcile", "reconcile"),
    (DurableLog, "_write", COMMIT),
)  # fmt: skip
"""Functions whose time counts for a part of the overhead."""


class Timed(Moments):
    """Times what passes, and writes as many bytes bare beside each commit.

    Args:
        bare: where to.
        sizes: bytes of each record, as a rehearsal has found them.
        watch: divides what passes.
    """

    def __init__(self, bare: Path, sizes: Sequence[int], watch: Watch) -> None:
        super().__init__()
        self._bare = os.open(bare, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._lot = random.Random(7)
        self._sizes = sizes
        self._watch = watch
        self.steps_s: list[Mapping[str, float]] = []
        self.bare_s: list[float] = []

    def around(self, place: str, do: Callable[[], Any]) -> Any:  # noqa: ANN401 - as `Moments`
        """Time a commit, and a bare write before or after it."""
        if place != "commit":
            return do()
        return self._watch.inside(BENCH, lambda: self._step(do))

    def _step(self, do: Callable[[], Any]) -> None:
        first = self._lot.random() < 0.5  # noqa: PLR2004 - a coin
        if first:
            self._write()
        self._watch.inside(LOG, do)
        if not first:
            self._write()
        self.steps_s.append(dict(self._watch.look()))
        self._watch.spent_s.clear()

    def _write(self) -> None:
        began_s = perf_counter()
        os.write(self._bare, b"x" * self._sizes[len(self.bare_s)])
        os.fsync(self._bare)
        self.bare_s.append(perf_counter() - began_s)


def apart(watch: Watch) -> tuple[type[Client], type[Scheduled]]:
    """A venue and a strategy whose time is their own."""

    class TimedClient(Client):
        def __init__(self, kept: Kept, moments: Moments, since: int) -> None:
            super().__init__(kept, moments, since)
            self.query = watch.over(VENUE, self.query)

        submit = watch.over(VENUE, Client.submit)
        read = watch.over(VENUE, Client.read)

    class TimedStrategy(Scheduled):
        decide = watch.over(STRATEGY, Scheduled.decide)
        state = watch.over(STRATEGY, Scheduled.state)

    return TimedClient, TimedStrategy


def main(ticks: int, *, parts: bool) -> None:
    """Run so many ticks of a minute with an instruction each, and tell what they took."""
    sizes, sorts = rehearsed(ticks)
    watch = Watch(LOOPS, whole=frozenset({WAIT, VENUE}))
    with TemporaryDirectory(dir=Path.cwd()) as folder, ExitStack() as patched:
        world = made(Path(folder), ticks, *apart(watch))
        timed = Timed(Path(folder) / "bare", sizes, watch)
        waits = ((WallClock, name, WAIT) for name in ("next_tick", "wait"))
        anchor = (FileAnchor, "publish", ANCHOR)
        for owner, name, part in (*waits, anchor, *(PARTS if parts else ())):
            timed_too = watch.over(part, getattr(owner, name))
            patched.enter_context(patch.object(owner, name, timed_too))
        began_s = process_time()
        state = world.live(ticks, timed)
        cpu_s = process_time() - began_s
        size = (world.log / DATABASE).stat().st_size
    stored = f"log {size / ticks:,.0f} bytes a tick; stored {sum(sizes) / len(sizes):,.0f} a step"
    tell(timed, sorts, f"{state} after {ticks:,} ticks", cpu_s, stored)


def made(
    folder: Path, ticks: int, client: type[Client] = Client, thinker: type[Scheduled] = Scheduled
) -> World:
    """A venue, and a plan of one trade for each tick."""
    plans: Sequence[Plan] = [[buy("0.1") if n % 2 else sell("0.1")] for n in range(ticks)]
    stage, venue = scripted(bars=Bars(0))
    return World(folder, stage, venue, plans, patience=ticks * 100, client=client, thinker=thinker)


def rehearsed(ticks: int) -> tuple[Sequence[int], Sequence[object]]:
    """How many bytes each record has, and of what sort it is."""
    with TemporaryDirectory(dir=Path.cwd()) as folder:
        world = made(Path(folder), ticks)
        world.live(ticks)
        rows = world.records.filter(world.records["kind"] != EPOCH).rows()
    sort = slice(COLUMNS.index("from"), COLUMNS.index("to") + 1)
    return [sum(len(str(v)) for v in row) for row in rows], [row[sort] for row in rows]


def tell(timed: Timed, sorts: Sequence[object], what: str, cpu_s: float, stored: str) -> None:
    """What the steps took."""
    steps, bare = timed.steps_s[START:], timed.bare_s[START:]
    own = [sum(s for part, s in one.items() if part not in APART) for one in steps]
    anchors = [one[ANCHOR] for one in steps if ANCHOR in one]
    (low, _, _), (bare_low, _, bare_high) = quantiles(own), quantiles(bare)
    mean, bare_mean = sum(own) / len(own), sum(bare) / len(bare)
    print(
        f"{what}, {len(steps):,} steps, load {os.getloadavg()[0]:.1f}\n"
        f"overhead of a step {1e6 * median(own):.0f} us, quartile {1e6 * low:.0f}, "
        f"mean {1e6 * mean:.0f}; an anchor, once a tick, {1e6 * median(anchors):.0f}\n"
        f"a bare write and fsync of the same bytes {1e6 * median(bare):.0f} us, quartiles "
        f"{1e6 * bare_low:.0f} and {1e6 * bare_high:.0f}, mean {1e6 * bare_mean:.0f}\n"
        f"ratio of sums {mean / bare_mean:.2f}, of medians "
        f"{median(own) / median(bare):.2f}, of lower quartiles {low / bare_low:.2f}\n"
        f"CPU of the process {1e6 * cpu_s / len(steps):.0f} us a step; {stored}; "
        f"peak {peak_mb():.0f} MB; on {file_system(Path.cwd())}; kernel {KIND}"
    )
    for part, spent_s in sorted(usual(steps, sorts[START:]).items(), key=lambda told: -told[1]):
        print(f"{1e6 * spent_s:8.1f} us {part}{' (no overhead)' if part in APART else ''}")


def usual(steps: Sequence[Mapping[str, float]], sorts: Sequence[object]) -> Mapping[str, float]:
    """Part -> what it takes of a step: its median among steps of one sort, on average."""
    by_sort: dict[object, list[Mapping[str, float]]] = defaultdict(list)
    for step, sort in zip(steps, sorts, strict=True):
        by_sort[sort].append(step)
    told = defaultdict[str, float](float)
    for alike in by_sort.values():
        for part in {part for step in alike for part in step}:
            middle = median(step.get(part, 0.0) for step in alike)
            told[part] += middle * len(alike) / len(steps)
    return told


if __name__ == "__main__":
    numbers = [int(one) for one in sys.argv[1:] if one.isdigit()]
    main(numbers[0] if numbers else DAY_TICKS, parts="--parts" in sys.argv)
