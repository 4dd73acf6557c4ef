"""Planted bugs: each of the classic ones, patched in, turns the matrix bad; without it not.

What cannot fail proves nothing. The matrix is the command's own, with few of its cells.
"""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.bugs import (
    Plant,
    apply_again_what_was_seen,
    drop_the_sync,
    go_on_before_it_is_resolved,
    let_a_contradiction_pass,
    move_past_the_table,
    repeat_another_request,
    repeat_without_its_move,
    send_before_the_intent,
    send_without_asking,
    skip_the_next_and_call_it_done,
    take_a_time_out_as_refused,
    take_not_found_for_proof,
    take_nothing_for_what_was_expected,
)
from verifill.faults.catalogue import chosen
from verifill.faults.matrix import Matrix, Picked
from verifill.faults.table import Summary


def matrix(folder: Path, only: Sequence[str]) -> Summary:
    """Some cells of the matrix, as `verifill faults run --only ...` runs them."""
    folder.mkdir()
    made = Matrix(chosen(tuple(only)), folder)
    cells, total = made.cells(Picked(only=only, sample=8))
    return Summary.of([made.run(cell) for cell in cells], total, (1,))


BUGS: dict[str, tuple[Plant, Sequence[str], set[str]]] = {
    "the fsync is dropped": (
        drop_the_sync,
        ["power cut: three, class K: after commit"],
        {"lost"},
    ),
    "sent before the intent": (
        send_before_the_intent,
        ["killed: three, class K: after send", "killed: three, class K: before commit"],
        {"lost"},
    ),
    "a time-out is a refusal": (
        take_a_time_out_as_refused,
        ["timeout_after: three, class K"],
        {"unexpected"},
    ),
    "not found is taken for proof": (
        take_not_found_for_proof,
        ["arrives_beyond_lag: three, class K"],
        {"double", "unexpected"},
    ),
    "sent once more without its move": (
        repeat_without_its_move,
        ["timeout_before: three, class K"],
        {"double"},
    ),
    "something else is sent once more": (
        repeat_another_request,
        ["timeout_before: three, class K"],
        {"double"},
    ),
    "what was seen is applied again": (
        apply_again_what_was_seen,
        ["partial_then_rest: three, class K", "wrong_by_one: three, class K"],
        {"unexpected"},
    ),
    "compensated before it is resolved": (
        go_on_before_it_is_resolved,
        ["killed: saga taken back, class K: after send"],
        {"double", "unexpected"},
    ),
    "what is in flight is forgotten": (
        go_on_before_it_is_resolved,
        ["killed: three, class K: after send"],
        {"unresolved"},
    ),
    "an entry is skipped and called done": (
        skip_the_next_and_call_it_done,
        ["late_fill: three, class K"],
        {"skipped"},
    ),
    "nothing happened and it is called done": (
        take_nothing_for_what_was_expected,
        ["timeout_before: three, class D"],
        {"wrong", "unexpected"},
    ),
    "done without having been reconciled": (
        move_past_the_table,
        ["late_fill: three, class K"],
        {"illegal"},
    ),
    "sent although a breaker is open": (
        send_without_asking,
        ["half-open probe fails: three, class K"],
        {"undetected"},
    ),
    "a contradiction latches nothing": (
        let_a_contradiction_pass,
        ["refused_yet_executed: three, class K"],
        {"undetected", "unexpected"},
    ),
}


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_turns_the_matrix_bad_and_without_it_the_matrix_is_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bug: str
) -> None:
    plant, only, columns = BUGS[bug]
    sound = matrix(tmp_path / "sound", only)
    assert sound.hit > 0
    assert sound.sound, dict(sound.bad)

    plant(monkeypatch)
    bad = {column for column, count in matrix(tmp_path / "bad", only).bad.items() if count}
    assert columns <= bad, bad
