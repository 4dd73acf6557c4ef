"""A log over a drawing: counted by polars, so it may have millions of transitions."""

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from verifill.engine.digest import canonical_json, sha256_hex
from verifill.engine.drawing.marks import Marks, Taken
from verifill.engine.drawing.model import Picture
from verifill.engine.errors import LogError
from verifill.engine.flat import inner
from verifill.engine.log.expand import IGNORED, REFUSED, Nesting
from verifill.engine.log.reader import Log

_NAMES = ("seq", "epoch", "machine", "instance", "from", "event", "to", "kind")
_TIMES = ("wall_ns", "mono_ns", "definition_hash")


def overlay(shown: Picture, log: Log) -> Marks:
    """What a log says of a drawing.

    The time in the state before is that since the machine last moved: by the monotonic clock
    within one process life, by the wall clock from one to the next.

    Args:
        shown: the drawing of the machine that ran, of one that it holds, or of one beside it.
        log: of a backtest or of a live run.

    Raises:
        LogError: the log has nothing of that machine, or was written with another table.
    """
    nesting = Nesting(**log.header["nesting"])
    places = [holder for holder, held in nesting.holders.items() if held == shown.name]
    rows = _timed(log, sorted(nesting.events_of) if places else [shown.name])
    moved, seen, refused, tables = pl.collect_all(
        [
            _moved(rows, shown, places or [""]),
            _leaves(rows),
            rows.filter(pl.col("kind") == REFUSED)
            .group_by("from", "event", maintain_order=True)
            .len(),
            rows.select(pl.col("definition_hash").unique()),
        ]
    )
    told = set(_digests(log.header["table"], shown.name)) if places else set(tables.to_series())
    _check(log, shown, told, rows_there=bool(tables.height))
    count = int(moved["count"].sum())
    boxes: dict[str, None] = {}
    for leaf in seen["leaf"]:
        boxes |= dict.fromkeys(_boxes(shown, leaf, places))
    stubs: dict[tuple[str, str], int] = {}
    for leaf, event, times in refused.iter_rows():
        for name in _boxes(shown, leaf, places)[-1:]:
            stubs[name, event] = stubs.get((name, event), 0) + times
    return Marks(
        visited=frozenset(boxes),
        taken={
            (source, target, said): Taken(times, int(p50), int(p99))
            for source, target, said, times, p50, p99 in moved.iter_rows()
        },
        refused=stubs,
        notes=(
            f"run {log.header['run']}: {count:,} moves, {sum(stubs.values()):,} events refused",
        ),
    )


def _timed(log: Log, tables: list[str]) -> pl.LazyFrame:
    """The records of some machines, each with the time in the state before."""
    names = [*_NAMES, *_TIMES]
    rows = log.records().select(names).filter(pl.col("machine").is_in(tables))
    each = "instance" if len(tables) == 1 else pl.lit(0)
    went = ~pl.col("kind").is_in([IGNORED, REFUSED])
    before = {
        name: pl.when(went).then(name).forward_fill().shift(1).over(each)
        for name in ("epoch", "mono_ns", "wall_ns")
    }
    spent = (
        pl.when(pl.col("epoch") == before["epoch"])
        .then(pl.col("mono_ns") - before["mono_ns"])
        .otherwise(pl.col("wall_ns") - before["wall_ns"])
    )
    # a wall clock may be set back, and the first of a log has nothing before it
    return rows.with_columns(spent=spent.fill_null(0).clip(lower_bound=0))


def _moved(rows: pl.LazyFrame, shown: Picture, places: list[str]) -> pl.LazyFrame:
    """How often and how fast it moved, for each event of each arrow."""
    drawn = pl.LazyFrame(
        [
            (_at(place, source), event, _at(place, target), one.source, one.target, one.said)
            for place in places
            for (source, event, target), one in shown.shown.items()
        ],
        schema=dict.fromkeys(("from", "event", "to", "source", "target", "said"), pl.String),
        orient="row",
    )
    return (
        rows.filter(~pl.col("kind").is_in([IGNORED, REFUSED]))
        .join(drawn, on=("from", "event", "to"), how="inner")
        .group_by("source", "target", "said")
        .agg(
            count=pl.len(),
            p50=pl.col("spent").quantile(0.5, "nearest"),
            p99=pl.col("spent").quantile(0.99, "nearest"),
        )
        .sort("source", "target", "said")
    )


def _leaves(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Every leaf that the machine was in."""
    ends = [rows.select(pl.col(name).alias("leaf").unique()) for name in ("from", "to")]
    return pl.concat(ends).unique().drop_nulls().sort("leaf")


def _boxes(shown: Picture, leaf: str, places: list[str]) -> tuple[str, ...]:
    """The boxes of a leaf; none if it lies outside of the machine that is drawn."""
    for place in places or [""]:
        name = leaf.removeprefix(inner(place, "")) if place else leaf
        if name in shown.stands and leaf == _at(place, name):
            return shown.stands[name]
    return ()


def _at(place: str, name: str) -> str:
    return inner(place, name) if place else name


def _digests(content: Mapping[str, Any], name: str) -> Iterator[str]:
    """The digests of the tables of a name, as the header of a log holds them."""
    if content["name"] == name:
        yield sha256_hex(canonical_json(content))
    for child in content["holds"].values():
        yield from _digests(child, name)


def _check(log: Log, shown: Picture, told: set[str], *, rows_there: bool) -> None:
    """Refuse a log that is not of this machine.

    Raises:
        LogError: it has nothing of it, or another table of it.
    """
    if not rows_there:
        msg = f"{log.folder} has no transition of {shown.name}: nothing to draw over it"
        raise LogError(msg)
    if told != {shown.digest}:
        msg = (
            f"{log.folder} was written with another table of {shown.name} "
            f"({', '.join(sorted(told))}); this version has {shown.digest}. "
            "Draw it with the version that wrote the log"
        )
        raise LogError(msg)
