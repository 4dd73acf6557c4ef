"""`verifill check` from the command line: what holds, what does not, what cannot be explored."""

from pathlib import Path

import pytest

from tests.bugs import go_on_before_it_is_resolved
from tests.cli.conftest import Verifill
from tests.sweep.processes import COMMAND, is_alive, kill, process, until
from verifill.checking.promela.export import promela
from verifill.checking.promela.judge import MODEL, Judgement
from verifill.cli import check_spin
from verifill.cli.failures import ExitCode
from verifill.engine.flat import Flat
from verifill.engine.log.connection import DATABASE

CRASH = ("check", "one", "--faults", "0", "--crashes", "1", "--commands", "0", "--workers", "1")


def test_what_was_explored_is_told_with_every_rule(command: Verifill) -> None:
    done = command(*CRASH)

    assert 0 == done.exit_code, done.output
    for words in ("DONE 22", "never two instructions in flight", "every rule holds"):
        assert words in " ".join(done.stdout.split())


def test_processes_of_their_own_find_the_same(command: Verifill) -> None:
    assert command(*CRASH).stdout == command(*CRASH[:-1], "2").stdout


def test_processes_of_their_own_end_with_the_command_though_it_is_killed(tmp_path: Path) -> None:
    words = ("check", "one", "--workers", "2", "--out", tmp_path)
    with process(*COMMAND, *words, cwd=tmp_path) as command:
        children = Path(f"/proc/{command.pid}/task/{command.pid}/children")
        until(lambda: len(children.read_text().split()) == 3, "two workers, and who counts them")
        workers = [int(pid) for pid in children.read_text().split()]
        kill(command.pid)
        until(lambda: not any(map(is_alive, workers)), "orphans to end")


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


@pytest.mark.parametrize("more", [("one",), ("--faults", "0"), ("--commands", "1")])
def test_the_opinion_of_spin_is_of_all_tables(more: tuple[str, ...], command: Verifill) -> None:
    done = command("check", *more, "--spin")

    assert ExitCode.BAD_INPUT == done.exit_code
    assert "--spin searches one model, whole: it goes with --out only" in done.stderr


def test_without_spin_it_is_said_what_to_install(
    command: Verifill, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    done = command("check", "--spin")

    assert ExitCode.ENVIRONMENT == done.exit_code
    assert "sudo apt-get install spin" in done.stderr


@pytest.mark.parametrize(("broken", "code"), [("", 0), ("assertion violated (net==0)", 1)])
def test_what_spin_found_is_told_and_the_model_is_kept(
    broken: str, code: int, command: Verifill, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def judge(model: str, _: Flat, folder: Path) -> Judgement:
        (folder / MODEL).write_text(model)
        return Judgement(12_345, 54_321, broken, ("IDLE tick -> DECIDE",), (("HALTED", "resume"),))

    monkeypatch.setattr(check_spin, "judge", judge)  # a search takes minutes
    done = command("check", "--spin", "--out", tmp_path)

    assert code == done.exit_code
    told = " ".join(done.stdout.split())
    assert "12,345" in told
    assert (tmp_path / MODEL).read_text() == promela()
    expected = f"broken {broken} 1 IDLE tick -> DECIDE" if broken else "never: HALTED resume"
    assert expected in told
