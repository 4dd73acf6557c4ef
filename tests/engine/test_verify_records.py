"""A live run's log that was changed: every change is found, with its place."""

import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.machines.lives import Moments
from tests.machines.support import buy, sell
from tests.machines.test_lives import silent, world
from tests.tampering import line, told
from verifill.engine.digest import canonical_json
from verifill.engine.errors import LogError
from verifill.engine.log import parts
from verifill.engine.log.anchor import Callbacks, FileAnchor
from verifill.engine.log.connection import (
    DATABASE,
    INSERT,
    LAST,
    SCHEMA,
    SELECT,
    connect_to_read,
)
from verifill.engine.log.line import Line, batch_of
from verifill.engine.log.opening import origin_of
from verifill.engine.log.writer import HEADER
from verifill.engine.verify.evidence import intent_checks
from verifill.engine.verify.kept import Kept
from verifill.engine.verify.log import verify
from verifill.engine.verify.machine import Machine
from verifill.engine.verify.moves import moves, rows_of
from verifill.engine.verify.records import read
from verifill.engine.verify.submits import repeated

Row = dict[str, Any]
Change = Callable[[list[Row]], list[Row]]
PAGE = 4096


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two ticks, three instructions, one of them answered by silence; then another life."""
    folder = tmp_path_factory.mktemp("run")
    lived = world(folder, [buy("1", name="A"), sell("0.5", name="B")], [buy("1")], submits=[silent])
    assert "KILLED" == lived.live(3, Moments("commit", 24))
    assert "STOPPED" == lived.live(3)
    return folder


@pytest.fixture
def log(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "copy")
    return tmp_path / "copy" / "log"


def faults(log: Path) -> Mapping[str, Sequence[tuple[str, str]]]:
    """Check -> places where its claim is not true."""
    verdict = verify(log, anchor=FileAnchor(log.with_name("anchor")))
    found = {c.name: [(f.where, f.what) for f in c.faults] for c in verdict.checks if c.count}
    assert verdict.conforms == (not found)
    return found


def records(log: Path) -> list[Row]:
    with closing(sqlite3.connect(log / DATABASE)) as database:
        return told(database)


def store(log: Path, rows: Sequence[Row], schema: Sequence[str] = SCHEMA) -> None:
    """A new database with other records."""
    for path in log.glob(f"{DATABASE}*"):
        path.unlink()
    with closing(sqlite3.connect(log / DATABASE)) as database, database:
        for statement in schema:
            database.execute(statement)
        database.executemany(INSERT, [line(row)._replace(hash=row["hash"]) for row in rows])


def rechain(log: Path, rows: Sequence[Row]) -> list[Row]:
    """Number and chain anew, as the owner of a log can; the anchor is made anew as well."""
    previous = origin_of(log).digest
    for seq, row in enumerate(rows, start=1):
        row |= {"seq": seq, "prev_hash": previous}
        previous = row["hash"] = line(row).hash
    log.with_name("anchor").write_text(f"{len(rows)} {previous}\n")
    return list(rows)


def change(log: Path, how: Change) -> None:
    """Change records, and make the chain anew."""
    store(log, rechain(log, how(records(log))))


def test_a_log_as_it_was_written_conforms(log: Path) -> None:
    assert {} == faults(log)


def test_made_anew_without_a_change_it_conforms(log: Path) -> None:
    change(log, lambda rows: rows)

    assert {} == faults(log)


def edited(rows: list[Row]) -> None:
    rows[4]["wall_ns"] += 1


def deleted(rows: list[Row]) -> None:
    del rows[4]


def reordered(rows: list[Row]) -> None:
    rows[4], rows[5] = rows[5] | {"seq": rows[4]["seq"]}, rows[4] | {"seq": rows[5]["seq"]}


def inserted(rows: list[Row]) -> None:
    rows.insert(4, dict(rows[4]))
    for seq, row in enumerate(rows, start=1):
        row["seq"] = seq


@pytest.mark.parametrize(
    ("tamper", "what"),
    [
        (edited, "record 5 was edited"),
        (deleted, "record 5 is missing"),
        (reordered, "record 5 does not follow record 4"),
        (inserted, "record 6 does not follow record 5"),
    ],
)
def test_what_was_tampered_with_is_found(
    log: Path, tamper: Callable[[list[Row]], None], what: str
) -> None:
    rows = records(log)
    tamper(rows)
    store(log, rows)

    ((_, told),) = faults(log)["chain"]

    assert what in told


def test_a_tail_that_was_cut_off_is_found_by_the_anchor(log: Path) -> None:
    store(log, records(log)[:-3])

    ((_, what),) = faults(log)["chain"]

    assert "records were cut off" in what


def test_a_chain_that_was_made_anew_is_found_by_the_anchor(log: Path) -> None:
    anchor = log.with_name("anchor")
    kept = anchor.read_text()
    change(log, lambda rows: [row | {"wall_ns": row["wall_ns"] + 1} for row in rows])
    anchor.write_text(kept)

    ((_, what),) = faults(log)["chain"]

    assert "and the anchor holds" in what


def test_without_an_anchor_a_tail_cannot_be_told(log: Path) -> None:
    verdict = verify(log)

    (anchor,) = [check for check in verdict.checks if check.name == "anchor"]
    assert verdict.conforms
    assert not anchor.holds
    assert "no anchor was named" == anchor.skipped


def test_an_anchor_that_was_lost_is_a_fault(log: Path) -> None:
    log.with_name("anchor").unlink()

    ((where, what),) = faults(log)["anchor"]

    assert "anchor" == where
    assert "nobody can tell whether records were cut off" in what


def test_an_anchor_that_was_damaged_is_a_fault(log: Path) -> None:
    log.with_name("anchor").write_text("x\n")

    assert "It was damaged" in faults(log)["anchor"][0][1]


def test_an_anchor_of_ones_own_may_be_asked(log: Path) -> None:
    last = records(log)[-1]
    place = Callbacks(lambda _seq, _hash: None, lambda: (last["seq"], last["hash"]))

    assert verify(log, anchor=place).conforms


def test_damaged_pages_are_found(log: Path) -> None:
    spoil(log, leaf=10)

    assert faults(log)["chain"]


def test_an_index_that_leaves_an_intent_out_is_found(log: Path) -> None:
    """It would let the intent be sent twice; the records themselves are as they were."""
    store(log, records(log))
    with closing(sqlite3.connect(log / DATABASE)) as database:
        database.execute("PRAGMA writable_schema = ON")
        told = "SELECT sql FROM sqlite_master WHERE name = 'one_intent'"
        whole = database.execute(told).fetchone()[0]
        database.execute("DROP INDEX one_intent")
        database.execute("CREATE UNIQUE INDEX one_intent ON records (intent_id) WHERE kind = ''")
        database.execute("UPDATE sqlite_master SET sql = ? WHERE name = 'one_intent'", (whole,))
        database.commit()

    assert ["is damaged: its index of INTENT does not say what its records say"] == [
        what.partition(" ")[2].partition(".")[0] for _, what in faults(log)["chain"]
    ]


def torn(rows: list[Row], of_what: str) -> tuple[list[Row], int]:
    """The last brace is gone of the first payload that holds a text; and its number."""
    row = next(row for row in rows if of_what in (row["payload"] or ""))
    row["payload"] = row["payload"][:-1]
    return rows, row["seq"]


@pytest.mark.parametrize("of_what", ['"streams":', '.submit"'])
def test_a_payload_that_does_not_parse_was_edited_and_the_rest_is_looked_at(
    log: Path, of_what: str
) -> None:
    rows, seq = torn(records(log), of_what)
    store(log, rows)

    verdict = verify(log, anchor=FileAnchor(log.with_name("anchor")))

    (chain,) = [check for check in verdict.checks if check.name == "chain"]
    assert f"record {seq} was edited" in chain.faults[0].what
    assert not [check for check in verdict.checks if check.name == "reading"]


@pytest.mark.parametrize("gone", ["table", "run"])
def test_a_header_that_holds_too_little_to_check_a_log_is_refused_with_what_was_changed(
    log: Path, gone: str
) -> None:
    header = json.loads((log / HEADER).read_bytes())
    del header[gone]
    (log / HEADER).write_bytes(canonical_json(header))

    with pytest.raises(LogError, match=f"of the fields of header.json, '{gone}' is gone"):
        verify(log)


def test_what_can_no_longer_be_read_is_found_after_what_was_edited(log: Path) -> None:
    rows = records(log)
    edited(rows)
    store(log, rows)
    spoil(log, leaf=13)

    told = [what for _, what in faults(log)["chain"]]

    assert "record 5 was edited" in told[0]


def spoil(log: Path, *, leaf: int) -> None:
    """Spoil the last page of a kind: 10 is a leaf of an index, 13 one of a table."""
    store(log, records(log))
    data = bytearray((log / DATABASE).read_bytes())
    pages = [at for at in range(PAGE, len(data), PAGE) if data[at] == leaf]
    data[pages[-1] : pages[-1] + PAGE] = bytes(PAGE)
    (log / DATABASE).write_bytes(data)


@pytest.mark.parametrize(
    "payload",
    [
        '{"note":1,"streams":{"notes":[[1,"a","b"]]}}',
        '{"streams":{"notes":[[1,"a","b"]]},"text":1}',
        '{"streams":{"notes":[[1,"a","b"]]},"text":{"streams":{"notes":[]}}}',
        '{"a":{"streams":{"notes":[[2,"x","y"]]}},"streams":{"notes":[[1,"a","b"]]}}',
        '{"streams":{"notes":[[1,"a","b"]]},"text":"\\"streams\\":{}"}',
    ],
)
def test_streams_are_found_wherever_they_are_in_a_payload(payload: str) -> None:
    kept = Kept()
    list(kept.of([batch_of([holding(payload)])]))

    assert [(7, 1, "a", "b")] == kept.frame("notes").rows()


def test_streams_of_another_part_of_a_payload_are_none() -> None:
    kept = Kept()
    payload = '{"a":{"streams":{"notes":[[2,"x","y"]]}}}'
    list(kept.of([batch_of([holding(payload)])]))

    assert [] == kept.frame("notes").rows()


def test_rows_that_are_not_as_wide_as_their_stream_are_left_out() -> None:
    kept = Kept()
    payload = '{"streams":{"notes":[[1,"a"],[2,"c","d"],[3]]}}'
    list(kept.of([batch_of([holding(payload)])]))

    assert [(7, 2, "c", "d")] == kept.frame("notes").rows()


def test_an_edited_payload_lets_no_key_go_out_again() -> None:
    whole = '{"memory":{"leg":{"key":"k1"}}}'

    assert ["k1", "", "", None] == repeated(
        ["repeat", "repeat", "repeat", "observe"], [whole, whole[:-1], "{}", whole]
    )


def holding(payload: str) -> Line:
    """A record with that payload, and nothing else."""
    return Line(7, "NOTE", None, "[]", payload, "")


def test_records_are_packed_in_pieces(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("verifill.engine.verify.kept.PIECE_ROWS", 3)

    assert {} == faults(log)


def of(rows: list[Row], **wanted: Any) -> int:  # noqa: ANN401 - of any column
    """Place of the first record with these values."""
    return next(at for at, row in enumerate(rows) if all(row[k] == v for k, v in wanted.items()))


def put(rows: list[Row], at: int, **values: Any) -> list[Row]:  # noqa: ANN401 - of any column
    rows[at] |= values
    return rows


def test_a_move_that_the_table_does_not_have_is_found(log: Path) -> None:
    change(log, lambda rows: put(rows, of(rows, event="tick"), to="COMPLETE"))

    assert (
        "(IDLE, tick) goes to DECIDE, and the log says MOVED to COMPLETE"
        in faults(log)["legality"][0][1]
    )


def test_a_move_of_another_machine_is_found(log: Path) -> None:
    change(log, lambda rows: put(rows, of(rows, event="accepted"), machine="full_loop"))

    assert (
        "is written as a move of full_loop, and is one of tight_loop"
        in (faults(log)["legality"][0][1])
    )


def test_a_transition_that_was_taken_out_is_found(log: Path) -> None:
    change(log, lambda rows: [row for row in rows if row["event"] != "tick"])

    told = [what for _, what in faults(log)["continuity"]]

    assert "begins in DECIDE, and the machine was in IDLE" in told


def test_a_send_without_an_intent_is_found(log: Path) -> None:
    change(log, lambda rows: [row for row in rows if row["kind"] != "INTENT"])

    found = faults(log)["intents"]

    assert "tells the answer to a send of instruction 1 without INTENT" == found[0][1]


def test_a_send_with_the_intent_of_another_attempt_is_found(log: Path) -> None:
    change(log, lambda rows: put(rows, of(rows, kind="INTENT"), attempt=7))

    assert "intents" in faults(log)


def judged(log: Path) -> tuple[pl.DataFrame, Machine]:
    """The rows that checks look at, and the machine of the log."""
    machine = Machine(json.loads((log / "header.json").read_bytes()))
    frame = read(log, None).frame
    known, _ = moves(frame, machine)
    return rows_of(frame, known, machine), machine


def test_a_key_that_was_used_twice_is_found(log: Path) -> None:
    rows, machine = judged(log)
    same = rows.with_columns(
        intent_id=pl.when(pl.col("kind").cast(pl.String) == "INTENT").then(pl.lit("one"))
    )

    checks = {check.name: check for check in intent_checks(same, machine)}

    assert "the key 'one' was used 3 times" == checks["keys"].faults[0].what


def test_an_intent_that_was_never_resolved_is_found(log: Path) -> None:
    rows, machine = judged(log)
    first = pl.col("instruction") == 1
    kept = rows.filter(~first | (pl.col("kind").cast(pl.String) == "INTENT"))

    checks = {check.name: check for check in intent_checks(kept, machine)}

    assert "the intent of instruction 1 was never resolved" == checks["resolved"].faults[0].what


def test_fills_that_were_taken_out_of_a_payload_are_found(log: Path) -> None:
    def without(rows: list[Row]) -> list[Row]:
        for row in rows:
            told = json.loads(row["payload"] or "{}")
            if told.get("streams", {}).pop("fills", None):
                row["payload"] = json.dumps(told)
        return rows

    change(log, without)

    assert "with no fill and no move" in faults(log)["effects"][0][1]


def test_a_payload_that_is_none_is_told_by_the_chain(log: Path) -> None:
    rows = records(log)
    at = next(at for at, row in enumerate(rows) if '"streams"' in str(row["payload"]))
    rows[at]["payload"] = '"streams"]'
    store(log, rows)

    assert "was edited" in faults(log)["chain"][0][1]


def test_a_stream_that_there_is_not_is_passed_over(log: Path) -> None:
    change(log, lambda rows: put(rows, -1, payload='{"streams":{"odd":[[1]]}}'))

    assert {} == faults(log)


def test_a_table_of_another_database_is_told(log: Path) -> None:
    with closing(sqlite3.connect(log / DATABASE)) as database, database:
        database.execute("CREATE TABLE other (x)")

    with pytest.raises(LogError, match="has not the tables of a log"):
        verify(log)


def test_evidence_that_cannot_be_read_is_found(log: Path) -> None:
    fill = ["many", "ref", "much", 1, 0, "USDT", 0]
    change(log, lambda rows: put(rows, -1, payload=json.dumps({"streams": {"fills": [fill]}})))

    assert "the rest could not be checked" in faults(log)["reading"][0][1]


def test_in_parts_it_is_judged_as_in_one(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    anchor = FileAnchor(log.with_name("anchor"))
    whole = verify(log, anchor=anchor)
    monkeypatch.setattr(parts, "PART_ROWS", 8)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)

    assert whole == verify(log, anchor=anchor)


def test_what_was_kept_is_the_same_in_another_process(log: Path) -> None:
    here, there = Kept(), Kept()
    with closing(connect_to_read(log / DATABASE)) as connection:
        stored = list(connection.execute(SELECT, (0, LAST)))
    half = len(stored) // 2
    whole, before, later = map(batch_of, (stored, stored[:half], stored[half:]))
    for kept, batch in ((here, whole), (there, later)):
        assert [batch] == list(kept.of([batch]))
    first = Kept()
    assert [before] == list(first.of([before]))
    first.take(there.packed())

    assert stored[-1][0] == first.last
    for name in ("records", "instructions", "fills", "positions"):
        assert here.frame(name).equals(first.frame(name))
        assert first.frame(name).height


def test_nothing_was_kept_of_nothing() -> None:
    assert 0 == Kept().last
