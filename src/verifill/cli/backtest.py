"""`verifill backtest`: run a configuration, with a bar meanwhile and a summary at the end."""

import shlex
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from time import perf_counter

import typer
from attrs import define
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from verifill.backtest import ExecutorName, Outcome, Parts
from verifill.cli.failures import ExitCode, interrupted
from verifill.cli.screen import aside, ending, moment, number, pairs, screen
from verifill.config import load_config
from verifill.ending import Ending
from verifill.engine.errors import UserDefect
from verifill.machines.tight_loop import Tight
from verifill.report.states import entered
from verifill.result import MARKET, RunResult
from verifill.running import Progress, run_backtest
from verifill.venues.data.history import History

# Below that the time for each is that of starting up.
ENOUGH = 10_000

FAILED = (Tight.FAILED_CLEAN.value, Tight.FAILED_MISMATCH.value)

EXITS = {Ending.COMPLETED: ExitCode.COMPLETED, Ending.INTERRUPTED: ExitCode.INTERRUPTED}


def backtest(
    config: Path,
    *,
    log: Path | None,
    executor: ExecutorName,
    overwrite: bool,
    start_from: Path | None,
    quote: str,
    progress: bool,
) -> None:
    """Run it, say how it went, and end with its exit code."""
    settings = load_config(config)
    folder = settings.log_folder if log is None else log
    clock = Clock(perf_counter())
    with _told(folder, clock, shown=progress) as telling:
        result = run_backtest(
            settings,
            log=folder,
            start_from=start_from,
            executor=executor,
            overwrite=overwrite,
            progress=telling,
        )
        clock.ended_s = perf_counter()
    out = screen()
    out.print(pairs("", _summary(result, clock, quote)))
    where = shlex.quote(str(result.log.folder))
    out.print(f"next: verifill report {where}, or verifill log show {where}", soft_wrap=True)
    ending = result.outcome.ending or Ending.FAILED
    code = EXITS.get(ending, ExitCode.ENDED_EARLY)
    raise typer.Exit(interrupted(clock.signal) if code is ExitCode.INTERRUPTED else code)


@define
class Clock:
    """When a run was asked for, began and ended, in seconds of the wall clock.

    Attributes:
        signal: number of the signal that interrupted it, 0 if none did.
    """

    asked_s: float
    began_s: float = 0.0
    ended_s: float = 0.0
    signal: int = 0


@contextmanager
def _told(folder: Path, clock: Clock, *, shown: bool) -> Generator[Progress]:
    """A bar on standard error while it runs, where that is a terminal."""
    console = aside()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    disable = not (shown and console.is_terminal)
    with Bar(*columns, console=console, transient=True, disable=disable) as bar:
        reading = bar.add_task("reading data", total=None)
        ticking: list[TaskID] = []

        def prepared(done: int, total: int) -> None:
            bar.update(reading, completed=done, total=total)

        def began(_parts: Parts) -> None:
            clock.began_s = perf_counter()
            bar.remove_task(reading)
            ticking.append(bar.add_task("ticks", total=_ticks(folder)))

        def ticked(ticks: int) -> None:
            bar.update(ticking[0], completed=ticks)

        def ended(outcome: Outcome) -> None:
            clock.signal = outcome.signal

        yield Progress(prepared=prepared, began=began, ticked=ticked, ended=ended)


def _ticks(folder: Path) -> int:
    """How many rows there are, and so at most ticks."""
    return History(folder / MARKET).rows


def _summary(result: RunResult, clock: Clock, quote: str) -> Iterator[tuple[str, object]]:
    outcome = result.outcome
    counts = result.counts
    ran_s = clock.ended_s - clock.began_s
    yield "run", result.run
    yield "ending", ending(outcome.ending)
    if outcome.reason:
        yield "reason", outcome.reason
    first_ns, last_ns = result.span_ns
    yield "from", f"{moment(first_ns)} UTC"
    yield "to", f"{moment(last_ns)} UTC"
    for name in ("ticks", "instructions", "transitions", "fills"):
        yield name, counts[name]
        failed = _failed(result) if name == "instructions" else 0
        if failed:
            yield "failed", failed
    yield from _worth(result, quote)
    for asset, paid in result.fees.items():
        yield f"fees in {asset}", paid
    yield "time", pace(ran_s, counts["instructions"])
    yield "log", str(result.log.folder)
    yield "market data", str(result.market)


def pace(ran_s: float, instructions: int) -> str:
    """How long a run took, and each of its instructions if there were enough to tell."""
    if instructions < ENOUGH:
        return f"{ran_s:,.2f} s"
    return f"{ran_s:,.2f} s, {ran_s * 1e6 / instructions:,.1f} us per instruction"


def _failed(result: RunResult) -> int:
    """How many instructions ended FAILED; not those of which a part took effect."""
    counts = entered(result.log).items()
    return sum(times for state, times in counts if state.endswith(FAILED))


def _worth(result: RunResult, quote: str) -> Iterator[tuple[str, object]]:
    """Equity at both ends, or why there is none."""
    try:
        ends = result.ends(quote, missing="leave out")
    except UserDefect as error:
        yield "equity", f"unknown: {error}"
        return
    yield "equity at start", f"{number(ends.start)} {ends.quote}"
    change = ends.end - ends.start
    sign = "+" if change >= Decimal(0) else ""
    yield "equity at end", f"{number(ends.end)} {ends.quote} ({sign}{number(change)})"
    if ends.left_out:
        yield "without", f"{', '.join(ends.left_out)}: nothing tells its worth in {ends.quote}"
