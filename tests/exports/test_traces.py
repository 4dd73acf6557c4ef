"""A trace has every record of its log, in slices that nest as its machine does."""

import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.exports.conftest import backtest
from verifill.engine.log import writer
from verifill.engine.log.reader import Log
from verifill.exports.entries import COLUMNS, entries
from verifill.exports.perfetto import perfetto
from verifill.observing.following import Entry

Logged = Callable[[str], Log]
Events = list[dict[str, Any]]

# Records.


def test_the_records_of_any_log_come_one_by_one_as_its_table_has_them(each_log: Log) -> None:
    told = [entry[: len(COLUMNS)] for entry in entries(each_log)]

    assert each_log.records().select(COLUMNS).collect().rows() == told


def test_evidence_comes_with_its_record(each_log: Log) -> None:
    for stream in ("instructions", "receipts", "fills", "moves", "notes"):
        rows = each_log.stream(stream).cast({pl.Enum: pl.String}).collect().rows()
        told = [
            (entry.seq, *row)
            for entry in entries(each_log)
            for row in getattr(entry.payload.streams, stream)
        ]

        assert rows == told


def test_a_chunk_holds_all_that_belongs_to_its_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "CHUNK_ROWS", 1)
    monkeypatch.setattr(writer, "LOOSE_ROWS", 1)
    log = Log(backtest(tmp_path))
    chunks = list(log.chunks())

    assert len(chunks) > 2
    assert log.records().collect().equals(pl.concat([one.records() for one in chunks]).collect())
    fills = [one.stream("fills") for one in chunks]
    assert log.stream("fills").collect().equals(pl.concat(fills).collect())
    test_evidence_comes_with_its_record(log)


# Traces.


def drawn(log: Log, records: list[Entry] | None = None) -> Events:
    text = "".join(perfetto(log.header, entries(log) if records is None else records))
    events: Events = json.loads(text)["traceEvents"]
    return events


def test_slices_are_balanced_nested_and_in_order(each_log: Log) -> None:
    times: defaultdict[int, float] = defaultdict(float)
    opened: defaultdict[int, list[str]] = defaultdict(list)
    for event in drawn(each_log):
        if event["ph"] == "M":
            continue
        thread = event["tid"]
        assert times[thread] <= event["ts"]
        times[thread] = event["ts"]
        if event["ph"] == "B":
            opened[thread].append(event["name"])
        elif event["ph"] == "E":
            opened[thread].pop()

    assert not any(opened.values())


def test_every_record_is_in_the_trace_with_its_number(each_log: Log) -> None:
    told = {event["args"]["seq"] for event in drawn(each_log) if "seq" in event.get("args", {})}

    assert set(range(1, each_log.last_seq + 1)) == told


def test_a_level_is_a_thread_and_its_states_are_slices_in_ticks_chains_and_attempts(
    logged: Logged,
) -> None:
    events = drawn(logged("saga"))
    names = {
        event["tid"]: event["args"]["name"]
        for event in events
        if event.get("name") == "thread_name"
    }
    paths: set[tuple[str, ...]] = set()
    opened: defaultdict[int, list[str]] = defaultdict(list)
    for event in events:
        if event["ph"] == "B":
            opened[event["tid"]].append(event["name"])
            paths.add((names[event["tid"]], *opened[event["tid"]]))
        elif event["ph"] == "E":
            opened[event["tid"]].pop()

    assert {"full loop", "atomic", "tight loop"} <= set(names.values())
    assert ("full loop", "tick 1", "ATOMIC") in paths
    assert ("atomic", "chain 1", "COMPENSATE") in paths
    assert ("tight loop", "instruction 3", "attempt 1", "AWAIT_POSITION") in paths
    assert ("feed feed:binance", "LIVE") in paths
    assert "process_name" == events[0]["name"]
    assert {1} == {event["pid"] for event in events}


def test_a_verdict_stands_on_its_attempt_and_on_the_state_that_it_led_to(logged: Logged) -> None:
    args = [e["args"] for e in drawn(logged("lost")) if e["ph"] in "Bi" and e["tid"] == 3]
    found = [
        (one["attempt"], one["verdict"]) for one in args if "first" in one and "attempt" in one
    ]
    states = [one for one in args if one.get("event") == "unexecuted"]

    assert [(1, "unexecuted"), (2, "matched")] == found[:2]
    assert [(1, 1, "unexecuted", "unexecuted")] == [
        (one["instruction"], one["attempt"], one["verdict"], one["event"]) for one in states
    ]


def test_what_a_longer_log_adds_leaves_the_rest_of_the_trace_as_it_was(logged: Logged) -> None:
    log = logged("plain")
    records = list(entries(log))
    at_rest = next(one.seq for one in records if one.target == "IDLE" and one.seq > 20)
    before, after = drawn(log, records[:at_rest]), drawn(log)
    before = [one for one in before if one["tid"] <= 3]  # machines beside go on
    after = [one for one in after if one["tid"] <= 3]

    assert before == after[: len(before)]
    assert len(before) < len(after)


def test_a_clock_that_is_set_back_turns_no_slice_round(logged: Logged) -> None:
    log = logged("lost")
    back = [one._replace(wall_ns=one.wall_ns - 10**12 * (one.seq > 30)) for one in entries(log)]
    times = [event["ts"] for event in drawn(log, back) if "ts" in event]

    assert sorted(times) == times
    assert len(times) == len([event for event in drawn(log) if "ts" in event])


def test_a_log_without_a_record_is_a_trace_without_an_event(logged: Logged) -> None:
    assert {"M"} == {event["ph"] for event in drawn(logged("plain"), [])}


def test_half_a_surrogate_pair_is_told_in_a_trace(logged: Logged) -> None:
    log = logged("lost")
    records = [one._replace(event=one.event and f"{one.event}\ud800") for one in entries(log)]

    assert "tick\ud800" in {event.get("name") for event in drawn(log, records)}
