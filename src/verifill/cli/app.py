"""The commands and their options; what they do is imported when they are called.

So `verifill --help` needs neither polars nor transitions.
"""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from verifill.cli import audit, drawn, observers, options, replaying, reporting
from verifill.cli import check as checking
from verifill.cli.datas import data
from verifill.cli.failures import DEBUG, told
from verifill.cli.faults import faults
from verifill.cli.operators import ops
from verifill.cli.options import examples
from verifill.cli.papers import EXAMPLES as PAPER_EXAMPLES
from verifill.cli.papers import paper
from verifill.cli.sweep import sweep
from verifill.cli.venues import venue

HELP = """Run trading strategies of which every instruction is verified."""

app = typer.Typer(
    name="verifill",
    help=HELP,
    epilog=examples(
        "verifill init first              # a configuration and a strategy that run",
        "verifill backtest first/verifill.toml",
        "verifill report first/runs/verifill",
        "verifill log show first/runs/verifill --last 20",
        "verifill machines full_loop --format matrix",
    ),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
log = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Look into the log of a run, or export it."
)
app.add_typer(log, name="log")
app.add_typer(data, name="data")
app.add_typer(venue, name="venue")
app.add_typer(ops, name="ops")
app.add_typer(faults, name="faults")
app.add_typer(sweep, name="sweep")
app.command(epilog=audit.VERIFY)(audit.verify)
app.command(epilog=checking.EPILOG)(checking.check)
app.command(epilog=replaying.EPILOG)(replaying.replay)
app.command(epilog=observers.METRICS)(observers.metrics)
app.command(epilog=observers.SPANS)(observers.spans)
app.command(epilog=observers.SERVE)(observers.serve)


def main() -> None:
    """The entry point of the command `verifill`."""
    app(args=sys.argv[1:], prog_name="verifill")


class Executor(StrEnum):
    """What runs the machine."""

    COMPILED = "compiled"
    TRANSITIONS = "transitions"


class Kind(StrEnum):
    """Kinds of a log's transitions."""

    TRANSITION = "TRANSITION"
    INTENT = "INTENT"
    OBSERVED = "OBSERVED"
    IGNORED = "IGNORED"
    REFUSED = "REFUSED"


class Stream(StrEnum):
    """What can be exported of a run."""

    RECORDS = "records"
    INSTRUCTIONS = "instructions"
    RECEIPTS = "receipts"
    FILLS = "fills"
    MOVES = "moves"
    POSITIONS = "positions"
    LEDGER = "ledger"
    NOTES = "notes"
    ORDERS = "orders"
    EQUITY = "equity"


class Format(StrEnum):
    """What a log is exported as."""

    PARQUET = "parquet"
    CSV = "csv"
    JSONL = "jsonl"
    PERFETTO = "perfetto"
    XES = "xes"


STREAMS = f"What to export: {', '.join(Stream)}."


@app.callback()
def root(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=options.version, is_eager=True, help="Say which."),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an unexpected error.")
    ] = False,
) -> None:
    """Take up the options that all commands have."""
    del version
    DEBUG.set(debug)


@app.command(
    epilog=examples(
        "verifill backtest carry.toml",
        "verifill backtest carry.toml --log runs/second --from runs/carry",
        "verifill backtest carry.toml --executor transitions --overwrite",
    )
)
@told
def backtest(
    config: options.ConfigFile,
    *,
    log_folder: options.LogFolder = None,
    executor: Annotated[
        Executor, typer.Option(help="Run the compiled table, or the transitions machine itself.")
    ] = Executor.COMPILED,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a log there.")] = False,
    start_from: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="RUN",
            help="Log of a run whose closing positions this one takes over.",
        ),
    ] = None,
    quote: Annotated[str, options.QUOTE] = "",
    progress: Annotated[
        bool, typer.Option("--progress/--no-progress", help="Show a bar on a terminal.")
    ] = True,
) -> None:
    """Run a backtest, and write its log.

    Ctrl-C and SIGTERM finish the tick under way and leave a complete log. A killed backtest is
    not resumed; what its log has up to its last chunk can be read.
    """
    from verifill.cli.backtest import backtest as run  # noqa: PLC0415 - see the module

    run(
        config,
        log=log_folder,
        executor=executor.value,
        overwrite=overwrite,
        start_from=start_from,
        quote=quote,
        progress=progress,
    )


