"""What was explored, as figures, and what must have been met so that nothing holds for nothing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
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
        every = every_row()
        rows = every & taken
        verdicts = frozenset(verdict for one in scopes for verdict in one.verdicts)
        return cls(rows, every - taken, frozenset(to for _, _, to in rows), verdicts)

    @property
    def unexplained(self) -> Sequence[Row]:
        """Rows that were not taken, though nothing says why they cannot be."""
        return sorted(row for row in self.missed if row not in NEVER)

    @property
    def absent(self) -> Sequence[Verdict]:
        """Verdicts that must be met, and were not."""
        return sorted(SOMETIMES - self.verdicts)

    def lines(self) -> Iterator[tuple[str, str]]:
        """In words."""
        leaves = {to for _, _, to in self.rows | self.missed}
        never = self.missed & NEVER.keys()
        explained = f"; {len(never)} cannot be, see docs/reference/check.md" if never else ""
        yield "rows", f"{len(self.rows)} of {len(self.rows | self.missed)} taken{explained}"
        for source, event, target in self.unexplained:
            yield "not taken", f"{source} --{event}--> {target}"
        yield "leaves", f"{len(self.leaves)} of {len(leaves)} entered"
        yield (
            "verdicts",
            f"{len(self.verdicts & SOMETIMES)} of {len(SOMETIMES)} met"
            + (f"; not {', '.join(self.absent)}" if self.absent else ""),
        )


WHOLE: Final = "a transaction is executed as a whole or not at all"
AT_MARKET: Final = "only an order that rests is recalled, and these are at market"
ABANDONED: Final = "a rehearsal that is HELD is abandoned at once, and nobody is asked"
ONE_ANSWER: Final = "a step of a dry run is not asked for twice: its answer is kept, or lost"
ONCE: Final = "what a dry run refuses, it would refuse again"
LEADS_ON: Final = "a rehearsal that is DONE leads on; the row is for limits of a whole chain"
NEVER: Final[Mapping[Row, str]] = {
    ("ATOMIC.COMMIT.RECONCILE", "partial", "ATOMIC.COMMIT.FAILED.PART"): WHOLE,
    ("ATOMIC.COMMIT.FAILED.PART", "strand", "ATOMIC.STRANDED"): WHOLE,
    ("ATOMIC.COMMIT.RETRY.QUERY", "recall", "ATOMIC.COMMIT.RETRY.QUERY"): AT_MARKET,
    ("ATOMIC.COMPENSATE.RETRY.QUERY", "recall", "ATOMIC.COMPENSATE.RETRY.QUERY"): AT_MARKET,
    ("ATOMIC.REHEARSE.DONE", "abandon", "ATOMIC.ROLLED_BACK"): LEADS_ON,
    ("ATOMIC.REHEARSE.FAILED.PART", "abandon", "ATOMIC.ROLLED_BACK"): WHOLE,
    ("ATOMIC.REHEARSE.HELD", "adopted", "ATOMIC.REHEARSE.AWAIT_POSITION"): ABANDONED,
    ("ATOMIC.REHEARSE.HELD", "ask", "ATOMIC.REHEARSE.RETRY.QUERY"): ABANDONED,
    ("ATOMIC.REHEARSE.HELD", "voided", "ATOMIC.REHEARSE.AWAIT_POSITION"): ABANDONED,
    ("ATOMIC.REHEARSE.RECONCILE", "partial", "ATOMIC.REHEARSE.FAILED.PART"): WHOLE,
    ("ATOMIC.REHEARSE.RETRY.QUERY", "absent", "ATOMIC.REHEARSE.AWAIT_POSITION"): ONE_ANSWER,
    ("ATOMIC.REHEARSE.RETRY.QUERY", "found", "ATOMIC.REHEARSE.AWAIT_POSITION"): ONE_ANSWER,
    ("ATOMIC.REHEARSE.RETRY.QUERY", "recall", "ATOMIC.REHEARSE.RETRY.QUERY"): AT_MARKET,
    ("ATOMIC.REHEARSE.RETRY.QUERY", "repeat", "ATOMIC.REHEARSE.RETRY.QUERY"): ONE_ANSWER,
    ("ATOMIC.REHEARSE.RETRY.RESEND", "resend", "ATOMIC.REHEARSE.SEND"): ONCE,
}
"""Rows that no run can take, each with why; every other one is taken in some scope."""


@cache
def every_row() -> frozenset[Row]:
    """The rows of the nested tables: from, event, to."""
    return frozenset(_rows())


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
