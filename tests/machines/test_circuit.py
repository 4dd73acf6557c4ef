"""A circuit breaker opens when its limits say so, and closes as its table says."""

from collections.abc import Callable

import pytest
from attrs import evolve

from tests.machines.guards import LIMITS, START, S, circuit, moved
from verifill.engine.compile import REFUSED, compile_table
from verifill.engine.errors import EnvironmentDefect, IllegalEvent, LogError
from verifill.engine.paths import Move
from verifill.machines.breaker import BREAKER, Breaker, BreakerEvent
from verifill.machines.changes import Change, Running
from verifill.machines.circuit import THROTTLE, WAITING, Circuit
from verifill.machines.circuit_memory import COOLING, LATCHED
from verifill.machines.tally import Answer
from verifill.machines.thresholds import Thresholds

COMPILED = compile_table(BREAKER)
LEGAL = [
    (Breaker(state), BreakerEvent(event))
    for code, state in enumerate(COMPILED.states)
    for event in COMPILED.legal(code)
]
LATE = START + 3600 * S
FULL, LONG = "disk full", "10 s"


def well() -> str:
    return ""


def ill() -> str:
    return "503"


def trip(one: Circuit) -> None:
    for _ in range(3):
        one.report(Answer.FAILED, now_ns=LATE)


def report(answer: Answer) -> Callable[[Circuit], None]:
    return lambda one: one.report(answer, now_ns=LATE)


DOES: dict[BreakerEvent, Callable[[Circuit], object]] = {
    BreakerEvent.TRIPPED: trip,
    BreakerEvent.BLOCKED: lambda one: one.stand("another", "it stands"),
    BreakerEvent.HELD: lambda one: one.hold("limit", "beyond"),
    BreakerEvent.LATCHED: lambda one: one.latch("contradiction", "refused, yet it moved"),
    BreakerEvent.EASED: lambda one: one.lift("clock"),
    BreakerEvent.CLEARED: lambda one: one.lift("clock"),
    BreakerEvent.COOLED: lambda one: one.probe(well, LATE),
    BreakerEvent.PROBE_PASSED: lambda one: one.probe(well, LATE),
    BreakerEvent.PROVEN: lambda one: one.probe(well, LATE),
    BreakerEvent.PROBE_FAILED: lambda one: one.probe(ill, LATE),
    BreakerEvent.TRIED: lambda one: one.take(),
    BreakerEvent.UNTRIED: report(Answer.UNSENT),
    BreakerEvent.TRIAL_PASSED: report(Answer.ANSWERED),
    BreakerEvent.TRIAL_FAILED: report(Answer.FAILED),
    BreakerEvent.CONSENTED: lambda one: one.reset("Ann", "looked at it"),
    BreakerEvent.RESET: lambda one: one.reset("Bo", "looked at it"),
    BreakerEvent.RESET_BLOCKED: lambda one: one.reset("Bo", "looked at it"),
}
STANDING = {
    BreakerEvent.EASED: ("clock", "data"),
    BreakerEvent.CLEARED: ("clock",),
    BreakerEvent.RESET_BLOCKED: ("clock",),
}


# Every row.


@pytest.mark.parametrize(("state", "event"), LEGAL)
def test_each_row_of_the_table_is_what_the_breaker_does(
    state: Breaker, event: BreakerEvent
) -> None:
    told: list[Change] = []
    limits = Thresholds(trial_probes=1 if event is BreakerEvent.PROVEN else 3)
    one = circuit(state, *STANDING.get(event, ()), limits=limits, told=told)
    DOES[event](one)
    cell = COMPILED.cells[COMPILED.state(state) * len(COMPILED.events) + COMPILED.event(event)]
    target = COMPILED.states[cell] if cell >= 0 else state
    first = told[0]

    assert (state, event, target) == (first.source, first.event, first.target)
    assert (Move.MOVED if cell >= 0 else Move.IGNORED) is first.move
    assert one.state == told[-1].target


def test_an_event_without_a_row_is_told_as_refused_and_raised() -> None:
    told: list[Change] = []
    running = Running(BREAKER, "global", told.append)
    with pytest.raises(IllegalEvent, match="no row for event 'cooled' in state CLOSED"):
        running.fire(Breaker.CLOSED, BreakerEvent.COOLED, "")

    assert [Move.REFUSED] == [change.move for change in told]
    assert REFUSED in COMPILED.cells


def test_what_cannot_be_logged_does_not_happen() -> None:
    def full(_change: Change) -> None:
        raise LogError(FULL)

    one = Circuit("global", LIMITS, full)
    with pytest.raises(LogError):
        one.latch("duplicate", "executed twice")

    assert Breaker.CLOSED is one.state
    assert {} == one.memory.causes


