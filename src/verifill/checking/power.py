"""Power cuts, where a scope has them: nothing is left of what was not synced.

It needs `apsw`, an SQLite under which the disk can be ours: `pip install verifill[faults]`.
"""

from collections.abc import Callable, Mapping

from verifill.faults.lives import World
from verifill.faults.power import chance_of, image_of, lay_out
from verifill.faults.power_disk import disk_of

NOTHING_LEFT = chance_of("nothing unsynced is left")


class Power:
    """The disk of a world, and when its power goes: wherever a process may end, and at a sync.

    Args:
        world: whose log lies on it.
        cut: asked before each sync whether the power goes there.
    """

    def __init__(self, world: World, cut: Callable[[int], bool]) -> None:
        self._world = world
        self._cut = cut
        self._disk = disk_of(world.log)
        self._disk.before_sync = self._before_sync
        self._syncs = 0
        self._image: Mapping[str, bytes] | None = None
        world.disk.open = self._disk.connect
        world.ending = self._take

    def restored(self) -> None:
        """After a life: if the power went, the log is what the disk has of it."""
        if self._image is not None:
            lay_out(self._world.log, self._image)
            self._disk.files.clear()
        self._image, self._syncs, self._world.disk.doomed = None, 0, False

    def _take(self) -> None:
        self._image = image_of(self._disk, self._world.log, NOTHING_LEFT)

    def _before_sync(self) -> None:
        """Who is not asked is one whose power is gone: what it still writes is nowhere."""
        self._syncs += 1
        if self._image is None and self._cut(self._syncs):
            self._take()
            self._world.disk.doomed = True
