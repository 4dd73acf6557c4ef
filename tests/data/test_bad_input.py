"""What is wrong in a file is refused by row and column, with the fix, and leaves nothing."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from attrs import evolve

from tests.data.files import (
    HEADER,
    START,
    bar,
    bars,
    closes,
    minute_bars,
    prepared,
    refusal,
    times,
    write_csv,
    write_parquet,
)
from verifill.engine.errors import ConfigError, DataError
from verifill.venues.data import BarFile, SeriesFile, prepare

GOOD = bars(0, 1, 2)


def test_a_missing_file(tmp_path: Path) -> None:
    error = refusal(tmp_path, minute_bars(tmp_path / "none.csv"))

    assert str(tmp_path / "none.csv") == error.path
    assert "no such file" in error.message


@pytest.mark.parametrize("name", ["empty.csv", "empty.parquet"])
def test_an_empty_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()

    assert "the file is empty" in refusal(tmp_path, minute_bars(tmp_path / name)).message


@pytest.mark.parametrize("text", [HEADER, f"{HEADER}\n", f"# comment\n{HEADER}\n\n# comment\n"])
def test_a_header_without_rows(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.csv").write_text(text)

    assert "header but no rows" in refusal(tmp_path, minute_bars(tmp_path / "a.csv")).message


def test_a_file_of_comments_and_empty_lines(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("# comment\n\n")

    assert "the file has none" in refusal(tmp_path, minute_bars(tmp_path / "a.csv")).message


def test_a_parquet_file_without_rows(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    pl.DataFrame(schema=dict.fromkeys(HEADER.split(","), pl.String)).write_parquet(file)

    assert "no rows" in refusal(tmp_path, minute_bars(file)).message


def test_a_missing_column_lists_those_that_are_there(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "a.csv", ["1,2"], header="timestamp,close")
    error = refusal(tmp_path, minute_bars(file))

    assert error.column == "open"
    assert "the file has timestamp, close" in error.message


def test_a_missing_column_in_parquet(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    pl.DataFrame({"timestamp": [1], "close": [1]}).write_parquet(file)
    error = refusal(tmp_path, minute_bars(file))

    assert error.column == "open"
    assert "the file has timestamp, close" in error.message


def test_a_column_that_stands_twice(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "a.csv", ["1"], header=f"{HEADER},close")
    error = refusal(tmp_path, minute_bars(file))

    assert error.column == "close"
    assert "more than once" in error.message


def test_a_directory(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()

    error = refusal(tmp_path, minute_bars(tmp_path / "folder.csv"))
    assert "this is a directory; give one .csv or .parquet file" in error.message


def test_an_unknown_file_type(tmp_path: Path) -> None:
    error = refusal(tmp_path, minute_bars(write_csv(tmp_path / "a.xlsx", GOOD)))

    assert "unknown type '.xlsx'; give one .csv or .parquet file" in error.message


def test_what_is_no_parquet_file(tmp_path: Path) -> None:
    error = refusal(tmp_path, minute_bars(write_csv(tmp_path / "a.parquet", GOOD)))

    assert "no whole Parquet file" in error.message


def test_a_parquet_file_that_is_damaged_inside(tmp_path: Path) -> None:
    file = write_parquet(tmp_path / "a.parquet")
    content = bytearray(file.read_bytes())
    content[4:40] = b"\xff" * 36
    file.write_bytes(content)

    assert "no whole Parquet file" in refusal(tmp_path, minute_bars(file)).message


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_csv(tmp_path / "a.csv", GOOD)

    def refuse(_path: Path, *_args: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    error = refusal(tmp_path, minute_bars(file))

    assert str(file) == error.path
    assert "cannot be read: [Errno 13] Permission denied" in error.message


@pytest.mark.parametrize(
    ("kind", "column"),
    [(pl.Float32, "close"), (pl.Boolean, "volume"), (pl.Float64, "timestamp")],
)
def test_a_parquet_column_of_a_type_that_cannot_be_exact(
    tmp_path: Path, kind: type[pl.DataType], column: str
) -> None:
    file = write_parquet(tmp_path / "a.parquet", **{column: pl.Series([1, 1]).cast(kind)})
    error = refusal(tmp_path, minute_bars(file))

    assert column == error.column
    assert f"the column holds {kind()}; allowed is" in error.message


def test_an_unparsable_time_stamp(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "a.csv", [*GOOD, "today,1,1,1,1,1"])
    error = refusal(tmp_path, minute_bars(file))

    assert (4, "timestamp") == (error.row, error.column)
    assert "'today' is no time stamp; allowed are ISO 8601" in error.message
    assert error.message.endswith("(line 5 of the file)")


def test_the_line_counts_comments_and_empty_lines(tmp_path: Path) -> None:
    lines = ["# comment", "", GOOD[0], "", "# comment", "today,1,1,1,1,1"]
    file = write_csv(tmp_path / "a.csv", lines)
    error = refusal(tmp_path, minute_bars(file))

    assert error.row == 2
    assert error.message.endswith("(line 7 of the file)")


@pytest.mark.parametrize(("minutes", "fault"), [((0, 1, 1), "repeated"), ((0, 2, 1), "goes back")])
def test_a_repeated_or_backward_time_stamp(
    tmp_path: Path, minutes: tuple[int, ...], fault: str
) -> None:
    error = refusal(tmp_path, minute_bars(write_csv(tmp_path / "a.csv", bars(*minutes))))

    assert (3, "timestamp") == (error.row, error.column)
    assert fault in error.message
    assert "sort the file by time" in error.message


def test_a_repeated_time_stamp_in_parquet(tmp_path: Path) -> None:
    file = write_parquet(tmp_path / "a.parquet", timestamp=[START, START])
    error = refusal(tmp_path, minute_bars(file))

    assert (2, "timestamp") == (error.row, error.column)


@pytest.mark.parametrize(
    ("price", "message"),
    [
        ("nan", "no finite decimal number"),
        ("inf", "no finite decimal number"),
        ("", "is missing"),
        ("0", "the price is 0.00; a price is above zero"),
        ("-5", "the price is -5.00; a price is above zero"),
        ("1.234", "has 3 decimal places, price_decimals allows 2"),
        ("1e30", "is too large"),
        ("ten", "no finite decimal number"),
    ],
)
def test_a_price_that_cannot_be(tmp_path: Path, price: str, message: str) -> None:
    row = bar(3, f"100,200,1,{price}")
    error = refusal(tmp_path, minute_bars(write_csv(tmp_path / "a.csv", [*GOOD, row])))

    assert (4, "close") == (error.row, error.column)
    assert message in error.message


@pytest.mark.parametrize("price", [float("nan"), float("inf"), None, 0.0, -1.0, 1.234])
def test_a_price_in_parquet_that_cannot_be(tmp_path: Path, price: float | None) -> None:
    file = write_parquet(tmp_path / "a.parquet", low=[9.0, price])
    error = refusal(tmp_path, minute_bars(file))

    assert (2, "low") == (error.row, error.column)


@pytest.mark.parametrize(
    ("prices", "column", "message"),
    [
        ("10,8,9,8.5", "high", "the high 8.00 is below the low 9.00"),
        ("10,12,9,8", "close", "the close 8.00 lies outside its bar, low 9.00 to high 12.00"),
        ("10,12,9,13", "close", "the close 13.00 lies outside its bar"),
        ("13,12,9,10", "open", "the open 13.00 lies outside its bar"),
        ("8,12,9,10", "open", "the open 8.00 lies outside its bar"),
    ],
)
def test_a_bar_that_contradicts_itself(
    tmp_path: Path, prices: str, column: str, message: str
) -> None:
    file = write_csv(tmp_path / "a.csv", [*GOOD, bar(3, prices)])
    error = refusal(tmp_path, minute_bars(file))

    assert (4, column) == (error.row, error.column)
    assert message in error.message


def test_a_negative_volume(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "a.csv", [bar(0, volume="-0.5")])
    error = refusal(tmp_path, minute_bars(file))

    assert (1, "volume") == (error.row, error.column)
    assert "the volume is -0.50000000; a volume is not negative" in error.message


def test_a_volume_too_large_names_its_setting(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "a.csv", [bar(0, volume="1e12")])

    assert "set volume_decimals lower" in refusal(tmp_path, minute_bars(file)).message


def test_the_first_of_several_bad_rows_is_named(tmp_path: Path) -> None:
    rows = [GOOD[0], bar(1, "1,1,1,x"), bar(2, "x,1,1,1")]
    error = refusal(tmp_path, minute_bars(write_csv(tmp_path / "a.csv", rows)))

    assert (2, "close") == (error.row, error.column)


def test_a_row_with_too_many_fields(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "a.csv", [*GOOD, f"{bar(3)},7"])
    error = refusal(tmp_path, minute_bars(file))

    assert error.row == 4
    assert "the row has 7 fields where the header has 6" in error.message


def test_a_row_with_too_few_fields(tmp_path: Path) -> None:
    error = refusal(tmp_path, minute_bars(write_csv(tmp_path / "a.csv", [*GOOD, "1,2"])))

    assert error.row == 4


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "a.csv", GOOD)
    file.write_bytes(file.read_bytes() + b"\xff\xfe,1,1,1,1,1\n")

    assert "no UTF-8 text in CSV form" in refusal(tmp_path, minute_bars(file)).message


def test_a_time_stamp_off_the_interval(tmp_path: Path) -> None:
    rows = [*GOOD, GOOD[2].replace("02:00Z", "03:30Z")]
    error = refusal(tmp_path, minute_bars(write_csv(tmp_path / "a.csv", rows)))

    assert (4, "timestamp") == (error.row, error.column)
    assert "comes 90 s after the one before" in error.message
    assert "no multiple of the interval, 60 s" in error.message


def test_two_files_with_different_intervals(tmp_path: Path) -> None:
    minutes = write_csv(tmp_path / "minutes.csv", GOOD)
    pairs = write_csv(tmp_path / "pairs.csv", bars(0, 2, 4))
    error = refusal(tmp_path, BarFile(minutes, "spot"), BarFile(pairs, "perp"))

    assert str(pairs) == error.path
    assert f"these bars are 120 s apart, those of {minutes} 60 s" in error.message


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_files_without_a_common_time(tmp_path: Path, order: tuple[int, int]) -> None:
    early = minute_bars(write_csv(tmp_path / "early.csv", GOOD), "early")
    late = minute_bars(write_csv(tmp_path / "late.csv", bars(7, 8)), "late")
    files = (early, late)
    error = refusal(tmp_path, *(files[place] for place in order))

    assert "no time is common to all instruments" in error.message
    assert f"{early.path} at 2024-01-01T00:01:00Z" in error.message
    assert f"{late.path} at 2024-01-01T00:08:00Z" in error.message


def test_two_files_whose_bars_never_close_together(tmp_path: Path) -> None:
    even = write_csv(tmp_path / "even.csv", bars(0, 2, 4))
    odd = write_csv(tmp_path / "odd.csv", bars(1, 3, 5))
    error = refusal(tmp_path, BarFile(even, "even"), BarFile(odd, "odd"), gaps="skip")

    assert "no time is common" in error.message


def test_two_files_whose_gaps_leave_no_common_time(tmp_path: Path) -> None:
    even = write_csv(tmp_path / "even.csv", bars(0, 2, 4, 6))
    odd = write_csv(tmp_path / "odd.csv", bars(1, 3, 5))
    error = refusal(tmp_path, minute_bars(even, "even"), minute_bars(odd, "odd"), gaps="skip")

    assert "no time is common" in error.message


def test_one_bar_does_not_tell_its_interval(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "a.csv", GOOD[:1])

    assert "give interval_s" in refusal(tmp_path, BarFile(file, "spot")).message


def test_prices_with_more_places_than_any_integer_holds(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "a.csv", [bar(0, f"1,2,1,1.{'1' * 20}")])
    error = refusal(tmp_path, minute_bars(file, price_decimals=None))

    assert "a price has 20 decimal places, more than 18; give price_decimals" in error.message


def test_a_bad_value_in_a_series(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "rates.csv", ["2024-01-01,0.1", "2024-01-02,x"], "time,rate")
    series = SeriesFile(file, "funding", time_column="time", value_column="rate")
    good = minute_bars(write_csv(tmp_path / "a.csv", GOOD))
    with pytest.raises(DataError, match="no finite decimal number") as caught:
        prepare([good], [series], tmp_path / "history", gaps="error")

    assert (str(file), 2, "rate") == (caught.value.path, caught.value.row, caught.value.column)
    assert not (tmp_path / "history").exists()


def test_a_series_that_goes_back(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "rates.csv", ["2024-01-02,1", "2024-01-01,2"], "time,rate")
    series = SeriesFile(file, "funding", time_column="time", value_column="rate")
    good = minute_bars(write_csv(tmp_path / "a.csv", GOOD))
    with pytest.raises(DataError, match="goes back"):
        prepare([good], [series], tmp_path / "history", gaps="error")


def test_a_bad_row_beyond_the_common_time_is_found(tmp_path: Path) -> None:
    short = minute_bars(write_csv(tmp_path / "short.csv", bars(0, 1)), "short")
    long = minute_bars(write_csv(tmp_path / "long.csv", [*bars(0, 1, 2, 3), "x,1,1,1,1,1"]), "long")

    assert refusal(tmp_path, short, long).row == 5


def test_a_target_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    good = minute_bars(write_csv(tmp_path / "a.csv", GOOD))
    with pytest.raises(DataError, match=r"cannot be written: .*; choose a folder"):
        prepare([good], [], tmp_path / "file" / "history", gaps="error")


def test_an_earlier_history_survives_a_refused_one(tmp_path: Path) -> None:
    good = minute_bars(write_csv(tmp_path / "good.csv", GOOD))
    bad = minute_bars(write_csv(tmp_path / "bad.csv", bars(0, 0)))
    before = prepared(tmp_path, good)
    with pytest.raises(DataError):
        prepared(tmp_path, bad)

    assert closes(before) == [10_000, 10_100, 10_200]
    assert {"history.json", "market.parquet", "series.parquet"} == {
        entry.name for entry in (tmp_path / "history").iterdir()
    }


def test_an_earlier_history_is_replaced_by_a_good_one(tmp_path: Path) -> None:
    prepared(tmp_path, minute_bars(write_csv(tmp_path / "a.csv", GOOD)))
    after = prepared(tmp_path, minute_bars(write_csv(tmp_path / "b.csv", bars(5, 6))))

    assert closes(after) == [10_500, 10_600]


def test_an_instrument_given_twice(tmp_path: Path) -> None:
    file = minute_bars(write_csv(tmp_path / "a.csv", GOOD))
    with pytest.raises(ConfigError, match="instrument spot is given more than once"):
        prepared(tmp_path, file, file)


def test_a_series_given_twice(tmp_path: Path) -> None:
    series = SeriesFile(tmp_path / "a", "funding", time_column="time", value_column="rate")
    with pytest.raises(ConfigError, match="series funding is given more than once"):
        prepared(tmp_path, series=[series, series])


def test_no_bars_at_all(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no file of bars"):
        prepared(tmp_path)


def test_an_unknown_gap_policy(tmp_path: Path) -> None:
    file = minute_bars(write_csv(tmp_path / "a.csv", GOOD))
    with pytest.raises(ConfigError, match=r"gaps is 'ignore'.*'error', 'skip' or 'carry'"):
        prepared(tmp_path, file, gaps="ignore")  # type: ignore[arg-type] # the point  # pyright: ignore[reportArgumentType] # the point


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"price_decimals": 19}, "price_decimals is 19; allowed is 0 to 18"),
        ({"price_decimals": -1}, "price_decimals is -1"),
        ({"volume_decimals": 19}, "volume_decimals is 19"),
        ({"interval_s": 0}, "interval_s is 0; give a positive number"),
        ({"stamp": "middle"}, "stamp is 'middle'; allowed are 'open' and 'close'"),
        ({"columns": {"time": "t"}}, "columns renames time; allowed are timestamp, open"),
    ],
    ids=str,
)
def test_a_setting_of_bars_that_cannot_be(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        evolve(BarFile(Path("a.csv"), "spot"), **setting)


def test_a_setting_of_a_series_that_cannot_be() -> None:
    with pytest.raises(ConfigError, match="decimals is 38; allowed is 0 to 37"):
        SeriesFile(Path("a.csv"), "s", time_column="t", value_column="v", decimals=38)


def test_good_rows_are_kept_to_the_last_digit(tmp_path: Path) -> None:
    history = prepared(tmp_path, minute_bars(write_csv(tmp_path / "a.csv", GOOD)))

    assert closes(history) == [10_000, 10_100, 10_200]
    assert times(history)[0] == int(datetime(2024, 1, 1, 0, 1, tzinfo=UTC).timestamp()) * 10**9
    assert len(times(history)) == len({*times(history)}) == timedelta(minutes=3).seconds // 60
