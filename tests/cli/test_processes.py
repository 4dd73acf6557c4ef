"""The command as a process of its own: interrupted, killed, without room, unread."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from verifill.cli.failures import ExitCode
from verifill.cli.init import DAY_ROWS
from verifill.ending import Ending
from verifill.engine.log.writer import CHUNK_ROWS, LOOSE_ROWS
from verifill.interrupts import WAITING
from verifill.result import RunResult
from verifill.venues.data.generate import Walk, bars

COMMAND = (sys.executable, "-W", "error", "-m", "verifill")
TOML = "verifill.toml"
DECIDE = "        closes = market"


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command: Sequence[str | Path] = (*COMMAND, *arguments)
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def deciding(project: Path, *lines: str) -> None:
    """Let the strategy do something more, once a tick; `self.ticks` counts them."""
    strategy = project / "strategy.py"
    text = strategy.read_text().replace(
        "        self._sell_above", "        self.ticks = 0\n        self._sell_above"
    )
    more = "\n".join(f"        {line}" for line in ("self.ticks += 1", *lines))
    strategy.write_text(
        "import os, resource, signal, time\n" + text.replace(DECIDE, f"{more}\n{DECIDE}")
    )


def long(project: Path, rows: int) -> None:
    """A history of this many bars."""
    walk = Walk(start_price=Decimal(42_000), step_ticks=4_000)
    bars(project / "data" / "btc_usdt_1m.csv", seed=7, rows=rows, walk=walk)


def started(project: Path) -> subprocess.Popen[str]:
    """A run that has begun: its strategy has written `begun`."""
    process = subprocess.Popen(
        [*COMMAND, "backtest", project / TOML],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    for _ in range(1200):
        if (project / "begun").exists():
            return process
        time.sleep(0.05)
    process.kill()
    pytest.fail(f"it did not begin: {process.communicate()}")


def told(project: Path) -> RunResult:
    return RunResult(project / "runs" / "verifill")


def begun(project: Path) -> str:
    return f"self.ticks == 100 and open({str(project / 'begun')!r}, 'w').close()"


def test_ctrl_c_leaves_a_complete_log_that_says_interrupted(project: Path) -> None:
    deciding(project, begun(project), "time.sleep(0.02 if self.ticks > 100 else 0)")
    process = started(project)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    result = told(project)

    assert ExitCode.INTERRUPTED == process.returncode, err
    assert "INTERRUPTED" in out
    assert "Traceback" not in out + err
    assert Ending.INTERRUPTED is result.outcome.ending
    assert 100 <= result.outcome.ticks < DAY_ROWS
    transitions = result.transitions.collect()
    assert "STOPPED" == transitions["to"][-1]
    assert list(range(1, transitions.height + 1)) == transitions["seq"].to_list()
    assert result.profit_and_loss().change == sum(result.profit_and_loss().by_cause.values())


def test_sigterm_leaves_a_complete_log_that_says_interrupted(project: Path) -> None:
    deciding(project, begun(project), "time.sleep(0.02 if self.ticks > 100 else 0)")
    process = started(project)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    outcome = told(project).outcome

    assert (ExitCode.TERMINATED, "") == (process.returncode, err)
    assert "INTERRUPTED" in out
    assert (Ending.INTERRUPTED, "STOPPED") == (outcome.ending, outcome.state)


def test_one_run_at_a_time_writes_to_a_folder(project: Path) -> None:
    deciding(
        project,
        begun(project),
        f"go = {str(project / 'go')!r}",
        "while self.ticks >= 100 and not os.path.exists(go): time.sleep(0.01)",
    )
    first = started(project)
    for more in ((), ("--overwrite",)):
        second = run("backtest", project / TOML, *more)
        assert ExitCode.BAD_INPUT == second.returncode
        assert "a run is writing here" in second.stderr
    (project / "go").touch()
    out, err = first.communicate(timeout=60)

    assert (0, "") == (first.returncode, err), out
    assert (Ending.COMPLETED, DAY_ROWS) == (
        told(project).outcome.ending, told(project).outcome.ticks
    )  # fmt: skip


def test_a_killed_run_leaves_no_stale_lock(project: Path) -> None:
    deciding(project, "self.ticks == 9 and os.kill(os.getpid(), signal.SIGKILL)")
    assert -signal.SIGKILL == run("backtest", project / TOML).returncode
    assert (project / "runs" / "verifill" / "lock").is_file()
    strategy = project / "strategy.py"
    strategy.write_text(strategy.read_text().replace("self.ticks == 9", "self.ticks == -9"))

    assert 0 == run("backtest", project / TOML, "--overwrite").returncode
    assert not (project / "runs" / "verifill" / "lock").exists()


def test_a_second_ctrl_c_ends_a_strategy_that_does_not_come_back(project: Path) -> None:
    deciding(project, begun(project), "while self.ticks == 100: time.sleep(0.01)")
    process = started(project)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    result = told(project)

    assert ExitCode.INTERRUPTED == process.returncode
    assert f"{WAITING.decode()}verifill: interrupted\n" == err
    assert Ending.INTERRUPTED is result.outcome.ending
    assert ("DECIDE", 100) == (result.outcome.state, result.outcome.ticks)
    assert "DECIDE" == result.transitions.collect()["to"][-1]


@pytest.mark.parametrize("tick", [1, 2, 700])
def test_ctrl_c_at_any_tick_lets_the_tick_be_completed(project: Path, tick: int) -> None:
    deciding(project, f"self.ticks == {tick} and os.kill(os.getpid(), signal.SIGINT)")
    ran = run("backtest", project / TOML)
    outcome = told(project).outcome

    assert ExitCode.INTERRUPTED == ran.returncode
    assert (Ending.INTERRUPTED, "STOPPED", tick) == (outcome.ending, outcome.state, outcome.ticks)


def test_a_failure_in_the_tick_of_a_ctrl_c_is_a_failure(project: Path) -> None:
    deciding(
        project, "self.ticks == 9 and os.kill(os.getpid(), signal.SIGINT)", "1 / (self.ticks < 9)"
    )
    ran = run("backtest", project / TOML)

    assert ExitCode.ENDED_EARLY == ran.returncode
    assert Ending.FAILED is told(project).outcome.ending


def test_ctrl_c_while_data_is_read_writes_no_log(project: Path) -> None:
    strategy = project / "strategy.py"
    text = strategy.read_text()
    # the class is made before the data is read; nothing of the run has begun
    strategy.write_text(
        text.replace(
            "        self._buy_below", "        import os, signal\n"
            "        os.kill(os.getpid(), signal.SIGINT)\n        self._buy_below"
        )
    )  # fmt: skip
    ran = run("backtest", project / TOML)

    assert ExitCode.INTERRUPTED == ran.returncode
    assert "verifill: interrupted\n" == ran.stderr
    assert not (project / "runs" / "verifill" / "header.json").exists()
    strategy.write_text(text)
    assert 0 == run("backtest", project / TOML).returncode


def test_a_killed_run_is_read_up_to_its_last_chunk(project: Path) -> None:
    last = CHUNK_ROWS + LOOSE_ROWS + 700  # by then the chunk that was handed over is named
    long(project, last + DAY_ROWS)
    deciding(project, f"self.ticks == {last} and os.kill(os.getpid(), signal.SIGKILL)")
    ran = run("backtest", project / TOML)
    result = told(project)
    transitions = result.transitions.collect()

    assert -signal.SIGKILL == ran.returncode
    assert result.outcome.ending is None
    assert CHUNK_ROWS // 2 < result.outcome.ticks < last
    assert list(range(1, transitions.height + 1)) == transitions["seq"].to_list()
    assert 0 == run("log", "show", project / "runs" / "verifill").returncode
    refused = run(
        "backtest", project / TOML, "--log", project / "on", "--from", project / "runs/verifill"
    )
    assert ExitCode.BAD_INPUT == refused.returncode
    assert "A killed backtest is not resumed" in refused.stderr


def test_a_full_disk_ends_the_run_in_words_and_leaves_what_there_is(project: Path) -> None:
    long(project, CHUNK_ROWS + DAY_ROWS)
    limit = "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))"
    deciding(project, f"self.ticks == {CHUNK_ROWS + 500} and {limit}")
    ran = run("backtest", project / TOML)
    result = told(project)

    assert ExitCode.ENVIRONMENT == ran.returncode, ran.stderr
    assert "cannot be written" in ran.stderr
    assert "complete up to chunk 1" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert result.outcome.ending is None
    assert result.transitions.collect().height


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_told(project: Path) -> None:
    (project / "closed").mkdir(mode=0o500)
    ran = run("backtest", project / TOML, "--log", project / "closed" / "log")

    assert ExitCode.ENVIRONMENT == ran.returncode
    assert "cannot be a log" in ran.stderr


def test_the_help_imports_neither_polars_nor_transitions() -> None:
    script = (
        "import atexit, json, sys\n"
        "atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))\n"
        "sys.argv = ['verifill', '--help']\n"
        "from verifill.cli import main\n"
        "main()\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in json.loads(ran.stderr)}

    assert "Usage: verifill" in ran.stdout
    heavy = {"polars", "transitions", "attrs", "attr", "msgspec", "tenacity", "structlog"}
    heavy |= {"prometheus_client", "opentelemetry", "google", "requests"}
    assert set() == loaded & heavy


@pytest.mark.parametrize(
    "words",
    ["log show LOG --last 20000 --wide", "machines full_loop --format matrix", "report LOG"],
)
def test_a_broken_pipe_is_silent(log: Path, words: str) -> None:
    arguments = [str(log) if word == "LOG" else word for word in words.split()]
    process = subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()

    assert (0, "") == (process.wait(60), err)


def test_output_to_a_pipe_has_no_colour_and_no_bar(project: Path) -> None:
    ran = run("backtest", project / TOML)

    assert "" == ran.stderr
    assert "\x1b" not in ran.stdout


def test_a_bar_is_shown_on_a_terminal_and_not_when_told(project: Path) -> None:
    for more, shown in (((), True), (("--no-progress",), False)):
        shutil.rmtree(project / "runs", ignore_errors=True)
        main, side = os.openpty()
        deciding_once = [*COMMAND, "backtest", project / TOML, *more]
        with subprocess.Popen(deciding_once, stdout=subprocess.PIPE, stderr=side) as process:
            process.wait(60)
        os.close(side)
        err = _all(main)

        assert shown == ("ticks" in err)


def _all(descriptor: int) -> str:
    """What is still to be read from a terminal whose other side is closed."""
    read = b""
    while True:
        try:
            part = os.read(descriptor, 65536)
        except OSError:
            part = b""
        if not part:
            os.close(descriptor)
            return read.decode()
        read += part
