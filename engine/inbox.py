"""The operators' inbox: commands from any process to the engine that runs a durable log.

A SQLite database of its own beside the log, so that the log keeps its one writer. Any
process posts; the engine looks between steps, and answers each command once. A command that
is posted while no engine runs waits for the next. Whatever is wrong with the inbox is an
`InboxError`, never a `LogError`: the engine goes on without it.

On return of `post` and `answer`, what they wrote is on the disk. The inbox is no evidence:
what was done upon a command is in the log.
"""

import json
import os
import sqlite3
import tempfile
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Final, Self, cast

from attrs import frozen

from verifill.engine.command import Command
from verifill.engine.commands import checked
from verifill.engine.digest import canonical_json
from verifill.engine.errors import CommandError, InboxError
from verifill.engine.log.connection import DATABASE, connect_to_read
from verifill.engine.log.files import sync_folder
from verifill.engine.log.reader import Log
from verifill.engine.log.schema import SQLITE, STORE

INBOX: Final = "inbox.sqlite"
POSTER_BUSY_S: Final = 5.0  # how long a lock of another process is waited for
ENGINE_BUSY_S: Final = 1.0  # the engine has more to do
PENDING_MAX: Final = 1_000

_TABLE: Final = (
    "CREATE TABLE commands (id INTEGER PRIMARY KEY AUTOINCREMENT, at_ns INTEGER NOT NULL, "
    "actor TEXT NOT NULL, reason TEXT NOT NULL, name TEXT NOT NULL, arguments TEXT NOT NULL, "
    "taken INTEGER, answer TEXT, answered_ns INTEGER)"
)
# makes a look at an inbox without news cost the same, however many were answered
_INDEX: Final = "CREATE INDEX unanswered ON commands (id) WHERE answer IS NULL"
_SCHEMA: Final = (_TABLE, _INDEX)
_TABLES: Final = "SELECT sql FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
_POST: Final = "INSERT INTO commands (at_ns, actor, reason, name, arguments) VALUES (?, ?, ?, ?, ?)"
_COLUMNS: Final = "id, at_ns, actor, reason, name, arguments, taken, answer, answered_ns"
_PENDING: Final = (
    f"SELECT {_COLUMNS} FROM commands WHERE answer IS NULL ORDER BY id LIMIT {PENDING_MAX}"  # noqa: S608 - no input
)
_LAST: Final = f"SELECT {_COLUMNS} FROM commands ORDER BY id DESC LIMIT ?"  # noqa: S608 - no input
_ONE: Final = f"SELECT {_COLUMNS} FROM commands WHERE id = ?"  # noqa: S608 - no input
_ANSWER: Final = (
    "UPDATE commands SET taken = ?, answer = ?, answered_ns = ? WHERE id = ? AND answer IS NULL"
)


@frozen(kw_only=True)
class Answer:
    """What the engine answered to a command.

    Attributes:
        taken: whether it did what was commanded; False if it refused.
        text: what it did, or why it refused.
        at_ns: when, by its wall clock.
    """

    taken: bool
    text: str
    at_ns: int


@frozen(kw_only=True)
class Posted:
    """A command, and its answer once there is one.

    Attributes:
        command: what was commanded.
        answer: what the engine answered; None as long as the command waits.
    """

    command: Command
    answer: Answer | None


def post(
    folder: Path,
    name: str,
    *,
    actor: str,
    reason: str,
    at_ns: int,
    arguments: Mapping[str, str] = MappingProxyType({}),
) -> int:
    """Post a command to the engine of a log, also while none runs.

    Args:
        folder: the durable log.
        name: of the command, see `engine.commands`.
        actor: who commands.
        reason: why.
        at_ns: when, by the wall clock.
        arguments: those of the command, as texts.

    Returns:
        Its number.

    Raises:
        CommandError: it is no command, or misses something, or the log takes none. Nothing
            was posted.
        LogError: the folder is no log.
        InboxError: the inbox cannot be written. If it was the commit that failed, whether
            the command was posted is unknown until the inbox can be read.
    """
    known, whole = checked(name, actor=actor, reason=reason, arguments=arguments)
    _check_log(folder)
    path = folder / INBOX
    with _using(path):
        if not path.exists():
            _make(path)
        with closing(_connect(path, POSTER_BUSY_S)) as connection:
            row = (at_ns, actor, reason, known.value, canonical_json(whole).decode("ascii"))
            return cast("int", connection.execute(_POST, row).lastrowid)


def answer_of(folder: Path, number: int) -> Answer | None:
    """What the engine answered to a command; None as long as the command waits.

    Raises:
        CommandError: the inbox holds no such command, or the log takes none.
        LogError: the folder is no log.
        InboxError: the inbox cannot be read.
    """
    found = _read(folder, _ONE, number)
    if not found:
        msg = f"the inbox of {folder} holds no command {number}; see `verifill status {folder}`"
        raise CommandError(msg)
    return found[0].answer


def last_posted(folder: Path, count: int) -> tuple[Posted, ...]:
    """So many commands that were posted last, oldest first.

    Raises:
        CommandError: the log takes none.
        LogError: the folder is no log.
        InboxError: the inbox cannot be read.
    """
    return tuple(reversed(_read(folder, _LAST, count)))


