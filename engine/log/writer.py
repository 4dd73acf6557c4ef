"""Writing a log: a header, then chunks, each named with its hash in a chained manifest."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar, cast

from polars import LazyFrame
from polars.exceptions import PolarsError
from polars.lazyframe.in_process import InProcessQuery

from verifill.engine.digest import canonical_json, sha256_file, sha256_hex
from verifill.engine.errors import LogError, LogExists
from verifill.engine.executor import Context
from verifill.engine.log.lock import LOCK, Lock
from verifill.engine.log.packed import values_of
from verifill.engine.log.schema import SCHEMA_VERSION, STREAMS
from verifill.engine.log.streams import Stream, write_parquet
from verifill.engine.log.usual import NAME, Usual
from verifill.engine.paths import Paths

T = TypeVar("T")
Handed = tuple[Sequence[tuple[str, int, InProcessQuery]], Mapping[str, Any]]
"""The files of a chunk that is being written, and what else the manifest will say of it."""

HEADER = "header.json"
MANIFEST = "manifest.jsonl"
BESIDE = "market"  # a folder that may lie in a log's folder and is no part of the log

# Rows of the longest stream in a chunk, and how many of them are kept as Python values:
# few enough to stay in the caches of a processor.
CHUNK_ROWS: Final = 32_768
LOOSE_ROWS: Final = 4_096


class Codes(dict[str, int]):
    """The numbers that stand for the texts of CODE columns; a new text gets the next one."""

    def __missing__(self, text: str) -> int:
        """Number a text."""
        number = self[str(text)] = len(self)
        return number


class Writer:
    """The one writer of a log.

    Args:
        folder: where the log goes; created.
        header: what ran, as plain values; completed with the schema of the streams.
        overwrite: replace a log that is there.

    Raises:
        LogExists: something is there and `overwrite` is not set.
        LogError: the folder cannot be written.

    Attributes:
        streams: name -> stream; whoever has a record appends it there.
        codes: text -> its number.
        on_chunk: called as each chunk is handed over to be written.
    """

    def __init__(
        self,
        folder: Path,
        header: Mapping[str, Any],
        *,
        overwrite: bool = False,
    ) -> None:
        self.folder = folder
        self.streams = {name: Stream(name, columns) for name, columns in STREAMS.items()}
        self._append_path = self.streams["paths"].append
        self.usual = Usual()
        self._append_usual = self.usual.append
        self._packed = self.usual.packed
        self._all: Sequence[Stream] = (*self.streams.values(), self.usual)
        self._paths: Paths | None = None
        self.codes = Codes()
        self._noted = (0, 0, 0)  # nodes, codes and kinds that earlier manifest lines hold
        self._chunk = 0
        self._failed = False
        self._handed: Handed | None = None
        self.on_chunk: Callable[[], None] = _nothing
        self._rows = 0
        self._loose = 0  # rows that came since the streams were packed
        make_room(folder, overwrite=overwrite)
        whole = dict(header) | {
            "schema_version": SCHEMA_VERSION,
            "streams": {s.name: s.columns for s in self.streams.values()},
        }
        text = canonical_json(whole)
        self._previous = sha256_hex(text)
        try:
            self._guard(lambda: (folder / HEADER).write_bytes(text), HEADER)
        except LogError:
            # half a header would make the folder one that is no log, and is left alone
            with suppress(OSError):
                (folder / HEADER).unlink()
            raise
        self._guard(lambda: (folder / MANIFEST).write_bytes(b""), MANIFEST)

    def follow(self, paths: Paths) -> None:
        """Take the paths of a machine into the manifest as they grow."""
        self._paths = paths
        self._noted = (len(paths.nodes), 0, 0)

    def path(self, seq: int, number: int, context: Context) -> None:
        """Record a path whose first transition has this sequence number."""
        row = context.usual
        if row is not None:
            context.usual = None
            if not self._packed.add(row, context, seq, number):
                self._append_usual(values_of(row, context, seq, number))
        else:
            self._append_path(
                (
                    seq,
                    number,
                    context.time_ns,
                    context.tick,
                    context.chain,
                    context.instruction,
                    context.attempt,
                )
            )
        self._loose += 1
        if self._loose >= LOOSE_ROWS:
            self._pack()

    def _pack(self) -> None:
        """Keep the rows that came in less room; a whole chunk of them is handed over."""
        self._rows += self._loose
        self._loose = 0
        if self._rows >= CHUNK_ROWS:
            self._hand_over()
            return
        self._settle()  # what was handed over has been written by now
        for stream in self._all:
            self._guard(stream.pack, stream.name)

    def flush(self) -> None:
        """Write what there is as one chunk, and name it in the manifest.

        Raises:
            LogError: it cannot be written; the log is complete up to the chunk before.
        """
        self._hand_over()
        self._settle()

    def close(self, end: Mapping[str, Any]) -> None:
        """Write the rest and the last line of the manifest: how the run ended.

        After a failure to write, nothing more is written: the log stays as it is.

        Raises:
            LogError: it cannot be written; the log is complete up to the chunk before.
        """
        self.flush()
        if not self._failed:
            self._note({"end": dict(end)})

    def _hand_over(self) -> None:
        """Have what there is written as one chunk, by polars and while the run goes on.

        Raises:
            LogError: the chunk that was handed over before cannot be written.
        """
        self._settle()
        taken = self._taken()
        if taken:
            files = [(name, count, self._begin(name, rows)) for name, count, rows in taken]
            self._handed = files, self._news()
            self.on_chunk()

    def _settle(self) -> None:
        """Name the chunk that was handed over, once it is written."""
        handed, self._handed = self._handed, None
        if handed:
            files, news = handed
            told = [self._written(*file) for file in files]
            self._note({"chunk": self._chunk + 1, "files": told} | dict(news))
            self._chunk += 1

    def _begin(self, stream: str, rows: LazyFrame) -> InProcessQuery:
        path = self.folder / self._name(stream)
        return self._guard(lambda: write_parquet(rows, path), path.name)

    def _written(self, stream: str, rows: int, query: InProcessQuery) -> dict[str, Any]:
        name = self._name(stream)
        self._guard(query.fetch_blocking, name)
        digest = sha256_file(self.folder / name)
        return {"stream": stream, "name": name, "rows": rows, "sha256": digest}

    def _name(self, stream: str) -> str:
        return f"{self._chunk + 1:06d}.{stream}.parquet"

    def _taken(self) -> Sequence[tuple[str, int, LazyFrame]]:
        """All rows that are not written, by stream, and how many they are."""
        self._rows = self._loose = 0
        if self._failed:
            return ()
        filled = [stream for stream in self._all if stream.rows]
        return [(stream.name, stream.rows, stream.taken()) for stream in filled]

    def _news(self) -> dict[str, Any]:
        """Paths, codes and kinds that no earlier line of the manifest holds."""
        nodes, codes, kinds = self._noted
        paths = [] if self._paths is None else list(self._paths.told_from(nodes))
        texts = list(self.codes)[codes:]
        usual = list(self.usual.kinds)[kinds:]
        self._noted = (nodes + len(paths), codes + len(texts), kinds + len(usual))
        return {"paths": paths, "codes": texts, "usual": usual}

    def _note(self, line: Mapping[str, Any]) -> None:
        """Append a line that carries its own hash, and that of the one before it."""
        text = sealed(dict(line) | {"previous": self._previous})

        def append() -> None:
            with (self.folder / MANIFEST).open("ab") as manifest:
                manifest.write(text + b"\n")

        self._guard(append, MANIFEST)
        self._previous = sha256_hex(text)

    def _guard(self, write: Callable[[], T], name: str) -> T:
        try:
            return write()
        except (OSError, PolarsError) as error:
            self._failed = True
            msg = (
                f"{self.folder / name} cannot be written: {reason_of(error)}. "
                "The log is complete up to "
                f"chunk {self._chunk}; nothing more was done. Make room or choose a folder "
                "that you may write to"
            )
            raise LogError(msg) from error


def sealed(line: Mapping[str, Any]) -> bytes:
    """A line of a manifest: as canonical JSON, with the hash of all the rest of it.

    The line after it carries the hash of all of it; nothing comes after the last one.
    """
    return canonical_json({**line, "hash": sha256_hex(canonical_json(line))})


def _nothing() -> None:
    """What happens after a chunk if nobody asked for more."""


class Claim:
    """The right to write to a folder, held by one run at a time.

    Args:
        folder: where a log is to go; made if it is not there.
        overwrite: whether a log that is there may be replaced.

    Raises:
        LogExists: another run writes there, or `check_room` refuses the folder.
        LogError: the folder cannot be made, looked into or locked.
    """

    def __init__(self, folder: Path, *, overwrite: bool = False) -> None:
        _look(folder)  # nothing is put into a folder that is not ours
        self._lock = locked(folder)
        try:
            check_room(folder, overwrite=overwrite)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Let others write there."""
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def locked(folder: Path) -> Lock:
    """The right to write to a folder that is there.

    Raises:
        LogExists: another run writes there.
        LogError: it cannot be locked.
    """
    try:
        return Lock(folder)
    except BlockingIOError:
        msg = f"{folder}: a run is writing here. Wait until it ends, or choose another folder"
        raise LogExists(msg) from None
    except OSError as error:
        raise _no_log(folder, error) from error


