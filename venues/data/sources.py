"""The sources of a history: which file holds what, in which columns, in which units."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from attrs import field, frozen

from verifill.engine.errors import ConfigError

Gaps = Literal["error", "skip", "carry"]
Stamp = Literal["open", "close"]

PRICES: Final = ("open", "high", "low", "close")
FIELDS: Final = ("timestamp", *PRICES, "volume")
_OPEN: Final[Stamp] = "open"

# A bar's numbers are 64-bit integers, a series' numbers 128-bit ones.
BAR_DECIMALS_MAX: Final = 18
SERIES_DECIMALS_MAX: Final = 37


@frozen
class BarFile:
    """One CSV or Parquet file of bars of one instrument, ordered by time.

    Time stamps may be ISO 8601 (one without an offset is UTC) or whole seconds, milli-,
    micro- or nanoseconds since the epoch (see `stamps`).

    Attributes:
        path: The file; its ending says what it is (.csv, .parquet, .pq).
        instrument: The instrument's name, `venue:symbol`; opaque here.
        price_decimals: A price becomes an integer in units of 10**-price_decimals; None
            takes the most decimal places that the file's prices have.
        interval_s: Seconds from one bar to the next; None takes what the file's first
            thousand bars mostly have.
        stamp: Whether a time stamp is the time at which its bar opened or closed. A bar is
            known when it closes, so interval_s is added to an opening stamp.
        columns: What the file calls the columns, by our names: `{"timestamp": "time"}`.
        volume_decimals: A volume becomes an integer in units of 10**-volume_decimals; what
            a sum of floats leaves behind the last one is dropped (see `exact`).
    """

    path: Path = field(converter=Path)
    instrument: str
    price_decimals: int | None = field(default=None, kw_only=True)
    interval_s: int | None = field(default=None, kw_only=True)
    stamp: Stamp = field(default=_OPEN, kw_only=True)
    columns: Mapping[str, str] = field(factory=dict[str, str], kw_only=True)
    volume_decimals: int = field(default=8, kw_only=True)

    def __attrs_post_init__(self) -> None:
        """Refuses what no file can be read with."""
        _check_decimals("price_decimals", self.price_decimals or 0, BAR_DECIMALS_MAX)
        _check_decimals("volume_decimals", self.volume_decimals, BAR_DECIMALS_MAX)
        if self.interval_s is not None and self.interval_s <= 0:
            msg = f"interval_s is {self.interval_s}; give a positive number, or leave it out"
            raise ConfigError(msg)
        if self.stamp not in {"open", "close"}:
            msg = f"stamp is {self.stamp!r}; allowed are 'open' and 'close'"
            raise ConfigError(msg)
        unknown = sorted(set(self.columns) - set(FIELDS))
        if unknown:
            msg = f"columns renames {', '.join(unknown)}; allowed are {', '.join(FIELDS)}"
            raise ConfigError(msg)


@frozen
class SeriesFile:
    """One CSV or Parquet file of a sparse series: funding, an index, a rate, a gas price.

    A value is known at its time stamp, and stands until the next one.

    Attributes:
        path: The file; its ending says what it is (.csv, .parquet, .pq).
        name: The series' name in the history.
        time_column: The column of the time stamps, as in `BarFile`.
        value_column: The column of the values; they may be negative.
        decimals: A value becomes an integer in units of 10**-decimals.
    """

    path: Path = field(converter=Path)
    name: str
    time_column: str = field(kw_only=True)
    value_column: str = field(kw_only=True)
    decimals: int = field(default=18, kw_only=True)

    def __attrs_post_init__(self) -> None:
        """Refuses what no file can be read with."""
        _check_decimals("decimals", self.decimals, SERIES_DECIMALS_MAX)


def _check_decimals(setting: str, value: int, maximum: int) -> None:
    if not 0 <= value <= maximum:
        msg = f"{setting} is {value}; allowed is 0 to {maximum}"
        raise ConfigError(msg)
