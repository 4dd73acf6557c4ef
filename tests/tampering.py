"""Changing the records of a log behind its back, as somebody could who has its file."""

import sqlite3
from typing import Any

from verifill.engine.log.connection import ROWS, Connection
from verifill.engine.log.line import HEAD, Line, line_of
from verifill.engine.log.record import COLUMNS


def edit(where: str, **columns: str) -> str:
    """The statement that makes columns of some records something else.

    Args:
        where: which records.
        columns: name -> expression of SQL; what stands in the head is changed there.
    """
    beside = [f"{name} = {told}" for name, told in columns.items() if name in Line._fields]
    inside = [
        f", '$[{HEAD.index(name)}]', {told}" for name, told in columns.items() if name in HEAD
    ]
    head = [f"head = json_set(head{''.join(inside)})"] if inside else []
    return f"UPDATE records SET {', '.join(beside + head)} WHERE {where}"  # noqa: S608 - of tests


def told(database: Connection | sqlite3.Connection) -> list[dict[str, Any]]:
    """Every record by its columns."""
    rows = database.execute(f"{ROWS} ORDER BY seq")
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def line(record: dict[str, Any]) -> Line:
    """A record as it is stored, with the hash that its columns give."""
    return line_of(tuple(record.values())[:-1])


def hash_again(database: sqlite3.Connection, first: int = 1) -> None:
    """What the owner of a log can do: hash every record anew from one on."""
    before = ""
    for record in told(database):
        if record["seq"] >= first:
            record["prev_hash"] = before or record["prev_hash"]
            made = line(record)
            database.execute(
                "UPDATE records SET head = ?, hash = ? WHERE seq = ?",
                (made.head, made.hash, made.seq),
            )
            record["hash"] = made.hash
        before = record["hash"]
