"""Anchors: how far a durable log had come, told to a second place.

A chain of hashes proves that nothing inside it was changed. It cannot prove that nothing
was cut off its end, or that its owner did not make it anew: that takes a place that the
log does not lie in.
"""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from attrs import frozen

from verifill.engine.errors import LogError
from verifill.engine.log.files import PRIVATE_FILE, make_folder, sync_folder, write_down
from verifill.engine.log.writer import reason_of


class Place(NamedTuple):
    """A place in a chain: a record's number and its hash, as 64 hexadecimal digits."""

    seq: int
    hash: str


class Anchor(Protocol):
    """A second place that remembers how far a log had come."""

    def publish(self, seq: int, digest: str, /) -> None:
        """Remember a record's number and hash; on return they are durable there.

        Raises:
            LogError: it cannot be done. Whatever it raises stops the log.
        """
        ...

    def last(self) -> tuple[int, str] | None:
        """What was remembered last; None if nothing ever was.

        Raises:
            LogError: the place cannot be asked, or is damaged.
        """
        ...


@frozen
class Callbacks:
    """An anchor made of two functions.

    Attributes:
        publish: see `Anchor.publish`.
        last: see `Anchor.last`.
    """

    publish: Callable[[int, str], None]
    last: Callable[[], tuple[int, str] | None]


class FileAnchor:
    """An anchor in a text file, for one log: a line with its folder, then one for each place.

    Args:
        path: the file. It belongs on another disk than the log, or at least in a folder
            that whoever can write to the log cannot write to.
        log: the folder of the log; None leaves out the line that names it.
    """

    def __init__(self, path: Path, log: Path | None = None) -> None:
        self.path = path
        self._log = log

    def __str__(self) -> str:
        return f"the anchor {self.path}"

    def publish(self, seq: int, digest: str, /) -> None:
        """See `Anchor.publish`."""
        try:
            make_folder(self.path.parent)
            is_new = not self.path.exists()
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
            descriptor = os.open(self.path, flags, PRIVATE_FILE)
            try:
                is_empty = not _cut_torn_line(descriptor)
                head = f"log {json.dumps(str(self._log.resolve()))}\n" if self._log else ""
                line = f"{head if is_empty else ''}{seq} {digest}\n"
                write_down(descriptor, line.encode("ascii"))
            finally:
                os.close(descriptor)
            if is_new:
                sync_folder(self.path.parent)
        except OSError as error:
            msg = (
                f"{self} cannot be written: {reason_of(error)}. "
                "Make room, or name a file that you may write to"
            )
            raise LogError(msg) from error

    def last(self) -> Place | None:
        """See `Anchor.last`. A torn last line is none: it was never acknowledged."""
        return self._place(-1)

    def first(self) -> Place | None:
        """What was remembered first, which tells one log from another; None if nothing was.

        Raises:
            LogError: as `last`.
        """
        return self._place(0)

    @property
    def log(self) -> Path | None:
        """The folder that its log was begun in; None if it does not say so.

        Raises:
            LogError: as `last`.
        """
        lines = self._lines()
        if not lines or not (told := _HEAD.fullmatch(lines[0])):
            return None
        try:
            return Path(json.loads(told[1]))
        except ValueError as error:
            raise self._damaged(1, lines[0]) from error

    def _lines(self) -> list[bytes]:
        try:
            return self.path.read_bytes().split(b"\n")[:-1]
        except FileNotFoundError:
            return []
        except OSError as error:
            msg = f"{self} cannot be read: {reason_of(error)}"
            raise LogError(msg) from error

    def _place(self, at: int) -> Place | None:
        lines = self._lines()
        heads = bool(lines and _HEAD.fullmatch(lines[0]))
        if len(lines) == heads:
            return None
        number = len(lines) if at < 0 else 1 + heads
        if not (told := _LINE.fullmatch(lines[number - 1])):
            raise self._damaged(number, lines[number - 1])
        return Place(int(told[1]), told[2].decode("ascii"))

    def _damaged(self, number: int, line: bytes) -> LogError:
        msg = (
            f"line {number} of {self} is {line[:80]!r}; a line is a "
            "number and a hash. It was damaged: find out how, then restore it from a copy"
        )
        return LogError(msg)


_LINE = re.compile(rb"([1-9]\d*) ([0-9a-f]{64})")
_HEAD = re.compile(rb'log (".*")')
_LINE_BYTES_MAX = 1 << 15  # a path has up to 4,096 bytes, and some take six when written


def _cut_torn_line(descriptor: int) -> int:
    """Remove what was written without its end, so that the next line stands alone.

    Returns:
        How many bytes are left.
    """
    size = os.lseek(descriptor, 0, os.SEEK_END)
    start = max(0, size - _LINE_BYTES_MAX)
    end = os.pread(descriptor, size - start, start)
    if end and not end.endswith(b"\n"):
        size = start + end.rfind(b"\n") + 1
        os.ftruncate(descriptor, size)
    return size
