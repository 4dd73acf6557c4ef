"""Writing a durable log: exact, all or nothing, private, one writer, stopped by any failure."""

import os
import sqlite3
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.durable_support import (
    HEADER,
    LIFE,
    TABLE,
    Memory,
    beside,
    created,
    filled,
    holding,
    intent,
    note,
    reopened,
    step,
)
from verifill.engine.digest import canonical_json
from verifill.engine.errors import EngineDefect, LogError, LogExists
from verifill.engine.log import connection
from verifill.engine.log.anchor import Callbacks, FileAnchor
from verifill.engine.log.durable import DurableLog
from verifill.engine.log.durable_reader import DurableReader
from verifill.engine.log.opening import create_log
from verifill.engine.log.record import COLUMNS, EVIDENCE, KINDS, Record
from verifill.engine.log.schema import STREAMS
from verifill.engine.log.writer import Claim

WORDS = Record(
    machine="tight_loop",
    instance=7,
    parent=3,
    source="INSTRUCTION.SEND",
    event="accepted",
    target="INSTRUCTION.AWAIT_POSITION",
    attempt=2,
    kind="OBSERVED",
    cause_seq=1,
    intent_id="k" * 32,
    venue_ref="Börse \u2028 \x00 \U0001f600",
    wall_ns=2**63 - 1,
    mono_ns=5,
    venue_ns=-(2**63),
    quantity=2**127 - 1,
    price=-(2**127),
    payload={"b": [1, None, "ä"], "a": {"c": True}},
)


def rows(folder: Path) -> list[dict[str, Any]]:
    """What the database holds, asked without the code under test."""
    database = sqlite3.connect(folder / "log.sqlite")
    database.row_factory = sqlite3.Row
    told = [dict(row) for row in database.execute("SELECT * FROM records ORDER BY seq")]
    database.close()
    return told


def test_every_column_comes_back_as_it_was_given(tmp_path: Path) -> None:
    with created(tmp_path / "log") as log:
        assert 2 == log.append([WORDS])

    row = DurableReader(tmp_path / "log").records().collect().row(1, named=True)
    assert {
        "seq": 2,
        "run": "r",
        "epoch": 1,
        "machine": "tight_loop",
        "instance": 7,
        "parent": 3,
        "from": "INSTRUCTION.SEND",
        "event": "accepted",
        "to": "INSTRUCTION.AWAIT_POSITION",
        "attempt": 2,
        "kind": "OBSERVED",
        "cause_seq": 1,
        "intent_id": "k" * 32,
        "venue_ref": "Börse \u2028 \x00 \U0001f600",
        "wall_ns": 2**63 - 1,
        "mono_ns": 5,
        "venue_ns": -(2**63),
        "definition_hash": TABLE,
        "quantity": 2**127 - 1,
        "price": -(2**127),
        "payload": '{"a":{"c":true},"b":[1,null,"\\u00e4"]}',
        "prev_hash": rows(tmp_path / "log")[0]["hash"],
    } == row


