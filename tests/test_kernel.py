"""The compiled kernel does what the sources do: the same logs, byte for byte.

`make kernel` makes it; where there is no C compiler, there is none to compare.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench import work
from bench.measure import KERNEL, ROOT, is_compiled
from verifill import kernel

BARS = 6_000  # more than a log keeps as Python values
CHECKED = "stored_exactly or from_where_to_where or identical_life_by_life or raised_is_told"
LEFT_OUT = "not terms_of_its_own"  # it gives a venue another class, as only Python's own can

compiled = pytest.mark.skipif(not is_compiled(), reason="`make kernel` has made no compiled kernel")


def run(*given: str | Path, path: Path | None = None) -> str:
    """What a module prints, run with the package of this path, or with the sources."""
    environment = os.environ | {"PYTHONPATH": str(path or "")}
    ran = subprocess.run(
        [sys.executable, "-m", *given],
        cwd=ROOT, env=environment, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def contents(log: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in log.iterdir() if file.is_file()}


def test_the_tests_run_the_sources() -> None:
    assert not kernel.COMPILED
    assert run("verifill", "--version").endswith("(interpreted)\n")


@compiled
def test_an_installation_says_that_its_kernel_is_compiled() -> None:
    assert run("verifill", "--version", path=KERNEL).endswith("(compiled)\n")


@compiled
def test_a_long_run_leaves_the_same_log(tmp_path: Path) -> None:
    history = work.history_of(tmp_path, BARS)
    logs = [tmp_path / "sources", tmp_path / "compiled"]
    for log, path in zip(logs, (None, KERNEL), strict=True):
        run("bench.work", "compiled", history, log, path=path)

    sources, other = map(contents, logs)
    assert sources == other


@compiled
def test_a_trade_over_many_venues_leaves_the_same_log(tmp_path: Path) -> None:
    logs = [tmp_path / "sources", tmp_path / "compiled"]
    for log, path in zip(logs, (None, KERNEL), strict=True):
        run("verifill", "backtest", "docs/examples/cash_and_carry.toml", "--log", log, path=path)

    sources, other = map(contents, logs)
    assert sources == other


@compiled
def test_a_live_engine_runs_and_stops_when_compiled() -> None:
    told = [run("bench.live", "6", path=path) for path in (None, KERNEL)]

    assert ["STOPPED after 6 ticks"] * 2 == [one.partition(",")[0] for one in told]


@compiled
def test_what_goes_wrong_over_the_wire_ends_as_it_must_when_compiled() -> None:
    """A sample of the matrix of faults; what a venue answers is read into compiled classes."""
    told = run("verifill", "faults", "run", "--sample", "30", path=KERNEL)

    assert "cells       30 run of" in told


@compiled
def test_a_live_log_is_checked_and_run_again_when_compiled() -> None:
    checks = (
        "tests/engine/test_durable_log.py",
        "tests/engine/test_log_parts.py",
        "tests/machines/test_replay.py",
    )
    run("pytest", "-q", "-p", "no:cacheprovider", *checks, "-k", CHECKED, path=KERNEL)


@compiled
def test_the_usual_way_and_the_activities_agree_when_compiled() -> None:
    tests = (
        "tests/venues/test_lanes.py",
        "tests/machines/test_express.py",
        "tests/engine/test_log_usual.py",  # numbers of more than 64 bits are told otherwise
    )
    run("pytest", "-q", "-p", "no:cacheprovider", *tests, "-k", LEFT_OUT, path=KERNEL)
