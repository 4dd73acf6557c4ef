"""The paths that a log in chunks names: each is checked once, however often it was taken."""

from collections.abc import Sequence
from typing import Final

import polars as pl
from attrs import evolve, field, frozen

from verifill.engine.flat import SEPARATOR
from verifill.engine.paths import Move
from verifill.engine.verify.machine import Machine
from verifill.engine.verify.sends import answers
from verifill.engine.verify.verdict import Fault

RECOVERED: Final = "recovered"
"""Event that claims that nothing is in flight, or that all of it is resolved."""
ROLLED_BACK: Final = "ROLLED_BACK"
"""State that claims that nothing of a chain is left."""


@frozen
class Word:
    """What a path comes to.

    Attributes:
        count: how many transitions it has.
        source: leaf that it begins in.
        target: leaf that it ends in.
        inner: the last leaf inside a tight loop that it touched; empty if it touched none.
        within: columns whose instances it lies inside of.
        answers: how many sends were answered on it.
        denials: how many were denied before they left.
        refused: how many events were refused on it.
        ignored: how many were ignored.
        recovered: how many times it claims that nothing is in flight.
        rolled_back: how many times it claims that nothing of a chain is left.
    """

    source: str
    target: str
    count: int = 0
    inner: str = ""
    within: frozenset[str] = field(factory=frozenset[str])
    answers: int = 0
    denials: int = 0
    refused: int = 0
    ignored: int = 0
    recovered: int = 0
    rolled_back: int = 0

    def inside(self, columns: frozenset[str]) -> "Word":
        """The path where it is inside of no other instances than these columns number."""
        return evolve(self, within=self.within & columns)

    def then(self, machine: Machine, event: str, target: str, move: Move) -> "Word":
        """The path with one more step."""
        answered, denied = answers(machine, self.target, event)
        touched = [leaf for leaf in (self.target, target) if leaf in machine.inside]
        around = frozenset(
            column
            for column, holders in machine.around.items()
            if any(target.startswith(f"{holder}.") for holder in holders)
        )
        return evolve(
            self,
            target=target,
            count=self.count + 1,
            inner=touched[-1] if touched else self.inner,
            within=self.within | around,
            answers=self.answers + answered,
            denials=self.denials + denied,
            refused=self.refused + (move is Move.REFUSED),
            ignored=self.ignored + (move is Move.IGNORED),
            recovered=self.recovered + (event == RECOVERED and move is Move.MOVED),
            rolled_back=self.rolled_back
            + (target.rpartition(SEPARATOR)[2] == ROLLED_BACK and move is Move.MOVED),
        )


def words(machine: Machine, paths: Sequence[Sequence[int]]) -> tuple[pl.DataFrame, list[Fault]]:
    """Every path of a log as a row, and those that the table does not have.

    Args:
        machine: that the log carries.
        paths: each as parent, source, event, target, move; numbered after the states.
    """
    states, events = machine.nesting.states, machine.nesting.events
    known = [Word(state, state) for state in states]
    faults: list[Fault] = []
    for parent, source, event, target, move in paths:
        where = f"path {len(known)}"
        try:
            before, name, after = known[parent], events[event], states[target]
            leaf, what = states[source], Move(move)
        except (IndexError, ValueError):
            faults.append(Fault(where, "names a path, state, event or move that there is not"))
            known.append(Word("", ""))
            continue
        wrong = machine.wrong(leaf, name, after, what)
        if leaf != before.target:
            wrong = f"goes on in {leaf} after path {parent}, which ends in {before.target}"
        if wrong:
            faults.append(Fault(where, wrong))
        known.append(before.then(machine, name, after, what))
    return frame_of(machine, known), faults


def frame_of(machine: Machine, known: Sequence[Word]) -> pl.DataFrame:
    """Paths as rows, by number."""
    leaves = pl.Enum(["", *machine.nesting.states])
    columns = {
        "path": pl.Series(range(len(known)), dtype=pl.Int64),
        "count": pl.Series([word.count for word in known], dtype=pl.Int64),
        "source": pl.Series([word.source for word in known], dtype=leaves),
        "target": pl.Series([word.target for word in known], dtype=leaves),
        "inner": pl.Series([word.inner for word in known], dtype=leaves),
        "answers": pl.Series([word.answers for word in known], dtype=pl.Int32),
        "denials": pl.Series([word.denials for word in known], dtype=pl.Int32),
        "refused": pl.Series([word.refused for word in known], dtype=pl.Int32),
        "ignored": pl.Series([word.ignored for word in known], dtype=pl.Int32),
        "recovered": pl.Series([word.recovered for word in known], dtype=pl.Int32),
        "rolled_back": pl.Series([word.rolled_back for word in known], dtype=pl.Int32),
    }
    within = {
        f"in_{column}": pl.Series([column in word.within for word in known], dtype=pl.Boolean)
        for column in machine.around
    }
    return pl.DataFrame(columns | within)
