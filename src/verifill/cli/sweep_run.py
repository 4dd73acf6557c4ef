"""What `verifill sweep` does; apart, because the help of the command line loads in no time."""

import shlex
import signal
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, Self

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from verifill.cli.failures import ExitCode
from verifill.cli.screen import aside, lines, moment, pairs, screen
from verifill.ending import Ending
from verifill.engine.errors import ConfigError
from verifill.sweep.driver import Told
from verifill.sweep.opened import Opened
from verifill.sweep.plan import load_plan
from verifill.sweep.running import run_sweep
from verifill.sweep.working import Row, Status

METRICS = ("change", "sharpe", "drawdown_ratio", "ending")


def run(
    plan: Path,
    *,
    out: Path | None,
    workers: int,
    scheduler: str,
    again: bool,
    overwrite: bool,
    progress: bool,
) -> None:
    """Run it, say how it went, and end with its exit code."""
    asked = load_plan(plan)
    folder = asked.folder if out is None else out
    with _terminable(), _Telling(shown=progress) as telling:
        rows = run_sweep(
            asked,
            out=folder,
            workers=workers,
            scheduler=scheduler,
            again=again,
            overwrite=overwrite,
            told=Told(
                prepared=telling.prepared,
                began=telling.began,
                row=telling.row,
                lost=telling.lost,
            ),
        )
    console = screen()
    console.print(pairs("", _summary(rows)))
    console.print(f"next: verifill sweep show {shlex.quote(str(folder))}", soft_wrap=True)
    if any(row["ending"] != Ending.COMPLETED for row in rows):
        raise typer.Exit(ExitCode.ENDED_EARLY)


def show(folder: Path, run: str, *, by: str, rows: int, toml: Path | None) -> None:
    """The rows of a sweep, or all of one run."""
    opened = Opened(folder)
    console = screen()
    if run:
        row = opened.row(run)
        console.print(pairs("", _told(row)))
        if toml:
            opened.write_toml(row, toml)
            console.print(f"wrote {toml}", soft_wrap=True)
        elif row["status"] == Status.RAN:
            log = shlex.quote(str(opened.log(row)))
            console.print(
                f"next: verifill report {log}, or verifill log show {log}", soft_wrap=True
            )
        return
    if toml:
        msg = "--toml writes the configuration of one run; name it: verifill sweep show DIR ID"
        raise ConfigError(msg)
    frame = opened.results.collect()
    if by not in frame.columns:
        msg = f"there is no column {by!r}; there are {', '.join(frame.columns)}"
        raise ConfigError(msg)
    console.print(pairs("", _summary(frame.to_dicts())))
    shown = dict.fromkeys(["id", "part", *opened.parameters, *METRICS, by])
    best = frame.sort(by, descending=True, nulls_last=True).select(*shown).head(rows)
    for line in lines(best.columns, best.iter_rows()):
        console.print(line, soft_wrap=True)


def _summary(rows: Sequence[Row]) -> Iterator[tuple[str, object]]:
    yield "runs", len(rows)
    counts = Counter(row["ending"] or row["status"] for row in rows)
    yield from sorted(counts.items())
    if again := sum(row["attempts"] is not None and row["attempts"] > 1 for row in rows):
        yield "begun again", again
    errors = Counter(row["error"] for row in rows if row["error"])
    for error, count in errors.most_common(3):
        yield f"error of {count}", error


def _told(row: Row) -> Iterator[tuple[str, object]]:
    for name, value in row.items():
        if name.endswith("_ns") and value is not None:
            yield name.removesuffix("_ns"), f"{moment(value)} UTC"
        elif value not in {None, ""}:
            yield name, value


class _Telling:
    """A bar on standard error, where that is a terminal, and a line for each worker that is lost.

    Args:
        shown: whether there may be a bar.
    """

    def __init__(self, *, shown: bool) -> None:
        console = aside()
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[failed]}"),
            TimeRemainingColumn(),
        )
        disable = not (shown and console.is_terminal)
        self._bar = Bar(*columns, console=console, transient=True, disable=disable)
        self._task = self._bar.add_task("reading data", total=None, failed="")
        self._failed = 0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._bar.stop()

    def prepared(self, done: int, total: int) -> None:
        """So many bytes of data are read."""
        self._bar.update(self._task, completed=done, total=total)

    def began(self, runs: int) -> None:
        """The runs begin."""
        self._bar.reset(self._task, description="runs", total=runs, failed="")

    def row(self, row: Row) -> None:
        """One is over."""
        self._failed += row["ending"] != Ending.COMPLETED
        failed = f"{self._failed} not completed" if self._failed else ""
        self._bar.update(self._task, advance=1, failed=failed)

    def lost(self, run: str, times: int) -> None:
        """The process of one ended."""
        self._bar.console.print(
            f"run {run}: its process ended while it ran ({times} so far)", soft_wrap=True
        )


@contextmanager
def _terminable() -> Generator[None]:
    """SIGTERM ends the sweep as Ctrl-C does: what is done is on disk, no process stays."""

    def stop(number: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt(number)

    before: Any = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
