"""The limits that a live run is held to, from its configuration: what its guard works within."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from verifill.assembly.hedges import underlyings_of
from verifill.assembly.loopback import Hosting
from verifill.links import is_valued
from verifill.machines.surroundings import Surroundings, Write
from verifill.valuing import LiveWorth
from verifill.venues.keys import in_transit
from verifill.venues.market import Market

MEASURED: Final = ("suspense_max", "slippage_max", "daily_loss_max", "naked_delta_max")
"""The limits of money that a live run measures."""

UNMEASURED: Final = {
    "margin_min": "no reading of a venue tells it",
}
"""Those that none measures, and why."""


def surroundings(
    hosting: Hosting, worth: LiveWorth | None, *, write: Write, now_ns: Callable[[], int]
) -> Surroundings:
    """What the guard of a live run works within.

    Args:
        hosting: knows the configuration.
        worth: what `worth_of` says.
        write: where changes are written.
        now_ns: wall time.
    """
    config = hosting.config
    return Surroundings(
        limits=config.breakers.thresholds,
        feed_limits=config.feeds.limits,
        strategy=config.strategy.source.rpartition("/")[2],
        worth=worth,
        write=write,
        now_ns=now_ns,
    )


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
            problem = f"breakers.{name} is set, and cannot be measured here: {why}; leave it out"
            raise config.error(problem)
    return worth if any(getattr(limits, name) is not None for name in MEASURED) else None


def _unmeasured(hosting: Hosting, worth: LiveWorth) -> Iterator[tuple[str, str]]:
    """Limits that cannot be measured with this configuration, and why."""
    yield from UNMEASURED.items()
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
    for name, chain in hosting.chains.items():
        if chain.pools:
            yield "slippage_max", f"swaps on {name} are limited by their least output instead"


def _unpriced(asset: str, worth: LiveWorth) -> str:
    return f"no live price tells what {asset} is worth in {worth.quote}"


def _held(hosting: Hosting) -> Iterator[str]:
    """Every position that a run tracks and that is worth something."""
    for opening in hosting.positions.venues.values():
        yield from filter(is_valued, opening)
    for to, asset in hosting.routes():
        yield in_transit(to, asset)
