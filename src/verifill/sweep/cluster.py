"""Workers of other machines: those of a Dask scheduler, which runs what a pool would run.

They see the folder of the sweep and the files of the configuration under the same paths.
"""

from collections.abc import Generator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from time import monotonic
from typing import Any, Final

import distributed
from distributed.scheduler import KilledWorker

from verifill.engine.errors import EnvironmentDefect
from verifill.sweep.working import Interrupted, Row, Task, work

AHEAD: Final = 2  # runs for each thread of a worker, so that none waits for the driver
LOOK_S: Final = 5.0
CONNECT_S: Final = 10.0
CLIENT: Final[Any] = distributed.Client  # without types


class Cluster:
    """The workers of a scheduler.

    Args:
        client: connected to it.

    Attributes:
        lost: what a future raises whose workers ended; Dask has repeated it elsewhere before.
    """

    lost: tuple[type[Exception], ...] = (KilledWorker, Interrupted)

    def __init__(self, client: Any) -> None:  # noqa: ANN401 - Dask's is without types
        self._client = client
        self._executor: Executor = client.get_executor()
        self._running: set[Future[Row]] = set()
        self._threads, self._looked_s = 0, 0.0

    def room(self) -> int:
        """How many more runs can be begun now; none while there are no workers."""
        now_s = monotonic()
        if now_s - self._looked_s >= LOOK_S or not self._threads:
            self._threads, self._looked_s = self._count(), now_s
        return AHEAD * self._threads - len(self._running)

    def submit(self, task: Task) -> "Future[Row]":
        """Begin a run."""
        future = self._executor.submit(work, task)
        self._running.add(future)
        return future

    def over(self, future: "Future[Row]") -> None:
        """Take note that a run is over."""
        self._running.discard(future)

    def kill(self) -> None:
        """Give up what is not over."""
        for future in self._running:
            future.cancel()

    def _count(self) -> int:
        try:
            return sum(self._client.nthreads().values())
        except (OSError, TimeoutError) as error:
            raise _gone(self._client.scheduler_info()["address"], error) from error


@contextmanager
def cluster(address: str) -> Generator[Cluster]:
    """The workers of the scheduler at an address, such as `tcp://10.0.0.1:8786`.

    Raises:
        EnvironmentDefect: it cannot be reached, or is gone.
    """
    try:
        client = CLIENT(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise _gone(address, error) from error
    with client:
        made = Cluster(client)
        try:
            yield made
        finally:
            made.kill()


def _gone(address: str, error: Exception) -> EnvironmentDefect:
    msg = (
        f"the Dask scheduler at {address} does not answer ({error}); start one with "
        "`dask scheduler`, and go on with the same command: what is done is kept"
    )
    return EnvironmentDefect(msg)