@app.command(
    epilog=examples(
        "verifill live carry.toml --port 4711",
        "VERIFILL_ENVIRONMENT=staging verifill live carry.toml",
        "verifill live carry.toml --port 4711 --anchor /elsewhere/live.anchor",
    )
)
@told
def live(
    config: options.ConfigFile,
    *,
    port: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=65_535,
            help="Port of `verifill venue serve`, here.  [default: the endpoints of the "
            "configuration's environment]",
        ),
    ] = None,
    log_folder: options.LogFolder = None,
    anchor: options.AnchorFile = None,
    ticks: options.Ticks = 0,
    say: options.Say = options.Said.TEXT,
    prod: Annotated[
        bool,
        typer.Option("--prod", help="Mean it: the environment prod is of real exchanges."),
    ] = False,
) -> None:
    """Trade live until stopped, on real venues or a loopback server.

    A log that is there is gone on with: what was in flight is resolved first. Ctrl-C and SIGTERM
    stop it; an instruction that waits is parked, and the next start goes on with it.
    """
    from verifill.cli.live import live as run  # noqa: PLC0415 - see the module

    run(
        config,
        port=port or 0,
        log=log_folder,
        anchor=anchor,
        ticks=ticks,
        style=say.value,
        prod=prod,
    )


app.command(epilog=PAPER_EXAMPLES)(paper)
app.command(epilog=drawn.MACHINES)(drawn.machines)


app.command(epilog=reporting.EPILOG)(reporting.report)


@app.command(
    epilog=examples(
        "verifill status runs/live",
        "verifill status runs/live --last 20",
        "verifill status runs/live --json",
    )
)
@told
def status(
    folder: options.Folder,
    *,
    last: Annotated[int, typer.Option(min=0, help="How many records and commands.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """Say where a run is: what is under way, and with which positions.

    Of a live run it tells breakers, trading states, market data and health too, with reasons,
    since when, and what ends it.

    It reads the log, also while the engine writes it, and disturbs nothing.
    """
    from verifill.cli.status import status as say  # noqa: PLC0415 - see the module

    say(folder, last=last, as_json=as_json)


@app.command(
    epilog=examples(
        "verifill init first",
        "verifill backtest first/verifill.toml",
    )
)
@told
def init(
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="Where to write; made if need be.")
    ] = Path(),
) -> None:
    """Write a configuration and a strategy to begin with.

    They run at once, on data made up from a seed. Nothing is overwritten: if a file is
    there already, nothing is written.
    """
    from verifill.cli.init import init as write  # noqa: PLC0415 - see the module

    write(folder)


@log.command(
    "show",
    epilog=examples(
        "verifill log show runs/carry",
        "verifill log show runs/carry --kind REFUSED --kind IGNORED",
        "verifill log show runs/carry --instruction 7 --wide",
    ),
)
@told
def log_show(
    folder: options.Folder,
    *,
    last: Annotated[int, typer.Option(min=1, help="How many transitions.")] = 20,
    kind: Annotated[
        list[Kind] | None, typer.Option(help="Only this kind; may be given again.")
    ] = None,
    instruction: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Only of this instruction.")
    ] = None,
    wide: Annotated[bool, typer.Option("--wide", help="All columns, of any width.")] = False,
) -> None:
    """Show the last transitions of a run."""
    from verifill.cli.log import show  # noqa: PLC0415 - see the module

    show(
        folder,
        last=last,
        kinds=[one.value for one in kind or ()],
        instruction=instruction,
        wide=wide,
    )


@log.command(
    "export",
    epilog=examples(
        "verifill log export runs/carry --to carry.parquet",
        "verifill log export runs/carry --stream fills --to fills.csv",
        "verifill log export runs/live --stream orders --to orders.csv",
        "verifill log export runs/live --to trace.json      # for ui.perfetto.dev",
        "verifill log export runs/live --to live.xes        # for process mining",
    ),
)
@told
def log_export(
    folder: options.Folder,
    *,
    to: Annotated[
        Path,
        typer.Option(
            metavar="FILE", help="Its ending decides: .parquet, .csv, .jsonl, .json or .xes."
        ),
    ],
    stream: Annotated[Stream, typer.Option(metavar="STREAM", help=STREAMS)] = Stream.RECORDS,
    form: Annotated[
        Format | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help=f"Whatever the ending: {', '.join(Format)}.  [default: by the ending]",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that is there.")
    ] = False,
) -> None:
    """Export a log, or a stream of it.

    A trace (.json, for Perfetto) holds every record, an event log (.xes, for process mining) every
    instruction. What is in them, and what the columns mean, is in docs/reference/export.md and
    log.md.
    """
    from verifill.cli.log import export  # noqa: PLC0415 - see the module

    export(folder, to, stream.value, form=form.value if form else "", overwrite=overwrite)
