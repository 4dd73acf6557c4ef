"""Time stamps of every form become exact nanoseconds, and nothing else passes for one."""

from datetime import UTC, date, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifill.venues.data.stamps import END_NS, iso, nanoseconds, nanoseconds_of

NOON_NS = 1_704_110_400 * 10**9
NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)

moments = st.datetimes(
    min_value=datetime(1973, 4, 1),  # noqa: DTZ001 - the strategy adds the zone
    max_value=datetime(2199, 12, 30),  # noqa: DTZ001 - likewise
    timezones=st.just(UTC),
)


def nanoseconds_at(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000


def read(*stamps: object) -> list[int | None]:
    """The stamps read in bulk."""
    column = nanoseconds_of(pl.Series(stamps))
    assert column is not None
    return column.to_list()


@pytest.mark.parametrize(
    "stamp",
    [
        "2024-01-01T12:00:00Z",
        "2024-01-01t12:00:00z",
        "2024-01-01 12:00:00",
        "2024-01-01 12:00",
        "2024-01-01T12:00:00.000",
        "2024-01-01T12:00:00,000000000Z",
        "2024-01-01T14:00:00+02:00",
        "2024-01-01 06:30:00-0530",
        "2024-01-01T13:00:00 +01",
        "  2024-01-01T12:00:00Z ",
        "1704110400",
        "1704110400000",
        "1704110400000000",
        "1704110400000000000",
        1704110400,
        NOON,
    ],
    ids=repr,
)
def test_noon_is_noon_in_every_form(stamp: object) -> None:
    assert nanoseconds(stamp) == NOON_NS
    assert read(stamp)[0] in {NOON_NS, None}


def test_a_date_alone_is_its_midnight() -> None:
    assert nanoseconds("2024-01-01") == NOON_NS - 12 * 3600 * 10**9
    assert nanoseconds(date(2024, 1, 1)) == NOON_NS - 12 * 3600 * 10**9


def test_a_fraction_is_exact_to_the_nanosecond() -> None:
    assert nanoseconds("2024-01-01T12:00:00.000000001Z") == NOON_NS + 1


@pytest.mark.parametrize(
    "stamp",
    [
        "yesterday",
        "2024-02-30T00:00:00Z",
        "2024-01-01T24:00:00Z",
        "2016-12-31T23:59:60Z",
        "2024-01-01T00:00:00.0000000001Z",
        "2024-01-01T00:00:00+25:00",
        "01/02/2024",
        "1704110400.5",
        "1969-12-31T23:59:59Z",
        "2200-01-01T00:00:00Z",
        "9999-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "-1",
        "9999999999999999999",
        "\uff11704110400",
    ],
)
def test_what_is_no_time_stamp_is_refused_with_what_is_allowed(stamp: str) -> None:
    with pytest.raises(ValueError, match="no time stamp; allowed are ISO 8601"):
        nanoseconds(stamp)

    assert read(stamp) == [None]
    assert read("2024-01-01T12:00:00Z", stamp) == [NOON_NS, None]


@pytest.mark.parametrize("stamp", [None, "", "   "], ids=repr)
def test_a_missing_stamp_is_refused(stamp: str | None) -> None:
    with pytest.raises(ValueError, match="missing"):
        nanoseconds(stamp)


@given(st.lists(moments, min_size=1), st.sampled_from(["T", " "]), st.sampled_from(["Z", ""]))
def test_a_column_of_iso_stamps_is_read_in_bulk(
    stamps: list[datetime], separator: str, zone: str
) -> None:
    seconds = [moment.replace(microsecond=0) for moment in stamps]
    texts = [f"{moment:%Y-%m-%d{separator}%H:%M:%S}{zone}" for moment in seconds]

    assert [nanoseconds_at(moment) for moment in seconds] == read(*texts)


@given(st.lists(moments | st.sampled_from(["?", "2024-02-30T00:00:00Z"]), min_size=1))
def test_bulk_reading_leaves_out_or_agrees(stamps: list[datetime | str]) -> None:
    texts = [stamp if isinstance(stamp, str) else stamp.isoformat() for stamp in stamps]

    for text, found in zip(texts, read(*texts), strict=True):
        assert found is None or found == nanoseconds(text)


@given(moments, st.sampled_from([10**9, 10**6, 10**3, 1]))
def test_the_unit_of_a_number_follows_from_its_size(moment: datetime, unit_ns: int) -> None:
    number = nanoseconds_at(moment) // unit_ns

    assert number * unit_ns == nanoseconds(number)
    assert [number * unit_ns] * 2 == read(number, number)
    assert [number * unit_ns] == read(str(number))


@given(moments, st.sampled_from(["ms", "us", "ns"]))
def test_a_datetime_column_is_read_in_its_own_unit(moment: datetime, unit: str) -> None:
    whole = moment.replace(microsecond=0)
    column = pl.Series([whole], dtype=pl.Datetime("us", "UTC"))
    found = nanoseconds_of(column.dt.cast_time_unit("ms" if unit == "ms" else "ns"))

    assert found is not None
    assert [nanoseconds_at(whole)] == found.to_list()


def test_a_datetime_column_without_a_zone_is_utc() -> None:
    assert [NOON_NS] == read(NOON.replace(tzinfo=None))


def test_a_datetime_column_with_a_zone_is_moved_to_utc() -> None:
    assert [NOON_NS] == read(NOON.astimezone(timezone(timedelta(hours=2))))


def test_a_date_column_is_read() -> None:
    assert [NOON_NS - 12 * 3600 * 10**9, None] == read(date(2024, 1, 1), date(9999, 1, 1))


def test_a_number_out_of_range_is_left_out() -> None:
    assert [None, None, None] == read(-1, END_NS, None)


@pytest.mark.parametrize("kind", [pl.Float64, pl.Boolean])
def test_no_other_type_holds_time_stamps(kind: type[pl.DataType]) -> None:
    assert None is nanoseconds_of(pl.Series([None], dtype=kind))


def test_a_column_without_any_stamp_is_left_out_whole() -> None:
    found = nanoseconds_of(pl.Series([None, None], dtype=pl.String))

    assert found is not None
    assert [None, None] == found.to_list()


def test_a_time_is_shown_in_utc() -> None:
    assert iso(NOON_NS) == "2024-01-01T12:00:00Z"
    assert iso(NOON_NS + 5 * 10**8) == "2024-01-01T12:00:00.500000Z"
