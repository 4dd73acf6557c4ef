"""Measuring: each piece of work in a process of its own, in rounds, medians of the rounds."""

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median
from time import perf_counter
from typing import Any

from attrs import frozen

from verifill.faults.commit import commit

ROOT = Path(__file__).parent.parent
KERNEL = ROOT / "build" / "kernel"  # made by `make kernel`
PACKAGES = ("verifill", "polars", "msgspec", "attrs", "transitions")


@frozen(kw_only=True)
class Measured:
    """One process, measured.

    Attributes:
        whole_s: wall clock of the whole process, from its start to its end.
        whole_cpu_s: its processor time, in all its threads.
        inside_us: wall clock per instruction of the work proper.
        inside_cpu_us: processor time likewise.
        peak_mb: the most memory it held.
        log_mb: size of what it wrote.
        load: load average of the last minute when it ended.
        closing: position key -> units at the end.
    """

    whole_s: float
    whole_cpu_s: float
    inside_us: float
    inside_cpu_us: float
    peak_mb: float
    log_mb: float
    load: float
    closing: Mapping[str, int]


@frozen(kw_only=True)
class Case:
    """A piece of work to measure.

    Attributes:
        name: what the report calls it.
        command: module and arguments before the history.
        history: the bars.
        logged: whether it is given a folder for a log.
        compiled: whether what every tick goes through is to be compiled, where that is there.
    """

    name: str
    command: Sequence[str]
    history: Path
    logged: bool = True
    compiled: bool = True


FLOOR, FLOOR_LOGGED = "hand-written loop, no log", "hand-written loop, with log"
STRATEGY, ENGINE = "strategy alone", "engine"
INTERPRETED = "engine, interpreted"
SHORT, TRANSITIONS = "compiled", "transitions"
START = "engine, one bar"


def cases(history: Path, short: Path, least: Path) -> list[Case]:
    """What a round measures, one after another.

    Args:
        history: the bars of the work.
        short: fewer bars, for what takes long.
        least: one bar, for what a run costs before it has done anything.
    """
    return [
        Case(name=FLOOR, command=["bench.floor"], history=history, logged=False),
        Case(name=FLOOR_LOGGED, command=["bench.floor"], history=history),
        Case(name=STRATEGY, command=["bench.work", "strategy"], history=history),
        engine(ENGINE, history),
        engine(INTERPRETED, history, compiled=False),
        engine(START, least),
        engine(SHORT, short),
        engine(TRANSITIONS, short, "transitions"),
    ]


def engine(name: str, history: Path, executor: str = "compiled", *, compiled: bool = True) -> Case:
    """The work on the engine."""
    command = ["bench.work", executor]
    return Case(name=name, command=command, history=history, compiled=compiled)


def is_compiled() -> bool:
    """Whether the compiled kernel is there."""
    return any(KERNEL.glob("verifill/engine/executor.*.so"))


def rounds(
    wanted: Sequence[Case], count: int, work: Path, say: Callable[[str], None]
) -> dict[str, list[Measured]]:
    """Every case once a round, so that a busy minute of the machine spoils none alone."""
    found: dict[str, list[Measured]] = {case.name: [] for case in wanted}
    for number in range(1, count + 1):
        for case in wanted:
            measured = measure(case, work)
            found[case.name].append(measured)
            say(
                f"round {number} of {count}: {case.name}: {measured.whole_s:.2f} s, "
                f"{measured.inside_us:.2f} us per instruction"
            )
    return found


def measure(case: Case, work: Path) -> Measured:
    """Run a case once, in a fresh process with an empty folder for its log."""
    log = work / "log"
    given = [*case.command, str(case.history), *([str(log)] if case.logged else [])]
    before = getrusage(RUSAGE_CHILDREN)
    began_s = perf_counter()
    told = run_module(given, log, compiled=case.compiled)
    whole_s = perf_counter() - began_s
    after = getrusage(RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Measured(
        whole_s=whole_s,
        whole_cpu_s=cpu_s,
        inside_us=told["inside_s"] / told["instructions"] * 1e6,
        inside_cpu_us=told["inside_cpu_s"] / told["instructions"] * 1e6,
        peak_mb=told["peak_mb"],
        log_mb=told["log_mb"],
        load=os.getloadavg()[0],
        closing=told["closing"],
    )


def run_module(given: Sequence[str], log: Path, *, compiled: bool = False) -> dict[str, Any]:
    """What a module of the benchmark tells; its errors go to the screen.

    Args:
        given: module and arguments.
        log: folder for a log, emptied before and removed after.
        compiled: whether to run it with the compiled kernel, where that is there.

    Raises:
        CalledProcessError: it failed.
    """
    shutil.rmtree(log, ignore_errors=True)
    log.mkdir(parents=True)
    try:
        done = subprocess.run(  # noqa: S603 - the command is our own
            [sys.executable, "-m", *given],
            cwd=ROOT,
            check=True,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(KERNEL) if compiled else ""},
        )
    finally:
        shutil.rmtree(log)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def middle(measured: Sequence[Measured]) -> Measured:
    """The medians, each figure by itself."""

    def of(name: str) -> float:
        return float(median(getattr(one, name) for one in measured))

    return Measured(
        whole_s=of("whole_s"),
        whole_cpu_s=of("whole_cpu_s"),
        inside_us=of("inside_us"),
        inside_cpu_us=of("inside_cpu_us"),
        peak_mb=of("peak_mb"),
        log_mb=of("log_mb"),
        load=of("load"),
        closing=measured[0].closing,
    )


def machine() -> dict[str, str]:
    """Where and with what it is measured."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "commit": commit("bench"),
        "kernel": "compiled" if is_compiled() else "interpreted: `make kernel` has made none",
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": packages,
    }


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()
