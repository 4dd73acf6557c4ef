"""`verifill faults run` and `verifill faults list`."""

import shlex
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from verifill.cli.failures import ExitCode
from verifill.cli.screen import aside, pairs, screen, table
from verifill.engine.errors import ConfigError
from verifill.faults.catalogue import CATALOGUE, chosen
from verifill.faults.commit import commit
from verifill.faults.hazard import OWN
from verifill.faults.matrix import Cell, Matrix, Picked, Result
from verifill.faults.table import COLUMNS, Summary, by_hazard, write


def run(
    config: Path | None,
    *,
    seeds: Sequence[int],
    sample: int,
    every: int,
    only: Sequence[str],
    ticks: int,
    out: Path | None,
    progress: bool,
) -> None:
    """Run the cells that are picked, and say what came of them."""
    hazards, made = chosen(tuple(only)), _made()  # of the code as it is now
    with TemporaryDirectory(prefix="verifill-faults-") as work:
        matrix = Matrix(hazards, Path(work), config, ticks)
        cells, total = matrix.cells(
            Picked(seeds=seeds, sample=sample, every=every, only=tuple(only))
        )
        if not cells:
            msg = f"no cell is named {', '.join(only)}; see the names in a table of --out"
            raise ConfigError(msg)
        undisturbed = [("undisturbed", str(matrix.whole(OWN).verdict))] if config else []
        results: list[Result] = []
        with _bar(len(cells), shown=progress) as bar:
            for cell in cells:
                results.append(matrix.run(cell))
                bar.update(bar.task_ids[0], advance=1)
                if results[-1].bad:
                    bar.console.print(_told(results[-1], config), soft_wrap=True)
                if results[-1].signal:
                    raise KeyboardInterrupt(results[-1].signal)
    summary = Summary.of(results, total, seeds, made)
    console = screen()
    console.print(table("", COLUMNS, by_hazard(results)))
    console.print(pairs("", [*undisturbed, *summary.lines()]))
    if out:
        write(out, summary, results, hazards)
        console.print(f"wrote {out}", soft_wrap=True)
    if not summary.sound:
        raise typer.Exit(ExitCode.ENDED_EARLY)


def _made() -> str:
    """When, and of which code."""
    code = f", commit {name}" if (name := commit()) else ""
    return f"{datetime.now(UTC).date()}, verifill {version('verifill')}{code}"


def listed() -> None:
    """Every hazard, a line each."""
    rows = [
        (hazard.name, str(hazard.group), " ".join(hazard.rows), hazard.reason or hazard.what)
        for hazard in CATALOGUE.values()
    ]
    screen().print(table("", ("hazard", "group", "rows", "what is injected"), rows))


def _told(result: Result, config: Path | None) -> str:
    """A cell that went wrong, and how it is run again."""
    cell: Cell = result.cell
    bad = ", ".join(f"{name} {n}" for name, n in result.counts.told.items())
    ends = " or ".join(sorted(cell.expected))
    command = ["verifill", "faults", "run", *([str(config)] if config else [])]
    again = shlex.join([*command, "--seed", str(cell.seed), "--only", cell.name])
    return (
        f"{cell.name}\n  {bad}: ended {result.verdict}, must end {ends}. {result.reason}\n  {again}"
    )


@contextmanager
def _bar(total: int, *, shown: bool) -> Generator[Bar]:
    """A bar on standard error, where that is a terminal."""
    console = aside()
    columns = (TextColumn("cells"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    disable = not (shown and console.is_terminal)
    with Bar(*columns, console=console, transient=True, disable=disable) as bar:
        bar.add_task("cells", total=total)
        yield bar
