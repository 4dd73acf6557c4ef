"""A terminal as a page shows one: what is typed is run, and what is shown below must come.

    $ verifill verify runs/live
    ...
    CONFORMS

A line `...` stands for any lines, `...` within a line for any text. Times, durations, keys and
hashes are never compared. Where nothing is shown, only the exit code counts, which is 0 unless a
line `exit code 1` says another one. `&` leaves a command running until the page ends or `kill`s
it, and a line `^C` is typed when the line above it has come.
"""

import doctest
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from attrs import frozen
from typer.testing import CliRunner

from tests.docs.pages import ROOT
from verifill.cli.app import app

PATIENCE_S: Final = 60
PORT: Final = "4711"  # on the pages; a free one is taken instead
COLUMNS: Final = "100"
INTERRUPT: Final = "^C"
NEVER_THE_SAME: Final = (
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?"), "TIME"),
    (re.compile(r"\b\d{4}-\d\d-\d\d\b"), "DATE"),  # a line may break after it
    (re.compile(r"\b\d\d:\d\d:\d\d\b"), "TIME"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "HASH"),
    (re.compile(r"\b[a-z0-9]{32}\b"), "KEY"),
    (re.compile(r"\b[0-9a-f]{12}\b"), "RUN"),
    (re.compile(r"\b[0-9][0-9.,]* ?(s|ms|us|MB)\b"), r"N \1"),
    (re.compile(r"\bseq=[0-9]+"), "seq=N"),
    (re.compile(r"[ \t]+"), " "),
)
# What only makes a place to work in; that it exists is tested, and no more.
SETTING_UP: Final = ("make", "pip", "git", "python3", ".")


@frozen
class Typed:
    """A command, and what the page shows of its answer.

    Attributes:
        command: what is typed, in one line.
        shown: the lines below it.
        written: how the command stands on the page, which may be several lines.
    """

    command: str
    shown: tuple[str, ...]
    written: str


def typed(text: str) -> Iterator[Typed]:
    """The commands of a block."""
    for piece in re.split(r"(?m)^\$ ", text)[1:]:
        written, _, shown = piece.replace("\\\n", "\0").partition("\n")
        lines = tuple(line for line in shown.splitlines() if line.strip())
        yield Typed(written.replace("\0", " ").strip(), lines, written.replace("\0", "\\\n"))


def same(shown: str, came: str) -> bool:
    """Whether what came is what the page shows."""
    checker = doctest.OutputChecker()
    return checker.check_output(plain(shown), plain(came), doctest.ELLIPSIS)


def plain(text: str) -> str:
    """A text without what differs each time: times, keys, hashes, widths of columns."""
    lines = [line for line in text.splitlines() if line.strip()]
    for at, line in enumerate(lines):
        for pattern, name in NEVER_THE_SAME:
            line = pattern.sub(name, line)  # noqa: PLW2901 - one after the other
        lines[at] = re.sub(r"[─-]{3,}", "-", line).strip()
    return "\n".join(lines) + "\n"


class Terminal:
    """A terminal in a folder.

    Args:
        folder: where it is, and where commands of the page run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._jobs: list[subprocess.Popen[bytes]] = []
        self._environment = os.environ | {
            "COLUMNS": COLUMNS, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }  # fmt: skip

    def answer(self, one: Typed) -> str:
        """Run a command; what it says, with its exit code if that is not 0."""
        words = shlex.split(one.command.replace(PORT, str(self.port)), comments=True)
        if words[0] == "export":
            self._environment |= dict(word.split("=", 1) for word in words[1:])
            return ""
        if words[0] == "kill":
            return self._kill(words[1].removeprefix("-"), int(words[2].removeprefix("%")))
        if words[-1] == "&":
            return self._started(words[:-1])
        if INTERRUPT in one.shown:
            return self._interrupted(words, one.shown[one.shown.index(INTERRUPT) - 1])
        told, code = self._run(words, one.command)
        told = told.replace(str(self.port), PORT)
        return f"{told}\nexit code {code}" if code else told

    def end(self) -> None:
        """Leave nothing running."""
        for job in self._jobs:
            job.kill()
            job.communicate()

    def _run(self, words: list[str], command: str) -> tuple[str, int]:
        """A command that ends by itself; Verifill's own in this process, which is quicker."""
        if words[0] == "verifill" and not re.search(r" [|<>&] | && |\$\(", command):
            result = CliRunner().invoke(app, words[1:], prog_name="verifill")
            if result.exception and not isinstance(result.exception, SystemExit):
                raise result.exception
            return result.output, result.exit_code
        done = subprocess.run(
            ["/bin/bash", "-c", command.replace(PORT, str(self.port))],
            cwd=self.folder, env=self._environment, capture_output=True, text=True, check=False,
            timeout=PATIENCE_S,
        )  # fmt: skip
        return done.stdout + done.stderr, done.returncode

    def _process(self, words: list[str]) -> "subprocess.Popen[bytes]":
        assert words[0] == "verifill", "only verifill is left running"
        job = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "verifill", *words[1:]],
            cwd=self.folder, env=self._environment, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        self._jobs.append(job)
        return job

    def _started(self, words: list[str]) -> str:
        """A server, and its first line: that it listens, or why it does not."""
        lasting = ["--with-parent"] if words[1:3] == ["venue", "serve"] else []
        job = self._process([*words, *lasting])
        assert job.stdout
        first = job.stdout.readline().decode().replace(str(self.port), PORT)
        if first.startswith(("verifill: ", "Usage: ")):
            return f"{first}exit code {job.wait(timeout=PATIENCE_S)}"
        return first

    def _interrupted(self, words: list[str], last: str) -> str:
        """A command that a line ends; it is interrupted when another one has come."""
        job = self._process(words)
        assert job.stdout
        lines: list[str] = []
        patience = threading.Timer(PATIENCE_S, job.kill)
        patience.start()
        try:
            for line in job.stdout:
                lines.append(line.decode().rstrip())
                if same(last, lines[-1]):
                    lines.append(INTERRUPT)
                    job.send_signal(signal.SIGINT)
        finally:
            patience.cancel()
        code = job.wait(timeout=PATIENCE_S)
        return "\n".join([*lines, *([f"exit code {code}"] if code else [])])

    def _kill(self, name: str, number: int) -> str:
        """`kill -9 %1`: the first that was started."""
        job = self._jobs[number - 1]
        job.send_signal(int(name) if name.isdecimal() else signal.Signals[f"SIG{name}"])
        job.communicate(timeout=PATIENCE_S)
        return ""


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def missing(command: str) -> str:
    """What a command that only sets up needs and is not there; empty if all is."""
    words = shlex.split(command, comments=True)
    targets = re.findall(r"(?m)^([a-z-]+)(?:: | [a-z -]*:)", (ROOT / "Makefile").read_text())
    if words[0] == "make":
        return ", ".join(word for word in words[1:] if word not in targets)
    extras = re.findall(r"\[(\w+)\]", command)
    known = re.findall(r"(?m)^(\w+) = \[", (ROOT / "pyproject.toml").read_text())
    return ", ".join(extra for extra in extras if extra not in known)
