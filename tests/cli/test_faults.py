"""`verifill faults`: the matrix from the command line, on built-in plans and on a strategy."""

from pathlib import Path

import pytest

from tests.cli.conftest import Verifill
from verifill.cli.failures import ExitCode
from verifill.machines.recovery import Found

SEND = "killed: one, class K: after send"


def test_a_matrix_that_is_sound_says_so_and_writes_its_table(
    command: Verifill, tmp_path: Path
) -> None:
    done = command("faults", "run", "--only", "killed: one", "--sample", "6", "--out", tmp_path)

    assert 0 == done.exit_code, done.output
    assert "6 run of" in done.output
    assert "0 of 6, so below 50.00% (95 %)" in done.output
    assert {"cells.md", "cells.parquet"} == {file.name for file in tmp_path.iterdir()}


def test_a_matrix_that_is_bad_says_which_cell_and_how_to_run_it_again(
    command: Verifill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Found, "resolving", property(lambda _found: None))
    done = command("faults", "run", "--only", SEND)

    assert ExitCode.ENDED_EARLY == done.exit_code
    assert f"verifill faults run --seed 1 --only '{SEND} 1'" in done.stderr
    assert "must end DONE" in done.stderr


def test_a_strategy_of_ones_own_is_run(command: Verifill, project: Path) -> None:
    config = project / "verifill.toml"
    done = command("faults", "run", config, "--only", "killed", "--sample", "4", "--ticks", "1")

    assert 0 == done.exit_code, done.output
    assert "own strategy, class K" in done.output
    assert "undisturbed" in done.output


def test_the_hazards_are_listed_with_what_they_stand_for(command: Verifill) -> None:
    told = command("faults", "list").output

    for words in ("killed in recovery", "C23", "bit flips", "reorganisation", "on a real node"):
        assert words in told


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--only", "nothing"], "there is no hazard nothing; there are killed"),
        (["--only", "old log: two"], "no cell is named old log: two"),
        (["none.toml"], "none.toml"),
    ],
)
def test_what_cannot_be_run_is_refused_in_words(
    command: Verifill, given: list[str], words: str
) -> None:
    done = command("faults", "run", *given)

    assert ExitCode.BAD_INPUT == done.exit_code
    assert words in done.stderr
