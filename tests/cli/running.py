"""An engine that runs in a process of its own, for the tests of what speaks to it."""

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]


@contextmanager
def running(backtest: Path, folder: Path, count: int = 0) -> Generator[subprocess.Popen[bytes]]:
    """It has written so many records of the backtest's log, and answers its inbox."""
    given = (str(backtest), str(folder), str(count))
    command = [sys.executable, "-m", "tests.cli.engine_process", *given]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            assert b"ready\n" == process.stdout.readline()
            yield process
        finally:
            process.kill()
