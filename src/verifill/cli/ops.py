"""`verifill ops`: post a command to the engine of a live run, and wait for its answer."""

import getpass
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import typer

from verifill.cli.failures import ExitCode
from verifill.engine.commands import CommandName
from verifill.engine.inbox import Answer, answer_of
from verifill.engine.inbox import post as to_inbox
from verifill.engine.log.durable_reader import check_readable
from verifill.engine.log.lock import is_held

LOOK_S = 0.05  # between two looks for the answer


def post(
    folder: Path,
    name: CommandName,
    *,
    actor: str,
    reason: str,
    wait_s: int,
    arguments: Mapping[str, str],
) -> None:
    """Post a command, and say what became of it within so many seconds.

    Raises:
        CommandError: it is no command that the log takes; nothing was posted.
        LogError: the folder is no log.
        LogError: nobody answered, and the log is damaged: no engine can go on with it.
        InboxError: the inbox cannot be used.
        typer.Exit: it was refused, or not answered in time.
    """
    actor = actor or _login()
    number = to_inbox(
        folder, name, actor=actor, reason=reason, at_ns=time.time_ns(), arguments=arguments
    )
    _say(f"command {number}: {name}, posted for {actor}")
    if wait_s:
        _tell(folder, number, _answer(folder, number, wait_s))
    else:
        check_readable(folder)
        _say(f"look for its answer with: verifill ops answer {folder} {number}")


def look(folder: Path, number: int) -> None:
    """Say what was answered to a command, as it is now.

    Raises:
        CommandError: there is no such command.
        LogError: the folder is no log, or one that is damaged, and nobody answered.
        InboxError: the inbox cannot be read.
        typer.Exit: it was refused, or is not answered yet.
    """
    _tell(folder, number, answer_of(folder, number))


def _answer(folder: Path, number: int, wait_s: int) -> Answer | None:
    """The answer, as soon as it is there; None if it does not come in time."""
    end_s = time.monotonic() + wait_s
    while (found := answer_of(folder, number)) is None and time.monotonic() < end_s:
        time.sleep(LOOK_S)
    return found


def _tell(folder: Path, number: int, found: Answer | None) -> None:
    if found is None:
        check_readable(folder)
        engine = "the engine has not come to it" if is_held(folder) else "no engine runs there now"
        _say(
            f"command {number} still waits: {engine}. It is not lost; look again with: "
            f"verifill ops answer {folder} {number}"
        )
        raise typer.Exit(ExitCode.NOT_ANSWERED)
    became, text = ("taken" if found.taken else "refused"), found.text.removeprefix("refused: ")
    _say(f"command {number} was {became}: {text}")
    if not found.taken:
        raise typer.Exit(ExitCode.REFUSED)


def _login() -> str:
    """The login name; empty if the system knows none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