@settings(max_examples=10)
@given(
    amounts=st.lists(
        st.tuples(st.integers(-(2**127), 2**127 - 1), st.integers(-(2**127), 2**127 - 1)),
        min_size=1,
        max_size=50,
    )
)
def test_amounts_of_up_to_128_bits_stay_exact(
    amounts: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("amounts") / "log"
    with created(folder) as log:
        log.append([note(1, quantity=quantity, price=price) for quantity, price in amounts])

    told = DurableReader(folder).records().select("quantity", "price").collect().rows()
    assert amounts == told[1:]


def test_what_a_record_leaves_out_is_null_and_its_cause_is_the_record_before(
    tmp_path: Path,
) -> None:
    with created(tmp_path / "log") as log:
        log.append([Record(machine="breaker", kind="NOTE", wall_ns=5, mono_ns=6)])

    (_, row) = rows(tmp_path / "log")
    assert {"instance": 0, "parent": 0, "attempt": 0, "cause_seq": 1} == {
        name: row[name] for name in ("instance", "parent", "attempt", "cause_seq")
    }
    assert {"from", "event", "to", "intent_id", "venue_ref", "venue_ns"} | {
        "quantity", "price", "payload",
    } == {name for name, value in row.items() if value is None}  # fmt: skip


class Leaf(StrEnum):
    IDLE = "IDLE"


class Number(IntEnum):
    TWO = 2


def test_members_of_enums_are_written_as_what_they_stand_for(tmp_path: Path) -> None:
    with created(tmp_path / "log") as log:
        log.append([note(1, source=Leaf.IDLE, instance=Number.TWO)])
    reopened(tmp_path / "log").close()

    (_, row, _) = rows(tmp_path / "log")
    assert ("IDLE", 2) == (row["from"], row["instance"])


def test_records_are_numbered_from_1_without_a_gap_each_with_the_hash_before(
    tmp_path: Path,
) -> None:
    with filled(tmp_path / "log", (2, 1, 3)) as log:
        assert 7 == log.tail.seq

    told = rows(tmp_path / "log")
    assert list(range(1, 8)) == [row["seq"] for row in told]
    assert [row["hash"] for row in told[:-1]] == [row["prev_hash"] for row in told[1:]]
    assert {*COLUMNS, "head"} == set(told[0])


def test_the_header_is_that_of_a_log_with_a_mark(tmp_path: Path) -> None:
    created(tmp_path / "log").close()

    whole = HEADER | {"schema_version": 2, "streams": STREAMS, "store": "sqlite"}
    assert canonical_json(whole) == (tmp_path / "log" / "header.json").read_bytes()


@pytest.mark.parametrize("kind", sorted(KINDS - {"EPOCH"}))
def test_every_kind_of_record_is_written(kind: Any, tmp_path: Path) -> None:  # noqa: ANN401 - any kind
    with created(tmp_path / "log") as log:
        log.append([note(1, kind=kind, intent_id="k")])

    assert ["EPOCH", kind] == [row["kind"] for row in rows(tmp_path / "log")]


# A step is written whole or not at all.


@pytest.mark.parametrize("again", [["new", "old"], ["new", "new"]])
def test_an_intent_is_written_once_and_its_step_not_at_all(
    again: list[str], tmp_path: Path
) -> None:
    with created(tmp_path / "log") as log:
        log.append([intent("old")])
        with pytest.raises(EngineDefect, match="an intent is sent once"):
            log.append([note(1), *map(intent, again)])

        assert 2 == len(rows(tmp_path / "log")) == log.tail.seq
        assert 3 == log.append([intent("new")])


def test_records_that_are_no_intent_may_share_its_key(tmp_path: Path) -> None:
    with created(tmp_path / "log") as log:
        log.append([intent("k"), note(1, kind="OBSERVED", intent_id="k")])
        log.append([note(1, kind="RESOLVED", intent_id="k")])

    assert 4 == len(rows(tmp_path / "log"))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"quantity": 1.0}, "'quantity' of a record holds 1.0; it takes an integer of 128"),
        ({"quantity": True}, "'quantity' of a record holds True"),
        ({"price": 2**127}, "'price' of a record holds 17014"),
        ({"quantity": -(2**127) - 1}, "'quantity' of a record holds -17014"),
        ({"wall_ns": 1.5}, "'wall_ns' of a record holds 1.5; it takes an integer of 64"),
        ({"wall_ns": None}, "'wall_ns' of a record holds None"),
        ({"attempt": True}, "'attempt' of a record holds True"),
        ({"machine": b"m"}, "'machine' of a record holds b'm'; it takes a text"),
        ({"venue_ref": "\ud800"}, "cannot be stored"),
        ({"instance": 2**64}, "'instance' of a record holds 18446744073709551616"),
        ({"venue_ns": -(2**63) - 1}, "'venue_ns' of a record holds -922"),
        ({"kind": "GUESS"}, "allowed are EPOCH, IGNORED, INTENT"),
        ({"kind": "INTENT"}, "an INTENT has no intent_id"),
        ({"kind": "INTENT", "intent_id": ""}, "the intent_id ''; it is one line, or None"),
        ({"intent_id": "a\nb"}, "it is one line, or None"),
        ({"kind": "EPOCH"}, "an EPOCH is written when a log is opened"),
        ({"mono_ns": 0}, "mono_ns 0, before the 1 of record 2"),
        ({"payload": {"a": 1.5}}, "1.5 has no exact JSON text"),
        ({"payload": {"streams": {"paths": []}}}, "the streams of a record are instructions:"),
        ({"payload": {"streams": {"paths": [[1]]}}}, "the streams of a record are instructions:"),
        ({"payload": {"streams": {"notes": [[1, "K"]]}}}, "notes: instruction, kind, payload"),
        ({"payload": {"streams": {"notes": [[1, "K", 2]]}}}, "'payload' of a record holds 2"),
        ({"payload": {"streams": {"notes": [[1.0, "K", ""]]}}}, "'instruction' of a record holds"),
    ],
)
def test_a_record_that_cannot_be_stored_exactly_is_refused_with_its_step(
    fields: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with created(tmp_path / "log") as log:
        with pytest.raises(EngineDefect, match=words):
            log.append([note(1), note(2, **fields)])

        assert 1 == len(rows(tmp_path / "log")) == log.tail.seq
        assert 2 == log.append([note(3)])


def test_a_life_begins_with_an_epoch(tmp_path: Path) -> None:
    with pytest.raises(EngineDefect, match="begins with a record of kind NOTE"):
        create_log(tmp_path / "log", HEADER, note(1), anchor=Memory())


def test_evidence_names_the_columns_of_its_streams_but_seq() -> None:
    assert set(STREAMS) - {"paths"} == set(EVIDENCE)
    for stream, columns in EVIDENCE.items():
        assert list(STREAMS[stream]) == ["seq", *columns]


# What is promised of the files.


def test_a_commit_is_in_the_synced_log_and_that_is_read_back(tmp_path: Path) -> None:
    asked: list[str] = []

    def listening(path: Path) -> connection.Connection:
        database = sqlite3.connect(path, isolation_level=None)
        database.set_trace_callback(asked.append)
        return database

    with created(tmp_path / "log", connect=listening):
        assert ["PRAGMA synchronous = FULL", "PRAGMA synchronous"] == asked[2:4]
        assert ["PRAGMA journal_mode = WAL", "PRAGMA journal_mode"] == asked[:2]


def test_a_database_that_is_not_durable_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LogError, match=r"log\.sqlite has journal_mode 'memory' although"):
        created(tmp_path / "log", connect=lambda _path: sqlite3.connect(":memory:"))


