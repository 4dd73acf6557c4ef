"""Every row, leaf and verdict is met, so that no rule holds because nothing happened.

`reached.json` names runs, few of them, that meet all of it: found by exploring every scope with
small budgets (`--rewrite`, a quarter of an hour), and run again here.
"""

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from verifill.checking.choices import Budget, Choices, Kind
from verifill.checking.explorer import Outcome, Runner, explore, outcome
from verifill.checking.running import hosting, runner
from verifill.checking.scopes import SCOPES, Scope
from verifill.checking.summary import NEVER, SOMETIMES, Row, every_row
from verifill.faults.judge import Verdict
from verifill.machines.nesting import INSTANCES

ROOT = Path(__file__).parents[2]
FILE = Path(__file__).parent / "reached.json"
BUDGETS: Mapping[str, Budget] = {
    "a fault": {Kind.FAULT: 1},
    "a crash": {Kind.CRASH: 1},
    "a fault and a command": {Kind.FAULT: 1, Kind.OPERATOR: 1},
}

Told = dict[str, Any]


def of(name: str, budget: str) -> Scope:
    return evolve(SCOPES[name], budget=BUDGETS[budget])


def rows_of(one: Outcome) -> frozenset[Row]:
    return frozenset(move[1:] for move in one.moves if move[0] in INSTANCES)


def met(one: Outcome) -> frozenset[Row | Verdict]:
    """The rows that it takes, but for those of recovery and ticks, and how it ends."""
    return (rows_of(one) & every_row()) | {one.verdict}


def found(folder: Path) -> Iterator[tuple[str, str, Outcome]]:
    """Every run of every scope with small budgets."""
    kept: list[Outcome] = []

    def keeping(run: Runner) -> Runner:
        def made(batch: Iterable[Choices]) -> Iterator[Outcome]:
            for one in run(batch):
                kept.append(one)
                yield one

        return made

    for name in SCOPES:
        for budget in BUDGETS:
            (work := folder / f"{name}-{budget}").mkdir()
            with runner(of(name, budget), work, 2) as run:
                assert explore(of(name, budget), keeping(run)).broken is None
            yield from ((name, budget, one) for one in kept)
            kept.clear()


def cover(runs: Iterable[tuple[str, str, Outcome]]) -> list[Told]:
    """Few of them that meet all that any of them meets: whichever meets most, again and again."""
    fewest: dict[frozenset[Row | Verdict], tuple[str, str, Outcome]] = {}
    for run in runs:
        fewest.setdefault(met(run[2]), run)
    chosen: list[Told] = []
    left = frozenset[Row | Verdict]().union(*fewest)
    while left:
        best = max(fewest, key=lambda one: len(one & left))
        name, budget, one = fewest[best]
        told = [[one.points[number].at, number, str(option)] for number, option in one.choices]
        chosen.append({"scope": name, "budget": budget, "choices": told})
        left -= best
    return chosen


def test_the_runs_that_meet_everything(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    if request.config.getoption("--rewrite"):
        told = cover(found(tmp_path))
        lines = ",\n".join(json.dumps(one) for one in told)
        FILE.write_text(f"[\n{lines}\n]\n", encoding="utf-8")

    assert set(SCOPES) >= {one["scope"] for one in reached()}


def reached() -> Sequence[Told]:
    runs: Sequence[Told] = json.loads(FILE.read_text(encoding="utf-8"))
    return runs


@cache
def outcomes(folder: Path) -> Sequence[Outcome]:
    """What comes of each of them."""
    made: list[Outcome] = []
    for one in reached():
        scope = of(one["scope"], one["budget"])
        choices: Choices = [(int(number), str(option)) for _, number, option in one["choices"]]
        (run := folder / "run").mkdir()
        made.append(outcome(scope, choices, hosting(scope.scene, folder), run))
        shutil.rmtree(run)
        said = [made[-1].points[number].at for number, _ in choices]
        assert [at for at, _, _ in one["choices"]] == said, f"{one}: pytest {__file__} --rewrite"
    return made


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Outcome]:
    return outcomes(tmp_path_factory.mktemp("runs"))


def test_none_of_them_breaks_a_rule(made: Sequence[Outcome]) -> None:
    assert [()] * len(made) == [tuple(one.broken) for one in made]


def test_every_row_is_taken_but_for_those_that_cannot_be(made: Sequence[Outcome]) -> None:
    taken = frozenset[Row]().union(*(rows_of(one) for one in made))

    assert every_row() - NEVER.keys() == every_row() & taken
    assert NEVER.keys() <= every_row()


def test_the_rows_that_cannot_be_are_told_with_their_reasons() -> None:
    text = (ROOT / "docs" / "reference" / "check.md").read_text(encoding="utf-8")

    lines = [line for line in text.splitlines() if " --" in line and line.startswith("| `ATOMIC")]
    for (source, event, _), why in NEVER.items():
        assert any(f"`{source}` --{event}-->" in line and why in line for line in lines)
    assert len(NEVER) == sum(line.count("-->") for line in lines)
    assert "Fifteen rows" in text
    assert 15 == len(NEVER)


def test_every_leaf_is_entered_but_for_those_behind_such_rows(made: Sequence[Outcome]) -> None:
    entered = {to for one in made for _, _, to in rows_of(one) & every_row()}
    leaves = {to for _, _, to in every_row()}

    assert {"ATOMIC.COMMIT.FAILED.PART", "ATOMIC.REHEARSE.FAILED.PART"} == leaves - entered


def test_every_verdict_is_met(made: Sequence[Outcome]) -> None:
    assert {one.verdict for one in made} >= SOMETIMES
