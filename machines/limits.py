"""Alarms and limits: what is told to the gate, and when a figure is beyond its limit.

What says that executions themselves are wrong (suspense, slippage) holds the breaker, and
nothing is sent. What a reducing order cures (a loss, a thin margin, an unhedged amount) only
narrows trading to orders that reduce: to forbid the cure would make it worse.
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

from verifill.machines.thresholds import Thresholds


class Alarm(StrEnum):
    """What must not happen; once is enough."""

    MISMATCH = "mismatch"
    CONTRADICTION = "contradiction"
    DUPLICATE = "duplicate"
    UNTRACKED_FILL = "untracked_fill"
    BROKEN_LOG = "broken_log"


class Limit(StrEnum):
    """What is measured."""

    SUSPENSE = "suspense"
    SLIPPAGE = "slippage"
    DAILY_LOSS = "daily_loss"
    MARGIN = "margin"
    NAKED_DELTA = "naked_delta"


HOLDING = frozenset({Limit.SUSPENSE, Limit.SLIPPAGE})
"""The limits that hold a breaker; the others narrow trading."""


def breach(limit: Limit, value: Decimal, thresholds: Thresholds, of: str = "") -> str:
    """How a figure is beyond its limit, or empty; at the limit it is not.

    Args:
        limit: which.
        value: in the limit's unit.
        thresholds: the limits.
        of: what it is a figure of, where there are several: an account, an asset.
    """
    allowed = _limits(thresholds)[limit]
    if allowed is None:
        return ""
    what = f"{limit} of {of}" if of else str(limit)
    if limit is Limit.MARGIN:
        return f"{what} is {value}, below {allowed}" if value < allowed else ""
    size = abs(value) if limit is Limit.NAKED_DELTA else value
    return f"{what} is {value}, beyond {allowed}" if size > allowed else ""


def _limits(thresholds: Thresholds) -> Mapping[Limit, Decimal | None]:
    return {
        Limit.SUSPENSE: thresholds.suspense_max,
        Limit.SLIPPAGE: thresholds.slippage_max,
        Limit.DAILY_LOSS: thresholds.daily_loss_max,
        Limit.MARGIN: thresholds.margin_min,
        Limit.NAKED_DELTA: thresholds.naked_delta_max,
    }
