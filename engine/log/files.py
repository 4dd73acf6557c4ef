"""Files that only their owner may read, and that are on the disk when they are written."""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from verifill.engine.errors import LogError

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
OTHERS = 0o077  # bits of a mode that let anybody but the owner in


def make_folder(folder: Path) -> None:
    """Make a folder, and those around it, for their owner alone where they are not there.

    Raises:
        OSError: it cannot be made.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(mode=PRIVATE_FOLDER)
        sync_folder(path.parent)


def write_new(path: Path, data: bytes) -> None:
    """Write a file that is not there yet, down to the disk, with its name in its folder.

    Raises:
        OSError: it is there, or cannot be written.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, PRIVATE_FILE)
    try:
        write_down(descriptor, data)
    finally:
        os.close(descriptor)
    sync_folder(path.parent)


def write_down(descriptor: int, data: bytes) -> None:
    """Write all of the data and wait until the disk has it.

    Raises:
        OSError: it cannot be written.
    """
    rest = memoryview(data)
    while rest:  # the system may take a part and say so only by its count
        rest = rest[os.write(descriptor, rest) :]
    os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """Wait until the disk has the names in a folder.

    Raises:
        OSError: the disk refuses.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def tightened(paths: Iterable[Path]) -> Iterator[str]:
    """Make files private again that others were let into.

    Yields:
        What was found, of each of them.

    Raises:
        LogError: it cannot be done, because the file is not ours.
    """
    for path in paths:
        told = path.lstat()
        mode = stat.S_IMODE(told.st_mode)
        if not stat.S_ISREG(told.st_mode) or not mode & OTHERS:
            continue
        try:
            if told.st_uid != os.geteuid():
                raise PermissionError
            path.chmod(mode & ~OTHERS)
        except OSError as error:
            msg = (
                f"{path} has mode {mode:04o}, so that others than its owner may read or write it, "
                f"and it belongs to user {told.st_uid}. It must be private: let that user, or "
                f"root, do `chmod 600 {path}` and give it to the one who runs this"
            )
            raise LogError(msg) from error
        yield f"{path} had mode {mode:04o}, and is private again"
