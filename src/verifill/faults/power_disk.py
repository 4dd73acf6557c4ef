"""A disk whose power can be cut, and that can be full or broken, for SQLite by way of apsw.

Files are real, and are what the operating system shows. Beside them the disk keeps what
it really has: a write is on it after a sync, and before that perhaps, in part or not at
all, sector by sector. An image is what a power cut leaves.
"""

import os
import random
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import apsw
from attrs import define, field

from verifill.engine.log.mark import MARK, make_mark

SECTOR_BYTES = 512

Chance = Callable[[], bool]
"""Whether a sector that was written and not synced is on the disk all the same."""


@define
class Content:
    """What the disk has of a file, and what it was told since the last sync.

    Attributes:
        kept: its bytes; None if the disk has no such file.
        told: offset and bytes of a write; a number of bytes for a truncation; None for a
            removal; in order.
    """

    kept: bytes | None
    told: list[tuple[int, bytes] | int | None] = field(factory=list[tuple[int, bytes] | int | None])

    def after_cut(self, chance: Chance) -> bytes | None:
        """What is left after a power cut."""
        left = None if self.kept is None else bytearray(self.kept)
        for told in self.told:
            match told:
                case None if chance():
                    left = None
                case int() if left is not None and chance():
                    del left[told:]
                case (offset, data):
                    left = _torn(left, offset, data, chance)
                case _:
                    pass
        return None if left is None else bytes(left)

    def sync(self) -> None:
        """All of it is on the disk."""
        self.kept = self.after_cut(lambda: True)
        self.told.clear()


def _torn(left: bytearray | None, offset: int, data: bytes, chance: Chance) -> bytearray | None:
    """A write of which some sectors came through."""
    at = 0
    while at < len(data):
        size = min(SECTOR_BYTES - (offset + at) % SECTOR_BYTES, len(data) - at)
        if chance():
            left = bytearray() if left is None else left
            end = offset + at + size
            left.extend(bytes(max(0, end - len(left))))
            left[offset + at : end] = data[at : at + size]
        at += size
    return left


