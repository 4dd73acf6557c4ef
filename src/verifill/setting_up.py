"""How a live engine is set up, from its configuration."""

from verifill.assembly.loopback import Connected, Hosting
from verifill.assembly.references import venue_names
from verifill.build import policy_of, tolerance_of
from verifill.config import Config
from verifill.machines.heard import abilities_of
from verifill.machines.live_loop import Stateful
from verifill.machines.setup import Setup, VenueSetup
from verifill.machines.strategy import Strategy

# limits of money that a live loop has no exact figures for
UNMEASURED = ("suspense_max", "slippage_max", "daily_loss_max", "margin_min", "naked_delta_max")


def setup_of(config: Config, hosting: Hosting, connected: Connected, strategy: Strategy) -> Setup:
    """How a live engine is set up.

    Raises:
        ConfigError: a limit is set that nothing measures in live mode.
    """
    breakers = config.breakers
    for name in UNMEASURED:
        if getattr(breakers, name) is not None:
            problem = f"breakers.{name} is set, and live mode does not measure it; leave it out"
            raise config.error(problem)

    return Setup(
        decimals=hosting.amounts.scales.as_dict(),
        policy=policy_of(config),
        tolerance=tolerance_of(hosting.amounts),
        venues=tuple(
            VenueSetup(rules=venue.rules, abilities=abilities_of(venue))
            for venue in connected.venues.values()
        ),
        feeds=1 if config.routes else 0,
        subscribed=frozenset(config.strategy.venues or venue_names(config)),
        stateful=isinstance(strategy, Stateful),
        quoted=True,
        limits=breakers.thresholds,
        feed_limits=config.feeds.limits,
        strategy=config.strategy.source.rpartition("/")[2],
    )
