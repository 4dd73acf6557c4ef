"""Time stamps as integer nanoseconds since the epoch, UTC.

Allowed are ISO 8601 (`2024-01-01T00:00:00Z`; a space for the T; a date alone; up to nine
digits of a second; `Z`, an offset such as `+02:00`, or nothing, which means UTC) and whole
numbers since the epoch, whose unit follows from their size:

    below 10**11   seconds
    below 10**14   milliseconds   (from March 1973 on; a smaller number means seconds)
    below 10**17   microseconds   (likewise)
    otherwise      nanoseconds    (likewise)

The years 1970 to 2199 are accepted, so that a stamp in a wrong unit does not pass.

`nanoseconds` reads one stamp of any kind. `nanoseconds_of` reads a column in bulk and
leaves out what is unusual, so that speed and the exact rules stay apart; a test shows that
both agree.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

import polars as pl

SECOND_NS: Final = 10**9
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
YEARS: Final = (1970, 2199)
END_NS: Final = (
    (datetime(YEARS[1] + 1, 1, 1, tzinfo=UTC) - EPOCH) // timedelta(seconds=1) * SECOND_NS
)

_ALLOWED: Final = (
    "allowed are ISO 8601 (2024-01-31T12:00:00Z; without an offset it is UTC) and whole "
    "seconds, milli-, micro- or nanoseconds since the epoch, in the years 1970 to 2199"
)
_UNITS: Final = ((10**11, SECOND_NS), (10**14, 10**6), (10**17, 10**3))

_REST = r"(?:[.,]([0-9]{1,9}))?\s?(?:(Z)|([+-])([01][0-9]|2[0-3]):?([0-5][0-9])?)?"
_DATE_ONLY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ISO: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2})" + f"({_REST})", re.IGNORECASE
)
_REST_OF_ISO: Final = re.compile(_REST, re.IGNORECASE)
_EPOCH_NUMBER: Final = re.compile(r"[0-9]{1,19}")

# The ordinary stamp: its first 19 characters are read in bulk, and what follows them, such
# as ".000Z", is nearly always the same text.
_HEAD_LENGTH: Final = 19
_HEAD: Final = (
    r"^(?:19[7-9]|20[0-9]|21[0-9])[0-9]-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-5][0-9]"
)


def nanoseconds(stamp: object) -> int:
    """The time stamp in nanoseconds.

    Raises:
        ValueError: the stamp is missing, is none of what is allowed, or is out of range.
    """
    text = "" if stamp is None else str(stamp).strip()
    if not text:
        msg = f"the time stamp is missing; {_ALLOWED}"
        raise ValueError(msg)
    time_ns = _from_epoch(int(text)) if _EPOCH_NUMBER.fullmatch(text) else _from_iso(text)
    if time_ns is None or not 0 <= time_ns < END_NS:
        msg = f"{text!r} is no time stamp; {_ALLOWED}"
        raise ValueError(msg)
    return time_ns


def nanoseconds_of(column: pl.Series) -> pl.Series | None:
    """The column in nanoseconds, null where a stamp must be read by `nanoseconds`.

    None if the column's type holds no time stamps.
    """
    kind = column.dtype
    if kind == pl.String:
        plain = column.str.contains(r"^[0-9]{1,19}$").all()
        times = _bulk_epoch(column) if plain else _bulk_iso(column)
    elif kind.is_integer():
        times = _bulk_epoch(column)
    elif isinstance(kind, pl.Datetime | pl.Date):
        in_years = column.dt.year().is_between(*YEARS)
        # A time outside those years would overflow nanoseconds without a word.
        times = pl.select(pl.when(in_years).then(column.cast(pl.Datetime("ns")))).to_series()
    else:
        return None
    times = times.cast(pl.Int64)
    usable = times.is_between(0, END_NS, closed="left")
    return pl.select(pl.when(usable).then(times)).to_series()


def iso(time_ns: int) -> str:
    """The time as people read it, in UTC."""
    moment = EPOCH + timedelta(microseconds=time_ns // 1000)
    return moment.isoformat().replace("+00:00", "Z")


def _from_epoch(number: int) -> int:
    for limit, factor in _UNITS:
        if number < limit:
            return number * factor
    return number


def _from_iso(text: str) -> int | None:
    whole = f"{text}T00:00:00" if _DATE_ONLY.fullmatch(text) else text
    found = _ISO.fullmatch(whole)
    rest_ns = None if found is None else _rest_ns(found[2])
    if found is None or rest_ns is None:
        return None
    try:
        moment = datetime.fromisoformat(f"{found[1]}+00:00")
    except ValueError:
        return None
    return (moment - EPOCH) // timedelta(seconds=1) * SECOND_NS + rest_ns


def _rest_ns(rest: str) -> int | None:
    """What the fraction and the offset after the seconds add, or None if they are neither."""
    found = _REST_OF_ISO.fullmatch(rest)
    if found is None:
        return None
    fraction, _, sign, hours, minutes = found.groups()
    fraction_ns = int((fraction or "").ljust(9, "0"))
    offset_s = int(hours or 0) * 3600 + int(minutes or 0) * 60
    return fraction_ns + (offset_s if sign == "-" else -offset_s) * SECOND_NS


def _bulk_epoch(column: pl.Series) -> pl.Series:
    numbers = column.cast(pl.Int64, strict=False)
    unit: pl.Expr = pl.lit(1)
    for limit, factor in reversed(_UNITS):
        unit = pl.when(numbers < limit).then(factor).otherwise(unit)
    return pl.select(numbers * unit).to_series()


def _bulk_iso(column: pl.Series) -> pl.Series:
    ordinary = column.filter(column.str.contains(_HEAD))
    separator = ordinary[0][10] if len(ordinary) else "T"
    layout = f"%Y-%m-%d{separator}%H:%M:%S"
    heads = column.str.slice(0, _HEAD_LENGTH).str.to_datetime(layout, time_unit="us", strict=False)
    rests = column.str.slice(_HEAD_LENGTH)
    kinds = rests.drop_nulls().unique()
    added = rests.replace_strict(
        kinds, [_rest_ns(kind) for kind in kinds], default=None, return_dtype=pl.Int64
    )
    times = heads.cast(pl.Int64) * 1000 + added
    return pl.select(pl.when(column.str.contains(_HEAD)).then(times)).to_series()
