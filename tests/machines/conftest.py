"""Every log that a world of process lives writes is run again, and must come out the same."""

from collections.abc import Iterator

import pytest

from tests.machines.lives import World
from verifill.replay.live import replay_live


@pytest.fixture(autouse=True)
def every_log_replays() -> Iterator[None]:
    """Checked after each test."""
    World.logs.clear()
    yield
    for log in World.logs:
        replayed = replay_live(log)

        assert replayed.difference is None, replayed.difference
        assert (replayed.of, ()) == (replayed.count, replayed.limits)
