"""Lives of a guarded engine: what opens, what closes it again, and what a restart clears not."""

import json
from pathlib import Path
from typing import Any

import polars as pl
from attrs import evolve

from tests.machines.lives import Client, Mailbox, World
from tests.machines.resting import Book, honest, resting
from tests.machines.resting import silent as unanswered
from tests.machines.support import (
    SECOND_NS,
    buy,
    go,
    sell,
)
from tests.machines.test_guarding import QUICK, VENUE, Ill, busy, guarded, states
from tests.machines.test_kill import AWAIT
from tests.machines.test_lives import check, lies, world
from tests.machines.test_saga import saga
from verifill.machines.guarding import Guard
from verifill.machines.scopes import GLOBAL
from verifill.machines.strategy import Plan

CANCELS = "venue:desk:CANCEL"


def guard_of(made: World) -> Guard:
    guard = made.loop.manager.guard
    assert isinstance(guard, Guard)
    return guard


def moves_of(made: World, machine: str) -> list[tuple[str, str, str]]:
    """Scope, event and state after of a machine beside the loops."""
    rows = made.reader.records().filter(machine=machine).select("payload", "event", "to").collect()
    return [(json.loads(payload)["scope"], event, to) for payload, event, to in rows.rows()]


def notes(made: World, kind: str) -> list[str]:
    return list(made.reader.stream("notes").collect().filter(kind=kind)["payload"])


# A contradiction (DOMAIN 8, case 13).


def test_a_refusal_that_moved_the_balance_latches_until_two_persons_have_reset_it(
    tmp_path: Path,
) -> None:
    mailbox = Mailbox({"HELD": ["void"]})
    made = world(tmp_path, [buy("1")], [buy("1")], submits=[lies], mailbox=mailbox)
    made.live(2)  # the receipt says rejected, the position moved
    assert (GLOBAL, "latched", "LATCHED.LOCKED") in made.asides
    assert "INSTRUCTION.HELD" in set(made.records["to"])

    for _ in range(2):  # a restart clears nothing
        mailbox.replies["HALTED"] = ["resume"]
        made.live(2)
        assert "tick" not in made.story.split()
    assert 1 == len(made.venue.sent)
    assert "two operators must reset it" in mailbox.answers[-1][1]

    mailbox.replies["HALTED"] = ["reset-breaker", "reset-breaker", "resume"]
    made.live(2)
    assert (
        "refused: ann was the first; the second must be another operator"
        in (mailbox.answers[-2][1])
    )
    assert "tick" not in made.story.split()

    mailbox.actor = " ANN "  # capitals and spaces make no other person
    mailbox.replies["HALTED"] = ["reset-breaker"]
    made.live(2)
    assert mailbox.answers[-1][1].startswith("refused")

    mailbox.actor = "bo"
    mailbox.replies["HALTED"] = ["reset-breaker", "resume"]
    made.live(2)
    assert (GLOBAL, "reset", "CLOSED") in made.asides
    assert "tick" in made.story.split()
    assert 2 == len(made.venue.sent)


# A half-open probe that fails (DOMAIN 8, case 30).


def test_a_failed_probe_opens_it_again_for_twice_as_long(tmp_path: Path) -> None:
    made = guarded(tmp_path, busy, busy)
    made.client = Ill
    times: dict[str, list[int]] = {}
    made.live(9)
    rows = made.reader.records().filter(machine="breaker").collect()
    for event, wall_ns in rows.select("event", "wall_ns").rows():
        times.setdefault(event, []).append(wall_ns)

    assert ["OPEN.COOLING", "HALF_OPEN.PROBE", "OPEN.COOLING", "HALF_OPEN.PROBE"] == (
        states(made, VENUE)[:4]
    )
    (tripped,), (failed,) = times["tripped"], times["probe_failed"]
    first, second = times["cooled"]
    assert QUICK.cooldown_s * SECOND_NS <= first - tripped
    assert 2 * QUICK.cooldown_s * SECOND_NS <= second - failed


LEAST: list[Plan] = [[buy("1")], [buy("1")], [buy("1")], *[[buy("0.00001")]] * 6]


def test_one_order_of_least_size_tries_a_venue_and_closes_the_breaker(tmp_path: Path) -> None:
    made = guarded(tmp_path, busy, busy)
    made.plans = LEAST
    made.live(6)

    assert ["OPEN.COOLING", "HALF_OPEN.PROBE", "HALF_OPEN.TRIAL", "HALF_OPEN.TRIED", "CLOSED"] == (
        states(made, VENUE)
    )
    check(made)


def test_a_trial_that_fails_opens_it_again(tmp_path: Path) -> None:
    made = guarded(tmp_path, busy, busy, busy)
    made.plans = LEAST
    made.live(6)

    assert "OPEN.COOLING" == states(made, VENUE)[4]
    assert 3 == len(made.venue.sent)


