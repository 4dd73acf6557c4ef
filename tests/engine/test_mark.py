"""What was acknowledged is in the log, or it is refused; so is a mark that does not tell."""

import subprocess
from pathlib import Path

import pytest

from tests.engine.durable_support import beside, created, filled, note, reopened
from verifill.engine.errors import LogError
from verifill.engine.log.connection import DATABASE
from verifill.engine.log.files import PRIVATE_FILE
from verifill.engine.log.mark import MARK, Mark, make_mark, marked

WAL = f"{DATABASE}-wal"


def test_a_mark_moves_on_with_every_commit_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    with created(tmp_path / "log") as log:
        before = marked(tmp_path / "log")
        log.append([note(1), note(2)])

        assert (1, 3) == (before, marked(tmp_path / "log"))
    assert PRIVATE_FILE == (tmp_path / "log" / MARK).stat().st_mode & 0o777


@pytest.mark.parametrize("at", range(30))
def test_a_mark_of_which_a_byte_is_another_is_refused(tmp_path: Path, at: int) -> None:
    make_mark(tmp_path)
    mark = Mark(tmp_path)
    mark.move(12)
    mark.close()
    line = bytearray((tmp_path / MARK).read_bytes())
    assert 30 == len(line)
    assert 12 == marked(tmp_path)
    line[at] ^= 1
    (tmp_path / MARK).write_bytes(line)

    with pytest.raises(LogError, match="how far the log was acknowledged: it is damaged"):
        marked(tmp_path)


@pytest.mark.parametrize("line", [b"", b"12", b"no mark", b"\xff" * 30, None])
def test_a_log_whose_mark_is_none_or_gone_is_refused_until_a_person_makes_it_anew(
    tmp_path: Path, line: bytes | None
) -> None:
    filled(tmp_path / "log").close()
    mark = tmp_path / "log" / MARK
    mark.unlink() if line is None else mark.write_bytes(line)
    before = {path.name: path.read_bytes() for path in (tmp_path / "log").iterdir()}

    with pytest.raises(LogError, match="does not tell how far the log was acknowledged") as refused:
        reopened(tmp_path / "log")
    assert before == {name: (tmp_path / "log" / name).read_bytes() for name in before}

    command = f"echo {str(refused.value).partition(': echo ')[2]}"
    subprocess.run(["/bin/sh", "-c", command], check=True)
    reopened(tmp_path / "log").close()
    assert 8 == marked(tmp_path / "log")


def test_a_log_that_lost_what_was_acknowledged_is_refused(tmp_path: Path) -> None:
    """As after `kill -9`, with the newest steps in the write-ahead log alone."""
    folder, killed = tmp_path / "log", tmp_path / "killed"
    with created(folder) as log:
        log.append([note(1)])
        log.append([note(2)])
        killed.mkdir()
        for file in folder.iterdir():
            (killed / file.name).write_bytes(file.read_bytes())
    wal = bytearray((killed / WAL).read_bytes())
    wal[-1] ^= 1
    (killed / WAL).write_bytes(wal)
    (killed / f"{DATABASE}-shm").unlink(missing_ok=True)

    with pytest.raises(LogError, match="it ends at record 2, and record 3 was acknowledged"):
        reopened(killed, anchor=beside(folder))


def test_a_mark_that_cannot_be_written_stops_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_mark: Mark, _seq: int) -> None:
        msg = "no space left"
        raise OSError(msg)

    with created(tmp_path / "log") as log:
        monkeypatch.setattr(Mark, "move", full)
        with pytest.raises(LogError, match="cannot be written: no space left"):
            log.append([note(1)])
        with pytest.raises(LogError, match="is written no more"):
            log.append([note(2)])


def test_a_mark_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    created(tmp_path / "log").close()
    (tmp_path / "log" / MARK).rename(tmp_path / MARK)
    (tmp_path / "log" / MARK).symlink_to(tmp_path / MARK)

    with pytest.raises(LogError, match=r"the mark of .* cannot be written"):
        reopened(tmp_path / "log")


def test_a_mark_that_is_behind_is_no_fault(tmp_path: Path) -> None:
    """As a power cut may leave it."""
    folder = tmp_path / "log"
    with created(folder) as log:
        before = (folder / MARK).read_bytes()
        log.append([note(1)])
    (folder / MARK).write_bytes(before)

    reopened(folder).close()
