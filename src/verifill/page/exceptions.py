"""The exception report of a run: what did not go the plain way, where, and what took long."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import polars as pl

from verifill.engine.log.expand import IGNORED, INTENT, OBSERVED, TRANSITION, Nesting
from verifill.engine.log.reader import Log
from verifill.engine.log.record import OPERATOR
from verifill.engine.verify.machine import Machine
from verifill.page.columns import table
from verifill.replay.travel import Jump, is_of

SHOWN_MAX: Final = 2_000  # of exceptions; how many there are in all is told beside them
RESOLVED: Final = "RESOLVED"

_COLUMNS = ("seq", "sort", "machine", "instance", "from", "event", "to", "wall_ns")


Coverage = Mapping[str, int | Sequence[str]]


def exceptions(log: Log, nesting: Nesting) -> Mapping[str, Any]:
    """What did not go the plain way in a whole log, as plain values for JSON.

    Times in a state are those between moves of the loops in one process life, by its monotonic
    clock, in nanoseconds. Coverage is against the table that the log carries.
    """
    records = log.records()
    found = records.with_columns(sort=_sort(nesting)).filter(pl.col("sort").is_not_null())
    counts, rows, kinds, states, moves, notes = pl.collect_all(
        [
            found.group_by("sort").len().sort("sort"),
            found.select(_COLUMNS).head(SHOWN_MAX),
            records.group_by("kind").len().sort("kind"),
            _times(records, nesting),
            _moves(records, nesting),
            log.stream("notes").group_by(pl.col("kind").cast(pl.String)).len().sort("kind"),
        ]
    )
    return {
        "counts": dict(counts.iter_rows()),
        "kinds": dict(kinds.iter_rows()),
        "notes": dict(notes.iter_rows()),
        "rows": table(rows),
        "shown_max": SHOWN_MAX,
        "times": table(states),
        "coverage": _coverage(nesting, Machine(log.header).flat.moves, moves),
    }


def _sort(nesting: Nesting) -> pl.Expr:
    """Which sort of exception a record is; null if it is none."""
    jumps = (Jump.REFUSED, Jump.FAILURE, Jump.HOLD, Jump.RETRY)
    sorts = {jump.value: is_of(jump, nesting) for jump in jumps} | {
        "operator": pl.col("kind") == OPERATOR,
        "ignored": pl.col("kind") == IGNORED,
    }
    return pl.coalesce(pl.when(is_one).then(pl.lit(sort)) for sort, is_one in sorts.items())


def _went(nesting: Nesting) -> pl.Expr:
    kinds = [TRANSITION, INTENT, OBSERVED, RESOLVED]
    loops = pl.col("machine").is_in(list(nesting.instances))
    return loops & pl.col("event").is_not_null() & pl.col("kind").is_in(kinds)


def _times(records: pl.LazyFrame, nesting: Nesting) -> pl.LazyFrame:
    rows = records.filter(_went(nesting)).select("epoch", "mono_ns", state="from")
    spent = pl.when(pl.col("epoch") == pl.col("epoch").shift(1)).then(pl.col("mono_ns").diff())
    return (
        rows.with_columns(spent=spent)
        .group_by("state")
        .agg(
            times=pl.len().cast(pl.Int64),
            total_ns=pl.col("spent").sum(),
            p50_ns=pl.col("spent").quantile(0.5, "nearest").cast(pl.Int64),
            max_ns=pl.col("spent").max(),
        )
        .sort("total_ns", "times", "state", descending=[True, True, False])
    )


def _moves(records: pl.LazyFrame, nesting: Nesting) -> pl.LazyFrame:
    return records.filter(_went(nesting)).select("from", "event", "to").unique()


def _coverage(nesting: Nesting, legal: Iterable[tuple[str, str]], moves: pl.DataFrame) -> Coverage:
    """States that were never visited and moves never made, of all that the table has."""
    seen = set(moves["from"]) | set(moves["to"])
    made = set(moves.select("from", "event").iter_rows())
    allowed = list(legal)
    never = [move for move in allowed if move not in made]
    return {
        "states": len(nesting.states),
        "moves": len(allowed),
        "states_never": [state for state in nesting.states if state not in seen],
        "moves_never": [f"{state} {event}" for state, event in never],
    }
