"""What was explored, as figures, and what must have been met so that nothing holds for nothing."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from attrs import frozen

from verifill.checking.choices import Kind
from verifill.checking.explorer import Explored
from verifill.engine.compile import compile_table
from verifill.faults.judge import Verdict
from verifill.machines.full_loop import FULL_LOOP
from verifill.machines.nesting import INSTANCES

ALWAYS: Final[Sequence[str]] = (
    "never two instructions in flight",
    "the next one is sent only after the one before is DONE, or is its verified remainder",
    "at most one effect for each intent, and for each instruction",
    "no effect without a durable intent",
    "an intent goes out again only in class K, the same under its own key, let by a durable move",
    "no instruction skipped, none called DONE that was not",
    "what was acknowledged is in the log, and its chain and anchor hold",
    "every transition is a row of the table",
    "books at rest are what the accounts were",
    "after ROLLED_BACK every position is as before, but for price, fees and less than a lot",
    "where all that goes wrong heals by itself, nothing is HELD, HALTED or STRANDED",
    "HELD, STRANDED and HALTED send nothing",
    "nothing goes out where a breaker is open; a venue that contradicts itself LATCHES one",
)
EVENTUALLY: Final = "every run comes to rest, or waits for a person and says so; none circles"
COLUMNS: Final = ("scope", "may go wrong", "runs", "situations", "left", "verdicts")
SOMETIMES: Final = frozenset(Verdict) - {Verdict.OPEN, Verdict.REFUSED}
"""Verdicts that must be met; a log that was damaged is the matter of the fault kit."""

Row = tuple[str, str, str]


@frozen
class Met:
    """What was met over all scopes, and what was not.

    Attributes:
        rows: rows of the nested tables that were taken: from, event, to.
        missed: those that were not.
        leaves: leaves that were entered.
        verdicts: how runs ended.
    """

    rows: frozenset[Row]
    missed: frozenset[Row]
    leaves: frozenset[str]
    verdicts: frozenset[Verdict]

    @classmethod
    def of(cls, explored: Iterable[Explored]) -> "Met":
        """Of some scopes."""
        scopes = list(explored)
        taken = {move[1:] for one in scopes for move in one.moves if move[0] in INSTANCES}
        every = frozenset(_rows())
        rows = every & taken
        verdicts = frozenset(verdict for one in scopes for verdict in one.verdicts)
        return cls(rows, every - taken, frozenset(to for _, _, to in rows), verdicts)

    def lines(self) -> Iterator[tuple[str, str]]:
        """In words."""
        leaves = {to for _, _, to in self.rows | self.missed}
        yield "rows", f"{len(self.rows)} of {len(self.rows | self.missed)} taken"
        yield "leaves", f"{len(self.leaves)} of {len(leaves)} entered"
        missing = sorted(SOMETIMES - self.verdicts)
        yield (
            "verdicts",
            f"{len(self.verdicts & SOMETIMES)} of {len(SOMETIMES)} met"
            + (f"; not {', '.join(missing)}" if missing else ""),
        )


def _rows() -> Iterator[Row]:
    compiled = compile_table(FULL_LOOP)
    width = len(compiled.events)
    for at, target in enumerate(compiled.cells):
        if target >= 0:
            state, event = compiled.states[at // width], compiled.events[at % width]
            yield state, event, compiled.states[target]


def line(one: Explored) -> tuple[object, ...]:
    """A scope, by `COLUMNS`."""
    budget = ", ".join(f"{count} {kind}" for kind in Kind if (count := one.scope.budget.get(kind)))
    verdicts = ", ".join(f"{name} {count:,}" for name, count in sorted(one.verdicts.items()))
    return one.scope.name, budget, one.runs, len(one.states), one.left, verdicts
