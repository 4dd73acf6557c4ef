"""`verifill paper`: trade on paper until told to stop, from where the last start ended."""

import os
from contextlib import ExitStack, closing
from pathlib import Path

from attrs import evolve

from verifill.assembly.ccxt import at_exchanges
from verifill.assembly.prices import PriceSource, replayed, served
from verifill.cli.live import say
from verifill.config import Config, load_config
from verifill.engine.clock import Times
from verifill.engine.errors import ConfigError
from verifill.paper import run_paper
from verifill.telling import Style, telling


def paper(
    config: Path,
    *,
    port: int | None,
    history: bool,
    interval_s: int | None,
    log: Path | None,
    anchor: Path | None,
    ticks: int,
    style: str,
) -> None:
    """Trade on paper, and say how it ended."""
    settings = load_config(config)
    _check(settings, port=port, history=history, interval_s=interval_s)
    if port or history:
        settings = evolve(settings, environment="")
    with ExitStack() as held:
        prices: PriceSource
        if history:
            prices = replayed(interval_s or settings.loop.interval_s, Times())
        elif settings.ccxt and not port:
            prices = held.enter_context(closing(at_exchanges(settings, os.environ)))
        else:
            prices = served(port or 0)
        ended = run_paper(
            settings,
            prices=prices,
            folder=log,
            anchor=anchor,
            ticks=ticks,
            tell=telling(Style(style)),
        )
    say(ended)


def _check(settings: Config, *, port: int | None, history: bool, interval_s: int | None) -> None:
    """Refuse what does not say where prices come from.

    Raises:
        ConfigError: none or two sources are given, or an interval for none.
    """
    chosen = (port is not None) + history
    if chosen > 1 or not (chosen or settings.environment):
        msg = (
            "say where live prices come from: either --port or --history, or choose an "
            "environment of the configuration"
        )
        raise ConfigError(msg)
    if interval_s is not None and not history:
        msg = "--interval-s is for --history; a server has its own pace"
        raise ConfigError(msg)