def test_a_setting_that_does_not_hold_is_named_with_its_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "PRAGMAS", {"synchronous": ("NORMAL", 2)})

    with pytest.raises(LogError, match="has synchronous 1 although it was set to NORMAL"):
        created(tmp_path / "log")


def test_folder_and_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    with filled(tmp_path / "made" / "log"):
        folders = [tmp_path / "made", tmp_path / "made" / "log"]
        assert [0o700, 0o700] == [folder.stat().st_mode & 0o777 for folder in folders]
        modes = {path.name: path.stat().st_mode & 0o777 for path in folders[1].iterdir()}

    assert {
        "header.json": 0o600,
        "lock": 0o600,
        "log.sqlite": 0o600,
        "log.sqlite-shm": 0o600,
        "log.sqlite-wal": 0o600,
        "mark": 0o600,
    } == modes


def test_header_database_and_their_names_are_on_the_disk_before_anything_rests_on_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def noting(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", noting)
    created(tmp_path / "log", anchor=Memory()).close()

    assert [
        tmp_path.name, "header.json", "log", "log.sqlite", "log", "mark", "log",
    ] == synced  # fmt: skip


def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    created(tmp_path, anchor=Memory()).close()

    assert 0o750 == tmp_path.stat().st_mode & 0o777


# Nothing is destroyed, and one writes.


def test_a_log_that_is_there_is_not_made_anew(tmp_path: Path) -> None:
    created(tmp_path / "log").close()

    with pytest.raises(LogExists, match="already holds a log"):
        created(tmp_path / "log", anchor=Memory())


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "diary.txt").write_text("dear")

    with pytest.raises(LogExists, match="is no log; it is left alone"):
        created(tmp_path, anchor=Memory())
    assert ["diary.txt"] == [path.name for path in tmp_path.iterdir()]


def test_a_backtest_does_not_replace_a_durable_log(tmp_path: Path) -> None:
    created(tmp_path / "log").close()

    with pytest.raises(LogExists, match=r"'log\.sqlite', which is no part of a backtest's log"):
        Claim(tmp_path / "log", overwrite=True)


def test_an_anchor_serves_one_log(tmp_path: Path) -> None:
    other = FileAnchor(tmp_path / "anchor", tmp_path / "other")
    other.publish(9, "0" * 64)
    mine = FileAnchor(tmp_path / "anchor", tmp_path / "log")
    with pytest.raises(LogExists, match=r"is of another log: it holds record 9 of .*/other"):
        created(tmp_path / "log", anchor=mine)
    with pytest.raises(LogError, match="its anchor holds record 9 of one: the log is lost"):
        created(tmp_path / "log", anchor=holding((9, "")))
    assert not (tmp_path / "log").exists()


def test_a_second_writer_is_refused_until_the_first_is_closed(tmp_path: Path) -> None:
    log = created(tmp_path / "log")
    with pytest.raises(LogExists, match="a run is writing here"):
        reopened(tmp_path / "log")
    log.close()

    reopened(tmp_path / "log").close()
    assert not (tmp_path / "log" / "lock").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(LogError, match="cannot be a log: Not a directory"):
        created(tmp_path / "file" / "log", anchor=Memory())


