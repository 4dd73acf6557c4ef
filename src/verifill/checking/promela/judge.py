"""What spin says of a model: the independent opinion.

spin writes the search as a C program, which is compiled and run twice: for assertions and for
states in which the engine is stuck, and for circles, which would be runs that never end.
"""

import re
import shutil
import subprocess
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from attrs import frozen

from verifill.checking.promela.export import ROW
from verifill.engine.errors import EnvironmentDefect
from verifill.engine.flat import Flat

MODEL: Final = "full_loop.pml"
DEPTH: Final = 1_000_000  # steps of one run, at most
COMPILER: Final = ("cc", "-O0", "-w", "-DCOLLAPSE")  # optimising takes longer than it saves
HAPPENS: Final = {
    "crashes = (crashes+1)": "the process ends",
    "fate = 1": "the order is lost, and can no longer arrive",
    "fate = 2": "the order is on its way",
    "fate = 3": "the venue has the order, and it is not final",
    "fate = 4": "the order is executed",
    "fate = 5": "the order is executed in part",
    "fate = 6": "the order is refused or cancelled",
    "wrong = 1": "a reading of positions is wrong",
}
"""What happens beside the machine, by the statement of `surroundings.pml`."""

MISSING: Final = (
    "spin and a C compiler are needed, as the commands `spin` and `cc`; {} is not there. "
    "On Debian: sudo apt-get install spin gcc libc6-dev"
)


@frozen
class Judgement:
    """What spin found.

    Attributes:
        states: different situations, of the engine and all that surrounds it.
        transitions: ways from one to another.
        broken: what rule is broken, in spin's words; empty if none is.
        steps: the events of the shortest run that breaks it, each with the leaf it leads to.
        missed: rows, as (leaf, event), that no run takes.
    """

    states: int
    transitions: int
    broken: str
    steps: Sequence[str]
    missed: Sequence[tuple[str, str]]


class ToolError(EnvironmentDefect):
    """A program that others wrote is missing, or failed."""


def judge(
    model: str, flat: Flat, folder: Path, scope: Mapping[str, int] | None = None
) -> Judgement:
    """Let spin search a model, whole.

    Args:
        model: what `promela` wrote.
        flat: the machine that it was written of.
        folder: an empty one, for the model and what spin makes of it.
        scope: other bounds than the model's own: TICKS, ENTRIES, STEPS, SENDS, CRASHES,
            COMMANDS, LIES.

    Raises:
        ToolError: spin or the compiler is missing, or refuses the model.
    """
    (folder / MODEL).write_text(model, encoding="utf-8")
    bounds = [f"-D{name}={count}" for name, count in (scope or {}).items()]
    _run("spin", *bounds, "-o3", "-a", MODEL, folder=folder)
    safety = _searched("safety", ("-DSAFETY",), (), folder)
    if _errors(safety):
        shortest = _searched("shortest", ("-DSAFETY", "-DBFS"), (), folder)
        return _told(safety, (), _broken(shortest), _steps(model, flat, bounds, folder))
    circles = _searched("circles", ("-DNP",), ("-l",), folder)
    steps = _steps(model, flat, bounds, folder) if _errors(circles) else ()
    return _told(safety, _missed(model, flat, safety), _broken(circles), steps)


def _searched(name: str, compiled: Sequence[str], run: Sequence[str], folder: Path) -> str:
    _run(*COMPILER, *compiled, "-o", name, "pan.c", folder=folder)
    said = _run(f"./{name}", f"-m{DEPTH}", *run, folder=folder)
    if "max search depth too small" in said or "out of memory" in said:
        msg = f"spin did not come to the end of its search in {folder}:\n{said[:2_000]}"
        raise ToolError(msg)
    return said


def _run(program: str, *arguments: str, folder: Path, allowed: Collection[int] = (0,)) -> str:
    if "/" not in program and shutil.which(program) is None:
        raise ToolError(MISSING.format(program))
    done = subprocess.run(  # noqa: S603 - named here, with arguments of our own
        [program, *arguments], cwd=folder, text=True, capture_output=True, check=False
    )
    said = done.stdout + done.stderr
    if done.returncode not in allowed:
        msg = f"{program} {' '.join(arguments)} failed in {folder}:\n{said[:2_000]}"
        raise ToolError(msg)
    return said


def _errors(said: str) -> bool:
    found = re.search(r"errors: (\d+)", said)
    return found is None or found[1] != "0"


def _broken(said: str) -> str:
    found = re.search(r"pan:\d+: (.*?)(?: \(at depth \d+\))?$", said, re.MULTILINE)
    return found[1] if found else ""


def _told(
    said: str, missed: Sequence[tuple[str, str]], broken: str, steps: Sequence[str]
) -> Judgement:
    states = _number(r"(\d+) states, stored", said)
    return Judgement(states, _number(r"(\d+) transitions", said), broken, steps, missed)


def _number(pattern: str, said: str) -> int:
    found = re.search(pattern, said)
    return int(found[1]) if found else 0


def _missed(model: str, flat: Flat, said: str) -> tuple[tuple[str, str], ...]:
    """The rows that were taken in none of the processes that tell the machine of an event."""
    never = None
    for part in said.split("unreached in proctype ")[1:]:
        if part.startswith(("Engine", "Operator")):
            here = {int(line) for line in re.findall(rf"{MODEL}:(\d+),", part)}
            never = here if never is None else never & here
    return tuple(row for line, row in _rows(model, flat).items() if line in (never or ()))


def _rows(model: str, flat: Flat) -> dict[int, tuple[str, str]]:
    """Line of the model -> the row that stands there."""
    lines = (at for at, text in enumerate(model.splitlines(), start=1) if text.endswith(ROW))
    return dict(zip(lines, flat.moves, strict=True))


def _steps(model: str, flat: Flat, bounds: Sequence[str], folder: Path) -> tuple[str, ...]:
    """The run that spin kept, as events and leaves."""
    shown = ("-t", "-p", MODEL)
    told = _run("spin", *bounds, *shown, folder=folder, allowed=(0, 1))  # 1: at a broken rule
    return tuple(_moves(told, model, flat))


def _moves(told: str, model: str, flat: Flat) -> Iterator[str]:
    rows = _rows(model, flat)
    for line in told.splitlines():
        found = re.search(rf"{MODEL}:(\d+) .*\[(.*)\]$", line)
        if found and int(found[1]) in rows and found[2].startswith("state ="):
            leaf, event = rows[int(found[1])]
            yield f"{leaf} {event} -> {flat.moves[leaf, event]}"
        elif found and found[2] in HAPPENS:
            yield HAPPENS[found[2]]
