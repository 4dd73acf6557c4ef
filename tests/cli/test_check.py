"""`verifill check` from the command line: what holds, what does not, what cannot be explored."""

from pathlib import Path

import pytest

from tests.bugs import go_on_before_it_is_resolved
from tests.cli.conftest import Verifill
from verifill.cli.failures import ExitCode
from verifill.engine.log.connection import DATABASE

pytestmark = pytest.mark.no_cover  # runs are counted here
CRASH = ("check", "one", "--faults", "0", "--crashes", "1", "--commands", "0", "--workers", "1")


def test_what_was_explored_is_told_with_every_rule(command: Verifill) -> None:
    done = command(*CRASH)

    assert 0 == done.exit_code, done.output
    for words in ("DONE 22", "never two instructions in flight", "every rule holds"):
        assert words in " ".join(done.stdout.split())


def test_processes_of_their_own_find_the_same(command: Verifill) -> None:
    assert command(*CRASH).stdout == command(*CRASH[:-1], "2").stdout


def test_a_run_that_breaks_a_rule_is_told_step_by_step_and_its_log_is_kept(
    command: Verifill, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    go_on_before_it_is_resolved(monkeypatch)
    done = command(*CRASH, "--out", tmp_path)

    assert ExitCode.ENDED_EARLY == done.exit_code
    trace = (tmp_path / "trace.txt").read_text()
    assert "choices: after commit" in trace
    assert "breaks unresolved: 1" in trace
    assert "----- process life 2" in trace
    assert (tmp_path / "counterexample" / "log" / DATABASE).exists()

    again = command(*CRASH, "--out", tmp_path)
    assert ExitCode.BAD_INPUT == again.exit_code
    assert "is there already" in again.stderr


def test_time_that_is_over_is_no_proof(command: Verifill) -> None:
    done = command("check", "three", "--seconds", "1", "--workers", "1")

    assert ExitCode.ENDED_EARLY == done.exit_code
    assert "the time was over" in done.stdout


def test_a_scope_that_there_is_not_is_refused_in_words(command: Verifill) -> None:
    done = command("check", "two")

    assert ExitCode.BAD_INPUT == done.exit_code
    assert "there is no scope 'two'; there are one," in done.stderr
