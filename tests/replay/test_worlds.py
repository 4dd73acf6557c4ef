"""Whatever befalls a live engine between real venues, its log is run again and is the same."""

from collections.abc import Generator
from contextlib import contextmanager

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
NO_LOG_OF_OURS = {"old log", "power cut at the header"}  # or none yet


class Replaying(Matrix):
    """A matrix of faults that runs the log of every cell again."""

    replayed = 0

    @contextmanager
    def _world(self, scene: Scene, seed: str = "") -> Generator[World]:
        with super()._world(scene, seed) as world:
            yield world
            if is_log(world.log):
                told = replay_live(world.log)

                assert told.difference is None, (scene, seed, told.difference)
                assert (told.of, ()) == (told.count, told.limits)
                self.replayed += 1


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Replaying:
    """One for all hazards: what nothing befalls is run once."""
    return Replaying(chosen(tuple(HAZARDS)), tmp_path_factory.mktemp("matrix"))


@pytest.mark.parametrize("hazard", [name for name in HAZARDS if name not in NO_LOG_OF_OURS])
def test_the_log_of_a_cell_is_the_same_again(matrix: Replaying, hazard: str, every: int) -> None:
    cells, _ = matrix.cells(Picked(only=(hazard,), sample=max(1, 8 // every)))
    before = matrix.replayed

    for cell in cells:
        matrix.run(cell)

    assert before < matrix.replayed
