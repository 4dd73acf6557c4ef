"""The chain of a durable log: whatever is changed in it is found, with its place."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.durable_support import filled, holding, intent, reopened, step
from tests.tampering import edit, hash_again, line, told
from verifill.engine.digest import canonical_json
from verifill.engine.errors import LogError
from verifill.engine.log.line import HEAD, batch_of, hash_of, line_of, rows_of
from verifill.engine.log.mark import MARK, make_mark
from verifill.engine.log.record import COLUMNS, OPTIONAL, Row
from verifill.engine.log.streams import INT

Change = Callable[[sqlite3.Connection], object]

WORDS = st.text('abc\n\\"\x1f\x00\u20ac', min_size=1)


def _values(name: str) -> st.SearchStrategy[int | str | None]:
    if name in ("kind", "intent_id", "payload"):  # stand on a line of their own
        words: st.SearchStrategy[int | str] = st.text("abc{}", min_size=1)
    else:
        words = st.integers(-(2**63), 2**63 - 1) if COLUMNS[name] == INT else WORDS
    return st.none() | words if name in OPTIONAL else words


ROW: st.SearchStrategy[Row] = st.tuples(*(_values(name) for name in COLUMNS if name != "hash"))


@given(row=ROW)
def test_a_head_is_a_json_array_in_utf_8(row: Row) -> None:
    given = dict(zip(COLUMNS, row, strict=False))
    text = json.dumps([given[name] for name in HEAD], ensure_ascii=False, separators=(",", ":"))

    assert text == line_of(row).head


@given(row=ROW)
def test_what_is_stored_says_what_was_given(row: Row) -> None:
    made = line_of(row)
    (again,) = rows_of(batch_of([made]))

    assert (*row, made.hash) == again


@given(one=ROW, other=ROW)
def test_no_two_records_are_hashed_as_the_same_text(one: Row, other: Row) -> None:
    lines = ["\n".join(text or "" for text in line_of(row)[1:-1]) for row in (one, other)]

    assert (one[1:] == other[1:]) == (lines[0] == lines[1])
    assert 3 == lines[0].count("\n")


def test_the_hash_of_a_record_never_changes(tmp_path: Path) -> None:
    """A log of this version must be read by every later one."""
    with filled(tmp_path / "log", (1,)):
        (first, second) = stored(tmp_path / "log")

    whole = json.loads((tmp_path / "log" / "header.json").read_bytes())
    assert sha256(canonical_json(whole)).hexdigest() == first["prev_hash"]
    text = (
        "NOTE\n\n"
        '["r",1,"full_loop",0,0,null,null,null,0,1,null,2,1,null,'
        f'"{"d" * 64}",null,null,"{first["hash"]}"]\n'
        '{"number":2}'
    )
    assert sha256(text.encode()).hexdigest() == second["hash"]


def stored(folder: Path) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(folder / "log.sqlite")) as database:
        return told(database)


def changed(folder: Path, change: Change) -> None:
    """Change the database of a log that was closed."""
    database = sqlite3.connect(folder / "log.sqlite", isolation_level=None)
    change(database)
    database.close()


def edited(sql: str) -> Change:
    return lambda database: database.execute(sql)


def swapped(database: sqlite3.Connection) -> None:
    database.execute("UPDATE records SET seq = -3 WHERE seq = 3")
    database.execute("UPDATE records SET seq = 3 WHERE seq = 4")
    database.execute("UPDATE records SET seq = 4 WHERE seq = -3")


def inserted(database: sqlite3.Connection) -> None:
    for seq in (7, 6, 5):
        database.execute("UPDATE records SET seq = ? WHERE seq = ?", (seq + 1, seq))
    database.execute(
        "INSERT INTO records (seq, kind, intent_id, head, payload, hash) "
        "SELECT 5, kind, intent_id, head, payload, hash FROM records WHERE seq = 4"
    )


def rehashed(database: sqlite3.Connection) -> None:
    """An edit with a hash that fits it, and the rest left as it was."""
    database.execute(edit("seq = 4", quantity="'7'"))
    made = line(told(database)[3])
    database.execute("UPDATE records SET hash = ? WHERE seq = 4", (made.hash,))


def made_anew(database: sqlite3.Connection) -> None:
    database.execute(edit("seq = 4", quantity="'7'"))
    hash_again(database)


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
    "edited": (edited(edit("seq = 4", quantity="'7'")), "record 4 was edited"),
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
    "swapped": (swapped, "record 3 does not follow record 2"),
    "inserted": (inserted, "record 5 does not follow record 4"),
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
    edit("seq = 5", mono_ns="0"): "record 5 has mono_ns 0, before the 1 of the last: no EPOCH",
    edit("seq = 5", epoch="2"): "record 5 is of process life 2 and stands in 1: no EPOCH",
    edit("seq = 6", epoch="3"): "record 6 begins process life 3 after 1",
    edit("seq = 6", kind="'NOTE'"): "record 6 is of process life 2 and stands in 1: no EPOCH",
    edit("seq = 1", kind="'NOTE'"): "record 1 is of process life 1 and stands in 0: no EPOCH",
    edit("seq = 3", run="'x'"): "record 3 is of run x and table d{64}, the header of run r",
    edit("seq = 3", definition_hash="'x'"): "record 3 is of run r and table x",
}


@pytest.mark.parametrize("change", BREAKS)
def test_only_an_epoch_breaks_time_and_process_even_if_the_hashes_fit(
    change: str, tmp_path: Path
) -> None:
    filled(tmp_path / "log", (2, 2)).close()
    with reopened(tmp_path / "log") as log:
        log.append(step(6, 2))
    changed(tmp_path / "log", edited(change))
    changed(tmp_path / "log", hash_again)

    with pytest.raises(LogError, match=BREAKS[change]):
        reopened(tmp_path / "log", anchor=holding((1, hash_at(tmp_path / "log", 1))))


def hash_at(folder: Path, seq: int) -> str:
    return str(stored(folder)[seq - 1]["hash"])


STORED = {
    "bytes": "CAST({} AS BLOB)",
    "an empty text": "''",
}


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *((column, "bytes") for column in ("kind", "intent_id", "head", "payload")),
        *((column, "an empty text") for column in ("kind", "intent_id", "payload")),
    ],
)
def test_what_is_read_as_the_same_line_is_found(column: str, value: str, tmp_path: Path) -> None:
    with filled(tmp_path / "log", (2,)) as log:
        log.append([intent("k")])

    def done(database: sqlite3.Connection) -> None:
        database.execute("PRAGMA ignore_check_constraints = ON")
        database.execute(edit("seq = 4", **{column: STORED[value].format(column)}))

    changed(tmp_path / "log", done)

    with pytest.raises(LogError, match="record 4 was edited"):
        reopened(tmp_path / "log")


def test_a_head_that_is_no_json_is_refused_by_the_database(tmp_path: Path) -> None:
    filled(tmp_path / "log", (2,)).close()

    with pytest.raises(sqlite3.OperationalError, match="malformed JSON"):
        changed(tmp_path / "log", edited("UPDATE records SET head = '[1' WHERE seq = 2"))


@pytest.mark.parametrize("head", ["[]", "{}", "7", '["r",true]', "[[1]]"])
def test_a_head_that_cannot_be_read_is_found_though_its_hash_fits(
    head: str, tmp_path: Path
) -> None:
    filled(tmp_path / "log", (2,)).close()

    def done(database: sqlite3.Connection) -> None:
        found = database.execute("SELECT kind, intent_id, payload FROM records WHERE seq = 2")
        kind, intent_id, payload = found.fetchone()
        made = hash_of(kind, intent_id, head, payload)
        database.execute("UPDATE records SET head = ?, hash = ? WHERE seq = 2", (head, made))

    changed(tmp_path / "log", done)

    with pytest.raises(LogError, match="record 2 holds columns that no engine of this version"):
        reopened(tmp_path / "log", anchor=holding((1, hash_at(tmp_path / "log", 1))))


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
    changed(tmp_path / "log", edited(edit("seq = 5", quantity="'7'", price="NULL")))
    changed(tmp_path / "log", edited("DELETE FROM records WHERE seq = 7"))
    changed(tmp_path / "log", lambda database: hash_again(database, 5))
    with pytest.raises(LogError, match="it ends at record 6, and record 7 was acknowledged"):
        reopened(tmp_path / "log", anchor=holding(early))
    (tmp_path / "log" / MARK).unlink()
    make_mark(tmp_path / "log")

    with reopened(tmp_path / "log", anchor=holding(early)) as log:
        assert 6 == log.found.seq


def test_what_stands_before_the_anchored_record_is_found_even_then(tmp_path: Path) -> None:
    filled(tmp_path / "log", (2, 1, 3)).close()
    early = (3, hash_at(tmp_path / "log", 3))
    changed(tmp_path / "log", edited(edit("seq = 2", quantity="'7'")))
    changed(tmp_path / "log", hash_again)

    with pytest.raises(LogError, match="record 3 has the hash"):
        reopened(tmp_path / "log", anchor=holding(early))


@pytest.mark.parametrize("column", COLUMNS)
def test_every_column_is_in_the_chain(column: str, tmp_path: Path) -> None:
    filled(tmp_path / "log", (3,)).close()
    other = "'PLAN'" if column == "kind" else "9" if COLUMNS[column] == INT else "'9'"
    changed(tmp_path / "log", edited(edit("seq = 2", **{column: other})))

    with pytest.raises(LogError, match=r"record 2 (was edited|is missing)"):
        reopened(tmp_path / "log")
