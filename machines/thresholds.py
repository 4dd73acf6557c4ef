"""What opens a breaker, narrows trading and makes a feed stale: the limits, as values.

Defaults that come from a source have it beside them in docs/reference/breakers.md. A limit
of money has none that would fit everybody: it is None, and nothing is measured against it.
"""

from decimal import Decimal

from attrs import field, frozen, validators

from verifill.engine.clock import NANOSECONDS

MILLISECONDS_NS = 1_000_000
KEPT_MAX = 1000  # calls that a breaker remembers, the latest: a limit on a busy window

_COUNT = validators.ge(1)
_SECONDS = validators.ge(0)
_SHARE = [validators.ge(Decimal(0)), validators.le(Decimal(1))]
_AMOUNT = validators.optional(validators.ge(Decimal(0)))


@frozen(kw_only=True)
class Thresholds:
    """The limits of the breakers and of the trading states.

    Attributes:
        failures_in_row: Failures of infrastructure in a row that trip.
        failure_share: Part of the calls in the window; more failures than that trip.
        calls_min: Calls in the window before their share counts.
        window_s: How far back calls count, in seconds.
        cooldown_s: First cool-down, in seconds; doubled upon each failed probe.
        cooldown_max_s: No doubled cool-down is longer.
        trial_probes: Probes more that close a breaker which no order may try; 0: none do.
        unknown_max_s: An outcome that is unknown for longer blocks its account.
        clock_offset_max_ms: A clock that is farther off blocks everything.
        suspense_max: Unexplained differences of an account beyond this hold it.
        slippage_max: Slippage of a strategy beyond this holds it.
        daily_loss_max: A loss of the day beyond this makes a strategy reduce.
        margin_min: A margin or health factor below this makes a strategy reduce.
        naked_delta_max: An unhedged amount beyond this, either way ...
        naked_delta_s: ... for longer than this, in seconds, makes a strategy reduce.
        executions_max: Sends of a strategy within the period; one more holds it. None: any.
        executions_period_s: The period, in seconds.
        named_persons: Who may reset a strategy held for its sends; anybody named if empty.
        persistent_loops: Loops in a row in which a key fails before its component is UNHEALTHY.
    """

    failures_in_row: int = field(default=3, validator=_COUNT)
    failure_share: Decimal = field(default=Decimal("0.5"), validator=_SHARE)
    calls_min: int = field(default=10, validator=[_COUNT, validators.le(KEPT_MAX)])
    window_s: int = field(default=300, validator=_COUNT)
    cooldown_s: int = field(default=60, validator=_COUNT)
    cooldown_max_s: int = field(default=900, validator=_COUNT)
    trial_probes: int = field(default=3, validator=validators.ge(0))
    unknown_max_s: int = field(default=120, validator=_SECONDS)
    clock_offset_max_ms: int = field(default=500, validator=_SECONDS)
    suspense_max: Decimal | None = field(default=None, validator=_AMOUNT)
    slippage_max: Decimal | None = field(default=None, validator=_AMOUNT)
    daily_loss_max: Decimal | None = field(default=None, validator=_AMOUNT)
    margin_min: Decimal | None = field(default=None, validator=_AMOUNT)
    naked_delta_max: Decimal | None = field(default=None, validator=_AMOUNT)
    naked_delta_s: int = field(default=60, validator=_SECONDS)
    executions_max: int | None = field(default=None, validator=validators.optional(_COUNT))
    executions_period_s: int = field(default=3600, validator=_COUNT)
    named_persons: tuple[str, ...] = ()
    persistent_loops: int = field(default=3, validator=_COUNT)

    def cooldown_after_ns(self, cooldown_ns: int) -> int:
        """The cool-down after a probe that failed: twice as long, up to the cap."""
        longest_ns = max(self.cooldown_s, self.cooldown_max_s) * NANOSECONDS
        return min(2 * cooldown_ns, longest_ns)


@frozen(kw_only=True)
class FeedLimits:
    """The limits of a market-data feed.

    Attributes:
        stale_after_s: Silent for longer, a feed is STALE; data older than this is no heartbeat.
        down_after_s: Silent for longer, a feed is DOWN.
        connect_s: Without data for longer while CONNECTING, it is DOWN.
    """

    stale_after_s: int = field(default=15, validator=_COUNT)
    down_after_s: int = field(default=60, validator=_COUNT)
    connect_s: int = field(default=30, validator=_COUNT)
