"""A long log is checked in parts at once, and what is wrong is told as if it were one."""

import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.engine.durable_support import beside, created, filled, holding, note, reopened
from tests.tampering import edit, told
from verifill.engine.errors import LogError
from verifill.engine.log import parts
from verifill.engine.log.chain import beginning, follow
from verifill.engine.log.connection import DATABASE, connect_to_read
from verifill.engine.log.line import Batch
from verifill.engine.log.opening import origin_of, verify_log
from verifill.engine.log.parts import Part, Sound, check
from verifill.engine.log.record import Tail

PAGE, INDEX_LEAF = 4096, 10  # of SQLite's file format


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even a log of a few records is long, and there are processors."""
    monkeypatch.setattr(parts, "PART_ROWS", 3)
    monkeypatch.setattr(parts, "AHEAD_ROWS", 0)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)


def changed(log: Path, sql: str, seq: int) -> None:
    with closing(sqlite3.connect(log / DATABASE)) as database, database:
        database.execute(sql, (seq,))


def test_in_parts_it_ends_where_it_ends_in_one(tmp_path: Path) -> None:
    with filled(tmp_path / "log", (4, 4, 4)) as log:
        log.append([note(5, source="A", event="e", target="B", mono_ns=8)])
        log.append([note(6, mono_ns=8)])

        assert log.tail == verify_log(tmp_path / "log", beside(tmp_path / "log"))


def test_the_state_is_that_of_the_part_that_tells_it_last(tmp_path: Path) -> None:
    with created(tmp_path / "log") as log:
        log.append([note(1, source="A", event="e", target="B")])
        log.append([note(number) for number in range(12)])

        assert "B" == log.tail.state
        assert log.tail == verify_log(tmp_path / "log", beside(tmp_path / "log"))


class Numbers:
    """Keeps the number of every record; a helper makes one of these too."""

    def __init__(self) -> None:
        self.seen: list[object] = []

    def of(self, batches: parts.Batches, /) -> parts.Batches:
        for batch in batches:
            self.seen += batch["seq"]
            yield batch

    def packed(self) -> bytes:
        return msgspec.msgpack.encode(self.seen)

    def take(self, packed: bytes, /) -> None:
        self.seen += msgspec.msgpack.decode(packed)


@pytest.mark.parametrize("ahead", [0, 5, 50])
def test_who_looks_sees_every_record_once_and_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead: int
) -> None:
    monkeypatch.setattr(parts, "AHEAD_ROWS", ahead)
    log = tmp_path / "log"
    filled(log, (4, 4, 4)).close()
    look = Numbers()

    with closing(connect_to_read(log / DATABASE)) as connection:
        parts.verify(connection, log / DATABASE, origin_of(log), None, look)

    assert list(range(1, 14)) == look.seen


@pytest.mark.parametrize("seq", range(1, 14))
def test_a_record_that_was_edited_is_found_in_whatever_part_it_is(seq: int, tmp_path: Path) -> None:
    filled(tmp_path / "log", (4, 4, 4)).close()
    changed(tmp_path / "log", edit("seq = ?", wall_ns="99"), seq)

    with pytest.raises(LogError, match=f"record {seq} was edited"):
        reopened(tmp_path / "log")


@pytest.mark.parametrize("seq", range(1, 13))
def test_a_record_that_was_deleted_is_found_in_whatever_part_it_was(
    seq: int, tmp_path: Path
) -> None:
    filled(tmp_path / "log", (4, 4, 4)).close()
    changed(tmp_path / "log", "DELETE FROM records WHERE seq = ?", seq)

    with pytest.raises(LogError, match=f"record {seq} is missing"):
        reopened(tmp_path / "log")


@pytest.mark.parametrize("seq", [2, 8, 13])
def test_an_anchor_is_looked_for_in_every_part(seq: int, tmp_path: Path) -> None:
    filled(tmp_path / "log", (4, 4, 4)).close()

    with pytest.raises(LogError, match=f"record {seq} has the hash"):
        verify_log(tmp_path / "log", holding((seq, "0" * 64)))


def test_a_damaged_page_is_told_as_if_there_were_no_helper(tmp_path: Path) -> None:
    filled(tmp_path / "log", (4, 4, 4)).close()
    database = tmp_path / "log" / DATABASE
    data = bytearray(database.read_bytes())
    leaves_of_an_index = [at for at in range(PAGE, len(data), PAGE) if data[at] == INDEX_LEAF]
    data[leaves_of_an_index[-1] : leaves_of_an_index[-1] + PAGE] = bytes(PAGE)
    database.write_bytes(data)

    with pytest.raises(LogError, match="is damaged"):
        verify_log(tmp_path / "log", beside(tmp_path / "log"))


def test_pages_are_sound_by_the_word_of_a_helper(tmp_path: Path) -> None:
    filled(tmp_path / "log", (4, 4, 4)).close()

    assert parts.SOUND == parts.pages(str(tmp_path / "log" / DATABASE))


def test_without_a_process_to_be_had_it_goes_on_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(tmp_path / "log", (4, 4, 4)).close()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing"))

    assert 13 == verify_log(tmp_path / "log", beside(tmp_path / "log")).seq


def test_a_helper_says_from_where_to_where_its_part_is_sound(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with filled(log, (4, 4, 4)):
        with closing(connect_to_read(log / DATABASE)) as connection:
            rows = told(connection)
        origin = origin_of(log)
        part = Part(str(log / DATABASE), origin, 5, 9, None, (__name__, "Numbers"))
        sound = msgspec.msgpack.decode(check(msgspec.json.encode(part).decode()), type=Sound)

    assert Sound(place(rows[4]), place(rows[8]), msgspec.msgpack.encode([6, 7, 8, 9])) == sound
    assert beginning(origin).hash != sound.began.hash


def place(row: dict[str, Any]) -> Tail:
    seq, digest, epoch, wall_ns, mono_ns = (
        row[name] for name in ("seq", "hash", "epoch", "wall_ns", "mono_ns")
    )
    return Tail(seq, digest, epoch, None, wall_ns, mono_ns)


def test_who_looks_at_nothing_keeps_nothing() -> None:
    assert b"" == parts.Blind().packed()


def test_what_cannot_be_read_at_all_is_told(tmp_path: Path) -> None:
    filled(tmp_path / "log", (4,)).close()
    origin = origin_of(tmp_path / "log")

    def unreadable() -> Iterator[Batch]:
        msg = "no page can be read"
        raise LogError(msg)
        yield {}

    with pytest.raises(LogError, match="no page can be read"):
        follow(unreadable(), origin, beginning(origin))
