"""How a live engine is set up, from its configuration."""

from verifill.assembly.connection import Connection
from verifill.assembly.loopback import Hosting
from verifill.assembly.references import venue_names
from verifill.build import policy_of, tolerance_of
from verifill.machines.heard import abilities_of
from verifill.machines.setup import Setup, VenueSetup
from verifill.machines.stateful import Stateful
from verifill.machines.strategy import Strategy


def setup_of(
    hosting: Hosting, connected: Connection, strategy: Strategy, *, measured: bool
) -> Setup:
    """How a live engine is set up.

    Args:
        hosting: knows the configuration.
        connected: the venues.
        strategy: what decides.
        measured: whether limits of money are set.
    """
    config = hosting.config
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
        measured=measured,
        limits=config.breakers.thresholds,
        feed_limits=config.feeds.limits,
        strategy=config.strategy.source.rpartition("/")[2],
    )
