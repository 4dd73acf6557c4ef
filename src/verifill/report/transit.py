"""Transit: what has left one account counts as on its way until it is seen at the other.

A transfer is looked at while it is under way, and the views of the venues are not of one
moment: the network may say that it arrived while the exchange still shows its balance of a
while ago, or that it left while the exchange still shows it as there. Between two such looks
money would be gone, or be there twice. So a change of what is in transit is booked when its
other side is seen; if that never is, when the transfer as a whole was compared.
"""

from collections.abc import Mapping
from typing import Any

import polars as pl

from verifill.engine.log.reader import Log
from verifill.venues.keys import Kind, account_of, asset_of, position_key

TRANSIT = "in_transit"

Row = dict[str, Any]


def with_both_sides(seen: pl.DataFrame, compared: Mapping[int, int]) -> pl.DataFrame:
    """The changes that readings show, with those in transit put where their other side is.

    Args:
        seen: at least `seq`, `key`, `instruction`, `time_ns` and `moved` of every change,
            ordered by `seq`.
        compared: instruction -> `seq` at which it was compared as a whole, see `comparisons`.
    """
    under_way = pl.col("key").str.starts_with(f"{TRANSIT}:") & (pl.col("moved") != 0)
    changes = seen.filter(under_way)
    if changes.is_empty():
        return seen
    concerned = changes.select("instruction").unique()
    looks: dict[int, list[Row]] = {}
    for row in seen.join(concerned, on="instruction", how="semi").iter_rows(named=True):
        looks.setdefault(row["instruction"], []).append(row)
    placed = [
        change | {"seq": at["seq"], "time_ns": at["time_ns"]}
        for change in changes.iter_rows(named=True)
        if (at := _place(change, looks[change["instruction"]], compared)) is not None
    ]
    kept = pl.DataFrame(placed, schema=seen.schema, orient="row")
    rest = [pl.col(name).last() for name in seen.columns if name not in {"seq", "key", "moved"}]
    return (
        pl.concat([seen.filter(~under_way), kept])
        .group_by("seq", "key", maintain_order=True)
        .agg(pl.col("moved").sum(), *rest)
        .select(seen.columns)
        .sort("seq", maintain_order=True)
    )


def _place(change: Row, looks: list[Row], compared: Mapping[int, int]) -> Row | None:
    """The look at which a change counts; None if its other side has not been seen."""
    later = [look for look in looks if look["seq"] >= change["seq"]]
    for look in later:
        if _is_other_side(change, look):
            return look
    if not change["instruction"]:  # seen between instructions: nothing will compare it again
        return change
    whole = compared.get(change["instruction"])
    return None if whole is None else next((k for k in later if k["seq"] >= whole), None)


def _is_other_side(change: Row, look: Row) -> bool:
    """Whether this is the balance that what is in transit came from, or went to."""
    _, to, asset = change["key"].split(":")
    key, moved = look["key"], change["moved"]
    if moved < 0:
        return bool(key == position_key(to, Kind.BASE, asset) and look["moved"] >= -moved)
    source = account_of(key) != TRANSIT and asset_of(key) == asset
    return bool(source and look["moved"] <= -moved)


def comparisons(log: Log) -> dict[int, int]:
    """Instruction -> when it was first compared: moves are written with the verdict."""
    moves = log.stream("moves").group_by("instruction").agg(pl.col("seq").min())
    return dict(moves.collect().iter_rows())
