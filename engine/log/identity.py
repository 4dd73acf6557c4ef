"""Which log it is: its header as it was written, its folder, and the anchor that knows it.

The first record of a durable log carries the digest of the header, and a digest of each of its
fields; the first line of an anchor carries the hash of that record. So a header that was
changed, a log that is gone and another log in its place can be told apart.
"""

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final, cast

from verifill.engine.digest import canonical_json, sha256_hex
from verifill.engine.errors import LogError, LogExists
from verifill.engine.log.anchor import Anchor, FileAnchor
from verifill.engine.log.connection import DATABASE, ROWS, connect_to_read
from verifill.engine.log.record import COLUMNS
from verifill.engine.log.writer import HEADER, reason_of

FIELDS: Final = "header"
"""Key of the first record's payload: field of the header -> digest of its value."""

_FIRST: Final = f"{ROWS} WHERE seq = 1"
_RESTORE: Final = "Do not trade; restore it from a copy. The records beside it are left as they are"
_LOST_PLACES: Final = "look for it on other disks and in backups"


def digests_of(header: Mapping[str, object]) -> dict[str, str]:
    """Field -> the digest of its value, as the first record keeps them."""
    return {name: sha256_hex(canonical_json(value))[:16] for name, value in header.items()}


def check_header(folder: Path) -> None:
    """Refuse a durable log whose header is not as it was written.

    Raises:
        LogError: it is not; with the byte that cannot be read, or the fields that differ.
    """
    fault = header_fault(folder)
    if fault:
        msg = f"the log {folder} has a damaged header: {fault}. {_RESTORE}"
        raise LogError(msg)


def header_fault(folder: Path) -> str:
    """What is wrong with the header of a durable log; empty if nothing is, or there is none.

    Raises:
        LogError: it may not be read.
    """
    if not (folder / DATABASE).is_file():
        return ""
    try:
        data = (folder / HEADER).read_bytes()
    except PermissionError as error:
        msg = f"{folder / HEADER} may not be read. Do this as the user whose log it is"
        raise LogError(msg) from error
    except OSError as error:
        return f"{HEADER} cannot be read: {reason_of(error)}"
    first = _first_of(folder)
    if first.get("prev_hash") == sha256_hex(data):
        return ""
    try:
        told: object = json.loads(data)
    except UnicodeDecodeError as error:
        return f"byte {error.start + 1} of {HEADER} is no text"
    except (ValueError, RecursionError) as error:
        at = f" at byte {error.pos + 1}" if isinstance(error, json.JSONDecodeError) else ""
        return f"{HEADER} does not parse as JSON{at}"
    header = cast("Mapping[str, object]", told if isinstance(told, dict) else {})
    return _compared(header, first) if first else ""


def _compared(header: Mapping[str, object], first: Mapping[str, Any]) -> str:
    """How a header differs from what the first record was written after."""
    payload: Any = json.loads(first["payload"] or "{}")
    known: Mapping[str, str] = payload.get(FIELDS) or {}
    if not known:
        return f"{HEADER} does not give the digest that the first record carries"
    found = digests_of(header)
    odd = sorted(name for name in {*known, *found} if known.get(name) != found.get(name))
    if not odd:
        return f"{HEADER} was written anew: its fields are what they were, its bytes are not"
    told = ", ".join(
        f"{name!r} {'is gone' if name not in found else 'is not as it was written'}"
        if name in known
        else f"{name!r} was not there"
        for name in odd
    )
    return f"of the fields of {HEADER}, {told}"


def _first_of(folder: Path) -> Mapping[str, Any]:
    """The first record; empty if there is none, or it cannot be read, which is told elsewhere."""
    try:
        with closing(connect_to_read(folder / DATABASE)) as connection:
            row = connection.execute(_FIRST).fetchone()
    except sqlite3.Error:
        return {}
    return dict(zip(COLUMNS, row, strict=True)) if row and len(row) == len(COLUMNS) else {}


def check_new(folder: Path, anchor: Anchor) -> None:
    """Refuse to begin a log where one was, or with the anchor of another.

    Raises:
        LogError: a log is there whose header is damaged; or its anchor knows records, and the
            log is gone.
        LogExists: the anchor is of another log.
    """
    check_header(folder)
    told = anchor.last()
    if told is None:
        return
    if isinstance(anchor, FileAnchor) and anchor.log and anchor.log != folder.resolve():
        msg = (
            f"{anchor} is of another log: it holds record {told[0]} of {anchor.log}, and {folder} "
            "is to be begun. Name an anchor of its own, with --anchor or in the configuration"
        )
        raise LogExists(msg)
    raise LogError(lost(folder, anchor, told[0]))


def lost(folder: Path, anchor: Anchor, seq: int) -> str:
    """What to say of a log that is not there although its anchor holds a record of it."""
    moved = f"move {anchor.path} away" if isinstance(anchor, FileAnchor) else "empty its anchor"
    return (
        f"there is no log in {folder}, and {_named(anchor)} holds record {seq} of one: the log is "
        f"lost, or the disk that it lies on is not mounted. Do not trade: {_LOST_PLACES}, and put "
        f"it back. Only if it is gone for good, and every order of it is known to be settled at "
        f"the venues: {moved}, then start again, which begins a new log"
    )


def check_same(folder: Path, anchor: Anchor) -> None:
    """Refuse an anchor of another log than the one that is there.

    Raises:
        LogExists: the first record is not the one that the anchor knows.
        LogError: the anchor cannot be read.
    """
    if not isinstance(anchor, FileAnchor) or not (known := anchor.first()):
        return
    first = _first_of(folder)
    if not first or known.seq != 1 or first["hash"] == known.hash:
        return
    where, log = anchor.log, folder.resolve()
    became = (
        f"it is another log than the one that {anchor} was kept for, or was made anew from its "
        f"first record. Do not trade: {_LOST_PLACES} for the log that was here"
        if where in (None, log)
        else f"{anchor} is of another log, {where}. Name the anchor of this one with --anchor"
    )
    msg = f"the first record in {folder} has the hash {first['hash']}, not {known.hash}: {became}"
    raise LogExists(msg)


def _named(anchor: Anchor) -> str:
    return str(anchor) if isinstance(anchor, FileAnchor) else "its anchor"
