"""What is done is kept, each run is run once, and no choice looks into its test window."""

import os
from collections.abc import Sequence
from concurrent.futures import Future
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from tests.sweep.conftest import HOUR_S, Plans, told
from tests.sweep.inline import Inline
from verifill.engine.errors import LogExists
from verifill.sweep.driver import Driver, Told, best
from verifill.sweep.histories import Histories
from verifill.sweep.opened import Opened
from verifill.sweep.plan import WalkForwardConfig, load_plan
from verifill.sweep.planned import Planned
from verifill.sweep.working import RUNS, WORK, Row, Task

GRID = '[grid]\n"strategy.options.every" = [2, 3, 5]\n'
WALK = f"[walk_forward]\ntrain_s = {48 * HOUR_S}\ntest_s = {24 * HOUR_S}\nmetric = 'change'\n"


def swept(file: Path, inline: Inline, *, again: bool = False, overwrite: bool = False) -> list[Row]:
    out = file.parent / "out"
    out.mkdir(exist_ok=True)
    planned = Planned.of(load_plan(file), Histories(out, lambda _done, _total: None))
    driver = Driver(planned, Told())
    return driver.run(inline, planned.first(), again=again, overwrite=overwrite)


def scanned(project: Path) -> pl.DataFrame:
    frame: pl.DataFrame = pl.scan_parquet(
        project / "out" / "results" / "**" / "*.parquet"
    ).collect()
    return frame.sort("number")


def logs(runs: Path) -> dict[str, int]:
    """The logs that are there, and when each was moved to its place."""
    return {one.name: one.stat().st_ctime_ns for one in runs.iterdir()}


def test_every_run_has_a_row_and_a_log(plans: Plans, project: Path) -> None:
    rows = swept(plans(GRID + "[monte_carlo]\nsamples = 2\n"), Inline())
    frame = scanned(project)

    assert list(range(6)) == [row["number"] for row in rows] == frame["number"].to_list()
    assert {"RAN"} == set(frame["status"])
    assert {"COMPLETED"} == set(frame["ending"])
    assert [2, 2, 3, 3, 5, 5] == frame["strategy.options.every"].to_list()
    assert set(frame["id"]) == set(logs(project / "out" / RUNS))
    assert (
        frame["instructions"].to_list()
        == (frame["done"] + frame["failed_clean"] + frame["failed_part"]).to_list()
    )
    assert frame["failed_part"].sum() > 0, "chance fills some in part only"
    assert [row["equity_end"] for row in rows] == frame["equity_end"].to_list()
    assert not list((project / "out" / WORK).iterdir())


def test_a_driver_that_is_killed_loses_no_run_that_was_over(plans: Plans, project: Path) -> None:
    file = plans(GRID)
    with pytest.raises(KeyboardInterrupt):
        swept(file, Inline(stop_after=2))
    before = logs(project / "out" / RUNS)
    inline = Inline()
    rows = swept(file, inline)

    assert 2 == len(before)
    assert before.items() <= logs(project / "out" / RUNS).items()
    assert 1 == len(inline.tasks)
    assert told(rows) == told(swept(plans(GRID), Inline()))


def test_a_log_whose_row_was_lost_is_read_and_not_run_again(plans: Plans, project: Path) -> None:
    file = plans(GRID)
    rows = swept(file, Inline())
    before = logs(project / "out" / RUNS)
    for part in (project / "out" / "results").iterdir():
        part.unlink()
    found = swept(file, Inline())

    assert {True} == {row["found"] for row in found}
    assert before == logs(project / "out" / RUNS)
    assert told(rows) == told(found)


