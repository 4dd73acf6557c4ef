"""A rehearsal as somebody would type it, and what came of it, with what differs each time named.

Everything is real: a server of the venues, an engine that is killed with -9, the commands of
an operator. Keys, times, process numbers and the numbers of records become names.
"""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.live.worlds import ROOT, written
from tests.serving import Serving

PATIENCE_S = 120
FAULTS = """\
[[faults]] # the venue executes the first order, and its answer never comes
name = "timeout_after"
delivery = { after = "hold" }

[[faults]] # the second rests for ten minutes
name = "resting"
nth = 2
handling = { share = 0, rest_s = 600 }
"""
KEY = re.compile(r"\b[a-z0-9]{32}\b(?P<column>  )?")
SHOWN = ("intent", "found", "recovery", "operator", "cancel", "flatten", "unexecuted", "matched",
         "resume", "halt")  # fmt: skip


class Transcript:
    """A terminal of which every command and answer is kept.

    Args:
        folder: where it is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = written(folder, '[loopback]\nwidth = "0"\n')
        (folder / "faults.toml").write_text(FAULTS)
        self.serving = Serving(folder)
        self.lines: list[str] = []
        self._keys: dict[str, str] = {}
        self._engine: subprocess.Popen[str] | None = None
        self._lines: Iterator[str] = iter(())

    # What is typed.

    def serve(self) -> None:
        """The venues, with their faults."""
        files = "--journal venue.jsonl --faults faults.toml"
        self._typed(f"verifill venue serve live.toml {files} --port 4711 &")
        self.serving.start(self.config, "--faults", str(self.folder / "faults.toml"))

    def arrived(self, number: int) -> None:
        """Wait until so many requests are in the venues' journal."""
        deadline = time.monotonic() + PATIENCE_S
        while self.serving.journal.read_text().count('"submitted"') < number:
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def live(self, until: str, times: int = 1, more: str = "") -> None:
        """An engine, until it has said something so many times."""
        self._typed(f"verifill live live.toml --port 4711{more} &")
        words = ["live", str(self.config), "--port", str(self.serving.told["port"]), *more.split()]
        heard = self.folder / "said.txt"
        with heard.open("w") as said:
            self._engine = subprocess.Popen(
                self._command(*words), cwd=ROOT, stdout=subprocess.PIPE, stderr=said, text=True
            )
        self._lines = lines_of(heard, self._engine)
        self.wait(until, times)

    def wait(self, until: str, times: int = 1) -> None:
        """Hear the engine until it has said something so many times."""
        while times:
            line = next(self._lines, "")
            assert line, f"it ended without saying {until}"
            times -= self._said(line) == until

    def kill(self, name: str) -> None:
        """End the engine by a signal."""
        assert self._engine
        self._typed(f"kill -{name} %2")
        self._engine.send_signal(signal.Signals[f"SIG{name}"])
        out, _ = self._engine.communicate(timeout=PATIENCE_S)
        for line in self._lines:
            self._said(line)
        self._told(out)
        if self._engine.returncode > 0:
            self.lines.append(f"exit code {self._engine.returncode}")

    def run(self, words: str) -> str:
        """A command that ends by itself."""
        self._typed(f"verifill {words}")
        named = {"runs/live": str(self.folder / "log"), "venue.jsonl": str(self.serving.journal)}
        given = [named.get(word, word) for word in _split(words)]
        done = subprocess.run(
            self._command(*given), cwd=ROOT, capture_output=True, text=True, check=False,
            timeout=PATIENCE_S,
        )  # fmt: skip
        self._told(re.sub(r"(?m) +$", "", done.stdout + done.stderr))
        return done.stdout

    def end(self) -> None:
        """Leave nothing running."""
        if self._engine:
            self._engine.kill()
            self._engine.communicate()
        self.serving.end()

    # What is kept.

    def say(self, text: str) -> None:
        """A sentence between the commands."""
        self.lines += ["```", "", text, "", "```"]

    @property
    def text(self) -> str:
        """All of it, as a page has it."""
        return "\n".join(self.lines)

    def _command(self, *words: str) -> Sequence[str]:
        return (sys.executable, "-W", "error", "-m", "verifill", *words)

    def _typed(self, words: str) -> None:
        self.lines.append(f"$ {words}")

    def _said(self, line: str) -> str:
        """Keep a line of the engine, if it is one of those that are always the same."""
        match = re.match(r"\S+ \[(\w+) *\] (\w+) +(.*)", line)
        if not match:
            return ""
        _, event, facts = match.groups()
        if event in SHOWN:
            self._told(f"  {event:<12}{re.sub(r' *seq=[0-9]+', '', facts).strip()}")
        return event

    def _told(self, text: str) -> None:
        named = text.replace(str(self.folder / "log"), "runs/live")
        named = named.replace(str(self.folder), ".")
        named = KEY.sub(self._name, named)
        for pattern, name in PATTERNS:
            named = re.sub(pattern, name, named)
        self.lines += [line.rstrip() for line in named.splitlines() if line.strip()]

    def _name(self, found: re.Match[str]) -> str:
        """A key by its number; in a table as wide as it was."""
        name = self._keys.setdefault(found.group()[:32], f"KEY-{len(self._keys) + 1}")
        return f"{name:<34}" if found["column"] else name


PATTERNS = (
    (r"tick [0-9]+", "tick N"),
    (r"(?m)^(ticks? +)[0-9,]+", r"\1N"),
    (r"(?m)^(root +)[0-9a-f]{64}", r"\1HASH"),
    (r"(?m)^(transitions +)[0-9,]+$", r"\1N"),
    (r"(?m)[0-9,]+ (records|rows|transitions|instructions)$", r"N \1"),
    (r"(?m)^(run +)[0-9a-f]{12}", r"\1RUN"),
    (r"(?m)^(records +)[0-9,]+, read from [0-9,]+", r"\1N, read from N"),
    (r"(?m)^ [0-9]+ +(?=[0-9]{4}-)", " N    "),
    (r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}", "YYYY-MM-DD HH:MM:SS"),
)


def lines_of(heard: Path, engine: subprocess.Popen[str]) -> Iterator[str]:
    """What an engine says, line by line, until it has ended."""
    begun, deadline = "", time.monotonic() + PATIENCE_S
    with heard.open() as said:
        while True:
            ended = engine.poll() is not None
            for piece in said:
                begun += piece
                if begun.endswith("\n"):
                    deadline = time.monotonic() + PATIENCE_S
                    yield begun
                    begun = ""
            if ended:
                return
            assert time.monotonic() < deadline, "it says nothing more"
            time.sleep(0.02)


def _split(words: str) -> list[str]:
    """Words of a command, with what is in quotes as one."""
    return [quoted or plain for quoted, plain in re.findall(r'"([^"]*)"|(\S+)', words)]
