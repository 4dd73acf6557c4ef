"""`verifill data`: its commands and their options; see `verifill.cli.app`."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from verifill.cli.failures import told
from verifill.cli.options import examples

data = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="History to run backtests on.")


@data.command(
    "fetch",
    epilog=examples(
        "verifill data fetch binance BTC/USDT 1h --since 2026-01-01 --to btc.parquet",
        "verifill data fetch bybit BTC/USDT:USDT 5m --since 2026-01-01 --to b.parquet",
    ),
)
@told
def data_fetch(
    venue: Annotated[
        str,
        typer.Argument(metavar="VENUE", help="binance, binanceusdm, bybit, okx or hyperliquid."),
    ],
    symbol: Annotated[
        str, typer.Argument(metavar="SYMBOL", help="BTC/USDT, or BTC/USDT:USDT for a perpetual.")
    ],
    timeframe: Annotated[str, typer.Argument(metavar="TIMEFRAME", help="1m, 5m, 1h, 1d ...")],
    *,
    since: Annotated[datetime, typer.Option(metavar="TIME", help="Begin of the first bar, UTC.")],
    until: Annotated[
        datetime | None,
        typer.Option(metavar="TIME", help="End of the last bar, UTC.  [default: now]"),
    ] = None,
    to: Annotated[Path, typer.Option(metavar="FILE", help="Where it goes, Parquet.")],
    port: Annotated[
        int,
        typer.Option(min=0, max=65_535, help="Of an exchange on this machine; 0 for the real one."),
    ] = 0,
    progress: Annotated[
        bool, typer.Option("--progress/--no-progress", help="Show a bar on a terminal.")
    ] = True,
) -> None:
    """Fetch bars of an exchange, without a key; what was fetched before is gone on with.

    Needs the extra `ccxt`. Gaps are told and stay; a backtest says by `gaps` what it makes of them.
    """
    from verifill.cli.data import fetch  # noqa: PLC0415 - see the module

    fetch(venue, symbol, timeframe, since=since, until=until, to=to, port=port, progress=progress)
