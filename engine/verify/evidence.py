"""The checks on what came with the transitions: decisions, intents, fills and positions."""

from collections.abc import Callable
from itertools import chain

import polars as pl

from verifill.engine.log.record import INTENT
from verifill.engine.verify.machine import Machine
from verifill.engine.verify.order import greatest
from verifill.engine.verify.sends import REHEARSAL, is_dry
from verifill.engine.verify.verdict import Check, Fault, checked

Streams = Callable[[str], pl.LazyFrame]
"""Name of a stream -> its rows."""

EFFECTS = ("fills", "moves")
NO_EFFECT = ("DENIED_LOCAL", "REJECTED_DEFINITIVE", "EXPIRED", "ABSENT")


def evidence_checks(rows: pl.DataFrame, machine: Machine, streams: Streams) -> list[Check]:
    """What every log must hold beside its transitions."""
    ends = _ends(rows, machine)
    told = {name: _loaded(streams(name)) for name in ("instructions", "receipts", *EFFECTS)}
    return [
        _decisions(ends, told["instructions"]),
        _effects(ends, told),
        _references(told),
        _positions(ends, streams),
    ]


def _loaded(frame: pl.LazyFrame) -> pl.DataFrame:
    """Rows of a stream as they are compared: texts, not enumerations of one log."""
    names = [
        c for c in ("seq", "instruction", "role", "outcome", "ref") if c in frame.collect_schema()
    ]
    texts = [pl.col(name).cast(pl.String) for name in names if name in ("role", "outcome")]
    return frame.select(names).with_columns(texts).collect()


def _ends(rows: pl.DataFrame, machine: Machine) -> pl.DataFrame:
    """Each instruction with how often it was sent and where it ended."""
    inner = pl.col("inner").cast(pl.String)
    return (
        rows.filter(pl.col("instruction") > 0)
        .group_by("instruction", maintain_order=True)
        .agg(
            first=pl.col("seq").first(),
            last=(pl.col("seq") + pl.col("count") - 1).last(),
            sends=(pl.col("answers") + pl.col("denials")).sum(),
            leaf=inner.filter(inner != "").last(),
        )
        .with_columns(
            name=pl.col("leaf").replace_strict(
                dict(machine.inside), default="", return_dtype=pl.String
            )
        )
    )


def _decisions(ends: pl.DataFrame, instructions: pl.DataFrame) -> Check:
    """As many decisions as sends, for each instruction; a crash may come between the two."""
    made = instructions.group_by("instruction").agg(decisions=pl.len().cast(pl.Int64))
    both = ends.join(made, on="instruction", how="full", coalesce=True).with_columns(
        pl.col("sends", "decisions").fill_null(0)
    )
    odd = both.filter((pl.col("decisions") < pl.col("sends")) | pl.col("first").is_null())
    faults = (
        Fault(f"instruction {number}", f"has {made} decisions and {sends} answers to sends")
        for number, sends, made in odd.select("instruction", "sends", "decisions")
        .sort("instruction")
        .iter_rows()
    )
    claim = "every send was decided before, and every decision is of an instruction that ran"
    return checked("decisions", claim, both.height, "instructions", faults, odd.height)


def _effects(ends: pl.DataFrame, told: dict[str, pl.DataFrame]) -> Check:
    """Every fill and move belongs to one instruction, while it ran; the other way round too."""
    spans = ends.select("instruction", "first", "last")
    effects = pl.concat(
        [told[name].select("seq", "instruction", what=pl.lit(name)) for name in EFFECTS]
    )
    at = effects.join(spans, on="instruction", how="left")
    outside = at.filter(
        pl.col("first").is_null()
        | (pl.col("seq") < pl.col("first"))
        | (pl.col("seq") > pl.col("last"))
    )
    nothing = told["receipts"].filter(pl.col("outcome").is_in(NO_EFFECT))
    claimed = ends.filter(pl.col("name").is_in(["DONE", "FAILED.PART"]))
    bare = claimed.join(effects, on="instruction", how="anti").join(
        nothing, on="instruction", how="anti"
    )
    faults = (
        Fault(f"record {seq}", f"has {what} of instruction {number}, which did not run then")
        for seq, number, what in outside.select("seq", "instruction", "what").iter_rows()
    )
    bared = (
        Fault(f"instruction {number}", f"ended {name} at record {last}, with no fill and no move")
        for number, name, last in bare.select("instruction", "name", "last").iter_rows()
    )
    claim = "every fill is of one instruction, and every executed instruction has its fills"
    found, count = chain(faults, bared), outside.height + bare.height
    return checked("effects", claim, effects.height, "fills and moves", found, count)


