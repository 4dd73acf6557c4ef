"""The driver of a sweep: hands runs to workers, keeps what came of them, and goes on after a crash.

It is one process with one loop. It holds no run, only rows; a crash costs what was not on disk
yet, and of that the logs that were whole are found again.
"""

import shutil
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, Final, Protocol

from attrs import frozen
from msgspec import MsgspecError, json

from verifill import __version__
from verifill.ending import Ending
from verifill.engine.errors import EnvironmentDefect, LogExists
from verifill.sweep.plan import WalkForwardConfig
from verifill.sweep.planned import Planned, Wanted
from verifill.sweep.results import RESULTS, Results, replace
from verifill.sweep.windows import Part
from verifill.sweep.working import KILLED, RUNS, TOLD, WORK, Row, Status, Task

SWEEP: Final = "sweep.json"
FLUSH_S: Final = 1.0


class Workers(Protocol):
    """Processes that run what they are given, here or elsewhere."""

    lost: tuple[type[Exception], ...]

    def room(self) -> int:
        """How many more runs can be begun now."""
        ...

    def submit(self, task: Task) -> Future[Row]:
        """Begin a run."""
        ...

    def over(self, future: Future[Row]) -> None:
        """Take note that a run is over."""
        ...


@frozen(kw_only=True)
class Told:
    """What is told while a sweep goes on.

    Attributes:
        prepared: with the bytes of market data read so far, and to read.
        began: once, with the number of runs, before the first of them.
        row: each run that is over, also those of before.
        lost: a run whose process ended, and how often that was so far.
    """

    prepared: Callable[[int, int], None] = lambda _done, _total: None
    began: Callable[[int], None] = lambda _runs: None
    row: Callable[[Row], None] = lambda _row: None
    lost: Callable[[str, int], None] = lambda _id, _times: None


