"""The coverage gate: with `--gate`, an area below its share fails the run.

It is part of pytest's own report and not a command after it, so the last line of a
full run is pytest's summary, and a missed gate is counted there as a failure.
"""

import gc
import io
import signal
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import coverage
import pytest
from hypothesis import settings

from tests import cells

ROOT = Path(__file__).parent.parent

# What only a type checker reads; with --doctest-modules pytest would import it.
collect_ignore = ["engine/typing_rows.py"]

# A busy machine must not fail an example for being slow: speed is measured by `make bench`.
settings.register_profile("project", deadline=None, print_blob=True)
settings.load_profile("project")

# Percent of lines and branches that the tests must reach, by area.
DEMANDED = {"engine": 100.0, "machines": 100.0, "venues": 95.0}


# Tracing takes a third to a half of the time of a test. So those are traced that test a gated area
# directly, but for a few that take long and reach nothing there that others do not.
TRACED = (
    "data", "engine", "evm", "exchange", "exchanges", "machines", "venues",
    "live/test_killed.py", "replay/test_what_if.py", "test_interrupts.py", "test_result.py",
    "test_seen.py",
)  # fmt: skip
UNTRACED = (
    "exchanges/test_contract.py", "exchanges/test_faults.py", "exchanges/test_killed.py",
    "exchanges/test_traps.py", "machines/test_lives.py", "machines/test_planted.py",
)  # fmt: skip

# What takes longest comes first: a worker takes a file at a time, and the last should be short.
FIRST = (
    "live/test_killed.py", "machines/test_planted.py", "live/test_classes.py", "evm", "faults",
    "docs", "exchanges", "page", "live/test_paper.py", "checking", "cli/test_audit_demo.py",
    "cli/test_processes.py", "cli/test_live.py", "test_kernel.py", "replay/test_worlds.py",
)  # fmt: skip


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--gate", action="store_true", help="fail if an area's coverage is below its share"
    )
    parser.addoption(
        "--every", type=int, default=36, help="cut runs off at every so-manieth moment; 1 is all"
    )
    parser.addoption("--cells", metavar="FILE", help="write there which cells were come to")
    parser.addoption(
        "--rewrite", action="store_true", help="write the reviewed texts anew; read the difference"
    )


def pytest_configure(config: pytest.Config) -> None:
    cells.watch()
    gc.disable()  # until all tests are collected: what that makes stays
    # A shell lets what it starts in the background ignore Ctrl-C, and that is inherited: by
    # every command too that a test starts and then interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if config.getoption("--gate") and not config.getoption("--cov"):
        message = "--gate judges what --cov measures: give both"
        raise pytest.UsageError(message)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Trace what tests a gated area, and begin with what takes longest."""
    for item in items:
        if not _among(item.path, TRACED) or _among(item.path, UNTRACED):
            item.add_marker(pytest.mark.no_cover)
    items.sort(key=lambda item: _first(item.path, FIRST))


def _among(path: Path, names: Sequence[str]) -> bool:
    """Whether a file is one of those named, or lies in a folder of them."""
    return _first(path, names) < len(names)


@cache
def _first(path: Path, names: Sequence[str]) -> int:
    """The first name that a file has, or its folder; their number, if none."""
    tests = ROOT / "tests"
    places = (at for at, name in enumerate(names) if path.is_relative_to(tests / name))
    return next(places, len(names))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tell tests that walk a table from those that drive a machine."""
    cells.WATCH.walking = cells.WALKS in item.nodeid


def pytest_collection_finish() -> None:
    """What was collected stays, so no look for garbage goes through it."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:  # noqa: ANN401 - of pytest-xdist
    """Hear what a worker came to."""
    del error
    if told := getattr(node, "workeroutput", {}).get("cells"):
        cells.WATCH.heard(told)


@pytest.fixture(autouse=True, scope="session")
def state_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for the state of programs that is the tests' own: no test writes to the user's."""
    folder = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder))
        yield folder


@pytest.fixture
def every(request: pytest.FixtureRequest) -> int:
    """Of how many moments one is tried."""
    return int(str(request.config.getoption("--every")))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Judge once, in the process that reports, when the data of all workers are combined."""
    config = session.config
    if hasattr(config, "workerinput"):
        output: dict[str, str] = getattr(config, "workeroutput", {})
        output["cells"] = cells.WATCH.told()
    if (file := config.getoption("--cells")) and not hasattr(config, "workerinput"):
        Path(str(file)).write_text(cells.WATCH.told())
    whole = exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}
    if hasattr(config, "workerinput") or not config.getoption("--gate") or not whole:
        return
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    assert isinstance(reporter, pytest.TerminalReporter)
    reporter.write_line("")
    for area, percent in measured().items():
        reporter.write_line(f"coverage of {area}/: {percent:.2f} %, demanded {DEMANDED[area]:g} %")
        if percent < DEMANDED[area]:
            reporter.stats.setdefault("failed", []).append(missed(area, percent))
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
    if told := cells.driven_after_all():
        reporter.write_line(told)
    for problem in cells.judged():
        reporter.stats.setdefault("failed", []).append(cells.failed(problem))
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def measured() -> dict[str, float]:
    """The percentage of lines and branches reached, by area."""
    data = coverage.Coverage(config_file=str(ROOT / "pyproject.toml"))
    data.load()
    return {
        area: data.report(include=[f"{ROOT}/{area}/*"], file=io.StringIO()) for area in DEMANDED
    }


def missed(area: str, percent: float) -> pytest.TestReport:
    """The failure that pytest lists and counts for an area below its share."""
    where = (f"coverage of {area}/", None, f"coverage of {area}/")
    message = f"{percent:.2f} % is below {DEMANDED[area]:g} %; see the report for the lines"
    return pytest.TestReport(
        nodeid=where[0],
        location=where,
        keywords={},
        outcome="failed",
        longrepr=message,
        when="call",
    )
