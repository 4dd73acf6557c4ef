"""Equity: what all positions are worth together, bar by bar."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

import polars as pl

from verifill.engine.errors import DataError
from verifill.engine.log.reader import Log
from verifill.report.book import book
from verifill.report.exact import decimals, nothing
from verifill.report.worth import Missing, Worth, is_valued


class Account:
    """The positions of a run and what they are worth.

    Args:
        log: of the run.
        worth: values them.
        missing: whether a position that cannot be valued is an error, or left out.

    Raises:
        DataError: a position cannot be valued, and is not to be left out.

    Attributes:
        book: see `report.book`.
        left_out: positions that cannot be valued, and were ever held.
    """

    def __init__(self, log: Log, worth: Worth, missing: Missing = "error") -> None:
        self.log = log
        self.worth = worth
        self.start_ns = worth.market.history.start_ns
        self.book = book(log, worth, self.start_ns)
        held = self.book.filter((pl.col("after") != 0) | (pl.col("before") != 0))
        keys = held["key"].unique(maintain_order=True).to_list()
        self.left_out = worth.unpriced(keys)
        if self.left_out and missing == "error":
            msg = (
                f"nothing tells what {', '.join(self.left_out)} is worth in {worth.quote}; "
                "choose another quote asset, add a price to the market data, or say "
                "missing='leave out'"
            )
            raise DataError(msg)
        self.keys: Sequence[str] = [k for k in keys if is_valued(k) and k not in self.left_out]

    @cached_property
    def end_ns(self) -> int:
        """When the run ended: its last transition, or its last reading if that is later."""
        last = self.log.stream("paths").select(pl.col("time_ns").max()).collect().item()
        read = self.book["time_ns"].max()
        return max(self.start_ns, *(int(str(time)) for time in (last, read) if time is not None))

    def of(self, key: str) -> pl.DataFrame:
        """The changes of one position."""
        return self.book.filter(key=key)

    def held(self, key: str, times: pl.Series) -> tuple[pl.Series, pl.Series]:
        """How much of a position there was at each time, and its entry value."""
        changes = self.of(key)
        at = changes["time_ns"].search_sorted(times, side="right").cast(pl.Int64) - 1
        return changes["after"].gather(at), changes["basis_after"].gather(at)

    def values(self, times: pl.Series) -> Iterator[tuple[str, pl.Series]]:
        """The value of every position at each time."""
        for key in self.keys:
            units, bases = self.held(key, times)
            yield key, self.worth.value(key, units, times, bases)

    def opening(self) -> int:
        """What all positions were worth at the start, before anything was done."""
        total = 0
        for key in self.keys:
            first = self.of(key).head(1)
            worth = self.worth.value(key, first["after"], first["time_ns"], first["basis_after"])
            total += int(str(worth[0]))
        return total

    def closing(self) -> int:
        """What all positions were worth at the end."""
        end = pl.Series([self.end_ns], dtype=pl.Int64)
        return sum(int(str(worth[0])) for _, worth in self.values(end))


def equity(account: Account) -> pl.DataFrame:
    """Equity at the opening, at every bar, and at the end.

    Returns:
        `time_ns`, `time`, `equity` (exact Decimal, in the quote asset), `equity_units`.
    """
    worth = account.worth
    opening = pl.Series([account.opening()], dtype=pl.Int128)
    times = grid(account)
    values = [series for _, series in account.values(times)]
    units = pl.concat([opening, total(values, len(times))])
    at = pl.concat([pl.Series([account.start_ns], dtype=pl.Int64), times])
    return pl.DataFrame(
        {
            "time_ns": at,
            "time": at.cast(pl.Datetime("ns", "UTC")),
            "equity": decimals(units, worth.decimals),
            "equity_units": units,
        }
    )


def grid(account: Account) -> pl.Series:
    """Every bar of the run, and its end."""
    times = account.worth.market.times
    bars = times.filter(times <= account.end_ns)
    if len(bars) and bars[-1] == account.end_ns:
        return bars
    return pl.concat([bars, pl.Series([account.end_ns], dtype=pl.Int64)])


def total(columns: Iterable[pl.Series], height: int) -> pl.Series:
    """The sum of columns, row by row."""
    whole = nothing(height)
    for column in columns:
        whole = whole + column
    return whole
