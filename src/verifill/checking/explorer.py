"""Breadth first over what can be chosen: fewest deviations from the usual first.

A choice that is made in a situation that was met before, with as much left to choose, leads to
what it led to then, and is not followed again. Each run is a run of the real engine, to its
end: so where every run ends at rest or waiting for a person, every run of the scope does.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from attrs import define, field, frozen

from verifill.assembly.loopback import Hosting
from verifill.checking.choices import Choices, Point
from verifill.checking.play import play
from verifill.checking.properties import judge
from verifill.checking.scopes import Scope
from verifill.faults.judge import Verdict

Move = tuple[str, str, str, str]
BATCH: Final = 64


@frozen
class Outcome:
    """What came of a run.

    Attributes:
        choices: what was chosen.
        points: where something could be chosen.
        path: situations that it came through since its last choice, one for each commit.
        moves: rows of tables that were taken: machine, from, event, to.
        verdict: how it ended.
        broken: the rules that it breaks, each with what shows it.
    """

    choices: Choices
    points: Sequence[Point]
    path: Sequence[str]
    moves: frozenset[Move]
    verdict: Verdict
    broken: Sequence[str]


Runner = Callable[[Iterable[Choices]], Iterator[Outcome]]
"""Runs of some choices, in their order."""


def outcome(scope: Scope, choices: Choices, hosting: Hosting, folder: Path) -> Outcome:
    """Run some choices in an empty folder."""
    run = play(scope, choices, hosting, folder)
    judged = judge(run)
    moves = frozenset(judged.story.moves)
    return Outcome(choices, run.points, run.path, moves, judged.verdict, judged.broken)


@define
class Explored:
    """What was found in one scope.

    Attributes:
        scope: which.
        runs: how many there were.
        left: choices that were not followed, because the time was over.
        states: situations that were met, by their digest.
        moves: every row of a table that was taken.
        verdicts: how many runs ended so.
        broken: the first run that breaks a rule; none breaks one with fewer choices.
    """

    scope: Scope
    runs: int = 0
    left: int = 0
    states: set[str] = field(factory=set[str])
    moves: set[Move] = field(factory=set[Move])
    verdicts: Counter[Verdict] = field(factory=Counter[Verdict])
    broken: Outcome | None = None

    @property
    def whole(self) -> bool:
        """Whether everything was followed."""
        return not self.left and self.broken is None

    def take(self, outcome: Outcome) -> None:
        """Add a run."""
        self.runs += 1
        self.states.update(outcome.path)
        self.moves |= outcome.moves
        self.verdicts[outcome.verdict] += 1


def explore(
    scope: Scope, run: Runner, *, more: Callable[[], bool] = lambda: True, merged: bool = True
) -> Explored:
    """Run everything that can be chosen in a scope, until a rule is broken.

    Args:
        scope: what is explored.
        run: makes the runs.
        more: whether there is time for more of them.
        merged: whether situations that were met before are not followed again.
    """
    explored = Explored(scope)
    met: set[tuple[str, str, str]] = set()
    frontier: deque[Choices] = deque([()])
    while frontier and more():
        batch = list(islice(iter(frontier.popleft, None), min(BATCH, len(frontier))))
        for one in run(batch):
            explored.take(one)
            if one.broken:
                explored.broken = one
                return explored
            for key, further in _further(one):
                if not merged or key not in met:
                    met.add(key)
                    frontier.append(further)
    explored.left = len(frontier)
    return explored


def _further(one: Outcome) -> Iterator[tuple[tuple[str, str, str], Choices]]:
    """What else could have been chosen after the last choice, each with where it leads from."""
    first = one.choices[-1][0] + 1 if one.choices else 0
    for number in range(first, len(one.points)):
        point = one.points[number]
        for option in point.options:
            key = (point.state, point.at.split()[0], option)
            yield key, (*one.choices, (number, option))
