"""The explorer meets all that it should, loses nothing by merging, and finds what is planted."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from attrs import evolve

from tests import bugs
from verifill.checking.choices import Budget, Kind
from verifill.checking.explorer import Explored, explore
from verifill.checking.running import runner
from verifill.checking.scopes import ASTRAY, BARRED, SCOPES, SENDS, Menu, Scope
from verifill.faults.judge import Verdict
from verifill.faults.moments import Place

FAULT: Budget = {Kind.FAULT: 1}
CRASH: Budget = {Kind.CRASH: 1}
BOTH: Budget = {Kind.FAULT: 1, Kind.CRASH: 1}
PERSON: Budget = {Kind.FAULT: 1, Kind.OPERATOR: 1}
FEW: Mapping[Place, Menu] = {
    Place.SEND: {name: SENDS[name] for name in ("timeout_after", "partial_then_cancelled")}
}


def scope(name: str, budget: Budget) -> Scope:
    return evolve(SCOPES[name], budget=budget)


def explored(scope: Scope, folder: Path, *, merged: bool = True) -> Explored:
    folder.mkdir(exist_ok=True)
    with runner(scope, folder) as run:
        return explore(scope, run, merged=merged)


# What is lost is resolved under its own key: no proof, no second INTENT, and no order that is there
# but not found waits for a person.
PINNED: Mapping[tuple[str, str], tuple[int, int]] = {
    ("one", "fault"): (24, 189),
    ("one", "crash"): (22, 213),
    ("one", "person"): (67, 300),
    ("one, power", "crash"): (42, 227),
    ("one transaction", "fault"): (25, 194),
    ("one transaction", "crash"): (32, 448),
    ("one transaction of three", "fault"): (25, 206),
    ("one transaction of three", "crash"): (36, 574),
}
BUDGETS = {"fault": FAULT, "crash": CRASH, "person": PERSON}


@pytest.mark.parametrize(("name", "budget"), PINNED)
def test_a_small_scope_has_so_many_runs_and_situations_and_every_rule_holds(
    tmp_path: Path, name: str, budget: str
) -> None:
    found = explored(scope(name, BUDGETS[budget]), tmp_path)

    assert found.broken is None
    assert PINNED[name, budget] == (found.runs, len(found.states))


def test_what_is_met_again_leads_to_nothing_new(tmp_path: Path) -> None:
    """Without merging each run is made, and nothing else comes of any of them."""
    small = evolve(scope("one", BOTH), menus=FEW)
    merged = explored(small, tmp_path / "merged")
    whole = explored(small, tmp_path / "whole", merged=False)

    assert merged.runs < whole.runs
    assert merged.states == whole.states
    assert merged.moves == whole.moves
    assert set(merged.verdicts) == set(whole.verdicts)


def test_a_crash_after_the_intent_is_one_of_the_choices_and_is_sent_under_its_own_key(
    tmp_path: Path,
) -> None:
    found = explored(scope("one", CRASH), tmp_path)

    assert found.verdicts == {Verdict.DONE: found.runs}
    assert any(event == "repeat" for _, _, event, _ in found.moves)


LATE = evolve(scope("one, lag 90 s", FAULT), menus={Place.SEND: {ASTRAY.name: ASTRAY}})
PLANTED: Mapping[str, tuple[bugs.Plant, Scope, str]] = {
    "sent before the intent": (bugs.send_before_the_intent, scope("one", {}), "intent"),
    "a time-out is a refusal": (bugs.take_a_time_out_as_refused, LATE, "double"),
    "sent once more without its move": (
        bugs.repeat_without_its_move, scope("one", FAULT), "again"
    ),
    "something else is sent once more": (
        bugs.repeat_another_request, scope("one", FAULT), "request"
    ),
    "what was seen is applied again": (
        bugs.apply_again_what_was_seen, scope("one", FAULT), "progress"
    ),
    "what is in flight is forgotten": (
        bugs.go_on_before_it_is_resolved, scope("one", CRASH), "unresolved"
    ),
    "compensated before it is resolved": (
        bugs.go_on_before_it_is_resolved, scope("saga taken back", CRASH), "double"
    ),
    "not found is taken for proof": (bugs.take_not_found_for_proof, LATE, "double"),
    "an entry is skipped and called done": (
        bugs.skip_the_next_and_call_it_done, scope("three", {}), "skipped"
    ),
    "nothing happened and it is called done": (
        bugs.take_nothing_for_what_was_expected, scope("three, class D", FAULT), "wrong"
    ),
    "done without having been reconciled": (
        bugs.move_past_the_table, scope("one", {}), "illegal"
    ),
    "the fsync is dropped": (bugs.drop_the_sync, scope("one, power", CRASH), "lost"),
    "sent although a breaker is open": (
        bugs.send_without_asking, scope("three", FAULT), "breaker"
    ),
    "a contradiction latches nothing": (
        bugs.let_a_contradiction_pass, scope("three", FAULT), "contradiction"
    ),
}  # fmt: skip


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_found_by_its_rule_and_the_code_without_it_breaks_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bug: str
) -> None:
    plant, given, rule = PLANTED[bug]
    if given is LATE:  # the others are explored above
        assert explored(given, tmp_path / "sound").broken is None
    plant(monkeypatch)

    found = explored(given, tmp_path / "planted")

    assert found.broken is not None
    assert any(one.startswith(rule) for one in found.broken.broken), found.broken.broken


def test_nothing_refused_is_among_the_faults_of_a_send() -> None:
    assert BARRED not in SENDS
