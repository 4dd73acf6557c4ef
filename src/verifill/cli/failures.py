"""What goes wrong, in plain words on stderr, with an exit code for whose fault it is."""

import functools
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable
from contextvars import ContextVar
from enum import IntEnum
from pathlib import Path
from typing import ParamSpec

import typer

from verifill.engine.errors import (
    EngineDefect,
    EnvironmentDefect,
    LogError,
    NoLog,
    UserDefect,
    VerifillError,
)


class ExitCode(IntEnum):
    """What the command says by ending."""

    COMPLETED = 0
    ENDED_EARLY = 1  # the run ended FAILED, HELD or STRANDED, or live: HALTED
    BAD_INPUT = 2
    ENVIRONMENT = 3
    DEFECT = 4
    PARKED = 5  # a live run was stopped with something under way
    REFUSED = 10  # the engine refused an operator's command
    NOT_ANSWERED = 11  # or has not answered it yet
    INTERRUPTED = 130  # what a shell says of a command that was interrupted
    TERMINATED = 143  # and of one that was told to end


EXIT_CODES = """Exit codes:
  0    completed
  1    the run ended FAILED, HELD or STRANDED, a live one HALTED
  2    usage or input: command line, configuration, data, strategy
  3    the machine: disk, permission, memory
  4    a defect of Verifill; please report it
  5    parked: the next start of the live run goes on with it
  130  interrupted: Ctrl-C
  143  interrupted: SIGTERM"""

OPS_EXIT_CODES = """Exit codes:
  0    taken by the engine, or posted without waiting
  2    usage or input: command line, no such command, no log of a live run
  3    the machine: disk, permission, a damaged inbox or log
  4    a defect of Verifill; please report it
  10   refused by the engine
  11   posted, and not answered yet
  130  interrupted: Ctrl-C; what was posted stays posted"""

NO_EXIT = "A strategy may not call sys.exit. Correct it and run again"
REPORT = "This is a defect of Verifill. Please report it with the log and the configuration."

ERRNO = re.compile(r"\[Errno \d+\] ")  # a number that tells people nothing

P = ParamSpec("P")

DEBUG: ContextVar[bool] = ContextVar("debug", default=False)


def told(command: Callable[P, None]) -> Callable[P, None]:
    """A command whose errors are told instead of thrown."""

    @functools.wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
            sys.stdout.flush()
        except typer.Exit:
            raise
        except BrokenPipeError:
            _silence()
            raise typer.Exit(ExitCode.COMPLETED) from None
        except KeyboardInterrupt as error:
            _say("interrupted")
            raise typer.Exit(interrupted(*error.args)) from None
        except SystemExit as error:
            # no command of ours calls it; as an exit code it could pass for a success
            _say(f"the strategy ended the process: SystemExit: {error}. {NO_EXIT}")
            raise typer.Exit(ExitCode.BAD_INPUT) from None
        except (Exception, MemoryError) as error:  # noqa: BLE001 - never a traceback unasked
            raise typer.Exit(_tell(error, kwargs.get("folder"))) from None

    return guarded


def interrupted(number: object = signal.SIGINT) -> ExitCode:
    """The exit code of a run that this signal interrupted."""
    return ExitCode.TERMINATED if number == signal.SIGTERM else ExitCode.INTERRUPTED


def _tell(error: Exception, folder: object) -> ExitCode:
    """Say what went wrong with the log of a folder, if there is one; the exit code for it."""
    if DEBUG.get():
        sys.stderr.write("".join(traceback.format_exception(error)))
    if isinstance(error, NoLog) and (words := _lost(Path(error.folder))):
        error = LogError(words)
    code = _code(error)
    if code is ExitCode.DEFECT and isinstance(folder, Path) and (words := _damage(folder)):
        error = LogError(words)
        code = ExitCode.ENVIRONMENT
    _say(str(error) if isinstance(error, VerifillError) else _unexpected(error, code))
    if code is ExitCode.DEFECT and isinstance(error, VerifillError):
        _say(REPORT)
    return code


def _lost(folder: Path) -> str:
    """What is known of a log that was in this folder and is gone; empty if there was none."""
    from verifill.anchors import lost_words  # noqa: PLC0415 - only needed here

    return lost_words(folder)


def _damage(folder: Path) -> str:
    """How the log in a folder is not as it was written; empty if it is, or there is none."""
    from verifill.cli.damaged import damage  # noqa: PLC0415 - only needed here
    from verifill.engine.log.writer import HEADER  # noqa: PLC0415 - likewise

    return damage(folder) if (folder / HEADER).is_file() else ""


def _code(error: Exception) -> ExitCode:
    match error:
        case UserDefect():
            return ExitCode.BAD_INPUT
        case EnvironmentDefect() | OSError() | MemoryError():
            return ExitCode.ENVIRONMENT
        case EngineDefect():
            return ExitCode.DEFECT
        case VerifillError():  # a venue broke its contract
            return ExitCode.ENDED_EARLY
        case _:
            return ExitCode.DEFECT


def _unexpected(error: Exception, code: ExitCode) -> str:
    words = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if code is ExitCode.ENVIRONMENT:
        return words
    return f"{words}\n{REPORT} `verifill --debug ...` shows the traceback."


def _say(words: str) -> None:
    sys.stderr.write(f"verifill: {ERRNO.sub('', words)}\n")


def _silence() -> None:
    """Nobody reads any more: what is still buffered goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
