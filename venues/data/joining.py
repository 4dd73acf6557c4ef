"""Several instruments' bars joined on time, in windows, under one policy for gaps.

A window is a stretch of the common time for which every instrument's bars are at hand: at
most `WINDOW_BARS` intervals long, so that memory grows neither with the history nor with a gap.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import polars as pl
from attrs import define

from verifill.engine.errors import DataError
from verifill.venues.data.bars import KNOWN, BarReader
from verifill.venues.data.sources import Gaps
from verifill.venues.data.stamps import SECOND_NS, iso

WINDOW_BARS: Final = 2**16


class Feed:
    """One instrument's bars, handed out by time.

    Attributes:
        reader: Where they come from.
        rows: How many bars have been handed out.
        last: The bar that was handed out last, as a frame of at most one row.
        begins_ns: The time of the first bar.
    """

    def __init__(self, reader: BarReader) -> None:
        self.reader = reader
        self.rows = 0
        self._frames = reader.frames()
        self._pending = next(self._frames)
        self.last = self._pending.clear()
        self.begins_ns = self.first_ns

    @property
    def first_ns(self) -> int:
        """The time of the next bar; there must be one."""
        return int(self._pending[KNOWN][0])

    @property
    def at_hand_ns(self) -> int:
        """The time up to which the bars are at hand; there must be one."""
        return int(self._pending[KNOWN][-1])

    def fill(self) -> bool:
        """Whether there is a next bar, which is then at hand."""
        if not self._pending.height:
            self._pending = next(self._frames, self._pending)
        return self._pending.height > 0

    def take(self, until_ns: int) -> pl.DataFrame:
        """Hands out the bars at hand up to a time, included."""
        cut = int(self._pending[KNOWN].search_sorted(until_ns, side="right"))
        taken, self._pending = self._pending.head(cut), self._pending.slice(cut)
        self.rows += cut
        self.last = taken.tail(1) if cut else self.last
        return taken

    def skip_before(self, time_ns: int) -> bool:
        """Hands out all bars before a time; whether any are left."""
        while self.fill() and self.first_ns < time_ns:
            self.take(time_ns - 1)
        return self.fill()


@define
class _Tally:
    """The gaps of one feed inside the common time."""

    feed: Feed
    gaps: int = 0
    bars: int = 0
    first_ns: int = 0
    first_row: int = 0
    _open: bool = False

    def add(self, grid: pl.Series, part: pl.DataFrame) -> None:
        """Counts what the feed lacks in one window, whose bars it has just handed out."""
        if part.height == len(grid):
            self._open = False
            return
        missing = ~grid.is_in(part[KNOWN].implode())
        begins = missing & ~missing.shift(1, fill_value=self._open)
        first = begins.arg_true().first()
        if isinstance(first, int) and not self.gaps:
            self.first_ns = grid[first]
            # All grid times before it have a bar, so its index counts the bars before it.
            self.first_row = self.feed.rows - part.height + first + 1
        self.gaps += int(begins.sum())
        self.bars += int(missing.sum())
        self._open = bool(missing[-1])

    def defect(self) -> DataError:
        stamp_ns = self.first_ns - self.feed.reader.shift_ns
        msg = (
            f"gaps: {self.gaps}, in which {self.bars} bars are missing; the first begins where "
            f"the bar of {iso(stamp_ns)} should be; fill them, or set gaps to 'skip' (leave those "
            "times out) or 'carry' (repeat the last close with no volume)"
        )
        return self.feed.reader.defect(msg, row=self.first_row, field="timestamp")


def join(readers: Sequence[BarReader], *, gaps: Gaps) -> Iterator[pl.DataFrame]:
    """The rows of all instruments' common time: `time_ns`, then each instrument's numbers.

    Every file is read to its end, so that what is wrong beyond the common time is found too.

    Raises:
        DataError: a row cannot be used, the intervals differ, no time is common to all, or
            there is a gap in the common time although the policy is "error".
    """
    interval_ns = _common_interval_ns(readers)
    feeds = [Feed(reader) for reader in readers]
    start_ns = _common_start_ns(feeds, interval_ns)
    tallies = [_Tally(feed) for feed in feeds]
    rows = 0
    while _all_filled(feeds):
        end_ns = min(
            *(feed.at_hand_ns for feed in feeds), start_ns + (WINDOW_BARS - 1) * interval_ns
        )
        grid = pl.int_range(start_ns, end_ns + 1, interval_ns, eager=True).alias(KNOWN)
        before = [feed.last for feed in feeds]
        parts = [feed.take(end_ns) for feed in feeds]
        if gaps == "carry":
            parts = [_carried(grid, *bars) for bars in zip(parts, before, strict=True)]
        elif gaps == "error":
            for tally, part in zip(tallies, parts, strict=True):
                tally.add(grid, part)
        frame = _matching(parts)
        if frame.height:
            rows += frame.height
            yield frame
        start_ns = end_ns + interval_ns
    _read_to_the_end(feeds)
    for tally in tallies:
        if tally.gaps:
            raise tally.defect()
    if not rows:
        raise _nothing_common(feeds)


def _common_interval_ns(readers: Sequence[BarReader]) -> int:
    first, *others = readers
    for other in others:
        if other.interval_ns != first.interval_ns:
            msg = (
                f"these bars are {other.interval_ns / SECOND_NS:g} s apart, those of "
                f"{first.file.path} {first.interval_ns / SECOND_NS:g} s; "
                "give files that have one interval"
            )
            raise other.defect(msg, field="timestamp")
    return first.interval_ns


def _common_start_ns(feeds: Sequence[Feed], interval_ns: int) -> int:
    start_ns = max(feed.first_ns for feed in feeds)
    on_one_grid = all((start_ns - feed.first_ns) % interval_ns == 0 for feed in feeds)
    if not on_one_grid or not all(feed.skip_before(start_ns) for feed in feeds):
        raise _nothing_common(feeds)
    return start_ns


def _nothing_common(feeds: Sequence[Feed]) -> DataError:
    begins = ", ".join(f"{feed.reader.file.path} at {iso(feed.begins_ns)}" for feed in feeds)
    msg = (
        f"no time is common to all instruments (the first bar is known in {begins}); "
        "give files that overlap and whose bars close at the same times"
    )
    return feeds[-1].reader.defect(msg, field="timestamp")


def _all_filled(feeds: Sequence[Feed]) -> bool:
    filled = [feed.fill() for feed in feeds]
    return all(filled)


def _read_to_the_end(feeds: Sequence[Feed]) -> None:
    for feed in feeds:
        while feed.fill():
            feed.take(feed.at_hand_ns)


def _matching(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The instruments' bars side by side, at the times that all have."""
    joined = parts[0]
    for part in parts[1:]:
        if joined[KNOWN].equals(part[KNOWN]):
            joined = pl.concat([joined, part.drop(KNOWN)], how="horizontal")
        else:
            joined = joined.join(part, on=KNOWN, how="inner", maintain_order="left")
    return joined


def _carried(grid: pl.Series, part: pl.DataFrame, last: pl.DataFrame) -> pl.DataFrame:
    """A bar for every time of the grid: where there is none, the last close with no volume."""
    if part.height == len(grid):
        return part
    bars = pl.concat([last, part]).with_columns(pl.col(KNOWN).alias("bar_ns"))
    latest = grid.to_frame().join_asof(bars, on=KNOWN, strategy="backward")
    *others, close, volume = part.columns[1:]
    fresh = pl.col("bar_ns") == pl.col(KNOWN)
    return latest.select(
        KNOWN,
        *(pl.when(fresh).then(pl.col(price)).otherwise(pl.col(close)) for price in others),
        close,
        pl.when(fresh).then(pl.col(volume)).otherwise(0),
    )
