"""The anchor in a file: private, on the disk, a torn line is none, a damaged one is an error."""

import os
from pathlib import Path

import pytest

from verifill.engine.errors import LogError
from verifill.engine.log.anchor import Anchor, Callbacks, FileAnchor, Place

ONE, TWO = "1" * 64, "2" * 64


def test_what_was_published_last_is_told(tmp_path: Path) -> None:
    anchor = FileAnchor(tmp_path / "anchor")
    assert None is anchor.last()
    anchor.publish(1, ONE)
    anchor.publish(20, TWO)

    assert Place(20, TWO) == anchor.last() == FileAnchor(tmp_path / "anchor").last()
    assert f"1 {ONE}\n20 {TWO}\n" == (tmp_path / "anchor").read_text()


def test_its_file_and_the_folder_it_makes_are_for_their_owner_alone(tmp_path: Path) -> None:
    FileAnchor(tmp_path / "made" / "anchor").publish(1, ONE)

    assert 0o700 == (tmp_path / "made").stat().st_mode & 0o777
    assert 0o600 == (tmp_path / "made" / "anchor").stat().st_mode & 0o777


@pytest.mark.parametrize("torn", ["2", "20 22", f"20 {TWO}"])
def test_a_torn_line_is_none_and_the_next_one_takes_its_place(torn: str, tmp_path: Path) -> None:
    anchor = FileAnchor(tmp_path / "anchor")
    anchor.publish(1, ONE)
    with (tmp_path / "anchor").open("a") as file:
        file.write(torn)

    assert Place(1, ONE) == anchor.last()
    anchor.publish(3, TWO)
    assert f"1 {ONE}\n3 {TWO}\n" == (tmp_path / "anchor").read_text()


def test_a_file_of_one_torn_line_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "anchor").write_text("1 11")
    anchor = FileAnchor(tmp_path / "anchor")
    assert None is anchor.last()
    anchor.publish(1, ONE)

    assert f"1 {ONE}\n" == (tmp_path / "anchor").read_text()


@pytest.mark.parametrize("line", ["", "1", f"0 {ONE}", f"1 {ONE[1:]}", f"1  {ONE}", f"x {ONE}"])
def test_a_damaged_line_is_named(line: str, tmp_path: Path) -> None:
    (tmp_path / "anchor").write_text(f"1 {ONE}\n{line}\n")

    with pytest.raises(LogError, match=r"line 2 of the anchor .*anchor is b'"):
        FileAnchor(tmp_path / "anchor").last()


def test_a_place_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    anchor = FileAnchor(tmp_path)

    with pytest.raises(LogError, match="cannot be read: Is a directory"):
        anchor.last()
    with pytest.raises(LogError, match="cannot be written: Is a directory"):
        anchor.publish(1, ONE)


def test_each_line_is_synced_and_so_is_the_name_of_a_new_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def noting(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", noting)
    anchor = FileAnchor(tmp_path / "anchor")
    anchor.publish(1, ONE)
    anchor.publish(2, TWO)

    assert ["anchor", tmp_path.name, "anchor"] == synced


def test_a_line_that_the_system_takes_in_parts_is_written_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write

    def slow(descriptor: int, data: memoryview) -> int:
        return real(descriptor, data[:7])

    monkeypatch.setattr(os, "write", slow)
    FileAnchor(tmp_path / "anchor").publish(1, ONE)

    assert f"1 {ONE}\n" == (tmp_path / "anchor").read_text()


def test_an_anchor_can_be_two_functions() -> None:
    told: list[tuple[int, str]] = []
    anchor: Anchor = Callbacks(lambda seq, digest: told.append((seq, digest)), lambda: told[-1])
    anchor.publish(1, ONE)

    assert (1, ONE) == anchor.last()


def test_the_folder_of_the_log_stands_before_the_places(tmp_path: Path) -> None:
    log = tmp_path / 'a "log"'
    anchor = FileAnchor(tmp_path / "anchor", log)
    assert (None, None, None) == (anchor.first(), anchor.last(), anchor.log)
    anchor.publish(1, ONE)
    anchor.publish(2, TWO)

    assert (Place(1, ONE), Place(2, TWO), log) == (anchor.first(), anchor.last(), anchor.log)
    assert None is FileAnchor(tmp_path / "none").log


@pytest.mark.parametrize("left", [5, -1, -30])
def test_a_first_line_that_was_torn_is_written_anew(left: int, tmp_path: Path) -> None:
    anchor = FileAnchor(tmp_path / "anchor", tmp_path / "log")
    anchor.publish(1, ONE)
    whole = (tmp_path / "anchor").read_bytes()
    (tmp_path / "anchor").write_bytes(whole[:left])

    assert None is anchor.last()
    anchor.publish(1, ONE)
    assert whole == (tmp_path / "anchor").read_bytes()


def test_a_damaged_line_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "anchor").write_text(f'log "\\x"\n1 {ONE}\n')

    with pytest.raises(LogError, match="line 1 of the anchor"):
        _ = FileAnchor(tmp_path / "anchor").log
