"""What no table can prove, `verify` checks against what else the log holds."""

from pathlib import Path

import pytest

from tests.engine.test_verify_records import Row, change, faults, of, put
from tests.machines.lives import Moments
from tests.machines.support import buy
from tests.machines.test_lives import world


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A life that ended with an instruction in flight, and one that resolved it."""
    lived = world(tmp_path, [buy("1", name="A")])
    assert "KILLED" == lived.live(1, Moments("commit", 8))
    assert "STOPPED" == lived.live(1)
    return tmp_path / "log"


def claiming(rows: list[Row]) -> list[Row]:
    """The second life says that nothing was in flight, and resolves nothing."""
    at = of(rows, event="resolve_instruction")
    return put(rows, at, event="recovered", to="IDLE", instance=0)[: at + 1]


def test_recovery_that_left_an_instruction_in_flight_is_found(log: Path) -> None:
    change(log, claiming)

    ((where, what),) = faults(log)["recovered"]

    assert where.startswith("record ")
    assert "claims recovery, and instruction 1 is in INSTRUCTION.AWAIT_POSITION" == what


def test_what_was_in_flight_and_is_resolved_is_no_fault(log: Path) -> None:
    assert "recovered" not in faults(log)


def test_a_life_that_left_an_instruction_open_had_recovered_before(log: Path) -> None:
    change(log, lambda rows: rows[: of(rows, epoch=2)])

    assert "recovered" not in faults(log)
