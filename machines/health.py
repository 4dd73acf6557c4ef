"""The health of each component, with reasons: what there is to know at one glance.

It is a view and decides nothing: a component is as well as the worst that was found of it.
Breakers, feeds and trading states are found by the changes they tell of; the rest is told.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from typing import Any, Final

from attrs import field, frozen

from verifill.engine.paths import Move
from verifill.machines.breaker import BREAKER, Breaker
from verifill.machines.changes import Change, Tell
from verifill.machines.feed import FEED, Feed
from verifill.machines.saved import VERSION, handed_over, known_version, taken_back
from verifill.machines.trading_state import TRADING_STATE, TradingState

START_UP: Final = "start_up"
MACHINE: Final = "health"


class Health(StrEnum):
    """How well a component is, from well to worst."""

    HEALTHY = "HEALTHY"
    DEGRADED = "DEGRADED"
    UNKNOWN = "UNKNOWN"
    NOT_READY = "NOT_READY"
    UNHEALTHY = "UNHEALTHY"


ORDER: Final = list(Health)

OF_STATE: Final[Mapping[tuple[str, str], Health]] = {
    (BREAKER.name, Breaker.CLOSED): Health.HEALTHY,
    (BREAKER.name, Breaker.HALF_OPEN_PROBE): Health.DEGRADED,
    (BREAKER.name, Breaker.HALF_OPEN_TRIAL): Health.DEGRADED,
    (BREAKER.name, Breaker.HALF_OPEN_TRIED): Health.DEGRADED,
    (BREAKER.name, Breaker.OPEN_COOLING): Health.UNHEALTHY,
    (BREAKER.name, Breaker.OPEN_BLOCKED): Health.UNHEALTHY,
    (BREAKER.name, Breaker.OPEN_HELD): Health.UNHEALTHY,
    (BREAKER.name, Breaker.LATCHED_LOCKED): Health.UNHEALTHY,
    (BREAKER.name, Breaker.LATCHED_RELEASING): Health.UNHEALTHY,
    (FEED.name, Feed.CONNECTING): Health.NOT_READY,
    (FEED.name, Feed.LIVE): Health.HEALTHY,
    (FEED.name, Feed.STALE): Health.DEGRADED,
    (FEED.name, Feed.DOWN): Health.UNHEALTHY,
    (TRADING_STATE.name, TradingState.ACTIVE): Health.HEALTHY,
    (TRADING_STATE.name, TradingState.REDUCING): Health.DEGRADED,
    (TRADING_STATE.name, TradingState.HALTED): Health.UNHEALTHY,
}
"""How well a scope is whose machine is in a state."""


@frozen(kw_only=True)
class Finding:
    """What was found of a component.

    Attributes:
        health: How well that leaves it.
        reason: What it is, in words.
    """

    health: Health
    reason: str


@frozen(kw_only=True)
class HealthMemory:
    """What is known of all components.

    Attributes:
        version: Of this layout.
        findings: Component -> cause -> what was found.
        failing: Component -> key -> loops in a row in which it failed.
    """

    version: int = VERSION
    findings: dict[str, dict[str, Finding]] = field(factory=dict[str, dict[str, Finding]])
    failing: dict[str, dict[str, int]] = field(factory=dict[str, dict[str, int]])

    def __attrs_post_init__(self) -> None:
        """Refuse a layout that this version does not read."""
        known_version(self.version)


class Components:
    """The health of every component.

    Args:
        tell: told of every change of a component's health before it takes effect.
        persistent_loops: loops in a row in which a key fails before it counts as persistent.
        memory: what was known in an earlier life.
    """

    def __init__(
        self, tell: Tell, *, persistent_loops: int = 3, memory: HealthMemory | None = None
    ) -> None:
        memory = memory or HealthMemory()
        self._tell = tell
        self._persistent_loops = persistent_loops
        self._findings = {name: dict(found) for name, found in memory.findings.items()}
        self._failing = defaultdict(dict[str, int], memory.failing)

    @classmethod
    def restored(cls, tell: Tell, state: object, *, persistent_loops: int = 3) -> "Components":
        """The components of an earlier life.

        Raises:
            StateError: the state is not what `state` hands over.
        """
        memory = taken_back(HealthMemory, state, "the components' health")
        return cls(tell, persistent_loops=persistent_loops, memory=memory)

    def state(self) -> dict[str, Any]:
        """What is known, as plain values for JSON."""
        return handed_over(self.memory)

    @property
    def memory(self) -> HealthMemory:
        """What is known now."""
        return HealthMemory(findings=dict(self._findings), failing=dict(self._failing))

    # What there is to know.

    @property
    def names(self) -> tuple[str, ...]:
        """Every component that was spoken of."""
        return tuple(self._findings)

    def of(self, component: str) -> Health:
        """How well a component is; UNKNOWN if nothing was ever told of it."""
        found = self._findings.get(component)
        return Health.UNKNOWN if found is None else _worst(found.values())

    def reasons(self, component: str) -> tuple[str, ...]:
        """Why it is not HEALTHY, the worst first."""
        found = self._findings.get(component)
        if found is None:
            return (f"nothing is known of {component}",)
        ordered = sorted(found.values(), key=lambda one: -ORDER.index(one.health))
        return tuple(one.reason for one in ordered if one.health is not Health.HEALTHY)

    # What is found.

    def expect(self, component: str) -> None:
        """There will be such a component; it is NOT_READY until it is `ready`."""
        self.find(component, START_UP, Health.NOT_READY, "it has not started")

    def ready(self, component: str) -> None:
        """Its start-up tests have passed."""
        self.find(component, START_UP, Health.HEALTHY, "it has started")

    def find(self, component: str, cause: str, health: Health, reason: str) -> None:
        """Something was found of a component; a later finding of one cause replaces it."""
        found = self._findings.get(component, {})
        self._set(component, {**found, cause: Finding(health=health, reason=reason)}, reason)

    def told(self, change: Change) -> None:
        """A machine told of a change: its scope is a component."""
        health = OF_STATE.get((change.machine, change.target))
        if health is not None and change.move is Move.MOVED:
            self.find(change.scope, change.machine, health, change.reason)

    def loop_ended(self, component: str, failed: Collection[str]) -> None:
        """A loop is over in which these keys failed; one that keeps failing is persistent."""
        before = self._failing[component]
        failing = {key: before.get(key, 0) + 1 for key in failed}
        lasting = sorted(key for key, loops in failing.items() if loops >= self._persistent_loops)
        reason = f"failing for {self._persistent_loops} loops or more: {', '.join(lasting)}"
        if lasting:
            self.find(component, "persistent", Health.UNHEALTHY, reason)
        else:
            self.find(component, "persistent", Health.HEALTHY, "no key keeps failing")
        self._failing[component] = failing

    def _set(self, component: str, found: dict[str, Finding], reason: str) -> None:
        """Told first if it changes how well the component is."""
        before, after = self.of(component), _worst(found.values())
        if before is not after:
            change = Change(
                machine=MACHINE,
                scope=component,
                source=before,
                event=after.lower(),
                target=after,
                reason=reason,
            )
            self._tell(change)
        self._findings[component] = found


def _worst(found: Iterable[Finding]) -> Health:
    return max((one.health for one in found), key=ORDER.index, default=Health.HEALTHY)
