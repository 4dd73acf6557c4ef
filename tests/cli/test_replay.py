"""`verifill replay`: what it says, its exit codes, and bad input."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.machines.lives import World
from tests.machines.support import buy, sell
from tests.machines.test_lives import lost, world
from tests.rechained import Records, rechained
from tests.runs import buy as bought
from tests.runs import ran, ticks
from verifill.cli.app import app
from verifill.cli.log import without_state
from verifill.engine.log.writer import HEADER


def said(*words: object) -> Result:
    """What the command says."""
    return CliRunner().invoke(app, ["replay", *map(str, words)])


@pytest.fixture
def made(tmp_path: Path) -> World:
    one = world(tmp_path, [buy("1", name="A"), sell("0.5", name="B")], submits=[lost])
    one.live()
    return one


def test_an_identical_log_ends_with_0(made: World) -> None:
    told = said(made.log)

    assert (0, "IDENTICAL") == (told.exit_code, told.stdout.split()[-1])
    assert "process life 1: it was cut off" in told.stdout or "ended by itself" in told.stdout


def test_a_log_that_departs_ends_with_1_and_names_record_and_field(made: World) -> None:
    def alter(records: Records) -> Records:
        records[7]["event"] = "skip"
        return records

    log = rechained(made.log, made.folder / "altered", alter)
    told, plain = said(log), said(log, "--json")

    assert (1, 1) == (told.exit_code, plain.exit_code)
    assert "record 8: another record: event" in told.stdout
    assert "DIVERGED" in told.stdout
    difference = json.loads(plain.stdout)["difference"]
    assert (8, 7, "changed") == (difference["seq"], difference["cause_seq"], difference["sort"])


def test_a_moment_a_jump_and_a_diff_are_shown(made: World) -> None:
    at, to = said(made.log, "--at", 9, "--json"), said(made.log, "--next", "retry", "--json")
    diff = said(made.log, "--diff", 2, 9, "--json")

    assert 9 == json.loads(at.stdout)["seq"]
    assert "RETRY." in json.loads(to.stdout)["state"]
    assert "state" in {one["name"] for one in json.loads(diff.stdout)}
    for words in (("--at", 9), ("--next", "retry"), ("--diff", 2, 9)):
        assert 0 == said(made.log, *words).exit_code


def test_nothing_to_jump_to_ends_with_1(made: World) -> None:
    told = said(made.log, "--next", "refused", "--after", 3)

    assert 1 == told.exit_code
    assert f"verifill: there is no refused after record 3 in {made.log}\n" == told.stderr


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--at", "4000"], 2, "has no record 4000; it holds records 1 to"),
        (["--at", "0"], 2, "greater than or equal to 1"),
        (["--diff", "1", "4000"], 2, "has no record 4000"),
        (["--diff", "0", "0"], 2, "has no record 0"),
        (["--at", "3", "--next", "retry"], 2, "--at and --next are different questions"),
        (["--next", "sense"], 2, "--next takes one of failure, retry, hold, refused, not 'sense'"),
        (["--strategy", "x.py"], 2, "another strategy is made with the options of a configuration"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_does(
    made: World, words: list[str], code: int, message: str
) -> None:
    told = said(made.log, *words)

    assert code == told.exit_code
    assert message in told.stderr


def test_no_log_is_said_so(tmp_path: Path) -> None:
    told = said(tmp_path)

    assert 2 == told.exit_code
    assert "is no log" in told.stderr


def test_a_log_of_an_unknown_schema_is_refused(made: World) -> None:
    header = (made.log / HEADER).read_bytes()
    (made.log / HEADER).write_text(json.dumps(json.loads(header) | {"schema_version": 99}))
    told = said(made.log)
    (made.log / HEADER).write_bytes(header)

    assert 3 == told.exit_code
    assert "has schema 99; this version of Verifill reads" in told.stderr


def test_a_log_that_was_cut_short_is_refused(made: World) -> None:
    log = rechained(made.log, made.folder / "short", lambda records: records)
    (log / "log.sqlite").write_bytes((log / "log.sqlite").read_bytes()[:5000])
    told = said(log)

    assert 3 == told.exit_code
    assert "log.sqlite" in told.stderr


def test_a_run_is_written_as_a_test_that_runs(made: World) -> None:
    file = made.folder / "test_incident.py"
    told = said(made.log, "--until", 12, "--as-pytest", file)

    assert (0, f"wrote {file}, which runs it again up to record 12\n") == (
        (told.exit_code, told.stdout)
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(file)]
    done = subprocess.run(command, cwd=made.folder, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stdout
    assert "2 passed" in done.stdout
    assert 2 == said(made.log, "--as-pytest", file).exit_code


@pytest.mark.parametrize(
    ("payload", "shown"),
    [
        ('{"answers":[["x",1]]}', ""),
        ('{"guard":{},"memory":{},"plan":[]}', '{"plan":[]}'),
        ('{"reason":"no"}', '{"reason":"no"}'),
    ],
)
def test_what_is_held_for_recovery_and_replay_is_not_shown_among_the_records(
    payload: str, shown: str
) -> None:
    assert shown == without_state(payload)


@pytest.mark.parametrize("words", [("--at", 5), ("--next", "failure"), ("--diff", 2, 5)])
def test_a_backtest_whose_files_are_cut_short_or_foreign_is_told(
    tmp_path: Path, words: Sequence[object]
) -> None:
    log, _ = ran(tmp_path, ticks([(bought(),)]))
    (file,) = log.glob("*.paths.parquet")
    for damaged in (file.read_bytes()[:40], next(log.glob("*.fills.parquet")).read_bytes()):
        file.write_bytes(damaged)
        told = said(log, *words)

        assert 3 == told.exit_code
        assert "cannot be read" in told.stderr
