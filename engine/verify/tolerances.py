"""Whether what was accepted without a cause is as little as the run declared."""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

import polars as pl

from verifill.engine.amounts import to_units
from verifill.engine.errors import AmountError
from verifill.engine.verify.verdict import Check, Fault, checked

TOLERANCE: Final = "TOLERANCE"
"""Cause of a row of the ledger, as `venues.orders` names it: a difference that was accepted."""

DAY_NS: Final = 86_400 * 10**9
CLAIM: Final = "what was accepted without a cause is within its day's declared budget"


def tolerated(stream: Callable[[str], pl.LazyFrame], header: Mapping[str, Any]) -> Check:
    """Of each position and day no more was accepted than the configuration in the header allows.

    Args:
        stream: name of a stream -> its rows.
        header: of the log; with an empty `config` a program has declared it, and not here.
    """
    days = (
        stream("ledger")
        .filter(pl.col("cause").cast(pl.String) == TOLERANCE)
        .unique(["ref", "key"])
        .group_by(pl.col("key").cast(pl.String), day=pl.col("time_ns") // DAY_NS)
        .agg(spent=pl.col("amount").abs().sum(), times=pl.len(), seq=pl.col("seq").max())
        .sort("seq")
        .collect()
    )
    config = header.get("config")
    if days.height and not config:
        return Check("tolerances", CLAIM, skipped="the header declares no budget: a program did")
    return checked("tolerances", CLAIM, int(days["times"].sum()), "rows", _beyond(days, header))


def _beyond(days: pl.DataFrame, header: Mapping[str, Any]) -> Iterator[Fault]:
    for key, spent, seq in days.select("key", "spent", "seq").iter_rows():
        budget = _budget(header, key)
        if spent > budget:
            what = f"{spent} units were accepted of {key} on its day, and {budget} were declared"
            yield Fault(f"record {seq}", what)


def _budget(header: Mapping[str, Any], key: str) -> int:
    """Units a day that are declared for a position; 0 where nothing that can be read is."""
    asset = key.rpartition(":")[2].partition("@")[0]
    try:
        told = header["config"]["tolerances"][key]["budget"]
        return to_units(Decimal(str(told)), int(header["decimals"][asset]))
    except (KeyError, TypeError, ValueError, ArithmeticError, AmountError):
        return 0
