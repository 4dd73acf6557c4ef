"""Every command does what its help says, and bad input gets words and never a traceback."""

import csv
import json
import re
import shutil
import signal
from decimal import Decimal
from pathlib import Path
from typing import get_args

import polars as pl
import pytest
from typer.testing import Result

from tests.cli.conftest import Verifill
from verifill.cli import failures, main
from verifill.cli.backtest import EXITS
from verifill.cli.failures import ExitCode
from verifill.cli.log import STREAMS, WRITERS
from verifill.cli.machines import MACHINES
from verifill.cli.screen import short
from verifill.ending import Ending
from verifill.engine.errors import EngineDefect, VenueError
from verifill.engine.render import Drawing, render
from verifill.result import RunResult

TOML = "verifill.toml"
EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


def refused(result: Result, code: ExitCode, words: str) -> None:
    """It ended with the code, and said so in plain words on standard error."""
    assert code == result.exit_code, result.output
    assert words in result.stderr
    assert "Traceback" not in result.output


# Help.


@pytest.mark.parametrize(
    "words",
    [
        "",
        "backtest",
        "machines",
        "report",
        "init",
        "log",
        "log show",
        "log export",
        "metrics",
        "spans",
        "live",
        "paper",
        "status",
        "verify",
        "replay",
        "venue serve",
        "venue address",
        "ops kill",
        "faults run",
        "sweep run",
        "sweep show",
        "check",
    ],
)
def test_help_has_examples_and_exit_codes_within_80_columns(
    command: Verifill, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    told = command(*words.split(), "--help")

    assert 0 == told.exit_code
    assert max(map(len, told.stdout.splitlines())) <= 80
    assert not re.search(r" \w+\.\.\.$", told.stdout, re.MULTILINE)  # words that were cut off
    if words != "log":
        assert "Examples:" in told.stdout
        assert "130  interrupted" in told.stdout


def test_the_version_is_told(command: Verifill) -> None:
    assert re.fullmatch(r"verifill \d+\.\d+\.\d+ \(interpreted\)\n", command("--version").stdout)


def test_a_usage_error_is_bad_input(command: Verifill) -> None:
    refused(command("backtest"), ExitCode.BAD_INPUT, "CONFIG.toml")
    refused(command("nothing"), ExitCode.BAD_INPUT, "No such command 'nothing'")
    refused(command("log", "show", "x", "--last", "0"), ExitCode.BAD_INPUT, "--last")


def test_the_entry_point_takes_the_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["verifill", "--version"])

    with pytest.raises(SystemExit, match="0"):
        main()
    assert capsys.readouterr().out.startswith("verifill ")


# init


def test_init_writes_what_runs_at_once(command: Verifill, project: Path) -> None:
    ran = command("backtest", project / TOML)

    assert 0 == ran.exit_code, ran.output
    for words in (
        "COMPLETED",
        "instructions",
        "fees in USDT",
        "equity at end",
    ):
        assert words in ran.stdout
    assert (project / "runs" / "verifill" / "header.json").is_file()


def test_init_never_overwrites(command: Verifill, project: Path) -> None:
    (project / "strategy.py").unlink()
    before = (project / TOML).read_bytes()

    refused(command("init", project), ExitCode.BAD_INPUT, "nothing was written")
    assert before == (project / TOML).read_bytes()
    assert not (project / "strategy.py").exists()


