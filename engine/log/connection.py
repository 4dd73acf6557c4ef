"""The connection to the database of a durable log, and what it must promise."""

import sqlite3
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from verifill.engine.errors import LogError
from verifill.engine.log.line import HEAD, Batch, Line, batch_of, rows_of, unread_in
from verifill.engine.log.record import COLUMNS, INTENT, KINDS, OPERATOR, Row
from verifill.engine.log.streams import INT

DATABASE = "log.sqlite"
BUSY_S = 5.0  # how long a lock of another process is waited for
BATCH_ROWS = 250
"""How many records are read and looked at together."""


class Cursor(Protocol):
    """The rows of a statement."""

    def fetchone(self) -> Any:  # noqa: ANN401 - a row is what the statement makes it
        """The next row; None after the last."""
        ...

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """As much of a `sqlite3.Connection` as a log needs; it raises `sqlite3.Error`.

    It begins and commits nothing by itself.
    """

    def execute(self, sql: str, parameters: Sequence[object] = (), /) -> Cursor:
        """Run a statement."""
        ...

    def executemany(self, sql: str, parameters: Iterable[Sequence[object]], /) -> object:
        """Run a statement for each row."""
        ...

    def close(self) -> None:
        """Let go of the database."""
        ...


Connect = Callable[[Path], Connection]
"""Connects to the database at a path, which is there."""


def connect(path: Path) -> sqlite3.Connection:
    """A connection of the standard library, for the writer."""
    return sqlite3.connect(path, isolation_level=None, timeout=BUSY_S)


