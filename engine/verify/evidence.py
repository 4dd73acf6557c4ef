"""The checks on what came with the transitions: decisions, intents, fills and positions."""

from collections.abc import Callable
from itertools import chain
from operator import itemgetter

import polars as pl

from verifill.engine.log.record import INTENT
from verifill.engine.verify.machine import Machine
from verifill.engine.verify.order import greatest
from verifill.engine.verify.sends import REHEARSAL, is_dry
from verifill.engine.verify.verdict import Check, Fault, checked

Streams = Callable[[str], pl.LazyFrame]
"""Name of a stream -> its rows."""

EFFECTS = ("fills", "moves")
EXECUTED = ("DONE", "FAILED.PART")
NO_EFFECT = ("DENIED_LOCAL", "REJECTED_DEFINITIVE", "EXPIRED", "ABSENT")


def evidence_checks(ends: pl.DataFrame, streams: Streams) -> list[Check]:
    """What every log must hold beside its transitions.

    Args:
        ends: every instruction; see `order.ends_of`.
        streams: of the log.
    """
    effects = pl.concat(
        [streams(name).select("seq", "instruction", "ref", what=pl.lit(name)) for name in EFFECTS]
    )
    told = _told(ends, streams, effects)
    return [
        _decisions(told),
        _effects(told, effects),
        _references(streams, effects),
        _positions(ends, streams),
    ]


def _told(ends: pl.DataFrame, streams: Streams, effects: pl.LazyFrame) -> pl.DataFrame:
    """Each instruction with what else the log says of it.

    Columns besides those of `ends`: how many `decisions` and `effects`, the numbers of the
    `earliest` and the `latest` effect, and whether a receipt says that there was `nothing`.
    Instructions that did not run have no `first`.
    """
    none = pl.lit(None, dtype=pl.Int64)
    nothing = pl.col("outcome").cast(pl.String).is_in(NO_EFFECT)
    parts = [
        streams("instructions").select("instruction", decided=True, effect=none, nothing=False),
        effects.select("instruction", decided=False, effect="seq", nothing=False),
        streams("receipts")
        .filter(nothing)
        .select("instruction", decided=False, effect=none, nothing=True),
    ]
    beside = (
        pl.concat(parts)
        .group_by("instruction")
        .agg(
            decisions=pl.col("decided").sum().cast(pl.Int64),
            effects=pl.col("effect").count().cast(pl.Int64),
            earliest=pl.col("effect").min(),
            latest=pl.col("effect").max(),
            nothing=pl.col("nothing").any(),
        )
    )
    return (
        ends.lazy()
        .join(beside, on="instruction", how="full", coalesce=True)
        .with_columns(
            pl.col("sends", "decisions", "effects").fill_null(0),
            pl.col("nothing").fill_null(value=False),
        )
        .collect()
    )


def _decisions(told: pl.DataFrame) -> Check:
    """As many decisions as sends, for each instruction; a crash may come between the two."""
    decided = told.filter((pl.col("decisions") > 0) | pl.col("first").is_not_null())
    odd = decided.filter((pl.col("decisions") < pl.col("sends")) | pl.col("first").is_null()).sort(
        "instruction"
    )
    faults = (
        Fault(f"instruction {number}", f"has {made} decisions and {sends} answers to sends")
        for number, sends, made in odd.select("instruction", "sends", "decisions").iter_rows()
    )
    claim = "every send was decided before, and every decision is of an instruction that ran"
    return checked("decisions", claim, decided.height, "instructions", faults, odd.height)


def _effects(told: pl.DataFrame, effects: pl.LazyFrame) -> Check:
    """Every fill and move belongs to one instruction, while it ran; the other way round too."""
    early, late = pl.col("earliest") < pl.col("first"), pl.col("latest") > pl.col("last")
    strange = told.filter((pl.col("effects") > 0) & (pl.col("first").is_null() | early | late))
    of_those = pl.col("instruction").is_in(strange["instruction"].to_list())
    outside = (
        effects.filter(of_those)
        .join(strange.lazy().select("instruction", "first", "last"), on="instruction")
        .filter(
            pl.col("first").is_null()
            | (pl.col("seq") < pl.col("first"))
            | (pl.col("seq") > pl.col("last"))
        )
        .select("seq", "instruction", "what")
        .sort("seq")
        .collect()
    )
    ran = pl.col("name").is_in(EXECUTED)
    bare = told.filter(ran & (pl.col("effects") == 0) & ~pl.col("nothing")).sort("instruction")
    faults = (
        Fault(f"record {seq}", f"has {what} of instruction {number}, which did not run then")
        for seq, number, what in outside.iter_rows()
    )
    bared = (
        Fault(f"instruction {number}", f"ended {name} at record {last}, with no fill and no move")
        for number, name, last in bare.select("instruction", "name", "last").iter_rows()
    )
    claim = "every fill is of one instruction, and every executed instruction has its fills"
    found, count = chain(faults, bared), outside.height + bare.height
    return checked("effects", claim, int(told["effects"].sum()), "fills and moves", found, count)


