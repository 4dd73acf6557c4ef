"""The mark: how far a log was acknowledged, beside the database, and not waited for.

SQLite takes what follows a damaged write for the torn end of one, and drops it without a word.
So after every commit its last number is written over the one before, without a sync. A process
that is killed leaves that to the system; a power cut leaves an older number. It never
is further than what was synced: a mark beyond the end of a chain proves that records were lost.

The file is on the disk, with a number, before the first record is, and a number is written over
a number within one sector. So no power cut takes it away or tears it, and a mark that is missing
or cannot be read was damaged.
"""

import os
from pathlib import Path
from typing import Final
from zlib import crc32

from verifill.engine.errors import LogError
from verifill.engine.log.files import write_new
from verifill.engine.log.writer import reason_of

MARK: Final = "mark"  # name of the file
LOOKS: Final = 3  # a writer may be at it


class Mark:
    """The mark of a log, to be moved on.

    Args:
        folder: of the log.

    Raises:
        OSError: it cannot be written there.
    """

    def __init__(self, folder: Path) -> None:
        flags = os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
        self._descriptor = os.open(folder / MARK, flags)

    def move(self, seq: int) -> None:
        """Records up to this one were acknowledged.

        Raises:
            OSError: it cannot be written.
        """
        os.pwrite(self._descriptor, _line(seq), 0)

    def close(self) -> None:
        """It is moved no more."""
        os.close(self._descriptor)


def make_mark(folder: Path) -> None:
    """Put the mark of a new log there, which speaks of no record yet.

    Raises:
        OSError: it cannot be written, or is there.
    """
    write_new(folder / MARK, _line(0))


def marked(folder: Path) -> int:
    """The last record that the mark of a log speaks of.

    Raises:
        LogError: it is missing, or damaged.
    """
    path = folder / MARK
    line = b""
    for _ in range(LOOKS):
        try:
            line = path.read_bytes()
        except OSError as error:
            raise _lost(path, reason_of(error)) from error
        told = line.split(b" ")[0]
        if told.isdigit() and line == _line(int(told)):
            return int(told)
    raise _lost(path, f"it is damaged: {line[:40]!r}")


def _line(seq: int) -> bytes:
    """A number, always of as many bytes, and what tells that all of it is there."""
    told = b"%020d" % seq
    return b"%s %08x\n" % (told, crc32(told))


def _lost(path: Path, why: str) -> LogError:
    anew = _line(0).decode("ascii").strip()
    msg = (
        f"the mark {path} does not tell how far the log was acknowledged: {why}. Without it nobody "
        "can tell whether the newest records, and orders that were sent upon them, are lost. Put "
        "it back from a copy; an older one will do. Only if there is none, and every order at the "
        f"venues is one that the log knows: echo '{anew}' > {path}"
    )
    return LogError(msg)
