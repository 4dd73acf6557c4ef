"""Checking the chain of a long log in several parts at once, each in a process of its own.

Whether a part is sound can be told without the parts before it: it begins with the record
that the one before ends with. So this process follows the first part itself, and takes the
word of a helper only for a part that begins with the very hash that it has come to. Of a
helper that has found something, or has come to no end, nothing is believed: its part is
followed here, and what is wrong is told as if there had been no helper.
"""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, suppress
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec
from msgspec import Struct

from verifill.engine.log.chain import Anchored, Tail, after, beginning, check_end, follow
from verifill.engine.log.connection import (
    Connection,
    connect_to_read,
    rows_after,
)
from verifill.engine.log.mark import marked
from verifill.engine.log.record import Origin, Row

PART_ROWS: Final = 50_000
"""No part is shorter: to start a helper takes as long as to follow some ten thousand records."""

PARTS_MAX: Final = 4

Rows = Iterable[Row]
Look = Callable[[Rows], Rows]
"""Passes rows through, and looks at each."""


class Part(Struct):
    """The records after a number, up to another, of a log.

    Attributes:
        path: its database.
        origin: what its chain begins with.
        after: number of the record before the first.
        upto: number of the last.
        anchored: see `chain.Anchored`.
    """

    path: str
    origin: Origin
    after: int
    upto: int
    anchored: Anchored


class Sound(Struct):
    """A part that is as it was written.

    Attributes:
        began: the place that it was followed from.
        ended: where it ends.
    """

    began: Tail
    ended: Tail


def verify(
    connection: Connection,
    path: Path,
    origin: Origin,
    anchored: Anchored,
    look: Look | None = None,
) -> Tail:
    """Follow the chain of a log from its header to its end.

    Args:
        connection: to its database.
        path: of it.
        origin: what the chain must begin with.
        anchored: a record that must be in it.
        look: is shown every row, in order.

    Returns:
        Where it ends.

    Raises:
        LogError: see `chain.follow` and `chain.check_end`.
    """
    show, acknowledged = look or _pass, marked(path.parent)  # before the end can move on
    with ExitStack() as held:
        first, *others = _parts(connection, path, origin, anchored)
        helpers: list[_Helper] = []
        with suppress(OSError):  # no process to be had: it takes longer
            helpers += (held.enter_context(_Helper(part)) for part in others)
        rows = rows_after(connection, path, 0, first.upto)
        tail = follow(show(rows), origin, beginning(origin), anchored)
        for helper in helpers:
            sound = helper.answer()
            if sound is None or _place(sound.began) != _place(tail):
                break
            if look:
                for _ in look(rows_after(connection, path, tail.seq, sound.ended.seq)):
                    pass
            tail = sound.ended._replace(state=sound.ended.state or tail.state)
        tail = follow(show(rows_after(connection, path, tail.seq)), origin, tail, anchored)
    check_end(tail, origin, anchored, acknowledged)
    return tail


def _pass(rows: Rows) -> Rows:
    """Nobody looks."""
    return rows


def _place(tail: Tail) -> Tail:
    """As much of a place as a record by itself tells."""
    return tail._replace(state=None)


def _parts(
    connection: Connection, path: Path, origin: Origin, anchored: Anchored
) -> Iterator[Part]:
    """Parts of about the same length that cover what is there now."""
    last = 0
    with suppress(sqlite3.Error):  # what cannot be read is told where it is come to
        told = connection.execute("SELECT coalesce(max(seq), 0) FROM records")
        last = told.fetchone()[0]
    count = max(1, min(PARTS_MAX, os.cpu_count() or 1, last // PART_ROWS))
    ends = [last * at // count for at in range(count + 1)]
    for begin, end in pairwise(ends):
        yield Part(str(path), origin, begin, end, anchored)


def check(given: str) -> bytes:
    """What a helper does: follow a Part, and tell that it is Sound.

    Raises:
        LogError: it is not; nobody reads why.
    """
    part = msgspec.json.decode(given, type=Part)
    path = Path(part.path)
    with closing(connect_to_read(path)) as connection:
        (before,) = rows_after(connection, path, part.after - 1, part.after)
        began = after(before, beginning(part.origin), part.origin)
        rows = rows_after(connection, path, part.after, part.upto)
        ended = follow(rows, part.origin, began, part.anchored)
    return msgspec.json.encode(Sound(began, ended))


_WORK: Final = f"import sys, {__name__} as it; sys.stdout.buffer.write(it.check(sys.argv[1]))"


class _Helper:
    """A process that follows a part, as long as it is needed.

    Args:
        part: what it follows.
    """

    def __init__(self, part: Part) -> None:
        told = msgspec.json.encode(part).decode()
        self._process = subprocess.Popen(  # noqa: S603 - the command is our own
            [sys.executable, "-P", "-c", _WORK, told],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def answer(self) -> Sound | None:
        """What it has come to; None if it is no word to be believed."""
        told, _ = self._process.communicate()
        try:
            return msgspec.json.decode(told, type=Sound)
        except msgspec.DecodeError:
            return None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._process:
            self._process.kill()
