"""A venue that says for how long to stay away is obeyed by the next process life too."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_exit_codes import FIRM, live
from tests.live.worlds import LiveWorld, written
from tests.serving import Serving
from verifill.cli.failures import ExitCode

AWAY_S = 12
BUSY = {
    "name": "busy",
    "delivery": {"before": "status", "status": 429, "retry_after_s": AWAY_S},
}


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    made = Serving(tmp_path)
    yield made
    made.end()


def test_a_kill_does_not_make_it_forget_for_how_long_to_stay_away(
    tmp_path: Path, serving: Serving
) -> None:
    config = written(tmp_path, FIRM)
    serving.start(config)
    serving.admin("/arm", {"faults": [BUSY]})
    going = live(config, serving)
    going.says("stay away")
    going.stop(signal.SIGKILL)
    going.ended()

    code, told = live(config, serving, "--ticks", "1").ended()
    assert ExitCode.COMPLETED == code, told

    world = LiveWorld(tmp_path, config, serving)
    records = world.records
    (said_ns,) = [
        row["wall_ns"]
        for row in records.filter(machine="health", epoch=1).to_dicts()
        if "stay away" in json.loads(row["payload"])["reason"]
    ]
    # market data is what a life asks its venues for first
    (heard_ns,) = records.filter(machine="feed", event="heartbeat", epoch=2)["wall_ns"]
    assert heard_ns - said_ns >= AWAY_S * 10**9
    world.check()
