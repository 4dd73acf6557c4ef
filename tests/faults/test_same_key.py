"""Wherever an order of class K is lost, in a chain too, the same goes out once more."""

from pathlib import Path

import pytest
from msgspec import structs

from verifill.faults.hazard import Scene
from verifill.faults.judge import Verdict, judged, verdict_of
from verifill.faults.lives import begun
from verifill.faults.matrix import Matrix
from verifill.faults.story import told
from verifill.venues.loopback.faults import CATALOGUE

CASES = [
    ("three", 1, "INSTRUCTION", Verdict.DONE),
    ("saga", 2, "ATOMIC.STEP", Verdict.DONE),
    ("saga taken back", 4, "ATOMIC.COMPENSATE", Verdict.ROLLED_BACK),
    ("one transaction", 1, "ATOMIC.COMMIT", Verdict.DONE),
]


@pytest.mark.parametrize(("plan", "nth", "place", "verdict"), CASES)
def test_what_is_lost_goes_out_once_more_under_its_own_key(
    tmp_path: Path, plan: str, nth: int, place: str, verdict: Verdict
) -> None:
    hosting = Matrix((), tmp_path).hosting(Scene(plan=plan))
    (folder := tmp_path / "world").mkdir()
    world = begun(folder, hosting)
    world.wire.service.script.arm([structs.replace(CATALOGUE["timeout_before"], nth=nth)])
    world.finish()
    story = told(world.log)
    repeated = [source for _, source, event, _ in story.moves if event == "repeat"]
    (key,) = (key for sent in story.sent for key in sent.repeats)

    assert verdict is verdict_of(world, story)
    assert {} == judged(world, story).told
    assert [f"{place}.RETRY.QUERY"] == repeated
    assert (2, 1) == (world.wire.sent[key], world.wire.effects()[key])
