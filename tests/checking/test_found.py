"""Runs that broke a rule once, and why they do not any more."""

from pathlib import Path

import pytest

from verifill.checking.choices import Choices
from verifill.checking.play import Run, play
from verifill.checking.properties import judge
from verifill.checking.running import hosting
from verifill.checking.scopes import SCOPES, Scope
from verifill.faults.judge import Verdict

SAID = (("send 3", "refused"), ("ATOMIC.STRANDED waits", "settle"), ("after commit 4", "killed"))


def run_of(scope: Scope, wanted: tuple[tuple[str, str], ...], folder: Path) -> Run:
    """The run of choices that are told by what happens there."""
    made = hosting(scope.scene, folder)
    choices: Choices = ()
    for number, (at, option) in enumerate(wanted):
        (empty := folder / f"run-{number}").mkdir()
        points = play(scope, choices, made, empty).points
        first = choices[-1][0] + 1 if choices else 0
        here = (n for n in range(first, len(points)) if points[n].at == at)
        choices = (*choices, (next(here), option))
    (empty := folder / "run").mkdir()
    return play(scope, choices, made, empty)


@pytest.mark.parametrize("killed", [SAID[:2], SAID])
def test_a_chain_that_is_settled_by_hand_stays_so_though_the_process_dies_before_its_move(
    tmp_path: Path, killed: tuple[tuple[str, str], ...]
) -> None:
    run = run_of(SCOPES["saga taken back"], killed, tmp_path)
    judged = judge(run)

    assert judged.broken == ()
    assert judged.verdict is Verdict.HALTED
