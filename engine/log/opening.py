"""Making a durable log, and taking one up again in a new process life."""

import json
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, cast

from msgspec.structs import replace

from verifill.engine.digest import canonical_json, sha256_hex
from verifill.engine.errors import LogError, LogExists
from verifill.engine.log.anchor import Anchor, FileAnchor
from verifill.engine.log.chain import beginning
from verifill.engine.log.connection import (
    DATABASE,
    SCHEMA,
    Connect,
    Connection,
    check_tables,
    connect,
    connect_to_read,
    make_durable,
    prepare,
    reading,
)
from verifill.engine.log.durable import DurableLog
from verifill.engine.log.files import make_folder, tightened, write_new
from verifill.engine.log.identity import FIELDS, check_header, check_new, check_same, digests_of
from verifill.engine.log.mark import Mark, make_mark
from verifill.engine.log.parts import checking_pages, verify
from verifill.engine.log.reader import Log
from verifill.engine.log.record import Origin, Record, Tail
from verifill.engine.log.schema import LIVE_SCHEMA_VERSION, SQLITE, STORE, STREAMS
from verifill.engine.log.writer import HEADER, Claim, is_log, locked, reason_of

TIGHTENED: Final = "tightened"
"""Key of an EPOCH's payload: the files that others were let into."""


def create_log(
    folder: Path,
    header: Mapping[str, Any],
    life: Record,
    *,
    anchor: Anchor,
    connect: Connect = connect,
) -> DurableLog:
    """Make a durable log and begin its first process life.

    Args:
        folder: where it goes; made if it is not there, for its owner alone.
        header: what runs, as plain values; completed with the schema of the streams.
        life: the EPOCH that begins the life.
        anchor: the second place, in which nothing was published yet.
        connect: connects to the database.

    Raises:
        LogExists: a log is there, or something else, or another process writes there; or
            the anchor is of another log.
        LogError: it cannot be written; or a log was there, by what is left or by its anchor.
    """
    if is_log(folder):
        msg = f"{folder} already holds a log. Open it, or choose another folder"
        raise LogExists(msg)
    check_new(folder, anchor)
    schema = {"schema_version": LIVE_SCHEMA_VERSION, "streams": STREAMS, STORE: SQLITE}
    whole = dict(header) | schema
    text = canonical_json(whole)
    life = replace(life, payload={**(life.payload or {}), FIELDS: digests_of(whole)})
    path = folder / DATABASE
    with _held() as held:
        _lay_out(folder, text, held)
        connection = _connected(path, connect, held)
        with reading(path):
            for statement in ("BEGIN IMMEDIATE", *SCHEMA, "COMMIT"):
                connection.execute(statement)
        origin = _origin(path, text)
        tail = beginning(origin)
        return DurableLog(
            path, origin, tail, life,
            connection=connection, anchor=anchor, mark=_mark(folder, held), release=held.close,
        )  # fmt: skip


def reopen_log(
    folder: Path,
    life: Record,
    *,
    definition_hash: str,
    anchor: Anchor,
    connect: Connect = connect,
) -> DurableLog:
    """Take up a durable log after its last process life, verified from its start.

    Args:
        folder: the log.
        life: the EPOCH that begins the new life.
        definition_hash: digest of the machine's table that is to run.
        anchor: the second place, in which the log's last lives published.
        connect: connects to the database.

    Returns:
        The writer; its `found` tells where the chain ended.

    Raises:
        LogExists: another process writes there, or the anchor is of another log.
        LogError: it is no durable log, or of another table, or not as it was written, or it
            cannot be read or written. It is left as it is.
    """
    path = folder / DATABASE
    check_header(folder)
    origin = origin_of(folder)
    if origin.definition_hash != definition_hash:
        msg = (
            f"{folder} is an old log with a new table: it was written with the table "
            f"{origin.definition_hash}, and {definition_hash} is to run. Start a new log, or run "
            "the version that wrote this one"
        )
        raise LogError(msg)
    with _held() as held:
        held.callback(locked(folder).release)
        if found := _tightened(folder, anchor):
            life = replace(life, payload={**(life.payload or {}), TIGHTENED: found})
        tail = _verified(path, origin, anchor)
        connection = _connected(path, connect, held)
        make_durable(connection, path)
        return DurableLog(
            path, origin, tail, life,
            connection=connection, anchor=anchor, mark=_mark(folder, held), release=held.close,
        )  # fmt: skip


