"""How a live engine is set up: all that it is made of beside what is outside of it."""

from collections.abc import Mapping

from attrs import field, frozen

from verifill.engine.form import Form
from verifill.machines.loop import LoopPolicy
from verifill.machines.plain import made, plain
from verifill.machines.thresholds import FeedLimits, Thresholds
from verifill.machines.tolerance import EXACT, Tolerance
from verifill.venues.rules import VenueRules


@frozen(kw_only=True)
class VenueSetup:
    """One venue.

    Attributes:
        rules: its static data.
        abilities: what it can do beyond `Venue`; see `machines.heard`.
    """

    rules: VenueRules
    abilities: tuple[str, ...] = ()


@frozen(kw_only=True)
class Setup:
    """How a live engine is set up.

    Attributes:
        decimals: asset -> how many.
        policy: how the loops behave.
        tolerance: differences that are accepted.
        venues: where instructions go.
        feeds: how many other position feeds there are.
        subscribed: names of the venues that the strategy may use.
        stateful: whether the strategy has a state of its own.
        quoted: whether the log holds the prices.
        measured: whether limits of money are held, by what things are worth.
        limits: of breakers and trading states.
        feed_limits: of market data.
        strategy: name of the strategy.
    """

    decimals: Mapping[str, int]
    policy: LoopPolicy
    tolerance: Tolerance = EXACT
    venues: tuple[VenueSetup, ...]
    feeds: int = 0
    subscribed: frozenset[str]
    stateful: bool
    quoted: bool = False
    measured: bool = False
    limits: Thresholds = field(factory=Thresholds)
    feed_limits: FeedLimits = field(factory=FeedLimits)
    strategy: str = "strategy"


SETUP: Form[Setup] = Form(plain, lambda told: made(Setup, told))
