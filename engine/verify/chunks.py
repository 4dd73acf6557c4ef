"""The chain of a log in chunks: header, manifest line by line, and the files it names."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import polars as pl
from polars.exceptions import PolarsError

from verifill.engine.digest import sha256_file, sha256_hex
from verifill.engine.errors import LogError
from verifill.engine.log.reader import Log
from verifill.engine.log.schema import STREAMS
from verifill.engine.log.streams import dtype_of
from verifill.engine.log.usual import NAME, schema
from verifill.engine.log.writer import HEADER, MANIFEST, is_part, reason_of
from verifill.engine.verify.verdict import Check, Fault, checked


def chain(log: Log) -> tuple[list[Check], str]:
    """Follow the manifest from the header to its end, and hash every file that it names.

    Returns:
        The checks, and the hash that the chain ends with.
    """
    lines = _lines(log.folder / MANIFEST)
    broken, root = _follow(log.folder, lines)
    told = [line for text in lines if (line := _told(text))]
    files = [file for line in told for file in line.get("files", ())]
    damaged = [fault for file in files if (fault := _damage(log.folder, file))]
    damaged += _strangers(log.folder, {str(file.get("name")) for file in files})
    ended = [] if told and "end" in told[-1] else [_cut_off(len(lines))]
    return [
        checked(
            "chain",
            "every line of the manifest carries the hash of the line before it",
            len(lines),
            "lines",
            broken,
        ),
        checked(
            "files",
            "every file is the one that was written, and none was added",
            len(files),
            "files",
            damaged,
        ),
        checked("end", "the last line says how the run ended", len(lines), "lines", ended),
    ], root


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().splitlines(keepends=True)
    except OSError as error:
        msg = f"{path} cannot be read: {reason_of(error)}. Restore it from a copy"
        raise LogError(msg) from error


def _follow(folder: Path, lines: Sequence[bytes]) -> tuple[list[Fault], str]:
    previous = sha256_hex((folder / HEADER).read_bytes())
    faults: list[Fault] = []
    sealed = any("hash" in (_told(text) or ()) for text in lines)
    for number, text in enumerate(lines, start=1):
        told = _told(text)
        before = f"line {number - 1}" if number > 1 else f"the {HEADER}"
        if told is None:
            what = "is no line of a manifest: it was changed, or cut off"
        elif told.get("previous") != previous:
            what = f"does not follow {before}: one of them was changed, added, removed or moved"
        elif sealed and not _gives_its_hash(text, told):
            what = "was edited: it does not give the hash that it carries"
        elif "end" in told and number < len(lines):
            what = "says how the run ended, and there are more lines"
        elif "end" not in told and told.get("chunk") != number:
            what = f"names chunk {told.get('chunk')} and should name chunk {number}"
        else:
            what = ""
        if what:
            faults.append(Fault(f"{MANIFEST} line {number}", what))
        previous = sha256_hex(text.removesuffix(b"\n"))
    return faults, previous


def _gives_its_hash(text: bytes, told: Mapping[str, Any]) -> bool:
    """Whether a line carries the hash of what it says; older logs have none in any line."""
    own = str(told.get("hash"))
    rest = text.removesuffix(b"\n").replace(f'"hash":"{own}",'.encode(), b"")
    return sha256_hex(rest) == own


def _told(text: bytes) -> Mapping[str, Any] | None:
    try:
        line: object = json.loads(text) if text.endswith(b"\n") else None
    except ValueError:
        return None
    return cast("Mapping[str, Any]", line) if isinstance(line, dict) else None


def _cut_off(lines: int) -> Fault:
    what = (
        "no line says how the run ended: it was killed or goes on, or lines were cut off; "
        "then what it had written last is not here"
    )
    return Fault(f"{MANIFEST} line {lines + 1}", what)


def _damage(folder: Path, file: Mapping[str, Any]) -> Fault | None:
    name = str(file.get("name"))
    try:
        digest = sha256_file(folder / name)
        rows, columns = _shape(folder / name)
    except (OSError, PolarsError) as error:
        told = reason_of(error).splitlines()[0]
        return Fault(name, f"cannot be read: {told}. Restore it from a copy")
    if digest != file.get("sha256"):
        return Fault(name, f"has the hash {digest}, and the manifest says {file.get('sha256')}")
    if rows != file.get("rows"):
        return Fault(name, f"has {rows} rows, and the manifest says {file.get('rows')}")
    wanted = columns_of(str(file.get("stream")))
    if columns != wanted:
        odd = sorted(columns.keys() ^ wanted.keys()) or list(wanted)
        return Fault(name, f"has not the columns of its stream; see {', '.join(odd)}")
    return None


def _shape(path: Path) -> tuple[int, dict[str, pl.DataType]]:
    """How many rows a file has, and of which columns; its pages are not read."""
    frame = pl.scan_parquet(path)
    return int(frame.select(pl.len()).collect().item()), dict(frame.collect_schema())


def columns_of(stream: str) -> dict[str, pl.DataType]:
    """The columns of the files of a stream; none if there is no such stream."""
    if stream == NAME:
        return schema()
    return {name: dtype_of(kind) for name, kind in STREAMS.get(stream, {}).items()}


def _strangers(folder: Path, named: set[str]) -> Iterator[Fault]:
    """Files that look like parts of a log, and that no line names."""
    for path in sorted(folder.iterdir()):
        if is_part(path.name) and path.name not in (HEADER, MANIFEST, *named):
            yield Fault(path.name, "is named by no line of the manifest: it was added")