def _references(streams: Streams, effects: pl.LazyFrame) -> Check:
    """No venue reference stands for two instructions, and no fill is told twice."""
    rehearsed = pl.col("role").cast(pl.String) == REHEARSAL
    dry = streams("instructions").filter(rehearsed).select("instruction").unique().collect()
    real = effects.filter(~pl.col("instruction").is_in(dry["instruction"].to_list())).collect()
    # equal texts have equal hashes, which are found much faster; of what is left, texts count
    again = real.filter(pl.col("ref").hash().is_duplicated()).group_by("ref")
    fill = pl.col("what") == "fills"
    odd = again.agg(
        pl.col("seq").max(),
        fill.sum().alias("times"),
        pl.col("seq").filter(fill).max().alias("told"),
        pl.col("instruction").n_unique().alias("owners"),
    )
    twice = odd.filter(pl.col("times") > 1).select(
        "ref", "told", "times", what=pl.lit("is told {} times")
    )
    shared = odd.filter(pl.col("owners") > 1).select(
        "ref", "seq", "owners", what=pl.lit("is of {} instructions")
    )
    found = sorted([*twice.iter_rows(), *shared.iter_rows()], key=itemgetter(1))
    faults = (
        Fault(f"record {seq}", f"reference {ref!r} {what.format(count)}")
        for ref, seq, count, what in found
    )
    claim = "no fill is told twice, and no reference is of two instructions"
    return checked("references", claim, real.height, "references", faults, len(found))


def _positions(ends: pl.DataFrame, streams: Streams) -> Check:
    """What was verified lies between the bounds that were expected.

    A position that others moved too (funding, interest) is outside of them, and its rows in
    the stream `ledger` say why. Only the last reading of an instruction counts.
    """
    read = streams("positions").filter(pl.col("instruction") > 0)
    looked_at = int(read.select(pl.len()).collect().item())
    outside = (pl.col("total") < pl.col("low")) | (pl.col("total") > pl.col("high"))
    suspects = read.filter(outside).select(pl.col("instruction").unique()).collect()
    done = ends.filter(pl.col("name").is_in(EXECUTED))["instruction"]
    judged = suspects["instruction"].filter(suspects["instruction"].is_in(done.implode()))
    key = pl.col("key").cast(pl.String)
    others = streams("ledger").select("seq", key).unique()
    odd = (
        read.filter(pl.col("instruction").is_in(judged.to_list()))
        .group_by("instruction", key)
        .agg(pl.col("seq", "total", "low", "high").last())
        .filter(outside)
        .join(others, on=["seq", "key"], how="anti")
        .sort("seq", "key")
        .collect()
    )
    faults = (
        Fault(
            f"record {seq}",
            f"instruction {number} was verified with {name} at {total}, outside of [{low}, {high}]",
        )
        for number, name, seq, total, low, high in odd.iter_rows()
    )
    claim = "every verified position lies between the bounds that were expected"
    return checked("positions", claim, looked_at, "positions", faults, odd.height)


def intent_checks(rows: pl.DataFrame, machine: Machine) -> list[Check]:
    """What a live log must hold besides: an intent before each send, each key once."""
    intents = rows.filter(pl.col("kind") == INTENT)
    place = pl.struct("instruction", "attempt", "epoch")
    noted = pl.when(pl.col("kind") == INTENT).then(place).forward_fill()
    dry = [leaf for leaf in machine.flat.leaves if is_dry(leaf)]
    sent = (
        rows.select("seq", "kind", "instruction", "attempt", "epoch", "answers", "source")
        .filter((pl.col("kind") == INTENT) | (pl.col("answers") > 0))
        .with_columns(intent=noted)
        .filter((pl.col("answers") > 0) & ~pl.col("source").cast(pl.String).is_in(dry))
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
        rows.lazy()
        .filter(pl.col("event").is_not_null() & (pl.col("inner") != ""))
        .group_by("instruction")
        .agg(moved=pl.col("seq").max())
        .collect()
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
