"""Workers of a real Dask scheduler, processes of their own: the same results, and no run lost."""

import json
import sys
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.sweep.conftest import Plans, told
from tests.sweep.inline import Inline
from tests.sweep.processes import COMMAND, is_alive, kill, process, until, waiting
from tests.sweep.test_driver import swept
from verifill.engine.errors import EnvironmentDefect
from verifill.sweep.running import run_sweep

GRID = '[grid]\n"strategy.options.every" = [2, 3, 5, 7]\n'
DASK = (sys.executable, "-m", "dask")
LOOPBACK = ("--host", "127.0.0.1", "--no-dashboard")


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """The address of a scheduler with two workers, each a process with one thread."""
    folder = tmp_path_factory.mktemp("dask")
    file = folder / "scheduler.json"
    with ExitStack() as stack:
        where = (*LOOPBACK, "--scheduler-file", file)
        stack.enter_context(process(*DASK, "scheduler", *where, "--port", "0"))
        until(file.exists, "the scheduler")
        for number in range(2):
            local = ("--local-directory", folder / str(number), "--nthreads", "1", "--no-nanny")
            stack.enter_context(process(*DASK, "worker", *where, *local))
        yield str(json.loads(file.read_text())["address"])


def test_a_worker_that_is_killed_with_9_in_mid_run_loses_nothing(
    scheduler: str, plans: Plans, project: Path
) -> None:
    """The results are those of one process, whoever ran them and how often."""
    flag = project / "go"
    file = plans(GRID + f'"strategy.options.wait" = ["{flag}"]\n')
    words = (*COMMAND, "sweep", file, "--scheduler", scheduler)
    with process(*words) as driver:
        until(lambda: len(waiting(flag)) == 2, "two workers to be in mid-run")
        victim = waiting(flag)[0]
        kill(victim)
        until(lambda: not is_alive(victim), "the worker to end")
        flag.touch()
        _, err = driver.communicate(timeout=120)
    again = run_sweep(file)  # which finds all

    assert 0 == driver.returncode, err
    assert {"RAN"} == {row["status"] for row in again}
    assert [1, 1, 1, 2] == sorted(row["attempts"] for row in again)
    assert 1 == len({row["worker"] for row in again if row["attempts"] == 2})
    assert {False} == {row["found"] for row in again}
    assert told(again) == told(swept(file, Inline()))


def test_a_scheduler_that_is_not_there_is_told(plans: Plans) -> None:
    with pytest.raises(EnvironmentDefect, match=r"scheduler at tcp://127\.0\.0\.1:9 does not"):
        run_sweep(plans(GRID), scheduler="tcp://127.0.0.1:9")
