"""Reading a durable log: a snapshot, its evidence, and what came since."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.engine.durable_support import created, filled, note, step
from verifill.engine.digest import canonical_json
from verifill.engine.errors import LogError
from verifill.engine.log import durable_reader
from verifill.engine.log.connection import COMMANDS, DATABASE, connect_to_read
from verifill.engine.log.durable_reader import DurableReader, check_readable, open_log
from verifill.engine.log.record import EVIDENCE
from verifill.engine.log.schema import STREAMS
from verifill.engine.log.writer import HEADER

POSITION = ["binance.spot:BaseToken:BTC", 2**126, -(2**127), 2**127 - 1]
PAGE = 4096  # the first holds the tables' names, the others their rows
LEAVES = ("IDLE", "ATOMIC.STEP.SEND", "INSTRUCTION.SEND")


def moved(machine: str, instance: int, leaf: str, **given: Any) -> Any:  # noqa: ANN401 - of Record
    return note(1, machine=machine, instance=instance, source="IDLE", target=leaf, **given)


def test_an_empty_log_has_every_stream_with_its_columns(tmp_path: Path) -> None:
    created(tmp_path / "log").close()
    log = open_log(tmp_path / "log")

    for name, columns in STREAMS.items():
        assert list(columns) == log.stream(name).collect_schema().names()
    assert {**dict.fromkeys(STREAMS, 0), "paths": 1} == log.rows
    assert (1, [], [], ()) == (log.last_seq, log.codes, log.paths, log.manifest)
    assert None is log.end


def test_the_rows_of_a_payload_have_the_number_of_their_record(tmp_path: Path) -> None:
    with created(tmp_path / "log") as log:
        streams = {"positions": [[7, 5, *POSITION]], "notes": [[7, "HELD", "{}"]] * 2}
        log.append([note(1), note(2, payload={"streams": streams})])
        log.append([note(3, payload={"streams": {"notes": [[0, "DENIED", ""]]}})])
    read = open_log(tmp_path / "log")

    assert [(3, 7, 5, *POSITION)] == read.stream("positions").collect().rows()
    assert [(3, 7, "HELD", "{}")] * 2 + [(4, 0, "DENIED", "")] == read.stream(
        "notes"
    ).collect().rows()
    assert [POSITION[0], "HELD", "DENIED"] == read.codes
    assert (1, 3, 0) == (read.rows["positions"], read.rows["notes"], read.rows["fills"])


def test_a_payload_that_only_speaks_of_streams_carries_none(tmp_path: Path) -> None:
    with created(tmp_path / "log") as log:
        log.append([note(1, payload={"a": {"streams": {"notes": [[1]]}}})])
        log.append([note(1, payload={"streams": None})])
    read = open_log(tmp_path / "log")

    assert {0} == {read.rows[stream] for stream in EVIDENCE}


def test_there_is_no_other_stream(tmp_path: Path) -> None:
    created(tmp_path / "log").close()

    with pytest.raises(LogError, match="a log has no stream 'trades'; it has fills, instructions"):
        open_log(tmp_path / "log").stream("trades")


def test_the_end_is_what_the_last_record_says(tmp_path: Path) -> None:
    with created(tmp_path / "log") as log:
        log.append([note(1, payload={"end": {"ending": "KILLED"}})])
        assert {"ending": "KILLED"} == open_log(tmp_path / "log").end

        log.append([note(2)])
        assert None is open_log(tmp_path / "log").end

        log.append([note(3, payload=None)])
        assert None is open_log(tmp_path / "log").end


def test_a_reader_keeps_to_what_it_read_first_and_its_tail_is_what_came_since(
    tmp_path: Path,
) -> None:
    with created(tmp_path / "log") as log:
        log.append(step(1, 2))
        read = DurableReader(tmp_path / "log")
        assert [1, 2, 3] == read.records().collect()["seq"].to_list()
        log.append(step(3, 2))

        assert [1, 2, 3] == read.records().collect()["seq"].to_list()
        assert [4, 5] == read.tail(3).collect()["seq"].to_list()
        assert [] == read.tail(5).collect()["seq"].to_list()
        assert read.records().collect_schema() == read.tail(5).collect_schema()


def test_a_tail_reads_no_more_than_it_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(tmp_path / "log", [50] * 20).close()
    steps: list[None] = []

    def counting(path: Path) -> sqlite3.Connection:
        database = connect_to_read(path)
        assert isinstance(database, sqlite3.Connection)
        database.set_progress_handler(lambda: steps.append(None), 10)
        return database

    monkeypatch.setattr(durable_reader, "connect_to_read", counting)
    assert 1 == DurableReader(tmp_path / "log").tail(1000).collect().height

    assert len(steps) < 20  # of ten steps of SQLite each; the log has 1,001 records of 23 columns


def test_records_are_those_of_the_paths_that_are_given(tmp_path: Path) -> None:
    filled(tmp_path / "log", (5,)).close()
    read = open_log(tmp_path / "log")
    paths = read.stream("paths").filter(pl.col("seq").is_in([2, 5]))

    assert [2, 5] == read.records(paths).collect()["seq"].to_list()


def test_a_record_lies_in_the_tick_the_chain_and_the_instruction_around_it(
    tmp_path: Path,
) -> None:
    idle, step_send, send = LEAVES
    with created(tmp_path / "log") as log:
        log.append(
            [
                moved("full_loop", 4, send),
                moved("tight_loop", 7, send, attempt=2),
                moved("full_loop", 4, "ATOMIC.BEGIN"),
                moved("atomic", 3, step_send),
                moved("tight_loop", 8, step_send, attempt=1),
                moved("atomic", 3, "ATOMIC.COMMITTED"),
                moved("full_loop", 4, send),
                moved("tight_loop", 9, send),
                moved("full_loop", 5, idle),
                note(1, machine="breaker", instance=6),
            ]
        )
    told = open_log(tmp_path / "log").stream("paths").collect()

    names = ("tick", "chain", "instruction", "attempt")
    assert [
        (0, 0, 0, 0),
        (4, 0, 0, 0),
        (4, 0, 7, 2),
        (4, 0, 0, 0),
        (4, 3, 0, 0),
        (4, 3, 8, 1),
        (4, 3, 0, 0),
        (4, 0, 0, 0),
        (4, 0, 9, 0),
        (5, 0, 0, 0),
        (5, 0, 0, 0),
    ] == told.select(names).rows()


def test_a_long_log_is_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(tmp_path / "log", (9,)).close()
    whole = open_log(tmp_path / "log").records().collect()
    monkeypatch.setattr(durable_reader, "BATCH_ROWS", 3)

    assert whole.equals(open_log(tmp_path / "log").records().collect())


def test_a_database_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    filled(tmp_path / "log").close()
    (tmp_path / "log" / "log.sqlite").write_bytes(b"x" * 5000)

    with pytest.raises(LogError, match=r"log\.sqlite cannot be read after record 0: file is not"):
        open_log(tmp_path / "log").records()


def test_a_database_that_is_gone_is_named(tmp_path: Path) -> None:
    filled(tmp_path / "log").close()
    (tmp_path / "log" / "log.sqlite").unlink()

    with pytest.raises(LogError, match=r"log\.sqlite cannot be used: unable to open"):
        open_log(tmp_path / "log").records()


def test_what_shows_without_reading_a_log_whole_is_told(tmp_path: Path) -> None:
    log = tmp_path / "log"
    filled(log).close()
    check_readable(log)

    (log / HEADER).write_bytes((log / HEADER).read_bytes() + b" ")
    with pytest.raises(LogError, match="has a damaged header: "):
        check_readable(log)
    (log / HEADER).write_bytes((log / HEADER).read_bytes()[:-1])
    pages = (log / DATABASE).read_bytes()
    (log / DATABASE).write_bytes(pages[:PAGE] + bytes(len(pages) - PAGE))
    with pytest.raises(LogError, match=r"log\.sqlite cannot be used: "):
        check_readable(log)


def test_a_log_of_another_version_is_told_as_one_though_its_header_was_changed(
    tmp_path: Path,
) -> None:
    filled(tmp_path / "log").close()
    header = tmp_path / "log" / HEADER
    header.write_bytes(canonical_json(json.loads(header.read_bytes()) | {"schema_version": 99}))

    with pytest.raises(LogError, match="has schema 99; this version of Verifill reads"):
        open_log(tmp_path / "log")


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    filled(tmp_path / "log").close()
    database = connect_to_read(tmp_path / "log" / "log.sqlite")

    with pytest.raises(sqlite3.OperationalError, match="readonly database"):
        database.execute("DELETE FROM records")
    database.close()


def test_a_folder_with_odd_letters_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "50 % ?mode=rwc#ü"
    filled(folder).close()

    assert 7 == open_log(folder).last_seq


def test_the_last_records_are_read_as_if_there_were_no_others(tmp_path: Path) -> None:
    filled(tmp_path / "log").close()  # seven records
    whole = DurableReader(tmp_path / "log")
    recent = whole.recent(3)

    assert (5, 7, 3) == (recent.first_seq, recent.last_seq, recent.rows["paths"])
    assert whole.records().tail(3).collect().equals(recent.records().collect())
    assert [5, 6, 7] == recent.stream("paths").collect()["seq"].to_list()
    assert [6, 7] == recent.tail(5).collect()["seq"].to_list()
    assert [7] == recent.recent(1).records().collect()["seq"].to_list()
    assert [5, 6, 7] == recent.recent(9).records().collect()["seq"].to_list()


def test_the_first_records_are_read_as_if_none_had_come_since(tmp_path: Path) -> None:
    filled(tmp_path / "log").close()
    whole = DurableReader(tmp_path / "log").records().collect()

    assert whole.head(3).equals(DurableReader(tmp_path / "log", before=4).records().collect())


def test_a_short_log_is_read_whole_however_much_of_it_is_asked_for(tmp_path: Path) -> None:
    filled(tmp_path / "log").close()
    recent = DurableReader(tmp_path / "log").recent(1_000)

    assert (1, 7) == (recent.first_seq, recent.last_seq)


def test_the_last_records_are_those_of_now(tmp_path: Path) -> None:
    with filled(tmp_path / "log") as log:
        whole = DurableReader(tmp_path / "log")
        assert 7 == whole.last_seq
        log.append(step(8, 2))

    assert (9, 9) == (whole.recent(1).first_seq, whole.recent(1).last_seq)
    assert 7 == whole.last_seq


def test_a_database_that_cannot_be_read_has_no_last_records(tmp_path: Path) -> None:
    filled(tmp_path / "log").close()
    (tmp_path / "log" / "log.sqlite").write_bytes(b"no database" * 100)

    with pytest.raises(LogError, match="cannot be used: file is not a database"):
        DurableReader(tmp_path / "log").recent(1)


def test_records_are_read_backwards_as_far_as_they_are_asked_for(tmp_path: Path) -> None:
    with filled(tmp_path / "log") as log:
        rows = DurableReader(tmp_path / "log").backwards({"wall_ns", "seq"})
        assert {"seq": 7, "wall_ns": 7} == next(rows)
        log.append(step(8, 2))  # which is not in the way of a reader
        assert [6, 5, 4, 3, 2, 1] == [row["seq"] for row in rows]

    recent = DurableReader(tmp_path / "log").recent(2)
    assert [9, 8] == [row["seq"] for row in recent.backwards({"seq"})]


def test_a_look_at_commands_does_not_pass_over_all_records(tmp_path: Path) -> None:
    filled(tmp_path / "log").close()
    with closing(connect_to_read(tmp_path / "log" / DATABASE)) as connection:
        (plan,) = connection.execute(f"EXPLAIN QUERY PLAN {COMMANDS}", (0,))

    assert "SEARCH records USING INDEX commands (seq>?)" in plan[-1]


def test_a_live_log_of_the_first_schema_is_refused_with_what_is_read(tmp_path: Path) -> None:
    filled(tmp_path / "log").close()
    header = tmp_path / "log" / "header.json"
    told = json.loads(header.read_bytes())
    assert 2 == told["schema_version"]
    header.write_bytes(canonical_json(told | {"schema_version": 1}))

    with pytest.raises(LogError, match="has schema 1; this version of Verifill reads 2"):
        open_log(tmp_path / "log")


def test_a_head_that_cannot_be_read_is_told_with_its_record(tmp_path: Path) -> None:
    filled(tmp_path / "log").close()
    with closing(sqlite3.connect(tmp_path / "log" / "log.sqlite")) as database, database:
        database.execute("UPDATE records SET head = '[]' WHERE seq = 3")

    with pytest.raises(LogError, match="cannot be read at record 3: its head is damaged"):
        open_log(tmp_path / "log").records()
