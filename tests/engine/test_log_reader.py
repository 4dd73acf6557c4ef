"""Reading a log: whole, cut short, damaged; and every transition as a row of its own."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.machines.support import (
    PATIENT,
    Bars,
    Plans,
    Played,
    Script,
    buy,
    go,
    play,
    scripted,
)
from tests.machines.test_saga import TOO_MUCH, gives, saga
from tests.machines.test_tight_loop import LOST, says
from verifill.engine.compile import compile_table
from verifill.engine.errors import IllegalEvent, LogError
from verifill.engine.executor import CompiledExecutor
from verifill.engine.log.expand import Nesting
from verifill.engine.log.reader import Log
from verifill.engine.log.writer import Writer
from verifill.machines.full_loop import FULL_LOOP
from verifill.machines.nesting import nesting
from verifill.venues.orders import Outcome

COLUMNS = (
    "seq run epoch machine instance parent from event to attempt kind cause_seq intent_id "
    "venue_ref wall_ns mono_ns venue_ns definition_hash quantity price payload prev_hash"
)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """A run with a bit of everything."""
    busy = says(Outcome.REJECTED_DEFINITIVE, retryable=True)
    stage, _ = scripted(Script(submits=[LOST, busy]), bars=Bars(6), model=gives(100, 50))
    chain = saga(buy("2"), go("-1"), TOO_MUCH)
    plans = Plans([buy("1")], [buy("2", name="A7")], [], [chain, buy("0.1")])
    return play(tmp_path_factory.mktemp("log") / "log", stage, plans, policy=PATIENT)


def naive(log: Log) -> Iterator[dict[str, Any]]:
    """Every transition, walked through path by path."""
    told = Nesting(**log.header["nesting"])
    states, events = told.states, told.events
    words: dict[int, list[list[int]]] = {code: [] for code in range(len(states))}
    for number, path in enumerate(log.paths, start=len(states)):
        words[number] = [*words[path[0]], path[1:]]
    for row in log.stream("paths").collect().to_dicts():
        for at, (source, event, target, move) in enumerate(words[row["path"]]):
            yield {
                "seq": row["seq"] + at,
                "from": states[source],
                "event": events[event],
                "to": states[target],
                "wall_ns": row["time_ns"],
                "ignored": move == 1,
                "row": row,
            }


def test_the_transitions_are_what_the_paths_stand_for(played: Played) -> None:
    expected = list(naive(played.log))
    plain = ["seq", "from", "event", "to", "wall_ns"]

    assert [{name: row[name] for name in plain} for row in expected] == played.records.select(
        plain
    ).to_dicts()
    assert [row["ignored"] for row in expected] == (played.records["kind"] == "IGNORED").to_list()


def test_the_columns_are_those_that_every_log_shares(played: Played) -> None:
    assert COLUMNS.split() == played.records.columns


def test_each_transition_belongs_to_the_innermost_machine_that_has_its_event(
    played: Played,
) -> None:
    owners = {
        (row["event"], row["machine"])
        for row in played.records.select("event", "machine").to_dicts()
    }

    assert {
        ("tick", "full_loop"), ("begin", "full_loop"), ("step", "atomic"),
        ("compensate", "atomic"), ("rolled_back", "atomic"), ("fail", "full_loop"),
        ("matched", "tight_loop"), ("resend", "tight_loop"), ("instruct", "full_loop"),
    } <= owners  # fmt: skip
    assert len({event for event, _ in owners}) == len(owners)


def test_instances_and_parents_are_numbered_from_the_outside_in(played: Played) -> None:
    for record, row in zip(played.records.to_dicts(), naive(played.log), strict=True):
        path = row["row"]
        numbers = {
            "full_loop": (path["tick"], 0),
            "atomic": (path["chain"], path["tick"]),
            "tight_loop": (path["instruction"], path["chain"] or path["tick"]),
        }
        assert numbers[record["machine"]] == (record["instance"], record["parent"])
        inner = record["machine"] == "tight_loop"
        assert (path["attempt"] if inner else 0) == record["attempt"]


def test_an_intent_is_named_by_run_tick_instruction_and_attempt(played: Played) -> None:
    tight = played.records.filter(machine="tight_loop")
    rest = played.records.filter(pl.col("machine") != "tight_loop")

    assert ["r.1.1.1", "r.1.1.2", "r.1.1.3"] == (
        tight.filter(instance=1)["intent_id"].unique(maintain_order=True).to_list()
    )
    assert {None} == set(rest["intent_id"])


def test_what_cannot_be_in_a_backtests_log_is_empty(played: Played) -> None:
    assert {None} == set(played.records["prev_hash"])
    assert played.records["seq"].to_list() == [
        seq + 1 for seq in played.records["cause_seq"].to_list()
    ]


def test_amounts_stand_beside_the_transition_they_belong_to(played: Played) -> None:
    told = {row["seq"]: (row["quantity"], row["limit"]) for row in played.rows("instructions")}
    seen = {
        row["seq"]: (row["quantity"], row["price"])
        for row in played.records.filter(kind="INTENT").to_dicts()
    }
    fills = {row["seq"]: (row["quantity"], row["ref"]) for row in played.rows("fills")}
    filled = played.records.filter(pl.col("venue_ref").is_not_null())

    assert told == seen
    assert fills == {r["seq"]: (r["quantity"], r["venue_ref"]) for r in filled.to_dicts()}
    assert {"OBSERVED"} == set(filled["kind"])


def test_notes_stand_beside_the_transition_they_belong_to(played: Played) -> None:
    noted = {row["seq"] for row in played.rows("notes")}

    assert noted == set(played.records.filter(pl.col("payload").is_not_null())["seq"])


def test_a_refused_event_is_readable(tmp_path: Path) -> None:
    compiled = compile_table(FULL_LOOP)
    told = nesting(FULL_LOOP, compiled)
    log = Writer(tmp_path, {"run": "r", "epoch": 1, "nesting": told})
    machine = CompiledExecutor(compiled, log)
    log.follow(machine.paths)
    machine.fire("recover")
    with pytest.raises(IllegalEvent):
        machine.fire("matched")
    machine.fire("recovered")
    machine.cut()
    log.close({})

    rows = Log(tmp_path).records().select("seq", "from", "event", "to", "kind").collect().rows()
    assert [
        (1, "START", "recover", "RECOVER", "TRANSITION"),
        (2, "RECOVER", "matched", "RECOVER", "REFUSED"),
        (3, "RECOVER", "recovered", "IDLE", "TRANSITION"),
    ] == rows


# A log that is cut short, or damaged.


def copied(played: Played, folder: Path) -> Path:
    for path in played.folder.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder / "manifest.jsonl"


def test_a_log_whose_last_line_is_cut_off_is_read_up_to_there(
    played: Played, tmp_path: Path
) -> None:
    manifest = copied(played, tmp_path)
    whole = manifest.read_bytes()
    manifest.write_bytes(whole[:-7])

    log = Log(tmp_path)
    assert (None, len(played.records)) == (log.end, log.records().collect().height)
    assert {"state": played.state} == played.log.end


def test_a_log_that_stopped_before_its_first_chunk_is_empty(played: Played, tmp_path: Path) -> None:
    copied(played, tmp_path).write_bytes(b"")

    log = Log(tmp_path)
    assert (None, 0) == (log.end, log.records().collect().height)
    assert COLUMNS.split() == log.records().collect().columns


@pytest.mark.parametrize("text", [b"{\n{}\n", b"[]\n", b"\xff\n"])
def test_a_manifest_that_is_damaged_is_named(played: Played, tmp_path: Path, text: bytes) -> None:
    copied(played, tmp_path).write_bytes(text)

    with pytest.raises(LogError, match=r"manifest.jsonl cannot be read"):
        _ = Log(tmp_path).manifest


def test_a_manifest_that_is_missing_is_named(played: Played, tmp_path: Path) -> None:
    copied(played, tmp_path).unlink()

    with pytest.raises(LogError, match=r"manifest.jsonl cannot be read"):
        _ = Log(tmp_path).end


def test_a_chunk_that_is_missing_is_named(played: Played, tmp_path: Path) -> None:
    copied(played, tmp_path)
    (tmp_path / "000001.fills.parquet").unlink()

    with pytest.raises(LogError, match=r"000001.fills.parquet is missing"):
        Log(tmp_path).stream("fills")


def test_a_stream_that_no_log_has_is_named(played: Played) -> None:
    with pytest.raises(LogError, match="no stream 'orders'; it has fills, instructions"):
        played.log.stream("orders")


@pytest.mark.parametrize("header", ["", "[]", '{"schema_version": 99}'])
def test_what_is_no_log_of_this_version_is_refused(tmp_path: Path, header: str) -> None:
    (tmp_path / "header.json").write_text(header)

    with pytest.raises(LogError, match=r"is no log|this version of Verifill reads 1"):
        Log(tmp_path)


def test_a_folder_without_a_header_is_no_log(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="is no log"):
        Log(tmp_path)


def test_the_header_explains_how_its_machine_nests(played: Played) -> None:
    told = Nesting(**json.loads((played.folder / "header.json").read_text())["nesting"])

    assert "tight_loop" == told.owner("ATOMIC.STEP.SEND", "accepted", "ATOMIC.STEP.DONE")
    assert "full_loop" == told.owner("RECOVER", "step", "ATOMIC.STEP.SEND")
    assert FULL_LOOP.digest == told.digest
