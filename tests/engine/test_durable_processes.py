"""A durable log and real processes: killed at any moment, two at once, one that reads."""

import random
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.engine.durable_support import beside, created, reopened, step
from tests.engine.durable_writer import STEP
from verifill.engine.errors import LogExists
from verifill.engine.log.durable_reader import DurableReader
from verifill.engine.log.opening import verify_log

ROOT = Path(__file__).parents[2]
KILLS = 20


class Writing:
    """A process that writes to a log and tells what was acknowledged."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def told(self) -> int:
        """The next number that it tells."""
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())

    def kill(self) -> list[int]:
        """Kill it with -9; gives what it had told and nobody had read."""
        assert self._process.stdout is not None
        self._process.kill()
        return [int(line) for line in self._process.stdout.read().splitlines()]


@contextmanager
def writing(folder: Path) -> Generator[Writing]:
    command = [sys.executable, "-m", "tests.engine.durable_writer", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        try:
            yield Writing(process)
        finally:
            process.kill()


def test_nothing_acknowledged_is_lost_when_the_writer_is_killed_at_any_moment(
    tmp_path: Path,
) -> None:
    chance = random.Random(11)
    acknowledged = 0
    for _ in range(KILLS):
        with writing(tmp_path / "log") as process:
            told = [process.told() for _ in range(chance.randrange(2, 40))]
            told += process.kill()
        assert told[0] in {acknowledged, acknowledged + STEP}  # the step under way is there or not
        acknowledged = told[-1]

    with reopened(tmp_path / "log") as log:
        assert KILLS + 1 == log.tail.epoch
        assert log.found.seq in {acknowledged, acknowledged + STEP}
    steps = DurableReader(tmp_path / "log").records().collect().filter(kind="NOTE").height
    assert 0 == steps % STEP


def test_a_second_process_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    with writing(folder) as process:
        process.told()
        with pytest.raises(LogExists, match="a run is writing here"):
            reopened(folder)

    reopened(folder).close()


def test_a_process_is_refused_while_this_one_writes(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    command = [sys.executable, "-m", "tests.engine.durable_writer", str(folder)]
    with created(folder) as log:
        second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

        assert second.returncode
        assert "LogExists" in second.stderr
        assert 2 == log.append(step(1))


def test_a_reader_follows_a_writer_and_the_writer_does_not_wait_for_it(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    with writing(folder) as process:
        process.told()
        acknowledged = process.told()
        reader = DurableReader(folder)
        first = reader.records().collect()
        assert first["seq"].to_list() == list(range(1, first.height + 1))
        assert acknowledged <= first.height

        later = process.told()
        while later <= first.height:
            later = process.told()
        rest = reader.tail(first.height).collect()
        assert rest["seq"].to_list()[: later - first.height] == list(
            range(first.height + 1, later + 1)
        )
        assert verify_log(folder, beside(folder)).seq >= later
