"""Servers of venues as processes of their own, for tests; none is left running."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from verifill.venues.loopback.transport import Http

COMMAND = (sys.executable, "-W", "error", "-m", "verifill", "venue", "serve")
PATIENCE_S = 120


class Serving:
    """Servers of one folder; none is left running."""

    def __init__(self, folder: Path) -> None:
        self.journal = folder / "journal.jsonl"
        self.ready = folder / "ready.json"
        self.processes: list[subprocess.Popen[str]] = []

    def command(self, config: Path, *more: str) -> Sequence[str]:
        files = ("--journal", str(self.journal), "--ready", str(self.ready))
        return (*COMMAND, str(config), *files, "--with-parent", *more)

    def start(self, config: Path, *more: str) -> "subprocess.Popen[str]":
        self.ready.unlink(missing_ok=True)
        process = subprocess.Popen(
            self.command(config, *more), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.processes.append(process)
        self.listening(process)
        return process

    def listening(self, process: "subprocess.Popen[str]") -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not self.ready.exists():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)

    @property
    def told(self) -> dict[str, int]:
        told: dict[str, int] = json.loads(self.ready.read_text())
        return told

    def admin(self, target: str, what: object) -> None:
        Http(self.told["admin_port"])("POST", target, json.dumps(what).encode())

    def http(self) -> Http:
        return Http(self.told["port"])

    def end(self) -> None:
        """End every server that was started here."""
        for process in self.processes:
            process.kill()
            process.communicate()
