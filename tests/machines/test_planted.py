"""Planted bugs: each of the classic ones, patched in, is caught by cutting runs off.

What cannot fail proves nothing. So every small matrix here is run with the code as it is, which
must pass, and with a bug in it, which must not.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bugs import (
    Plant,
    apply_again_what_was_seen,
    go_on_before_it_is_resolved,
    send_before_the_intent,
    take_a_time_out_as_refused,
)
from tests.machines.lives import Moments, World
from tests.machines.support import Act, View, as_it_is, buy, move
from tests.machines.test_lives import check, silent, world
from tests.machines.test_saga import saga
from verifill.engine.errors import VerifillError
from verifill.machines.strategy import Plan
from verifill.venues.orders import Reading

ONE: Sequence[Plan] = [[buy("1")], [buy("2")]]
CHAIN: Sequence[Plan] = [[saga(buy("1"), move("50"), buy("100000"))]]


def matrix(
    folder: Path, plans: Sequence[Plan], submits: Sequence[Act] = (), *, behind: bool = False
) -> None:
    """Cut a run off before and after each of its commits and sends; all must be well."""
    moments = Moments()
    made = world(folder / "whole", *plans, submits=submits)
    made.folder.mkdir()
    made.venue.view = once_behind() if behind else as_it_is
    assert "STOPPED" == made.live(3, moments), made.story
    check(made)
    for place, count in moments.seen.items():
        for number in range(1, count + 1):
            for after in (False, True):
                one = world(folder / f"{place}{number}{after}", *plans, submits=submits)
                one.folder.mkdir()
                one.venue.view = once_behind() if behind else as_it_is
                one.live(3, Moments(place, number, after))
                assert "STOPPED" == one.live(3), one.story
                assert "blocked" not in one.events, one.story
                check(one)


def once_behind() -> View:
    """The first reading with rows in it is older than what it shows."""
    seen: list[Reading] = []

    def view(reading: Reading) -> Reading:
        if not reading.rows or seen:
            return reading
        seen.append(reading)
        return replace(reading, as_of_ns=reading.as_of_ns - 1)

    return view


Runs = tuple[Sequence[Plan], Sequence[Act], bool]
RUNS: dict[str, Runs] = {
    "one after the other": (ONE, [], False),
    "a venue that is silent": (ONE, [silent], False),
    "a reading that is older than what it shows": (ONE, [], True),
    "a chain": (CHAIN, [], False),
}
BUGS: dict[str, tuple[Plant, str]] = {
    "send before the intent": (send_before_the_intent, "one after the other"),
    "forget what was in flight": (go_on_before_it_is_resolved, "one after the other"),
    "a time-out is a refusal": (take_a_time_out_as_refused, "a venue that is silent"),
    "what was seen is applied again": (
        apply_again_what_was_seen, "a reading that is older than what it shows"
    ),
    "compensate before resolving": (go_on_before_it_is_resolved, "a chain"),
}  # fmt: skip


@pytest.mark.parametrize("runs", RUNS)
def test_the_code_as_it_is_passes(tmp_path: Path, runs: str) -> None:
    plans, submits, behind = RUNS[runs]
    matrix(tmp_path, plans, submits, behind=behind)


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bug: str) -> None:
    plant, runs = BUGS[bug]
    plans, submits, behind = RUNS[runs]
    plant(monkeypatch)
    with pytest.raises((AssertionError, VerifillError, IndexError)):
        matrix(tmp_path, plans, submits, behind=behind)
    World.logs.clear()  # sound code does not come out where this has
