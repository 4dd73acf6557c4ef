"""What `verifill check --spin` does; apart, as help loads in no time."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import typer

from verifill.checking.promela.export import promela
from verifill.checking.promela.judge import MODEL, Judgement, judge
from verifill.cli.failures import ExitCode
from verifill.cli.screen import aside, pairs, screen
from verifill.engine.errors import ConfigError
from verifill.machines.full_loop import FULL_LOOP

RULES = (
    "never two orders in flight, and never again what was executed",
    "no effect without a durable intent, and never two of one instruction",
    "HELD, STRANDED and HALTED send nothing",
    "COMPLETE only if every entry of the plan is done",
    "ROLLED_BACK only if nothing is left",
    "no event without a row, no state without a way on but those that wait",
    "no run goes on for ever",
)


def run_spin(out: Path | None, *, alone: bool) -> None:
    """Let spin search the model of the tables, and say what it found."""
    if not alone:
        msg = (
            "--spin searches one model, whole: it goes with --out only, not with scopes or budgets"
        )
        raise ConfigError(msg)
    aside().print("spin searches the tables with a venue that may do anything", soft_wrap=True)
    flat = FULL_LOOP.flat
    with TemporaryDirectory(prefix="verifill-spin-") as work:
        found = judge(promela(), flat, Path(work))
        if out:
            out.mkdir(parents=True, exist_ok=True)
            shutil.copy(Path(work) / MODEL, out / MODEL)
    _tell(found, len(flat.moves))
    if out:
        screen().print(f"wrote {out / MODEL}", soft_wrap=True)
    if found.broken:
        raise typer.Exit(ExitCode.ENDED_EARLY)


def _tell(found: Judgement, rows: int) -> None:
    console = screen()
    console.print(pairs("", [("states", found.states), ("transitions", found.transitions)]))
    if found.broken:
        console.print(pairs("", [("broken", found.broken), *_numbered(found.steps)]))
        return
    never = ", ".join(f"{leaf} {event}" for leaf, event in found.missed) or "none"
    taken = f"{rows - len(found.missed)} of {rows}; never: {never}"
    lines = [("always", rule) for rule in RULES] + [("rows taken", taken)]
    console.print(pairs("", [*lines, ("verdict", "every rule holds")]))


def _numbered(steps: Sequence[str]) -> list[tuple[str, str]]:
    return [(str(number), step) for number, step in enumerate(steps, start=1)]
