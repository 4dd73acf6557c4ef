"""Nothing that a person made, and no run under way, is destroyed by a command."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Verifill
from tests.cli.test_commands import TOML, refused
from verifill.cli.backtest import ENOUGH, pace
from verifill.cli.failures import ExitCode
from verifill.engine.log.writer import Claim
from verifill.result import RunResult

DECIDE = "        closes = market"


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def deciding(project: Path, line: str) -> None:
    strategy = project / "strategy.py"
    strategy.write_text(strategy.read_text().replace(DECIDE, f"        {line}\n{DECIDE}"))


# Exports.


@pytest.mark.parametrize("more", [(), ("--overwrite",)])
@pytest.mark.parametrize(
    "name", ["manifest.jsonl", "000001.paths.parquet", "new.csv", "market/new.csv"]
)
def test_nothing_is_exported_into_a_log(
    command: Verifill, copied: Path, name: str, more: tuple[str, ...]
) -> None:
    before = contents(copied)
    export = ("log", "export", copied, "--stream", "fills", "--to", copied / name)

    refused(command(*export, *more), ExitCode.BAD_INPUT, "lies in the log")
    assert before == contents(copied)


def test_a_link_to_a_log_is_no_way_into_it(command: Verifill, copied: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").symlink_to(copied, target_is_directory=True)
    before = contents(copied)
    there = tmp_path / "elsewhere" / "manifest.jsonl"
    export = command("log", "export", copied, "--stream", "fills", "--to", there, "--overwrite")

    refused(export, ExitCode.BAD_INPUT, "lies in the log")
    assert before == contents(copied)


# Logs that are none.


@pytest.mark.parametrize(
    "header",
    ["{}", "[]", "no JSON", '{"schema_version": 1}', '{"run": "r", "streams": {"paths": {}}}'],
)
def test_a_folder_with_some_header_is_no_log(command: Verifill, project: Path, header: str) -> None:
    mine = project / "mine"
    mine.mkdir()
    (mine / "header.json").write_text(header)
    (mine / "000001.thesis.parquet").write_text("years of work")
    before = contents(mine)
    ran = command("backtest", project / TOML, "--log", mine, "--overwrite")

    refused(ran, ExitCode.BAD_INPUT, "is no log; it is left alone")
    assert before == contents(mine)


def test_a_chunk_of_no_stream_is_no_part_of_a_log(
    command: Verifill, project: Path, copied: Path
) -> None:
    (copied / "000001.thesis.parquet").write_text("years of work")
    before = contents(copied)
    ran = command("backtest", project / TOML, "--log", copied, "--overwrite")

    refused(
        ran,
        ExitCode.BAD_INPUT,
        "holds '000001.thesis.parquet', which is no part of a",
    )
    assert before == contents(copied)


def test_a_folder_where_a_run_writes_is_refused_and_free_after_it(
    command: Verifill, project: Path, copied: Path
) -> None:
    again = ("backtest", project / TOML, "--log", copied, "--overwrite")
    with Claim(copied, overwrite=True):
        refused(command(*again), ExitCode.BAD_INPUT, "a run is writing here")

    assert 0 == command(*again).exit_code
    assert not (copied / "lock").exists()


# Strategies that end the process.


def test_a_strategy_that_exits_is_a_failure_of_the_run(command: Verifill, project: Path) -> None:
    deciding(project, "raise SystemExit(0)")
    ran = command("backtest", project / TOML)

    assert ExitCode.ENDED_EARLY == ran.exit_code
    assert "FAILED" in ran.stdout
    assert "the strategy raised SystemExit: 0" in " ".join(ran.stdout.split())


def test_a_strategy_that_exits_on_import_is_refused(command: Verifill, project: Path) -> None:
    (project / "strategy.py").write_text("import sys\n\nsys.exit(0)\n")

    refused(
        command("backtest", project / TOML), ExitCode.BAD_INPUT, "the strategy raised SystemExit: 0"
    )


# Amounts that nothing can hold.


@pytest.mark.parametrize("quantity", ["1e30", "1e32", "1e60", "1e999999", "NaN", "-Infinity"])
def test_an_absurd_amount_is_a_failure_of_the_run(
    command: Verifill, project: Path, quantity: str
) -> None:
    strategy = project / "strategy.py"
    text = strategy.read_text().replace("quantity=QUANTITY", f'quantity=Decimal("{quantity}")')
    strategy.write_text(text)
    ran = command("backtest", project / TOML)

    assert ExitCode.ENDED_EARLY == ran.exit_code
    assert "instruction 1 was not executed" in " ".join(ran.stdout.split())


# What the summary says.


def test_a_summary_ends_with_what_to_look_at_next(
    command: Verifill, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    ran = command("backtest", TOML, "--log", "a log")

    assert (
        "next: verifill report 'a log', or verifill log show 'a log'"
        == (ran.stdout.splitlines()[-1])
    )


def test_the_time_for_each_instruction_is_told_of_many() -> None:
    assert "1.50 s" == pace(1.5, ENOUGH - 1)
    assert "1,500.00 s, 150,000.0 us per instruction" == pace(1500, ENOUGH)


def test_failed_instructions_are_counted(command: Verifill, project: Path) -> None:
    config, strategy = project / TOML, project / "strategy.py"
    config.write_text(config.read_text().replace("[loop]\n", "[loop]\nfail_fast = false\n"))
    strategy.write_text(
        strategy.read_text().replace('Decimal("0.01")\nFEE', 'Decimal("1e-9")\nFEE')
    )
    ran = command("backtest", config)
    folder = project / "runs" / "verifill"
    ended = RunResult(folder).transitions.collect()["to"]
    failed = sum(ended.str.ends_with("FAILED.CLEAN"))

    assert 0 == ran.exit_code
    assert 0 < failed
    assert ["failed", f"{failed:,}"] in [line.split() for line in ran.stdout.splitlines()]


def test_nothing_is_said_of_failures_where_there_are_none(command: Verifill, project: Path) -> None:
    assert "failed" not in command("backtest", project / TOML).stdout


def test_one_tick_is_one_tick_and_the_reason_a_line(command: Verifill, project: Path) -> None:
    deciding(project, "raise ValueError('[bold] :key:')")
    command("backtest", project / TOML)
    told = command("log", "show", project / "runs" / "verifill").stdout

    assert "FAILED after 1 tick\n" in told
    assert "the strategy raised ValueError: [bold] :key:" in told


def test_the_system_s_own_numbers_are_not_shown(
    command: Verifill, log: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    for told in (
        command("backtest", tmp_path / "no.toml"),
        command("log", "show", tmp_path / "no"),
        command("log", "export", log, "--to", tmp_path / "no" / "log.csv"),
        command("init", tmp_path / "file"),
    ):
        assert told.exit_code in {ExitCode.BAD_INPUT, ExitCode.ENVIRONMENT}
        assert "Errno" not in told.stderr


def test_a_header_of_a_log_is_known(log: Path) -> None:
    assert {"run", "schema_version", "streams"} <= set(
        json.loads((log / "header.json").read_text())
    )
