"""`verifill ops`: commands to an engine that runs, and to one that does not."""

import getpass
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Verifill
from tests.cli.engine_process import begun
from tests.cli.running import running
from verifill.cli.failures import ExitCode
from verifill.engine.commands import COMMANDS, CommandKind, CommandName
from verifill.engine.inbox import INBOX, Inbox, last_posted
from verifill.engine.log.reader import Log

BECAUSE = ("--actor", "ann", "--reason", "smoke")
GIVEN: dict[CommandName, tuple[str, ...]] = {
    CommandName.ADOPT: ("--instruction", "7", "--outcome", "executed", "--reference", "8841"),
    CommandName.VOID: ("--instruction", "7"),
    CommandName.ADOPT_EXTERNAL: ("--cause", "by hand", "--base", "x:Perp:BTC=1"),
    CommandName.RESUME: ("--scope", "global"),
    CommandName.RESET_BREAKER: ("--scope", "account:wallet"),
    CommandName.KILL: ("--flatten", "yes"),
}


@pytest.fixture
def stopped(log: Path, tmp_path: Path) -> Path:
    """The durable log of an engine that is gone."""
    folder = tmp_path / "live"
    begun(Log(log), folder, 0).close()
    return folder


def test_an_engine_that_runs_takes_what_applies_and_refuses_the_rest(
    log: Path, tmp_path: Path, command: Verifill
) -> None:
    folder = tmp_path / "live"
    with running(log, folder):
        taken = command("ops", "kill", folder, *BECAUSE, "--wait-s", "60")
        refused = command("ops", "settle", folder, *BECAUSE, "--wait-s", "60")
        status = command("ops", "status", folder, "--wait-s", "60")

    assert ExitCode.COMPLETED == taken.exit_code, taken.output
    assert "command 1: kill, posted for ann" in taken.stdout
    assert "command 1 was taken: kill for ann" in taken.stdout
    assert ExitCode.REFUSED == refused.exit_code
    assert "command 2 was refused: there is no row for it" in refused.stdout
    assert ExitCode.COMPLETED == status.exit_code


def test_a_command_to_a_stopped_engine_waits_for_the_next(
    log: Path, stopped: Path, command: Verifill
) -> None:
    waits = command("ops", "kill", stopped, *BECAUSE, "--wait-s", "1")
    assert ExitCode.NOT_ANSWERED == waits.exit_code
    assert "command 1 still waits: no engine runs there now" in waits.stdout
    assert f"verifill ops answer {stopped} 1" in waits.stdout

    with running(log, stopped):
        while (told := command("ops", "answer", stopped, 1)).exit_code == ExitCode.NOT_ANSWERED:
            assert "still waits: the engine has not come to it" in told.stdout
    assert "command 1 was taken: kill for ann\n" == told.stdout
    assert ExitCode.COMPLETED == told.exit_code


@pytest.mark.parametrize("how", [("--no-wait",), ("--wait-s", "0")])
def test_without_waiting_a_command_is_posted_and_that_is_all(
    stopped: Path, command: Verifill, how: tuple[str, ...]
) -> None:
    told = command("ops", "kill", stopped, *BECAUSE, *how)

    assert ExitCode.COMPLETED == told.exit_code
    assert f"look for its answer with: verifill ops answer {stopped} 1" in told.stdout


@pytest.mark.parametrize("name", CommandName)
def test_every_command_is_posted_with_its_arguments(
    stopped: Path, command: Verifill, name: CommandName
) -> None:
    given = GIVEN.get(name, ())
    told = command("ops", name, stopped, *given, *BECAUSE, "--no-wait")
    assert ExitCode.COMPLETED == told.exit_code, told.output

    posted = last_posted(stopped, 1)[0].command
    arguments = dict(
        zip((option.removeprefix("--") for option in given[::2]), given[1::2], strict=True)
    )
    assert (name, "ann", "smoke", arguments) == (
        posted.name, posted.actor, posted.reason, posted.arguments,
    )  # fmt: skip


@pytest.mark.parametrize("kind", COMMANDS.values(), ids=lambda kind: kind.name)
def test_the_help_of_a_command_says_all_that_its_table_says(
    command: Verifill, kind: CommandKind
) -> None:
    told = re.sub(r"\s+", " ", command("ops", kind.name, "--help").stdout)

    assert kind.what in told
    assert f"When: {kind.when}." in told
    for argument in kind.arguments:
        assert f"--{argument.name} " in told
    assert "11 posted, and not answered yet" in told


def test_the_actor_is_by_default_who_is_logged_in(
    stopped: Path, command: Verifill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "grace")
    command("ops", "status", stopped, "--no-wait")

    assert "grace" == last_posted(stopped, 1)[0].command.actor


def test_who_has_no_login_name_must_say_one(
    stopped: Path, command: Verifill, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown() -> str:
        raise KeyError

    monkeypatch.setattr(getpass, "getuser", unknown)
    told = command("ops", "status", stopped, "--no-wait")

    assert ExitCode.BAD_INPUT == told.exit_code
    assert "status has no actor; say who commands" in told.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("kill", "--actor", "ann"), "Missing option '--reason'"),
        (("kill", "--reason", ""), "kill has no reason; say why"),
        (("kill", "--reason", "r", "--flatten", "maybe"), "allowed is yes or no"),
        (("void", "--reason", "r"), "Missing option '--instruction'"),
        (("void", "--reason", "r", "--instruction", "x"), "allowed is a whole number from 1"),
        (("answer", "1"), "holds no command 1"),
        (("sell",), "No such command 'sell'"),
    ],
)
def test_what_is_no_command_is_refused_in_words_and_not_posted(
    stopped: Path, command: Verifill, words: tuple[str, ...], said: str
) -> None:
    told = command("ops", words[0], stopped, *words[1:])

    assert ExitCode.BAD_INPUT == told.exit_code
    assert said in told.stderr
    assert "Traceback" not in told.stderr
    assert not (stopped / INBOX).exists()


def test_the_log_of_a_backtest_takes_no_commands(copied: Path, command: Verifill) -> None:
    told = command("ops", "kill", copied, *BECAUSE)

    assert ExitCode.BAD_INPUT == told.exit_code
    assert "is the log of a backtest, which takes no commands" in told.stderr
    assert not (copied / INBOX).exists()


def test_a_folder_that_holds_no_log_takes_no_commands(tmp_path: Path, command: Verifill) -> None:
    told = command("ops", "kill", tmp_path, *BECAUSE)

    assert ExitCode.BAD_INPUT == told.exit_code
    assert "is no log" in told.stderr
    assert [] == list(tmp_path.iterdir())


def test_a_damaged_inbox_is_told_in_words(stopped: Path, command: Verifill) -> None:
    (stopped / INBOX).write_bytes(b"no database" * 1_000)
    told = command("ops", "kill", stopped, *BECAUSE)

    assert ExitCode.ENVIRONMENT == told.exit_code
    assert "inbox.sqlite cannot be used: file is not a database" in told.stderr


def test_who_stops_waiting_has_posted_all_the_same(stopped: Path) -> None:
    words = ("ops", "kill", str(stopped), *BECAUSE, "--wait-s", "600")
    with subprocess.Popen(
        [sys.executable, "-m", "verifill", *words], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            assert b"command 1: kill, posted for ann\n" == process.stdout.readline()
            process.send_signal(signal.SIGINT)
            assert ExitCode.INTERRUPTED == process.wait(60)
        finally:
            process.kill()
    with Inbox(stopped) as inbox:
        assert [1] == [posted.id for posted in inbox.pending()]
