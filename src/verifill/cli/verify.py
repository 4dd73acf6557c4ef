"""`verifill verify`: what a log is worth as evidence."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import typer
from rich.console import RenderableType
from rich.text import Text

from verifill.anchors import anchor_to_ask
from verifill.cli.failures import ExitCode
from verifill.cli.screen import number, pairs, screen, table
from verifill.engine.verify.log import as_plain
from verifill.engine.verify.log import verify as check_log
from verifill.engine.verify.verdict import Check, Verdict


def verify(folder: Path, *, anchor: Path | None, no_anchor: bool, root: str, as_json: bool) -> None:
    """Print what a log is worth as evidence.

    Raises:
        LogError: there is no log, or nothing can be said about it.
        Exit: with 1, if it does not conform.
    """
    place = None if no_anchor else anchor_to_ask(folder, anchor)
    verdict = check_log(folder, anchor=place, root=root)
    if as_json:
        sys.stdout.write(json.dumps(as_plain(verdict), indent=2) + "\n")
    else:
        out = screen()
        for part in _parts(verdict):
            out.print(part)
    if not verdict.conforms:
        raise typer.Exit(ExitCode.ENDED_EARLY)


def _parts(verdict: Verdict) -> Iterator[RenderableType]:
    yield pairs(
        "",
        [
            ("run", verdict.run),
            ("mode", verdict.mode),
            ("transitions", number(verdict.transitions)),
            ("root", verdict.root),
        ],
    )
    rows = [
        (_mark(check), check.name, check.claim, f"{number(check.looked_at)} {check.of}")
        for check in verdict.checks
    ]
    yield table("", ("", "check", "claim", "looked at"), rows)
    for check in verdict.checks:
        yield from _faults(check)
    for one in verdict.open:
        yield f"open: instruction {one.instruction} is in {one.leaf}, at record {one.seq}"
    word = "CONFORMS" if verdict.conforms else "DOES NOT CONFORM"
    yield Text(word, style="bold green" if verdict.conforms else "bold red")


def _mark(check: Check) -> Text:
    if check.skipped:
        return Text("not checked", style="bold yellow")
    return Text("ok", style="green") if check.holds else Text("NO", style="bold red")


def _faults(check: Check) -> Iterator[str]:
    for fault in check.faults:
        yield f"{check.name}: {fault.where} {fault.what}"
    if check.count > len(check.faults):
        yield f"{check.name}: and {check.count - len(check.faults):,} more"
    if check.skipped:
        yield f"{check.name}: not checked, {check.skipped}"