def test_a_change_tells_all_that_a_log_needs() -> None:
    told: list[Change] = []
    circuit(Breaker.OPEN_HELD, told=told).reset("Ann", "limits raised")

    assert {
        "machine": "breaker",
        "scope": "venue:binance:SPOT_TRADE",
        "from": "OPEN.HELD",
        "event": "reset",
        "to": "CLOSED",
        "move": "MOVED",
        "reason": "limits raised",
        "actor": "Ann",
    } == told[0].as_record()


# Infrastructure.


@pytest.mark.parametrize(("failures", "state"), [(2, "CLOSED"), (3, "OPEN.COOLING")])
def test_three_failures_in_a_row_trip(failures: int, state: str) -> None:
    one = circuit()
    for _ in range(failures):
        one.report(Answer.FAILED, now_ns=START)

    assert state == one.state


def test_an_answer_ends_a_row_of_failures() -> None:
    one = circuit()
    for answer in (Answer.FAILED, Answer.FAILED, Answer.ANSWERED, Answer.FAILED, Answer.FAILED):
        one.report(answer, now_ns=START)

    assert Breaker.CLOSED is one.state


def test_what_was_not_sent_says_nothing() -> None:
    one = circuit()
    for answer in (Answer.FAILED, Answer.FAILED, Answer.UNSENT):
        one.report(answer, now_ns=START)

    assert 2 == one.memory.tally.in_row
    assert Breaker.CLOSED is one.state


@pytest.mark.parametrize(
    ("pattern", "state"),
    [
        ("fafafafaf", "CLOSED"),  # 5 of 9
        ("fafafafafa", "CLOSED"),  # 5 of 10
        ("ffaffaffa", "CLOSED"),  # 6 of 9
        ("ffaffaffaa", "OPEN.COOLING"),  # 6 of 10
        ("fafafafafaf", "OPEN.COOLING"),  # 6 of 11
    ],
)
def test_more_than_half_of_at_least_ten_calls_trip(pattern: str, state: str) -> None:
    one = circuit()
    for letter in pattern:
        one.report(Answer.FAILED if letter == "f" else Answer.ANSWERED, now_ns=START)

    assert state == one.state


@pytest.mark.parametrize(
    ("age_ns", "state"),
    [(300 * S - 1, "OPEN.COOLING"), (300 * S, "CLOSED"), (300 * S + 1, "CLOSED")],
)
def test_calls_count_for_five_minutes(age_ns: int, state: str) -> None:
    one = circuit()
    for letter in "ffaff":
        one.report(Answer.FAILED if letter == "f" else Answer.ANSWERED, now_ns=START)
    for letter in "affaa":
        answer = Answer.FAILED if letter == "f" else Answer.ANSWERED
        one.report(answer, now_ns=START + age_ns)

    assert state == one.state


def test_a_busy_window_is_kept_to_the_latest_calls() -> None:
    one = circuit()
    for _ in range(1001):
        one.report(Answer.ANSWERED, now_ns=START)

    assert 1000 == len(one.memory.tally.calls)


def test_a_venue_that_bars_us_trips_at_once_for_as_long_as_it_says() -> None:
    one = circuit()
    one.report(Answer.BARRED, now_ns=START, reason="418", wait_ns=7200 * S)

    assert {"infrastructure": "the venue bars us, the last: 418"} == one.memory.causes
    assert not one.probe_due(START + 7200 * S - 1)
    assert one.probe_due(START + 7200 * S)


def test_a_short_wait_does_not_shorten_the_cooldown() -> None:
    one = circuit()
    one.report(Answer.BARRED, now_ns=START, wait_ns=S)

    assert 60 * S == one.memory.cooldown_ns


# The way back by itself.


@pytest.mark.parametrize(("left_ns", "due"), [(1, False), (0, True), (-1, True)])
def test_a_probe_is_due_after_sixty_seconds(left_ns: int, *, due: bool) -> None:
    one = circuit(Breaker.OPEN_COOLING)

    assert due is one.probe_due(START + 60 * S - left_ns)


def test_a_probe_that_is_not_due_is_not_made() -> None:
    one = circuit(Breaker.OPEN_COOLING)

    assert "no probe is due" in one.probe(pytest.fail, START)
    assert Breaker.OPEN_COOLING is one.state


def test_a_probe_and_one_gentle_order_close_it() -> None:
    told: list[Change] = []
    one = circuit(Breaker.OPEN_COOLING, told=told)

    assert "" == one.probe(well, LATE)
    assert "least size or reduce-only" in one.deny(gentle=False, now_ns=LATE)
    assert "" == one.deny(gentle=True, now_ns=LATE)
    one.take()
    assert "awaited" in one.deny(gentle=True, now_ns=LATE)
    one.report(Answer.ANSWERED, now_ns=LATE)
    assert "" == one.deny(gentle=False, now_ns=LATE)
    assert ["cooled", "probe_passed", "tried", "trial_passed"] == [one.event for one in told]


