"""Writing a log: a header, then chunks, each named with its hash in a chained manifest."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from polars.exceptions import PolarsError

from verifill.engine.digest import canonical_json, sha256_file, sha256_hex
from verifill.engine.errors import LogError, LogExists
from verifill.engine.executor import Context
from verifill.engine.log.schema import STREAMS
from verifill.engine.log.streams import Stream
from verifill.engine.paths import Paths

HEADER = "header.json"
MANIFEST = "manifest.jsonl"
BESIDE = "market"  # a folder that may lie in a log's folder and is no part of the log
SCHEMA_VERSION = 1

# Rows of the longest stream in a chunk: about 100 MB of Python integers while it fills.
CHUNK_ROWS = 4_096


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
        on_chunk: called after each chunk is written.
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
        self._paths: Paths | None = None
        self.codes = Codes()
        self._noted = (0, 0)  # nodes and codes that earlier manifest lines hold
        self._chunk = 0
        self._failed = False
        self.on_chunk: Callable[[], None] = _nothing
        self._rows = 0
        make_room(folder, overwrite=overwrite)
        whole = dict(header) | {
            "schema_version": SCHEMA_VERSION,
            "streams": {s.name: s.columns for s in self.streams.values()},
        }
        text = canonical_json(whole)
        self._previous = sha256_hex(text)
        self._guard(lambda: (folder / HEADER).write_bytes(text), HEADER)
        self._guard(lambda: (folder / MANIFEST).write_bytes(b""), MANIFEST)

    def follow(self, paths: Paths) -> None:
        """Take the paths of a machine into the manifest as they grow."""
        self._paths = paths
        self._noted = (len(paths.nodes), 0)

    def path(self, seq: int, number: int, context: Context) -> None:
        """Record a path whose first transition has this sequence number."""
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
        self._rows += 1
        if self._rows >= CHUNK_ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what there is as one chunk and name it in the manifest.

        Raises:
            LogError: it cannot be written; the log is complete up to the chunk before.
        """
        self._rows = 0
        filled = [stream for stream in self.streams.values() if stream.rows]
        if not filled or self._failed:
            return
        files = [self._write(stream) for stream in filled]
        self._note({"chunk": self._chunk + 1, "files": files} | self._news())
        self._chunk += 1
        for stream in filled:
            stream.clear()
        self.on_chunk()

    def close(self, end: Mapping[str, Any]) -> None:
        """Write the rest and the last line of the manifest: how the run ended.

        After a failure to write, nothing more is written: the log stays as it is.
        """
        self.flush()
        if not self._failed:
            self._note({"end": dict(end)})

    def _write(self, stream: Stream) -> dict[str, Any]:
        name = f"{self._chunk + 1:06d}.{stream.name}.parquet"
        path = self.folder / name
        rows = stream.rows
        self._guard(lambda: stream.write(path), name)
        return {"stream": stream.name, "name": name, "rows": rows, "sha256": sha256_file(path)}

    def _news(self) -> dict[str, Any]:
        """Paths and codes that no earlier line of the manifest holds."""
        nodes, codes = self._noted
        paths = [] if self._paths is None else list(self._paths.told_from(nodes))
        texts = list(self.codes)[codes:]
        self._noted = (nodes + len(paths), codes + len(texts))
        return {"paths": paths, "codes": texts}

    def _note(self, line: Mapping[str, Any]) -> None:
        """Append a line that carries the hash of the one before it."""
        text = canonical_json(dict(line) | {"previous": self._previous})

        def append() -> None:
            with (self.folder / MANIFEST).open("ab") as manifest:
                manifest.write(text + b"\n")

        self._guard(append, MANIFEST)
        self._previous = sha256_hex(text)

    def _guard(self, write: Callable[[], object], name: str) -> None:
        try:
            write()
        except (OSError, PolarsError) as error:
            self._failed = True
            msg = (
                f"{self.folder / name} cannot be written: {error}. The log is complete up to "
                f"chunk {self._chunk}; nothing more was done. Make room or choose a folder "
                "that you may write to"
            )
            raise LogError(msg) from error


def _nothing() -> None:
    """What happens after a chunk if nobody asked for more."""


def make_room(folder: Path, *, overwrite: bool = False) -> None:
    """Make the folder of a log, empty but for what lies beside a log.

    Raises:
        LogExists: a log is there and `overwrite` is not set, or something that is no log.
        LogError: the folder cannot be made or cleared.
    """
    check_room(folder, overwrite=overwrite)
    try:
        # the header goes last: a folder that is half cleared is still known to be a log
        for name in sorted(_inside(folder) - {BESIDE}, key=lambda name: name == HEADER):
            (folder / name).unlink()
    except OSError as error:
        raise _no_log(folder, error) from error


def check_room(folder: Path, *, overwrite: bool = False) -> None:
    """Refuse a folder that a log cannot be written to; make it if it is not there.

    Raises:
        LogExists: a log is there and `overwrite` is not set, or something that is no log.
        LogError: the folder cannot be made or looked into.
    """
    try:
        if not folder.exists():
            folder.mkdir(parents=True)
        taken = not folder.is_dir() or bool(_inside(folder) - {BESIDE})
        names = _inside(folder) if taken and folder.is_dir() else set[str]()
    except OSError as error:
        raise _no_log(folder, error) from error
    if not taken:
        return
    foreign = sorted(name for name in names if not _OURS.fullmatch(name))
    if HEADER not in names or foreign:
        what = "is no log"
        if HEADER in names:
            what = f"holds {foreign[0]!r}, which is no part of a log"
        msg = f"{folder} is there and {what}; it is left alone. Choose another folder"
        raise LogExists(msg)
    if not overwrite:
        msg = f"{folder} already holds a log. Choose another folder, or say --overwrite"
        raise LogExists(msg)


_OURS = re.compile(rf"{HEADER}|{MANIFEST}|{BESIDE}|\d{{6,}}\.[a-z]+\.parquet")


def _inside(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def _no_log(folder: Path, error: OSError) -> LogError:
    msg = f"{folder} cannot be a log: {error}. Choose a folder that you may write to"
    return LogError(msg)
