"""What a machine claims and no table can prove, held against what else its log says."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import polars as pl

from verifill.engine.verify.evidence import EXECUTED
from verifill.engine.verify.verdict import Check, Fault, checked

Streams = Callable[[str], pl.LazyFrame]
"""Name of a stream -> its rows."""

RECOVERY: Final = "RECOVERY"  # the kind of note that recovery leaves
STEPS: Final = ("STEP", "REMAINDER")
COMPENSATION: Final = "COMPENSATION"
BESIDE: Final = ("Allowance", "Setting")
"""Kinds of positions that are worth nothing by themselves."""
FEES: Final = ("FEE", "GAS")


def rolled_back(rows: pl.DataFrame, ends: pl.DataFrame, streams: Streams) -> Check:
    """Where a chain is said to be rolled back, every step that was executed is taken back.

    A step is taken back by a compensation of its own or of a later step: who declares that
    there is nothing to undo says that a later step's does it.

    Args:
        rows: of the log.
        ends: every instruction; see `order.ends_of`.
        streams: of the log.
    """
    chain = pl.when(pl.col("chain") > 0).then("chain").forward_fill().fill_null(0)
    claims = rows.with_columns(chain=chain).filter(pl.col("rolled_back") > 0)
    faults: list[Fault] = []
    if claims.height:
        of = rows.lazy().filter(pl.col("instruction") > 0, pl.col("chain") > 0)
        within = of.group_by("instruction").agg(pl.col("chain").max())
        executed = ends.lazy().filter(pl.col("name").is_in(EXECUTED)).select("instruction")
        asked = streams("instructions").select("instruction", "parent", pl.col("role").cast(str))
        legs = (
            within.join(executed, on="instruction")
            .join(asked.unique("instruction", keep="last"), on="instruction")
            .collect()
        )
        left = _with_effects(legs.filter(pl.col("role").is_in(STEPS)), streams)
        undone = dict(
            legs.filter(role=COMPENSATION).group_by("chain").agg(pl.col("parent").max()).iter_rows()
        )
        faults += [
            Fault(f"record {seq}", f"claims that chain {own} is rolled back, and nothing took "
                                   f"instruction {number} back, which was executed")
            for seq, own in claims.select("seq", "chain").iter_rows()
            for number in left.filter(chain=own)["instruction"].sort()
            if number > undone.get(own, 0) and _is_step(number, own, legs)
        ]  # fmt: skip
    claim = "every executed step of a chain is taken back where it is said to be rolled back"
    return checked("rolled back", claim, claims.height, "claims", faults)


def _with_effects(legs: pl.DataFrame, streams: Streams) -> pl.DataFrame:
    """The instructions that traded or moved anything but fees."""
    kind = pl.col("key").cast(pl.String).str.split(":").list.get(1)
    moved = streams("moves").filter(
        ~kind.is_in(BESIDE), ~pl.col("cause").cast(pl.String).is_in(FEES), pl.col("amount") != 0
    )
    traded = [streams("fills").select("instruction"), moved.select("instruction")]
    return legs.join(pl.concat(traded).unique().collect(), on="instruction", how="semi")


def _is_step(number: int, chain: int, legs: pl.DataFrame) -> bool:
    """Whether an instruction is a step, or the remainder of one, and not of a compensation."""
    own = legs.filter(chain=chain).select("instruction", "parent", "role")
    known: dict[int, tuple[int, str]] = {n: (parent, role) for n, parent, role in own.iter_rows()}
    parent, role = known[number]
    while role == "REMAINDER" and parent in known:
        parent, role = known[parent]
    return role == "STEP"


def resolved_as_told(rows: pl.DataFrame, streams: Streams) -> Check:
    """What recovery says became of an order is what its instruction came to at that record.

    Args:
        rows: of the log.
        streams: of the log.
    """
    notes = streams("notes").filter(pl.col("kind").cast(pl.String) == RECOVERY).collect()
    leaves = rows.select("seq", pl.col("target").cast(pl.String)).filter(
        pl.col("seq").is_in(notes["seq"].implode())
    )
    came_to: dict[int, str] = dict(leaves.iter_rows())
    faults: list[Fault] = []
    for seq, number, payload in notes.select("seq", "instruction", "payload").iter_rows():
        told, leaf = json.loads(payload), came_to.get(seq, "")
        faults += [Fault(f"record {seq}", what) for what in _untrue(told, number, leaf)]
    claim = "what recovery says became of an order is what its instruction came to"
    return checked("resolution", claim, notes.height, "notes", faults)


def _untrue(told: Mapping[str, Any], number: int, leaf: str) -> Iterator[str]:
    """What a note claims that is not so; of an order that is held it claims nothing."""
    executed = leaf.endswith(EXECUTED)
    unexecuted = leaf.endswith(".FAILED.CLEAN") or ".RETRY." in leaf
    for word, untrue in (("adopted", unexecuted), ("voided", executed)):
        if word in told and untrue:
            yield f"claims that the order of instruction {number} was {word}, and goes to {leaf}"
    if "held" in told and told.get("complete"):
        yield f"claims to be complete, and the order of instruction {number} is held"
