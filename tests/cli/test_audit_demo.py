"""`make audit-demo`, for real: what it claims is what happens, and it leaves nothing running."""

import json
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from tests.live.worlds import ROOT
from verifill.engine.log.durable_reader import open_log
from verifill.engine.log.record import EPOCH
from verifill.venues.loopback.effects import effects_of
from verifill.venues.loopback.journal import read_journal

PATIENCE_S = 400


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The demo's folder, and what it has said."""
    folder = tmp_path_factory.mktemp("audit") / "demo"
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "examples" / "audit_demo.py"), str(folder)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    return folder, done.stdout


def test_it_is_verified_and_identical_and_both_changed_copies_are_found(
    ran: tuple[Path, str],
) -> None:
    _, said = ran
    told = " ".join(said.split())

    for line in (
        " CONFORMS Does the engine",
        "process life 1: it was cut off, or goes on process life 2: it ended by itself IDENTICAL",
        "was edited: its columns do not give its hash",
        "is missing: after record",
        "CONFORMS, CHAIN OK, REPLAY IDENTICAL",
    ):
        assert line in told
    assert 2 == told.count("DOES NOT CONFORM")


def test_the_page_and_the_log_are_where_it_says(ran: tuple[Path, str]) -> None:
    folder, said = ran

    paths = [Path(line.split()[-1]) for line in said.splitlines()[-3:]]
    assert [folder / "run.html", folder / "log", folder / "log.anchor"] == paths
    assert all(path.exists() for path in paths)


def test_much_went_wrong_in_it_and_no_order_was_executed_twice(ran: tuple[Path, str]) -> None:
    folder, _ = ran
    records = open_log(folder / "log").records()
    events = set(records.select(pl.col("event").unique()).collect().to_series())
    epochs = records.filter(pl.col("kind") == EPOCH).collect().height

    assert 2 == epochs
    assert {
        "unknown",
        "found",
        "repeat",
        "refused",
        "partial",
        "mismatched",
        "rolled_back",
    } <= events
    effects = effects_of(read_journal(folder / "venue.jsonl"))
    assert {0, 1} == {effect.effects for effect in effects}


def test_a_folder_that_it_did_not_make_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "examples" / "audit_demo.py"), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )

    assert 0 != done.returncode
    assert "was left as it is" in done.stderr
    assert "years of work" == (tmp_path / "thesis.txt").read_text()


def test_its_venues_are_gone(ran: tuple[Path, str]) -> None:
    folder, _ = ran
    pid = json.loads((folder / "ready.json").read_text())["pid"]

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