def test_a_probe_of_a_venue_that_is_gone_is_not_made(tmp_path: Path) -> None:
    made = guarded(tmp_path, busy, busy)
    made.live(2)
    guard, before = guard_of(made), made.reader.last_seq
    made.go(1000 * SECOND_NS)
    assert (VENUE,) == guard.gate.due(made.wall_ns)
    guard.probe({})

    assert "OPEN.COOLING" == guard.gate.scopes.circuit(VENUE).state
    assert before == made.reader.last_seq


# An engine that only reduces.


def test_what_is_reduced_sends_only_what_reduces(tmp_path: Path) -> None:
    plans: list[Plan] = [
        [go("-2")],
        [buy("1")],
        [sell("1")],
        [go("-1")],
        [go("1", reduce_only=True)],
        [buy("1", name="again")],
    ]
    made = world(tmp_path, *plans)
    made.live(1)
    made.mailbox.replies.update({"IDLE": ["kill"], "HALTED": ["resume"]})
    made.live(6)

    sent: list[Any] = made.venue.sent
    assert [("PERP_TRADE", False), ("PERP_TRADE", True)] == [
        (str(one.instruction.op), getattr(one.instruction, "reduce_only", False)) for one in sent
    ]
    assert 3 == sum("trading of global is REDUCING" in told for told in notes(made, "DENIED")[:3])
    made.mailbox.replies["IDLE"] = ["resume"]
    made.plans = [*plans[:-1], *[[buy("1")]] * 9]
    made.live(3)
    assert (GLOBAL, "resume", "ACTIVE") == made.asides[-1]
    assert "SPOT_TRADE" == sent[-1].instruction.op
    check(made)


def test_what_takes_a_chain_back_passes_where_only_reducing_is_allowed(tmp_path: Path) -> None:
    chain = saga(buy("1"), buy("1"))
    made = world(tmp_path, [chain])
    real = made.venue.submit

    def submit(request: Any) -> Any:  # noqa: ANN401 - as it is
        receipt = real(request)
        if 1 == len(made.venue.sent):
            guard_of(made).only_reduce("ann", "enough")
        return receipt

    made.venue.submit = submit  # type: ignore[method-assign]  # it looks on
    made.live(2)
    made.logs.discard(made.log)  # what a test does to an engine from outside, no log can hold

    sent: list[Any] = made.venue.sent
    assert ["BUY", "SELL"] == [str(one.instruction.side) for one in sent]
    assert "rolled_back" in made.story
    check(made)


# Market data.


def test_a_strategy_does_not_decide_while_its_market_data_is_lost(tmp_path: Path) -> None:
    made = world(tmp_path, *[[buy("1")]] * 9)
    made.stale = ["", "", "no answer", "no answer", ""]
    made.live(4)

    assert 2 == made.story.split().count("skip")
    assert made.strategy.count == made.story.split().count("tick")
    assert [
        ("feed:desk", "heartbeat", "LIVE"),
        ("feed:desk", "lost", "DOWN"),
        ("feed:desk", "connect", "CONNECTING"),
        ("feed:desk", "heartbeat", "LIVE"),
    ] == moves_of(made, "feed")
    assert [
        ("strategy:strategy", "blocked", "OPEN.BLOCKED"),
        ("strategy:strategy", "cleared", "CLOSED"),
    ] == made.asides
    check(made)


# Start-up tests.


def test_a_failed_start_up_test_keeps_the_engine_out_of_idle_and_says_which(
    tmp_path: Path,
) -> None:
    failing = ["the key may not trade"]

    class Failing(Client):
        def __init__(self, *given: Any) -> None:  # noqa: ANN401 - as its base
            super().__init__(*given)
            self.start_up_failures = lambda: tuple(failing)

    made = world(tmp_path, [buy("1")])
    made.client = Failing
    made.mailbox.replies["HALTED"] = ["resume", "resume"]
    made.live(2)

    assert "IDLE" not in set(made.records["to"].drop_nulls())
    assert "order handling: the key may not trade" in notes(made, "FAILURE")[0]
    assert ("desk", "not_ready", "NOT_READY") in moves_of(made, "health")
    failing.clear()
    made.mailbox.replies["HALTED"] = ["resume"]
    made.live(2)
    assert ("desk", "healthy", "HEALTHY") in moves_of(made, "health")
    assert 1 == len(made.venue.sent)


# Health.


def test_nothing_is_ready_in_a_new_life_before_its_first_success(tmp_path: Path) -> None:
    made = world(tmp_path, [buy("1")])
    made.live(1)
    made.live(1)
    told = made.reader.records().filter(epoch=2, machine="health").select("seq", "payload", "to")
    moves = [(json.loads(row[1])["scope"], row[2]) for row in told.collect().rows()]
    known = set(guard_of(made).health.names)

    assert {"desk", "feed:desk", "strategy:strategy"} == known
    assert dict.fromkeys(known, "NOT_READY") == dict(reversed(moves))  # the first of each
    assert dict.fromkeys(known, "HEALTHY") == dict(moves)  # and the last


