"""`verifill paper` as a process and as a command: where its prices come from, how it goes on."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Verifill
from tests.cli.test_live import ended, said
from tests.live.worlds import ROOT, written
from tests.serving import Serving
from verifill.cli.failures import ExitCode
from verifill.paper import journal_of
from verifill.result import RunResult
from verifill.venues.loopback.effects import effects_of
from verifill.venues.loopback.journal import read_journal


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    made = Serving(tmp_path)
    yield made
    made.end()


def test_a_server_gives_prices_and_is_sent_nothing(tmp_path: Path, serving: Serving) -> None:
    config, log = written(tmp_path), tmp_path / "log"
    serving.start(config)
    command = [sys.executable, "-W", "error", "-m", "verifill", "paper", str(config)]
    going = subprocess.Popen(
        [*command, "--port", str(serving.told["port"])],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    said(going, "matched")
    going.send_signal(signal.SIGTERM)
    code, out, _ = ended(going)

    assert ExitCode.COMPLETED == code
    assert "stopped" in out
    assert () == effects_of(read_journal(serving.journal))
    assert {1} == {one.effects for one in effects_of(read_journal(journal_of(log)))}


def test_prices_come_from_the_endpoint_of_the_environment(
    tmp_path: Path, serving: Serving, monkeypatch: pytest.MonkeyPatch, command: Verifill
) -> None:
    serving.start(written(tmp_path))
    here = f'endpoints.binance = "http://127.0.0.1:{serving.told["port"]}"\n'
    config = written(tmp_path, f"[environments.dev]\n{here}")
    monkeypatch.setenv("VERIFILL_ENVIRONMENT", "dev")

    done = command("paper", config, "--ticks", 1, "--say", "none")

    assert ExitCode.COMPLETED == done.exit_code, done.output
    assert "dev" == RunResult(tmp_path / "log").header["environment"]


def test_the_history_is_gone_on_with_by_the_next_command(tmp_path: Path, command: Verifill) -> None:
    config, log = written(tmp_path), tmp_path / "log"
    for ticks in (1, 2):
        done = command("paper", config, "--history", "--ticks", ticks, "--say", "none")
        assert ExitCode.COMPLETED == done.exit_code, done.output
        assert f"ticks  {2 * ticks - 1}" in done.stdout

    counted = command("venue", "effects", journal_of(log))
    reported = command("report", log)
    shown = command("status", log)
    assert 3 == RunResult(log).fills.collect().height
    assert "binance.spot-3" in counted.stdout
    assert "equity at end" in reported.stdout
    assert "paper" in shown.stdout


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((), "either --port or --history"),
        (("--port", "4711", "--history"), "either --port or --history"),
        (("--port", "4711", "--interval-s", "5"), "--interval-s is for --history"),
    ],
    ids=["no source", "two sources", "an interval for a server"],
)
def test_where_prices_come_from_is_said_once(
    tmp_path: Path, command: Verifill, given: tuple[str, ...], words: str
) -> None:
    done = command("paper", written(tmp_path), *given)

    assert ExitCode.BAD_INPUT == done.exit_code
    assert words in " ".join(done.output.split())
