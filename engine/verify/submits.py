"""What went out, by the answers that a live log keeps, and what let it go.

Of each send the venue's answer is in the payload of the record that comes next. Before it stands
what let it go: its INTENT, or the move `repeat`, which holds the key that goes out once more. Of
several submits in a row an answer is written once, with their number.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import polars as pl
from msgspec import Struct

from verifill.engine.log.record import INTENT
from verifill.engine.verify.verdict import Check, Fault, checked

REPEAT: Final = "repeat"
SUBMIT: Final = ".submit"
DRY: Final = ".dry.submit"


class _Leg(Struct):
    key: str = ""


class _Memory(Struct):
    leg: _Leg | None = None


class _Let(Struct):
    memory: _Memory | None = None


class _Told(Struct):
    answers: list[list[Any]] = []


_ENDING: Final = f'{SUBMIT}"'
_told = msgspec.json.Decoder(_Told).decode
_let = msgspec.json.Decoder(_Let).decode


def submitted(payloads: Sequence[str]) -> Sequence[int]:
    """How many sends the answers of each record are of; a dry run sends nothing."""
    return [_submits(payload) if _ENDING in payload else 0 for payload in payloads]


def _submits(payload: str) -> int:
    try:
        told = _told(payload)
    except msgspec.MsgspecError:  # an edited payload; the chain says so
        return 0
    return sum(_times(*answer) for answer in told.answers)


def repeated(events: Sequence[object], payloads: Sequence[str]) -> Sequence[str | None]:
    """Of each record the key that it lets go out once more; None if it is no such record."""
    if REPEAT not in events:
        return [None] * len(events)
    told = zip(events, payloads, strict=True)
    return [_key(payload) if event == REPEAT else None for event, payload in told]


def _key(payload: str) -> str:
    try:
        memory = _let(payload).memory
    except msgspec.MsgspecError:  # an edited payload; the chain says so
        return ""
    return memory.leg.key if memory and memory.leg else ""


def _times(first: object, *rest: object) -> int:
    times, question = (first, rest[0]) if isinstance(first, int) and rest else (1, first)
    name = str(question)
    return times if name.endswith(SUBMIT) and not name.endswith(DRY) else 0


def repeats_check(rows: pl.DataFrame) -> Check:
    """Each send was let go by a record of its own, before it and in the same process life."""
    intent, again = pl.col("kind") == INTENT, pl.col("repeats").is_not_null()
    lets = (intent | again).cast(pl.Int64)
    concerned = again | pl.col("intent_id").is_not_null() | (pl.col("submits") > 0)
    told = (
        rows.lazy()
        .select("seq", "epoch", "kind", "intent_id", "submits", "repeats")
        .filter(concerned | intent)
        .with_columns(
            let=lets.cum_sum().over("epoch") - lets,  # by the records before
            due=pl.col("intent_id").forward_fill(),
        )
        .collect()
    )
    out = told.filter(pl.col("submits") > 0).sort("seq")
    once_more = pl.all_horizontal(pl.col("epoch", "let") == pl.col("epoch", "let").shift(1))
    loose = out.filter((pl.col("let") == 0) | (pl.col("submits") > 1) | once_more)
    other = told.filter(again & (pl.col("repeats") != pl.col("due")).fill_null(value=True))
    faults = [
        *(
            Fault(f"record {seq}", "tells of a send that no intent and no repeat before it let go")
            for seq in loose["seq"]
        ),
        *(
            Fault(f"record {seq}", f"sends {key!r} once more, and the intent before it is {due!r}")
            for seq, key, due in other.select("seq", "repeats", "due").iter_rows()
        ),
    ]
    claim = "what went out once more was on record before, under the key of its intent"
    return checked("repeats", claim, int(out["submits"].sum()), "sends", faults, len(faults))