class Disk(apsw.VFS):
    """The disk.

    Args:
        name: what SQLite calls it; unique.

    Attributes:
        files: what it has, by path.
        before_sync: called before every sync.
        calls: how many writes and syncs there were.
        fault: code of SQLite that writes and syncs fail with.
        faulty: which call fails with it, counted as in `calls`, or `sync` for every sync.
        short: a write that fails leaves half of its bytes.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name, "unix")
        self.files: dict[Path, Content] = {}
        self.before_sync: Callable[[], None] = lambda: None
        self.calls = 0
        self.fault = 0
        self.faulty: int | str = -1
        self.short = False
        self._name = name

    def connect(self, path: Path) -> "Adapted":
        """A connection whose files lie on this disk."""
        return Adapted(apsw.Connection(str(path), vfs=self._name))

    def images(self, folder: Path, seeds: Sequence[int]) -> Iterator[dict[str, bytes]]:
        """What a power cut may leave: nothing of what was not synced, all, parts of it."""
        chances: list[Chance] = [lambda: False, lambda: True]
        chances.extend(_coin(seed) for seed in seeds)
        for chance in chances:
            left = {
                path.name: content.after_cut(chance)
                for path, content in self.files.items()
                if path.parent == folder
            }
            yield {name: data for name, data in left.items() if data is not None}

    def after_kill(self, folder: Path, header: Path) -> Path:
        """Go on in another folder with what the system shows: the process was killed."""
        folder.mkdir()
        for path in (header, header.with_name(MARK)):
            (folder / path.name).write_bytes(path.read_bytes())
        for path in list(self.files):
            content = self.files[path]
            if path.exists():
                (folder / path.name).write_bytes(path.read_bytes())
            self.files[folder / path.name] = Content(content.kept, list(content.told))
        self.faulty = -1
        return folder

    def xOpen(  # noqa: N802 - SQLite's name for it
        self, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> "File":
        """Open a file.

        Raises:
            CantOpenError: it has no name.
        """
        told = name.filename() if isinstance(name, apsw.URIFilename) else name
        if told is None:
            msg = "this disk has no room for files without a name"
            raise apsw.CantOpenError(msg)
        path = Path(told)
        if path not in self.files:
            self.files[path] = Content(path.read_bytes() if path.exists() else None)
        return File(self, path, told, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: FBT001, N802 - SQLite's
        """Remove a file."""
        super().xDelete(filename, syncdir)
        self.files[Path(filename)].told.append(None)

    def sync_names(self) -> None:
        """What was removed is gone from the disk."""
        for content in self.files.values():
            if None in content.told:
                removed = len(content.told) - content.told[::-1].index(None)
                content.kept, content.told = None, content.told[removed:]

    def call(self, *, sync: bool) -> None:
        """Count a call; fail if it is the faulty one."""
        self.calls += 1
        if self.faulty == self.calls or (sync and self.faulty == "sync"):
            raise apsw.exception_for(self.fault)


def _coin(seed: int) -> Chance:
    chance = random.Random(seed)  # noqa: S311 - the same for the same seed
    return lambda: chance.random() < 1 / 2


class File(apsw.VFSFile):
    """An open file on a disk."""

    def __init__(self, disk: Disk, path: Path, name: str, flags: list[int]) -> None:
        super().__init__("unix", name, flags)
        self._disk = disk
        self._path = path
        self._is_new = disk.files[path].kept is None

    @property
    def _content(self) -> Content:
        return self._disk.files[self._path]

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name for it
        """Write; if it fails, half of it may be there."""
        try:
            self._disk.call(sync=False)
        except apsw.Error:
            if self._disk.short:
                self._write(data[: len(data) // 2], offset)
            raise
        self._write(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802 - likewise
        """Cut the file."""
        super().xTruncate(newsize)
        self._content.told.append(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802 - likewise
        """Have what was written on the disk, unless it fails."""
        self._disk.before_sync()
        try:
            self._disk.call(sync=True)
        except apsw.Error:
            # What was not written is forgotten, and the system shows it as if it had been:
            # https://wiki.postgresql.org/wiki/Fsync_Errors
            self._content.told.clear()
            raise
        super().xSync(flags)
        self._content.sync()
        if self._is_new:  # as SQLite does for a journal or a log of writes that it made
            self._disk.sync_names()
            self._is_new = False

    def _write(self, data: bytes, offset: int) -> None:
        base: Any = super()
        base.xWrite(data, offset)
        self._content.told.append((offset, bytes(data)))


class Adapted:
    """A connection of apsw that behaves as one of the standard library."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection: Any = connection  # whose types name one that Python 3.11 has not

    def execute(self, sql: str, parameters: Sequence[object] = (), /) -> "Rows":
        """Run a statement."""
        try:
            return Rows(self._connection.execute(sql, tuple(parameters)).fetchall())
        except apsw.Error as error:
            raise sqlite3.OperationalError(str(error)) from error

    def executemany(self, sql: str, parameters: Iterable[Sequence[object]], /) -> None:
        """Run a statement for each row."""
        try:
            self._connection.executemany(sql, parameters)
        except apsw.Error as error:
            raise sqlite3.OperationalError(str(error)) from error

    def close(self) -> None:
        """Let go of the database; what fails then was not promised."""
        with suppress(apsw.Error):
            self._connection.close(force=True)


class Rows:
    """All rows of a statement."""

    def __init__(self, rows: Sequence[tuple[object, ...]]) -> None:
        self._rows = iter(rows)

    def fetchone(self) -> tuple[object, ...] | None:
        """The next row; None after the last."""
        return next(self._rows, None)

    def __iter__(self) -> Iterator[tuple[object, ...]]:
        return self._rows


def laid_out(image: dict[str, bytes], folder: Path, header: Path) -> Path:
    """The folder of a log as a power cut left it, with the oldest mark that it may leave."""
    folder.mkdir()
    for name, data in image.items():
        (folder / name).write_bytes(data)
    (folder / header.name).write_bytes(header.read_bytes())
    make_mark(folder)
    return folder


def disk_of(folder: Path) -> Disk:
    """A disk of its own for a log."""
    return Disk(f"disk-{os.getpid()}-{folder}")
