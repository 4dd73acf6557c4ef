"""Every log that a world of process lives writes is run again, and must come out the same."""

from collections.abc import Iterator

import pytest

from tests.machines.lives import World
from verifill.replay.live import replay_live


@pytest.fixture(autouse=True)
def every_log_replays(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test, unless it is marked `tampered`."""
    World.logs.clear()
    yield
    if request.node.get_closest_marker("tampered"):
        return
    for log in World.logs:
        replayed = replay_live(log)

        assert replayed.difference is None, (replayed.difference.what, replayed.difference)
        assert (replayed.of, ()) == (replayed.count, replayed.limits)