def test_the_cooldown_doubles_up_to_fifteen_minutes() -> None:
    one = circuit()
    trip(one)
    cooldowns, now_ns = [one.memory.cooldown_ns // S], LATE
    for _ in range(5):
        now_ns += one.memory.cooldown_ns
        assert "503" == one.probe(ill, now_ns)
        assert now_ns == one.memory.since_ns
        cooldowns.append(one.memory.cooldown_ns // S)

    assert [60, 120, 240, 480, 900, 900] == cooldowns


def test_a_failed_trial_doubles_the_cooldown_too_and_takes_the_venues_word() -> None:
    first, second = circuit(Breaker.HALF_OPEN_TRIED), circuit(Breaker.HALF_OPEN_TRIED)
    first.report(Answer.FAILED, now_ns=LATE)
    second.report(Answer.BARRED, now_ns=LATE, reason="403", wait_ns=500 * S)

    assert (120 * S, {"infrastructure": "the trial failed"}) == (
        first.memory.cooldown_ns, first.memory.causes,
    )  # fmt: skip
    assert (500 * S, {"infrastructure": "403"}) == (
        second.memory.cooldown_ns, second.memory.causes,
    )  # fmt: skip


def test_a_closed_breaker_begins_with_a_short_cooldown_again() -> None:
    one = circuit(Breaker.HALF_OPEN_TRIED)
    one.report(Answer.ANSWERED, now_ns=LATE)
    trip(one)

    assert 60 * S == one.memory.cooldown_ns


def test_a_probe_that_raises_has_failed() -> None:
    def broken() -> str:
        raise TimeoutError(LONG)

    one = circuit(Breaker.OPEN_COOLING)

    assert "TimeoutError('10 s')" == one.probe(broken, LATE)
    assert Breaker.OPEN_COOLING is one.state


def test_a_probe_on_a_broken_machine_is_no_word_about_the_venue() -> None:
    def broken() -> str:
        raise EnvironmentDefect(FULL)

    one = circuit(Breaker.OPEN_COOLING)
    with pytest.raises(EnvironmentDefect):
        one.probe(broken, LATE)

    assert Breaker.HALF_OPEN_PROBE is one.state
    assert one.probe_due(START)


def test_a_breaker_that_latches_while_it_is_probed_stays_latched() -> None:
    one = circuit(Breaker.OPEN_COOLING)

    def finds_out() -> str:
        one.latch("duplicate", "two fills of one key")
        return ""

    assert "became LATCHED.LOCKED while it was probed" in one.probe(finds_out, LATE)
    assert Breaker.LATCHED_LOCKED is one.state


def test_a_standing_condition_delays_the_probe() -> None:
    one = circuit(Breaker.OPEN_COOLING, "clock")

    assert not one.probe_due(LATE)
    one.lift("clock")
    assert one.probe_due(LATE)


def test_a_condition_while_half_open_leads_back_to_a_probe_without_a_longer_wait() -> None:
    one = circuit(Breaker.HALF_OPEN_TRIAL)
    one.stand("clock", "off")
    one.lift("clock")

    assert 60 * S == one.memory.cooldown_ns
    assert one.probe_due(START + 60 * S)


def test_a_report_while_it_is_open_changes_nothing() -> None:
    for state in set(Breaker) - {Breaker.CLOSED, Breaker.OPEN_BLOCKED, Breaker.HALF_OPEN_TRIED}:
        one = circuit(state)
        before = one.memory
        for answer in (Answer.BARRED, Answer.ANSWERED):
            one.report(answer, now_ns=LATE)

        assert before == one.memory


def test_a_new_life_takes_a_trial_without_an_outcome_for_failed() -> None:
    one, other = circuit(Breaker.HALF_OPEN_TRIED), circuit(Breaker.HALF_OPEN_TRIAL)
    one.recover(LATE)
    other.recover(LATE)

    assert Breaker.OPEN_COOLING is one.state
    assert Breaker.HALF_OPEN_TRIAL is other.state


# Conditions, causes and operators.


def test_a_condition_is_told_of_once() -> None:
    told: list[Change] = []
    one = circuit(told=told)
    for _ in range(2):
        one.stand("clock", "off by a second")
    for _ in range(2):
        one.lift("clock")

    assert [("CLOSED", "blocked", "OPEN.BLOCKED"), ("OPEN.BLOCKED", "cleared", "CLOSED")] == moved(
        told
    )


def test_nothing_but_the_last_of_the_conditions_closes_it() -> None:
    one = circuit(Breaker.OPEN_BLOCKED, "clock", "data", "unknown")
    states: list[Breaker] = []
    for condition in ("data", "clock", "unknown"):
        one.lift(condition)
        states.append(one.state)

    assert [Breaker.OPEN_BLOCKED, Breaker.OPEN_BLOCKED, Breaker.CLOSED] == states


def test_one_operator_resets_what_is_held_and_its_counts() -> None:
    one = circuit(Breaker.OPEN_HELD)

    assert "" == one.reset("Ann", "limit raised")
    assert (Breaker.CLOSED, {}, 0) == (one.state, one.memory.causes, one.memory.tally.in_row)


def test_a_latched_breaker_takes_two_operators() -> None:
    one = circuit(Breaker.LATCHED_LOCKED)

    assert "" == one.reset("Ann", "looked at it")
    assert "LATCHED.RELEASING" == one.state
    assert "" == one.reset("Bo", "so did I")
    assert "CLOSED" == one.state


@pytest.mark.parametrize("name", ["Ann", "ann", "  ANN ", "\uff21nn", "Ann\t"])
def test_one_operator_in_other_letters_is_no_second_one(name: str) -> None:
    told: list[Change] = []
    one = circuit(Breaker.LATCHED_RELEASING, told=told)

    assert "Ann was the first; the second must be another operator" == one.reset(name, "please")
    assert Breaker.LATCHED_RELEASING is one.state
    assert [(Move.REFUSED, "reset", name)] == [(c.move, c.event, c.actor) for c in told]


@pytest.mark.parametrize("again", ["latch", "hold"])
def test_a_new_reason_voids_the_first_consent(again: str) -> None:
    one = circuit(Breaker.LATCHED_RELEASING)
    getattr(one, again)("duplicate", "another one")
    one.reset("Bo", "looked at the second only")

    assert (Breaker.LATCHED_RELEASING, "Bo") == (one.state, one.memory.consent)


@pytest.mark.parametrize(
    ("actor", "reason"), [("", "why"), ("  ", "why"), ("Ann", ""), ("Ann", " ")]
)
def test_an_operator_without_a_name_or_a_reason_is_refused(actor: str, reason: str) -> None:
    one = circuit(Breaker.OPEN_HELD)

    assert "an operator must give a name and a reason" == one.reset(actor, reason)
    assert Breaker.OPEN_HELD is one.state


@pytest.mark.parametrize("state", sorted(set(Breaker) - WAITING))
def test_what_does_not_wait_for_an_operator_refuses_one_and_tells(state: Breaker) -> None:
    told: list[Change] = []
    one = circuit(state, told=told)

    assert "nothing for an operator to reset" in one.reset("Ann", "impatient")
    assert [(state, "reset", state)] == moved(told)
    assert Move.REFUSED is told[0].move


@pytest.mark.parametrize(
    ("actor", "state"), [("Ann", "CLOSED"), ("ann ", "CLOSED"), ("Eve", "OPEN.HELD")]
)
def test_a_throttle_is_reset_by_a_named_person(actor: str, state: str) -> None:
    limits = evolve(LIMITS, named_persons=("Ann", "Bo"))
    one = circuit(Breaker.OPEN_HELD, limits=limits, cause=THROTTLE)
    refused = one.reset(actor, "re-enabled")

    assert state == one.state
    assert ("allowed are Ann, Bo" in refused) == (state == "OPEN.HELD")


def test_whom_nobody_named_may_reset_other_limits() -> None:
    limits = evolve(LIMITS, named_persons=("Ann",))

    assert "" == circuit(Breaker.OPEN_HELD, limits=limits).reset("Eve", "limit raised")
    assert "" == circuit(Breaker.OPEN_HELD, cause=THROTTLE).reset("Eve", "re-enabled")


# What it says.


@pytest.mark.parametrize("state", sorted(set(Breaker) - {Breaker.CLOSED}))
def test_a_denial_names_scope_state_and_what_is_waited_for(state: Breaker) -> None:
    said = circuit(state).deny(gentle=False, now_ns=START)
    before, *parts = said.split("; ")

    assert f"breaker venue:binance:SPOT_TRADE is {state}: " in before
    assert parts[-1]
    assert ("operator" in parts[-1]) == (state in WAITING)


@pytest.mark.parametrize(
    ("age_ns", "left"), [(0, "60 s"), (1, "60 s"), (59 * S, "1 s"), (60 * S, "0 s"), (LATE, "0 s")]
)
def test_a_cooling_breaker_says_when_its_probe_is_due(age_ns: int, left: str) -> None:
    said = circuit(Breaker.OPEN_COOLING).deny(gentle=True, now_ns=START + age_ns)

    assert said.endswith(f"a probe is due in {left}")


def test_the_groups_of_states_are_those_of_the_table() -> None:
    assert {"OPEN.COOLING", "HALF_OPEN.PROBE", "HALF_OPEN.TRIAL", "HALF_OPEN.TRIED"} == COOLING
    assert {"LATCHED.LOCKED", "LATCHED.RELEASING"} == LATCHED
