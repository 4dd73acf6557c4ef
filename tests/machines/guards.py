"""What tests of breakers, trading states and feeds share: limits, times, and a told list."""

import json
from typing import Any

from verifill.engine.clock import NANOSECONDS
from verifill.machines.breaker import Breaker
from verifill.machines.changes import Change
from verifill.machines.circuit import INFRASTRUCTURE, Circuit
from verifill.machines.circuit_memory import COOLING, COUNTING, CircuitMemory
from verifill.machines.gate import Gate
from verifill.machines.sending import Purpose, Sending
from verifill.machines.tally import Answer
from verifill.machines.thresholds import Thresholds

S = NANOSECONDS
START = 1_700_000_000 * S
SCOPE = "venue:binance:SPOT_TRADE"
LIMITS = Thresholds()


def forget(_change: Change) -> None:
    """Told of a change that nobody asks for."""


def remembered(
    state: Breaker, *conditions: str, cause: str = "", since_ns: int = START
) -> CircuitMemory:
    """A memory of a breaker in a state, as it would have come there."""
    if state is Breaker.OPEN_BLOCKED and not conditions:
        conditions = ("clock",)
    usual = INFRASTRUCTURE if state in COOLING else "slippage"
    return CircuitMemory(
        state=state,
        since_ns=since_ns,
        cooldown_ns=60 * S if state in COOLING else 0,
        conditions={one: f"{one} stands" for one in conditions},
        causes={} if state in COUNTING else {cause or usual: "it was so"},
        consent="Ann" if state is Breaker.LATCHED_RELEASING else "",
    )


def circuit(
    state: Breaker = Breaker.CLOSED,
    *conditions: str,
    limits: Thresholds = LIMITS,
    cause: str = "",
    told: list[Change] | None = None,
) -> Circuit:
    """A breaker in a state."""
    tell = forget if told is None else told.append
    return Circuit(SCOPE, limits, tell, remembered(state, *conditions, cause=cause))


def gate(limits: Thresholds = LIMITS, told: list[Change] | None = None) -> Gate:
    """A gate with everything closed and active."""
    return Gate(limits, forget if told is None else told.append)


def sending(purpose: Purpose = Purpose.OPEN, *, least: bool = False) -> Sending:
    """An order of the strategy `carry` on one account of one venue."""
    return Sending(
        venue="binance",
        operation="SPOT_TRADE",
        account="binance.spot",
        strategy="carry",
        purpose=purpose,
        least=least,
    )


def fails(target: Gate, times: int, now_ns: int = START) -> None:
    """Orders that are let through and fail."""
    for _ in range(times):
        assert "" == target.may_send(sending(), now_ns)
        target.outcome(sending(), Answer.FAILED, now_ns, reason="timed out")


def moved(told: list[Change]) -> list[tuple[str, str, str]]:
    """Where it went upon what."""
    return [(change.source, change.event, change.target) for change in told]


def through_json(state: dict[str, Any]) -> dict[str, Any]:
    """What a state is after it was written and read."""
    plain: dict[str, Any] = json.loads(json.dumps(state))
    return plain
