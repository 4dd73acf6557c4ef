"""A log over a drawing: counted by polars, so it may have millions of transitions."""

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from verifill.engine.digest import canonical_json, sha256_hex
from verifill.engine.drawing.marks import Marks, Taken
from verifill.engine.drawing.model import Picture
from verifill.engine.errors import LogError
from verifill.engine.flat import inner
from verifill.engine.log.expand import REFUSED, Nesting
from verifill.engine.log.reader import Log
from verifill.engine.log.tally import MOVE, quantile_of, went_in


def overlay(shown: Picture, log: Log) -> Marks:
    """What a log says of a drawing.

    The time in the state before is that since the last move of the same process life, by its
    monotonic clock. Of a machine beside the loops, such as a breaker, a log has many at a time,
    and does not number them: its moves are counted, and have no times.

    Args:
        shown: the drawing of the machine that ran, of one that it holds, or of one beside it.
        log: of a backtest or of a live run.

    Raises:
        LogError: the log has nothing of that machine, or was written with another table.
    """
    nesting = Nesting(**log.header["nesting"])
    places = [holder for holder, held in nesting.holders.items() if held == shown.name]
    inside = bool(places)
    tables = sorted(nesting.events_of) if inside else [shown.name]
    rows = log.tally().filter(pl.col("machine").is_in(tables))
    went = rows.filter(went_in(tables))
    if inside:
        _check_table(log, shown)
    moved, seen, refused, unknown = pl.collect_all(
        [
            _moved(went, shown, places or [""]),
            _leaves(rows),
            rows.filter(pl.col("kind") == REFUSED)
            .group_by("from", "event")
            .agg(pl.col("times").sum())
            .sort("from", "event"),
            _unknown(went, shown, places or [""]),
        ]
    )
    _check_moves(log, shown, seen, unknown if not inside else unknown.clear())
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
            (source, target, said): Taken(times, p50, p99)
            for source, target, said, times, p50, p99 in moved.iter_rows()
        },
        refused=stubs,
        notes=(
            f"run {log.header['run']}: {count:,} moves, {sum(stubs.values()):,} events refused",
        ),
    )


def _moved(went: pl.LazyFrame, shown: Picture, places: list[str]) -> pl.LazyFrame:
    """How often and how fast it moved, for each event of each arrow."""
    arrow = ("source", "target", "said")
    return (
        went.join(_drawn(shown, places), on=MOVE, how="inner")
        .group_by(*arrow, "spent")
        .agg(pl.col("times").sum())
        .sort("spent")
        .group_by(arrow)
        .agg(count=pl.col("times").sum(), p50=quantile_of(0.5), p99=quantile_of(0.99))
        .sort(arrow)
    )


def _unknown(went: pl.LazyFrame, shown: Picture, places: list[str]) -> pl.LazyFrame:
    """Moves that the drawing does not have."""
    return went.join(_drawn(shown, places), on=MOVE, how="anti").select(MOVE).head(1)


def _drawn(shown: Picture, places: list[str]) -> pl.LazyFrame:
    """How each move of the machine is drawn, in every place that holds the machine."""
    return pl.LazyFrame(
        [
            (_at(place, source), event, _at(place, target), one.source, one.target, one.said)
            for place in places
            for (source, event, target), one in shown.shown.items()
        ],
        schema=dict.fromkeys((*MOVE, "source", "target", "said"), pl.String),
        orient="row",
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


def _check_table(log: Log, shown: Picture) -> None:
    """Refuse a log whose header holds another table of the machine.

    Raises:
        LogError: it does.
    """
    told = set(_digests(log.header["table"], shown.name))
    if told != {shown.digest}:
        msg = (
            f"{log.folder} was written with another table of {shown.name} "
            f"({', '.join(sorted(told))}); this version has {shown.digest}. "
            "Draw it with the version that wrote the log"
        )
        raise LogError(msg)


def _check_moves(log: Log, shown: Picture, seen: pl.DataFrame, unknown: pl.DataFrame) -> None:
    """Refuse a log with nothing of the machine, or with moves that its table does not have.

    Raises:
        LogError: it is such a log.
    """
    if not seen.height:
        msg = f"{log.folder} has no transition of {shown.name}: nothing to draw over it"
        raise LogError(msg)
    for source, event, target in unknown.iter_rows():
        msg = (
            f"{log.folder} has a move of {shown.name} that its table has not: "
            f"({source}, {event}) to {target}. Draw it with the version that wrote the log"
        )
        raise LogError(msg)
