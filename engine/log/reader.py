"""Reading a log: its header, its manifest, and every stream as a lazy polars frame."""

import json
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import polars as pl

from verifill.engine.errors import LogError, NoLog
from verifill.engine.log.expand import Nesting, records, steps
from verifill.engine.log.schema import STREAMS, version_of
from verifill.engine.log.streams import CODE, dtype_of
from verifill.engine.log.tally import TOLD, of_paths
from verifill.engine.log.usual import KIND, NAME, SPREAD, spread, stands_for
from verifill.engine.log.usual import schema as usual_schema
from verifill.engine.log.writer import HEADER, MANIFEST

EVIDENT = ("instructions", "fills", "notes")
"""Streams that records have columns of."""


class Log:
    """A log on disk, whole or as far as its run came.

    Args:
        folder: the log's folder.

    Raises:
        LogError: it is no log, or of a schema that this version does not know.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self.header: Mapping[str, Any] = self._read_header()
        self._part: Sequence[Mapping[str, Any]] | None = None

    @cached_property
    def manifest(self) -> Sequence[Mapping[str, Any]]:
        """The lines of the manifest; a line cut off at the end is left out.

        Raises:
            LogError: it is missing, or a line in it is not what was written.
        """
        path = self.folder / MANIFEST
        try:
            text = path.read_text(encoding="ascii")
            whole, _, _rest = text.rpartition("\n")
            return [_line(line) for line in whole.splitlines()]
        except (OSError, ValueError) as error:
            msg = f"{path} cannot be read: {error}. Restore it from a copy, or run again"
            raise LogError(msg) from error

    @property
    def end(self) -> Mapping[str, Any] | None:
        """How the run ended; None if the log stops without a last line."""
        return self.manifest[-1].get("end") if self.manifest else None

    @cached_property
    def codes(self) -> list[str]:
        """The texts that CODE columns stand for, by number."""
        return [text for line in self.manifest for text in line.get("codes", ())]

    @cached_property
    def paths(self) -> list[list[int]]:
        """Every path as parent, source, event, target, move; numbered after the states."""
        return [path for line in self.manifest for path in line.get("paths", ())]

    @property
    def rows(self) -> Mapping[str, int]:
        """Stream -> how many rows it has."""
        rows = dict.fromkeys(STREAMS, 0)
        for line in self.manifest:
            for file in line.get("files", ()):
                for stream, each in stands_for(file["stream"]).items():
                    rows[stream] += each * file["rows"]
        return rows

    @property
    def last_seq(self) -> int:
        """Number of the last transition; 0 if there is none."""
        last = self.stream("paths").tail(1).collect()
        if not last.height:
            return 0
        roots = len(self.header["nesting"]["states"])
        depth = dict.fromkeys(range(roots), 0)
        for at, path in enumerate(self.paths):
            depth[roots + at] = depth[path[0]] + 1
        return int(last["seq"][0]) + depth[last["path"][0]] - 1

    def stream(self, name: str) -> pl.LazyFrame:
        """One stream as it was written, texts in place of their codes.

        Raises:
            LogError: the log has no such stream, or a chunk of it is missing.
        """
        columns = self._columns(name)
        frame = self._scan(name, {column: dtype_of(kind) for column, kind in columns.items()})
        if name in SPREAD and self._files(NAME):
            usual = spread(self._scan(NAME, usual_schema()), self._kinds, name)
            frame = pl.concat([frame, usual]).sort("seq", maintain_order=True)
        coded = [column for column, kind in columns.items() if kind == CODE]
        texts = pl.Enum(self.codes)
        return frame.with_columns(pl.col(column).cat.to(texts) for column in coded)

    def apart(self, name: str) -> pl.LazyFrame:
        """The rows of a stream that stand for themselves; codes are not replaced by texts."""
        dtypes = {column: dtype_of(kind) for column, kind in self._columns(name).items()}
        return self._scan(name, dtypes)

    def usual(self) -> tuple[pl.LazyFrame, pl.DataFrame]:
        """The rows of `engine.log.usual` as they are stored, and what their kinds are in texts."""
        texts = [[self.codes[code] for code in kind] for kind in self._kinds]
        kinds = pl.DataFrame(texts, schema=dict.fromkeys(KIND, pl.String), orient="row")
        return self._scan(NAME, usual_schema()), kinds.with_row_index("kind")

    def records(self, paths: pl.LazyFrame | None = None) -> pl.LazyFrame:
        """Every transition, one row each, in the columns of `engine.log.expand`.

        Args:
            paths: rows of the stream `paths` to expand; all of them by default.
        """
        streams = {name: self.stream(name) for name in EVIDENT}
        streams["paths"] = self.stream("paths") if paths is None else paths
        return records(self.header, self.paths, streams)

    def tally(self) -> pl.LazyFrame:
        """How often each transition was recorded, by the time in the state before it.

        Columns: `machine`, `from`, `event`, `to` and `kind` of the record; `spent`, the
        nanoseconds since the last move of the loops in the same process life by its monotonic
        clock, null where there is none and for what is no move of them; `times`, how often.
        """
        return of_paths(self.stream("paths"), Nesting(**self.header["nesting"]), self.paths)

    def first(self, told: pl.Expr, count: int) -> pl.LazyFrame:
        """The first records of which something is true; evidence beside them is left out.

        Args:
            told: what, of the columns `machine`, `from`, `event`, `to` and `kind`.
            count: how many at most.
        """
        nesting = Nesting(**self.header["nesting"])
        holding = steps(nesting, self.paths).explode("step", *TOLD).filter(told)["path"]
        rows = self.stream("paths").filter(pl.col("path").is_in(holding.unique().to_list()))
        streams = {name: self.stream(name).clear() for name in EVIDENT}
        streams["paths"] = rows.head(count)  # each has one at least
        return records(self.header, self.paths, streams).filter(told).head(count)

    def chunks(self) -> Iterator["Log"]:
        """Each chunk as a log of its own, with the header and the codes of the whole.

        What belongs to a transition lies in its chunk, so a log of any length can be read so,
        in the memory that a chunk takes.
        """
        _ = self.codes, self.paths, self._kinds  # read once, for all of them
        for line in self.manifest:
            if line.get("files"):
                chunk = copy(self)
                chunk._part = (line,)  # noqa: SLF001 - it is one of us
                yield chunk

    def _scan(self, name: str, schema: Mapping[str, pl.DataType]) -> pl.LazyFrame:
        files = [self._chunk(file) for file in self._files(name)]
        return pl.scan_parquet(files) if files else pl.LazyFrame(schema=dict(schema))

    def _files(self, name: str) -> list[str]:
        return [
            file["name"]
            for line in (self.manifest if self._part is None else self._part)
            for file in line.get("files", ())
            if file["stream"] == name
        ]

    @cached_property
    def _kinds(self) -> list[list[int]]:
        return [kind for line in self.manifest for kind in line.get("usual", ())]

    def _chunk(self, name: str) -> Path:
        path = self.folder / name
        if not path.is_file():
            msg = f"{path} is missing: the manifest names it. Restore it from a copy, or run again"
            raise LogError(msg)
        return path

    def _columns(self, name: str) -> Mapping[str, str]:
        if name not in STREAMS:
            msg = f"a log has no stream {name!r}; it has {', '.join(sorted(STREAMS))}"
            raise LogError(msg)
        return STREAMS[name]

    def _read_header(self) -> Mapping[str, Any]:
        path = self.folder / HEADER
        try:
            header: Any = json.loads(path.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            msg = f"{self.folder} is no log: it has no {HEADER}. Name the folder that a run wrote"
            raise NoLog(msg, folder=str(self.folder)) from None
        except (OSError, ValueError, RecursionError) as error:
            msg = f"{self.folder} is no log: {error}. Name the folder that a run wrote"
            raise LogError(msg) from error
        told = cast("Mapping[str, Any]", header if isinstance(header, dict) else {})
        version = told.get("schema_version")
        if version != version_of(told):
            reads = f"this version of Verifill reads {version_of(told)}"
            msg = f"{path} has schema {version}; {reads}"
            raise LogError(msg)
        return told


def _line(text: str) -> Mapping[str, Any]:
    """One line of a manifest.

    Raises:
        ValueError: it is something else.
    """
    line: Any = json.loads(text)
    if not isinstance(line, dict):
        msg = f"{text[:40]!r} is no line of a manifest"
        raise ValueError(msg)  # noqa: TRY004 - bad data in a file, not a wrong type in code
    return cast("Mapping[str, Any]", line)
