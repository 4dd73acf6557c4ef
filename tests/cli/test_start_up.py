"""The start-up tests of `verifill live`: none hides another; health is of this life alone."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_exit_codes import FIRM, Command, live
from tests.live.worlds import ROOT, written
from tests.serving import Serving
from verifill.cli.failures import ExitCode

BROKEN = {"times": 10_000, "delivery": {"before": "status", "status": 503}}
WAYS = {
    "feed heartbeat": {"name": "feed", "on": "prices", **BROKEN},
    "order handling": {"name": "orders", "on": "status", "venue": "binance", **BROKEN},
    "position query": {"name": "positions", "on": "positions", "venue": "binance", **BROKEN},
}
SOME = [
    ("feed heartbeat",),
    ("position query",),
    ("feed heartbeat", "position query"),
    tuple(WAYS),
]


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    made = Serving(tmp_path)
    yield made
    made.end()


def verifill(*arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "verifill", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout


def status(log: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(verifill("status", log, "--json"))
    return told


def healths(log: Path) -> dict[str, str]:
    return {one["scope"]: one["state"] for one in status(log)["guard"]["health"]}


@pytest.mark.parametrize("failing", SOME, ids=" and ".join)
def test_every_test_that_fails_is_told_by_name_and_the_engine_waits_halted(
    tmp_path: Path, serving: Serving, failing: tuple[str, ...]
) -> None:
    config, log = written(tmp_path, FIRM), tmp_path / "log"
    serving.start(config)
    serving.admin("/arm", {"faults": [WAYS[name] for name in failing]})
    going = live(config, serving)
    going.says("blocked")

    told = status(log)
    assert "HALTED" == told["work"]["state"]
    for name in WAYS:
        assert (name in failing) == (name in told["failure"]["payload"]), told["failure"]
    assert "HEALTHY" != healths(log)["strategy:strategy.py"]

    serving.admin("/disarm", None)
    verifill("ops", "resume", log, "--actor", "ann", "--reason", "mended")
    going.says("matched")
    going.stop(signal.SIGTERM)
    assert ExitCode.COMPLETED == going.ended()[0]
    assert {"HEALTHY"} == set(healths(log).values())


def test_after_a_kill_nothing_is_ready_before_it_has_succeeded_again(
    tmp_path: Path, serving: Serving
) -> None:
    config, log = written(tmp_path, FIRM), tmp_path / "log"
    serving.start(config)
    going = live(config, serving)
    going.says("matched")
    going.stop(signal.SIGKILL)
    going.ended()
    assert {"HEALTHY"} == set(healths(log).values())

    again = Command("live", config, "--port", 9)
    again.says("blocked")
    again.stop(signal.SIGTERM)
    assert ExitCode.ENDED_EARLY == again.ended()[0]
    told = healths(log)
    assert {"NOT_READY", "UNHEALTHY"} == set(told.values())
    assert {"binance", "feed:binance", "strategy:strategy.py"} == told.keys()
    assert "NOT_READY" == told["binance"]
