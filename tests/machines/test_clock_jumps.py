"""The wall clock is set forward or back in the middle of a wait: nothing ends sooner or later."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.machines.lives import World
from tests.machines.support import SECOND_NS, Act, Bars, Script, buy, scripted
from tests.machines.test_tight_loop import SILENT, does_and_says
from verifill.engine.retry import RetryPolicy
from verifill.machines.loop import LoopPolicy
from verifill.machines.policies import Policies
from verifill.venues.orders import Outcome

HOUR_NS = 3600 * SECOND_NS
LIVE = LoopPolicy(
    fail_fast=False,
    tight_loop=Policies(
        sends=RetryPolicy(), readings=RetryPolicy(), queries=RetryPolicy(attempts=100)
    ),
)
ON = does_and_says(Outcome.ACCEPTED)
VENUES: dict[str, tuple[Sequence[Act], Sequence[Act]]] = {
    "pending": ([ON], [ON] * 5),
    "overdue": ([ON], [ON] * 500),
    "unknown": ([SILENT], [SILENT] * 500),
}


def lived(folder: Path, venue: str, jump_ns: int) -> tuple[str, int]:
    """The story of a life in which the wall clock jumps, and how long it took."""
    submits, queries = VENUES[venue]
    stage, real = scripted(Script(submits=submits, queries=queries), bars=Bars(0))
    folder.mkdir()
    world = World(folder, stage, real, [[buy("1")]], LIVE, patience=300)

    def jump(number: int) -> None:
        world.wrong_ns = jump_ns if number >= 3 else 0

    world.asleep = jump
    world.live(2)
    records = world.reader.records().collect()
    times = [t for t, kind in records.select("mono_ns", "kind").rows() if kind == "TRANSITION"]
    return world.story, times[-1] - times[0]


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("jump_ns", [HOUR_NS, -HOUR_NS], ids=["forward", "back"])
def test_a_wall_clock_that_is_set_changes_no_time_out(
    tmp_path: Path, venue: str, jump_ns: int
) -> None:
    usual = lived(tmp_path / "usual", venue, 0)

    assert usual == lived(tmp_path / "jumped", venue, jump_ns)
    assert len(usual[0].split()) > 5
