"""The power is cut while a file beside the database is written: the header, or the anchor.

Both are written once, down to the disk, before anything rests on them. So what a cut can leave is
a beginning of them, and it strikes nothing else: the database is what its last sync left.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping

from verifill.engine.log.connection import DATABASE
from verifill.engine.log.writer import HEADER
from verifill.faults.hazard import Expected, Group, Hazard, Scene, Spot, Whole, scenes
from verifill.faults.judge import Verdict
from verifill.faults.kills import foreseen
from verifill.faults.lives import World
from verifill.faults.moments import At, Moments, Place
from verifill.faults.power import image_of, lay_out
from verifill.faults.power_disk import disk_of

Left = Callable[[bytes], bytes]
"""What is left of bytes that were written and not synced."""
LINES: Mapping[str, Left] = {
    "nothing of the line is left": lambda _line: b"",
    "half of the line is left": lambda line: line[: len(line) // 2],
    "the line has zeros for its bytes": lambda line: bytes(len(line)),
    "all of the line is left": lambda line: line,
}
WHOLE = "all of the line is left"


def at_anchors(whole: Whole, _seed: int) -> Iterator[Spot]:
    """At every line of the anchor, before its sync; and what may be left of it."""
    for number in range(1, whole.seen[Place.ANCHOR] + 1):
        for how in LINES:
            yield Spot(ats=(At(Place.ANCHOR, number, after=True),), how=how)


def cut_anchor(world: World, spot: Spot) -> Verdict:
    """A life that ends in a power cut while the anchor is written, and one on what is left."""
    disk = disk_of(world.log)
    image: dict[str, bytes] = {}
    world.ending = lambda: image.update(image_of(disk, world.log, lambda: False))
    world.disk.open = disk.connect
    world.live(Moments(spot.ats[0]))
    world.ending, world.disk.open = None, world.disk.usual
    lay_out(world.log, image)
    lines = world.anchor.read_bytes().splitlines(keepends=True)
    world.anchor.write_bytes(b"".join((*lines[:-1], LINES[spot.how](lines[-1]))))
    must = foreseen(world)
    world.ticks += 1
    world.finish()
    return must


def anchored(_scene: Scene, spot: Spot, _whole: Whole) -> Expected:
    """A log that was never anchored is none yet; a line that was not acknowledged is not missed."""
    first = spot.ats[0].number == 1 and spot.how != WHOLE
    return frozenset({Verdict.REFUSED if first else Verdict.DONE})


def _folder(world: World, _header: bytes) -> None:
    shutil.rmtree(world.log)


def _nothing(_world: World, _header: bytes) -> None:
    """An empty folder."""


def _header_of(left: Left, *, database: bool = False) -> Callable[[World, bytes], None]:
    def lay(world: World, header: bytes) -> None:
        (world.log / HEADER).write_bytes(left(header))
        if database:
            (world.log / DATABASE).write_bytes(b"")

    return lay


MADE: Mapping[str, tuple[Callable[[World, bytes], None], Verdict]] = {
    "no folder is left": (_folder, Verdict.DONE),
    "an empty folder is left": (_nothing, Verdict.DONE),
    "an empty header is left": (_header_of(lambda _whole: b""), Verdict.REFUSED),
    "half of the header is left": (_header_of(lambda h: h[: len(h) // 2]), Verdict.REFUSED),
    "the header has zeros for its bytes": (_header_of(lambda h: bytes(len(h))), Verdict.REFUSED),
    "the header is left, no database": (_header_of(lambda h: h), Verdict.REFUSED),
    "the header is left, and an empty database": (
        _header_of(lambda h: h, database=True),
        Verdict.REFUSED,
    ),
}
"""What may be left of a log that is being made -> how that is laid out, and how the run ends."""


def while_made(_whole: Whole, _seed: int) -> Iterator[Spot]:
    """While a log is made."""
    for how in MADE:
        yield Spot(how=how)


def cut_header(world: World, spot: Spot) -> None:
    """A power cut before the first commit to a log, and a life on what is left."""
    world.live(Moments(At(Place.COMMIT, 1)))
    header = (world.log / HEADER).read_bytes()
    shutil.rmtree(world.log)
    world.log.mkdir()
    MADE[spot.how][0](world, header)
    world.ticks += 1
    world.finish()


def made(_scene: Scene, spot: Spot, _whole: Whole) -> Expected:
    """Where nothing is left a log is made; what is half a log is for a person."""
    return frozenset({MADE[spot.how][1]})


HAZARDS = (
    Hazard(
        name="power cut at the anchor",
        group=Group.DISK,
        what="the power goes while a line of the anchor is written: nothing of it is left, a part, "
        "zeros, or all",
        rows=("P2", "P3"),
        scenes=scenes("three", "one transaction"),
        spots=at_anchors,
        play=cut_anchor,
        expects=anchored,
    ),
    Hazard(
        name="power cut at the header",
        group=Group.DISK,
        what="the power goes while a log is made: its folder, its header or its database is not "
        "there, or not whole",
        rows=("P2", "P3"),
        scenes=scenes("one"),
        spots=while_made,
        play=cut_header,
        expects=made,
    ),
)
