"""The guard of a live engine: what stops a send, what is told after it, what survives a restart."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from msgspec import structs

from tests.machines.lives import Client, KilledError, Mailbox, Moments, World
from tests.machines.support import Act, Ask, buy, sell
from tests.machines.test_lives import LIVE, lies, lost, silent, world
from tests.machines.test_recovery import mismatches
from verifill.engine.errors import StateError
from verifill.machines.changes import Change
from verifill.machines.guarding import Guard
from verifill.machines.leg import REHEARSAL
from verifill.machines.saved import handed_over
from verifill.machines.surroundings import Surroundings
from verifill.machines.thresholds import Thresholds
from verifill.venues.orders import Cause, LedgerRow, Outcome, Receipt, Request, Trouble

VENUE = "venue:desk:SPOT_TRADE"
TICKS = [[buy("1")] for _ in range(9)]
QUICK = Thresholds(failures_in_row=2, cooldown_s=90, trial_probes=2)


def barred(_request: Request, _ask: Ask) -> Receipt:
    return Receipt(Outcome.REJECTED_DEFINITIVE, reason="418", trouble=Trouble.BARRED, wait_s=600)


def busy(_request: Request, _ask: Ask) -> Receipt:
    return Receipt(Outcome.REJECTED_DEFINITIVE, reason="429", trouble=Trouble.BUSY)


def limited(wait_s: int) -> Act:
    """A rate limit that says when to come back."""
    said = Receipt(
        Outcome.REJECTED_DEFINITIVE,
        reason="429",
        retryable=True,
        trouble=Trouble.BUSY,
        wait_s=wait_s,
    )
    return lambda _request, _ask: said


def unreached(_request: Request, _ask: Ask) -> Receipt:
    return Receipt(Outcome.DENIED_LOCAL, reason="connection refused", retryable=True)


def refused(_request: Request, _ask: Ask) -> Receipt:
    return Receipt(Outcome.REJECTED_DEFINITIVE, reason="no")


class Ill(Client):
    """Well at the start, and not at the first probe."""

    def __init__(self, *given: Any) -> None:  # noqa: ANN401 - as its base
        super().__init__(*given)
        said: Iterator[tuple[str, ...]] = iter([(), ("down",)])
        self.start_up_failures = lambda: next(said, ())


def guarded(
    folder: Path, *submits: Act, limits: Thresholds = QUICK, mailbox: Mailbox | None = None
) -> World:
    made = world(folder, *TICKS, submits=submits, mailbox=mailbox)
    return evolve(made, limits=limits)


def states(made: World, scope: str) -> list[str]:
    return [to for told, _, to in made.asides if told == scope]


@pytest.mark.parametrize("answer", [busy, unreached, silent, lost])
def test_failures_of_the_way_there_open_the_breaker_and_nothing_more_is_sent(
    tmp_path: Path, answer: Act
) -> None:
    made = guarded(tmp_path, *[answer] * 9)
    made.live(4)

    assert "OPEN.COOLING" == states(made, VENUE)[0]
    notes = made.reader.stream("notes").collect().filter(kind="DENIED")["payload"].to_list()
    assert any("breaker venue:desk:SPOT_TRADE is OPEN.COOLING" in note for note in notes)


def test_a_refusal_is_an_answer(tmp_path: Path) -> None:
    made = guarded(tmp_path, *[refused] * 9)
    made.live(5)

    assert [] == made.asides


def test_a_bar_opens_it_at_once_and_for_as_long_as_the_venue_says(tmp_path: Path) -> None:
    made = guarded(tmp_path, barred)
    made.live(5)

    assert ["OPEN.COOLING"] == states(made, VENUE)


def test_an_order_waits_for_as_long_as_a_busy_venue_says_and_is_sent_again(
    tmp_path: Path,
) -> None:
    made = guarded(tmp_path, limited(7))
    made.live(3)
    first, second, *_ = made.records.filter(kind="INTENT")["wall_ns"].to_list()

    assert [] == states(made, VENUE)
    assert 7 == (second - first) // 10**9


@pytest.mark.parametrize("answers", [[limited(7)] * 3, [limited(600)]])
def test_what_no_order_waits_for_opens_the_breaker(tmp_path: Path, answers: list[Act]) -> None:
    made = guarded(tmp_path, *answers, limits=Thresholds(failures_in_row=9))
    made.live(2)

    assert ["OPEN.COOLING"] == states(made, VENUE)[:1]
    assert len(answers) == len(made.venue.sent)


def test_probes_close_a_breaker_that_no_order_may_try(tmp_path: Path) -> None:
    made = guarded(tmp_path, busy, busy)
    made.live(9)

    assert [
        "OPEN.COOLING", "HALF_OPEN.PROBE", "HALF_OPEN.TRIAL", "HALF_OPEN.TRIAL", "CLOSED",
    ] == states(made, VENUE)  # fmt: skip
    assert made.venue.sent[-1].number > 2


def test_a_probe_that_fails_opens_it_again(tmp_path: Path) -> None:
    made = guarded(tmp_path, busy, busy)
    made.client = Ill
    made.live(9)

    assert ["OPEN.COOLING", "HALF_OPEN.PROBE", "OPEN.COOLING", "HALF_OPEN.PROBE"] == (
        states(made, VENUE)[:4]
    )


def test_breakers_are_remembered_over_a_restart(tmp_path: Path) -> None:
    made = guarded(tmp_path, barred)
    made.live(1)
    made.live(1)

    assert ["OPEN.COOLING"] == states(made, VENUE)
    assert 1 == len(made.venue.sent)


def test_a_contradiction_latches_everything_until_two_operators_reset_it(tmp_path: Path) -> None:
    mailbox = Mailbox({"HELD": ["adopt"], "HALTED": ["resume"]})
    made = guarded(tmp_path, lies, mailbox=mailbox)
    made.live(2)

    assert ("global", "latched", "LATCHED.LOCKED") in made.asides
    assert "two operators must reset it" in mailbox.answers[-1][1]

    mailbox.replies["HALTED"] = ["reset-breaker", "reset-breaker", "resume"]
    made.live(1)
    assert "the second must be another operator" in mailbox.answers[-2][1]
    assert "HALTED" in made.story or "blocked" in made.story

    mailbox.actor = "bo"
    mailbox.replies["HALTED"] = ["reset-breaker", "resume"]
    made.live(2)
    assert ("global", "reset", "CLOSED") in made.asides


def test_a_fill_that_is_not_ours_latches_everything(tmp_path: Path) -> None:
    made = guarded(tmp_path)
    made.live(1)
    guard = made.loop.manager.guard
    assert isinstance(guard, Guard)
    row = LedgerRow("t-9", "desk.spot:BaseToken:BTC", 5, Cause.TRADE, 0)
    guard.strayed(evolve_row(row, Cause.FUNDING))
    assert "" == guard.latched
    told: list[Change] = []
    other = Guard(around(told), guard.state())
    other.strayed(row)

    assert "LATCHED" in other.latched
    assert {"breaker", "health"} == {change.machine for change in told}


def test_what_the_log_holds_is_not_told_again_until_it_changes() -> None:
    guard = Guard(around([]))
    assert guard.state() == handed_over(guard.news())  # nobody has said that it is on the disk
    assert guard.state() == handed_over(guard.news())
    guard.keeping()()
    assert guard.news() is None

    guard.gate.advance(1)
    assert guard.news() is None  # a clock is read anew
    guard.gate.unknown("key", "desk.spot", 1)
    assert guard.state() == handed_over(guard.news())
    kept = guard.keeping()
    guard.gate.resolved("key", 1)
    kept()
    assert guard.state() == handed_over(guard.news())  # the log holds what was before
    assert guard.state() == handed_over(guard.news())  # and is not known to hold this

    guard.strayed(LedgerRow("t-9", "desk.spot:BaseToken:BTC", 5, Cause.TRADE, 0))
    assert guard.news() is None  # it was written with what has changed


def evolve_row(row: LedgerRow, cause: Cause) -> LedgerRow:
    return LedgerRow(row.ref, row.key, row.amount, cause, row.time_ns)


def around(told: list[Change]) -> Surroundings:
    def write(changes: Sequence[Change], _state: Mapping[str, Any]) -> None:
        told.extend(changes)

    return Surroundings(write=write, now_ns=lambda: 0)


def test_a_mismatch_lets_its_account_only_reduce(tmp_path: Path) -> None:
    mailbox = Mailbox({"HALTED": ["adopt-external", "resume account:desk.spot", "resume"]})
    made = guarded(tmp_path, mismatches, mailbox=mailbox)
    made.live(2)

    assert [
        ("account:desk.spot", "reduce", "REDUCING"),
        ("account:desk.spot", "resume", "ACTIVE"),
    ] == made.asides


def test_what_goes_wrong_in_a_dry_run_narrows_and_latches_nothing(tmp_path: Path) -> None:
    made = guarded(tmp_path, refused)
    made.live(1)
    told: list[Change] = []
    guard = Guard(around(told))
    leg = made.loop.manager.leg
    dry = structs.replace(leg, role=REHEARSAL)
    guard.mismatched(dry)
    guard.contradicted(dry)

    assert [] == told
    guard.contradicted(leg)
    assert "LATCHED" in guard.latched


@pytest.mark.parametrize("after", [False, True])
def test_a_life_that_ends_between_permission_and_outcome_has_failed_to_try(
    tmp_path: Path, *, after: bool
) -> None:
    made = guarded(tmp_path, busy, busy)
    made.live(6)
    before = len(made.asides)
    assert "KILLED" == made.live(9, Moments("send", 1, after))
    made.live(2)

    assert len(made.asides) >= before


def test_an_unknown_scope_is_named(tmp_path: Path) -> None:
    mailbox = Mailbox({"IDLE": ["reset-breaker nothing", "resume nothing"]})
    made = guarded(tmp_path, mailbox=mailbox)
    made.live(2)

    told = [text for _, text in mailbox.answers]
    assert "refused: there is no breaker 'nothing'; there are " in told[0]
    assert "refused: there is no trading state 'nothing'; there are " in told[1]


@pytest.mark.parametrize("state", [{}, {"gate": 1, "feeds": 2, "health": 3}])
def test_a_guard_that_cannot_be_read_is_refused(state: Mapping[str, Any]) -> None:
    with pytest.raises(StateError):
        Guard(around([]), state)


def test_what_takes_back_and_what_reduces_passes_where_trading_is_narrowed(tmp_path: Path) -> None:
    mailbox = Mailbox({"IDLE": ["kill"], "HALTED": ["resume"]})
    made = world(tmp_path, [buy("1")], [sell("1")], mailbox=mailbox)
    made.policy = LIVE
    made.live(3)

    assert ("global", "halt", "HALTED") in made.asides


def test_a_clock_that_is_off_lets_nothing_pass_until_it_is_right_again(tmp_path: Path) -> None:
    made = guarded(tmp_path)
    made.live(1)
    told: list[Change] = []
    guard, leg = Guard(around(told)), made.loop.manager.leg
    guard.clock_offset(-501 * 10**6)
    assert "the clock is off by -501000000 ns, more than 500 ms" in guard.deny(leg, "")

    guard.clock_offset(500 * 10**6)
    assert "" == guard.deny(leg, "")
    assert ["blocked", "cleared"] == [one.event for one in told if one.machine == "breaker"]


def test_what_only_reduces_is_told_so_once_and_comes_from_halted_too() -> None:
    told: list[Change] = []
    guard = Guard(around(told))
    guard.only_reduce("ann", "enough")
    guard.only_reduce("ann", "enough")
    guard.kill("ann", "all of it")
    guard.only_reduce("ann", "flat first")

    assert ["reduce", "halt", "resume"] == [one.event for one in told if one.actor]


def test_a_life_that_ended_latched_is_blocked_though_nothing_was_halted(tmp_path: Path) -> None:
    made = guarded(tmp_path)

    def latch(_slice: int) -> None:
        guard = made.loop.manager.guard
        assert isinstance(guard, Guard)
        guard.strayed(LedgerRow("t-9", "desk.spot:BaseToken:BTC", 5, Cause.TRADE, 0))
        raise KilledError

    made.asleep = latch
    assert "KILLED" == made.live(3)
    made.asleep = lambda _slice: None
    sent = len(made.venue.sent)
    made.live(3)
    made.logs.discard(made.log)  # what a test does to an engine from outside, no log can hold

    assert "recover blocked finish" == made.story
    assert sent == len(made.venue.sent)
