"""No cascade, no second thread, no credentials: a run needs the core and nothing else."""

import subprocess
import sys
import threading
from pathlib import Path

from tests.machines.support import Bars, Deciding, buy, play, scripted
from verifill.machines.strategy import Plan, PlanReport, Positions
from verifill.venues.market import MarketView

ROOT = Path(__file__).parent.parent
RUN = """
import sys
from pathlib import Path
from tests.runs import buy, ran, sell, ticks
folder, outcome = ran(Path(sys.argv[1]), ticks([[buy(), sell()], [buy()]]), rows=5)
assert outcome.ending == "COMPLETED", outcome
print(*sorted(name for name in sys.modules if name.startswith("verifill.")))
"""


def run_by_itself(folder: Path) -> list[str]:
    """The modules of a process that has made a run, with nothing in its environment."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(folder)],
        cwd=ROOT, env={}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "" == done.stderr
    return done.stdout.split()


def test_a_run_loads_no_report(tmp_path: Path) -> None:
    loaded = run_by_itself(tmp_path)

    assert "verifill.machines.loop" in loaded
    assert [] == [name for name in loaded if name.startswith("verifill.report")]


def test_a_backtest_runs_with_an_empty_environment(tmp_path: Path) -> None:
    assert "verifill.backtest" in run_by_itself(tmp_path)


def test_the_contracts_of_imports_are_kept() -> None:
    """Layers, adapters, threads and reports, as pyproject.toml declares them."""
    kept = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert 0 == kept.returncode, kept.stdout
    assert "no cascade KEPT" in kept.stdout
    assert "no thread, no async, no queue KEPT" in kept.stdout


def test_a_run_starts_no_thread(tmp_path: Path) -> None:
    seen: set[int] = set()
    before = threading.active_count()

    def decide(_market: MarketView, _positions: Positions, _last: PlanReport) -> Plan:
        seen.add(threading.active_count())
        return [buy("0.1")]

    play(tmp_path, scripted(bars=Bars(20))[0], Deciding(decide))

    assert {before} == seen
    assert before == threading.active_count()
