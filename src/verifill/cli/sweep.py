"""`verifill sweep`: its commands and their options; see `verifill.cli.app`."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from verifill.cli.failures import told
from verifill.cli.options import examples

CODES = """Exit codes:
  0    every run completed
  1    one did not: it ended FAILED, HELD, STRANDED, in an error, or killed
  2    usage or input: command line, plan, configuration, data, strategy
  3    the machine: disk, permission, memory, scheduler
  4    a defect of Verifill; please report it
  130  interrupted: Ctrl-C; the same command goes on
  143  interrupted: SIGTERM; likewise"""
RUN = "run"


class Sweep(TyperGroup):
    """The commands, of which `run` need not be named."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer's own
        """See `typer.core.TyperGroup.parse_args`."""
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            args = [RUN, *args]
        return super().parse_args(ctx, args)


sweep = typer.Typer(
    cls=Sweep,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Run many backtests: grids, chance, walk-forward windows.",
)


@sweep.command(
    RUN,
    epilog=examples(
        "verifill sweep sweep.toml           # the same goes on with it after a crash",
        "verifill sweep sweep.toml --again   # and runs again what failed",
        "verifill sweep sweep.toml --scheduler tcp://10.0.0.1:8786",
        codes=CODES,
    ),
)
@told
def sweep_run(
    plan: Annotated[Path, typer.Argument(metavar="PLAN.toml", help="The plan.")],
    *,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of the results.  [default: the plan's]"),
    ] = None,
    workers: Annotated[
        int, typer.Option(min=0, help="Processes of this machine; 0: one for each core.")
    ] = 0,
    scheduler: Annotated[
        str,
        typer.Option(metavar="ADDRESS", help="A Dask scheduler, whose workers are used instead."),
    ] = "",
    again: Annotated[
        bool, typer.Option("--again", help="Run again what failed or was killed.")
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Make results anew; logs of the same runs are kept."),
    ] = False,
    progress: Annotated[
        bool, typer.Option("--progress/--no-progress", help="Show a bar on a terminal.")
    ] = True,
) -> None:
    """Run many backtests of one configuration, or go on with them; `run` may be left out.

    What is done is kept, whatever ends the command. Results are a Parquet dataset, `results` in
    the folder, with a row for each run; its log is in `runs/ID`.
    """
    from verifill.cli.sweep_run import run  # noqa: PLC0415 - see the module

    run(
        plan,
        out=out,
        workers=workers,
        scheduler=scheduler,
        again=again,
        overwrite=overwrite,
        progress=progress,
    )


@sweep.command(
    "show",
    epilog=examples(
        "verifill sweep show runs/sweep",
        "verifill sweep show runs/sweep --by sharpe --rows 20",
        "verifill sweep show runs/sweep 426ec04d",
        "verifill sweep show runs/sweep 426ec04d --toml best.toml",
        codes=CODES,
    ),
)
@told
def sweep_show(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the sweep.")],
    run: Annotated[
        str, typer.Argument(metavar="[ID]", help="A run, by its id or how that begins.")
    ] = "",
    *,
    by: Annotated[str, typer.Option(metavar="COLUMN", help="Greatest first.")] = "change",
    rows: Annotated[int, typer.Option(min=1, help="How many.")] = 10,
    toml: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the configuration of run ID, for `backtest`."),
    ] = None,
) -> None:
    """Show the results of a sweep, or all of one run and how to open its log."""
    from verifill.cli.sweep_run import show  # noqa: PLC0415 - see the module

    show(folder, run, by=by, rows=rows, toml=toml)
