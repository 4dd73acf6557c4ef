"""What a log says of its guard: breakers, trading states, feeds and health, with their reasons.

The engine writes all of it with every change and into every memory, so the newest of these
tells it whole.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from attrs import frozen

from verifill.engine.clock import NANOSECONDS
from verifill.engine.log.durable_reader import DurableReader
from verifill.machines.breaker import BREAKER, Breaker
from verifill.machines.changes import Change
from verifill.machines.circuit import HINTS
from verifill.machines.circuit_memory import CircuitMemory
from verifill.machines.feed import FEED
from verifill.machines.feeds import Feeds
from verifill.machines.gate_memory import GateMemory
from verifill.machines.health import MACHINE, Components
from verifill.machines.recovery import guard_in
from verifill.machines.saved import taken_back
from verifill.machines.scopes import feed_scope
from verifill.machines.steady import SteadyTime
from verifill.machines.surroundings import since_of
from verifill.machines.thresholds import FeedLimits
from verifill.machines.trading_state import TRADING_STATE, TradingState


@frozen(kw_only=True)
class Seen:
    """One breaker, trading state, feed or component.

    Attributes:
        scope: what it is about: a scope of docs/reference/breakers.md, a venue, a component.
        state: where it is.
        reasons: why; empty if all is well.
        since_ns: since when it is there; None if it never was anywhere else.
        reset: what lets it send again; empty if nothing keeps it from that.
    """

    scope: str
    state: str
    reasons: Sequence[str] = ()
    since_ns: int | None = None
    reset: str = ""


@frozen(kw_only=True)
class Guarded:
    """All that a guard remembers.

    Attributes:
        breakers: each that was ever asked.
        trading: each trading state that was ever asked.
        feeds: market data, by venue.
        health: of every component.
    """

    breakers: Sequence[Seen] = ()
    trading: Sequence[Seen] = ()
    feeds: Sequence[Seen] = ()
    health: Sequence[Seen] = ()


def guarded(log: DurableReader, recent: DurableReader) -> Guarded:
    """What a guard remembered last.

    Args:
        log: of a live run.
        recent: its end, where it is looked for first.

    Raises:
        StateError: it cannot be read.
    """
    state = guard_in(recent) or guard_in(log)
    if state is None:
        return Guarded()
    since = since_of(state)
    gate = taken_back(GateMemory, state["gate"], "the gate")
    feeds = Feeds.restored(FeedLimits(), _forget, state["feeds"]).feeds
    health = Components.restored(_forget, state["health"])

    def at(machine: str, scope: str) -> int | None:
        return since.get(f"{machine} {scope}")

    return Guarded(
        breakers=[
            Seen(
                scope=scope,
                state=one.state,
                reasons=[*one.causes.values(), *one.conditions.values()],
                since_ns=at(BREAKER.name, scope),
                reset=_reset(one, gate.time),
            )
            for scope, one in sorted(gate.breakers.items())
        ],
        trading=[
            Seen(
                scope=scope,
                state=one.state,
                reasons=list(one.causes.values()),
                since_ns=at(TRADING_STATE.name, scope),
                reset="" if one.state is TradingState.ACTIVE else "an operator must resume it",
            )
            for scope, one in sorted(gate.trading.items())
        ],
        feeds=[
            Seen(
                scope=venue,
                state=feed.state,
                reasons=[feed.reason],
                since_ns=at(FEED.name, feed_scope(venue)),
            )
            for venue, feed in sorted(feeds.items())
        ],
        health=[
            Seen(
                scope=name,
                state=health.of(name),
                reasons=health.reasons(name),
                since_ns=at(MACHINE, name),
            )
            for name in sorted(health.names)
        ],
    )


def _reset(breaker: CircuitMemory, time: SteadyTime) -> str:
    """What lets a breaker send again."""
    if breaker.state is Breaker.CLOSED:
        return ""
    if breaker.state is Breaker.OPEN_COOLING:
        # by the wall clock, as it stood when steady time was read last
        due_ns = time.read_ns - time.now_ns + breaker.since_ns + breaker.cooldown_ns
        return f"a probe, from {_moment(due_ns)} on"
    consent = f"; {breaker.consent} was the first" if breaker.consent else ""
    return f"{HINTS[breaker.state]}{consent}"


def _moment(time_ns: int) -> str:
    seconds = time_ns // NANOSECONDS
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _forget(_change: Change) -> None:
    """Nothing changes by looking."""
