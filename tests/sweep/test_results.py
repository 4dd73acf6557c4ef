"""The dataset has whole files only, and each row once."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from verifill.sweep.metrics import sharpe
from verifill.sweep.results import Results, kinds_of
from verifill.sweep.working import TOLD


def row(number: int, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any column
    planned = {"number": number, "id": f"id{number}", "point": 0, "sample": 0, "fold": 0}
    return {**dict.fromkeys(TOLD), **planned, "part": "WHOLE", "from_ns": 0, "to_ns": 1, **more}


def results(folder: Path, **kinds: Any) -> Results:  # noqa: ANN401 - any type
    work = folder / "work"
    work.mkdir(exist_ok=True)
    return Results(folder, kinds, work, part_rows=2)


def numbers(folder: Path) -> list[int]:
    frame = pl.scan_parquet(folder / "results" / "*.parquet").select("number").collect()
    return frame["number"].to_list()


def test_rows_are_on_disk_once_flushed_and_found_again(tmp_path: Path) -> None:
    made = results(tmp_path)
    for number in range(5):
        made.add(row(number))
        made.flush()
        assert list(range(number + 1)) == numbers(tmp_path)

    assert list(range(5)) == [one["number"] for one in results(tmp_path).rows()]
    assert 3 == len(list((tmp_path / "results").iterdir()))
    assert not list((tmp_path / "work").iterdir())


def test_a_file_that_was_half_written_is_not_of_the_dataset(tmp_path: Path) -> None:
    made = results(tmp_path)
    made.add(row(0))
    made.flush()
    (tmp_path / "work" / "part-000001.parquet.99").write_bytes(b"PAR1")

    assert [0] == numbers(tmp_path) == [one["number"] for one in results(tmp_path).rows()]


def test_rows_are_dropped_for_runs_that_are_run_again(tmp_path: Path) -> None:
    made = results(tmp_path)
    for number in range(4):
        made.add(row(number, status="ERROR" if number % 2 else "RAN"))
    made.flush()
    made.drop(lambda one: one["status"] == "ERROR")

    assert [0, 2] == numbers(tmp_path)
    made.add(row(1))
    made.flush()
    assert [0, 2, 1] == numbers(tmp_path)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2], pl.Int64()),
        (["1", 2], pl.Int64()),
        (["0.10", 2], pl.Decimal(38, 2)),
        ([True, False], pl.Boolean()),
        ([True, 1], pl.String()),
        (["0.1", "x"], pl.String()),
        ([2**70], pl.Decimal(38, 0)),
        (["0." + "1" * 40], pl.String()),
        ([[1], [2]], pl.String()),
    ],
)
def test_a_parameter_has_the_plainest_type_that_holds_it_exactly(
    tmp_path: Path, values: list[object], kind: object
) -> None:
    kinds = kinds_of({"x": values})
    made = results(tmp_path, **kinds)
    for number, value in enumerate(values):
        made.add(row(number, x=value))
    made.flush()
    frame = pl.read_parquet(tmp_path / "results" / "*.parquet")

    assert kind == kinds["x"] == frame.schema["x"]
    assert len(values) == frame["x"].drop_nulls().len()


def test_the_ratio_of_sharpe_is_that_of_its_definition() -> None:
    days = [Decimal(one) for one in (100, 101, 100, 103)]
    returns = [101 / 100 - 1, 100 / 101 - 1, 103 / 100 - 1]
    mean = sum(returns) / 3
    deviation = (sum((one - mean) ** 2 for one in returns) / 2) ** 0.5

    found = sharpe(days)
    assert found is not None
    assert pytest.approx(mean / deviation * 365**0.5) == float(found)
    assert -8 == found.as_tuple().exponent


@pytest.mark.parametrize("days", [[100], [100, 101], [100, 100, 100], [100, 0, 100]])
def test_there_is_none_of_too_few_days_no_deviation_or_nothing_left(days: list[int]) -> None:
    assert sharpe([Decimal(one) for one in days]) is None
