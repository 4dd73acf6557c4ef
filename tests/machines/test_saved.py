"""A state that survives a restart is taken back whole, or refused with what is wrong."""

import json
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve

from tests.machines.guards import (
    LIMITS,
    START,
    S,
    fails,
    forget,
    gate,
    remembered,
    sending,
    through_json,
)
from verifill.engine.digest import canonical_json
from verifill.engine.errors import StateError
from verifill.machines.breaker import Breaker
from verifill.machines.circuit import Circuit
from verifill.machines.circuit_memory import CircuitMemory
from verifill.machines.feeds import Feeds
from verifill.machines.gate import Gate
from verifill.machines.health import Components, Health
from verifill.machines.limits import Limit
from verifill.machines.saved import handed_over, taken_back
from verifill.machines.sending import Purpose
from verifill.machines.steady import SteadyTime
from verifill.machines.tally import Answer
from verifill.machines.thresholds import FeedLimits, Thresholds
from verifill.machines.trading import TradingMemory
from verifill.machines.trading_state import TradingState


def busy() -> Gate:
    """A gate with something of everything in it."""
    one = gate(evolve(LIMITS, executions_max=100))
    fails(one, 3)
    one.unknown("k1", "wallet", START)
    one.scopes.reduce("account:wallet", "Ann", "calm down")
    one.may_send(evolve(sending(), operation="PERP_TRADE"), START)
    return one


Plain = str | int | list["Plain"] | dict[str, "Plain"]


def kinds(value: Plain) -> set[type]:
    """The types that a value is made of."""
    inner: list[Plain] = []
    if isinstance(value, dict):
        inner = list(value.values())
    if isinstance(value, list):
        inner = value
    return {type(value)}.union(*(kinds(part) for part in inner))


def damage(state: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """A state with one part of it changed; without it if the value is None."""
    *above, last = path.split("/")
    place = state
    for name in above:
        place = place[name]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return state


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("version", 2, "its version is 2; this one reads 1"),
        ("version", None, "unknown to it"),
        ("extra", 1, "unknown to it"),
        ("time/now_ns", "soon", "Expected `int`"),
        ("time/now_ns", True, "Expected `int`"),
        ("time/now_ns", 1.5, "Expected `int`"),
        ("breakers", [], "Expected `object`"),
        ("breakers/global/state", "OPNE", "Invalid enum value 'OPNE'"),
        ("breakers/global/state", "OPEN.HELD", "OPEN.HELD with 0 causes"),
        ("breakers/global/state", "OPEN.BLOCKED", "OPEN.BLOCKED while no condition stands"),
        ("breakers/global/conditions", {"a": "b"}, "CLOSED while a condition stands"),
        ("breakers/global/causes", {"a": "b"}, "CLOSED with 1 causes"),
        ("breakers/global/consent", "Ann", "CLOSED with consent of 'Ann'"),
        ("breakers/global/cooldown_ns", 1, "CLOSED with a cool-down of 1 ns"),
        ("breakers/global/cooldown_ns", -1, "must be >= 0"),
        ("breakers/global/tally/calls", [[1]], "Expected `array`"),
        ("breakers/global/extra", 1, "unknown to it"),
        ("trading/account:wallet/state", "ACTIVE", "ACTIVE with 1 causes"),
        ("trading/account:wallet/causes", {}, "REDUCING with 0 causes"),
        ("unknown/k1/account", None, "missing required field `account`"),
        ("sends_ns/carry", [1, "2"], "Expected `int`"),
    ],
)
def test_a_damaged_state_is_refused_with_what_is_wrong(
    path: str, value: object, problem: str
) -> None:
    state = damage(through_json(busy().state()), path, value)
    with pytest.raises(StateError, match="saved state of the gate cannot be used") as caught:
        Gate.restored(LIMITS, forget, state)

    assert problem in str(caught.value)
    assert "not reset unasked" in str(caught.value)


@pytest.mark.parametrize("state", [None, 3, "closed", (), {"version": object()}, {1.5: 1}])
def test_what_is_no_state_at_all_is_refused(state: object) -> None:
    for take in (
        lambda: Gate.restored(LIMITS, forget, state),
        lambda: Feeds.restored(FeedLimits(), forget, state),
        lambda: Components.restored(forget, state),
    ):
        with pytest.raises(StateError, match="cannot be used"):
            take()


