"""A live log changed by somebody who may: every hash made anew, the anchor too."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from verifill.engine.digest import canonical_json, sha256_hex
from verifill.engine.log.anchor import FileAnchor
from verifill.engine.log.connection import DATABASE, INSERT, ROWS
from verifill.engine.log.identity import FIELDS, digests_of
from verifill.engine.log.line import line_of
from verifill.engine.log.mark import MARK, make_mark
from verifill.engine.log.record import COLUMNS
from verifill.engine.log.writer import HEADER

Records = list[dict[str, Any]]


def rechained(log: Path, folder: Path, change: Callable[[Records], Records]) -> Path:
    """A copy of a log with other records, numbered and hashed as if they had been written so.

    The first one knows the header as it is now, which may have been changed too.

    Args:
        log: the log.
        folder: where the copy goes; its anchor is `FOLDER.anchor`.
        change: given the records, payloads as plain values, gives those of the copy.
    """
    shutil.copytree(log, folder, ignore=shutil.ignore_patterns("lock", MARK))
    make_mark(folder)
    anchor = Path(f"{folder}.anchor")
    with closing(sqlite3.connect(folder / DATABASE)) as connection:
        rows = connection.execute(f"{ROWS} ORDER BY seq").fetchall()
        records = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
        for record in records:
            record["payload"] = json.loads(record["payload"] or "null")
        connection.execute("DELETE FROM records")
        header = (folder / HEADER).read_bytes()
        records[0]["payload"][FIELDS] = digests_of(json.loads(header))
        before = sha256_hex(header)
        for seq, record in enumerate(change(records), start=1):
            record |= {"seq": seq, "cause_seq": seq - 1, "prev_hash": before}
            payload = record["payload"]
            record["payload"] = None if payload is None else canonical_json(payload).decode()
            line = line_of(tuple(record.values())[:-1])
            before = line.hash
            connection.execute(INSERT, line)
            anchor.unlink(missing_ok=True)
            FileAnchor(anchor).publish(seq, before)
        connection.commit()
    return folder


def answers(record: dict[str, Any], question: str) -> list[Any]:
    """The first answer in a record to a question that ends so; changing it changes the record."""
    payload: dict[str, Any] = record["payload"] or {}
    told: list[list[Any]] = payload.get("answers", [])
    found = [entry for entry in told if str(entry[0]).endswith(question)]
    return found[0] if found else []
