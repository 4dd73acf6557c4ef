"""Whatever befalls a live engine between real venues, its log is run again and is the same."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from verifill.engine.log.writer import is_log
from verifill.faults.catalogue import chosen
from verifill.faults.hazard import Group, Scene
from verifill.faults.lives import World
from verifill.faults.matrix import Matrix, Picked
from verifill.replay.live import replay_live

HAZARDS = [
    hazard.name for hazard in chosen(()) if hazard.scenes and hazard.group is not Group.DAMAGE
]
NO_LOG_OF_OURS = {"old log"}


class Replaying(Matrix):
    """A matrix of faults that runs the log of every cell again."""

    def __init__(self, only: str, folder: Path) -> None:
        super().__init__(chosen((only,)), folder)
        self.replayed = 0

    @contextmanager
    def _world(self, scene: Scene, seed: str = "") -> Generator[World]:
        with super()._world(scene, seed) as world:
            yield world
            if is_log(world.log):
                told = replay_live(world.log)

                assert told.difference is None, (scene, seed, told.difference)
                assert (told.of, ()) == (told.count, told.limits)
                self.replayed += 1


@pytest.mark.parametrize("hazard", [name for name in HAZARDS if name not in NO_LOG_OF_OURS])
def test_the_log_of_a_cell_is_the_same_again(tmp_path: Path, hazard: str, every: int) -> None:
    matrix = Replaying(hazard, tmp_path)
    cells, _ = matrix.cells(Picked(only=(hazard,), sample=max(1, 8 // every)))

    for cell in cells:
        matrix.run(cell)

    assert len(cells) < matrix.replayed
