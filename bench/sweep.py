"""What a sweep costs beside its runs: the driver, a Dask scheduler, and what lies on the disk.

    python -m bench.sweep [RUNS]

CPU time, user and system, of the process that is named; what the runs themselves take is not in
it. The runs are those of a small backtest (`verifill init`), so that what does not depend on
their length is what is measured. docs/decisions/0029-sweeps.md works out from these figures what
a thousand cores would do.
"""

import json
import os
import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time

import polars as pl

from bench.meter import file_system
from tests.sweep.processes import process, until
from verifill.cli.init import init
from verifill.sweep.histories import Histories
from verifill.sweep.plan import load_plan
from verifill.sweep.planned import Planned
from verifill.sweep.running import run_sweep

RUNS = 320
FEWER = 4
TICK_HZ = os.sysconf("SC_CLK_TCK")
PLAN = """\
config = "verifill.toml"
[random]
draws = {runs}
[random.parameters]
"exchanges.binance.market.slippage" = {{ uniform = ["0", "0.0005"], decimals = 8 }}
"""


def main(runs: int) -> None:
    """Print the table."""
    with TemporaryDirectory(prefix="verifill-bench-") as folder:
        home = Path(folder)
        init(home)
        for count in (runs // FEWER, runs):
            (home / f"{count}.toml").write_text(PLAN.format(runs=count))
        print(f"{runs} runs beside {runs // FEWER}, files on {file_system(home)}")
        for name, value in figures(home, runs):
            print(f"{name:<58} {value:>12}")


def figures(home: Path, runs: int) -> Iterator[tuple[str, str]]:
    """Name and value of each."""
    plan = home / f"{runs}.toml"
    (home / "plan").mkdir()
    planned = Planned.of(load_plan(plan), Histories(home / "plan", lambda _done, _total: None))
    planned.first()  # what is done once
    cpu_s = process_time()
    wanted = planned.first()
    yield "driver, to plan a run (check, id)", _ms((process_time() - cpu_s) / runs)
    yield "bytes of a task, pickled", f"{len(pickle.dumps(planned.task(wanted[0]))):,}"
    pooled = _each(home, runs, lambda: pl.Series([process_time()]))
    yield "driver, a run in all, with a pool", _ms(pooled[0])
    rows = run_sweep(plan, out=home / f"pool-{runs}")
    yield "worker, a run in all (median)", _ms(median(row["cpu_s"] for row in rows))
    yield from _on_disk(home / f"pool-{runs}", runs)
    with ExitStack() as stack:
        address, pid = _cluster(home, stack)
        run_sweep(home / f"{runs // FEWER}.toml", out=home / "first", scheduler=address)

        def both() -> pl.Series:
            return pl.Series([process_time(), _cpu_s(pid)])

        driver, scheduler = _each(home, runs, both, address)
        yield "driver, a run in all, with Dask", _ms(driver)
        yield "Dask scheduler, a run, and what it does meanwhile", _ms(scheduler)


def _each(
    home: Path, runs: int, clocks: Callable[[], pl.Series], scheduler: str = ""
) -> list[float]:
    """What one more run takes, in seconds of each clock; what is done once is not in it."""
    few, many = (_taken(home, count, clocks, scheduler) for count in (runs // FEWER, runs))
    each: list[float] = ((many - few) / (runs - runs // FEWER)).to_list()
    return each


def _taken(home: Path, runs: int, clocks: Callable[[], pl.Series], scheduler: str) -> pl.Series:
    out = home / f"{'dask' if scheduler else 'pool'}-{runs}"
    before = clocks()
    run_sweep(home / f"{runs}.toml", out=out, workers=1, scheduler=scheduler)
    return clocks() - before


def _on_disk(out: Path, runs: int) -> Iterator[tuple[str, str]]:
    logs = list((out / "runs").iterdir())
    files = sum(1 for log in logs for file in log.iterdir() if file.is_file())
    size = sum(f.stat().st_size for log in logs for f in log.iterdir() if f.is_file())
    results = sum(file.stat().st_size for file in (out / "results").iterdir())
    yield "results, bytes a run", f"{results / runs:,.0f}"
    yield "log, bytes a run", f"{size / runs:,.0f}"
    yield "log, files a run (and a folder, a link, a lock)", f"{files / runs:.1f}"


def _cluster(folder: Path, stack: ExitStack) -> tuple[str, int]:
    """A scheduler and a worker; its address and the number of its process."""
    file = folder / "scheduler.json"
    words = (sys.executable, "-m", "dask")
    here = ("--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", file)
    started = stack.enter_context(process(*words, "scheduler", *here, "--port", "0"))
    until(file.exists, "the scheduler")
    alone = ("--nthreads", "1", "--no-nanny", "--local-directory", folder / "local")
    stack.enter_context(process(*words, "worker", *here, *alone))
    return json.loads(file.read_text())["address"], started.pid


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK_HZ


def _ms(cpu_s: float) -> str:
    return f"{cpu_s * 1e3:.2f} ms"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else RUNS)