def make_room(folder: Path, *, overwrite: bool = False) -> None:
    """Make the folder of a log, empty but for what lies beside a log.

    Raises:
        LogExists: a log is there and `overwrite` is not set, or something that is no log.
        LogError: the folder cannot be made or cleared.
    """
    check_room(folder, overwrite=overwrite)
    try:
        # the header goes last: a folder that is half cleared is still known to be a log
        for name in sorted(filter(is_part, _inside(folder)), key=HEADER.__eq__):
            (folder / name).unlink()
    except OSError as error:
        raise _no_log(folder, error) from error


def check_room(folder: Path, *, overwrite: bool = False) -> None:
    """Refuse a folder that a log cannot be written to; make it if it is not there.

    Raises:
        LogExists: a log is there and `overwrite` is not set, or something that is no log.
        LogError: the folder cannot be made or looked into.
    """
    if _look(folder) and not overwrite:
        msg = f"{folder} already holds a log. Choose another folder, or say --overwrite"
        raise LogExists(msg)


def is_log(folder: Path) -> bool:
    """Whether a run of Verifill, of any version, wrote the header there."""
    try:
        header: object = json.loads((folder / HEADER).read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    told = cast("Mapping[str, object]", header if isinstance(header, dict) else {})
    streams = told.get("streams")
    has_streams = isinstance(streams, dict) and "paths" in streams
    return has_streams and "run" in told and type(told.get("schema_version")) is int


def is_part(name: str) -> bool:
    """Whether a file of this name belongs to a log in chunks."""
    return bool(_PARTS.fullmatch(name))


def reason_of(error: Exception) -> str:
    """Why something could not be read or written, in words and without numbers of errors."""
    if isinstance(error, FileNotFoundError):
        return "there is no such file or folder"
    told = error.strerror if isinstance(error, OSError) else None
    return told or str(error)


_PARTS = re.compile(rf"{HEADER}|{MANIFEST}|\d{{6,}}\.({'|'.join((*STREAMS, NAME))})\.parquet")


def _look(folder: Path) -> bool:
    """Whether the folder, made if it is not there, holds a log.

    Raises:
        LogExists: it holds something else.
        LogError: it cannot be made or looked into.
    """
    try:
        if not folder.exists():
            folder.mkdir(parents=True)
        names = _inside(folder) - {BESIDE} if folder.is_dir() else {""}
        if LOCK in names and not (folder / LOCK).stat().st_size:
            names.discard(LOCK)  # a run's own, which was killed or goes on
    except OSError as error:
        raise _no_log(folder, error) from error
    if not names:
        return False
    what = "is no log"
    if is_log(folder):
        foreign = min((name for name in names if not is_part(name)), default=None)
        if foreign is None:
            return True
        what = f"holds {foreign!r}, which is no part of a backtest's log"
    msg = f"{folder} is there and {what}; it is left alone. Choose another folder"
    raise LogExists(msg)


def _inside(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def _no_log(folder: Path, error: OSError) -> LogError:
    msg = f"{folder} cannot be a log: {reason_of(error)}. Choose a folder that you may write to"
    return LogError(msg)
