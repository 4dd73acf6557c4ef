"""The lock of a log's folder: who holds it, and that looking is no holding."""

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from verifill.engine.log.lock import LOCK, Lock, is_held

HOLDING = """
import sys
from pathlib import Path
from verifill.engine.log.lock import Lock
lock = Lock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.readline()
"""


def test_a_folder_that_nobody_wrote_to_is_not_held(tmp_path: Path) -> None:
    assert not is_held(tmp_path)
    assert not (tmp_path / LOCK).exists()


def test_a_lock_is_held_from_its_taking_to_its_release(tmp_path: Path) -> None:
    lock = Lock(tmp_path)
    assert is_held(tmp_path)
    lock.release()

    assert not is_held(tmp_path)


def test_a_lock_goes_with_the_process_that_held_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDING, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert b"held\n" == process.stdout.readline()
        assert is_held(tmp_path)
        process.kill()
    assert (tmp_path / LOCK).exists()

    assert not is_held(tmp_path)


def test_a_folder_that_is_none_cannot_be_looked_into(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(NotADirectoryError):
        is_held(tmp_path / "file")


def test_looking_keeps_no_writer_out(tmp_path: Path) -> None:
    (tmp_path / LOCK).touch()
    looking = os.open(tmp_path / LOCK, os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)  # as `is_held` does for a moment
    before = signal.signal(signal.SIGALRM, lambda _signal, _frame: os.close(looking))
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        lock = Lock(tmp_path)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    assert is_held(tmp_path)
    with pytest.raises(BlockingIOError):
        Lock(tmp_path)
    lock.release()
