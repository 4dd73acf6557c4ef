"""A run that breaks a rule, for people: what was chosen, and all that happened, in order."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from verifill.checking.explorer import Outcome
from verifill.checking.play import Run, play
from verifill.checking.running import hosting
from verifill.checking.scopes import Scope
from verifill.faults.story import of_loops


def again(scope: Scope, broken: Outcome, folder: Path, work: Path) -> str:
    """Make the run once more, keep its log in an empty folder, and tell it."""
    run = play(scope, broken.choices, hosting(scope.scene, work), folder)
    return "\n".join(_told(scope, broken, run)) + "\n"


def chosen(broken: Outcome) -> str:
    """The choices of a run, in words."""
    told = (f"{broken.points[number].at}: {option}" for number, option in broken.choices)
    return "; ".join(told) or "nothing goes wrong"


def _told(scope: Scope, broken: Outcome, run: Run) -> Iterator[str]:
    yield f"scope {scope.name}: {scope.what}"
    yield f"choices: {chosen(broken)}"
    yield from (f"breaks {rule}" for rule in broken.broken)
    yield f"ends {broken.verdict}"
    yield ""
    points = [(run.points[number], option) for number, option in broken.choices]
    for row in run.watching.rows:
        yield from _row(row)
        while points and points[0][0].seq == row["seq"]:
            point, option = points.pop(0)
            yield f"      *** {point.at}: {option}"


def _row(row: Mapping[str, Any]) -> Iterator[str]:
    number = f"{row['seq']:>5} "
    if row["kind"] == "EPOCH":
        yield f"{number}----- process life {row['epoch']}"
    elif row["kind"] == "INTENT":
        yield f"{number}INTENT {row['intent_id']} of instruction {row['instance']}"
    elif row["event"] and of_loops(row):
        yield f"{number}{row['from']} --{row['event']}--> {row['to']}"
    elif not row["event"]:
        yield f"{number}{row['kind']} in {row['from'] or '-'}"