def connect_to_read(path: Path) -> sqlite3.Connection:
    """A connection that cannot write, for any process."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)


# What a commit rests on: it is in the write-ahead log and synced before it returns.
# `fullfsync` is the same on systems where a plain fsync stops at the cache of the disk.
PRAGMAS: Mapping[str, tuple[str, object]] = {
    "journal_mode": ("WAL", "wal"),
    "synchronous": ("FULL", 2),
    "fullfsync": ("ON", 1),
    "checkpoint_fullfsync": ("ON", 1),
}

_TYPED = {name: f'"{name}" {"INTEGER" if COLUMNS.get(name) == INT else "TEXT"}' for name in
          (*Line._fields, *COLUMNS)}  # fmt: skip
_STORED = [_TYPED[name] + (" PRIMARY KEY" if name == "seq" else "") for name in Line._fields]
# What stands in the head is shown as columns, read when somebody asks for them; nothing is stored.
_SHOWN = [
    f"{_TYPED[name]} GENERATED ALWAYS AS (json_extract(head, '$[{at}]')) VIRTUAL"
    for at, name in enumerate(HEAD)
]
# Of a list (kind IN ...) SQLite makes a table for each record anew.
_KNOWN = " OR ".join(f"kind = '{kind}'" for kind in sorted(KINDS))
_CHECKS = (f"CHECK ({_KNOWN})", "CHECK (intent_id <> '' AND payload <> '')")
SCHEMA = (
    f"CREATE TABLE records ({', '.join((*_STORED, *_SHOWN, *_CHECKS))})",
    f"CREATE UNIQUE INDEX one_intent ON records (intent_id) WHERE kind = '{INTENT}'",
    f"CREATE INDEX commands ON records (seq) WHERE kind = '{OPERATOR}'",
)

_LINE = ", ".join(Line._fields)
INSERT = f"INSERT INTO records ({_LINE}) VALUES ({', '.join('?' * len(Line._fields))})"  # noqa: S608 - no input
SELECT = f"SELECT {_LINE} FROM records WHERE seq > ? AND seq <= ? ORDER BY seq"  # noqa: S608 - no input
ROWS = f"""SELECT {", ".join(f'"{name}"' for name in COLUMNS)} FROM records"""  # noqa: S608 - no input
"""Every record by its columns."""
LAST = 2**63 - 1
_INDEXED: Mapping[str, str] = {"one_intent": INTENT, "commands": OPERATOR}
COMMANDS = f"SELECT payload FROM records WHERE kind = '{OPERATOR}' AND seq > ? ORDER BY seq"  # noqa: S608 - no input


def backwards(columns: Iterable[str]) -> str:
    """A query for some columns of the records after a number, the newest first."""
    names = ", ".join(f'"{name}"' for name in columns)
    return f"SELECT {names} FROM records WHERE seq > ? ORDER BY seq DESC"  # noqa: S608 - no input


def prepare(connection: Connection, path: Path) -> None:
    """Make commits durable, and read back that they are.

    Raises:
        LogError: the database does not promise it.
    """
    with reading(path):
        for name, (value, wanted) in PRAGMAS.items():
            connection.execute(f"PRAGMA {name} = {value}").fetchone()
            found = connection.execute(f"PRAGMA {name}").fetchone()[0]
            if found != wanted:
                msg = (
                    f"{path} has {name} {found!r} although it was set to {value}, so what is "
                    "written would not survive a power cut. Choose a local disk for the log"
                )
                raise LogError(msg)


def check_tables(connection: Connection, path: Path) -> None:
    """Refuse a database with other tables than those of a log.

    Raises:
        LogError: the table is missing, or the index that keeps an intent from being sent
            twice; or there is something else.
    """
    with reading(path):
        told = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")
        found: set[str] = {sql for (sql,) in told}
    if found != set(SCHEMA):
        odd = sorted(found ^ set(SCHEMA))
        msg = (
            f"{path} has not the tables of a log; missing or foreign: {'; '.join(odd)}. "
            "It was changed, or cut short when it was made: restore it from a copy"
        )
        raise LogError(msg)


def make_durable(connection: Connection, path: Path) -> None:
    """Write what was read to the disk anew, and empty the write-ahead log.

    After a sync that failed, the system may show bytes that the disk never got, and never
    write them again by itself. What a life builds on is therefore written once more.

    Raises:
        LogError: it cannot be done.
    """
    with reading(path):
        busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    if busy:
        msg = f"{path} is being read by another process for too long. End that, then start again"
        raise LogError(msg)


def check_pages(connection: Connection, path: Path) -> None:
    """Refuse a database whose index does not say what its table says.

    Raises:
        LogError: a page is damaged.
    """
    with reading(path):
        found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        msg = f"{path} is damaged: {found}. Restore it from a copy"
        raise LogError(msg)


def indexed(connection: Connection, path: Path) -> Mapping[str, Mapping[int, str | None]]:
    """What each index lists: kind of records -> their numbers, each with its key.

    Raises:
        LogError: one cannot be read.
    """
    found: dict[str, Mapping[int, str | None]] = {}
    for index, kind in _INDEXED.items():
        listed = f"INDEXED BY {index} WHERE kind = '{kind}'"
        try:
            found[kind] = dict(connection.execute(f"SELECT seq, intent_id FROM records {listed}"))  # noqa: S608 - no input
        except sqlite3.Error as error:
            msg = f"{path} is damaged: its index {index}: {error}. Restore it from a copy"
            raise LogError(msg) from error
    return found


def rows_after(connection: Connection, path: Path, seq: int = 0, upto: int = LAST) -> Iterator[Row]:
    """The records after a number, up to another, in order.

    Raises:
        LogError: they cannot be read; with the last that could.
    """
    for batch in batches_after(connection, path, seq, upto):
        if (at := unread_in(batch)) is not None:
            what = f"record {batch['seq'][at]}: its head is damaged"
            msg = f"{path} cannot be read at {what}. Restore it from a copy"
            raise LogError(msg)
        yield from rows_of(batch)


def batches_after(
    connection: Connection, path: Path, seq: int = 0, upto: int = LAST
) -> Iterator[Batch]:
    """The same, BATCH_ROWS at a time; where reading them fails, those before come first.

    Raises:
        LogError: see `rows_after`.
    """
    rows: list[Any] = []
    try:
        left = iter(connection.execute(SELECT, (seq, upto)))
        while True:
            rows.extend(islice(left, BATCH_ROWS))
            if not rows:
                return
            yield batch_of(rows)
            seq, rows = rows[-1][0], []
    except sqlite3.Error as error:
        if rows:
            yield batch_of(rows)
            seq = rows[-1][0]
        msg = f"{path} cannot be read after record {seq}: {error}. Restore it from a copy"
        raise LogError(msg) from error


@contextmanager
def reading(path: Path) -> Generator[None]:
    """What the database refuses, in words."""
    try:
        yield
    except sqlite3.Error as error:
        msg = f"{path} cannot be used: {error}. Restore it from a copy, or end who else uses it"
        raise LogError(msg) from error
