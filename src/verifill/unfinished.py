"""What a live log says of recovery, and of an order whose outcome nobody knows yet."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import polars as pl
from attrs import frozen

from verifill.engine.log.durable_reader import DurableReader
from verifill.engine.log.record import EPOCH
from verifill.machines.recovering import RECOVERY
from verifill.machines.recovery import found_in

FATES: Final = ("adopted", "voided", "held")
VENUES: Final = ("exchanges", "chains")  # sections of a configuration


@frozen(kw_only=True)
class Recovery:
    """What the last process life has found, and what became of it.

    Attributes:
        complete: whether nothing of an earlier life is open any more.
        found: what was in flight, in words; empty as long as nothing was looked at.
        adopted: keys of orders that were executed, and are booked.
        voided: keys of orders that were not.
        held: keys of orders of which nobody can say it.
    """

    complete: bool = False
    found: Sequence[str] = ()
    adopted: Sequence[str] = ()
    voided: Sequence[str] = ()
    held: Sequence[str] = ()


@frozen(kw_only=True)
class Unresolved:
    """An order that was or may have been sent, and is not resolved.

    Attributes:
        key: of its intent.
        account: on which it acts.
        venue: of that account.
        since_ns: when its intent was written, before it was sent.
    """

    key: str
    account: str
    venue: str
    since_ns: int | None


def recovery_of(recent: DurableReader) -> Recovery:
    """The completion summary of the last process life.

    Args:
        recent: a log from that life's begin on, or from before it.
    """
    begun = recent.records().filter(kind=EPOCH).select(pl.col("seq").max()).collect().item() or 0
    notes = recent.stream("notes").with_columns(pl.col("kind").cast(pl.String))
    told = notes.filter(pl.col("kind") == RECOVERY, pl.col("seq") >= begun).collect()
    found: list[str] = []
    fates: dict[str, str] = {}
    complete = False
    for note in map(json.loads, told["payload"]):
        complete = note["complete"]
        found += [note["found"]] if "found" in note else []
        fates |= {note[fate]: fate for fate in FATES if fate in note}
    of = {fate: tuple(key for key, its in fates.items() if its == fate) for fate in FATES}
    return Recovery(complete=complete, found=found, **of)


def unresolved_in(log: DurableReader, recent: DurableReader) -> Unresolved | None:
    """The order in flight, also that of an earlier process life; None if there is none.

    Args:
        log: of a live run.
        recent: its end, where the intent is looked for first.
    """
    found = found_in(log)
    leg = found.memory.leg if found.memory and found.resolving else None
    if leg is None:
        return None
    return Unresolved(
        key=leg.key,
        account=leg.account,
        venue=_venue(log.header.get("config", {}), leg.account),
        since_ns=_since(recent, leg.key) or _since(log, leg.key),
    )


def _since(log: DurableReader, key: str) -> int | None:
    written = log.records().filter(kind="INTENT", intent_id=key).select("wall_ns").tail(1)
    return next(iter(written.collect()["wall_ns"]), None)


def _venue(config: Mapping[str, Any], account: str) -> str:
    """Whose account it is; empty if the configuration does not say."""
    named = ((n, one) for section in VENUES for n, one in config.get(section, {}).items())
    return next((name for name, one in named if account in one.get("accounts", ())), "")
