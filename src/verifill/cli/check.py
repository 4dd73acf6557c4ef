"""`verifill check`: its options; see `verifill.cli.app`."""

from pathlib import Path
from typing import Annotated

import typer

from verifill.cli.failures import told
from verifill.cli.options import examples

CODES = """Exit codes:
  0    everything in the scopes was explored, and every rule holds
  1    a rule is broken, or the time was over before everything was explored
  2    usage or input
  3    the machine: disk, permission, memory
  4    a defect of Verifill; please report it
  130  interrupted: Ctrl-C
  143  interrupted: SIGTERM"""
EPILOG = examples(
    "verifill check", "verifill check one --faults 1 --crashes 0",
    "verifill check saga 'three, class N' --seconds 600 --out checked",
    "verifill check --spin --out checked",
    codes=CODES,
)  # fmt: skip


@told
def check(
    scope: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SCOPE]...", help="What to explore.  [default: every scope]"),
    ] = None,
    *,
    faults: Annotated[
        int | None, typer.Option(min=0, help="So many faults.  [default: the scope's]")
    ] = None,
    crashes: Annotated[
        int | None, typer.Option(min=0, help="So many crashes.  [default: the scope's]")
    ] = None,
    commands: Annotated[
        int | None,
        typer.Option(min=0, help="So many commands of an operator.  [default: the scope's]"),
    ] = None,
    seconds: Annotated[int, typer.Option(min=1, help="End after so many.")] = 3_600,
    workers: Annotated[
        int, typer.Option(min=0, help="Processes that run the engine; 0: one for each core.")
    ] = 0,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the report, and the log of a run that fails."),
    ] = None,
    spin: Annotated[
        bool,
        typer.Option(
            "--spin",
            help="Let spin judge the tables instead; --out DIR keeps the model in Promela.",
        ),
    ] = False,
) -> None:
    """Explore all that the engine can come to, within small scopes.

    The real engine is run in every way that its surroundings let it go: venues that refuse, are
    late, silent or wrong, a process that ends at any durable point, and an operator, in every
    order. Every run is held against the same rules.
    """
    if spin:
        from verifill.cli.check_spin import run_spin  # noqa: PLC0415 - see the module

        run_spin(out, alone=not scope and {faults, crashes, commands} == {None})
        return
    from verifill.cli.check_run import run  # noqa: PLC0415 - see the module

    budget = {"faults": faults, "crashes": crashes, "commands": commands}
    run(scope or [], budget, seconds=seconds, workers=workers, out=out)
