"""`verifill replay`: a log run again, and where it departs."""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer
from attrs import asdict, frozen
from rich.console import RenderableType
from rich.text import Text

from verifill.cli.failures import ExitCode
from verifill.cli.screen import number, pairs, screen, table
from verifill.engine.replay.difference import Difference
from verifill.replay.as_pytest import write_test
from verifill.replay.replayed import Replayed
from verifill.replay.run import replay

FIELDS_MAX = 20


@frozen
class Asked:
    """What is to be run again.

    Attributes:
        folder: the log.
        config: what it was run with, where that is needed.
        strategy: source of another strategy; empty for that of the log.
        start_from: log of the run that a backtest continued.
        until: last record to compare; 0 for all.
    """

    folder: Path
    config: Path | None = None
    strategy: str = ""
    start_from: Path | None = None
    until: int = 0


def run_again(asked: Asked, *, as_pytest: Path | None = None, as_json: bool = False) -> None:
    """Run a log again, and say whether it is the same.

    Args:
        asked: what, and how.
        as_pytest: where a test is written that does the same; nothing is run then.
        as_json: whether to say it as JSON.

    Raises:
        VerifillError: it cannot be run again.
        Exit: with 1, if it departs.
    """
    if as_pytest is not None:
        seq = write_test(asked.folder, as_pytest, config=asked.config, until=asked.until)
        sys.stdout.write(f"wrote {as_pytest}, which runs it again up to record {seq}\n")
        return
    replayed = replay(
        asked.folder,
        config=asked.config,
        strategy=asked.strategy,
        start_from=asked.start_from,
        until=asked.until,
    )
    if as_json:
        sys.stdout.write(json.dumps(as_plain(replayed), indent=2) + "\n")
    else:
        out = screen()
        for part in _parts(replayed):
            out.print(part)
    if not replayed.identical:
        raise typer.Exit(ExitCode.ENDED_EARLY)


def as_plain(replayed: Replayed) -> Mapping[str, Any]:
    """What came of a replay as plain values for JSON."""
    return {
        "run": replayed.run,
        "mode": replayed.mode,
        "identical": replayed.identical,
        "how": replayed.how,
        "records": replayed.of,
        "same": replayed.count,
        "lives": [{"epoch": epoch, "end": end} for epoch, end in replayed.lives],
        "limits": list(replayed.limits),
        "difference": replayed.difference and asdict(replayed.difference),
    }


def _parts(replayed: Replayed) -> Iterator[RenderableType]:
    yield pairs(
        "",
        [
            ("run", replayed.run),
            ("mode", replayed.mode),
            ("how", replayed.how),
            ("the same", f"{number(replayed.count)} of {number(replayed.of)} records"),
        ],
    )
    for epoch, end in replayed.lives:
        yield f"process life {epoch}: {end}"
    for limit in replayed.limits:
        yield f"not run again: {limit}"
    if replayed.difference:
        yield from _told(replayed.difference)
    if replayed.in_part:
        yield Text("NOT RUN AGAIN AS A WHOLE", style="bold yellow")
        return
    word = "IDENTICAL" if replayed.identical else "DIVERGED"
    yield Text(word, style="bold green" if replayed.identical else "bold red")


def _told(one: Difference) -> Iterator[RenderableType]:
    yield f"record {one.seq}: {one.what}"
    yield f"last record in common: {one.cause_seq}"
    if one.heard:
        told = ", ".join(f"{question} (in {seq})" for seq, question in one.heard)
        yield f"last answers before: {told}"
    rows = [(f.name, _shown(f.expected), _shown(f.actual)) for f in one.fields[:FIELDS_MAX]]
    if not rows:
        rows = [("record", _shown(one.expected), _shown(one.actual))]
    yield table("", ("field", "in the log", "in the replay"), rows)
    if len(one.fields) > FIELDS_MAX:
        yield f"and {len(one.fields) - FIELDS_MAX} fields more"


def _shown(value: object) -> str:
    return "(none)" if value is None else value if isinstance(value, str) else json.dumps(value)
