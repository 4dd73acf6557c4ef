"""The chain of a durable log: whatever is changed in it is found, with its place."""

import json
import sqlite3
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.durable_support import TABLE, filled, holding, intent, note, reopened, step
from verifill.engine.digest import canonical_json
from verifill.engine.errors import LogError
from verifill.engine.log.chain import beginning, follow, hash_of
from verifill.engine.log.mark import MARK, make_mark
from verifill.engine.log.record import COLUMNS, Origin, Row, batch_of

Change = Callable[[sqlite3.Connection], object]

VALUES = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.text())


@given(row=st.lists(VALUES).map(tuple))
def test_a_hash_is_that_of_a_json_array_in_utf_8(row: Row) -> None:
    text = json.dumps(row, ensure_ascii=False, separators=(",", ":"))

    assert sha256(text.encode()).hexdigest() == hash_of(row)


@given(row=st.lists(st.one_of(st.none(), st.integers(), st.text('abc\n\\"\x1f'))).map(tuple))
def test_of_ascii_texts_that_is_the_canonical_json(row: Row) -> None:
    assert sha256(canonical_json(row)).hexdigest() == hash_of(row)


def test_the_hash_of_a_record_never_changes(tmp_path: Path) -> None:
    """A log of this version must be read by every later one."""
    with filled(tmp_path / "log", (1,)):
        (first, second) = stored(tmp_path / "log")

    whole = json.loads((tmp_path / "log" / "header.json").read_bytes())
    assert sha256(canonical_json(whole)).hexdigest() == first["prev_hash"]
    text = (
        '[2,"r",1,"full_loop",0,0,null,null,null,0,"NOTE",1,null,null,2,1,null,'
        f'"{"d" * 64}",null,null,"{{\\"number\\":2}}","{first["hash"]}"]'
    )
    assert sha256(text.encode()).hexdigest() == second["hash"]


def stored(folder: Path) -> list[dict[str, Any]]:
    database = sqlite3.connect(folder / "log.sqlite")
    database.row_factory = sqlite3.Row
    told = [dict(row) for row in database.execute("SELECT * FROM records ORDER BY seq")]
    database.close()
    return told


def changed(folder: Path, change: Change) -> None:
    """Change the database of a log that was closed."""
    database = sqlite3.connect(folder / "log.sqlite", isolation_level=None)
    change(database)
    database.close()


def rechained(database: sqlite3.Connection, first: int = 1) -> None:
    """What the owner of a log can do: hash every record anew from one on."""
    rows = database.execute("SELECT * FROM records ORDER BY seq").fetchall()
    before = None
    for row in rows:
        if row[0] >= first:
            told = (*row[:-2], row[-2] if before is None else before)
            database.execute(
                "UPDATE records SET prev_hash = ?, hash = ? WHERE seq = ?",
                (told[-1], hash_of(told), row[0]),
            )
            before = hash_of(told)
        else:
            before = row[-1]


def edited(sql: str) -> Change:
    return lambda database: database.execute(sql)


def swapped(database: sqlite3.Connection) -> None:
    database.execute("UPDATE records SET seq = -3 WHERE seq = 3")
    database.execute("UPDATE records SET seq = 3 WHERE seq = 4")
    database.execute("UPDATE records SET seq = 4 WHERE seq = -3")


def inserted(database: sqlite3.Connection) -> None:
    for seq in (7, 6, 5):
        database.execute("UPDATE records SET seq = ? WHERE seq = ?", (seq + 1, seq))
    database.execute("CREATE TEMP TABLE copied AS SELECT * FROM records WHERE seq = 4")
    database.execute("UPDATE copied SET seq = 5")
    database.execute("INSERT INTO records SELECT * FROM copied")


def rehashed(database: sqlite3.Connection) -> None:
    """An edit with a hash that fits it, and the rest left as it was."""
    database.execute("UPDATE records SET quantity = '7' WHERE seq = 4")
    row = database.execute("SELECT * FROM records WHERE seq = 4").fetchone()
    database.execute("UPDATE records SET hash = ? WHERE seq = 4", (hash_of(row[:-1]),))


