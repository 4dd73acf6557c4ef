"""The server's journal: every command that changed something, durable before it is answered.

One JSON line for each. What was not written was never answered, so it never happened; a last
line without its end was being written when the server died, and is cut off.
"""

import fcntl
import os
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from verifill.engine.errors import ConfigError, EnvironmentDefect
from verifill.venues.loopback.book import Done
from verifill.venues.loopback.faults import HONEST, Handling
from verifill.venues.loopback.wire import Submit
from verifill.venues.orders import Cause


class Opened(Struct, frozen=True, tag="opened"):
    """The first line: what is simulated.

    Attributes:
        digest: of the settings; a journal is continued with the same only.
        at_ns: when it begins.
    """

    digest: str
    at_ns: int


class Advanced(Struct, frozen=True, tag="advanced"):
    """Time has passed."""

    at_ns: int


class Quoted(Struct, frozen=True, tag="quoted", omit_defaults=True):
    """The market was given prices from outside; what is not named stays as it was.

    Attributes:
        at_ns: when.
        prices: instrument -> ticks.
        marks: instrument -> ticks.
        series: series -> integer with 18 decimals.
    """

    at_ns: int
    prices: dict[str, int] = {}
    marks: dict[str, int] = {}
    series: dict[str, int] = {}


class Submitted(Struct, frozen=True, tag="submitted"):
    """A venue was asked to execute something."""

    at_ns: int
    venue: str
    asked: Submit
    handling: Handling = HONEST


class Cancelled(Struct, frozen=True, tag="cancelled"):
    """A venue was asked to cancel what rests."""

    at_ns: int
    venue: str
    key: str


class Posted(Struct, frozen=True, tag="posted"):
    """A balance was moved without an order."""

    at_ns: int
    venue: str
    key: str
    units: int
    cause: Cause


Command = Advanced | Quoted | Submitted | Cancelled | Posted


class Line(Struct, frozen=True):
    """One line.

    Attributes:
        what: the command.
        done: what was executed by it, which carrying it out again must do too.
    """

    what: Opened | Command
    done: tuple[Done, ...] = ()


LINE: Final = msgspec.json.Decoder(Line)
END = b"\n"


class Journal:
    """A journal to append to; one process at a time.

    Args:
        file: where it is; made if it is not there.

    Attributes:
        lines: all of it.

    Raises:
        ConfigError: it is no journal, or damaged.
        EnvironmentDefect: another server writes it, or the disk refuses.
    """

    def __init__(self, file: Path) -> None:
        self._name = str(file)
        try:
            self._file = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            msg = f"{file} cannot be a journal: {error.strerror}. Name a file that may be written"
            raise ConfigError(msg) from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            msg = f"{file}: another server writes this journal; stop it, or give another file"
            raise EnvironmentDefect(msg) from None
        whole, lines = _read(file)
        self.lines = list(lines)
        os.ftruncate(self._file, whole)
        os.lseek(self._file, whole, os.SEEK_SET)
        _sync_folder(file.parent)

    def append(self, what: Opened | Command, done: tuple[Done, ...] = ()) -> None:
        """Write a line, and have it on the disk.

        Raises:
            EnvironmentDefect: the disk refuses; whether the line is there is not known.
        """
        line = Line(what, done)
        data = msgspec.json.encode(line) + END
        try:
            while data:
                data = data[os.write(self._file, data) :]
            os.fsync(self._file)
        except OSError as error:
            msg = f"{self._name}: {error}; the server stops, start it again when it can be written"
            raise EnvironmentDefect(msg) from error
        self.lines.append(line)

    def close(self) -> None:
        """Let another process have it."""
        os.close(self._file)


def read_journal(file: Path) -> tuple[Line, ...]:
    """The lines of a journal, which may be in use.

    Raises:
        ConfigError: it is no journal, or damaged.
    """
    if not file.is_file():
        msg = f"there is no journal {file}"
        raise ConfigError(msg)
    return _read(file)[1]


def _read(file: Path) -> tuple[int, tuple[Line, ...]]:
    """How many bytes are whole lines, and those lines."""
    data = file.read_bytes()
    whole = data.rfind(END) + 1
    lines: list[Line] = []
    for number, text in enumerate(data[:whole].splitlines(), start=1):
        try:
            lines.append(LINE.decode(text))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            msg = f"{file}, line {number}: {error}; a damaged journal is not continued"
            raise ConfigError(msg) from None
    if lines and not isinstance(lines[0].what, Opened):
        msg = f"{file}: the first line does not say what is simulated; this is no journal"
        raise ConfigError(msg)
    return whole, tuple(lines)


def _sync_folder(folder: Path) -> None:
    """Have the file's name on the disk too."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
