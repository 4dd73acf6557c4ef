"""Files of a log that others were let into are private again, or the log is refused."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine.durable_support import beside, filled, reopened
from verifill.engine.errors import LogError
from verifill.engine.inbox import INBOX, post
from verifill.engine.log.durable_reader import DurableReader
from verifill.engine.log.files import tightened
from verifill.engine.log.opening import TIGHTENED

FILES = ("header.json", "log.sqlite", "mark", INBOX)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    filled(tmp_path / "log").close()
    post(tmp_path / "log", "status", actor="ann", reason="", at_ns=1)
    return tmp_path / "log"


def said(log: Path) -> list[str]:
    """What the last process life told of files, in its EPOCH."""
    payload = DurableReader(log).records().collect()["payload"].to_list()[-1]
    return list(json.loads(payload or "{}").get(TIGHTENED, ()))


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o601])
def test_every_file_is_private_again_and_the_log_says_which_was_not(log: Path, mode: int) -> None:
    paths = [*(log / name for name in FILES), log.with_name("log.anchor")]
    for path in paths:
        path.chmod(mode)
    reopened(log).close()

    assert {0} == {path.stat().st_mode & 0o077 for path in (*log.iterdir(), *paths)}
    assert {f"{path} had mode {mode:04o}, and is private again" for path in paths} <= set(said(log))


def test_the_log_of_writes_is_made_private_again_too(tmp_path: Path) -> None:
    with_wal = filled(tmp_path / "log")
    wal = tmp_path / "log" / "log.sqlite-wal"
    kept = wal.read_bytes()
    with_wal.close()
    wal.write_bytes(kept)
    wal.chmod(0o644)

    assert [f"{wal} had mode 0644, and is private again"] == list(tightened([wal]))
    assert 0o600 == wal.stat().st_mode & 0o777


def test_where_all_is_private_nothing_is_said(log: Path) -> None:
    reopened(log).close()

    assert [] == said(log)


def foreign(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 12_345)


def refusing(monkeypatch: pytest.MonkeyPatch) -> None:
    def chmod(_path: Path, _mode: int) -> None:
        msg = "not permitted"
        raise PermissionError(msg)

    monkeypatch.setattr(Path, "chmod", chmod)


@pytest.mark.parametrize("how", [foreign, refusing])
def test_a_file_that_cannot_be_made_private_is_refused(
    log: Path, monkeypatch: pytest.MonkeyPatch, how: Callable[[pytest.MonkeyPatch], None]
) -> None:
    (log / "log.sqlite").chmod(0o644)
    before = DurableReader(log).last_seq
    with monkeypatch.context() as patch:
        how(patch)
        with pytest.raises(
            LogError, match=r"log\.sqlite has mode 0644, so that others .*`chmod 600 "
        ):
            reopened(log)

    assert before == DurableReader(log).last_seq


def test_what_cannot_be_looked_at_is_told(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lstat(_path: Path) -> os.stat_result:
        msg = "gone"
        raise OSError(msg)

    monkeypatch.setattr(Path, "lstat", lstat)
    with pytest.raises(LogError, match=r"the files of .* cannot be looked at: gone"):
        reopened(log, anchor=beside(log))