def test_what_stays_as_it_is_writes_nothing(tmp_path: Path) -> None:
    made = world(tmp_path, *[[buy("0.1")]] * 30)
    made.patience = 5000
    made.live(1)
    made.live(20)
    told = made.reader.records().filter(epoch=2).collect()
    begun = told.filter(event="recovered")["seq"][0]
    beside = pl.col("machine").is_in(["health", "breaker", "feed", "trading_state"])

    assert told.filter(beside, pl.col("seq") < begun).height
    assert not told.filter(beside, pl.col("seq") > begun).height
    assert 20 < len(made.venue.sent)


def test_what_keeps_failing_is_told_of_once(tmp_path: Path) -> None:
    made = world(tmp_path, *[[buy("100000")]] * 30)
    made.live(12)

    told = [one for one in moves_of(made, "health") if one[0] == "strategy:strategy"]
    assert ["not_ready", "healthy", "unhealthy"] == [event for _, event, _ in told]
    assert ("failing for 3 loops or more: desk.spot",) == guard_of(made).health.reasons(
        "strategy:strategy"
    )


# Cancels.


def cancels(made: World) -> list[str]:
    return [json.loads(told)["outcome"] for told in notes(made, "CANCEL")]


def test_cancels_that_are_not_answered_open_their_own_breaker_alone(tmp_path: Path) -> None:
    book = Book(answers=[unanswered] * 3)
    made = resting(tmp_path, [buy("1")], book=book, mailbox=Mailbox({AWAIT: ["kill"]}))
    made.live()

    assert [
        "OPEN.COOLING", "HALF_OPEN.PROBE", "HALF_OPEN.TRIAL", "HALF_OPEN.TRIED", "CLOSED",
    ] == states(made, CANCELS)  # fmt: skip
    assert [] == states(made, VENUE)
    # each attempt is told of, and once that there is none while the breaker is open
    assert ["UNKNOWN", "UNKNOWN", "UNKNOWN", "DENIED_LOCAL", "EXPIRED"] == cancels(made)
    assert 1 == len(book.cancelled)
    check(made)


def test_a_kill_says_what_it_could_not_cancel(tmp_path: Path) -> None:
    book = Book(answers=[unanswered] * 3)
    mailbox = Mailbox({AWAIT: ["kill"]})
    made = resting(tmp_path, [buy("1")], book=book, mailbox=mailbox)
    made.limits = evolve(made.limits, failures_in_row=1)
    mailbox.replies[AWAIT].append("kill")
    made.live()

    assert "UNKNOWN" in mailbox.answers[0][1]
    assert "did not cancel" in mailbox.answers[1][1]
    assert "breaker venue:desk:CANCEL is OPEN.COOLING" in mailbox.answers[1][1]


def test_an_engine_that_is_halted_goes_on_cancelling_what_it_could_not(tmp_path: Path) -> None:
    book = Book(rests=0)
    mailbox = Mailbox({"IDLE": ["kill"]})
    made = resting(tmp_path, [], book=book, mailbox=mailbox)
    made.live(1)
    book.open["another"] = made.venue.resolve(buy("1"), 9, None)
    book.answers = [unanswered] * 4
    mailbox.replies["HALTED"] = ["kill"]
    made.live(1)

    assert "UNKNOWN" == cancels(made)[0]
    assert "EXPIRED" == cancels(made)[-1]
    assert {} == book.open


def test_a_cancel_passes_where_nothing_else_does(tmp_path: Path) -> None:
    mailbox = Mailbox({AWAIT: ["kill"]})
    made = resting(tmp_path, [buy("1")], book=Book(answers=[honest]), mailbox=mailbox)
    made.live()

    assert (GLOBAL, "halt", "HALTED") in made.asides
    assert ["EXECUTED"] == cancels(made)


def test_cancels_do_not_count_for_the_throttle(tmp_path: Path) -> None:
    book = Book(answers=[])
    made = resting(tmp_path, [buy("1")], book=book, mailbox=Mailbox({AWAIT: ["kill"]}))
    made.limits = evolve(made.limits, executions_max=1)
    made.live()

    assert [] == states(made, "strategy:strategy")
    assert 1 == len(book.cancelled)


def test_trading_is_not_widened_while_a_kill_is_under_way(tmp_path: Path) -> None:
    mailbox = Mailbox({AWAIT: ["kill", "resume"]})
    made = resting(tmp_path, [buy("1")], book=Book(answers=[unanswered] * 2), mailbox=mailbox)
    made.live()

    told = "refused: the engine was killed; resume it once it is HALTED"
    assert ("resume", told) == mailbox.answers[1]