def made_anew(database: sqlite3.Connection) -> None:
    database.execute("UPDATE records SET quantity = '7' WHERE seq = 4")
    rechained(database)


def unindexed(database: sqlite3.Connection) -> None:
    """An index that says it is whole and holds nothing: an intent could be sent twice."""
    one = "SELECT sql FROM sqlite_master WHERE name = 'one_intent'"
    (sql,) = database.execute(one).fetchone()
    database.execute("PRAGMA writable_schema = ON")
    told = "UPDATE sqlite_master SET sql = ? WHERE name = 'one_intent'"
    database.execute(told, (sql.replace("INTENT", "NOTHING"),))
    database.execute("PRAGMA writable_schema = RESET")
    database.execute("REINDEX")
    database.execute("PRAGMA writable_schema = ON")
    database.execute(told, (sql,))


DAMAGE: dict[str, tuple[Change, str]] = {
    "edited": (edited("UPDATE records SET quantity = '7' WHERE seq = 4"), "record 4 was edited"),
    "another type": (
        edited("UPDATE records SET payload = CAST(payload AS BLOB) WHERE seq = 4"),
        "record 4 was edited",
    ),
    "no hash": (edited("UPDATE records SET hash = NULL WHERE seq = 4"), "record 4 was edited"),
    "edited and hashed": (rehashed, "record 5 does not follow record 4"),
    "deleted": (
        edited("DELETE FROM records WHERE seq = 4"),
        "record 4 is missing: after record 3 comes record 5",
    ),
    "first deleted": (
        edited("DELETE FROM records WHERE seq = 1"),
        "record 1 is missing: after record 0 comes record 2",
    ),
    "swapped": (swapped, "record 3 was edited"),
    "inserted": (inserted, "record 5 was edited"),
    "cut off": (
        edited("DELETE FROM records WHERE seq > 5"),
        "it ends at record 5, and the anchor holds record 7",
    ),
    "emptied": (
        edited("DELETE FROM records"),
        "it ends at record 0, and the anchor holds record 7",
    ),
    "made anew": (
        made_anew,
        "record 7 has the hash [0-9a-f]{64}, and the anchor holds [0-9a-f]{64}: records up to it",
    ),
    "no index": (edited("DROP INDEX one_intent"), "missing or foreign: CREATE UNIQUE INDEX one"),
    "an empty index": (unindexed, "is damaged: .* index one_intent"),
    "a trigger": (
        edited("CREATE TRIGGER t AFTER INSERT ON records BEGIN DELETE FROM records; END"),
        "missing or foreign: CREATE TRIGGER t",
    ),
    "no table": (edited("DROP TABLE records"), "cut short when it was made"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_found_with_its_place_and_nothing_is_written(name: str, tmp_path: Path) -> None:
    change, words = DAMAGE[name]
    with filled(tmp_path / "log", (2, 1, 2)) as log:
        log.append([intent("k")])
        log.anchor()
    changed(tmp_path / "log", change)
    before = (tmp_path / "log" / "log.sqlite").read_bytes()

    with pytest.raises(LogError, match=words):
        reopened(tmp_path / "log")
    assert before == (tmp_path / "log" / "log.sqlite").read_bytes()
    assert not (tmp_path / "log" / "lock").exists()


BREAKS = {
    "mono_ns = 0 WHERE seq = 5": "record 5 has mono_ns 0, before the 1 of the last: no EPOCH",
    "epoch = 2 WHERE seq = 5": "record 5 is of process life 2 and stands in 1: no EPOCH",
    "epoch = 3 WHERE seq = 6": "record 6 begins process life 3 after 1",
    "kind = 'NOTE' WHERE seq = 6": "record 6 is of process life 2 and stands in 1: no EPOCH",
    "kind = 'NOTE' WHERE seq = 1": "record 1 is of process life 1 and stands in 0: no EPOCH",
    "run = 'x' WHERE seq = 3": "record 3 is of run x and table d{64}, the header of run r",
    "definition_hash = 'x' WHERE seq = 3": "record 3 is of run r and table x",
}


@pytest.mark.parametrize("edit", BREAKS)
def test_only_an_epoch_breaks_time_and_process_even_if_the_hashes_fit(
    edit: str, tmp_path: Path
) -> None:
    filled(tmp_path / "log", (2, 2)).close()
    with reopened(tmp_path / "log") as log:
        log.append(step(6, 2))
    changed(tmp_path / "log", edited(f"UPDATE records SET {edit}"))  # noqa: S608 - the test's own
    changed(tmp_path / "log", rechained)

    with pytest.raises(LogError, match=BREAKS[edit]):
        reopened(tmp_path / "log", anchor=holding((1, hash_at(tmp_path / "log", 1))))


def hash_at(folder: Path, seq: int) -> str:
    return str(stored(folder)[seq - 1]["hash"])


def test_bytes_that_json_would_spell_like_the_text_are_found(tmp_path: Path) -> None:
    with filled(tmp_path / "log", (2,)) as log:
        log.append([note(1, venue_ref="abcd")])
    told = edited("UPDATE records SET venue_ref = X'69b71d' WHERE seq = 4")
    changed(tmp_path / "log", told)
    assert "abcd" == b64encode(bytes.fromhex("69b71d")).decode()

    with pytest.raises(LogError, match="record 4 was edited"):
        reopened(tmp_path / "log")


def test_a_header_that_was_changed_is_found(tmp_path: Path) -> None:
    filled(tmp_path / "log").close()
    header = tmp_path / "log" / "header.json"
    header.write_bytes(header.read_bytes().replace(b'"events":["tick"', b'"events":["tock"'))

    with pytest.raises(LogError, match=r"of the fields of header\.json, 'nesting' is not"):
        reopened(tmp_path / "log")


def test_without_a_late_anchor_what_was_cut_off_or_made_anew_is_not_found(tmp_path: Path) -> None:
    """The honest limit: after the anchored record the chain proves nothing to its owner."""
    filled(tmp_path / "log", (2, 1, 3)).close()
    early = (3, hash_at(tmp_path / "log", 3))
    changed(
        tmp_path / "log", edited("UPDATE records SET quantity = '7', price = NULL WHERE seq = 5")
    )
    changed(tmp_path / "log", edited("DELETE FROM records WHERE seq = 7"))
    changed(tmp_path / "log", lambda database: rechained(database, 5))
    with pytest.raises(LogError, match="it ends at record 6, and record 7 was acknowledged"):
        reopened(tmp_path / "log", anchor=holding(early))
    (tmp_path / "log" / MARK).unlink()
    make_mark(tmp_path / "log")

    with reopened(tmp_path / "log", anchor=holding(early)) as log:
        assert 6 == log.found.seq


def test_what_stands_before_the_anchored_record_is_found_even_then(tmp_path: Path) -> None:
    filled(tmp_path / "log", (2, 1, 3)).close()
    early = (3, hash_at(tmp_path / "log", 3))
    changed(tmp_path / "log", edited("UPDATE records SET quantity = '7' WHERE seq = 2"))
    changed(tmp_path / "log", rechained)

    with pytest.raises(LogError, match="record 3 has the hash"):
        reopened(tmp_path / "log", anchor=holding(early))


@pytest.mark.parametrize("column", COLUMNS)
def test_every_column_is_in_the_chain(column: str, tmp_path: Path) -> None:
    with filled(tmp_path / "log", (3,)):
        told = stored(tmp_path / "log")
    origin = Origin("log", told[0]["prev_hash"], "r", TABLE, frozenset())
    rows = [tuple(row.values()) for row in told]
    assert 4 == follow([batch_of(rows)], origin, beginning(origin)).seq

    told[1][column] = 9 if isinstance(told[1][column], int) else "9"
    with pytest.raises(LogError, match=r"record (2|9)"):
        follow([batch_of([tuple(row.values()) for row in told])], origin, beginning(origin))