def _references(told: dict[str, pl.DataFrame]) -> Check:
    """No venue reference stands for two instructions, and no fill is told twice."""
    instructions = told["instructions"]
    dry = instructions.filter(role=REHEARSAL).select("instruction").unique()
    real = {name: told[name].join(dry, on="instruction", how="anti") for name in EFFECTS}
    twice = (
        real["fills"].group_by("ref").agg(pl.len(), pl.col("seq").max()).filter(pl.col("len") > 1)
    )
    shared = (
        pl.concat([frame.select("ref", "instruction", "seq") for frame in real.values()])
        .group_by("ref")
        .agg(pl.col("instruction").n_unique().alias("len"), pl.col("seq").max())
        .filter(pl.col("len") > 1)
    )
    odd = pl.concat([twice.with_columns(what=pl.lit("is told {} times")),
                     shared.with_columns(what=pl.lit("is of {} instructions"))])  # fmt: skip
    faults = (
        Fault(f"record {seq}", f"reference {ref!r} {what.format(count)}")
        for ref, count, seq, what in odd.sort("seq").iter_rows()
    )
    looked_at = sum(frame.height for frame in real.values())
    claim = "no fill is told twice, and no reference is of two instructions"
    return checked("references", claim, looked_at, "references", faults, odd.height)


def _positions(ends: pl.DataFrame, streams: Streams) -> Check:
    """What was verified lies between the bounds that were expected.

    A position that others moved too (funding, interest) is outside of them, and its rows in
    the stream `ledger` say why.
    """
    done = ends.lazy().filter(pl.col("name").is_in(["DONE", "FAILED.PART"])).select("instruction")
    columns = ("seq", "instruction", "key", "total", "low", "high")
    seen = streams("positions").select(columns).with_columns(pl.col("key").cast(pl.String))
    last = (
        seen.filter(pl.col("instruction") > 0)
        .join(done, on="instruction", how="semi")
        .group_by("instruction", "key")
        .agg(pl.col("seq", "total", "low", "high").last())
    )
    others = streams("ledger").select("seq", pl.col("key").cast(pl.String)).unique()
    odd = (
        last.filter((pl.col("total") < pl.col("low")) | (pl.col("total") > pl.col("high")))
        .join(others, on=["seq", "key"], how="anti")
        .sort("seq")
        .collect()
    )
    looked_at = int(last.select(pl.len()).collect().item())
    faults = (
        Fault(
            f"record {seq}",
            f"instruction {number} was verified with {key} at {total}, outside of [{low}, {high}]",
        )
        for number, key, seq, total, low, high in odd.iter_rows()
    )
    claim = "every verified position lies between the bounds that were expected"
    return checked("positions", claim, looked_at, "positions", faults, odd.height)


def intent_checks(rows: pl.DataFrame, machine: Machine) -> list[Check]:
    """What a live log must hold besides: an intent before each send, each key once."""
    intents = rows.filter(pl.col("kind").cast(pl.String) == INTENT)
    place = pl.struct("instruction", "attempt", "epoch")
    noted = pl.when(pl.col("kind").cast(pl.String) == INTENT).then(place).forward_fill()
    dry = [leaf for leaf in machine.flat.leaves if is_dry(leaf)]
    sent = rows.with_columns(intent=noted).filter(
        (pl.col("answers") > 0) & ~pl.col("source").cast(pl.String).is_in(dry)
    )
    bare = sent.filter((pl.col("intent") != place).fill_null(value=True))
    faults = (
        Fault(f"record {seq}", f"tells the answer to a send of instruction {number} without INTENT")
        for seq, number in bare.select("seq", "instruction").iter_rows()
    )
    claim = "nothing was sent without an intent that was durable before, in the same process life"
    sends = checked("intents", claim, sent.height, "sends", faults, bare.height)
    again = (
        intents.group_by("intent_id").agg(pl.len(), pl.col("seq").max()).filter(pl.col("len") > 1)
    )
    repeats = (
        Fault(f"record {seq}", f"the key {key!r} was used {count} times")
        for key, count, seq in again.iter_rows()
    )
    claim = "every key was used for one intent"
    keys = checked("keys", claim, intents.height, "intents", repeats, again.height)
    return [sends, keys, _resolved(rows, intents)]


def _resolved(rows: pl.DataFrame, intents: pl.DataFrame) -> Check:
    """After an intent its instruction goes on; only the last one of a log may wait."""
    later = (
        rows.filter(pl.col("event").is_not_null() & (pl.col("inner").cast(pl.String) != ""))
        .group_by("instruction")
        .agg(moved=pl.col("seq").max())
    )
    last = greatest(rows, "instruction")
    odd = (
        intents.join(later, on="instruction", how="left")
        .filter((pl.col("moved").fill_null(0) < pl.col("seq")) & (pl.col("instruction") != last))
        .select("seq", "instruction")
    )
    faults = (
        Fault(f"record {seq}", f"the intent of instruction {number} was never resolved")
        for seq, number in odd.iter_rows()
    )
    claim = "what became of every intent is on record, or it is the last one"
    return checked("resolved", claim, intents.height, "intents", faults, odd.height)