def test_init_where_nothing_can_be_written_is_told(command: Verifill, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    refused(command("init", tmp_path / "file"), ExitCode.ENVIRONMENT, "cannot be written")


# backtest


def test_the_summary_fits_80_columns_without_colour(
    command: Verifill, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(project)
    ran = command("backtest", TOML)

    assert max(map(len, ran.stdout.splitlines())) <= 80
    assert "\x1b" not in ran.output


def test_both_executors_leave_the_same_log(command: Verifill, project: Path, log: Path) -> None:
    other = project / "other"
    ran = command("backtest", project / TOML, "--executor", "transitions", "--log", other)

    assert 0 == ran.exit_code
    assert (log / "manifest.jsonl").read_bytes() == (other / "manifest.jsonl").read_bytes()
    assert (log / "header.json").read_bytes() == (other / "header.json").read_bytes()


def test_a_run_can_begin_where_another_ended(command: Verifill, project: Path, log: Path) -> None:
    second = project / "second"
    ran = command("backtest", project / TOML, "--from", log, "--log", second)
    first_closing = RunResult(log).outcome.closing
    opening = RunResult(second).positions.filter(pl.col("seq") == 1).collect()

    assert 0 == ran.exit_code, ran.output
    assert first_closing == dict(opening.select("key", "total").iter_rows())


def test_a_run_cannot_begin_where_its_log_goes(command: Verifill, project: Path) -> None:
    config, there = project / TOML, project / "runs" / "verifill"

    refused(
        command("backtest", config, "--from", there, "--overwrite"),
        ExitCode.BAD_INPUT,
        "cannot be both",
    )


def test_a_run_that_failed_is_exit_code_one_with_its_reason(
    command: Verifill, project: Path
) -> None:
    strategy = project / "strategy.py"
    strategy.write_text(
        strategy.read_text().replace('Decimal("0.01")\nFEE', 'Decimal("1e-9")\nFEE')
    )
    ran = command("backtest", project / TOML)

    assert ExitCode.ENDED_EARLY == ran.exit_code
    assert "FAILED" in ran.stdout
    assert "more than the 8 decimals" in ran.stdout


def test_a_strategy_that_raises_ends_the_run_with_its_line(
    command: Verifill, project: Path
) -> None:
    strategy = project / "strategy.py"
    strategy.write_text(
        strategy.read_text().replace("closes = market", "1 / 0\n        closes = market")
    )
    ran = command("backtest", project / TOML)

    assert ExitCode.ENDED_EARLY == ran.exit_code
    assert "ZeroDivisionError" in ran.stdout
    assert "strategy.py" in "".join(ran.stdout.split())  # a long path is wrapped


def test_equity_that_cannot_be_known_does_not_hide_the_run(
    command: Verifill, project: Path
) -> None:
    ran = command("backtest", project / TOML, "--quote", "EUR")

    assert 0 == ran.exit_code
    assert "unknown: the run knows no asset 'EUR'" in ran.stdout


def test_what_cannot_be_valued_is_named(command: Verifill, project: Path) -> None:
    config = project / TOML
    text = config.read_text().replace("BTC = 8\n", "BTC = 8\nGEM = 2\n")
    text = text.replace('["BTC", "USDT"] }', '["BTC", "USDT", "GEM"] }')
    config.write_text(text + '"binance.spot:BaseToken:GEM" = 3\n')
    ran = command("backtest", config)

    assert "without" in ran.stdout
    assert "nothing tells its worth in USDT" in ran.stdout
    told = command("report", project / "runs" / "verifill")
    assert "binance.spot:BaseToken:GEM: nothing tells its worth" in told.stdout


def test_a_run_of_few_instructions_has_no_time_for_each(command: Verifill, project: Path) -> None:
    config = project / TOML
    config.write_text(config.read_text().replace('"0.998"', '"0"').replace('"1.002"', '"9"'))
    ran = command("backtest", config)

    assert 0 == ran.exit_code
    assert "per instruction" not in ran.stdout


def test_a_missing_file_is_told(command: Verifill, tmp_path: Path) -> None:
    refused(command("backtest", tmp_path / "no.toml"), ExitCode.BAD_INPUT, "no.toml")


def test_a_folder_is_no_configuration(command: Verifill, tmp_path: Path) -> None:
    refused(command("backtest", tmp_path), ExitCode.BAD_INPUT, str(tmp_path))


def test_an_unknown_setting_is_told_with_its_file(command: Verifill, project: Path) -> None:
    config = project / TOML
    config.write_text("speed = 9\n" + config.read_text())

    refused(command("backtest", config), ExitCode.BAD_INPUT, "speed")


def test_bad_data_is_told_with_its_row(command: Verifill, project: Path) -> None:
    data = project / "data" / "btc_usdt_1m.csv"
    lines = data.read_text().splitlines()
    data.write_text("\n".join([*lines[:5], lines[3], *lines[6:]]))

    refused(command("backtest", project / TOML), ExitCode.BAD_INPUT, "row 5")


def test_a_folder_that_cannot_be_a_log_is_told_before_the_data_is_read(
    command: Verifill, project: Path
) -> None:
    where = project / TOML / "log"

    refused(
        command("backtest", project / TOML, "--log", where), ExitCode.ENVIRONMENT, "cannot be a log"
    )


def test_an_existing_log_is_kept_unless_told(command: Verifill, project: Path) -> None:
    config = project / TOML
    assert 0 == command("backtest", config).exit_code
    manifest = project / "runs" / "verifill" / "manifest.jsonl"
    before = manifest.stat().st_mtime_ns

    refused(command("backtest", config), ExitCode.BAD_INPUT, "already holds a log")
    assert before == manifest.stat().st_mtime_ns
    assert 0 == command("backtest", config, "--overwrite").exit_code
    assert before < manifest.stat().st_mtime_ns


@pytest.mark.parametrize("own", ["thesis.txt", "notes/thesis.txt"])
def test_what_is_no_log_is_left_alone_even_when_told_to_overwrite(
    command: Verifill, project: Path, own: str
) -> None:
    mine = project / "mine" / own
    mine.parent.mkdir(parents=True)
    mine.write_text("years of work")
    ran = command("backtest", project / TOML, "--log", project / "mine", "--overwrite")

    refused(ran, ExitCode.BAD_INPUT, "is no log; it is left alone")
    assert "years of work" == mine.read_text()


def test_a_log_with_a_foreign_file_is_left_alone(
    command: Verifill, project: Path, copied: Path
) -> None:
    (copied / "thesis.txt").write_text("years of work")
    ran = command("backtest", project / TOML, "--log", copied, "--overwrite")

    refused(ran, ExitCode.BAD_INPUT, "holds 'thesis.txt'")
    assert (copied / "thesis.txt").is_file()


def test_a_file_is_no_folder_for_a_log(command: Verifill, project: Path) -> None:
    ran = command("backtest", project / TOML, "--log", project / "strategy.py", "--overwrite")

    refused(ran, ExitCode.BAD_INPUT, "is no log; it is left alone")


def test_every_ending_has_its_exit_code() -> None:
    codes = {ending: EXITS.get(ending, ExitCode.ENDED_EARLY) for ending in Ending}

    assert {
        Ending.COMPLETED: 0, Ending.FAILED: 1, Ending.HELD: 1, Ending.STRANDED: 1,
        Ending.INTERRUPTED: 130,
    } == codes  # fmt: skip


# machines


def test_machines_are_listed(command: Verifill) -> None:
    listed = command("machines").stdout

    assert all(name in listed for name in MACHINES)


@pytest.mark.parametrize("name", MACHINES)
@pytest.mark.parametrize("drawing", get_args(Drawing))
def test_a_machine_is_drawn_as_the_engine_draws_it(
    command: Verifill, name: str, drawing: Drawing
) -> None:
    machine, _ = MACHINES[name]
    told = command("machines", name, "--format", drawing)

    assert render(machine, drawing) == told.stdout


def test_a_drawing_is_written_to_a_file_and_replaced_only_when_asked(
    command: Verifill, tmp_path: Path
) -> None:
    file = tmp_path / "feed.png"
    assert command("machines", "feed", "--format", "png", "-o", file).exit_code == 0

    assert file.read_bytes().startswith(b"\x89PNG")
    refused(command("machines", "feed", "-o", file), ExitCode.BAD_INPUT, "say --overwrite")
    assert command("machines", "feed", "-o", file, "--overwrite").exit_code == 0
    assert file.read_text() == render(MACHINES["feed"][0], "mermaid")


def test_a_run_is_drawn_over_the_machine(command: Verifill, log: Path) -> None:
    told = command("machines", "tight_loop", "--log", log).stdout

    assert re.search(r"RECONCILE --> DONE : matched [\d,]+x p50 .* p99 ", told)
    assert "class DONE visited" in told
    assert "class HELD never" in told


def test_a_run_is_drawn_over_the_whole_without_a_name(command: Verifill, log: Path) -> None:
    told = command("machines", "--log", log, "--format", "svg").stdout

    assert "State machine full_loop" in told
    assert ">the run was here<" in told


def test_alone_a_machine_is_drawn_without_what_is_beside_it(command: Verifill) -> None:
    assert "tight_loop__SEND" in command("machines", "atomic").stdout
    assert "tight_loop__SEND" not in command("machines", "atomic", "--alone").stdout


def test_what_cannot_be_drawn_is_refused_in_words(
    command: Verifill, log: Path, tmp_path: Path
) -> None:
    there_is_none = tmp_path / "no" / "feed.mmd"
    bad = ExitCode.BAD_INPUT

    refused(command("machines", "feed", "--format", "png"), bad, "name a file with -o")
    over_text = command("machines", "feed", "--format", "matrix", "--log", log)
    refused(over_text, bad, "matrix is none; say one of mermaid")
    refused(command("machines", "feed", "-o", tmp_path), bad, "is a folder")
    refused(command("machines", "feed", "-o", there_is_none), bad, "cannot be written")
    assert "is no log" in command("machines", "feed", "--log", tmp_path).stderr


def test_an_unknown_machine_is_refused_with_those_there_are(command: Verifill) -> None:
    refused(command("machines", "loop"), ExitCode.BAD_INPUT, "tight_loop, atomic, full_loop")


# report


def test_a_report_has_profit_exposure_and_risk(command: Verifill, log: Path) -> None:
    told = command("report", log).stdout

    for words in ("Profit and loss", "change", "Exposure at", "Positions", "greatest drawdown"):
        assert words in told


@pytest.mark.parametrize("width", ["40", "80", "200"])
def test_exposure_is_told_whole_on_any_screen(
    command: Verifill, log: Path, width: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    words = command("report", log).stdout.split()
    held = RunResult(log).exposure(missing="leave out")

    assert {"asset", "at", "net", "gross"} <= set(words)
    for venue in held.positions["venue"].unique():
        assert venue in words
    for net in held.assets["net"]:
        assert short(net) in words


def test_exposure_at_many_venues_is_summed_up_by_asset(command: Verifill, tmp_path: Path) -> None:
    command("backtest", EXAMPLES / "cash_and_carry.toml", "--log", tmp_path / "log")
    told = command("report", tmp_path / "log").stdout
    rows = [line.split() for line in told.splitlines() if line.startswith(" USDT ")]

    assert ["binance", "bybit", "okx", "all"] == [row[1] for row in rows]
    *parts, whole = (Decimal(row[-1].replace(",", "")) for row in rows)
    assert abs(sum(parts) - whole) < 1
    assert "Leverage is gross exposure over equity." in told


def test_a_report_of_a_log_without_a_chunk_says_what_is_missing(
    command: Verifill, copied: Path, tmp_path: Path
) -> None:
    (copied / "manifest.jsonl").write_text("")

    refused(command("report", copied), ExitCode.ENVIRONMENT, "holds no chunk yet")
    refused(
        command("log", "export", copied, "--to", tmp_path / "equity.csv", "--stream", "equity"),
        ExitCode.ENVIRONMENT,
        "holds no chunk yet",
    )


def test_a_report_counts_in_any_asset(command: Verifill, log: Path) -> None:
    assert "in BTC" in command("report", log, "--quote", "BTC").stdout


def test_a_report_without_market_data_is_told(command: Verifill, copied: Path, log: Path) -> None:
    shutil.rmtree(copied / "market")

    told = command("report", copied)
    refused(told, ExitCode.BAD_INPUT, "kept no market data beside its log")
    assert "Errno" not in told.stderr
    elsewhere = command("report", copied, "--market", log / "market" / "history")
    assert 0 == elsewhere.exit_code


def test_a_report_of_a_failed_run_says_why(command: Verifill, project: Path) -> None:
    strategy = project / "strategy.py"
    strategy.write_text(
        strategy.read_text().replace("closes = market", "1 / 0\n        closes = market")
    )
    command("backtest", project / TOML)

    assert "ZeroDivisionError" in command("report", project / "runs" / "verifill").stdout


# log show


def test_the_last_transitions_are_shown(command: Verifill, log: Path) -> None:
    told = command("log", "show", log, "--last", "3").stdout

    assert "STOPPED" in told
    assert "finish" in told
    assert "COMPLETED" in told
    assert max(map(len, told.splitlines())) <= 100


def test_a_narrow_screen_gets_fewer_columns(
    command: Verifill, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    told = command("log", "show", log, "--instruction", "1").stdout

    assert max(map(len, told.splitlines())) <= 80
    assert "amount" not in told


def test_transitions_of_one_kind_or_one_instruction_are_shown(command: Verifill, log: Path) -> None:
    intents = command("log", "show", log, "--kind", "INTENT", "--last", "2").stdout
    one = command("log", "show", log, "--instruction", "1").stdout

    assert 2 == intents.count("instruct ")
    assert "0.01 BTC" in one
    assert "matched" in one


def test_all_columns_are_shown_when_asked_for(command: Verifill, log: Path) -> None:
    told = command("log", "show", log, "--wide", "--last", "1").stdout

    assert "definition_hash" in told
    assert "prev_hash" in told


def test_many_transitions_are_plain_lines(command: Verifill, log: Path) -> None:
    told = command("log", "show", log, "--last", "300").stdout.splitlines()

    assert 302 == len(told)
    assert ["seq", "time", "instruction", "amount", "event", "to", "kind"] == told[0].split()
    assert "COMPLETED" in told[-1]


def test_notes_are_shown_below_their_transition(command: Verifill, project: Path) -> None:
    strategy = project / "strategy.py"
    strategy.write_text(
        strategy.read_text().replace('Decimal("0.01")\nFEE', 'Decimal("1e-9")\nFEE')
    )
    command("backtest", project / TOML)
    told = command("log", "show", project / "runs" / "verifill", "--last", "9").stdout

    assert "more than the 8 decimals" in told


@pytest.mark.parametrize("what", ["a folder", "nothing", "a file"])
def test_what_is_no_log_is_told(command: Verifill, tmp_path: Path, what: str) -> None:
    (tmp_path / "a folder").mkdir()
    (tmp_path / "a file").write_text("")

    refused(command("log", "show", tmp_path / what), ExitCode.BAD_INPUT, "is no log")


def test_a_truncated_manifest_is_read_up_to_there(command: Verifill, copied: Path) -> None:
    manifest = copied / "manifest.jsonl"
    manifest.write_bytes(manifest.read_bytes()[:-40])
    told = command("log", "show", copied)

    assert 0 == told.exit_code
    assert "no ending" in told.stdout
    assert "was killed" in told.stdout


def test_a_damaged_chunk_is_told(command: Verifill, copied: Path) -> None:
    (copied / "000001.paths.parquet").write_bytes(b"PAR1 nothing PAR1")

    refused(command("log", "show", copied), ExitCode.ENVIRONMENT, "cannot be read")


# log export


@pytest.mark.parametrize("stream", STREAMS)
def test_every_stream_is_exported_whole(
    command: Verifill, log: Path, tmp_path: Path, stream: str
) -> None:
    for ending in WRITERS:
        file = tmp_path / f"{stream}{ending}"
        assert 0 == command("log", "export", log, "--stream", stream, "--to", file).exit_code
    frame = STREAMS[stream](RunResult(log)).collect()

    assert frame.equals(pl.read_parquet(tmp_path / f"{stream}.parquet"))
    with (tmp_path / f"{stream}.csv").open() as rows:
        assert frame.height == sum(1 for _ in csv.reader(rows)) - 1
    lines = (tmp_path / f"{stream}.jsonl").read_text().splitlines()
    assert frame.height == len(lines)


def test_exact_numbers_stay_exact_in_json(command: Verifill, log: Path, tmp_path: Path) -> None:
    command("log", "export", log, "--stream", "fills", "--to", tmp_path / "fills.jsonl")
    first = json.loads((tmp_path / "fills.jsonl").read_text().splitlines()[0])

    assert "0.01000000" == first["quantity"]
    assert "1000000" == first["quantity_units"]


def test_an_existing_file_is_kept_unless_told(command: Verifill, log: Path, tmp_path: Path) -> None:
    file = tmp_path / "fills.csv"
    file.write_text("years of work")
    export = ("log", "export", log, "--stream", "fills", "--to", file)

    refused(command(*export), ExitCode.BAD_INPUT, "is there already")
    assert "years of work" == file.read_text()
    assert 0 == command(*export, "--overwrite").exit_code
    assert file.read_text().startswith("seq,")
    assert [file] == list(tmp_path.iterdir())


def test_a_folder_is_never_exported_over(command: Verifill, log: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder.csv"
    folder.mkdir()

    refused(
        command("log", "export", log, "--to", folder, "--overwrite"),
        ExitCode.BAD_INPUT,
        "is a folder; name a file",
    )


def test_an_unknown_ending_is_refused_with_those_there_are(
    command: Verifill, log: Path, tmp_path: Path
) -> None:
    refused(
        command("log", "export", log, "--to", tmp_path / "log.xlsx"),
        ExitCode.BAD_INPUT,
        ".parquet, .csv, .jsonl",
    )


def test_an_export_into_a_missing_folder_leaves_nothing(
    command: Verifill, log: Path, tmp_path: Path
) -> None:
    refused(
        command("log", "export", log, "--to", tmp_path / "no" / "log.csv"),
        ExitCode.ENVIRONMENT,
        "cannot be written",
    )
    assert [] == list(tmp_path.iterdir())


# Failures of other kinds.


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (EngineDefect("an odd thing"), ExitCode.DEFECT, "an odd thing\nverifill: This is a defect"),
        (VenueError("a wrong fill"), ExitCode.ENDED_EARLY, "a wrong fill"),
        (RuntimeError("boom"), ExitCode.DEFECT, "RuntimeError: boom\nThis is a defect"),
        (ValueError(), ExitCode.DEFECT, "verifill: ValueError\n"),
        (PermissionError(13, "no"), ExitCode.ENVIRONMENT, "PermissionError: no"),
        (MemoryError(), ExitCode.ENVIRONMENT, "MemoryError"),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED, "interrupted"),
        (KeyboardInterrupt(signal.SIGTERM), ExitCode.TERMINATED, "interrupted"),
        (SystemExit(0), ExitCode.BAD_INPUT, "may not call sys.exit"),
    ],
)
def test_whose_fault_it_is_decides_the_exit_code(
    command: Verifill,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    code: ExitCode,
    words: str,
) -> None:
    def broken(*_arguments: object, **_options: object) -> None:
        raise error

    monkeypatch.setattr("verifill.cli.machines.machines", broken)

    refused(command("machines"), code, words)
    assert "--debug" in command("machines").stderr or not isinstance(error, RuntimeError)


def test_debug_shows_the_traceback(command: Verifill, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: object, **_options: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("verifill.cli.machines.machines", broken)
    told = command("--debug", "machines")

    assert "Traceback" in told.stderr
    assert ExitCode.DEFECT == told.exit_code


def test_exit_codes_are_documented_as_they_are() -> None:
    told = f"{failures.EXIT_CODES}\n{failures.OPS_EXIT_CODES}"
    documented = {int(n) for n in re.findall(r"^  (\d+)", told, re.MULTILINE)}

    assert documented == {int(code) for code in ExitCode}
