"""The exception report of a run: what did not go the plain way, where, and what took long."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import polars as pl

from verifill.engine.flat import Flat
from verifill.engine.log.expand import IGNORED, Nesting
from verifill.engine.log.reader import Log
from verifill.engine.log.record import OPERATOR
from verifill.engine.log.tally import MOVE, moved, quantile_of
from verifill.engine.verify.machine import Machine
from verifill.page.columns import table
from verifill.page.window import exact
from verifill.replay.travel import Jump, is_of
from verifill.venues.orders import Cause

SHOWN_MAX: Final = 2_000  # of exceptions; how many there are in all is told beside them

_COLUMNS = ("seq", "sort", "machine", "instance", "from", "event", "to", "wall_ns")


Coverage = Mapping[str, int | Sequence[str]]


def exceptions(log: Log, nesting: Nesting) -> Mapping[str, Any]:
    """What did not go the plain way in a whole log, as plain values for JSON.

    Times in a state are those between moves of the loops in one process life, by its monotonic
    clock, in nanoseconds. Coverage is against the table that the log carries.
    """
    tally = log.tally()
    sort = _sort(nesting)
    went = tally.filter(moved(nesting))
    found = log.first(sort.is_not_null(), SHOWN_MAX).with_columns(sort=sort)
    counted = tally.with_columns(sort=sort).filter(pl.col("sort").is_not_null())
    counts, rows, kinds, states, moves, refused, notes, used = pl.collect_all(
        [
            _times_of(counted, "sort"),
            found.select(_COLUMNS),
            _times_of(tally, "kind"),
            _spent(went),
            went.select(MOVE).unique(),
            tally.filter(_refused(nesting)).select(MOVE).unique().sort(MOVE),
            log.stream("notes").group_by(pl.col("kind").cast(pl.String)).len().sort("kind"),
            _tolerated(log),
        ]
    )
    return {
        "counts": dict(counts.iter_rows()),
        "kinds": dict(kinds.iter_rows()),
        "notes": dict(notes.iter_rows()),
        "rows": table(rows),
        "shown_max": SHOWN_MAX,
        "times": table(states),
        "tolerances": table(exact(used, ["amount"], log.header)),
        "coverage": _coverage(nesting, Machine(log.header).flat, moves, refused),
    }


def _sort(nesting: Nesting) -> pl.Expr:
    """Which sort of exception a record is; null if it is none."""
    jumps = (Jump.REFUSED, Jump.FAILURE, Jump.HOLD, Jump.RETRY)
    sorts = {jump.value: is_of(jump, nesting) for jump in jumps} | {
        "operator": pl.col("kind") == OPERATOR,
        "ignored": pl.col("kind") == IGNORED,
    }
    return pl.coalesce(pl.when(is_one).then(pl.lit(sort)) for sort, is_one in sorts.items())


def _refused(nesting: Nesting) -> pl.Expr:
    """Whether a record is an event that the loops refused."""
    return is_of(Jump.REFUSED, nesting) & pl.col("machine").is_in(list(nesting.instances))


def _times_of(tally: pl.LazyFrame, name: str) -> pl.LazyFrame:
    return tally.group_by(name).agg(pl.col("times").sum()).sort(name)


def _spent(went: pl.LazyFrame) -> pl.LazyFrame:
    """How often each state was left, and after what time in it."""
    return (
        went.group_by("spent", state="from")
        .agg(pl.col("times").sum())
        .sort("spent")
        .group_by("state")
        .agg(
            pl.col("times").sum(),
            total_ns=(pl.col("spent") * pl.col("times")).sum(),
            p50_ns=quantile_of(0.5),
            max_ns=pl.col("spent").max(),
        )
        .sort("total_ns", "times", "state", descending=[True, True, False])
    )


def _tolerated(log: Log) -> pl.LazyFrame:
    """Of each position how often a tolerance was used, what it came to, and where at last."""
    used = log.stream("ledger").filter(pl.col("cause").cast(pl.String) == Cause.TOLERANCE.value)
    return (
        used.group_by(pl.col("key").cast(pl.String))
        .agg(pl.col("amount").sum(), times=pl.len().cast(pl.Int64), seq=pl.col("seq").max())
        .sort("key")
    )


def _coverage(nesting: Nesting, flat: Flat, moves: pl.DataFrame, refused: pl.DataFrame) -> Coverage:
    """States never visited, moves never made and events refused, of all that the table has."""
    seen = set(moves["from"]) | set(moves["to"])
    made = set(moves.select("from", "event").iter_rows())
    allowed = list(flat.moves)
    never = [move for move in allowed if move not in made]
    pairs = len(flat.leaves) * len(flat.events)
    return {
        "states": len(nesting.states),
        "moves": len(allowed),
        "refusals": pairs - len({*allowed, *flat.ignored()}),
        "states_never": [state for state in nesting.states if state not in seen],
        "moves_never": [f"{state} {event}" for state, event in never],
        "refused": [f"{state} {event}" for state, event in refused.select("from", "event").rows()],
    }
