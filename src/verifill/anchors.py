"""Where the anchor of a log is: in a file elsewhere, which the log's header names.

By default that is in the user's folder for the state of programs, under a name made of the
log's folder, so that it is found again when the log is gone. See docs/decisions/0006.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from platformdirs import user_state_path

from verifill.engine.digest import sha256_hex
from verifill.engine.errors import ConfigError, LogError, LogExists
from verifill.engine.log.anchor import Anchor, FileAnchor
from verifill.engine.log.identity import check_header, lost
from verifill.engine.log.reader import Log
from verifill.engine.log.writer import HEADER, is_log

ANCHOR: Final = "anchor"
"""Key of the header: the file of the anchor; empty if it is a callable of the program."""


def default_place(folder: Path) -> Path:
    """The file that anchors a log where nobody names another."""
    whole = folder.resolve()
    name = f"{whole.name}-{sha256_hex(str(whole).encode())[:12]}.anchor"
    return user_state_path("verifill", appauthor=False) / "anchors" / name


def place_of(folder: Path) -> Path | None:
    """The file that anchors the log that is there, by its header; None if it is a callable.

    A log without a word of it was written before there was one: its anchor lies beside it.

    Raises:
        LogError: there is no log.
    """
    return _said(folder, Log(folder).header)


def anchor_to_write(folder: Path, named: Anchor | Path | str | None) -> Anchor:
    """The anchor that a live run publishes to.

    Args:
        folder: the log, there or to be made.
        named: the anchor, or its file; by default that of the log there, or the default place.

    Raises:
        LogError: the header of the log there is damaged.
        ConfigError: the log there has the callable of a program for an anchor.
        LogExists: what lies there is another log than the one that was kept there.
    """
    check_header(folder)
    if not (named is None or isinstance(named, Path | str)):
        return named
    usual = default_place(folder)
    if named is not None or not is_log(folder):
        return FileAnchor(Path(named or usual), folder)
    place = place_of(folder)
    if place is None:
        msg = (
            f"{folder} has the callable of a program for an anchor: start it from that program, "
            "or name a file that holds its last number and hash with --anchor"
        )
        raise ConfigError(msg)
    _refuse_other(folder, FileAnchor(usual), place)
    return FileAnchor(place, folder)


def anchor_to_ask(folder: Path, named: Path | None) -> FileAnchor | None:
    """The anchor that a log is checked against; None if it is the callable of a program.

    Raises:
        LogError: there is no log, with what an anchor knows of one that was there; or its
            header cannot be read.
        LogExists: what lies there is another log than the one that was kept there.
    """
    if not is_log(folder):
        check_header(folder)
    usual = FileAnchor(named or default_place(folder))
    if words := lost_words(folder, usual):
        raise LogError(words)
    if named is not None:
        return usual
    place = place_of(folder)
    if place is None:
        return None
    _refuse_other(folder, usual, place)
    return FileAnchor(place)


def lost_words(folder: Path, anchor: FileAnchor | None = None) -> str:
    """What is to be said of a folder without a log; empty if there was none that is known.

    Args:
        folder: where a log is looked for.
        anchor: where it was anchored; by default in the default place.

    Raises:
        LogError: the anchor cannot be read.
    """
    if (folder / HEADER).exists():
        return ""
    anchor = anchor or FileAnchor(default_place(folder))
    told = anchor.last()
    return lost(folder, anchor, told.seq) if told else ""


def _refuse_other(folder: Path, usual: FileAnchor, place: Path) -> None:
    """Refuse a log that names another anchor where one is kept of the log in this folder."""
    if place == usual.path or not (told := usual.last()):
        return
    msg = (
        f"{usual} holds record {told.seq} of a log in {folder}, and what lies there is another "
        f"log, which is anchored in {place}. Do not trade: put the log back that was here. If "
        f"this one is meant to go on here, move {usual.path} away; or name its anchor, --anchor"
    )
    raise LogExists(msg)


def _said(folder: Path, header: Mapping[str, Any]) -> Path | None:
    said = header.get(ANCHOR)
    if said is None:
        return Path(f"{folder.resolve()}.anchor")
    return Path(said) if said else None
