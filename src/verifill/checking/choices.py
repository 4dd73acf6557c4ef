"""What is chosen where a run can go on in several ways, and how much may go wrong in all.

A run is told by its choices: what was chosen at which point, counted from the first; at every
other point it went on as usual. The same choices make the same run.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

from attrs import define, field, frozen

USUAL: Final = "as usual"


class Kind(StrEnum):
    """Whose choice it is; each has a budget of its own."""

    FAULT = "faults"  # the venue's, or the wire's
    CRASH = "crashes"  # the process ends
    OPERATOR = "commands"  # of a person


Budget = Mapping[Kind, int]
"""How many choices of each kind may be other than the usual one."""

Choices = Sequence[tuple[int, str]]
"""Number of a point -> what is chosen there, in order."""


@frozen
class Point:
    """Where a run could go on in several ways.

    Attributes:
        at: what happens there.
        kind: whose choice it is.
        options: what can be chosen but the usual.
        state: digest of all that the rest of the run depends on, what is left to choose included;
            empty before the last choice of a run.
        seq: the number of the newest durable record.
    """

    at: str
    kind: Kind
    options: tuple[str, ...]
    state: str
    seq: int


@define
class Chooser:
    """Makes the choices of one run.

    Attributes:
        choices: what is chosen; elsewhere the usual.
        left: how many choices of each kind may follow.
        points: where something could be chosen, in order.
    """

    choices: Mapping[int, str]
    left: dict[Kind, int]
    points: list[Point] = field(factory=list[Point])

    @classmethod
    def of(cls, choices: Choices, budget: Budget) -> "Chooser":
        """For a run of these choices."""
        return cls(dict(choices), {kind: budget.get(kind, 0) for kind in Kind})

    @property
    def new(self) -> bool:
        """Whether all that was to be chosen has been; what comes is not known from other runs."""
        return len(self.points) > max(self.choices, default=-1)

    def open(self, kind: Kind) -> bool:
        """Whether there is anything to choose for this kind."""
        return self.left[kind] > 0

    def choose(self, point: Point) -> str:
        """What happens at a point."""
        taken = self.choices.get(len(self.points), USUAL)
        self.points.append(point)
        self.left[point.kind] -= taken != USUAL
        return taken
