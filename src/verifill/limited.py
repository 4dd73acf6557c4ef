"""The limits that a live run is held to, from its configuration: what its guard works within."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from verifill.assembly.hedges import underlyings_of
from verifill.assembly.loopback import Hosting
from verifill.engine.errors import ConfigError
from verifill.links import is_valued
from verifill.valuing import LiveWorth
from verifill.venues.interfaces import Margined
from verifill.venues.keys import in_transit
from verifill.venues.market import Market

MEASURED: Final = ("suspense_max", "slippage_max", "daily_loss_max", "naked_delta_max")
"""The limits that are held by what things are worth; margins are what the venues say."""


def check_margins(hosting: Hosting, venues: Mapping[str, object]) -> None:
    """Refuse a limit of margins where they are not told.

    Args:
        hosting: knows the configuration.
        venues: by name.

    Raises:
        ConfigError: it is set, and a venue that has margins does not tell them, or none has.
    """
    if hosting.config.breakers.margin_min is not None:
        for why in _untold(hosting, venues):
            raise _refused(hosting, "margin_min", why)


def worth_of(hosting: Hosting, header: Mapping[str, Any], market: Market) -> LiveWorth | None:
    """What limits of money are counted by; None if there are none.

    Args:
        hosting: knows the configuration.
        header: of the log.
        market: prices as of the last look.

    Raises:
        ConfigError: a limit is set that cannot be measured exactly in live mode.
    """
    config, limits = hosting.config, hosting.config.breakers
    worth = LiveWorth(header, market, underlyings_of(config, header["quote"]))
    for name, why in _unmeasured(hosting, worth):
        if getattr(limits, name) is not None:
            raise _refused(hosting, name, why)
    return worth if any(getattr(limits, name) is not None for name in MEASURED) else None


def _refused(hosting: Hosting, name: str, why: str) -> ConfigError:
    problem = f"breakers.{name} is set, and cannot be measured here: {why}; leave it out"
    return hosting.config.error(problem)


def _unmeasured(hosting: Hosting, worth: LiveWorth) -> Iterator[tuple[str, str]]:
    """Limits that cannot be measured with this configuration, and why."""
    needed: dict[str, set[str]] = {
        "suspense_max": {worth.asset(key) for key in hosting.config.tolerances},
        "slippage_max": {instrument.quote for instrument in hosting.instruments()},
        "daily_loss_max": {worth.asset(key) for key in _held(hosting)},
    }
    for name, assets in needed.items():
        for asset in worth.unpriced(sorted(assets)):
            yield name, _unpriced(asset, worth)
    if not worth.hedged:
        yield "naked_delta_max", f"no perpetual is on an asset beside {worth.quote}"
    for asset in worth.unhedged():
        yield "naked_delta_max", _unpriced(asset, worth)
    for name, rules in hosting.chains.items():
        if rules.pools:
            yield "slippage_max", f"swaps on {name} are limited by their least output instead"


def _untold(hosting: Hosting, venues: Mapping[str, object]) -> Iterator[str]:
    """Why margins cannot be measured: a venue that has some and does not tell, or none has."""
    liquidating = {
        name
        for name in hosting.exchanges
        if any(instrument.perpetual for instrument in hosting.rules(name).instruments.values())
    }
    liquidating |= {
        name
        for name, rules in hosting.chains.items()
        if any(reserve.debt_token for reserve in rules.reserves)
    }
    if not liquidating:
        yield "no venue has a perpetual, or lends"
    for name in sorted(liquidating):
        if not isinstance(venues[name], Margined):
            yield f"{name} does not tell its margins"


def _unpriced(asset: str, worth: LiveWorth) -> str:
    return f"no live price tells what {asset} is worth in {worth.quote}"


def _held(hosting: Hosting) -> Iterator[str]:
    """Every position that a run tracks and that is worth something."""
    for opening in hosting.positions.venues.values():
        yield from filter(is_valued, opening)
    for to, asset in hosting.routes():
        yield in_transit(to, asset)
