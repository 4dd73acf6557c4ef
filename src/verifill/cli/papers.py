"""`verifill paper`: the command and its options; see `verifill.cli.app`."""

from typing import Annotated

import typer

from verifill.cli import options
from verifill.cli.failures import told
from verifill.cli.options import examples

EXAMPLES = examples(
    "verifill paper carry.toml --port 4711",
    "verifill paper carry.toml --history --interval-s 60 --log runs/paper",
)


@told
def paper(
    config: options.ConfigFile,
    *,
    port: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=65_535,
            help="Port of `verifill venue serve`, here, for its prices.  [default: the exchanges "
            "of [ccxt], or the endpoint in the configuration's environment]",
        ),
    ] = None,
    history: Annotated[
        bool,
        typer.Option("--history", help="Take the configuration's history as if it happened now."),
    ] = False,
    interval_s: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=86_400,
            help="With --history: seconds from one row to the next.  [default: the loop's]",
        ),
    ] = None,
    log_folder: options.LogFolder = None,
    anchor: options.AnchorFile = None,
    ticks: options.Ticks = 0,
    say: options.Say = options.Said.TEXT,
) -> None:
    """Trade on paper: live prices, simulated execution, until stopped.

    Accounts and orders are simulated in this process and kept in LOG.venues.jsonl. Prices of [ccxt]
    come from the exchanges, without a key. Everything else is as in live trading: a log that is
    there is gone on with, Ctrl-C and SIGTERM stop it.
    """
    from verifill.cli.paper import paper as run  # noqa: PLC0415 - see the module

    run(
        config,
        port=port,
        history=history,
        interval_s=interval_s,
        log=log_folder,
        anchor=anchor,
        ticks=ticks,
        style=say.value,
    )
