"""A lock on a folder, so that one process at a time writes there."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

LOCK = "lock"  # an empty file, locked by the system while a run writes there


class Lock:
    """The right to write to a folder, held by one writer at a time.

    The lock is the operating system's: it goes with the process, however that ends.

    Args:
        folder: the folder, which is there.

    Raises:
        BlockingIOError: another writer holds it.
        OSError: it cannot be made or locked.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOCK
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            _take(descriptor)
            if not os.fstat(descriptor).st_nlink:  # the run before is releasing it just now
                raise BlockingIOError  # noqa: TRY301 - the same as being late
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def release(self) -> None:
        """Let others write there."""
        # gone before it is free: whoever opened it meanwhile sees that it is another file
        with suppress(OSError):
            self._path.unlink()
        os.close(self._descriptor)


def is_held(folder: Path) -> bool:
    """Whether a writer holds the lock of a folder just now.

    Raises:
        OSError: the folder cannot be looked into.
    """
    try:
        descriptor = os.open(folder / LOCK, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _take(descriptor: int) -> None:
    """Take the lock; who only looks at it, by sharing it for a moment, is waited for.

    Raises:
        BlockingIOError: another writer holds it.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
