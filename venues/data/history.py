"""Prepared history, opened: bars in chunks of plain integers, and sparse series."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

import msgspec
import polars as pl
from attrs import frozen
from polars.exceptions import PolarsError

from verifill.engine.errors import DataError

MARKET: Final = "market.parquet"
SERIES: Final = "series.parquet"
HEADER: Final = "history.json"
FORMAT: Final = 1
CHUNK_ROWS: Final = 2**15


@frozen(kw_only=True)
class Header:
    """What a prepared history says of itself; `history.json` holds these fields.

    Attributes:
        format: The version of the files' layout.
        rows: How many times there are.
        start_ns: The first time at which a bar of every instrument is known.
        end_ns: The last such time.
        interval_ns: The time from one bar to the next.
        price_decimals: By instrument: a price is an integer in units of 10**-decimals.
        volume_decimals: By instrument, likewise.
        series_decimals: By series, likewise.
        digest: The SHA-256 of all that the history holds, whatever files it came from.
    """

    format: int
    rows: int
    start_ns: int
    end_ns: int
    interval_ns: int
    price_decimals: dict[str, int]
    volume_decimals: dict[str, int]
    series_decimals: dict[str, int]
    digest: str


@frozen
class SeriesPoints:
    """A sparse series: each value stands from its time until the next one.

    Attributes:
        times: When each value is known, ascending, in nanoseconds since the epoch.
        values: The values, integers in units of 10**-decimals.
        decimals: The unit of the values.
    """

    times: list[int]
    values: list[int]
    decimals: int


class Column:
    """One field of every instrument in a chunk; `chunk.close["binance.spot:BTC/USDT"]`.

    A list is made when it is first asked for, so what nobody uses costs nothing. Ask once
    per chunk, not once per row.
    """

    def __init__(self, read: Callable[[str], list[int]], field: str) -> None:
        self._read = read
        self._field = field
        self._lists: dict[str, list[int]] = {}

    def __getitem__(self, instrument: str) -> list[int]:
        """The field's value at each of the chunk's times.

        Raises:
            DataError: the history has no such instrument.
        """
        values = self._lists.get(instrument)
        if values is None:
            values = self._lists[instrument] = self._read(f"{instrument}.{self._field}")
        return values


class Chunk:
    """A stretch of consecutive times of a history.

    It holds what lies ahead too: whoever drives a run gives a strategy no more than the
    bars up to the current time.

    Attributes:
        open: The opening prices, by instrument.
        high: The highest prices.
        low: The lowest prices.
        close: The closing prices.
        volume: The volumes.
    """

    def __init__(self, read: Callable[[str], list[int]]) -> None:
        self._read = read
        self.open = Column(read, "open")
        self.high = Column(read, "high")
        self.low = Column(read, "low")
        self.close = Column(read, "close")
        self.volume = Column(read, "volume")

    @cached_property
    def time_ns(self) -> list[int]:
        """When each bar is known, which is when it closes, in nanoseconds since the epoch."""
        return self._read("time_ns")


class History:
    """Prepared data, opened; `prepare` makes it.

    Attributes:
        path: The folder.
        header: All that it says of itself.
    """

    def __init__(self, path: Path | str) -> None:
        """Opens it.

        Raises:
            DataError: the folder holds no whole history, or one of another version.
        """
        self.path = Path(path)
        self.header = self._read_header()
        self._market = pl.scan_parquet(self.path / MARKET, glob=False)
        height = self._collect(self._market.select(pl.len())).item()
        if height != self.header.rows:
            msg = f"{MARKET} has {height} rows, {HEADER} says {self.header.rows}; prepare it anew"
            raise DataError(msg, path=str(self.path))
        self._names = frozenset(
            f"{instrument}.{field}"
            for instrument in self.header.price_decimals
            for field in ("open", "high", "low", "close", "volume")
        )

    @property
    def start_ns(self) -> int:
        """The first time at which a bar of every instrument is known."""
        return self.header.start_ns

    @property
    def end_ns(self) -> int:
        """The last such time."""
        return self.header.end_ns

    @property
    def interval_ns(self) -> int:
        """The time from one bar to the next; where times are skipped, a multiple of it."""
        return self.header.interval_ns

    @property
    def rows(self) -> int:
        """How many times there are."""
        return self.header.rows

    @property
    def instruments(self) -> tuple[str, ...]:
        """The instruments, in the order in which they were given."""
        return tuple(self.header.price_decimals)

    @property
    def series_names(self) -> tuple[str, ...]:
        """The sparse series, in the order in which they were given."""
        return tuple(self.header.series_decimals)

    @property
    def price_decimals(self) -> Mapping[str, int]:
        """By instrument: a price is an integer in units of 10**-decimals."""
        return self.header.price_decimals

    @property
    def volume_decimals(self) -> Mapping[str, int]:
        """By instrument: a volume is an integer in units of 10**-decimals."""
        return self.header.volume_decimals

    @property
    def digest(self) -> str:
        """The SHA-256 of all that the history holds, whatever files it came from."""
        return self.header.digest

    def chunks(self, rows: int = CHUNK_ROWS) -> Iterator[Chunk]:
        """The history from the beginning, in chunks of at most so many rows."""
        for first_row in range(0, self.rows, rows):
            yield self._chunk(first_row, rows)

    def series(self, name: str) -> SeriesPoints:
        """A sparse series, whole.

        Raises:
            DataError: the history has no such series.
        """
        if name not in self.header.series_decimals:
            raise self._unknown(name, self.series_names)
        points = self._collect(
            pl.scan_parquet(self.path / SERIES, glob=False).filter(pl.col("name") == name)
        )
        values = points["value"].cast(pl.Int128).to_list()
        return SeriesPoints(points["time_ns"].to_list(), values, self.header.series_decimals[name])

    def _chunk(self, first_row: int, rows: int) -> Chunk:
        def read(column: str) -> list[int]:
            if column != "time_ns" and column not in self._names:
                raise self._unknown(column, sorted(self._names))
            frame = self._collect(self._market.select(column).slice(first_row, rows))
            return frame.to_series().to_list()

        return Chunk(read)

    def _read_header(self) -> Header:
        file = self.path / HEADER
        try:
            header = msgspec.json.decode(file.read_bytes(), type=Header)
        except (OSError, msgspec.MsgspecError) as error:
            msg = f"this is no prepared history ({error}); prepare it from files of bars"
            raise DataError(msg, path=str(file)) from error
        if header.format != FORMAT:
            msg = f"this is format {header.format}, and {FORMAT} is what is read; prepare it anew"
            raise DataError(msg, path=str(file))
        return header

    def _collect(self, frame: pl.LazyFrame) -> pl.DataFrame:
        try:
            return frame.collect()
        except (OSError, PolarsError) as error:
            reason = str(error).split("\n", maxsplit=1)[0]
            msg = f"the history cannot be read: {reason}; prepare it anew"
            raise DataError(msg, path=str(self.path)) from error

    def _unknown(self, name: str, known: Sequence[str]) -> DataError:
        msg = f"there is no {name!r}; the history has {', '.join(known) or 'none'}"
        return DataError(msg, path=str(self.path))
