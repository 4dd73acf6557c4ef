"""The inbox and real processes: many post, one looks, and any is killed at any moment."""

import random
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.engine.durable_support import created
from verifill.engine.errors import InboxError
from verifill.engine.inbox import Inbox, answer_of, last_posted, post

ROOT = Path(__file__).parents[2]
KILLS = 8
COMMANDS = 200
LOOKS_MAX = 60_000


class Posting:
    """A process that posts, and tells the numbers that it got."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def told(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())

    def check(self) -> None:
        """Fail if it has ended by itself."""
        assert self._process.poll() is None, "the poster has ended by itself"

    def kill(self) -> list[int]:
        """Kill it with -9; gives what it had told and nobody had read."""
        assert self._process.stdout is not None
        self._process.kill()
        return [int(line) for line in self._process.stdout.read().splitlines()]


@contextmanager
def posting(folder: Path, actor: str) -> Generator[Posting]:
    command = [sys.executable, "-m", "tests.engine.inbox_poster", str(folder), actor]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        try:
            yield Posting(process)
        finally:
            process.kill()


def test_two_processes_post_while_a_third_looks_and_answers(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    created(folder).close()
    seen: list[int] = []
    with posting(folder, "ann") as ann, posting(folder, "bob") as bob, Inbox(folder) as inbox:
        for _ in range(LOOKS_MAX):
            ann.check()
            bob.check()
            if len(seen) >= COMMANDS:
                break
            time.sleep(0.001)
            with suppress(InboxError):  # both post without a pause, so it may be locked
                for command in inbox.pending():
                    inbox.answer(command.id, f"to {command.actor}: {command.reason}", 1)
                    seen.append(command.id)
        assert len(seen) >= COMMANDS
        told = [ann.kill(), bob.kill()]
        seen += [command.id for command in inbox.pending()]

    acknowledged = [number for numbers in told for number in numbers if number]
    assert len(acknowledged) == len(set(acknowledged))
    assert set(acknowledged) <= set(seen)
    assert list(range(1, len(seen) + 1)) == seen  # each once, in order, without a gap
    for posted in last_posted(folder, len(seen))[:COMMANDS]:
        command, answer = posted.command, posted.answer
        assert answer is not None
        assert f"to {command.actor}: {command.reason}" == answer.text


def test_what_was_acknowledged_is_there_once_when_the_poster_is_killed_at_any_moment(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "log"
    created(folder).close()
    chance = random.Random(5)
    acknowledged: list[int] = []
    for life in range(KILLS):
        with posting(folder, f"life {life}") as process:
            told = [process.told() for _ in range(chance.randrange(1, 12))]
            told += process.kill()
        acknowledged += told[1:]

    there = last_posted(folder, 100_000)
    numbers = [posted.command.id for posted in there]
    assert sorted(set(acknowledged)) == acknowledged
    assert set(acknowledged) <= set(numbers)
    assert list(range(1, len(numbers) + 1)) == numbers
    assert 0 <= len(numbers) - len(acknowledged) <= KILLS  # one under way at each kill
    keys = {(posted.command.actor, posted.command.reason) for posted in there}
    assert len(keys) == len(there)


def test_a_poster_killed_at_its_start_leaves_no_inbox_or_a_whole_one(tmp_path: Path) -> None:
    chance = random.Random(7)
    for life in range(KILLS):
        folder = tmp_path / f"log{life}"
        created(folder).close()
        with posting(folder, "ann") as process:
            assert 0 == process.told()  # it begins to make the inbox now
            time.sleep(chance.random() / 100)
            told = process.kill()
        there = len(last_posted(folder, 1_000))
        assert len(told) <= there <= len(told) + 1

        number = post(folder, "kill", actor="bob", reason="it was killed", at_ns=1)
        assert there + 1 == number
        assert None is answer_of(folder, number)
