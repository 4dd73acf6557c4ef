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
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

import msgspec
from msgspec import Struct

from verifill.engine.collector import paused
from verifill.engine.log.chain import Anchored, beginning, check_end, ended, follow
from verifill.engine.log.connection import (
    Connection,
    batches_after,
    check_pages,
    connect_to_read,
)
from verifill.engine.log.line import Batch
from verifill.engine.log.mark import marked
from verifill.engine.log.record import Origin, Tail

PART_ROWS: Final = 50_000
"""No part is shorter: to start a helper takes as long as to follow some ten thousand records."""

AHEAD_ROWS: Final = 80_000
"""How many records are followed in the time that a helper takes to begin, and to hand over."""

PARTS_MAX: Final = 4
SOUND: Final = b"sound"

Batches = Iterable[Batch]


class Look(Protocol):
    """Looks at records on their way, and keeps what it needs of them.

    A helper makes one of the same class, without arguments, and hands over what it kept.
    """

    def of(self, batches: Batches, /) -> Batches:
        """The records, as they are come to."""
        ...

    def packed(self) -> bytes:
        """What was kept, for another process."""
        ...

    def take(self, packed: bytes, /) -> None:
        """Keep what another has kept of the records that come next."""
        ...


class Blind:
    """Looks at nothing."""

    def of(self, batches: Batches, /) -> Batches:
        """See `Look.of`."""
        return batches

    def packed(self) -> bytes:
        """See `Look.packed`."""
        return b""

    def take(self, _packed: bytes, /) -> None:
        """See `Look.take`."""


class Part(Struct):
    """The records after a number, up to another, of a log.

    Attributes:
        path: its database.
        origin: what its chain begins with.
        after: number of the record before the first.
        upto: number of the last.
        anchored: see `chain.Anchored`.
        look: module and class of who looks at them.
    """

    path: str
    origin: Origin
    after: int
    upto: int
    anchored: Anchored
    look: tuple[str, str]


class Sound(Struct):
    """A part that is as it was written.

    Attributes:
        began: the place that it was followed from.
        ended: where it ends.
        kept: what was kept of it.
    """

    began: Tail
    ended: Tail
    kept: bytes


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
        look: is shown every record, in order.

    Returns:
        Where it ends.

    Raises:
        LogError: see `chain.follow` and `chain.check_end`.
    """
    looking, acknowledged = look or Blind(), marked(path.parent)  # before the end can move on
    with paused(), ExitStack() as held:
        first, *others = _parts(connection, path, origin, anchored, looking)
        helpers: list[_Helper] = []
        with suppress(OSError):  # no process to be had: it takes longer
            helpers += (
                held.enter_context(_Helper("check", msgspec.json.encode(part).decode()))
                for part in others
            )
        batches = batches_after(connection, path, 0, first.upto)
        tail = follow(looking.of(batches), origin, beginning(origin), anchored)
        for helper in helpers:
            sound = _sound(helper.answer())
            if sound is None or _place(sound.began) != _place(tail):
                break
            looking.take(sound.kept)
            tail = sound.ended._replace(state=sound.ended.state or tail.state)
        rest = batches_after(connection, path, tail.seq)
        tail = follow(looking.of(rest), origin, tail, anchored)
    check_end(tail, origin, anchored, acknowledged)
    return tail


def _place(tail: Tail) -> Tail:
    """As much of a place as a record by itself tells."""
    return tail._replace(state=None)


def _parts(
    connection: Connection, path: Path, origin: Origin, anchored: Anchored, look: Look
) -> Iterator[Part]:
    """Parts that cover what is there now, and are followed in about the same time."""
    last = _last(connection)
    count = max(1, min(PARTS_MAX, os.cpu_count() or 1, last // PART_ROWS))
    ahead = min(AHEAD_ROWS, last) * (count - 1) // count
    ends = [0, *(ahead + (last - ahead) * at // count for at in range(1, count + 1))]
    who = type(look)
    for begin, end in pairwise(ends):
        yield Part(str(path), origin, begin, end, anchored, (who.__module__, who.__name__))


def _last(connection: Connection) -> int:
    """Number of the last record; 0 if there is none, or it cannot be read.

    What cannot be read is told where it is come to.
    """
    with suppress(sqlite3.Error):
        told = connection.execute("SELECT coalesce(max(seq), 0) FROM records")
        return int(told.fetchone()[0])
    return 0


@contextmanager
def checking_pages(connection: Connection, path: Path) -> Generator[Callable[[], None]]:
    """Do what `connection.check_pages` does while the chain of a long log is followed.

    Yields:
        Waits for it, and raises what it raised.
    """
    with ExitStack() as held:
        helper: _Helper | None = None
        if _last(connection) >= PART_ROWS:
            with suppress(OSError):  # no process to be had: it is done when it is asked for
                helper = held.enter_context(_Helper("pages", str(path)))

        def done() -> None:
            if helper is None or helper.answer() != SOUND:
                check_pages(connection, path)

        yield done


def pages(given: str) -> bytes:
    """What a helper does: check the pages of a database.

    Raises:
        LogError: one is damaged; nobody reads why.
    """
    path = Path(given)
    with closing(connect_to_read(path)) as connection:
        check_pages(connection, path)
    return SOUND


def check(given: str) -> bytes:
    """What a helper does: follow a Part, and tell that it is Sound.

    Raises:
        LogError: it is not; nobody reads why.
    """
    part = msgspec.json.decode(given, type=Part)
    path = Path(part.path)
    module, name = part.look
    look: Look = getattr(import_module(module), name)()
    with paused(), closing(connect_to_read(path)) as connection:
        (before,) = batches_after(connection, path, part.after - 1, part.after)
        began = ended(before, beginning(part.origin), part.origin)
        batches = batches_after(connection, path, part.after, part.upto)
        tail = follow(look.of(batches), part.origin, began, part.anchored)
    return msgspec.msgpack.encode(Sound(began, tail, look.packed()))


def _sound(told: bytes) -> Sound | None:
    """What a helper has come to; None if it is no word to be believed."""
    try:
        return msgspec.msgpack.decode(told, type=Sound)
    except msgspec.DecodeError:
        return None


_WORK: Final = f"import sys, {__name__} as it; sys.stdout.buffer.write(it.%s(sys.argv[1]))"


class _Helper:
    """A process that does a part of the work, as long as it is needed.

    Args:
        work: a function of this module.
        given: its argument.
    """

    def __init__(self, work: str, given: str) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - the command is our own
            [sys.executable, "-P", "-c", _WORK % work, given],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def answer(self) -> bytes:
        """What the function gives; nothing if it failed."""
        told, _ = self._process.communicate()
        return told

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
