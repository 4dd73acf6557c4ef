"""The power is cut at a sync, or a write comes out short: what the disk really has is gone on with.

It needs `apsw`, an SQLite under which the disk can be ours: `pip install verifill[faults]`.
"""

import random
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import apsw

from verifill.engine.log.mark import MARK
from verifill.engine.log.writer import HEADER
from verifill.faults.hazard import Expected, Group, Hazard, Scene, Spot, Whole, scenes
from verifill.faults.judge import Verdict
from verifill.faults.kills import MADE, foreseen
from verifill.faults.lives import End, World
from verifill.faults.moments import At, Moments, Place
from verifill.faults.power_disk import Chance, Disk, disk_of

TORN = 2  # images of each cut in which sectors are lost by chance
SYNCS_MORE = 4  # syncs of a life beside those of its commits
CALLS = 8  # writes and syncs of a commit, at most, of which one is tried in each short write


def cuts(whole: Whole, seed: int) -> Iterator[Spot]:
    """At every sync and just after every commit; and what may be left of what was not synced."""
    hows = ("nothing unsynced is left", "all of it is left")
    torn = tuple(f"sectors are torn, seed {seed}.{number}" for number in range(1, TORN + 1))
    for number in range(1, whole.seen[Place.COMMIT] + SYNCS_MORE + 1):
        for how in (*hows, *torn):
            yield Spot(nth=number, how=how)
    for number in range(1, whole.seen[Place.COMMIT] + 1):
        yield Spot(ats=(At(Place.COMMIT, number, after=True),), nth=number, how=hows[0])


def chance_of(how: str) -> Chance:
    """Whether a sector that was not synced is left."""
    if how.startswith("nothing"):
        return lambda: False
    if how.startswith("all"):
        return lambda: True
    draws = random.Random(how)  # noqa: S311 - the same for the same seed
    return lambda: draws.random() < 1 / 2


def cut(world: World, spot: Spot) -> Verdict:
    """A life that ends in a power cut, and one on what is left."""
    disk = disk_of(world.log)
    image: dict[str, bytes] = {}
    syncs = 0

    def take() -> None:
        image.update(image_of(disk, world.log, chance_of(spot.how)))

    def before_sync() -> None:
        nonlocal syncs
        syncs += 1
        if syncs == spot.nth:
            take()
            world.disk.doomed = True

    if spot.ats:
        world.ending = take
    else:
        disk.before_sync = before_sync
    world.disk.open = disk.connect
    world.live(Moments(spot.ats[0] if spot.ats else None))
    disk.before_sync, world.ending = _nothing, None
    world.disk.open, world.disk.doomed = world.disk.usual, False
    if world.ends[-1] is End.KILLED:
        lay_out(world.log, image)
    must = foreseen(world)
    world.ticks += 1
    world.finish()
    return must


def _nothing() -> None:
    """What happens before a sync once the power is back."""


def image_of(disk: Disk, folder: Path, chance: Chance) -> Mapping[str, bytes]:
    """What a power cut leaves of a database."""
    left = {
        path.name: content.after_cut(chance)
        for path, content in disk.files.items()
        if path.parent == folder
    }
    return {name: data for name, data in left.items() if data is not None}


def lay_out(log: Path, image: Mapping[str, bytes]) -> None:
    """The folder of a log as a power cut left it.

    The header is whole: it was synced before the database was there. See `power_beside`. Of the
    mark the newest is left: it is written after the sync of what it speaks of.
    """
    kept = {name: (log / name).read_bytes() for name in (HEADER, MARK)}
    shutil.rmtree(log)
    log.mkdir()
    for name, data in kept.items():
        (log / name).write_bytes(data)
    for name, data in image.items():
        (log / name).write_bytes(data)


def calls(whole: Whole, _seed: int) -> Iterator[Spot]:
    """Writes and syncs, of which one fails."""
    for number in range(1, whole.seen[Place.COMMIT] * CALLS, 3):
        yield Spot(nth=number)


def fail(world: World, spot: Spot) -> Verdict:
    """A life in which a write comes out short, for want of room; one on what the system shows."""
    disk = disk_of(world.log)
    disk.fault, disk.faulty, disk.short = apsw.SQLITE_FULL, spot.nth, True
    world.disk.open = disk.connect
    world.live()
    disk.faulty = -1
    world.disk.open = world.disk.usual
    must = foreseen(world)
    world.ticks += 1
    world.finish()
    return must


def killed_after(made: int) -> Callable[[Scene, Spot, Whole], Expected]:
    """As if it had been killed there, with what is left.

    Args:
        made: so many syncs, or writes and syncs, make a log; before that there is none.
    """

    def ends(_scene: Scene, spot: Spot, _whole: Whole) -> Expected:
        if spot.nth <= (MADE if spot.ats else made):
            return frozenset({Verdict.REFUSED})
        return frozenset({Verdict.DONE})

    return ends


HAZARDS = (
    Hazard(
        name="power cut",
        group=Group.DISK,
        what="the power goes at a sync; of what was not synced nothing, all, or some sectors are "
        "left",
        rows=("P2", "P3"),
        scenes=scenes("three", "one transaction"),
        spots=cuts,
        play=cut,
        expects=killed_after(6),
    ),
    Hazard(
        name="short write",
        group=Group.DISK,
        what="a write leaves half of its bytes, because the disk is full",
        rows=("P4",),
        scenes=scenes("three"),
        spots=calls,
        play=fail,
        expects=killed_after(21),
    ),
)
