"""A backtest with one decision or one answer changed: simulated anew, or refused."""

import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner, Result

from verifill.cli.app import app
from verifill.cli.init import init
from verifill.engine.log.durable_reader import open_log
from verifill.engine.verify.log import verify
from verifill.running import run_backtest

SUBMIT, READ = "binance.submit", "binance.read"
UNKNOWN = f'{SUBMIT}={{"outcome": "UNKNOWN"}}'


def told(*words: object) -> Result:
    """What `verifill replay` says."""
    return CliRunner().invoke(app, ["replay", *map(str, words)])


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration that `verifill init` writes, and its run."""
    folder = tmp_path_factory.mktemp("project")
    init(folder)
    run_backtest(folder / "verifill.toml", log=folder / "log")
    return folder


def last_of(project: Path, column: str, value: str) -> int:
    """Number of the last record of a backtest with a value."""
    found = open_log(project / "log").records().filter(pl.col(column) == value)
    return int(found.select(pl.col("seq").max()).collect().item())


def test_a_backtest_is_simulated_anew_with_one_answer_changed(
    project: Path, tmp_path: Path
) -> None:
    seq = last_of(project, "event", "accepted")
    answer = f'{SUBMIT}={{"outcome": "REJECTED_DEFINITIVE", "reason": "closed"}}'
    words = ("--what-if", answer, "--config", project / "verifill.toml", "--log", tmp_path / "f")
    done = told(project / "log", "--at", seq, *words, "--json")

    assert 0 == done.exit_code, done.output
    plain = json.loads(done.stdout)
    fork = open_log(tmp_path / "f")
    assert ("STOPPED", False, seq) == (plain["state"], plain["carried_out"], plain["seq"])
    assert "closed" in plain["reason"]
    assert "refused" == fork.records().filter(seq=seq).collect()["event"][0]
    assert seq == fork.header["fork"]["seq"]
    assert verify(tmp_path / "f").conforms


def test_a_decision_of_a_backtest_is_another_and_the_rest_follows(
    project: Path, tmp_path: Path
) -> None:
    seq = last_of(project, "from", "DECIDE")
    words = ("--config", project / "verifill.toml", "--log", tmp_path / "f")
    done = told(project / "log", "--at", seq, "--what-if", "decide=[]", *words)

    assert 0 == done.exit_code, done.output
    assert "answer in the log" in done.stdout
    assert "complete" == open_log(tmp_path / "f").records().filter(seq=seq).collect()["event"][0]


def test_a_lost_answer_of_a_backtest_is_asked_for(project: Path, tmp_path: Path) -> None:
    seq = last_of(project, "event", "accepted")
    words = ("--config", project / "verifill.toml", "--log", tmp_path / "f", "--json")
    plain = json.loads(told(project / "log", "--at", seq, "--what-if", UNKNOWN, *words).stdout)

    events = open_log(tmp_path / "f").records().filter(pl.col("seq") >= seq).collect()["event"]
    assert ["unknown", "found", "observed", "matched"] == events.to_list()[:4]
    assert plain["carried_out"]


@pytest.mark.parametrize(
    ("at_seq", "what", "message"),
    [
        (1, "decide=[]", "follows from no decision"),
        (1, UNKNOWN, "is no answer to a send"),
        ("accepted", SUBMIT, "follows from its market"),
        (3, f"{READ}=1", "of a backtest these answers may be changed: decide, binance.submit"),
        (99_999, "decide=[]", "has no record 99999"),
    ],
)
def test_what_cannot_be_changed_in_a_backtest_is_said(
    project: Path, tmp_path: Path, at_seq: int | str, what: str, message: str
) -> None:
    words = ("--config", project / "verifill.toml", "--log", tmp_path / "f")
    seq = last_of(project, "event", at_seq) if isinstance(at_seq, str) else at_seq
    done = told(project / "log", "--at", seq, "--what-if", what, *words)

    assert 2 == done.exit_code
    assert message in " ".join(done.stderr.split())
    assert not (tmp_path / "f").exists()


def test_a_plan_that_is_none_is_refused(project: Path, tmp_path: Path) -> None:
    seq = last_of(project, "from", "DECIDE")
    words = ("--config", project / "verifill.toml", "--log", tmp_path / "f")
    done = told(project / "log", "--at", seq, "--what-if", "decide=[3]", *words)

    assert (2, True) == (done.exit_code, "is no plan" in " ".join(done.stderr.split()))