class Inbox:
    """The engine's side of the inbox. Nothing is opened or made before it is needed.

    After an `InboxError` it may be used again: the next call opens the inbox anew.

    Args:
        folder: the durable log.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / INBOX
        self._connection: sqlite3.Connection | None = None
        self._file = (0, 0)  # device and number of the file that is open

    def pending(self) -> tuple[Command, ...]:
        """The commands without an answer, oldest first, at most PENDING_MAX of them.

        Raises:
            InboxError: the inbox cannot be read.
        """
        with self._using() as connection:
            if connection is None:
                return ()
            rows = connection.execute(_PENDING).fetchall()
            return tuple(_posted(self._path, row).command for row in rows)

    def answer(self, number: int, text: str, at_ns: int, *, taken: bool = True) -> None:
        """Answer a command, once and for all.

        Args:
            number: of the command.
            text: what was done, or why it was refused.
            at_ns: when, by the wall clock.
            taken: whether it was done; False if it was refused.

        Raises:
            InboxError: it cannot be written, or the command has an answer already, which
                stays, or is not there.
        """
        with self._using() as connection:
            plain = text.encode("utf-8", "backslashreplace").decode()
            row = (int(taken), plain, at_ns, number)
            if connection is None or not connection.execute(_ANSWER, row).rowcount:
                msg = (
                    f"{self._path} takes no answer to command {number}: it was answered before, "
                    "or the inbox was replaced and does not hold it"
                )
                raise InboxError(msg)

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def _using(self) -> Generator[sqlite3.Connection | None]:
        """The connection to the file that lies there now; None if there is none."""
        try:
            with _using(self._path):
                yield self._connected()
        except InboxError:
            self.close()
            raise

    def _connected(self) -> sqlite3.Connection | None:
        try:
            told = self._path.stat()
        except FileNotFoundError:
            self.close()
            return None
        if self._connection is None or self._file != (told.st_dev, told.st_ino):
            self.close()
            self._connection = _connect(self._path, ENGINE_BUSY_S)
            self._file = (told.st_dev, told.st_ino)
        return self._connection


def _check_log(folder: Path) -> None:
    if (folder / DATABASE).is_file():
        return  # whatever has become of its header, an engine that runs there is to be reached
    if Log(folder).header.get(STORE) != SQLITE:  # else its database is lost, and its inbox is not
        msg = (
            f"{folder} is the log of a backtest, which takes no commands. Name the folder of a "
            "live run"
        )
        raise CommandError(msg)


def _read(folder: Path, query: str, value: int) -> list[Posted]:
    _check_log(folder)
    path = folder / INBOX
    with _using(path):
        if not path.exists():
            return []
        with closing(connect_to_read(path)) as connection:
            _check_tables(connection, path)
            return [_posted(path, row) for row in connection.execute(query, (value,))]


def _make(path: Path) -> None:
    """Put an empty inbox there, unless another process is faster.

    It is made under another name, so that at every moment it is not there or whole.
    """
    descriptor, name = tempfile.mkstemp(prefix=".inbox-", dir=path.parent)  # its mode is 0600
    os.close(descriptor)
    try:
        with closing(sqlite3.connect(name, isolation_level=None)) as connection:
            for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", *_SCHEMA):
                connection.execute(statement).fetchone()
        with suppress(FileExistsError):
            os.link(name, path)
        sync_folder(path.parent)
    finally:
        Path(name).unlink()


def _connect(path: Path, busy_s: float) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=busy_s)
    try:
        connection.execute("PRAGMA synchronous = FULL")
        _check_tables(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _check_tables(connection: Any, path: Path) -> None:  # noqa: ANN401 - of either sort
    if {row[0] for row in connection.execute(_TABLES)} != set(_SCHEMA):
        msg = f"{path} has not the tables of an inbox. Move it away; the next command makes one"
        raise InboxError(msg)


def _posted(path: Path, row: tuple[Any, ...]) -> Posted:
    """A command as it was posted, checked once more, because files can be damaged."""
    number, at_ns, actor, reason, name, arguments, taken, text, answered_ns = row
    try:
        known, whole = checked(name, actor=actor, reason=reason, arguments=json.loads(arguments))
        command = Command(
            id=int(number),
            at_ns=int(at_ns),
            actor=actor,
            reason=reason,
            name=known,
            arguments=whole,
        )
        answer = (
            None if text is None else Answer(taken=bool(taken), text=text, at_ns=int(answered_ns))
        )
    except (CommandError, ValueError, TypeError, AttributeError) as error:
        msg = (
            f"{path} is damaged: command {number} is not as it was posted: {error}. Move it away; "
            "the next command makes a new one"
        )
        raise InboxError(msg) from error
    return Posted(command=command, answer=answer)


@contextmanager
def _using(path: Path) -> Generator[None]:
    """What disk and database refuse, in words."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        msg = (
            f"{path} cannot be used: {error}. Try again; if it stays so, mend the disk or move "
            "the file away, and the next command makes a new one"
        )
        raise InboxError(msg) from error
