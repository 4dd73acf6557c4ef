"""Anchors: how far a durable log had come, told to a second place.

A chain of hashes proves that nothing inside it was changed. It cannot prove that nothing
was cut off its end, or that its owner did not make it anew: that takes a place that the
log does not lie in.
"""

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
    """An anchor in a text file, one line each, for one log.

    Args:
        path: the file. It belongs on another disk than the log, or at least in a folder
            that whoever can write to the log cannot write to.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def publish(self, seq: int, digest: str, /) -> None:
        """See `Anchor.publish`."""
        try:
            make_folder(self._path.parent)
            is_new = not self._path.exists()
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
            descriptor = os.open(self._path, flags, PRIVATE_FILE)
            try:
                _cut_torn_line(descriptor)
                write_down(descriptor, f"{seq} {digest}\n".encode("ascii"))
            finally:
                os.close(descriptor)
            if is_new:
                sync_folder(self._path.parent)
        except OSError as error:
            msg = (
                f"the anchor {self._path} cannot be written: {reason_of(error)}. "
                "Make room, or name a file that you may write to"
            )
            raise LogError(msg) from error

    def last(self) -> Place | None:
        """See `Anchor.last`. A torn last line is none: it was never acknowledged."""
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            msg = f"the anchor {self._path} cannot be read: {reason_of(error)}"
            raise LogError(msg) from error
        lines = data.split(b"\n")[:-1]
        if not lines:
            return None
        if not (told := _LINE.fullmatch(lines[-1])):
            msg = (
                f"line {len(lines)} of the anchor {self._path} is {lines[-1][:80]!r}; a line is a "
                "number and a hash. It was damaged: find out how, then restore it from a copy"
            )
            raise LogError(msg)
        return Place(int(told[1]), told[2].decode("ascii"))


_LINE = re.compile(rb"([1-9]\d*) ([0-9a-f]{64})")
_LINE_BYTES_MAX = 128


def _cut_torn_line(descriptor: int) -> None:
    """Remove what was written without its end, so that the next line stands alone."""
    size = os.lseek(descriptor, 0, os.SEEK_END)
    start = max(0, size - _LINE_BYTES_MAX)
    end = os.pread(descriptor, size - start, start)
    if end and not end.endswith(b"\n"):
        os.ftruncate(descriptor, start + end.rfind(b"\n") + 1)
