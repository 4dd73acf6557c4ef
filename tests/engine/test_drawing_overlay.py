"""A log over a drawing says what the log says, of a backtest and of a live run alike."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.engine.durable_support import LIFE, Memory
from tests.runs import buy, ran, ticks
from verifill.engine.compile import compile_table
from verifill.engine.drawing.marks import Marks, Taken
from verifill.engine.drawing.model import picture
from verifill.engine.drawing.overlay import overlay
from verifill.engine.errors import LogError
from verifill.engine.log.durable_reader import open_log
from verifill.engine.log.opening import create_log
from verifill.engine.log.record import Kind, Record
from verifill.engine.table import AnyTable
from verifill.machines.breaker import BREAKER
from verifill.machines.full_loop import FULL_LOOP
from verifill.machines.nesting import nesting
from verifill.machines.tight_loop import TIGHT_LOOP

MS = 10**6
SEND, AWAIT = "INSTRUCTION.SEND", "INSTRUCTION.AWAIT_POSITION"


def step(
    at_ms: int,
    source: str,
    event: str | None,
    target: str,
    kind: Kind = "TRANSITION",
    machine: str = "tight_loop",
) -> Record:
    moment: dict[str, Any] = {"wall_ns": (1 + at_ms) * MS, "mono_ns": (1 + at_ms) * MS}
    return Record(machine=machine, kind=kind, source=source, event=event, target=target, **moment)


def live(folder: Path, records: Sequence[Record], table: AnyTable = FULL_LOOP) -> Path:
    """A live log of the records, whose header holds the table."""
    told = nesting(FULL_LOOP, compile_table(FULL_LOOP))
    header = {"run": "r", "nesting": told, "table": table.content}
    log = create_log(folder, header, LIFE, anchor=Memory())
    log.append(list(records))
    log.close()
    return folder


def over(folder: Path, table: AnyTable, *, unfold: bool = False) -> Marks:
    return overlay(picture(table, unfold=unfold), open_log(folder))


STORY = (
    step(0, "DECIDE", "instruct", SEND, machine="full_loop"),
    step(1, SEND, None, SEND, "PLAN"),
    step(2, SEND, "accepted", AWAIT),
    step(12, AWAIT, "pending", AWAIT),
    step(15, AWAIT, "matched", AWAIT, "REFUSED"),
    step(16, AWAIT, "tick", AWAIT, "IGNORED", machine="full_loop"),
    step(32, AWAIT, "pending", AWAIT),
    step(62, AWAIT, "observed", "INSTRUCTION.RECONCILE"),
)


def test_moves_are_counted_with_the_time_in_the_state_before(tmp_path: Path) -> None:
    marks = over(live(tmp_path / "log", STORY), TIGHT_LOOP)

    assert {
        ("SEND", "AWAIT_POSITION", "accepted"): Taken(1, 2 * MS, 2 * MS),
        ("AWAIT_POSITION", "AWAIT_POSITION", "pending"): Taken(2, 20 * MS, 20 * MS),
        ("AWAIT_POSITION", "RECONCILE", "observed"): Taken(1, 30 * MS, 30 * MS),
    } == marks.taken
    assert {"SEND", "AWAIT_POSITION", "RECONCILE"} == set(marks.visited)
    assert {("AWAIT_POSITION", "matched"): 1} == marks.refused
    assert ("run r: 4 moves, 1 events refused",) == marks.notes


def test_a_table_drawn_once_has_what_happened_in_all_its_places(tmp_path: Path) -> None:
    elsewhere = [
        step(70, "INSTRUCTION.RECONCILE", "matched", "INSTRUCTION.DONE"),
        step(80, "ATOMIC.STEP.SEND", "accepted", "ATOMIC.STEP.AWAIT_POSITION"),
    ]
    folder = live(tmp_path / "log", [*STORY, *elsewhere])
    once, unfolded = over(folder, FULL_LOOP), over(folder, FULL_LOOP, unfold=True)

    way = ("tight_loop.SEND", "tight_loop.AWAIT_POSITION", "accepted")
    assert 2 == once.taken[way].count
    assert 1 == once.taken["DECIDE", "INSTRUCTION", "instruct"].count
    assert {"ATOMIC.STEP", "INSTRUCTION"} < set(once.visited)
    assert {("tight_loop.AWAIT_POSITION", "matched"): 1} == once.refused
    assert 1 == unfolded.taken[SEND, AWAIT, "accepted"].count


def test_a_backtest_is_drawn_as_a_live_run_is(tmp_path: Path) -> None:
    log, _ = ran(tmp_path, ticks([[buy()], [buy()]]), rows=3)
    marks = over(log, TIGHT_LOOP)

    assert {"accepted": 2, "observed": 2, "matched": 2} == {
        event: taken.count for (_, _, event), taken in marks.taken.items()
    }


def test_the_first_move_of_a_process_life_has_no_time(tmp_path: Path) -> None:
    marks = over(live(tmp_path / "log", STORY), FULL_LOOP)

    assert Taken(1, None, None) == marks.taken["DECIDE", "INSTRUCTION", "instruct"]
    assert "1x" == str(marks.taken["DECIDE", "INSTRUCTION", "instruct"])


def test_a_machine_beside_the_loops_is_counted_without_times(tmp_path: Path) -> None:
    opened = step(70, "CLOSED", "held", "OPEN.HELD", machine="breaker")
    marks = over(live(tmp_path / "log", [*STORY, opened]), BREAKER)

    assert {("CLOSED", "OPEN.HELD", "held"): Taken(1, None, None)} == marks.taken
    assert {"CLOSED", "OPEN.HELD"} == set(marks.visited)


def test_a_log_with_nothing_of_the_machine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="no transition of breaker"):
        over(live(tmp_path / "log", STORY), BREAKER)


def test_a_log_with_a_move_that_the_table_has_not_is_refused(tmp_path: Path) -> None:
    odd = step(1, "CLOSED", "held", "LATCHED.LOCKED", machine="breaker")

    with pytest.raises(LogError, match=r"\(CLOSED, held\) to LATCHED.LOCKED"):
        over(live(tmp_path / "log", [odd]), BREAKER)


def test_a_log_that_was_written_with_another_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="another table of full_loop"):
        over(live(tmp_path / "log", STORY, table=TIGHT_LOOP), FULL_LOOP)
