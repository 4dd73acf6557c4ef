"""A component is as well as the worst that was found of it, and says why."""

import pytest

from tests.machines.guards import LIMITS, forget, through_json
from verifill.engine.compile import compile_table
from verifill.engine.paths import Move
from verifill.engine.table import AnyTable
from verifill.machines.breaker import BREAKER
from verifill.machines.changes import Change
from verifill.machines.feed import FEED
from verifill.machines.gate import Gate
from verifill.machines.health import OF_STATE, ORDER, Components, Health
from verifill.machines.limits import Alarm
from verifill.machines.trading_state import TRADING_STATE


def components(told: list[Change] | None = None) -> Components:
    return Components(forget if told is None else told.append)


def test_a_component_that_nothing_was_told_of_is_unknown() -> None:
    assert Health.UNKNOWN is components().of("venue")
    assert ("nothing is known of venue",) == components().reasons("venue")


def test_a_component_is_not_ready_until_its_start_up_tests_have_passed() -> None:
    one = components()
    one.expect("log")

    assert (Health.NOT_READY, ("it has not started",)) == (one.of("log"), one.reasons("log"))
    one.ready("log")
    assert (Health.HEALTHY, ()) == (one.of("log"), one.reasons("log"))
    assert ("log",) == one.names


def test_the_worst_finding_counts_and_all_reasons_are_told_the_worst_first() -> None:
    one = components()
    one.find("venue", "retry", Health.DEGRADED, "second attempt")
    one.find("venue", "order", Health.UNHEALTHY, "attempts exhausted")
    one.find("venue", "latency", Health.HEALTHY, "50 ms")

    assert Health.UNHEALTHY is one.of("venue")
    assert ("attempts exhausted", "second attempt") == one.reasons("venue")
    one.find("venue", "order", Health.HEALTHY, "filled")
    assert Health.DEGRADED is one.of("venue")


def test_only_what_changes_a_components_health_is_told() -> None:
    told: list[Change] = []
    one = components(told)
    for health in (Health.DEGRADED, Health.DEGRADED, Health.UNHEALTHY, Health.HEALTHY):
        one.find("venue", "order", health, f"{health} it is")

    assert [
        ("health", "venue", "UNKNOWN", "degraded", "DEGRADED", "DEGRADED it is"),
        ("health", "venue", "DEGRADED", "unhealthy", "UNHEALTHY", "UNHEALTHY it is"),
        ("health", "venue", "UNHEALTHY", "healthy", "HEALTHY", "HEALTHY it is"),
    ] == [(c.machine, c.scope, c.source, c.event, c.target, c.reason) for c in told]


@pytest.mark.parametrize("table", [BREAKER, FEED, TRADING_STATE], ids=lambda table: table.name)
def test_every_state_of_every_machine_beside_the_loop_has_a_health(table: AnyTable) -> None:
    known = {state for name, state in OF_STATE if name == table.name}

    assert set(compile_table(table).states) == known


def test_a_scope_is_as_well_as_its_machines_tell() -> None:
    one = components()
    guarded = Gate(LIMITS, one.told)
    guarded.raise_alarm(Alarm.MISMATCH, "wallet", "1 unit less")
    guarded.raise_alarm(Alarm.DUPLICATE, "wallet", "twice")

    assert Health.DEGRADED is one.of("account:wallet")
    assert Health.UNHEALTHY is one.of("global")
    assert ("1 unit less",) == one.reasons("account:wallet")
    guarded.scopes.resume("account:wallet", "Ann", "a fee")
    assert Health.HEALTHY is one.of("account:wallet")


@pytest.mark.parametrize("move", [Move.IGNORED, Move.REFUSED])
def test_what_did_not_move_leaves_health_as_it_was(move: Move) -> None:
    one = components()
    one.told(
        Change(machine="breaker", scope="global", source="CLOSED", event="reset",
               target="CLOSED", move=move, reason="")
    )  # fmt: skip

    assert Health.UNKNOWN is one.of("global")


def test_what_is_told_of_health_itself_is_no_finding() -> None:
    told: list[Change] = []
    one = components(told)
    one.expect("log")
    one.told(told[0])

    assert ("it has not started",) == one.reasons("log")


@pytest.mark.parametrize(("loops", "health"), [(2, "HEALTHY"), (3, "UNHEALTHY"), (4, "UNHEALTHY")])
def test_a_key_that_fails_in_three_loops_in_a_row_is_persistent(loops: int, health: str) -> None:
    one = components()
    for _ in range(loops):
        one.loop_ended("wallet", {"wallet:BaseToken:ETH"})

    assert health == one.of("wallet")
    assert ("wallet:BaseToken:ETH" in "".join(one.reasons("wallet"))) == (health == "UNHEALTHY")


def test_a_key_that_was_well_in_between_is_not_persistent() -> None:
    one = components()
    for failed in (["a"], ["a"], ["b"], ["a"], ["a", "b"]):
        one.loop_ended("wallet", failed)

    assert Health.HEALTHY is one.of("wallet")


def test_health_goes_on_in_the_next_life() -> None:
    told: list[Change] = []
    one = components(told)
    one.loop_ended("wallet", ["a"])
    one.loop_ended("wallet", ["a"])
    one.find("log", "disk", Health.DEGRADED, "80 % full")
    other = Components.restored(told.append, through_json(one.state()))
    other.loop_ended("wallet", ["a"])

    assert Health.UNHEALTHY is other.of("wallet")
    assert ("80 % full",) == other.reasons("log")
    assert Health.HEALTHY is one.of("wallet")


def test_health_goes_from_well_to_worst() -> None:
    assert ["HEALTHY", "DEGRADED", "UNKNOWN", "NOT_READY", "UNHEALTHY"] == ORDER
