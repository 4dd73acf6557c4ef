"""Processes of the tests: started, waited for within bounds, and never left."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

COMMAND = (sys.executable, "-m", "verifill")
WAIT_S = 120.0


@contextmanager
def process(*words: str | Path, cwd: Path | None = None) -> Generator["subprocess.Popen[str]"]:
    """A process, killed at the end if it is still there."""
    pipe = subprocess.PIPE
    started = subprocess.Popen([*map(str, words)], cwd=cwd, stdout=pipe, stderr=pipe, text=True)
    try:
        yield started
    finally:
        if started.poll() is None:
            started.kill()
        started.communicate()


def until(there: Callable[[], bool], what: str) -> None:
    """Wait for something, within bounds."""
    for _ in range(int(WAIT_S / 0.02)):
        if there():
            return
        time.sleep(0.02)
    msg = f"waited in vain for {what}"
    raise AssertionError(msg)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def waiting(flag: Path) -> list[int]:
    """The processes in which a strategy of the tests waits; see `conftest.STRATEGY`."""
    return [int(one.suffix[1:]) for one in flag.parent.glob(f"{flag.name}.*")]


def kill(pid: int) -> None:
    """As `kill -9` does."""
    os.kill(pid, signal.SIGKILL)
