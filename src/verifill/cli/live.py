"""`verifill live`: trade until told to stop, from where the last start ended."""

from pathlib import Path

import typer

from verifill.cli.failures import ExitCode
from verifill.cli.screen import pairs, screen
from verifill.live import Ended, run_live
from verifill.machines.full_loop import Full
from verifill.telling import Style, telling


def live(
    config: Path,
    *,
    port: int,
    log: Path | None,
    anchor: Path | None,
    ticks: int,
    style: str,
    prod: bool,
) -> None:
    """Trade, and say how it ended."""
    ended = run_live(
        config,
        port=port,
        folder=log,
        anchor=anchor,
        ticks=ticks,
        tell=telling(Style(style)),
        prod=prod,
    )
    say(ended)


def say(ended: Ended) -> None:
    """Say how a process life ended, and end with the exit code for it."""
    screen().print(pairs("", _told(ended)))
    code = _exit_code(ended)
    if code:
        raise typer.Exit(code)


def _told(ended: Ended) -> list[tuple[str, str]]:
    how = "parked: the next start goes on with it" if ended.parked else "stopped"
    rows = [("ended", how), ("state", ended.state), ("ticks", f"{ended.ticks:,}")]
    return [*rows, ("reason", ended.reason)] if ended.reason else rows


def _exit_code(ended: Ended) -> ExitCode:
    if ended.parked:
        return ExitCode.PARKED
    plainly = ended.state == Full.STOPPED and not ended.reason
    return ExitCode.COMPLETED if plainly else ExitCode.ENDED_EARLY
