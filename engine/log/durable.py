"""The durable log: what is appended is on the disk before `append` returns.

Every engine step is one transaction of one or more records, all or nothing. One process at
a time writes; it holds a lock for as long as it lives. Records form a chain of hashes (see
`engine.log.chain`), and an anchor elsewhere remembers how far it had come (see
`engine.log.anchor`). `engine.log.opening` makes such a log or takes one up again.
"""

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from verifill.engine.errors import EngineDefect, LogError
from verifill.engine.log.anchor import Anchor
from verifill.engine.log.chain import after
from verifill.engine.log.connection import INSERT, Connection, reading
from verifill.engine.log.line import Line, line_of
from verifill.engine.log.mark import Mark
from verifill.engine.log.record import EPOCH, Origin, Record, Tail
from verifill.engine.log.stored import stored


class DurableLog:
    """The one writer of a durable log, in one process life.

    Args:
        path: its database.
        origin: what its chain begins with.
        tail: where its chain ends.
        life: the EPOCH that this process life begins with; it is appended and anchored.
        connection: to the database.
        anchor: the second place.
        mark: how far it was acknowledged.
        release: called when it is closed; lets go of connection and lock.

    Raises:
        LogError: the life cannot be begun.

    Attributes:
        life: the EPOCH that this life began with.
        found: where the chain ended before this life.
        tail: where it ends now.
    """

    def __init__(
        self,
        path: Path,
        origin: Origin,
        tail: Tail,
        life: Record,
        *,
        connection: Connection,
        anchor: Anchor,
        mark: Mark,
        release: Callable[[], None],
    ) -> None:
        self.life = life
        self.found = self.tail = tail
        self._path = path
        self._origin = origin
        self._connection = connection
        self._anchor = anchor
        self._mark = mark
        self._release = release
        self._stopped = ""  # why nothing more is written
        if life.kind != EPOCH:
            msg = f"a process life begins with a record of kind {life.kind}; it must be {EPOCH}"
            raise EngineDefect(msg)
        line, begun = self._line(life, tail, tail.epoch + 1)
        self._write([line], begun)
        self.anchor()

    def append(self, records: Sequence[Record]) -> int:
        """Write one engine step: all of its records or none, on the disk on return.

        Args:
            records: what happened, in order.

        Returns:
            The number of the last of them.

        Raises:
            EngineDefect: a record is none that may be written, or an INTENT has the key of
                one that is in the log. Nothing of the step is written; the log goes on.
            LogError: it cannot be written, or could not be before. Nothing more is written
                by this process. If it was the commit that failed, whether the step is in
                the log is unknown until the log is opened again.
        """
        lines: list[Line] = []
        tail = self.tail
        for record in records:
            if record.kind == EPOCH or record.mono_ns < tail.mono_ns:
                raise _break(record, tail)
            line, tail = self._line(record, tail, tail.epoch)
            lines.append(line)
        self._write(lines, tail)
        return tail.seq

    def anchor(self) -> None:
        """Tell the second place how far the log has come; at every terminal state.

        Raises:
            LogError: it cannot be told; nothing more is written by this process.
        """
        self._check()
        self._stopped = "it could not be anchored before"
        self._anchor.publish(self.tail.seq, self.tail.hash)
        self._stopped = ""

    def close(self) -> None:
        """Let others write there. What was acknowledged is on the disk already."""
        self._stopped = self._stopped or "it was closed"
        self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _line(self, record: Record, tail: Tail, epoch: int) -> tuple[Line, Tail]:
        """A record as it is stored after that tail, and where the chain ends then."""
        row = stored(record, self._origin, seq=tail.seq + 1, epoch=epoch, previous=tail.hash)
        try:
            line = line_of(row)
        except UnicodeEncodeError as error:
            msg = f"a record holds what cannot be stored: {error}. Nothing of the step was written"
            raise EngineDefect(msg) from error
        return line, after(record, line, epoch, tail, self._origin)

    def _write(self, lines: Sequence[Line], tail: Tail) -> None:
        """Commit the records, with which the chain ends at that tail."""
        self._check()
        # Set first, so that whatever breaks in on the transaction, a signal too, ends it all.
        self._stopped = "a write failed before"
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(INSERT, lines)
            self._connection.execute("COMMIT")
            self._mark.move(tail.seq)
        except (sqlite3.Error, OSError) as error:
            raise self._failed(error) from error
        self.tail = tail
        self._stopped = ""

    def _failed(self, error: sqlite3.Error | OSError) -> LogError | EngineDefect:
        """What a write that failed means."""
        if isinstance(error, sqlite3.IntegrityError) and "intent_id" in str(error):
            with reading(self._path):
                self._connection.execute("ROLLBACK")
            self._stopped = ""
            msg = (
                "an INTENT has the intent_id of one that is written already, in the log or in its "
                "own step; an intent is sent once. Nothing of the step was written"
            )
            return EngineDefect(msg)
        msg = (
            f"{self._path} cannot be written: {error}. The log holds everything up to record "
            f"{self.tail.seq}; whether it holds the step after that is unknown, not denied, until "
            "it is opened again. Nothing more is written or may be sent. Make room or mend the "
            "disk, then start again"
        )
        return LogError(msg)

    def _check(self) -> None:
        if self._stopped:
            msg = (
                f"{self._path} is written no more: {self._stopped}. Nothing may be sent. Open the "
                "log again to see what is in it"
            )
            raise LogError(msg)


def _break(record: Record, tail: Tail) -> EngineDefect:
    """Why a record may not follow that tail within a process life."""
    if record.kind == EPOCH:
        msg = "an EPOCH is written when a log is opened, and at no other time"
    else:
        msg = (
            f"a record has mono_ns {record.mono_ns}, before the {tail.mono_ns} of record "
            f"{tail.seq}; a monotonic clock never goes back"
        )
    return EngineDefect(f"{msg}. Nothing of the step was written")
