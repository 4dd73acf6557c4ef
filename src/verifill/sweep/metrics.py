"""What the table of a sweep says of a run: read from its log, the same in every process."""

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from itertools import pairwise
from typing import Any, Final

import polars as pl

from verifill.engine.digest import canonical_json, sha256_file
from verifill.engine.errors import DataError
from verifill.engine.log.writer import MANIFEST
from verifill.machines.tight_loop import Tight
from verifill.report.equity import equity
from verifill.report.pnl import profit_and_loss
from verifill.report.risk import ratio, risk
from verifill.report.states import entered
from verifill.result import RunResult

PLACES: Final = 18
DIGITS: Final = 38
MONEY: Final = pl.Decimal(DIGITS, PLACES)
EXACT: Final = Context(prec=2 * DIGITS, rounding=ROUND_HALF_EVEN)  # whatever a strategy has set
RATIO: Final = Decimal("0.00000001")
DAY_NS: Final = 86_400 * 10**9
YEAR_DAYS: Final = Decimal(365)
ENDS: Final[Mapping[str, str]] = {
    "done": Tight.DONE,
    "failed_clean": Tight.FAILED_CLEAN,
    "failed_part": Tight.FAILED_PART,
    "failed_mismatch": Tight.FAILED_MISMATCH,
    "held": Tight.HELD,
}
SCHEMA: Final[Mapping[str, Any]] = {
    "run": pl.String,
    "ending": pl.String,
    "reason": pl.String,
    "log_digest": pl.String,
    "quote": pl.String,
    "equity_start": MONEY,
    "equity_end": MONEY,
    "change": MONEY,
    "return_ratio": MONEY,
    "sharpe": MONEY,
    "drawdown": MONEY,
    "drawdown_ratio": MONEY,
    "leverage_max": MONEY,
    "by_cause": pl.String,
    "fees": pl.String,
    "left_out": pl.String,
    "ticks": pl.Int64,
    "transitions": pl.Int64,
    "instructions": pl.Int64,
    "fills": pl.Int64,
    **dict.fromkeys(ENDS, pl.Int64),
}


def measured(result: RunResult, quote: str) -> dict[str, Any]:
    """The metrics of a run, by the names of `SCHEMA`.

    Args:
        result: of the run.
        quote: the asset to count in; the run's own if empty.

    Raises:
        DataError: an amount has more digits than the table holds.
    """
    account = result.account(quote, missing="leave out")
    curve, risked, made = equity(account), risk(account), profit_and_loss(account)
    outcome, counts = result.outcome, result.counts
    amounts = {
        "equity_start": made.start,
        "equity_end": made.end,
        "change": made.change,
        "return_ratio": ratio(made.change, made.start),
        "sharpe": sharpe(_daily(curve)),
        "drawdown": risked.drawdown.amount,
        "drawdown_ratio": risked.drawdown.ratio,
        "leverage_max": risked.leverage_max,
    }
    return {
        "run": result.run,
        "ending": str(outcome.ending),
        "reason": outcome.reason,
        "log_digest": sha256_file(result.log.folder / MANIFEST),
        "quote": made.quote,
        **{name: _money(name, value) for name, value in amounts.items()},
        "by_cause": _told(made.by_cause),
        "fees": _told(result.fees),
        "left_out": ", ".join(made.left_out),
        **{name: counts[name] for name in ("ticks", "transitions", "instructions", "fills")},
        **_ends(entered(result.log)),
    }


def sharpe(days: Sequence[Decimal]) -> Decimal | None:
    """Mean of the daily returns over their sample standard deviation, for a year of 365 days.

    Args:
        days: equity at the start, and at the end of each day.

    Returns:
        8 decimals; None with fewer than two returns, without any deviation, or where equity
        is not positive.
    """
    if len(days) < len(("start", "first", "second")) or min(days) <= 0:
        return None
    with localcontext(EXACT):
        returns = [after / before - 1 for before, after in pairwise(days)]
        mean = sum(returns, Decimal(0)) / len(returns)
        squares = [(one - mean) * (one - mean) for one in returns]
        variance = sum(squares, Decimal(0)) / (len(returns) - 1)
        return (mean / variance.sqrt() * YEAR_DAYS.sqrt()).quantize(RATIO) if variance else None


def _daily(curve: pl.DataFrame) -> list[Decimal]:
    """Equity at the start, and at the end of each UTC day, the last one cut off or not."""
    day = (pl.col("time_ns") - 1) // DAY_NS  # what is known at midnight is of the day before
    closes = curve[1:].group_by(day.alias("day"), maintain_order=True).agg(pl.col("equity").last())
    return [curve["equity"][0], *closes["equity"].to_list()]


def _money(name: str, value: Decimal | None) -> Decimal | None:
    """With the 18 decimals that the table holds, half to even."""
    if value is None:
        return None
    if value.adjusted() >= DIGITS - PLACES:
        msg = f"{name} is {value:f}; the table holds less than 10**{DIGITS - PLACES} of a quote"
        raise DataError(msg)
    return value.quantize(Decimal(1).scaleb(-PLACES), context=EXACT)


def _ends(counts: Mapping[str, int]) -> dict[str, int]:
    """How often a tight loop came to each of its ends."""
    return {
        name: sum(count for state, count in counts.items() if state.endswith(end))
        for name, end in ENDS.items()
    }


def _told(amounts: Mapping[str, Decimal]) -> str:
    return canonical_json({name: f"{amount:f}" for name, amount in amounts.items()}).decode()
