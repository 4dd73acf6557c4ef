"""`verifill status`: a run's place as a table and as JSON, of logs of every sort."""

import json
import re
from pathlib import Path

import pytest

from tests.cli.conftest import Verifill
from tests.cli.engine_process import begun
from tests.cli.running import running
from verifill.cli.failures import ExitCode
from verifill.engine.inbox import INBOX
from verifill.engine.log.reader import Log
from verifill.result import RunResult
from verifill.status import status_of

BECAUSE = ("--actor", "ann", "--reason", "smoke")


def squeezed(text: str) -> str:
    return re.sub(r" +", " ", text)


def test_a_log_under_way_is_shown_with_its_writer_and_its_commands(
    log: Path, tmp_path: Path, command: Verifill
) -> None:
    folder = tmp_path / "live"
    rows = Log(log).records().collect()
    count = rows.filter(event="accepted")["seq"][2]
    with running(log, folder, count):
        command("ops", "kill", folder, *BECAUSE, "--wait-s", "60")
        command("ops", "settle", folder, *BECAUSE, "--wait-s", "60")
        told = command("status", folder)
    waits = command("ops", "abort", folder, *BECAUSE, "--no-wait")
    after = command("status", folder)

    assert (0, 0, 0) == (told.exit_code, waits.exit_code, after.exit_code), told.output
    shown = squeezed(told.stdout)
    for line in (
        "mode live", "process life 1", "writer one runs now", "instruction 3", "attempt 1",
        "state INSTRUCTION.AWAIT_POSITION", f"records {count + 1:,}, read from 1",
        "taken: kill for ann", "refused: there is no row for it", "binance.spot:BaseToken:BTC",
    ):  # fmt: skip
        assert line in shown
    assert "accepted INSTRUCTION.AWAIT_POSITION" in shown
    assert "kill flatten=no" in shown
    assert "writer none runs now" in squeezed(after.stdout)
    assert "abort smoke waits" in squeezed(after.stdout)


def test_an_empty_log_is_shown_as_not_begun(log: Path, tmp_path: Path, command: Verifill) -> None:
    begun(Log(log), tmp_path / "live", 0).close()
    told = command("status", tmp_path / "live")

    assert 0 == told.exit_code, told.output
    assert "state not begun" in squeezed(told.stdout)
    assert "since" not in told.stdout


def test_the_log_of_a_backtest_is_shown(log: Path, command: Verifill) -> None:
    told = command("status", log)
    shown = squeezed(told.stdout)

    assert 0 == told.exit_code, told.output
    assert "mode backtest" in shown
    assert "ending COMPLETED" in shown
    assert "state STOPPED" in shown
    assert "finish STOPPED TRANSITION" in shown


def test_a_run_that_ended_early_is_shown_with_its_reason(
    project: Path, tmp_path: Path, command: Verifill
) -> None:
    toml = project / "verifill.toml"
    strategy = project / "strategy.py"
    strategy.write_text(
        strategy.read_text().replace('Decimal("0.01")\nFEE', 'Decimal("1e-9")\nFEE')
    )
    command("backtest", toml, "--log", tmp_path / "log")
    reason = RunResult(tmp_path / "log").outcome.reason
    told = command("status", tmp_path / "log")

    assert reason
    assert f"reason {reason[:40]}" in squeezed(told.stdout)
    assert "last failure FAILURE at record" in squeezed(told.stdout)


def test_json_holds_all_that_a_status_holds(log: Path, tmp_path: Path, command: Verifill) -> None:
    folder = tmp_path / "live"
    begun(Log(log), folder, 40).close()
    command("ops", "adopt", folder, *BECAUSE, "--no-wait", "--instruction", "7", "--outcome",
            "part", "--reference", "8841")  # fmt: skip
    told = command("status", folder, "--last", "2", "--json")
    found, status = json.loads(told.stdout), status_of(folder, last=2)

    assert 0 == told.exit_code
    assert status.run == found["run"]
    assert status.work.state == found["work"]["state"]
    assert [status.last_seq - 1, status.last_seq] == [row["seq"] for row in found["records"]]
    assert {key: f"{each.total:f}" for key, each in status.positions.items()} == {
        key: each["total"] for key, each in found["positions"].items()
    }
    assert {
        "id": 1, "actor": "ann", "reason": "smoke", "name": "adopt",
        "arguments": {"instruction": "7", "outcome": "part", "reference": "8841"},
        "at_ns": status.commands[0].command.at_ns,
    } == found["commands"][0]["command"]  # fmt: skip
    assert None is found["commands"][0]["answer"]


def test_a_damaged_inbox_is_shown_beside_the_rest(
    log: Path, tmp_path: Path, command: Verifill
) -> None:
    begun(Log(log), tmp_path / "live", 0).close()
    (tmp_path / "live" / INBOX).write_bytes(b"no database" * 1_000)
    told = command("status", tmp_path / "live")

    assert 0 == told.exit_code
    assert "cannot be used: file is not a database" in re.sub(r"\s+", " ", told.stdout)


@pytest.mark.parametrize("name", ["log.sqlite", "header.json"])
def test_a_log_that_cannot_be_read_is_told_in_words(
    log: Path, tmp_path: Path, command: Verifill, name: str
) -> None:
    begun(Log(log), tmp_path / "live", 0).close()
    (tmp_path / "live" / name).write_bytes(b"no log" * 1_000)
    told = command("status", tmp_path / "live")

    assert ExitCode.ENVIRONMENT == told.exit_code
    assert told.stderr.startswith("verifill: ")
    assert "Traceback" not in told.stderr


def test_what_is_no_log_is_told_in_words(tmp_path: Path, command: Verifill) -> None:
    told = command("status", tmp_path / "missing")

    assert ExitCode.BAD_INPUT == told.exit_code
    assert "is no log" in told.stderr
