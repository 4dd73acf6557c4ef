"""What no table can prove, `verify` checks against what else the log holds."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.engine.test_verify_records import Row, change, faults, of, put
from tests.machines.lives import Moments
from tests.machines.support import BTC, buy
from tests.machines.test_live_loop import tolerant
from tests.machines.test_lives import PLANS, world
from tests.rechained import rechained
from verifill.engine.digest import canonical_json
from verifill.engine.log.anchor import FileAnchor
from verifill.engine.log.writer import HEADER
from verifill.engine.verify.log import verify
from verifill.engine.verify.verdict import Verdict


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


def payloads(rows: list[Row], how: Callable[[dict[str, Any]], None]) -> list[Row]:
    """Change what payloads say."""
    for row in rows:
        if row["payload"]:
            told = json.loads(row["payload"])
            how(told)
            row["payload"] = json.dumps(told, separators=(",", ":"), sort_keys=True)
    return rows


def streamed(name: str, column: int, how: Callable[[Any], Any]) -> Callable[[list[Row]], list[Row]]:
    """Change a column of a stream that payloads carry."""

    def changed(told: dict[str, Any]) -> None:
        for one in told.get("streams", {}).get(name, ()):
            one[column] = how(one[column])

    return lambda rows: payloads(rows, changed)


def test_a_fill_that_is_not_what_the_position_changed_by_is_found(tmp_path: Path) -> None:
    lived = world(tmp_path, [buy("1", name="A")])
    assert "STOPPED" == lived.live(1)
    log = tmp_path / "log"
    change(log, streamed("fills", 2, lambda quantity: quantity + 1))

    ((where, what),) = faults(log)["sums"]

    assert where.startswith("record ")
    assert "desk.spot:BaseToken:BTC is -1 apart from what instruction 1 has moved" == what


def test_a_position_that_is_not_what_fills_come_to_is_found(tmp_path: Path) -> None:
    """Its bounds are moved along, so nothing else shows it."""
    lived = world(tmp_path, [buy("1", name="A")])
    assert "STOPPED" == lived.live(1)
    bought = 100_000_000

    def beyond(told: dict[str, Any]) -> None:
        if told.get("streams", {}).get("fills"):
            for one in told["streams"]["positions"][:1]:
                one[3:6] = [units + bought for units in one[3:6]]

    change(tmp_path / "log", lambda rows: payloads(rows, beyond))

    ((_, what),) = faults(tmp_path / "log")["sums"]
    assert f"desk.spot:BaseToken:BTC is {bought} apart" in what


def test_recovery_that_says_something_else_became_of_an_order_is_found(log: Path) -> None:
    def other(text: str) -> str:
        return text.replace('"adopted"', '"voided"')

    change(log, streamed("notes", 2, other))

    ((where, what),) = faults(log)["resolution"]

    assert where.startswith("record ")
    assert "claims that the order of instruction 1 was voided, and goes to INSTRUCTION.DONE" == what


def test_recovery_that_says_to_be_complete_with_an_order_that_is_held_is_found(log: Path) -> None:
    change(log, streamed("notes", 2, lambda text: text.replace('"adopted"', '"held"')))

    ((_, what),) = faults(log)["resolution"]

    assert "claims to be complete, and the order of instruction 1 is held" == what


def test_a_step_that_nothing_took_back_is_found_where_its_chain_is_rolled_back(
    tmp_path: Path,
) -> None:
    lived = world(tmp_path, *PLANS["saga taken back"])
    assert "STOPPED" == lived.live(2)
    log = tmp_path / "log"
    assert {} == faults(log)

    change(log, streamed("instructions", 2, lambda role: {"COMPENSATION": "STEP"}.get(role, role)))

    assert [
        "claims that chain 1 is rolled back, and nothing took instruction "
        f"{number} back, which was executed"
        for number in (1, 2, 4, 5)
    ] == [what for _, what in faults(log)["rolled back"]]


def declared(log: Path, folder: Path, budget: str | None) -> Verdict:
    """What is found if the header had declared so much a day for bitcoin."""
    header = json.loads((log / HEADER).read_bytes())
    told = {} if budget is None else {BTC: {"budget": budget}}
    header["config"] = {"seed": 1, "tolerances": told}
    (log / HEADER).write_bytes(canonical_json(header))
    copy = rechained(log, folder, lambda records: records)
    return verify(copy, anchor=FileAnchor(Path(f"{copy}.anchor")))


@pytest.mark.parametrize("budget", ["0.00000003", "1"])
def test_what_was_accepted_within_its_declared_budget_conforms(tmp_path: Path, budget: str) -> None:
    assert declared(tolerant(tmp_path / "lived").log, tmp_path / "copy", budget).conforms


@pytest.mark.parametrize(
    ("budget", "units", "days"),
    [("0.00000002", 2, [3]), ("0", 0, [3, 2]), ("much", 0, [3, 2]), (None, 0, [3, 2])],
)
def test_more_than_was_declared_for_a_day_is_found(
    tmp_path: Path, budget: str | None, units: int, days: list[int]
) -> None:
    verdict = declared(tolerant(tmp_path / "lived").log, tmp_path / "copy", budget)

    (found,) = (check for check in verdict.checks if check.count)
    assert "tolerances" == found.name
    told = f"units were accepted of {BTC} on its day, and {units} were declared"
    assert [f"{spent} {told}" for spent in days] == [fault.what for fault in found.faults]


def test_where_a_program_has_declared_it_the_budget_is_not_looked_at(tmp_path: Path) -> None:
    (found,) = (
        check for check in verify(tolerant(tmp_path).log).checks if check.name == "tolerances"
    )

    assert found.skipped.startswith("the header declares no budget")