def verify_log(folder: Path, anchor: Anchor) -> Tail:
    """Check a durable log from its start to its end, also while its writer goes on.

    Returns:
        Where its chain ends.

    Raises:
        LogError: it is no durable log, or not as it was written, or it cannot be read.
    """
    check_header(folder)
    return _verified(folder / DATABASE, origin_of(folder), anchor)


def _verified(path: Path, origin: Origin, anchor: Anchor) -> Tail:
    """Where the chain ends, read without writing, so that what is damaged stays as it is."""
    check_same(path.parent, anchor)
    anchored = _anchored(path.parent, anchor)  # first: the chain may only be further than that
    with ExitStack() as held, reading(path):
        connection = connect_to_read(path)
        held.callback(connection.close)
        check_tables(connection, path)
        pages = held.enter_context(checking_pages(connection, path))
        tail = verify(connection, path, origin, anchored)
        pages()
    return tail


def _tightened(folder: Path, anchor: Anchor) -> list[str]:
    """Make all files of a log private again; what was found of those that were not."""
    try:
        paths = sorted(folder.iterdir())
        if isinstance(anchor, FileAnchor) and anchor.path.exists():
            paths.append(anchor.path)
        return list(tightened(paths))
    except OSError as error:
        msg = f"the files of {folder} cannot be looked at: {reason_of(error)}"
        raise LogError(msg) from error


def _lay_out(folder: Path, header: bytes, held: ExitStack) -> None:
    """Claim the folder, and put there the header and an empty database."""
    try:
        make_folder(folder)
        held.callback(Claim(folder).release)
        write_new(folder / HEADER, header)
        write_new(folder / DATABASE, b"")
        make_mark(folder)
    except OSError as error:
        msg = f"{folder} cannot be a log: {reason_of(error)}. Choose a folder of your own"
        raise LogError(msg) from error


def _mark(folder: Path, held: ExitStack) -> Mark:
    try:
        mark = Mark(folder)
    except OSError as error:
        msg = f"the mark of {folder} cannot be written: {reason_of(error)}"
        raise LogError(msg) from error
    held.callback(mark.close)
    return mark


def _connected(path: Path, connect: Connect, held: ExitStack) -> Connection:
    with reading(path):
        connection = connect(path)
    held.callback(connection.close)
    prepare(connection, path)
    return connection


def _anchored(folder: Path, anchor: Anchor) -> tuple[int, str]:
    """What the anchor holds of a log that is there.

    Raises:
        LogError: it holds nothing.
    """
    told = anchor.last()
    if told is None:
        named = f"{anchor} of" if isinstance(anchor, FileAnchor) else "the anchor for"
        msg = (
            f"{named} {folder} holds nothing, and every log publishes there when it "
            "begins. It was lost: restore it. Or the log was cut short when it was made, and "
            "nothing was ever done with it: remove its folder"
        )
        raise LogError(msg)
    return told


def origin_of(folder: Path) -> Origin:
    """What the chain of a log that is there begins with.

    Raises:
        LogError: it is no durable log.
    """
    header = Log(folder).header
    if header.get(STORE) != SQLITE or not (folder / DATABASE).is_file():
        msg = f"{folder} is no durable log: it has no {DATABASE}. Name the folder of a live run"
        raise LogError(msg)
    return _origin(folder / DATABASE, (folder / HEADER).read_bytes())


def _origin(path: Path, header: bytes) -> Origin:
    told = cast("Mapping[str, Any]", json.loads(header))
    try:
        nesting = told["nesting"]
        run, definition_hash, tables = told["run"], nesting["digest"], nesting["instances"]
    except (KeyError, TypeError) as error:
        msg = f"the header of {path.parent} names no run, or no digest of a table"
        raise LogError(msg) from error
    return Origin(str(path), sha256_hex(header), run, definition_hash, frozenset(tables))


@contextmanager
def _held() -> Generator[ExitStack]:
    """What is let go of unless all goes well."""
    held = ExitStack()
    try:
        yield held
    except BaseException:
        held.close()
        raise