def test_another_version_is_refused_by_each() -> None:
    with pytest.raises(StateError, match="its version is 0; this one reads 1"):
        Feeds.restored(FeedLimits(), forget, {"version": 0, "time": {}, "feeds": {}})
    with pytest.raises(StateError, match="its version is 0; this one reads 1"):
        Components.restored(forget, {"version": 0, "findings": {}, "failing": {}})


def test_a_margin_that_was_told_of_is_known_in_the_next_life() -> None:
    limits = evolve(LIMITS, margin_min=Decimal("1.1"))
    one = gate(limits)
    one.margins("carry", {"a": Decimal("1.0")}, START)
    one.scopes.resume("strategy:carry", "ann", "looked")
    other = Gate.restored(limits, forget, through_json(one.state()))
    other.margins("carry", {"a": Decimal("1.0")}, START)

    assert TradingState.ACTIVE is other.trading_state("wallet", "carry")


def test_an_empty_state_is_no_beginning() -> None:
    with pytest.raises(StateError):
        Gate.restored(LIMITS, forget, {})


def test_a_gate_goes_on_in_the_next_life() -> None:
    one = busy()
    other = Gate.restored(LIMITS, forget, through_json(one.state()))

    assert one.state() == other.state()
    assert one.may_send(sending(), START + S) == other.may_send(sending(), START + S)


def test_what_is_counted_is_counted_over_a_restart() -> None:
    limits = evolve(LIMITS, executions_max=2, naked_delta_max=Decimal(1))
    one = gate(limits)
    one.may_send(sending(), START)
    one.may_send(sending(), START)
    one.measure(Limit.NAKED_DELTA, "carry", Decimal(2), START)
    other = Gate.restored(limits, forget, through_json(one.state()))
    other.measure(Limit.NAKED_DELTA, "other", Decimal(2), START + 61 * S)
    other.measure(Limit.NAKED_DELTA, "carry", Decimal(2), START + 61 * S)

    assert TradingState.ACTIVE is other.trading_state("wallet", "other")
    assert TradingState.REDUCING is other.trading_state("wallet", "carry")
    assert "2 sends within 3600 s" in other.may_send(sending(Purpose.REDUCE), START + 61 * S)


@pytest.mark.parametrize("state", Breaker)
def test_each_state_of_a_breaker_survives(state: Breaker) -> None:
    memory = remembered(state)

    assert memory == taken_back(CircuitMemory, through_json(handed_over(memory)), "it")


def test_what_stays_refused_in_this_life_stays_refused_in_the_next() -> None:
    memory = remembered(Breaker.LATCHED_RELEASING)
    other = Circuit("global", Thresholds(), forget, memory)

    assert "Ann was the first" in other.reset("ann", "in a new life")


def test_a_state_is_made_of_plain_values() -> None:
    one = busy()
    one.outcome(evolve(sending(), operation="SWAP"), Answer.FAILED, START)

    assert {dict, list, str, int, bool} == kinds(one.state())
    assert through_json(one.state()) == json.loads(canonical_json(one.state()))


def test_a_memory_that_contradicts_itself_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="ACTIVE with 1 causes"):
        TradingMemory(state=TradingState.ACTIVE, causes={"killed": "by Ann"})


def test_time_goes_on_with_the_clock_and_never_back() -> None:
    times: list[int] = []
    time = SteadyTime()
    for clock_ns in (100, 150, 90, 90, 100, 500):
        time = time.at(clock_ns)
        times.append(time.now_ns)

    assert [100, 150, 150, 150, 160, 560] == times


def test_a_component_keeps_what_was_found_of_it() -> None:
    one = Components(forget)
    one.find("log", "disk", Health.UNHEALTHY, "full")

    assert one.state() == Components.restored(forget, one.state()).state()


@pytest.mark.parametrize(
    "wrong",
    [
        {"failures_in_row": 0}, {"calls_min": 0}, {"calls_min": 1001}, {"window_s": 0},
        {"cooldown_s": 0}, {"unknown_max_s": -1}, {"clock_offset_max_ms": -1},
        {"executions_max": 0}, {"persistent_loops": 0},
    ],
)  # fmt: skip
def test_a_limit_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Thresholds(**wrong)
    with pytest.raises(ValueError, match="must be"):
        FeedLimits(stale_after_s=0)
