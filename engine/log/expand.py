"""From recorded paths to one row per transition, in the columns that every log shares.

A backtest stores the usual path of an instruction as one coded row; here it becomes the
transitions that it stands for. Columns, explained in docs/reference/log.md:

    seq run epoch machine instance parent from event to attempt kind cause_seq intent_id
    venue_ref wall_ns mono_ns venue_ns definition_hash quantity price payload prev_hash
"""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from attrs import frozen

from verifill.engine.paths import Move

REFUSED = "REFUSED"
IGNORED = "IGNORED"
TRANSITION = "TRANSITION"
INTENT = "INTENT"
OBSERVED = "OBSERVED"


@frozen
class Nesting:
    """How the leaves of a machine nest, as the header of a log tells it.

    Attributes:
        machine: name of the whole machine.
        digest: digest of its table.
        states: names of the leaves by code.
        events: names of the events by code.
        holders: state that holds a table -> name of that table; "" -> the whole.
        events_of: name of a table -> its events.
        instances: name of a table -> column that numbers its instances.
        kinds: event -> kind of the records it leaves.
    """

    machine: str
    digest: str
    states: Sequence[str]
    events: Sequence[str]
    holders: Mapping[str, str]
    events_of: Mapping[str, Sequence[str]]
    instances: Mapping[str, str]
    kinds: Mapping[str, str]

    @property
    def levels(self) -> list[tuple[str, str]]:
        """Each table with the column that numbers its instances, from the outside in.

        By how deep they are held: the header keeps names in the order of the alphabet.
        """
        depths = dict.fromkeys(self.instances, -1)
        for holder, table in self.holders.items():
            depth = holder.count(".") + 1 if holder else 0
            depths[table] = max(depth, depths.get(table, -1))
        return sorted(self.instances.items(), key=lambda level: depths[level[0]])

    def owner(self, source: str, event: str, target: str) -> str:
        """The innermost table around both leaves that has the event."""
        owner = self.machine
        for holder, table in sorted(self.holders.items()):
            around = all(leaf.startswith(f"{holder}.") for leaf in (source, target))
            if holder and around and event in self.events_of[table]:
                owner = table
        return owner

    def around(self, leaf: str) -> str:
        """The innermost table that a leaf belongs to."""
        inside = [at for at in self.holders if not at or leaf.startswith(f"{at}.")]
        return self.holders[max(inside, key=len)] if inside else self.machine


def records(
    header: Mapping[str, Any], paths: Sequence[Sequence[int]], streams: Mapping[str, pl.LazyFrame]
) -> pl.LazyFrame:
    """Every transition of a log, one row each."""
    nesting = Nesting(**header["nesting"])
    rows = (
        streams["paths"]
        .join(steps(nesting, paths).lazy(), on="path", how="left", maintain_order="left")
        .explode("step", "machine", "from", "event", "to", "kind")
        .with_columns(seq=pl.col("seq") + pl.col("step"))
    )
    return _with_evidence(rows, streams).select(*_columns(header, nesting))


def steps(nesting: Nesting, paths: Sequence[Sequence[int]]) -> pl.DataFrame:
    """What each path stands for, as lists with an entry for each step."""
    roots = len(nesting.states)
    words: list[list[tuple[str, str, str, str, str]]] = [[] for _ in range(roots)]
    for parent, source, event, target, move in paths:
        words.append([*words[parent], _told(nesting, source, event, target, Move(move))])
    told = words[roots:]
    paths_and_steps = [
        pl.Series("path", range(roots, roots + len(told)), dtype=pl.Int64),
        pl.Series("step", [list(range(len(word))) for word in told], dtype=pl.List(pl.Int64)),
    ]
    names = ("machine", "from", "event", "to", "kind")
    columns = [
        pl.Series(name, [[step[at] for step in word] for word in told], dtype=pl.List(pl.String))
        for at, name in enumerate(names)
    ]
    return pl.DataFrame([*paths_and_steps, *columns])


def _told(
    nesting: Nesting, source: int, event: int, target: int, move: Move
) -> tuple[str, str, str, str, str]:
    leaf, name, after = nesting.states[source], nesting.events[event], nesting.states[target]
    kind = nesting.kinds.get(name, TRANSITION)
    if move is not Move.MOVED:
        kind = IGNORED if move is Move.IGNORED else REFUSED
    return nesting.owner(leaf, name, after), leaf, name, after, kind


def _with_evidence(rows: pl.LazyFrame, streams: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """Amounts and references beside the transitions that they belong to.

    By the number of the transition: an instruction that is sent again has several.
    """
    intents = streams["instructions"].select("seq", "quantity", pl.col("limit").alias("price"))
    fills = (
        streams["fills"]
        .group_by("seq", maintain_order=True)
        .agg(
            pl.col("quantity").sum().alias("filled"),
            pl.col("price").last().cast(pl.Int128).alias("fill_price"),
            pl.col("ref").last().alias("venue_ref"),
        )
    )
    notes = streams["notes"].group_by("seq").agg(pl.col("payload").str.join("\n"))
    return (
        rows.join(intents, on="seq", how="left", maintain_order="left")
        .join(fills, on="seq", how="left", maintain_order="left")
        .join(notes, on="seq", how="left", maintain_order="left")
        .with_columns(
            quantity=pl.coalesce("filled", "quantity"), price=pl.coalesce("fill_price", "price")
        )
    )


def _columns(header: Mapping[str, Any], nesting: Nesting) -> list[pl.Expr]:
    """The shared columns, in their order."""
    levels = nesting.levels
    innermost, _ = levels[-1]
    sent = pl.col("machine") == innermost
    instance = pl.coalesce(
        pl.when(pl.col("machine") == table).then(pl.col(column)) for table, column in levels
    )
    key = pl.concat_str(pl.lit(header["run"]), "tick", "instruction", "attempt", separator=".")
    return [
        pl.col("seq"),
        pl.lit(header["run"]).alias("run"),
        pl.lit(header["epoch"], dtype=pl.Int64).alias("epoch"),
        pl.col("machine"),
        instance.alias("instance"),
        _parent(levels).alias("parent"),
        pl.col("from"),
        pl.col("event"),
        pl.col("to"),
        pl.when(sent).then(pl.col("attempt")).otherwise(0).alias("attempt"),
        pl.col("kind"),
        (pl.col("seq") - 1).alias("cause_seq"),
        pl.when(sent).then(key).alias("intent_id"),
        pl.col("venue_ref"),
        pl.col("time_ns").alias("wall_ns"),
        pl.col("time_ns").alias("mono_ns"),
        pl.col("time_ns").alias("venue_ns"),
        pl.lit(nesting.digest).alias("definition_hash"),
        pl.col("quantity"),
        pl.col("price"),
        pl.col("payload"),
        pl.lit(None, dtype=pl.String).alias("prev_hash"),
    ]


def _parent(levels: Sequence[tuple[str, str]]) -> pl.Expr:
    """The instance of the next outer level that there is one of."""
    parent = pl.lit(0, dtype=pl.Int64)
    outer = pl.lit(0, dtype=pl.Int64)
    for table, column in levels:
        parent = pl.when(pl.col("machine") == table).then(outer).otherwise(parent)
        outer = pl.when(pl.col(column) > 0).then(pl.col(column)).otherwise(outer)
    return parent
