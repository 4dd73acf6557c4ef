"""What `verifill check` does; apart, because the help of the command line loads in no time."""

import os
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

import typer
from attrs import evolve

from verifill.checking.choices import Kind
from verifill.checking.explorer import Explored, Outcome, explore
from verifill.checking.running import runner
from verifill.checking.scopes import SCOPES, Scope
from verifill.checking.summary import ALWAYS, COLUMNS, EVENTUALLY, Met, line
from verifill.checking.trace import again, chosen
from verifill.cli.failures import ExitCode
from verifill.cli.screen import aside, pairs, screen, table
from verifill.engine.errors import ConfigError

TRACE, LOG, REPORT = "trace.txt", "counterexample", "check.md"


def run(
    names: Sequence[str],
    budget: Mapping[str, int | None],
    *,
    seconds: int,
    workers: int,
    out: Path | None,
) -> None:
    """Explore the scopes of these names, all if there is none, and say what was found."""
    named = [_named(name) for name in names] or _possible()
    given = {Kind(kind): count for kind, count in budget.items() if count is not None}
    scopes = [evolve(scope, budget={**scope.budget, **given}) for scope in named]
    if out and (out / LOG).exists():
        msg = f"{out / LOG} is there already, and is left alone; name another folder with --out"
        raise ConfigError(msg)
    until = monotonic() + seconds
    found: list[Explored] = []
    with TemporaryDirectory(prefix="verifill-check-") as work:
        for number, scope in enumerate(scopes):
            aside().print(f"exploring {scope.name}: {scope.what}", soft_wrap=True)
            share_s = (until - monotonic()) / (len(scopes) - number)  # what it leaves, others have
            more = partial(_before, monotonic() + share_s)
            with runner(scope, Path(work), workers or os.cpu_count() or 1) as make:
                found.append(explore(scope, make, more=more))
            aside().print("  " + _told(found[-1]), soft_wrap=True)
            if found[-1].broken:
                break
        _tell(found, out, Path(work))
    met = Met.of(found)
    sometimes = bool(names) or bool(given) or not (met.unexplained or met.absent)
    if not (sometimes and all(one.whole for one in found)):
        raise typer.Exit(ExitCode.ENDED_EARLY)


def _before(until_s: float) -> bool:
    return monotonic() < until_s


def _told(one: Explored) -> str:
    left = f", {one.left:,} choices left" if one.left else ""
    return f"{one.runs:,} runs, {len(one.states):,} situations{left}"


def _named(name: str) -> Scope:
    if name not in SCOPES:
        msg = f"there is no scope {name!r}; there are {', '.join(SCOPES)}"
        raise ConfigError(msg)
    if SCOPES[name].power and not find_spec("apsw"):
        msg = f"{name!r} needs a disk whose power can be cut: pip install verifill[faults]"
        raise ConfigError(msg)
    return SCOPES[name]


def _possible() -> Sequence[Scope]:
    """All scopes, but for what an extra is missing for, which is said."""
    if find_spec("apsw"):
        return list(SCOPES.values())
    left_out = ", ".join(scope.name for scope in SCOPES.values() if scope.power)
    aside().print(f"left out: {left_out}: pip install verifill[faults]", soft_wrap=True)
    return [scope for scope in SCOPES.values() if not scope.power]


def _tell(found: Sequence[Explored], out: Path | None, work: Path) -> None:
    """The figures, the rules, and of a run that breaks one all that happened in it."""
    console = screen()
    console.print(table("", COLUMNS, map(line, found)))
    if broken := found[-1].broken:
        _broken(found[-1].scope, broken, out, work)
        return
    over = sum(one.left for one in found)
    holds = "holds so far: the time was over" if over else "holds"
    lines = [("always", rule) for rule in ALWAYS] + [("eventually", EVENTUALLY)]
    console.print(pairs("", [*lines, *Met.of(found).lines(), ("verdict", f"every rule {holds}")]))


def _broken(scope: Scope, broken: Outcome, out: Path | None, work: Path) -> None:
    console = screen()
    rules = [("broken", rule) for rule in broken.broken]
    console.print(pairs("", [*rules, ("choices", chosen(broken))]))
    folder = (out or work) / LOG
    folder.mkdir(parents=True)
    trace = again(scope, broken, folder, work)
    console.print(trace, soft_wrap=True)
    if out:
        (out / TRACE).write_text(trace, encoding="utf-8")
        console.print(f"wrote {out / TRACE}; verifill replay {folder / 'log'}", soft_wrap=True)
