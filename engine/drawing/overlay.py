"""A log over a drawing: counted by polars, so it may have millions of transitions."""

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from verifill.engine.digest import canonical_json, sha256_hex
from verifill.engine.drawing.marks import Marks, Taken
from verifill.engine.drawing.model import Picture
from verifill.engine.errors import LogError
from verifill.engine.flat import inner
from verifill.engine.log.expand import INTENT, OBSERVED, REFUSED, TRANSITION, Nesting
from verifill.engine.log.reader import Log

RESOLVED = "RESOLVED"

_NAMES = ("epoch", "machine", "from", "event", "to", "kind", "mono_ns")

_MOVE = ("from", "event", "to")

# a live log has records beside its transitions, which have no event
_WENT = pl.col("event").is_not_null() & pl.col("kind").is_in(
    [TRANSITION, INTENT, OBSERVED, RESOLVED]
)


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
    rows = _timed(log, sorted(nesting.events_of) if inside else [shown.name], one=inside)
    if inside:
        _check_table(log, shown)
    moved, seen, refused, unknown = pl.collect_all(
        [
            _moved(rows, shown, places or [""]),
            _leaves(rows),
            rows.filter(pl.col("kind") == REFUSED)
            .group_by("from", "event", maintain_order=True)
            .len(),
            _unknown(rows, shown, places or [""]),
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


def _timed(log: Log, tables: list[str], *, one: bool) -> pl.LazyFrame:
    """The records of some machines, each with the time in the state before where it is known.

    Args:
        log: where they are.
        tables: names of the machines.
        one: whether they are in one state between them, as the nested loops are.
    """
    rows = log.records().select(_NAMES).filter(pl.col("machine").is_in(tables))
    if not one:
        return rows.with_columns(spent=pl.lit(None, dtype=pl.Int64))
    before = {
        name: pl.when(_WENT).then(name).forward_fill().shift(1) for name in ("epoch", "mono_ns")
    }
    spent = pl.when(pl.col("epoch") == before["epoch"]).then(pl.col("mono_ns") - before["mono_ns"])
    return rows.with_columns(spent=spent)


def _moved(rows: pl.LazyFrame, shown: Picture, places: list[str]) -> pl.LazyFrame:
    """How often and how fast it moved, for each event of each arrow."""
    return (
        rows.filter(_WENT)
        .join(_drawn(shown, places), on=_MOVE, how="inner")
        .group_by("source", "target", "said")
        .agg(
            count=pl.len(),
            p50=pl.col("spent").quantile(0.5, "nearest").cast(pl.Int64),
            p99=pl.col("spent").quantile(0.99, "nearest").cast(pl.Int64),
        )
        .sort("source", "target", "said")
    )


def _unknown(rows: pl.LazyFrame, shown: Picture, places: list[str]) -> pl.LazyFrame:
    """Moves that the drawing does not have."""
    return (
        rows.filter(_WENT).join(_drawn(shown, places), on=_MOVE, how="anti").select(_MOVE).head(1)
    )


def _drawn(shown: Picture, places: list[str]) -> pl.LazyFrame:
    """How each move of the machine is drawn, in every place that holds the machine."""
    return pl.LazyFrame(
        [
            (_at(place, source), event, _at(place, target), one.source, one.target, one.said)
            for place in places
            for (source, event, target), one in shown.shown.items()
        ],
        schema=dict.fromkeys((*_MOVE, "source", "target", "said"), pl.String),
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
