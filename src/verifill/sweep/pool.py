"""Workers of this machine: one process each, so that one that ends takes one run with it."""

import multiprocessing
import os
import signal
from collections.abc import Generator
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from typing import Final

from attrs import define, field

from verifill.sweep.working import Interrupted, Row, Task, work
from verifill.workers import begin

THREADS: Final = "POLARS_MAX_THREADS"  # each worker has one core


def _executor() -> ProcessPoolExecutor:
    # spawned, so that no lock or thread of this process is copied into them
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(1, mp_context=context, initializer=begin)


@define
class Lane:
    """One worker process, and the future of its run.

    Attributes:
        executor: of one process, which it starts when it is first used.
        pid: of the process, once that is up.
        run: what it runs; None if it is idle.
    """

    executor: ProcessPoolExecutor = field(factory=_executor)
    pid: "Future[int] | None" = None
    run: "Future[Row] | None" = None

    def begin(self, task: Task) -> "Future[Row]":
        """Run something in it."""
        if self.pid is None:
            self.pid = self.executor.submit(os.getpid)
        self.run = self.executor.submit(work, task)
        return self.run

    def kill(self) -> None:
        """End its process, whatever it does."""
        if self.pid and self.pid.done() and not self.pid.exception():
            with suppress(ProcessLookupError):
                os.kill(self.pid.result(), signal.SIGKILL)
        self.executor.shutdown(wait=False, cancel_futures=True)


class Pool:
    """Processes of this machine.

    Args:
        workers: how many.

    Attributes:
        lost: what a future raises whose process ended.
    """

    lost: tuple[type[Exception], ...] = (BrokenExecutor, Interrupted)

    def __init__(self, workers: int) -> None:
        self._lanes = [Lane() for _ in range(workers)]

    def room(self) -> int:
        """How many more runs can be begun now."""
        return sum(lane.run is None for lane in self._lanes)

    def submit(self, task: Task) -> "Future[Row]":
        """Begin a run; there must be room."""
        return next(lane for lane in self._lanes if lane.run is None).begin(task)

    def over(self, future: "Future[Row]") -> None:
        """Take note that a run is over; a process that ended is replaced."""
        number = next(n for n, lane in enumerate(self._lanes) if lane.run is future)
        lane = self._lanes[number]
        lane.run = None
        if isinstance(future.exception(), self.lost):
            lane.kill()
            self._lanes[number] = Lane()

    def kill(self) -> None:
        """End all processes, whatever they do."""
        for lane in self._lanes:
            lane.kill()


@contextmanager
def pool(workers: int) -> Generator[Pool]:
    """So many processes, gone afterwards."""
    before = os.environ.get(THREADS)
    os.environ[THREADS] = before or "1"  # they take it over when they start
    made = Pool(workers)
    try:
        yield made
    finally:
        made.kill()
        if before is None:
            del os.environ[THREADS]
