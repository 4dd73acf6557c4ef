"""A log of a backtest, written once more as a durable one; for tests of what reads logs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from verifill.engine.log.anchor import FileAnchor
from verifill.engine.log.opening import create_log
from verifill.engine.log.reader import Log
from verifill.engine.log.record import EVIDENCE, Record

SAME = (
    *("machine", "instance", "parent", "event", "attempt", "kind", "intent_id", "venue_ref"),
    *("wall_ns", "mono_ns", "venue_ns", "quantity", "price"),
)

Rows = dict[int, dict[str, list[list[Any]]]]


def transcribed(log: Log, folder: Path) -> Path:
    """The same records after an EPOCH, so each number is greater by 1, and then how it ended."""
    header = {key: value for key, value in log.header.items() if key != "streams"}
    evidence = rows_by_seq(log)
    rows = log.records().collect().to_dicts()
    start_ns = rows[0]["mono_ns"]
    life = Record(
        machine="full_loop", kind="EPOCH", wall_ns=start_ns, mono_ns=start_ns,
        payload={"streams": evidence.get(0, {})},
    )  # fmt: skip
    with create_log(folder, header, life, anchor=FileAnchor(folder.parent / "anchor")) as durable:
        durable.append([record(row, evidence.get(row["seq"], {})) for row in rows])
        last = rows[-1]
        ended = Record(
            machine="full_loop", kind="NOTE", wall_ns=last["wall_ns"], mono_ns=last["mono_ns"],
            payload={"end": log.end},
        )  # fmt: skip
        durable.append([ended])
        durable.anchor()
    return folder


def rows_by_seq(log: Log) -> Rows:
    told: Rows = {}
    for stream in EVIDENCE:
        for seq, *row in log.stream(stream).collect().iter_rows():
            told.setdefault(seq, {}).setdefault(stream, []).append(row)
    return told


def record(row: Mapping[str, Any], evidence: Mapping[str, Any]) -> Record:
    given = {name: row[name] for name in SAME} | {"source": row["from"], "target": row["to"]}
    if row["kind"] == "INTENT":  # a backtest has a key for the sends, not for the decision
        given["intent_id"] = f"intent-{row['seq']}"
    return Record(**given, payload={"streams": evidence} if evidence else None)
