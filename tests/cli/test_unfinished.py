"""`verifill status` of an engine that is parked, recovers, or waits for a person: what is open."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_exit_codes import FIRM, RESTS, UNHEARD, live
from tests.cli.test_start_up import WAYS, status, verifill
from tests.live.worlds import written
from tests.serving import Serving
from verifill.cli.failures import ExitCode

SHORT = FIRM + "[retry.live.timeouts]\ntight_loop_s = 2\n"
NOTHING = "nothing was in flight"


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    made = Serving(tmp_path)
    yield made
    made.end()


def test_the_order_in_flight_is_told_of_a_parked_a_blocked_and_a_recovered_engine(
    tmp_path: Path, serving: Serving
) -> None:
    config, log = written(tmp_path, FIRM), tmp_path / "log"
    serving.start(config)
    serving.admin("/arm", RESTS)
    going = live(config, serving)
    going.says("accepted")
    going.stop(signal.SIGTERM)
    assert ExitCode.PARKED == going.ended()[0]

    parked = status(log)
    order = parked["in_flight"]
    assert ("binance", "binance.spot") == (order["venue"], order["account"])
    assert {"complete": True, "found": [NOTHING]}.items() <= parked["recovery"].items()
    line = verifill("status", log)
    assert order["key"] in line.split("order in flight")[1].splitlines()[0]

    serving.admin("/arm", {"faults": list(WAYS.values())})
    going = live(config, serving)
    going.says("blocked")  # and HALTED
    halted = status(log)
    assert ("HALTED", order) == (halted["work"]["state"], halted["in_flight"])
    assert (False, []) == (halted["recovery"]["complete"], halted["recovery"]["found"])

    serving.admin("/disarm", None)
    verifill("ops", "resume", log, "--actor", "ann", "--reason", "mended")
    going.says("resolve_instruction")
    recovering = status(log)
    assert order == recovering["in_flight"]
    (found,) = recovering["recovery"]["found"]
    assert order["key"] in found
    assert not recovering["recovery"]["complete"]

    verifill("ops", "kill", log, "--actor", "ann", "--reason", "no more")
    for _ in range(120):  # half a second each: it cancels, looks, and halts
        if "HALTED" == status(log)["work"]["state"]:
            break
        time.sleep(0.5)
    going.stop(signal.SIGTERM)
    going.ended()
    ended = status(log)
    assert None is ended["in_flight"]
    assert (True, [order["key"]]) == (ended["recovery"]["complete"], ended["recovery"]["voided"])
    assert f"voided {order['key']}" in " ".join(verifill("status", log).split())


def test_what_is_held_is_told_as_held(tmp_path: Path, serving: Serving) -> None:
    config, log = written(tmp_path, SHORT), tmp_path / "log"
    serving.start(config)
    serving.admin("/arm", {"use": ["dropped_after"], "faults": [UNHEARD]})
    for word in ("HELD", "held"):
        going = live(config, serving)
        going.says(word)
        going.stop(signal.SIGTERM)
        assert ExitCode.PARKED == going.ended()[0]

    told = status(log)
    key = told["in_flight"]["key"]
    assert ([key], False) == (told["recovery"]["held"], told["recovery"]["complete"])
    assert json.dumps(key) in verifill("status", log, "--json")
