"""History of an exchange as a file of bars, fetched page by page, and gone on with.

What was fetched so far is kept beside the file, in `FILE.part`, and taken up again by the next
attempt. A file that is whole is gone on with too, up to a later moment.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import polars as pl
from attrs import define, field, frozen

from verifill.engine.amounts import to_units
from verifill.engine.errors import DataError, NotObserved
from verifill.venues.ccxt.client import Client, number, whole
from verifill.venues.ccxt.dialect import Dialect

FIELDS: Final = ("open", "high", "low", "close", "volume")
TIME: Final = "timestamp"
PAGE: Final = 500
KEPT_EVERY: Final = 20  # pages
TRIES: Final = 3  # reading a candle again is always safe
PLACES_MAX: Final = 18

Candle = tuple[int, Decimal, Decimal, Decimal, Decimal, Decimal]


@frozen(kw_only=True)
class Wanted:
    """What is fetched.

    Attributes:
        dialect: of the exchange.
        symbol: of ccxt.
        timeframe: such as `1h`.
        since_ms: begin of the first bar.
        until_ms: end of the last.
    """

    dialect: Dialect
    symbol: str
    timeframe: str
    since_ms: int
    until_ms: int


@frozen(kw_only=True)
class Gap:
    """Bars that the exchange does not have.

    Attributes:
        begin_ms: where the first of them should begin.
        bars: how many.
    """

    begin_ms: int
    bars: int


@define
class Fetching:
    """Fetches one history.

    Attributes:
        wanted: what.
        client: without keys.
        file: where it goes, Parquet.
        timeout_s: for each answer.
    """

    wanted: Wanted
    client: Client
    file: Path
    timeout_s: float = 30.0
    _candles: dict[int, Candle] = field(init=False, factory=dict[int, Candle])

    @property
    def part(self) -> Path:
        """What was fetched so far."""
        return self.file.with_name(f"{self.file.name}.part")

    @property
    def step_ms(self) -> int:
        """From one bar to the next."""
        seconds: int = self.client.exchange.parse_timeframe(self.wanted.timeframe)
        return seconds * 1_000

    def run(self, told: Callable[[int, int], None]) -> tuple[int, list[Gap]]:
        """Fetch what is missing.

        Args:
            told: now and then, of the bars that are there and those that there should be.

        Returns:
            How many bars the file has, and the gaps in it.

        Raises:
            NotObserved: the exchange does not answer; what was fetched is kept.
            DataError: the symbol or timeframe is not known, or the file is of something else.
        """
        self._open()
        self._take_up()
        first, last = self._ends()
        total = max((last - first) // self.step_ms, 0)
        try:
            for page, _ in enumerate(self._pages(first, last), start=1):
                told(len(self._candles), total)
                if page % KEPT_EVERY == 0:
                    self._keep(self.part)
        except BaseException:
            if self._candles:
                self._keep(self.part)
            raise
        if not self._candles:
            begin = datetime.fromtimestamp(first // 1_000, UTC)
            msg = (
                f"{self.wanted.symbol}: the exchange has no bar of {self.wanted.timeframe} from "
                f"{begin:%Y-%m-%d %H:%M} on, up to what was asked for; begin later"
            )
            raise DataError(msg)
        self._keep(self.file)
        self.part.unlink(missing_ok=True)
        return len(self._candles), list(self._gaps(first, last))

    def _open(self) -> None:
        exchange, wanted = self.client.exchange, self.wanted
        self.client.ask(self.timeout_s, wanted.dialect.load)
        if wanted.symbol not in exchange.markets:
            base = wanted.symbol.partition("/")[0]
            near = sorted(name for name in exchange.markets if name.startswith(f"{base}/"))
            there = ", ".join(near[:8]) or "none of this base"
            msg = f"{wanted.dialect.name} has no {wanted.symbol!r}; there are {there}"
            raise DataError(msg)
        if wanted.timeframe not in exchange.timeframes:
            there = ", ".join(exchange.timeframes)
            msg = f"{wanted.dialect.name} has no bars of {wanted.timeframe!r}; there are {there}"
            raise DataError(msg)

    def _take_up(self) -> None:
        """Go on with what was fetched before."""
        for file in (self.file, self.part):
            if file.exists():
                self._candles |= {candle[0]: candle for candle in read(file)}
        if self._candles and min(self._candles) > self._first_ms:
            msg = f"{self.file} begins later than asked for; give another file"
            raise DataError(msg)
        if any((at - self._first_ms) % self.step_ms for at in self._candles):
            msg = f"{self.file} has bars of another timeframe; give another file"
            raise DataError(msg)

    @property
    def _first_ms(self) -> int:
        return -(-self.wanted.since_ms // self.step_ms) * self.step_ms

    def _ends(self) -> tuple[int, int]:
        """Begin of the first bar, and of the first that is not wanted, or not over yet."""
        now_ms = self.client.ask(self.timeout_s, self.wanted.dialect.time_ms)
        over_ms = min(self.wanted.until_ms, now_ms)
        return self._first_ms, over_ms // self.step_ms * self.step_ms

    def _pages(self, first_ms: int, last_ms: int) -> Iterator[int]:
        at_ms = max(self._candles, default=first_ms - self.step_ms) + self.step_ms
        while at_ms < last_ms:
            new = [c for c in self._page(at_ms) if at_ms <= c[0] < last_ms]
            self._candles |= {candle[0]: candle for candle in new}
            yield len(new)
            newest_ms = max(
                (candle[0] for candle in new), default=at_ms + (PAGE - 1) * self.step_ms
            )
            at_ms = newest_ms + self.step_ms

    def _page(self, since_ms: int) -> list[Candle]:
        wanted = self.wanted
        for left in reversed(range(TRIES)):
            try:
                page = self.client.ask(
                    self.timeout_s,
                    wanted.dialect.candles,
                    wanted.symbol,
                    wanted.timeframe,
                    since_ms,
                    PAGE,
                )
                return [_candle(one) for one in page]
            except NotObserved:
                if not left:
                    raise
        return []

    def _keep(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_name(f"{file.name}.new")
        frame(sorted(self._candles.values())).write_parquet(new)
        new.replace(file)

    def _gaps(self, first_ms: int, last_ms: int) -> Iterator[Gap]:
        times = [first_ms - self.step_ms, *sorted(self._candles)]
        times += [last_ms] if times[-1] < last_ms else []
        for before, after in pairwise(times):
            missing = (after - before) // self.step_ms - 1
            if missing:
                yield Gap(begin_ms=before + self.step_ms, bars=missing)


def _candle(told: Sequence[Any]) -> Candle:
    at_ms = whole(told[0], "the time of a bar")
    opened, high, low, close, volume = (number(told[1 + at], of) for at, of in enumerate(FIELDS))
    return at_ms, opened, high, low, close, volume


def _amounts(candle: Candle) -> list[Decimal]:
    _, *amounts = candle
    return amounts


def frame(candles: Sequence[Candle]) -> pl.DataFrame:
    """Bars as a table: exact numbers, with as many decimals as they need."""
    columns: dict[str, pl.Series] = {
        TIME: pl.Series([c[0] for c in candles], dtype=pl.Datetime("ms", "UTC")),
    }
    rows = [_amounts(candle) for candle in candles]
    for at, name in enumerate(FIELDS):
        amounts = [row[at] for row in rows]
        places = min(max((_places(amount) for amount in amounts), default=0), PLACES_MAX)
        units = [to_units(amount, places) for amount in amounts]
        numbers = pl.Series(units, dtype=pl.Int128)
        columns[name] = numbers.reinterpret(dtype=pl.Decimal(38, places))
    return pl.DataFrame(columns)


def read(file: Path) -> Iterator[Candle]:
    """The bars of a file that was fetched.

    Raises:
        DataError: it is none.
    """
    try:
        rows = pl.read_parquet(file, columns=[TIME, *FIELDS])
    except (pl.exceptions.PolarsError, OSError) as error:
        msg = f"{file} cannot be gone on with: {error}; remove it, or give another file"
        raise DataError(msg) from None
    times: list[int] = rows[TIME].dt.epoch("ms").to_list()
    amounts: Mapping[str, list[Decimal]] = {name: rows[name].to_list() for name in FIELDS}
    for at, time_ms in enumerate(times):
        opened, high, low, close, volume = (amounts[name][at] for name in FIELDS)
        yield time_ms, opened, high, low, close, volume


def _places(amount: Decimal) -> int:
    exponent = amount.normalize().as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0
