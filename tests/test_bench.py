"""The parts of the benchmark work, and the floor does what the engine does."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import polars.selectors as cs
import pytest

from bench import audit, floor, profiled, recovery, work
from bench.__main__ import benchmark
from bench.measure import ENGINE, FLOOR, FLOOR_LOGGED, TRANSITIONS
from bench.parts import REST, RULES, Function, by_part, part_of
from bench.report import table, text
from verifill.engine.log.reader import Log
from verifill.engine.log.schema import FILLS, INSTRUCTIONS, PATHS, POSITIONS

ROOT = Path(__file__).parent.parent
BARS = 500
STREAMS = ("paths", "instructions", "fills", "positions")

Told = dict[str, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bench")


@pytest.fixture(scope="module")
def history(folder: Path) -> Path:
    return work.history_of(folder, BARS)


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Callable[[], Told]:
    return lambda: json.loads(capsys.readouterr().out)


def engine_logged(log: Path, stream: str) -> pl.DataFrame:
    """As it is read; codes as their numbers, for the floor has no texts for them."""
    return Log(log).stream(stream).with_columns(cs.enum().to_physical()).collect()


def logged(log: Path, stream: str) -> pl.DataFrame:
    return pl.read_parquet(sorted(log.glob(f"*.{stream}.parquet")))


def test_the_floor_does_the_same_trades_and_ends_at_the_same_positions(
    history: Path, tmp_path: Path, told: Callable[[], Told]
) -> None:
    work.main("compiled", history, tmp_path / "engine")
    engine = told()
    (tmp_path / "floor").mkdir()
    floor.main(history, None)
    plain = told()
    floor.main(history, tmp_path / "floor")
    with_log = told()

    assert engine["closing"] == plain["closing"] == with_log["closing"]
    assert BARS == engine["instructions"] == plain["instructions"] == with_log["instructions"]
    ours, theirs = engine_logged(tmp_path / "engine", "fills"), logged(tmp_path / "floor", "fills")
    same = ("instruction", "ref", "quantity", "price", "fee")
    assert ours.select(same).rows() == theirs.select(same).rows()
    totals = ("instruction", "as_of_ns", "key", "total")
    ours = engine_logged(tmp_path / "engine", "positions")
    theirs = logged(tmp_path / "floor", "positions")
    assert ours.select(totals).rows()[2:] == theirs.select(totals).rows()[2:]


def test_the_floor_writes_as_many_rows_of_the_same_columns(history: Path, tmp_path: Path) -> None:
    work.main("compiled", history, tmp_path / "engine")
    (tmp_path / "floor").mkdir()
    floor.main(history, tmp_path / "floor")

    for stream in STREAMS:
        ours, theirs = (
            engine_logged(tmp_path / "engine", stream),
            logged(tmp_path / "floor", stream),
        )
        ends = 2 if stream == "paths" else 0  # the engine's start and its stop are paths too
        assert ours.height - ends == theirs.height, stream
    assert set(STREAMS) == {name for name, rows in Log(tmp_path / "engine").rows.items() if rows}
    assert (tuple(PATHS), tuple(INSTRUCTIONS)) == (floor.PATHS, floor.INSTRUCTIONS)
    assert (tuple(FILLS), tuple(POSITIONS)) == (floor.FILLS, floor.POSITIONS)


def test_the_strategy_alone_is_asked_as_often(history: Path, told: Callable[[], Told]) -> None:
    work.main("strategy", history, Path("unused"))

    assert BARS == told()["instructions"]


def test_bars_are_made_once(folder: Path, history: Path) -> None:
    made = (history / "market.parquet").stat().st_mtime_ns

    assert history == work.history_of(folder, BARS)
    assert made == (history / "market.parquet").stat().st_mtime_ns


def test_a_profile_divides_among_the_parts(
    history: Path, tmp_path: Path, told: Callable[[], Told]
) -> None:
    profiled.main(history, tmp_path)

    profile = told()
    assert {"executor", "full loop", "reconcile", "venue terms"} < profile["parts_s"].keys()
    assert {part for part, _ in RULES} >= profile["parts_s"].keys()
    assert sum(profile["parts_s"].values()) == pytest.approx(
        profile["profiled_s"] - profile["profiler_s"]
    )


def test_what_parts_share_counts_for_the_parts_that_called_it() -> None:
    functions = {
        "machines/reconcile.py:reconcile": Function(own_s=1.0),
        "machines/monitor.py:settle": Function(own_s=1.0),
        "engine/amounts.py:add": Function(
            callers={"machines/reconcile.py:reconcile": 3.0, "machines/monitor.py:settle": 1.0}
        ),
        "library.py:below": Function(callers={"engine/amounts.py:add": 1.0}),
        "library.py:nobody": Function(),
    }
    own = {"engine/amounts.py:add": 4.0, "library.py:below": 8.0, "library.py:nobody": 1.0}

    assert {"reconcile": 9.0, "monitor": 3.0, REST: 1.0} == by_part(functions, own)


def test_every_part_names_code_that_is_there() -> None:
    for _, beginning in RULES:
        path = beginning.partition(":")[0]
        assert (ROOT / path).exists() or (ROOT / "src" / "verifill" / path).exists(), beginning
        assert "" != part_of(f"{beginning}:any" if beginning.endswith("py") else beginning)


def test_a_benchmark_measures_every_case_and_reports_it(tmp_path: Path) -> None:
    results = benchmark(tmp_path, BARS, 100, 1, [2])

    report = text(results)
    assert {ENGINE, FLOOR, FLOOR_LOGGED, TRANSITIONS} < results.medians.keys()
    assert results.longer[2].peak_mb > 0
    for heading in ("Targets", "Against the floor", "Memory", "Starting", "Where the time goes"):
        assert f"## {heading}" in report
    assert str(ROOT) not in report


def test_a_table_has_its_numbers_on_the_right() -> None:
    assert ["| a  |  b |", "|----|---:|", "| c  | 10 |", "| dd |  2 |"] == list(
        table(["a", "b"], [["c", "10"], ["dd", "2"]])
    )


def test_what_the_audit_is_measured_beside_looks_at_as_much(
    history: Path, tmp_path: Path, told: Callable[[], Told]
) -> None:
    log, page = tmp_path / "log", tmp_path / "page.html"
    work.main("compiled", history, log)
    told()
    found: dict[str, Told] = {}
    for name, given in (("verify", [log]), ("read", [log]), ("page", [log, page])):
        audit.one(name, [str(path) for path in given])
        found[name] = told()
    rows = Log(log).rows

    assert Log(log).last_seq == found["verify"]["count"]
    assert found["read"]["count"] >= rows["paths"] >= BARS
    assert page.is_file()


def test_the_records_of_a_live_log_are_hashed_one_by_one(
    tmp_path: Path, told: Callable[[], Told]
) -> None:
    log = recovery.made(tmp_path, 1)
    audit.one("hash", [str(log)])
    hashed = told()["count"]
    audit.one("verify", [str(log), str(tmp_path / "anchor")])

    assert hashed == told()["count"] > 0


def test_a_goal_is_for_a_log_of_a_length_and_a_shorter_one_has_its_share() -> None:
    took = {"s": 2.0, "cpu_s": 3.0, "mb": 900.0, "count": 1, "load": 1.0}
    page = took | {"s": 59.0, "mb": 1_100.0}
    found = {"verify": [took], "verify live": [took], "page": [page]}

    said = audit.verdicts(found, audit.BARS // 2, audit.RECORDS // 10)

    assert "The goal of 2.5 s for `verify`: reached" in said
    assert "The goal of 0.5 s for `verify live`: not reached" in said
    assert "The goal of 60.0 s for `page`: reached" in said
    assert "1,100 MB" in said
