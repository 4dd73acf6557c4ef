"""The command `verifill replay` and its options."""

from pathlib import Path
from typing import Annotated

import typer

from verifill.cli import options
from verifill.cli.failures import told
from verifill.cli.options import examples
from verifill.engine.errors import ConfigError

CODES = """Exit codes:
  0    identical, or shown
  1    it departs, cannot all be run again, or has nothing to jump to
  2    usage or input: command line, configuration, data, strategy, record
  3    the machine, or the log: it cannot be read
  4    a defect of Verifill; please report it
  130  interrupted: Ctrl-C
  143  interrupted: SIGTERM"""

EPILOG = examples(
    "verifill replay runs/live                              # is it identical?",
    "verifill replay runs/carry --config carry.toml   # a backtest needs it",
    "verifill replay runs/live --config live.toml --strategy changed.py",
    "verifill replay runs/live --at 120",
    "verifill replay runs/live --next failure --after 120 --json",
    "verifill replay runs/live --diff 120 180",
    "verifill replay runs/live --tui",
    "verifill replay runs/live --at 120 --what-if binance.submit --config c.toml",
    "verifill replay runs/live --until 120 --as-pytest tests/test_incident.py",
    codes=CODES,
)


@told
def replay(  # noqa: PLR0913 - one command, several questions
    folder: options.Folder,
    *,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="CONFIG.toml",
            help="What it was run with; for a backtest, and with --strategy or --what-if.",
        ),
    ] = None,
    strategy: Annotated[
        str,
        typer.Option(
            metavar="FILE.py[:CLASS]", help="Let this strategy decide, to see where it departs."
        ),
    ] = "",
    start_from: Annotated[
        Path | None,
        typer.Option("--from", metavar="RUN", help="Log of the run that a backtest continued."),
    ] = None,
    until: Annotated[int, typer.Option(min=0, help="Last record to compare; 0: all.")] = 0,
    at: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Show the run at this record.")
    ] = None,
    diff: Annotated[
        tuple[int, int] | None,
        typer.Option(metavar="A B", help="Show what changed between two records."),
    ] = None,
    to: Annotated[
        str,
        typer.Option(
            "--next",
            metavar="SORT",
            help="Show the run at the next failure, retry, hold or refused event.",
        ),
    ] = "",
    after: Annotated[int, typer.Option(min=0, metavar="N", help="With --next: after this.")] = 0,
    tui: Annotated[
        bool, typer.Option("--tui", help="Look through it in the terminal; needs verifill[tui].")
    ] = False,
    as_pytest: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a test that runs it again, up to --until."),
    ] = None,
    what_if: Annotated[
        str,
        typer.Option(
            "--what-if",
            metavar="QUESTION[=JSON]",
            help="With --at: fork the run there with this answer changed, and simulate on.",
        ),
    ] = "",
    to_log: Annotated[
        Path | None,
        typer.Option(
            "--log",
            metavar="FOLDER",
            help="With --what-if: log of the fork.  [default: LOG-what-if-N]",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """Run a log again, look at any moment of it, or fork it there.

    A live log is run again on the answers that it holds, and nothing is reached; a backtest is
    simulated anew. The exit code is 0 if it is identical, and 1 if it departs. With --what-if
    it is forked: one answer is another, and from there on it is simulated.
    """
    asked_for = {"--at": at is not None, "--diff": diff is not None, "--next": to, "--tui": tui}
    _only_one([name for name, given in asked_for.items() if given])
    from verifill.cli.log import told_by_polars  # noqa: PLC0415 - see `cli.app`

    with told_by_polars(folder):
        if what_if:
            from verifill.cli.forking import Wanted, fork  # noqa: PLC0415 - see `cli.app`

            wanted = Wanted(
                folder=folder,
                seq=at or 0,
                what_if=what_if,
                config=config,
                to=to_log,
                start_from=start_from,
            )
            fork(wanted, as_json=as_json)
        elif at is not None:
            from verifill.cli.travel import show  # noqa: PLC0415 - see `cli.app`

            show(folder, at, as_json=as_json)
        elif diff is not None:
            from verifill.cli.travel import differ  # noqa: PLC0415 - see `cli.app`

            differ(folder, *diff, as_json=as_json)
        elif to:
            from verifill.cli.travel import jump  # noqa: PLC0415 - see `cli.app`

            jump(folder, to, after, as_json=as_json)
        elif tui:
            from verifill.cli.tui import look  # noqa: PLC0415 - see `cli.app`

            look(folder)
        else:
            from verifill.cli.replay import Asked, run_again  # noqa: PLC0415 - see `cli.app`

            asked = Asked(
                folder, config=config, strategy=strategy, start_from=start_from, until=until
            )
            run_again(asked, as_pytest=as_pytest, as_json=as_json)


def _only_one(given: list[str]) -> None:
    if len(given) > 1:
        msg = f"{' and '.join(given)} are different questions; give one of them"
        raise ConfigError(msg)
