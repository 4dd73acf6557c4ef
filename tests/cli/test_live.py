"""`verifill live` as a process: what it says, how it ends, and how it goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.worlds import ROOT, written
from tests.serving import Serving
from verifill.cli.failures import ExitCode
from verifill.engine.log.durable_reader import open_log

PATIENCE_S = 120
NOBODY = 9  # a port that nobody listens on


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    made = Serving(tmp_path)
    yield made
    made.end()


def started(config: Path, port: int, *more: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-W", "error", "-m", "verifill", "live", str(config)]
    return subprocess.Popen(
        [*command, "--port", str(port), *more],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    out, err = process.communicate(timeout=PATIENCE_S)
    return process.returncode, out, err


def said(process: "subprocess.Popen[str]", word: str) -> None:
    """Wait until a line with the word is said."""
    assert process.stderr
    deadline = time.monotonic() + PATIENCE_S
    while word not in (line := process.stderr.readline()):
        assert line, f"it ended without saying {word}"
        assert time.monotonic() < deadline


def test_a_run_says_what_it_does_and_goes_on_where_it_was(tmp_path: Path, serving: Serving) -> None:
    config = written(tmp_path, '[loopback]\nwidth = "0"\n')
    serving.start(config)
    port = serving.told["port"]

    code, out, err = ended(started(config, port, "--ticks", "1", "--say", "json"))
    assert (ExitCode.COMPLETED, "") == (code, "" if "stopped" in out else out)
    events = [json.loads(line)["event"] for line in err.splitlines()]
    assert ["intent", "accepted", "observed", "matched"] == events[events.index("intent") :][:4]

    going = started(config, port)
    said(going, "matched")
    report = [sys.executable, "-m", "verifill", "report", str(tmp_path / "log")]
    told = subprocess.run(report, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (0, None) == (told.returncode, going.poll()), told.stderr
    assert "equity at end" in told.stdout
    going.send_signal(signal.SIGINT)
    code, out, _ = ended(going)
    assert ExitCode.COMPLETED == code
    ticks = open_log(tmp_path / "log").records().filter(event="tick", kind="TRANSITION").collect()
    assert 2 <= ticks.height == int(out.split("ticks")[1].split()[0])


def test_a_venue_that_is_not_there_keeps_the_engine_halted_and_is_named(tmp_path: Path) -> None:
    waiting = started(written(tmp_path), NOBODY)
    said(waiting, "blocked")
    waiting.send_signal(signal.SIGTERM)
    code, out, _ = ended(waiting)

    assert ExitCode.ENDED_EARLY == code
    assert "market data is not fresh" in out


def test_a_second_process_on_one_log_is_refused(tmp_path: Path, serving: Serving) -> None:
    config = written(tmp_path, '[loopback]\nwidth = "0"\n')
    serving.start(config)
    first = started(config, serving.told["port"])
    said(first, "matched")

    code, _, err = ended(started(config, serving.told["port"]))
    assert ExitCode.BAD_INPUT == code
    assert "writing here" in err
    first.send_signal(signal.SIGTERM)
    assert ExitCode.COMPLETED == ended(first)[0]


def test_a_run_goes_to_the_endpoints_of_its_environment_and_goes_on_only_there(
    tmp_path: Path, serving: Serving
) -> None:
    serving.start(written(tmp_path, '[loopback]\nwidth = "0"\n'))
    here = f'endpoints.binance = "http://127.0.0.1:{serving.told["port"]}"\n'
    config = written(
        tmp_path,
        f'[loopback]\nwidth = "0"\n[environments.dev]\n{here}[environments.prod]\n{here}',
    )

    def live(environment: str) -> tuple[int, str, str]:
        command = [sys.executable, "-m", "verifill", "live", str(config), "--ticks", "1"]
        done = subprocess.run(
            command,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
            env={**os.environ, "VERIFILL_ENVIRONMENT": environment},
        )
        return done.returncode, done.stdout, done.stderr

    assert ExitCode.COMPLETED == live("dev")[0]
    code, _, err = live("prod")
    assert ExitCode.BAD_INPUT == code
    assert 'is the log of environment "dev", this start is in "prod"' in " ".join(err.split())
    assert ExitCode.COMPLETED == live("dev")[0]
    code, _, err = live("")
    assert (ExitCode.BAD_INPUT, True) == (code, "no environment is chosen" in err)