def test_a_folder_whose_making_failed_is_free_again(tmp_path: Path) -> None:
    def failing(path: Path) -> connection.Connection:
        raise sqlite3.OperationalError(path.name)

    with pytest.raises(LogError, match=r"log\.sqlite cannot be used: log\.sqlite"):
        created(tmp_path / "log", connect=failing)
    assert not (tmp_path / "log" / "lock").exists()


# Any failure to write stops it.


def full_at(pages: int) -> connection.Connect:
    """Connects to a database that grows to so many pages and no further."""

    def connect(path: Path) -> connection.Connection:
        database = sqlite3.connect(path, isolation_level=None)
        database.execute(f"PRAGMA max_page_count = {pages}")
        return database

    return connect


def fill(log: DurableLog) -> None:
    while True:
        log.append(step(1, 10))


def test_a_full_disk_stops_the_log_and_opening_it_again_finds_what_was_acknowledged(
    tmp_path: Path,
) -> None:
    log = created(tmp_path / "log", connect=full_at(20))
    with pytest.raises(LogError, match=r"database or disk is full.* unknown, not denied"):
        fill(log)
    acknowledged = log.tail.seq
    with pytest.raises(LogError, match="written no more: a write failed before"):
        log.append(step(1))
    with pytest.raises(LogError, match="written no more: a write failed before"):
        log.anchor()
    log.close()

    with reopened(tmp_path / "log") as again:
        assert acknowledged == again.found.seq > 10
        assert acknowledged + 2 == again.append(step(1))


def test_a_database_that_another_process_locks_stops_the_log(tmp_path: Path) -> None:
    log = created(
        tmp_path / "log",
        connect=lambda path: sqlite3.connect(path, isolation_level=None, timeout=0),
    )
    other = sqlite3.connect(tmp_path / "log" / "log.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LogError, match=r"log\.sqlite cannot be written: database is locked"):
        log.append(step(1))
    other.close()

    with pytest.raises(LogError, match="written no more"):
        log.append(step(1))
    log.close()


def test_a_record_of_another_writer_stops_the_log(tmp_path: Path) -> None:
    with created(tmp_path / "log") as log:
        other = sqlite3.connect(tmp_path / "log" / "log.sqlite", isolation_level=None)
        other.execute("INSERT INTO records (seq, kind, head) VALUES (2, 'NOTE', '[]')")
        other.close()
        with pytest.raises(LogError, match=r"UNIQUE constraint failed: records\.seq"):
            log.append(step(1))
        with pytest.raises(LogError, match="written no more"):
            log.append(step(1))


def test_an_interrupt_in_the_middle_of_a_write_stops_the_log(tmp_path: Path) -> None:
    class Interrupted(sqlite3.Connection):
        def executemany(self, *given: Any) -> Any:  # noqa: ANN401 - of sqlite3
            super().executemany(*given)
            if armed:
                raise KeyboardInterrupt
            return self

    armed: list[int] = []
    with created(
        tmp_path / "log",
        connect=lambda path: sqlite3.connect(path, isolation_level=None, factory=Interrupted),
    ) as log:
        armed.append(1)
        with pytest.raises(KeyboardInterrupt):
            log.append(step(1))
        with pytest.raises(LogError, match="written no more"):
            log.append(step(1))


def test_an_anchor_that_fails_stops_the_log(tmp_path: Path) -> None:
    def publish(seq: int, _digest: str) -> None:
        if seq > 1:
            raise ConnectionError

    with created(tmp_path / "log", anchor=Callbacks(publish, lambda: None)) as log:
        log.append(step(1))
        with pytest.raises(ConnectionError):
            log.anchor()
        with pytest.raises(LogError, match="could not be anchored"):
            log.append(step(1))


def test_a_closed_log_is_written_no_more(tmp_path: Path) -> None:
    log = created(tmp_path / "log")
    log.close()

    with pytest.raises(LogError, match="it was closed"):
        log.append(step(1))


def test_the_anchor_is_told_when_a_life_begins_and_when_asked(tmp_path: Path) -> None:
    anchor = Memory()
    with created(tmp_path / "log", anchor=anchor) as log:
        log.append(step(1, 3))
        log.anchor()
    reopened(tmp_path / "log", anchor=anchor).close()

    told = rows(tmp_path / "log")
    assert [(seq, told[seq - 1]["hash"]) for seq in (1, 4, 5)] == anchor.lines
    assert LIFE.kind == told[4]["kind"]
    assert None is beside(tmp_path / "log").last()
