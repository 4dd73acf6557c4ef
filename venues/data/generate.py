"""History made up from a seed, for demonstrations, tests and benchmarks.

Bars are a random walk in whole ticks, so every number is exact and the same on every
machine. Nothing here resembles a real market but the shape of its files.
"""

import random
from collections.abc import Collection, Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import polars as pl
from attrs import field, frozen

from verifill.engine.amounts import to_units
from verifill.engine.errors import ConfigError
from verifill.venues.data.parts import PartWriter
from verifill.venues.data.sources import PRICES
from verifill.venues.data.stamps import SECOND_NS, nanoseconds

START: Final = "2024-01-01T00:00:00Z"

_BATCH_ROWS: Final = 2**16
_DRAW_BITS: Final = 16
_DRAW_MASK: Final = 2**_DRAW_BITS - 1
_VOLUME_DECIMALS: Final = 8
_VOLUME_UNIT: Final = 10**5  # a draw of 16 bits makes a volume below 66


@frozen(kw_only=True)
class Walk:
    """How a random walk of prices goes.

    Attributes:
        start_price: The first opening price.
        price_decimals: A tick is 10**-price_decimals.
        step_ticks: A close is at most so far from the last one.
        wick_ticks: High and low are at most so far outside open and close.
        basis_ticks: Every close is moved by at most so far, drawn from `basis_seed`. Two
            walks of one seed then follow each other, as a perpetual follows its spot.
        basis_seed: What the basis is drawn from.
    """

    start_price: Decimal = Decimal(42_000)
    price_decimals: int = 2
    step_ticks: int = 2_000
    wick_ticks: int = 1_000
    basis_ticks: int = field(default=0)
    basis_seed: int = 0

    @property
    def floor_ticks(self) -> int:
        """The walk goes no lower, so that every price stays above zero."""
        return self.wick_ticks + self.basis_ticks + 1


_USUAL: Final = Walk()


def bars(
    path: Path,
    *,
    seed: int,
    rows: int,
    interval_s: int = 60,
    start: str = START,
    walk: Walk = _USUAL,
    missing: Collection[int] = (),
) -> None:
    """Writes a CSV or Parquet file of bars, stamped with their opening times.

    Args:
        path: The file; its ending says what it becomes (.csv, .parquet).
        seed: The same seed gives the same bars, on every machine.
        rows: How many bars.
        interval_s: Seconds from one bar to the next.
        start: The first bar's time stamp.
        walk: How the prices go.
        missing: Which bars to leave out, counted from 0; the walk goes on without them.

    Raises:
        ConfigError: the walk begins below its floor, or the file's ending is unknown.
    """
    walked = _walk(seed, rows, walk)
    first_ns, interval_ns = nanoseconds(start), interval_s * SECOND_NS
    kept = (
        (first_ns + row * interval_ns, *bar) for row, bar in enumerate(walked) if row not in missing
    )
    decimals = dict.fromkeys(PRICES, walk.price_decimals) | {"volume": _VOLUME_DECIMALS}
    _write(path, _frames(kept, decimals))


def rates(
    path: Path,
    *,
    seed: int,
    rows: int,
    low: Decimal,
    high: Decimal,
    interval_s: int = 8 * 3600,
    start: str = START,
) -> None:
    """Writes a CSV or Parquet file of rates drawn evenly between two, with 8 decimals.

    Args:
        path: The file; its ending says what it becomes (.csv, .parquet).
        seed: The same seed gives the same rates, on every machine.
        rows: How many rates.
        low: The lowest rate.
        high: The highest rate.
        interval_s: Seconds from one rate to the next.
        start: The first rate's time stamp.

    Raises:
        ConfigError: the file's ending is unknown.
    """
    draws = random.Random(seed)  # noqa: S311 - seeded on purpose
    first_ns, interval_ns = nanoseconds(start), interval_s * SECOND_NS
    lowest, highest = to_units(low, _VOLUME_DECIMALS), to_units(high, _VOLUME_DECIMALS)
    drawn = ((first_ns + row * interval_ns, draws.randint(lowest, highest)) for row in range(rows))
    _write(path, _frames(drawn, {"rate": _VOLUME_DECIMALS}))


def _walk(seed: int, rows: int, walk: Walk) -> Iterator[tuple[int, int, int, int, int]]:
    """The bars: open, high, low and close in ticks, and the volume."""
    draws = random.Random(seed)  # noqa: S311 - seeded on purpose
    basis_draws = random.Random(walk.basis_seed)  # noqa: S311 - likewise
    position = opening = to_units(walk.start_price, walk.price_decimals)
    floor, step, wick, basis = (
        walk.floor_ticks,
        walk.step_ticks,
        walk.wick_ticks,
        walk.basis_ticks,
    )
    if position < floor:
        msg = f"start_price is {walk.start_price}; give at least {floor} ticks, or smaller wicks"
        raise ConfigError(msg)
    for _ in range(rows):
        # One number of 64 bits for the four draws of a bar is four times as fast.
        bits = draws.getrandbits(4 * _DRAW_BITS)
        position += _scaled(bits, 2 * step + 1) - step
        position = max(floor, position)
        close = position
        if basis:
            close += _scaled(basis_draws.getrandbits(_DRAW_BITS), 2 * basis + 1) - basis
        high = max(opening, close) + _scaled(bits >> 16, wick + 1)
        low = min(opening, close) - _scaled(bits >> 32, wick + 1)
        yield opening, high, low, close, (bits >> 48) * _VOLUME_UNIT
        opening = close


def _scaled(bits: int, size: int) -> int:
    """A whole number from 0 to size - 1 out of the lowest 16 bits."""
    return (bits & _DRAW_MASK) * size >> _DRAW_BITS


def _frames(rows: Iterator[tuple[int, ...]], decimals: dict[str, int]) -> Iterator[pl.DataFrame]:
    """The rows as frames; at least one, which may be empty."""
    names = ("timestamp", *decimals)
    batch = list(islice(rows, _BATCH_ROWS))
    while True:
        frame = pl.DataFrame(batch, schema=dict.fromkeys(names, pl.Int64), orient="row")
        yield frame.select(
            pl.col("timestamp").cast(pl.Datetime("ns", "UTC")).cast(pl.Datetime("us", "UTC")),
            *(
                pl.col(name).cast(pl.Int128).reinterpret(dtype=pl.Decimal(38, places))
                for name, places in decimals.items()
            ),
        )
        batch = list(islice(rows, _BATCH_ROWS))
        if not batch:
            return


def _write(path: Path, frames: Iterator[pl.DataFrame]) -> None:
    """Writes the frames to a file that is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".generating-", dir=path.parent) as folder:
        made = Path(folder) / path.name
        match path.suffix.lower():
            case ".csv":
                with made.open("wb") as file:
                    for number, frame in enumerate(frames):
                        stamp = pl.col("timestamp").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
                        frame.with_columns(stamp).write_csv(file, include_header=not number)
            case ".parquet":
                parts = PartWriter(Path(folder) / "parts")
                for frame in frames:
                    parts.add(frame)
                parts.finish(made)
            case ending:
                msg = f"{path} ends in {ending!r}; give a file that ends in .csv or .parquet"
                raise ConfigError(msg)
        made.replace(path)
