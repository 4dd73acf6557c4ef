"""The mark: how far a log was acknowledged, beside the database, and not waited for.

SQLite takes what follows a damaged write for the torn end of one, and drops it without a word.
So after every commit its last number is written over the one before, without a sync. A process
that is killed leaves that to the system; a power cut leaves an older number, or none. It never
is further than what was synced: a mark beyond the end of a chain proves that records were lost.
"""

import os
from pathlib import Path
from typing import Final
from zlib import crc32

from verifill.engine.log.files import PRIVATE_FILE

MARK: Final = "mark"  # name of the file


class Mark:
    """The mark of a log, to be moved on.

    Args:
        folder: of the log.

    Raises:
        OSError: it cannot be written there.
    """

    def __init__(self, folder: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self._descriptor = os.open(folder / MARK, flags, PRIVATE_FILE)

    def move(self, seq: int) -> None:
        """Records up to this one were acknowledged.

        Raises:
            OSError: it cannot be written.
        """
        os.pwrite(self._descriptor, _line(seq), 0)

    def close(self) -> None:
        """It is moved no more."""
        os.close(self._descriptor)


def marked(folder: Path) -> int:
    """The last record that the mark of a log speaks of; 0 if it says nothing that can be read."""
    try:
        line = (folder / MARK).read_bytes()
    except OSError:
        return 0
    told = line.split(b" ")[0]
    return int(told) if told.isdigit() and line == _line(int(told)) else 0


def _line(seq: int) -> bytes:
    """A number, always of as many bytes, and what tells that all of it is there."""
    told = b"%020d" % seq
    return b"%s %08x\n" % (told, crc32(told))
