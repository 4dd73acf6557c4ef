"""What the tables of breaker, feed and trading state promise, read off their rows."""

from tests.machines.test_tables import goes, legal, walk, ways_into
from verifill.engine.compile import compile_table
from verifill.machines.breaker import BREAKER
from verifill.machines.feed import FEED
from verifill.machines.trading_state import TRADING_STATE

GUARD, DATA, TRADING = map(compile_table, (BREAKER, FEED, TRADING_STATE))


def test_a_breaker_closes_in_five_ways_and_no_other() -> None:
    assert {
        ("OPEN.BLOCKED", "cleared"),
        ("OPEN.HELD", "reset"),
        ("HALF_OPEN.TRIED", "trial_passed"),
        ("HALF_OPEN.TRIAL", "proven"),
        ("LATCHED.RELEASING", "reset"),
    } == ways_into(GUARD, "CLOSED")


def test_infrastructure_goes_the_whole_way_through_before_it_closes() -> None:
    way = ("tripped", "cooled", "probe_passed", "tried", "trial_passed")

    assert "CLOSED" == walk(GUARD, *way)
    assert {("OPEN.COOLING", "cooled")} == ways_into(GUARD, "HALF_OPEN.PROBE")
    assert {
        ("HALF_OPEN.PROBE", "probe_passed"),
        ("HALF_OPEN.TRIAL", "probe_passed"),
        ("HALF_OPEN.TRIED", "untried"),
    } == ways_into(GUARD, "HALF_OPEN.TRIAL")
    assert {("HALF_OPEN.TRIAL", "tried")} == ways_into(GUARD, "HALF_OPEN.TRIED")


def test_a_second_operator_needs_a_first() -> None:
    assert {("LATCHED.LOCKED", "consented")} == ways_into(GUARD, "LATCHED.RELEASING")
    assert "LATCHED.RELEASING" == walk(GUARD, "latched", "consented")
    assert "reset" not in legal(GUARD, "LATCHED.LOCKED")
    assert "consented" not in legal(GUARD, "LATCHED.RELEASING")


def test_a_latched_breaker_is_left_by_operators_alone() -> None:
    latched = {"LATCHED.LOCKED", "LATCHED.RELEASING"}
    out = {
        event
        for state in latched
        for event in legal(GUARD, state)
        if goes(GUARD, state, event) not in latched
    }

    assert {"reset", "reset_blocked"} == out


def test_every_state_can_latch() -> None:
    assert {"LATCHED.LOCKED"} == {goes(GUARD, state, "latched") for state in GUARD.states}


def test_a_condition_never_opens_what_is_shut_more_firmly() -> None:
    for state in ("OPEN.COOLING", "OPEN.HELD", "LATCHED.LOCKED", "LATCHED.RELEASING"):
        for event in ("blocked", "eased", "cleared"):
            assert state == goes(GUARD, state, event)


def test_a_reset_while_a_condition_stands_does_not_close() -> None:
    assert "OPEN.BLOCKED" == goes(GUARD, "OPEN.HELD", "reset_blocked")
    assert "OPEN.BLOCKED" == goes(GUARD, "LATCHED.RELEASING", "reset_blocked")


def test_a_feed_is_live_by_heartbeats_alone() -> None:
    assert {("CONNECTING", "heartbeat"), ("STALE", "heartbeat")} == ways_into(DATA, "LIVE")


def test_a_feed_that_is_down_has_one_way_out() -> None:
    assert "DOWN" == goes(DATA, "DOWN", "heartbeat")
    assert {"CONNECTING"} == {goes(DATA, "DOWN", event) for event in ("connect",)}
    assert "LIVE" == walk(DATA, "heartbeat", "late", "lost", "connect", "heartbeat")


def test_trading_is_widened_one_step_at_a_time_and_by_resume_alone() -> None:
    assert {("REDUCING", "resume")} == ways_into(TRADING, "ACTIVE")
    assert "REDUCING" == goes(TRADING, "HALTED", "resume")
    assert "HALTED" == goes(TRADING, "HALTED", "reduce")
