"""The durable executor: first the disk, then the state."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.engine.durable_support import beside
from verifill.engine.compile import compile_table
from verifill.engine.errors import EngineDefect, IllegalEvent, LogError, TableError
from verifill.engine.executor import Context, DurableExecutor
from verifill.engine.log.durable import DurableLog
from verifill.engine.log.durable_reader import DurableReader
from verifill.engine.log.expand import Nesting
from verifill.engine.log.live import LiveLog, Moment
from verifill.engine.log.opening import create_log
from verifill.engine.log.record import Record
from verifill.engine.paths import Move
from verifill.machines.full_loop import FULL_LOOP
from verifill.machines.nesting import nesting

COMPILED = compile_table(FULL_LOOP)
HEADER: Mapping[str, Any] = {"run": "r", "epoch": 1, "nesting": nesting(FULL_LOOP, COMPILED)}
LIFE = Record(machine="process", kind="EPOCH", wall_ns=1, mono_ns=1)


def logged(folder: Path) -> tuple[DurableLog, LiveLog, DurableExecutor]:
    log = create_log(folder / "log", HEADER, LIFE, anchor=beside(folder / "log"))
    live = LiveLog(log, Nesting(**HEADER["nesting"]), lambda: Moment(2, 2))
    return log, live, DurableExecutor(COMPILED, live)


def rows(folder: Path) -> list[tuple[Any, ...]]:
    records = DurableReader(folder / "log").records().collect()
    return records.filter(machine="full_loop").select("kind", "from", "event", "to").rows()


def test_an_illegal_event_is_logged_as_refused_and_the_state_is_unchanged(tmp_path: Path) -> None:
    log, _, machine = logged(tmp_path)

    with log, pytest.raises(IllegalEvent):
        machine.fire("tock" if "tock" in COMPILED.events else "settled")
    assert "START" == machine.state
    assert [("REFUSED", "START", "settled", "START")] == rows(tmp_path)


def test_an_event_that_does_not_matter_is_logged_as_ignored(tmp_path: Path) -> None:
    log, _, machine = logged(tmp_path)

    with log:
        machine.fire("tick")
    assert [("IGNORED", "START", "tick", "START")] == rows(tmp_path)


def test_events_taken_together_are_a_record_each(tmp_path: Path) -> None:
    log, _, machine = logged(tmp_path)

    with log:
        machine.fire_all(("recover", "recovered", "tick"))
        machine.cut()
    assert ("DECIDE", 3) == (machine.state, machine.seq)
    assert ["recover", "recovered", "tick"] == [event for _, _, event, _ in rows(tmp_path)]


def test_what_it_remembers_of_where_it_was_does_not_grow(tmp_path: Path) -> None:
    log, _, machine = logged(tmp_path)
    before = len(machine.paths.nodes)

    with log:
        machine.fire_all(("recover", "recovered", "skip", "skip", "tick", "fail", "rest"))
    assert ("IDLE", 7, before) == (machine.state, machine.seq, len(machine.paths.nodes))


def test_an_event_that_the_machine_does_not_have_is_not_logged(tmp_path: Path) -> None:
    log, _, machine = logged(tmp_path)

    with log, pytest.raises(TableError):
        machine.fire("no such event")
    assert [] == rows(tmp_path)


def test_a_transition_that_cannot_be_written_does_not_move_the_state() -> None:
    class Full:
        def path(self, seq: int, number: int, context: Context) -> None:
            """Nothing."""

        def transition(
            self, source: str, event: str, target: str, move: Move, context: Context
        ) -> None:
            msg = f"disk full: {source} {event} {target} {move} {context.tick}"
            raise LogError(msg)

    machine = DurableExecutor(COMPILED, Full())

    with pytest.raises(LogError, match="disk full"):
        machine.fire("recover")
    assert ("START", 0) == (machine.state, machine.seq)


# The live log.


def test_rows_wait_for_the_next_record_and_are_in_its_payload_once(tmp_path: Path) -> None:
    log, live, machine = logged(tmp_path)

    with log:
        live.streams["notes"].append((0, 0, live.codes["NOTE"], "{}"))
        live.tell("said", "so")
        machine.fire("recover")
        live.note("NOTE", machine.state, machine.context)
    payloads = DurableReader(tmp_path / "log").records().collect()["payload"].to_list()
    assert ['{"said":"so","streams":{"notes":[[0,"NOTE","{}"]]}}', None] == payloads[1:]


def test_a_second_intent_with_one_key_is_refused_and_nothing_of_it_is_written(
    tmp_path: Path,
) -> None:
    log, live, machine = logged(tmp_path)

    with log:
        live.note("INTENT", machine.state, machine.context, intent_id="key")
        with pytest.raises(EngineDefect):
            live.note("INTENT", machine.state, machine.context, intent_id="key")
    assert 1 == len(rows(tmp_path))


def test_after_each_record_whoever_asked_is_told(tmp_path: Path) -> None:
    log, live, machine = logged(tmp_path)
    heard: list[str] = []

    def hear(record: Record, seq: int) -> None:
        heard.append(f"{seq} {record.event} {machine.state}")

    live.on_record = hear
    with log:
        machine.fire("recover")
        live.anchor()
    assert ["2 recover START"] == heard  # the record comes before the state moves


def test_a_live_engine_takes_no_short_cut(tmp_path: Path) -> None:
    log, live, _ = logged(tmp_path)

    with log:
        assert {} == live.usual.kinds
