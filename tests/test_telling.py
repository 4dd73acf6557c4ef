"""What a live run says of its records, a line each."""

import json

import pytest

from verifill.engine.log.record import Record
from verifill.telling import Style, telling


def test_an_engine_that_is_halted_says_what_it_waits_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tell = telling(Style.JSON)
    tell(_moved("blocked", "HALTED"), 7)
    tell(_moved("recovered", "IDLE"), 8)
    halted, idle = (json.loads(line) for line in capsys.readouterr().err.splitlines())

    assert 7 == halted["seq"]
    assert "`verifill ops resume`" in halted["next"]
    assert "next" not in idle


def test_an_event_that_says_nothing_is_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    telling(Style.JSON)(_moved("tick", "DECIDE"), 9)

    assert not capsys.readouterr().err


def _moved(event: str, target: str) -> Record:
    return Record(
        machine="full_loop", kind="TRANSITION", event=event, target=target, wall_ns=1, mono_ns=1
    )
