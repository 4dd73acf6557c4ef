"""`verifill venue`: its commands and their options; see `verifill.cli.app`."""

from pathlib import Path
from typing import Annotated

import typer

from verifill.cli.failures import told
from verifill.cli.options import examples

venue = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Simulate the configured venues in a process of its own.",
)


@venue.command(
    "serve",
    epilog=examples(
        "verifill venue serve carry.toml --journal carry.jsonl --port 8470",
        "verifill venue serve carry.toml --journal carry.jsonl --ready up.json",
        "verifill venue serve carry.toml --journal carry.jsonl --faults faults.toml",
    ),
)
@told
def venue_serve(
    config: Annotated[Path, typer.Argument(metavar="CONFIG.toml", help="The configuration.")],
    *,
    journal: Annotated[
        Path,
        typer.Option(metavar="FILE", help="What the venues remember; continued if it is there."),
    ],
    port: Annotated[int, typer.Option(min=0, max=65_535, help="For clients; 0 for any.")] = 0,
    admin_port: Annotated[
        int, typer.Option(min=0, max=65_535, help="For whoever runs it; 0 for any.")
    ] = 0,
    ready: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where to write the ports once it listens."),
    ] = None,
    faults: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A script of faults to arm.")
    ] = None,
    with_parent: Annotated[
        bool, typer.Option("--with-parent", help="End when the process that started it ends.")
    ] = False,
) -> None:
    """Serve the venues of a configuration on 127.0.0.1.

    Ctrl-C and SIGTERM stop it. Whether it was stopped or killed, the same command with the same
    journal goes on where it was: accounts, orders and keys are as before.
    """
    from verifill.cli.venue import serve  # noqa: PLC0415 - see the module

    serve(
        config,
        journal=journal,
        port=port,
        admin_port=admin_port,
        ready=ready,
        faults=faults,
        with_parent=with_parent,
    )


@venue.command("effects", epilog=examples("verifill venue effects carry.jsonl"))
@told
def venue_effects(
    journal: Annotated[
        Path, typer.Argument(metavar="JOURNAL", help="Of a server, also while it runs.")
    ],
) -> None:
    """Say how often each key was submitted and executed."""
    from verifill.cli.venue import effects  # noqa: PLC0415 - see the module

    effects(journal)


@venue.command(
    "address",
    epilog=examples(
        "verifill venue address live.toml binance.spot USDT --network ETH",
        "verifill venue address live.toml okx.funding BTC --prod",
    ),
)
@told
def venue_address(
    config: Annotated[Path, typer.Argument(metavar="CONFIG.toml", help="The configuration.")],
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="At an exchange of [ccxt].")],
    asset: Annotated[str, typer.Argument(metavar="ASSET", help="What is to be sent there.")],
    *,
    network: Annotated[
        str,
        typer.Option(metavar="NAME", help="As the exchange calls it.  [default: its own choice]"),
    ] = "",
    prod: Annotated[
        bool,
        typer.Option("--prod", help="Mean it: the environment prod is of real exchanges."),
    ] = False,
) -> None:
    """Say where an account at an exchange takes deposits; nothing is changed by asking."""
    from verifill.cli.venue import address  # noqa: PLC0415 - see the module

    address(config, account, asset, network, prod=prod)
