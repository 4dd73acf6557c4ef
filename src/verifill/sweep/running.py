"""A sweep from its plan to its results, in one call."""

import os
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

from verifill.engine.errors import ConfigError, LogError, LogExists
from verifill.engine.log.lock import LOCK
from verifill.engine.log.writer import locked, reason_of
from verifill.sweep.driver import SWEEP, Driver, Told, Workers
from verifill.sweep.histories import Histories
from verifill.sweep.plan import Plan, load_plan
from verifill.sweep.planned import Planned
from verifill.sweep.pool import pool
from verifill.sweep.results import RESULTS
from verifill.sweep.working import DATA, RUNS, WORK, Row

OWN: Final = frozenset({SWEEP, LOCK, RESULTS, DATA, RUNS, WORK})


def run_sweep(
    plan: Plan | Path | str,
    *,
    out: Path | str | None = None,
    workers: int = 0,
    scheduler: str = "",
    again: bool = False,
    overwrite: bool = False,
    told: Told | None = None,
) -> list[Row]:
    """Run what a plan asks for and is not run yet, and write the results.

    A script that calls this without a scheduler has `if __name__ == "__main__":` around what it
    does, because each worker process imports it.

    Args:
        plan: the plan, or its file.
        out: folder of the results; the plan's if None.
        workers: processes of this machine; 0 is one for each core.
        scheduler: address of a Dask scheduler, whose workers are used instead.
        again: whether runs that failed or were killed are run again.
        overwrite: whether results of another plan may be replaced.
        told: what to tell meanwhile.

    Returns:
        Every row, in the order of the plan; the columns are in docs/reference/sweep.md.

    Raises:
        UserDefect: plan, configuration, data, strategy or folder cannot be used; nothing was run.
        EnvironmentDefect: the results cannot be written, or the scheduler is gone; what is done
            is kept.
    """
    asked = plan if isinstance(plan, Plan) else load_plan(Path(plan))
    folder = (asked.folder if out is None else Path(out)).absolute()
    with _held(folder):
        telling = told or Told()
        planned = Planned.of(asked, Histories(folder, telling.prepared))
        driver = Driver(planned, telling)
        wanted = planned.first()
        telling.began(planned.total)
        with _workers(workers, scheduler) as there:
            return driver.run(there, wanted, again=again, overwrite=overwrite)


@contextmanager
def _held(folder: Path) -> Generator[None]:
    """The folder of a sweep, for one driver at a time.

    Raises:
        LogExists: another one runs there, or it holds something else.
        LogError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        foreign = sorted({one.name for one in folder.iterdir()} - OWN)
    except OSError as error:
        msg = f"{folder} cannot be written: {reason_of(error)}; choose another folder with --out"
        raise LogError(msg) from error
    if foreign:
        msg = f"{folder} holds {foreign[0]!r}, which is no part of a sweep; choose another folder"
        raise LogExists(msg)
    lock = locked(folder)
    try:
        yield
    finally:
        lock.release()


def _workers(workers: int, scheduler: str) -> AbstractContextManager[Workers]:
    if not scheduler:
        return pool(workers or os.cpu_count() or 1)
    try:
        from verifill.sweep.cluster import cluster  # noqa: PLC0415 - of the extra `dask`
    except ImportError as error:
        msg = f"Dask is not installed ({error.name}); install verifill[dask], or omit --scheduler"
        raise ConfigError(msg) from error
    return cluster(scheduler)