class Driver:
    """One sweep.

    Args:
        planned: what is wanted.
        told: what to tell meanwhile.
    """

    def __init__(self, planned: Planned, told: Told) -> None:
        self._planned = planned
        self._out = planned.histories.out
        self._told = told
        self._waiting: deque[Wanted] = deque()
        self._alike: dict[str, list[Wanted]] = {}  # id -> the runs that it stands for
        self._rows: dict[int, Row] = {}
        self._by_id: dict[str, Row] = {}
        self._trained: dict[int, list[Row]] = {}  # fold -> what was run on its training window
        self._losses: Counter[str] = Counter()
        self._running: dict[Future[Row], Wanted] = {}
        self._done: SimpleQueue[Future[Row]] = SimpleQueue()

    def run(
        self, workers: Workers, wanted: Sequence[Wanted], *, again: bool, overwrite: bool
    ) -> list[Row]:
        """Run what is not run yet; every row of the sweep, in the order of the plan.

        Args:
            workers: what runs them.
            wanted: the runs that depend on no other.
            again: whether runs that failed or were killed are run again.
            overwrite: whether results of another plan may be replaced.

        Raises:
            LogExists: the folder holds results of another plan.
            EnvironmentDefect: it cannot be written, or the workers are gone.
        """
        self._results = self._opened(wanted, overwrite=overwrite)
        if again:
            self._drop_failed()
        for row in self._results.rows():
            self._keep(row)
        self._want(wanted)
        for fold in range(len(self._planned.windows)):
            self._test(fold)
        try:
            self._loop(workers)
        finally:
            self._results.flush()
        return [self._rows[number] for number in sorted(self._rows)]

    def _drop_failed(self) -> None:
        """Forget what did not run, and every choice that was made without it."""
        failed = [row for row in self._results.rows() if row["status"] != Status.RAN]
        open_again = {row["fold"] for row in failed if row["part"] == Part.TRAIN}
        numbers = {row["number"] for row in failed}
        self._results.drop(
            lambda row: (
                row["number"] in numbers or (row["part"] == Part.TEST and row["fold"] in open_again)
            )
        )

    def _opened(self, wanted: Sequence[Wanted], *, overwrite: bool) -> Results:
        """The results so far, of this very plan."""
        out, file = self._out, self._out / SWEEP
        if (out / WORK).exists():
            shutil.rmtree(out / WORK)  # attempts of a driver that is gone
        for folder in (WORK, RUNS):
            (out / folder).mkdir(exist_ok=True)
        digest = self._planned.digest(wanted)
        said = {"version": __version__, "digest": digest, **self._described()}
        if overwrite:
            shutil.rmtree(out / RESULTS, ignore_errors=True)
        elif file.exists() and _digest(file) != (__version__, digest):
            msg = (
                f"{out} holds the results of another plan or version; choose another folder "
                "with --out, or say --overwrite: logs of runs that are the same are kept"
            )
            raise LogExists(msg)
        text = json.format(json.encode(said))
        replace(file, lambda path: path.write_bytes(text), out / WORK)
        return Results(out, self._planned.kinds, out / WORK)

    def _described(self) -> dict[str, Any]:
        plan = self._planned.plan
        return {
            "plan": str(plan.file.absolute()),
            "config": str(plan.base),
            "parameters": list(self._planned.kinds),
            "runs": self._planned.total,
        }

    def _want(self, wanted: Iterable[Wanted]) -> None:
        """Have them run, each that is the same but once."""
        for one in wanted:
            if one.number in self._rows:
                continue
            if one.id in self._by_id:
                self._add(one, self._by_id[one.id])
                continue
            alike = self._alike.setdefault(one.id, [])
            alike.append(one)
            if len(alike) == 1:
                self._waiting.append(one)

    def _loop(self, workers: Workers) -> None:
        flushed_s = monotonic()
        while self._waiting or self._running:
            for _ in range(min(workers.room(), len(self._waiting))):
                one = self._waiting.popleft()
                future = workers.submit(self._planned.task(one))
                self._running[future] = one
                future.add_done_callback(self._done.put)
            for future in self._ended():
                workers.over(future)
                self._over(future, workers.lost)
            if monotonic() - flushed_s >= FLUSH_S:
                self._results.flush()
                flushed_s = monotonic()

    def _ended(self) -> Iterator[Future[Row]]:
        """What is over by now, waiting for a moment if nothing is.

        A queue, because to wait for a thousand futures at once takes longer the more there are.
        """
        with suppress(Empty):
            yield self._done.get(timeout=FLUSH_S)
            while True:
                yield self._done.get_nowait()

    def _over(self, future: Future[Row], lost: tuple[type[Exception], ...]) -> None:
        one = self._running.pop(future)
        try:
            row = future.result()
        except lost:
            self._lost(one)
            return
        except CancelledError as error:
            msg = "the workers gave up; what is done is kept: go on with the same command"
            raise EnvironmentDefect(msg) from error
        self._finish(one, row)

    def _lost(self, one: Wanted) -> None:
        """Its process ended: again, elsewhere, if it has not done that too often."""
        begun = len(list((self._out / WORK).glob(f"{one.id}-*")))
        self._losses[one.id] += 1
        times = max(self._losses[one.id], begun)
        self._told.lost(one.id, times)
        if times < self._planned.plan.attempts:
            self._waiting.append(one)
            return
        killed = {"status": Status.KILLED.value, "attempts": times, "error": KILLED}
        self._finish(one, dict.fromkeys(TOLD) | {"version": __version__} | killed)

    def _finish(self, one: Wanted, row: Row) -> None:
        alike = self._alike.pop(one.id)
        for same in alike:
            self._add(same, row)
        for fold in {same.window.fold for same in alike if same.window.part is Part.TRAIN}:
            self._test(fold)

    def _add(self, one: Wanted, row: Row) -> None:
        whole = row | one.told()
        self._results.add(whole)
        self._keep(whole)

    def _keep(self, row: Row) -> None:
        self._rows[row["number"]] = row
        self._by_id[row["id"]] = row
        if row["part"] == Part.TRAIN:
            self._trained.setdefault(row["fold"], []).append(row)
        self._told.row(row)

    def _test(self, fold: int) -> None:
        """Once every run of a training window is over, the best point goes on to the test."""
        walk = self._planned.plan.walk_forward
        if walk is None:
            return
        rows = self._trained.get(fold, [])
        if len(rows) < len(self._planned.points) * len(self._planned.samples):
            return
        point = best(rows, walk, len(self._planned.samples))
        if point is not None:
            self._want(self._planned.tests(fold, point))


def best(rows: Iterable[Row], walk: WalkForwardConfig, samples: int) -> int | None:
    """The point with the best mean of the metric; of several, the first; None if there is none.

    A point of which a run did not complete, or has no such metric, is not chosen.
    """
    scores: dict[int, list[Decimal]] = {}
    for row in rows:
        if row["ending"] == Ending.COMPLETED and row[walk.metric] is not None:
            scores.setdefault(row["point"], []).append(row[walk.metric])
    whole = {point: sum(values) for point, values in scores.items() if len(values) == samples}
    sign = 1 if walk.best == "greatest" else -1
    return min(whole, key=lambda point: (-sign * whole[point], point), default=None)


def _digest(file: Path) -> tuple[Any, Any]:
    """Version and digest that a sweep was made with."""
    try:
        said = json.decode(file.read_bytes(), type=dict[str, Any])
    except MsgspecError as error:
        msg = f"{file} cannot be read ({error}); choose another folder with --out"
        raise LogExists(msg) from error
    return said.get("version"), said.get("digest")
