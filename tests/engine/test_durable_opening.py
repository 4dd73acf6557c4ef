"""Taking up a durable log: verified from its start, one life after the other."""

import json
import sqlite3
from pathlib import Path

import pytest

from tests.engine.durable_support import (
    HEADER,
    TABLE,
    Memory,
    beside,
    created,
    filled,
    holding,
    note,
    reopened,
    step,
)
from verifill.engine.errors import EngineDefect, LogError
from verifill.engine.log import connection
from verifill.engine.log.durable_reader import DurableReader
from verifill.engine.log.opening import origin_of, reopen_log, verify_log
from verifill.engine.log.record import Record, Tail
from verifill.engine.log.writer import Writer


def test_a_life_follows_the_other_with_an_epoch_of_the_next_number(tmp_path: Path) -> None:
    anchor = Memory()
    with created(tmp_path / "log", anchor=anchor) as log:
        log.append([note(1, mono_ns=7)])
    for number in (2, 3):
        life = Record(
            machine="full_loop", kind="EPOCH", wall_ns=9, mono_ns=5 - number,
            payload={"life": number},
        )  # fmt: skip
        with reopen_log(tmp_path / "log", life, definition_hash=TABLE, anchor=anchor) as log:
            log.append([note(1, mono_ns=7)])

    told = DurableReader(tmp_path / "log").records().select("seq", "epoch", "kind", "payload")
    assert [
        (2, 1, "NOTE", '{"number":1}'),
        (3, 2, "EPOCH", '{"life":2}'),
        (4, 2, "NOTE", '{"number":1}'),
        (5, 3, "EPOCH", '{"life":3}'),
        (6, 3, "NOTE", '{"number":1}'),
    ] == told.collect().rows()[1:]


def test_the_tail_tells_where_the_last_life_left_the_machine(tmp_path: Path) -> None:
    with created(tmp_path / "log") as log:
        assert (0, 0, None) == (log.found.seq, log.found.epoch, log.found.state)
        log.append([note(5, source="A", event="e", target="B", mono_ns=8)])
        log.append([note(6, machine="breaker", source="OPEN", target="CLOSED", mono_ns=9)])
        ended = log.tail

    with reopened(tmp_path / "log") as again:
        assert ended == again.found
        assert Tail(3, ended.hash, epoch=1, state="B", wall_ns=6, mono_ns=9) == again.found
        assert Tail(4, again.tail.hash, epoch=2, state="B", wall_ns=1, mono_ns=1) == again.tail


def test_a_log_goes_on_when_nothing_was_written_in_a_life(tmp_path: Path) -> None:
    created(tmp_path / "log").close()
    for life in range(2, 5):
        with reopened(tmp_path / "log") as log:
            assert (life, life) == (log.tail.seq, log.tail.epoch)


def test_an_old_log_with_a_new_table_is_refused(tmp_path: Path) -> None:
    filled(tmp_path / "log").close()

    with pytest.raises(LogError, match="an old log with a new table: it was written with the tabl"):
        reopened(tmp_path / "log", table="e" * 64)
    assert not (tmp_path / "log" / "lock").exists()


def test_a_log_of_a_backtest_is_not_taken_up(tmp_path: Path) -> None:
    Writer(tmp_path / "log", HEADER).close({})

    with pytest.raises(LogError, match=r"log is no durable log: it has no log\.sqlite"):
        reopened(tmp_path / "log")


def test_a_log_without_its_database_is_refused_and_none_is_made(tmp_path: Path) -> None:
    filled(tmp_path / "log").close()
    (tmp_path / "log" / "log.sqlite").unlink()

    with pytest.raises(LogError, match=r"has no log\.sqlite"):
        reopened(tmp_path / "log")
    assert {"header.json", "mark"} == {path.name for path in (tmp_path / "log").iterdir()}


def test_a_folder_that_holds_no_log_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="is no log"):
        reopened(tmp_path)
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("broken", [{}, {"run": "r", "nesting": None}, {"run": "r", "nesting": {}}])
def test_a_header_that_names_no_run_or_no_table_is_refused(
    broken: dict[str, object], tmp_path: Path
) -> None:
    filled(tmp_path / "log").close()
    header = {"schema_version": 2, "store": "sqlite"} | broken
    (tmp_path / "log" / "header.json").write_text(json.dumps(header))

    with pytest.raises(LogError, match="names no run, or no digest of a table"):
        origin_of(tmp_path / "log")
    with pytest.raises(
        LogError, match=r"damaged header: of the fields of header\.json, 'nesting' is"
    ):
        reopened(tmp_path / "log")


def test_an_anchor_that_was_lost_is_not_taken_for_a_new_one(tmp_path: Path) -> None:
    filled(tmp_path / "log").close()

    with pytest.raises(LogError, match="holds nothing, and every log publishes there when it beg"):
        reopened(tmp_path / "log", anchor=Memory())


def test_the_anchor_of_another_log_is_refused(tmp_path: Path) -> None:
    filled(tmp_path / "log").close()

    with pytest.raises(LogError, match=r"record 2 has the hash .* or the anchor is of another log"):
        reopened(tmp_path / "log", anchor=holding((2, "0" * 64)))


def test_what_a_killed_writer_left_in_the_log_of_writes_is_taken_up(tmp_path: Path) -> None:
    log = filled(tmp_path / "log", (2, 1, 3))
    copied = tmp_path / "copy"
    copied.mkdir()
    for path in (tmp_path / "log").iterdir():  # as a kill would have left it
        (copied / path.name).write_bytes(path.read_bytes())
    told = (log.tail.seq, log.tail.hash)
    log.close()

    with reopened(copied, anchor=holding(told)) as again:
        assert told == again.found[:2]


def test_a_reader_that_does_not_end_keeps_a_log_from_being_taken_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "BUSY_S", 0)
    log = filled(tmp_path / "log")
    reader = sqlite3.connect(tmp_path / "log" / "log.sqlite", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM records").fetchone()
    log.append(step(1))
    log.close()

    with pytest.raises(LogError, match="read by another process for too long"):
        reopened(tmp_path / "log")
    reader.close()
    reopened(tmp_path / "log").close()


def test_a_log_is_verified_while_it_is_written(tmp_path: Path) -> None:
    anchor = Memory()
    with created(tmp_path / "log", anchor=anchor) as log:
        log.append(step(1, 3))

        assert log.tail == verify_log(tmp_path / "log", anchor)


def test_a_connection_that_cannot_be_made_durable_lets_the_lock_go(tmp_path: Path) -> None:
    filled(tmp_path / "log").close()

    with pytest.raises(LogError, match="has journal_mode 'memory'"):
        reopened(tmp_path / "log", connect=lambda _path: sqlite3.connect(":memory:"))
    reopened(tmp_path / "log").close()


def test_a_life_that_is_no_epoch_is_refused_and_lets_the_lock_go(tmp_path: Path) -> None:
    filled(tmp_path / "log").close()

    with pytest.raises(EngineDefect, match="it must be EPOCH"):
        reopen_log(
            tmp_path / "log", note(1), definition_hash=TABLE, anchor=beside(tmp_path / "log")
        )
    reopened(tmp_path / "log").close()
