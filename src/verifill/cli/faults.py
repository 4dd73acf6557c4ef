"""`verifill faults`: its commands and their options; see `verifill.cli.app`."""

from pathlib import Path
from typing import Annotated

import typer

from verifill.cli.failures import told
from verifill.cli.options import examples

CODES = """Exit codes:
  0    every cell ended as it must, and nothing bad was counted
  1    one did not
  2    usage or input: command line, configuration, strategy
  3    the machine: disk, permission, memory
  4    a defect of Verifill; please report it
  130  interrupted: Ctrl-C
  143  interrupted: SIGTERM"""

faults = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Let everything go wrong that can, and count what comes of it.",
)


@faults.command(
    "run",
    epilog=examples(
        "verifill faults run --sample 300",
        "verifill faults run --only killed --only timeout_before",
        "verifill faults run carry.toml --sample 200 --out faults",
        codes=CODES,
    ),
)
@told
def faults_run(
    config: Annotated[
        Path | None,
        typer.Argument(
            metavar="[CONFIG.toml]",
            help="Run this strategy.  [default: built-in plans]",
            show_default=False,
        ),
    ] = None,
    *,
    seed: Annotated[
        list[int] | None,
        typer.Option(min=0, help="Of what is drawn by chance; may be given again.  [default: 1]"),
    ] = None,
    sample: Annotated[int, typer.Option(min=0, help="So many cells at most; 0: all.")] = 0,
    every: Annotated[int, typer.Option(min=1, help="One of so many cells.")] = 1,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="A hazard, or how a cell's name begins; may be given again."
        ),
    ] = None,
    ticks: Annotated[int, typer.Option(min=1, help="Ticks of each life, with CONFIG.toml.")] = 2,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the table, as Parquet and as Markdown."),
    ] = None,
    progress: Annotated[
        bool, typer.Option("--progress/--no-progress", help="Show a bar on a terminal.")
    ] = True,
) -> None:
    """Run the matrix of faults: every hazard, wherever it applies.

    Each cell runs the real engine, with a log on a disk and the loopback venues, lets one thing
    go wrong, and holds what the engine says against what the venues did.
    """
    from verifill.cli.faults_run import run  # noqa: PLC0415 - see the module

    run(
        config,
        seeds=seed or [1],
        sample=sample,
        every=every,
        only=only or [],
        ticks=ticks,
        out=out,
        progress=progress,
    )


@faults.command("list", epilog=examples("verifill faults list", codes=CODES))
@told
def faults_list() -> None:
    """List the hazards: what is injected, and what it stands for."""
    from verifill.cli.faults_run import listed  # noqa: PLC0415 - see the module

    listed()
