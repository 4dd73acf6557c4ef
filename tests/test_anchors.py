"""Where the anchor of a log is kept by default, and what an anchor knows of a log that is gone."""

from pathlib import Path

import pytest

from tests.engine.durable_support import HEADER, LIFE, filled
from verifill.anchors import ANCHOR, anchor_to_ask, anchor_to_write, default_place, place_of
from verifill.engine.errors import ConfigError, LogError, LogExists
from verifill.engine.log.anchor import Callbacks, FileAnchor
from verifill.engine.log.opening import create_log


def begun(folder: Path, place: str | None) -> None:
    """A log whose header names this anchor."""
    header = HEADER if place is None else HEADER | {ANCHOR: place}
    anchor = FileAnchor(Path(place), folder) if place else Callbacks(_no, lambda: None)
    create_log(folder, header, LIFE, anchor=anchor).close()


def _no(_seq: int, _digest: str) -> None:
    """An anchor that nobody asks."""


def test_the_usual_place_is_the_users_folder_for_state_and_of_one_log(
    tmp_path: Path, state_home: Path
) -> None:
    place = default_place(tmp_path / "log")

    assert state_home / "verifill" / "anchors" == place.parent
    assert place.name.startswith("log-")
    assert place == default_place(tmp_path / "other" / ".." / "log")
    assert place != default_place(tmp_path / "other" / "log")


def test_a_log_that_is_begun_is_anchored_where_it_is_said_or_in_the_usual_place(
    tmp_path: Path,
) -> None:
    log = tmp_path / "log"
    usual, named = anchor_to_write(log, None), anchor_to_write(log, tmp_path / "a")
    own = Callbacks(_no, lambda: None)

    assert isinstance(usual, FileAnchor)
    assert isinstance(named, FileAnchor)
    assert (default_place(log), tmp_path / "a") == (usual.path, named.path)
    assert own is anchor_to_write(log, own)


def test_a_log_that_is_there_says_where_it_is_anchored(tmp_path: Path) -> None:
    log, place = tmp_path / "log", tmp_path / "elsewhere"
    begun(log, str(place))
    log.rename(tmp_path / "moved")
    found = anchor_to_write(tmp_path / "moved", None)

    assert isinstance(found, FileAnchor)
    assert place == found.path
    asked = anchor_to_ask(tmp_path / "moved", None)
    assert asked is not None
    assert place == asked.path


def test_a_log_of_before_is_anchored_beside_it(tmp_path: Path) -> None:
    filled(tmp_path / "log").close()

    assert tmp_path / "log.anchor" == place_of(tmp_path / "log")


def test_a_log_whose_anchor_is_a_callable_is_gone_on_with_by_its_program_alone(
    tmp_path: Path,
) -> None:
    begun(tmp_path / "log", "")

    assert None is anchor_to_ask(tmp_path / "log", None)
    with pytest.raises(ConfigError, match="has the callable of a program for an anchor"):
        anchor_to_write(tmp_path / "log", None)


def test_another_log_in_the_place_of_one_is_refused(tmp_path: Path) -> None:
    log, other = tmp_path / "log", tmp_path / "other"
    for folder in (log, other):
        begun(folder, str(default_place(folder)))
    log.rename(tmp_path / "away")
    other.rename(log)

    with pytest.raises(LogExists, match="what lies there is another log, which is anchored in"):
        anchor_to_write(log, None)


def test_a_log_that_is_gone_is_told_from_one_that_never_was(tmp_path: Path) -> None:
    log, never = tmp_path / "log", tmp_path / "never"
    begun(log, str(default_place(log)))
    log.rename(tmp_path / "away")

    with pytest.raises(LogError, match=r"holds record 1 of one: the log is lost"):
        anchor_to_ask(log, None)
    with pytest.raises(LogError, match="is no log: it has no"):
        anchor_to_ask(never, None)
