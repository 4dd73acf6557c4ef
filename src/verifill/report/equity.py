"""Equity: what all positions are worth together, bar by bar."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cached_property

import polars as pl
from attrs import frozen

from verifill.engine.errors import DataError, LogError
from verifill.engine.log.reader import Log
from verifill.links import is_valued
from verifill.report.book import book, opening_totals
from verifill.report.exact import amount, decimals, nothing
from verifill.report.worth import Missing, Worth


class Account:
    """The positions of a run and what they are worth.

    Args:
        log: of the run.
        worth: values them.
        missing: whether a position that cannot be valued is an error, or left out.

    Raises:
        DataError: a position cannot be valued, and is not to be left out.
        LogError: the run was killed before anything of it was on disk.

    Attributes:
        book: see `report.book`.
        left_out: positions that cannot be valued, and were ever held.
    """

    def __init__(self, log: Log, worth: Worth, missing: Missing = "error") -> None:
        self.log = log
        self.worth = worth
        self.start_ns = worth.market.start_ns
        self.book = book(log, worth, self.start_ns)
        if self.book.is_empty():
            raise LogError(_nothing_written(log))
        held = self.book.filter((pl.col("after") != 0) | (pl.col("before") != 0))
        keys = held["key"].unique(maintain_order=True).to_list()
        self.left_out = unpriced(worth, keys, missing)
        self.keys: Sequence[str] = [k for k in keys if is_valued(k) and k not in self.left_out]

    @cached_property
    def end_ns(self) -> int:
        """When the run ended: its last transition, or its last reading if that is later."""
        last = self.log.stream("paths").select(pl.col("time_ns").max()).collect().item()
        read = self.book["time_ns"].max()
        known = (int(str(time)) for time in (last, read) if time is not None)
        return max([self.start_ns, *known])

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


@frozen(kw_only=True)
class Ends:
    """Equity at both ends of a run.

    Attributes:
        quote: the asset that it is counted in.
        start: before the first transition.
        end: after the last one, with the closing positions of the ledger.
        left_out: positions that nothing tells the worth of.
    """

    quote: str
    start: Decimal
    end: Decimal
    left_out: tuple[str, ...] = ()


def ends(log: Log, worth: Worth, missing: Missing = "error") -> Ends:
    """Equity at both ends, which needs no look at what was in between.

    Raises:
        DataError: a position cannot be valued, and is not to be left out.
    """
    last = log.end
    if last is None:
        account = Account(log, worth, missing)
        start, end, left_out = account.opening(), account.closing(), account.left_out
    else:
        first = opening_totals(log)
        closing = {key: int(units) for key, units in last["closing"].items()}
        held = [key for key in first | closing if first.get(key) or closing.get(key)]
        left_out = unpriced(worth, held, missing)
        keys = [key for key in held if is_valued(key) and key not in left_out]
        start_ns = worth.market.start_ns
        end_ns = max(start_ns, log.stream("paths").select(pl.col("time_ns").max()).collect().item())
        start = _sum(worth, keys, first, log.header["bases"], start_ns)
        end = _sum(worth, keys, closing, last["bases"], end_ns)
    return Ends(
        quote=worth.quote,
        start=amount(start, worth.decimals),
        end=amount(end, worth.decimals),
        left_out=tuple(left_out),
    )


def _nothing_written(log: Log) -> str:
    return (
        f"{log.folder} holds no chunk yet, only a header: its run was killed, or is still at "
        "work, before the first one was written, so there are no positions to report on. "
        "Wait until it is further, or run it again"
    )


def _sum(
    worth: Worth,
    keys: Sequence[str],
    totals: Mapping[str, int],
    bases: Mapping[str, str],
    time_ns: int,
) -> int:
    times = pl.Series([time_ns], dtype=pl.Int64)
    whole = 0
    for key in keys:
        units = pl.Series([totals.get(key, 0)], dtype=pl.Int128)
        basis = pl.Series([int(bases.get(key, 0))], dtype=pl.Int128)
        whole += int(str(worth.value(key, units, times, basis)[0]))
    return whole


def unpriced(worth: Worth, keys: Sequence[str], missing: Missing) -> list[str]:
    """The positions to leave out.

    Raises:
        DataError: there are some, and they are not to be left out.
    """
    without = worth.unpriced(keys)
    if without and missing == "error":
        msg = (
            f"nothing tells what {', '.join(without)} is worth in {worth.quote}; choose "
            "another quote asset, add a price to the market data, or say missing='leave out'"
        )
        raise DataError(msg)
    return without


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
