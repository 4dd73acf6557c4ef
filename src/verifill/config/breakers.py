"""The limits of circuit breakers, trading states and market-data feeds."""

from collections.abc import Mapping
from decimal import Decimal

from attrs import asdict, field, frozen

from verifill.config.exchanges import nothing
from verifill.config.rules import RATE, All, Each, Name, Some, Within
from verifill.machines.thresholds import KEPT_MAX, FeedLimits, Thresholds

DAY_S = 86_400


@frozen(kw_only=True)
class BreakersConfig:
    """When a breaker opens, and when trading is narrowed; a backtest reads and does not use it.

    Amounts count in the asset that reports count in, by days of UTC. A limit that is left out is
    none; one that live mode cannot measure is refused when it starts, see
    [limits of money](breakers.md#limits-of-money).

    Attributes:
        failures_in_row: Failures of infrastructure in a row that open a breaker.
        failure_share: Part of the calls in the window; more failures than that open it.
        calls_min: Calls in the window before their share counts.
        window_s: How far back calls count, in seconds.
        cooldown_s: The first cool-down, in seconds; doubled upon each failed probe.
        cooldown_max_s: No doubled cool-down is longer, in seconds.
        trial_probes: Probes more, a cool-down apart, that close a breaker if no order of least
            size and none that reduces has tried it; 0: only such an order closes it.
        unknown_max_s: An outcome that is unknown for longer, in seconds, blocks its account.
        clock_offset_max_ms: A clock that is farther off, in milliseconds, blocks everything.
        suspense_max: Unexplained differences of an account in a day beyond this hold it.
        slippage_max: Slippage of a strategy in a day beyond this holds it.
        daily_loss_max: A loss of the day beyond this lets a strategy only reduce.
        margin_min: A margin ratio or health factor below this lets a strategy only reduce; below 1
            a venue liquidates.
        naked_delta_max: An unhedged amount beyond this, either way, for too long lets a strategy
            only reduce; of each asset that a perpetual is on.
        naked_delta_s: How long that may be, in seconds.
        hedges: What counts as an asset that a perpetual is on, beside itself, by what it is worth:
            `{ ETH = ["weETH"] }`; a token of debt counts as owed.
        executions_max: Sends of a strategy within the period; one more holds it.
        executions_period_s: The period, in seconds.
        named_persons: Who may reset a strategy that sent too often; any operator if left out.
        persistent_loops: Loops in a row in which a key fails before its component is unhealthy.
    """

    failures_in_row: int = field(default=3, validator=Within(1, 100))
    failure_share: Decimal = field(default=Decimal("0.5"), validator=RATE)
    calls_min: int = field(default=10, validator=Within(1, KEPT_MAX))
    window_s: int = field(default=300, validator=Within(1, DAY_S))
    cooldown_s: int = field(default=60, validator=Within(1, DAY_S))
    cooldown_max_s: int = field(default=900, validator=Within(1, DAY_S))
    trial_probes: int = field(default=3, validator=Within(0, 100))
    unknown_max_s: int = field(default=120, validator=Within(0, DAY_S))
    clock_offset_max_ms: int = field(default=500, validator=Within(0, 60_000))
    suspense_max: Decimal | None = field(default=None, validator=Within(0))
    slippage_max: Decimal | None = field(default=None, validator=Within(0))
    daily_loss_max: Decimal | None = field(default=None, validator=Within(0))
    margin_min: Decimal | None = field(default=None, validator=Within(0))
    naked_delta_max: Decimal | None = field(default=None, validator=Within(0))
    naked_delta_s: int = field(default=60, validator=Within(0, DAY_S))
    hedges: Mapping[str, tuple[str, ...]] = field(
        factory=nothing, validator=Each(All(Some(), Each(Name())), key=Name())
    )
    executions_max: int | None = field(default=None, validator=Within(1, 10_000))
    executions_period_s: int = field(default=3600, validator=Within(1, DAY_S))
    named_persons: tuple[str, ...] = field(default=(), validator=Each(Some()))
    persistent_loops: int = field(default=3, validator=Within(1, 100))

    @property
    def thresholds(self) -> Thresholds:
        """The limits as the machines take them."""
        told = asdict(self, filter=lambda one, _: one.name != "hedges")  # which is no limit
        return Thresholds(**told)


@frozen(kw_only=True)
class FeedsConfig:
    """When market data is not of now; a backtest reads and does not use it.

    Attributes:
        stale_after_s: Silent for longer, in seconds, a feed is stale, and no strategy that
            looks at it decides.
        down_after_s: Silent for longer, in seconds, it is down and must connect again.
        connect_s: How long it may take to connect and bring data, in seconds.
    """

    stale_after_s: int = field(default=15, validator=Within(1, DAY_S))
    down_after_s: int = field(default=60, validator=Within(1, DAY_S))
    connect_s: int = field(default=30, validator=Within(1, DAY_S))

    @property
    def limits(self) -> FeedLimits:
        """The limits as the machines take them."""
        return FeedLimits(**asdict(self))
