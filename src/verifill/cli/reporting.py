"""The command `verifill report` and its options."""

from pathlib import Path
from typing import Annotated

import typer

from verifill.cli import options
from verifill.cli.failures import told
from verifill.cli.options import examples

EPILOG = examples(
    "verifill report runs/carry",
    "verifill report runs/carry --quote BTC",
    "verifill report runs/live -o live.html                 # a page to archive",
    "verifill report runs/carry -o c.html --config carry.toml  # replayed too",
)


@told
def report(  # noqa: PLR0913 - each is an option of the command
    folder: options.Folder,
    *,
    quote: Annotated[str, options.QUOTE] = "",
    market: Annotated[Path | None, options.MARKET] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE.html", help="Write a page of the run there."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="CONFIG.toml", help="For a page: run a backtest again, with what it was run."
        ),
    ] = None,
    start_from: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="RUN", help="For a page: log of the run that a backtest continued."
        ),
    ] = None,
    anchor: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="For a page: anchor of a live log.  [default: what the log says]"
        ),
    ] = None,
    no_anchor: Annotated[
        bool, typer.Option("--no-anchor", help="For a page: ask no anchor.")
    ] = False,
    no_replay: Annotated[
        bool, typer.Option("--no-replay", help="For a page: do not run a live log again.")
    ] = False,
    first: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="RECORD",
            help="For a page: the first of at most 100,000 records; 0: the last ones.",
        ),
    ] = 0,
) -> None:
    """Report profit, loss and risk of a run, or write it as a page.

    The page is one file that needs no network: what ran, whether its log conforms, is whole and
    can be run again, the machine with the run over it, every record, and all exceptions.
    """
    if output is None:
        from verifill.cli.log import told_by_polars  # noqa: PLC0415 - see `cli.app`
        from verifill.cli.report import report as tell  # noqa: PLC0415 - likewise

        with told_by_polars(folder):
            tell(folder, quote, market)
        return
    from verifill.cli.paged import write  # noqa: PLC0415 - see `cli.app`
    from verifill.page.badges import Judged  # noqa: PLC0415 - likewise
    from verifill.page.data import Shown  # noqa: PLC0415 - likewise

    judged = Judged(
        config=config,
        start_from=start_from,
        anchor=anchor,
        no_anchor=no_anchor,
        no_replay=no_replay,
    )
    shown = Shown(first=first, quote=quote, market=market)
    write(folder, output, judged, shown, overwrite=overwrite)
