"""How often a log has each transition, and how long it was in the state before.

A backtest's log stores a run of transitions as one coded row. Rows of a kind are counted
before the transitions are told that they stand for, so a log of any length is tallied in the
memory that its coded rows take.
"""

from collections.abc import Sequence

import polars as pl

from verifill.engine.log.expand import INTENT, OBSERVED, TRANSITION, Nesting, steps

RESOLVED = "RESOLVED"

MOVE = ("from", "event", "to")
TOLD = ("machine", *MOVE, "kind")
"""What is counted: a transition, by the columns of `engine.log.expand` that it is told in."""


def moved(nesting: Nesting) -> pl.Expr:
    """Whether a record is a move of the loops."""
    return went_in(list(nesting.instances))


def went_in(tables: Sequence[str]) -> pl.Expr:
    """Whether a record is a move of one of these machines.

    A live log has records beside its transitions, which have no event.
    """
    kinds = [TRANSITION, INTENT, OBSERVED, RESOLVED]
    by_them = pl.col("machine").is_in(list(tables))
    return by_them & pl.col("event").is_not_null() & pl.col("kind").is_in(kinds)


def of_records(records: pl.LazyFrame, nesting: Nesting) -> pl.LazyFrame:
    """The tally of records that are stored one by one; see `Log.tally`."""
    before = {
        name: pl.when(moved(nesting)).then(name).forward_fill().shift(1)
        for name in ("epoch", "mono_ns")
    }
    known = moved(nesting) & (pl.col("epoch") == before["epoch"])
    spent = pl.when(known).then(pl.col("mono_ns") - before["mono_ns"])
    rows = records.select("epoch", "mono_ns", *TOLD).with_columns(spent=spent)
    return rows.group_by(*TOLD, "spent").agg(times=pl.len().cast(pl.Int64))


def of_paths(rows: pl.LazyFrame, nesting: Nesting, paths: Sequence[Sequence[int]]) -> pl.LazyFrame:
    """The tally of coded rows; see `Log.tally`.

    All transitions of a row are of one time, so only its first move took any.
    """
    told = steps(nesting, paths).explode("step", *TOLD).with_columns(moves=moved(nesting))
    first = pl.col("moves") & (pl.col("moves").cum_sum().over("path") == 1)
    told = told.with_columns(first=first)
    moving = pl.col("path").is_in(told.filter("moves")["path"].unique().to_list())
    before = pl.when(moving).then("time_ns").forward_fill().shift(1)
    counted = (
        rows.select("path", spent=pl.col("time_ns") - before)
        .group_by("path", "spent")
        .agg(times=pl.len().cast(pl.Int64))
    )
    begun = counted.join(told.filter("first").lazy(), on="path")
    others = (
        counted.group_by("path")
        .agg(pl.col("times").sum())
        .join(told.filter(~pl.col("first")).lazy(), on="path")
        .with_columns(spent=pl.when("moves").then(pl.lit(0, dtype=pl.Int64)))
    )
    columns = (*TOLD, "spent", "times")
    both = pl.concat([begun.select(columns), others.select(columns)])
    return both.group_by(*TOLD, "spent").agg(pl.col("times").sum())


def quantile_of(share: float) -> pl.Expr:
    """The nearest quantile of `spent`, each as often as `times` says; rows sorted by `spent`."""
    known = pl.col("spent").is_not_null()
    times = pl.col("times").filter(known)
    rank = ((times.sum() - 1) * share + 0.5).floor()
    return pl.col("spent").filter(known).filter(times.cum_sum() > rank).first()
