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

_EPOCH_NUMBER: Final = re.compile(r"[0-9]{1,19}")
_DATE_LENGTH: Final = 10
# polars would take 60 seconds for a leap second, and move it to the next day.
_HEAD: Final = "[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-5][0-9]"
_HEAD_LENGTH: Final = 19
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME_OF_DAY: Final = re.compile(
    r"(?:[T ]([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9])(?:[.,]([0-9]{1,9}))?)?)?"
    r" ?(?:Z|([+-])([01][0-9]|2[0-3]):?([0-5][0-9])?)?",
    re.IGNORECASE,
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
        # A time outside those years would overflow nanoseconds without a word.
        in_years = _where(column.dt.year().is_between(*YEARS), column)
        times = in_years.cast(pl.Datetime("ns")).cast(pl.Int64)
    else:
        return None
    return _where(times.is_between(0, END_NS, closed="left"), times)


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
    date_ns = _date_ns(text[:_DATE_LENGTH])
    rest_ns = _time_of_day_ns(text[_DATE_LENGTH:])
    return None if date_ns is None or rest_ns is None else date_ns + rest_ns


def _date_ns(text: str) -> int | None:
    if not _DATE.fullmatch(text):
        return None
    try:
        date = datetime.fromisoformat(f"{text}T00:00:00+00:00")
    except ValueError:
        return None
    return (date - EPOCH).days * 24 * 3600 * SECOND_NS


def _time_of_day_ns(text: str) -> int | None:
    """What follows the date: time, fraction and offset; nothing is midnight UTC."""
    found = _TIME_OF_DAY.fullmatch(text)
    if found is None:
        return None
    hour, minute, second, fraction, sign, offset_hour, offset_minute = found.groups(default="0")
    offset_s = int(offset_hour) * 3600 + int(offset_minute) * 60
    day_s = int(hour) * 3600 + int(minute) * 60 + int(second)
    day_s += offset_s if sign == "-" else -offset_s
    return day_s * SECOND_NS + int(fraction.ljust(9, "0"))


def _bulk_epoch(column: pl.Series) -> pl.Series:
    number = column.cast(pl.Int64, strict=False)
    unit: pl.Expr = pl.lit(1)
    for limit, factor in reversed(_UNITS):
        unit = pl.when(number < limit).then(factor).otherwise(unit)
    return pl.select(number * unit).to_series()


def _bulk_iso(column: pl.Series) -> pl.Series:
    """Reads the stamps that are written as the first one is, which nearly always all are."""
    first = str(column.drop_nulls().first())
    head, rest = first[:_HEAD_LENGTH], first[_HEAD_LENGTH:]
    rest_ns = _time_of_day_ns(f"T00:00:00{rest}")
    if rest_ns is None or not re.fullmatch(_HEAD, head):
        return pl.Series([None], dtype=pl.Int64).new_from_index(0, len(column))
    layout = f"%Y-%m-%d{head[_DATE_LENGTH]}%H:%M:%S{rest}"
    time_us = column.str.to_datetime(layout, time_unit="us", strict=False).cast(pl.Int64)
    alike = column.str.contains(f"^{_HEAD}{re.escape(rest)}$")
    # Nanoseconds would overflow without a word.
    in_range = time_us.is_between(0, END_NS // 1000)
    return _where(alike & in_range, time_us * 1000 + rest_ns)


def _where(condition: pl.Series, values: pl.Series) -> pl.Series:
    return pl.select(pl.when(condition).then(values)).to_series()