def test_a_log_of_another_version_is_run_again(
    plans: Plans, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = plans(GRID)
    swept(file, Inline())
    before = logs(project / "out" / RUNS)
    monkeypatch.setattr("verifill.sweep.working.__version__", "0.0.0")
    swept(plans(GRID + '"loop.remainders" = [10]\n'), Inline(), overwrite=True)

    assert set(before) == set(logs(project / "out" / RUNS))
    assert not before.items() & logs(project / "out" / RUNS).items()


def test_the_same_runs_under_several_numbers_are_run_once(plans: Plans, project: Path) -> None:
    inline = Inline()
    rows = swept(plans('[grid]\n"strategy.options.every" = [2, 3, 2]\n'), inline)

    assert 2 == len(inline.tasks)
    assert [0, 1, 2] == [row["number"] for row in rows]
    assert rows[0]["log_digest"] == rows[2]["log_digest"] != rows[1]["log_digest"]
    assert 3 == scanned(project).height


def test_results_of_another_plan_are_replaced_only_when_told(plans: Plans, project: Path) -> None:
    swept(plans(GRID), Inline())
    more = plans('[grid]\n"strategy.options.every" = [2, 3, 5, 7]\n')
    with pytest.raises(LogExists, match="holds the results of another plan or version"):
        swept(more, Inline())
    assert 3 == scanned(project).height
    rows = swept(more, Inline(), overwrite=True)

    assert [True, True, True, False] == [row["found"] for row in rows]
    assert 4 == scanned(project).height


def test_a_run_that_fails_is_recorded_with_its_error_and_the_rest_go_on(
    plans: Plans, project: Path
) -> None:
    file = plans('[grid]\n"strategy.options.every" = [2, "two", 3]\n')
    source = project / "strategy.py"
    check = "        self.hours = 0\n        assert isinstance(every, int), 'every is text'\n"
    source.write_text(source.read_text().replace("        self.hours = 0\n", check))
    rows = swept(file, Inline())

    assert ["RAN", "ERROR", "RAN"] == [row["status"] for row in rows]
    assert "the strategy raised AssertionError: every is text" in rows[1]["error"]
    assert ["2", "two", "3"] == scanned(project)["strategy.options.every"].to_list()
    kept, again = Inline(), Inline()
    swept(file, kept)
    swept(file, again, again=True)
    assert (0, 1) == (len(kept.tasks), len(again.tasks))
    assert 3 == scanned(project).height


def test_a_worker_with_another_strategy_runs_nothing(plans: Plans, project: Path) -> None:
    class Late(Inline):
        def submit(self, task: Task) -> Future[Row]:
            source = project / "strategy.py"
            os.utime(source, ns=(1, 1))
            source.write_text(source.read_text() + "\n# another\n")
            return super().submit(task)

    rows = swept(plans(GRID), Late())

    assert {"ERROR"} == {row["status"] for row in rows}
    assert "this worker sees another strategy or data" in rows[0]["error"]
    assert not logs(project / "out" / RUNS)


def test_the_best_before_a_window_is_run_on_it(plans: Plans, project: Path) -> None:
    swept(plans(GRID + WALK), Inline())
    frame = scanned(project)
    for fold in range(2):
        trained = frame.filter(fold=fold, part="TRAIN")
        tested = frame.filter(fold=fold, part="TEST")
        top = trained.sort("change", "point", descending=[True, False])

        assert (3, 1) == (trained.height, tested.height)
        assert top["point"][0] == tested["point"][0]
        assert trained["to_ns"][0] == tested["from_ns"][0]


def test_what_comes_after_a_training_window_changes_nothing_before_it(
    plans: Plans, project: Path
) -> None:
    """No look-ahead: other prices from the first test window on, and its choice is the same."""
    rows = swept(plans(GRID + WALK), Inline())
    data = project / "bars.csv"
    lines = data.read_text().splitlines()
    known = 1 + 48  # the header, and what the first training window knows
    for at, line in enumerate(lines[known:], known):
        stamp, *prices, volume = line.split(",")
        doubled = [f"{Decimal(price) * 2:.2f}" for price in prices]
        lines[at] = ",".join([stamp, *doubled, volume])
    data.write_text("\n".join(lines) + "\n")
    others = swept(plans(GRID + WALK), Inline(), overwrite=True)

    def of(some: Sequence[Row], part: str) -> list[Row]:
        return [row for row in some if (row["fold"], row["part"]) == (0, part)]

    assert told(of(rows, "TRAIN")) == told(of(others, "TRAIN"))
    assert {True} == {row["found"] for row in of(others, "TRAIN")}, "the very same runs"
    assert of(rows, "TEST")[0]["point"] == of(others, "TEST")[0]["point"]
    assert of(rows, "TEST")[0]["id"] != of(others, "TEST")[0]["id"]


def test_a_strategy_in_a_window_sees_no_bar_from_before_it(plans: Plans, project: Path) -> None:
    swept(plans(GRID + WALK), Inline())
    frame = scanned(project).filter(part="TEST")

    assert [24, 24] == frame["ticks"].to_list()
    hours = (frame["to_ns"] - frame["from_ns"]).to_list()
    assert [24 * HOUR_S * 10**9] * 2 == hours


def test_a_choice_that_was_made_without_a_run_is_made_again_with_it(
    plans: Plans, project: Path
) -> None:
    grid = '[grid]\n"strategy.options.every" = [97, 2, 3, 5]\n'  # 97: it never trades
    file, disk = plans(f"{grid}{WALK}best = 'least'\n"), project / "disk"
    swept(file, Inline())
    first = scanned(project).filter(fold=0, part="TEST")["strategy.options.every"][0]
    source = project / "strategy.py"
    full = f"        self.hours = 0\n        assert every != {first} or Path('{disk}').exists()\n"
    source.write_text(source.read_text().replace("        self.hours = 0\n", full))
    without = swept(file, Inline(), overwrite=True)
    other = scanned(project).filter(fold=0, part="TEST")["strategy.options.every"][0]
    disk.touch()
    rows = swept(file, Inline(), again=True)
    frame = scanned(project)

    assert ["ERROR"] * 2 == [one["status"] for one in without if one["status"] != "RAN"]
    assert {"RAN"} == {one["status"] for one in rows}
    assert 10 == len(rows) == frame["number"].n_unique() == frame.height
    assert other != first == frame.filter(fold=0, part="TEST")["strategy.options.every"][0]


def row(point: int, change: int | None, ending: str = "COMPLETED") -> Row:
    return {"point": point, "ending": ending, "change": None if change is None else Decimal(change)}


@pytest.mark.parametrize(
    ("rows", "chosen"),
    [
        ([row(0, 1), row(0, 3), row(1, 2), row(1, 1)], 0),
        ([row(0, 1), row(0, 2), row(1, 2), row(1, 1)], 0),
        ([row(0, 9), row(0, 9, "FAILED"), row(1, 2), row(1, 1)], 1),
        ([row(0, None), row(0, 9), row(1, -2), row(1, -1)], 1),
        ([row(0, None), row(1, 9, "HELD")], None),
    ],
)
def test_the_best_has_the_greatest_mean_and_all_its_samples_completed(
    rows: list[Row], chosen: int | None
) -> None:
    walk = WalkForwardConfig(train_s=1, test_s=1, metric="change")

    assert chosen == best(rows, walk, 2)


def test_the_least_may_be_the_best() -> None:
    walk = WalkForwardConfig(train_s=1, test_s=1, metric="change", best="least")

    assert 1 == best([row(0, 2), row(1, 1)], walk, 1)


def test_a_run_is_opened_by_its_id(plans: Plans, project: Path) -> None:
    rows = swept(plans(GRID), Inline())
    opened = Opened(project / "out")

    assert rows[1]["run"] == opened.row(rows[1]["id"][:10])["run"]
    assert (opened.log(rows[1]) / "market" / "history").is_dir()
