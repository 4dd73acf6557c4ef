"""The disk: it is full, or a sync fails, at any commit; the engine stops and sends nothing more."""

from collections.abc import Iterator

from verifill.faults.hazard import Expected, Group, Hazard, Scene, Spot, Whole, scenes
from verifill.faults.judge import Verdict
from verifill.faults.kills import ENDS, MADE, move
from verifill.faults.lives import World
from verifill.faults.moments import Place

HOW = {
    "disk full": ("database or disk is full", False),
    "sync fails, step not kept": ("disk I/O error", False),
    "sync fails, step kept": ("disk I/O error", True),
}


def every_commit(whole: Whole, _seed: int) -> Iterator[Spot]:
    """Every commit, in each way."""
    for number in range(1, whole.seen[Place.COMMIT] + 1):
        for how in HOW:
            yield Spot(nth=number, how=how, move=move(whole, Place.COMMIT, number))


def play(world: World, spot: Spot) -> None:
    """A life in which a commit fails, and one in which the disk is mended."""
    disk = world.disk
    disk.why, disk.kept = HOW[spot.how]
    disk.fail = spot.nth
    world.live()
    disk.fail = 0
    world.ticks += 1
    world.finish()


def ended(scene: Scene, spot: Spot, _whole: Whole) -> Expected:
    """As if nothing had happened: the log decides what was sent, under which key."""
    if spot.nth <= MADE:
        return frozenset({Verdict.REFUSED})
    if scene.plan in ENDS:
        return frozenset({ENDS[scene.plan]})
    return frozenset({Verdict.DONE})


HAZARDS = (
    Hazard(
        name="commit fails",
        group=Group.DISK,
        what="a commit fails: the disk is full, or a sync fails with the step in the log or not",
        rows=("P4",),
        scenes=scenes("three", "saga taken back", "one transaction"),
        spots=every_commit,
        play=play,
        expects=ended,
    ),
)
