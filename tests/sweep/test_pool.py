"""Processes of one machine: the same results with any number, and none of a run lost with one."""

from pathlib import Path

import polars as pl

from tests.sweep.conftest import Plans, told
from tests.sweep.inline import Inline
from tests.sweep.processes import COMMAND, is_alive, kill, process, until, waiting
from tests.sweep.test_driver import logs, swept
from verifill.sweep.driver import Told
from verifill.sweep.running import run_sweep

GRID = '[grid]\n"strategy.options.every" = [2, 3]\n'


def test_one_process_and_two_have_the_results_of_this_one(plans: Plans, project: Path) -> None:
    file = plans(GRID + "[monte_carlo]\nsamples = 2\n")
    here = swept(file, Inline())
    one, two = (run_sweep(file, out=project / str(n), workers=n) for n in (1, 2))

    assert told(here) == told(one) == told(two)
    assert {False} == {row["found"] for row in one + two}
    assert 2 == len({row["worker"] for row in two})


def ends(frame: pl.DataFrame) -> list[tuple[str, int]]:
    return list(frame.select("status", "attempts").iter_rows())


def test_a_worker_that_is_killed_takes_one_run_with_it_which_is_repeated(
    plans: Plans, project: Path
) -> None:
    flag = project / "killed"
    file = plans(
        "attempts = 2\n" + GRID + f'"strategy.options.kill" = ["", "{flag}"]\n'
        '"strategy.options.once" = [true, false]\n'
    )
    lost: list[tuple[str, int]] = []
    rows = run_sweep(file, workers=2, told=Told(lost=lambda run, times: lost.append((run, times))))
    frame = pl.DataFrame(
        [[row["strategy.options.kill"] != "", row["strategy.options.once"], row["status"],
          row["attempts"]] for row in rows],
        schema=["kills", "once", "status", "attempts"], orient="row",
    )  # fmt: skip

    assert {("RAN", 1)} == set(ends(frame.filter(~pl.col("kills"))))
    poisonous = frame.filter("kills", ~pl.col("once"))
    assert {("KILLED", 2)} == set(ends(poisonous))
    once = frame.filter("kills", "once")
    assert {"RAN"} == set(once["status"])
    assert {1, 2} >= set(once["attempts"])
    assert 2 * 2 + once.filter(attempts=2).height == len(lost)
    assert "each process that ran it ended" in rows[-1]["error"]


def test_a_driver_that_is_killed_leaves_no_process_and_is_gone_on_with(
    plans: Plans, project: Path
) -> None:
    flag = project / "go"
    text = '[grid]\n"strategy.options.every" = [2, 3]\n"strategy.options.wait" = ["", "FLAG"]\n'
    file = plans(text.replace("FLAG", str(flag)))
    runs = project / "runs" / "sweep" / "runs"
    words = (*COMMAND, "sweep", file, "--workers", "2")
    with process(*words) as driver:
        until(lambda: len(waiting(flag)) == 2 and len(list(runs.iterdir())) == 2, "two to wait")
        workers = waiting(flag)
        kill(driver.pid)
        until(lambda: not any(map(is_alive, workers)), "orphans to end")
    before = logs(runs)
    flag.touch()
    with process(*words) as again:
        out, err = again.communicate(timeout=120)
    frame = pl.read_parquet(project / "runs" / "sweep" / "results" / "*.parquet")

    assert (0, "") == (again.returncode, err)
    assert "COMPLETED  4" in " ".join(out.split(" ")).replace("   ", "  ")
    assert before.items() < logs(runs).items()
    assert {"RAN"} == set(frame["status"])
    assert {1} == set(frame["attempts"])
