"""Good files in every form become one history, exact and in the order of time."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.files import (
    HEADER,
    MINUTE_NS,
    START,
    START_NS,
    bar,
    bars,
    closes,
    minute_bars,
    prepared,
    stamp,
    times,
    write_csv,
    write_parquet,
)
from verifill.engine.amounts import to_decimal
from verifill.venues.data import BarFile, SeriesFile, joining, parts, prepare, tables


def test_a_bar_stamped_when_it_opens_is_known_one_interval_later(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "a.csv", bars(0, 1))

    assert times(prepared(tmp_path, BarFile(file, "spot"))) == [
        START_NS + MINUTE_NS,
        START_NS + 2 * MINUTE_NS,
    ]


def test_a_bar_stamped_when_it_closes_is_known_then(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "a.csv", bars(0, 1))

    history = prepared(tmp_path, BarFile(file, "spot", stamp="close"))
    assert [START_NS, START_NS + MINUTE_NS] == times(history)


def test_the_header_says_what_the_history_holds(tmp_path: Path) -> None:
    rates = write_csv(tmp_path / "rates.csv", ["2024-01-01,0.1"], "time,rate")
    history = prepared(
        tmp_path,
        minute_bars(write_csv(tmp_path / "a.csv", bars(0, 1, 2)), "spot", 2),
        BarFile(write_csv(tmp_path / "b.csv", bars(0, 1, 2)), "perp", volume_decimals=3),
        series=[SeriesFile(rates, "funding", time_column="time", value_column="rate")],
    )

    assert history.instruments == ("spot", "perp")
    assert history.series_names == ("funding",)
    assert history.price_decimals == {"spot": 2, "perp": 0}
    assert history.volume_decimals == {"spot": 8, "perp": 3}
    assert (history.rows, history.interval_ns) == (3, MINUTE_NS)
    assert (history.start_ns, history.end_ns) == (START_NS + MINUTE_NS, START_NS + 3 * MINUTE_NS)


def test_every_field_is_kept(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "a.csv", [bar(0, "10.1,12.25,9,11", "1.5")])
    (chunk,) = prepared(tmp_path, minute_bars(file)).chunks()

    assert [chunk.open["spot"], chunk.high["spot"]] == [[1010], [1225]]
    assert [chunk.low["spot"], chunk.close["spot"]] == [[900], [1100]]
    assert chunk.volume["spot"] == [150_000_000]


def test_columns_may_have_other_names(tmp_path: Path) -> None:
    header = "extra,time,o,h,l,close,volume"
    file = write_csv(tmp_path / "a.csv", [f"x,{bar(0)}"], header)
    names = {"timestamp": "time", "open": "o", "high": "h", "low": "l"}

    assert closes(prepared(tmp_path, BarFile(file, "spot", interval_s=60, columns=names))) == [11]


def test_one_column_may_serve_several_fields(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "a.csv", [f"{stamp(0)},5,1"], "timestamp,price,volume")
    names: dict[str, str] = dict.fromkeys(["open", "high", "low", "close"], "price")

    assert closes(prepared(tmp_path, BarFile(file, "spot", interval_s=60, columns=names))) == [5]


@pytest.mark.parametrize(
    "text",
    [
        f"# comment\n\n{HEADER}\n# comment\n\n{bar(0)}\n\n\n# comment\n{bar(1)}\n\n",
        f"\ufeff{HEADER}\n{bar(0)}\n{bar(1)}",
        f"{HEADER}\r\n{bar(0)}\r\n\r\n{bar(1)}\r\n",
        f"\n{HEADER.replace(',', ' , ')}\n{bar(0)}\n{bar(1)}\n",
        '"timestamp","open","high","low","close","volume"\n'
        + "".join(",".join(f'"{cell}"' for cell in bar(m).split(",")) + "\n" for m in (0, 1)),
        f"{HEADER}\n{bar(0).replace(',', ' , ')}\n{bar(1)}\n",
    ],
    ids=["comments", "byte order mark", "CRLF", "spaces in the header", "quotes", "spaces"],
)
def test_a_csv_file_may_be_written_in_many_ways(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.csv").write_bytes(text.encode())

    assert closes(prepared(tmp_path, minute_bars(tmp_path / "a.csv"))) == [1100, 1100]


@pytest.mark.parametrize("name", ["a.csv", "a.CSV", "a.parquet", "a.pq", "a[1]*.parquet"])
def test_the_ending_says_what_a_file_is(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    if file.suffix.lower() == ".csv":
        write_csv(file, [bar(0), bar(1)])
    else:
        write_parquet(file)

    assert closes(prepared(tmp_path, minute_bars(file))) == [1100, 1100]


@pytest.mark.parametrize(
    "close",
    [[11.0, 11.25], [Decimal("11.00"), Decimal("11.250")], ["11", "11.25"]],
    ids=["float", "decimal", "text"],
)
def test_a_parquet_column_may_be_of_many_types(tmp_path: Path, close: list[object]) -> None:
    file = write_parquet(tmp_path / "a.parquet", close=close)

    assert closes(prepared(tmp_path, minute_bars(file, price_decimals=None))) == [1100, 1125]


def test_a_parquet_time_stamp_may_be_of_many_types(tmp_path: Path) -> None:
    seconds = int(START.timestamp())
    for stamps in (
        [START.replace(tzinfo=None), START.replace(tzinfo=None) + timedelta(minutes=1)],
        [seconds, seconds + 60],
        [stamp(0), stamp(1)],
    ):
        file = write_parquet(tmp_path / "a.parquet", timestamp=stamps)

        assert times(prepared(tmp_path, minute_bars(file)))[0] == START_NS + MINUTE_NS


def test_the_interval_is_what_most_bars_have(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "a.csv", bars(0, 5, 10, 20, 25))

    assert prepared(tmp_path, BarFile(file, "spot"), gaps="skip").interval_ns == 5 * MINUTE_NS


def test_an_interval_may_be_less_than_a_minute(tmp_path: Path) -> None:
    rows = [bar(0).replace("00Z", f"{second:02}Z") for second in range(3)]
    history = prepared(tmp_path, BarFile(write_csv(tmp_path / "a.csv", rows), "spot"))

    assert history.interval_ns == 10**9


def test_price_decimals_are_found_in_the_file(tmp_path: Path) -> None:
    rows = [bar(0, "1.50,2,1,1.250"), bar(1, "1e-3,2,1e-3,1")]
    history = prepared(tmp_path, BarFile(write_csv(tmp_path / "a.csv", rows), "spot"))

    assert history.price_decimals == {"spot": 3}
    assert closes(history) == [1250, 1000]


def test_a_series_is_exact_in_exponent_form_and_may_be_negative(tmp_path: Path) -> None:
    rows = ["2024-01-01T00:00:00Z,3.2e-07", "2024-01-01T08:00:00Z,-0.0001"]
    rates = SeriesFile(
        write_csv(tmp_path / "r.csv", rows, "at,rate"), "r", time_column="at", value_column="rate"
    )
    spot = minute_bars(write_csv(tmp_path / "a.csv", bars(0)))
    points = prepared(tmp_path, spot, series=[rates]).series("r")

    assert points.times == [START_NS, START_NS + 8 * 60 * MINUTE_NS]
    assert points.values == [320_000_000_000, -100_000_000_000_000]
    assert points.decimals == 18


def test_a_series_may_be_larger_than_64_bits(tmp_path: Path) -> None:
    value = "12345678901234567890.123456789012345678"
    rates = SeriesFile(
        write_csv(tmp_path / "r.csv", [f"2024-01-01,{value}"], "at,rate"),
        "r",
        time_column="at",
        value_column="rate",
    )
    spot = minute_bars(write_csv(tmp_path / "a.csv", bars(0)))

    assert prepared(tmp_path, spot, series=[rates]).series("r").values == [
        12345678901234567890123456789012345678
    ]


def test_progress_counts_the_bytes_of_all_files(tmp_path: Path) -> None:
    files = [write_csv(tmp_path / f"{n}.csv", bars(0, 1)) for n in range(2)]
    rates = write_csv(tmp_path / "r.csv", ["2024-01-01,1"], "at,rate")
    seen: list[tuple[int, int]] = []
    prepare(
        [minute_bars(file, file.stem) for file in files],
        [SeriesFile(rates, "r", time_column="at", value_column="rate")],
        tmp_path / "history",
        gaps="error",
        progress=lambda done, total: seen.append((done, total)),
    )
    total = sum(file.stat().st_size for file in (*files, rates))

    assert (total, total) == seen[-1]
    assert sorted(seen) == seen


def test_the_digest_is_of_the_content_and_not_of_the_file(tmp_path: Path) -> None:
    rows = [bar(0), bar(1)]
    text = prepared(tmp_path, minute_bars(write_csv(tmp_path / "a.csv", rows)))
    columnar = prepared(tmp_path, minute_bars(write_parquet(tmp_path / "a.parquet")))
    other = prepared(tmp_path, minute_bars(write_csv(tmp_path / "a.csv", [*rows, bar(2)])))

    assert text.digest == columnar.digest
    assert text.digest != other.digest
    assert len(text.digest) == 64


@pytest.mark.parametrize("change", [{"price_decimals": 3}, {"stamp": "close"}], ids=str)
def test_the_digest_differs_with_what_the_numbers_mean(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    file = minute_bars(write_csv(tmp_path / "a.csv", [bar(0), bar(1)]))
    first = prepared(tmp_path, file)
    second = prepared(tmp_path, evolve(file, **change))

    assert first.digest != second.digest


def test_the_digest_does_not_depend_on_how_the_file_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spot = minute_bars(write_csv(tmp_path / "a.csv", bars(*range(50))))
    perp = minute_bars(write_csv(tmp_path / "b.csv", bars(*range(7, 60))), "perp")
    whole = prepared(tmp_path, spot, perp)
    monkeypatch.setattr(tables, "CSV_BLOCK_BYTES", 100)
    monkeypatch.setattr(joining, "WINDOW_BARS", 4)
    monkeypatch.setattr(parts, "PART_ROWS", 5)
    pieces = prepared(tmp_path, spot, perp)

    assert whole.header == pieces.header
    assert closes(whole, "perp") == closes(pieces, "perp")


def test_a_bad_row_is_numbered_however_the_file_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "CSV_BLOCK_BYTES", 100)
    lines = [line for minute in range(20) for line in ("", "# comment", bar(minute))]
    file = write_csv(tmp_path / "a.csv", [*lines, "x,1,1,1,1,1"])
    with pytest.raises(Exception, match=r"row 21, column timestamp.*line 62 of the file"):
        prepared(tmp_path, minute_bars(file))


def test_a_stretch_of_comments_holds_no_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "CSV_BLOCK_BYTES", 100)
    file = write_csv(tmp_path / "a.csv", [bar(0), *["# a comment of some length"] * 30, bar(1)])

    assert closes(prepared(tmp_path, minute_bars(file))) == [1100, 1100]


def test_a_history_may_fill_its_parts_exactly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "PART_ROWS", 2)

    file = write_csv(tmp_path / "a.csv", [bar(0), bar(1)])
    assert prepared(tmp_path, minute_bars(file)).rows == 2


def test_a_long_parquet_file_is_read_in_slices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "PARQUET_ROWS", 1)

    assert closes(prepared(tmp_path, minute_bars(write_parquet(tmp_path / "a.parquet")))) == [
        1100,
        1100,
    ]


prices = st.integers(1, 10**12)


@settings(max_examples=25)
@given(st.lists(prices, min_size=1, max_size=40), st.integers(0, 8))
def test_csv_prices_come_back_to_the_last_digit(
    tmp_path_factory: pytest.TempPathFactory, values: list[int], places: int
) -> None:
    tmp_path = tmp_path_factory.mktemp("prices")
    texts = [f"{to_decimal(value, places):f}" for value in values]
    rows = [bar(minute, ",".join([text] * 4)) for minute, text in enumerate(texts)]
    file = write_csv(tmp_path / "a.csv", rows)

    assert values == closes(prepared(tmp_path, minute_bars(file, price_decimals=places)))


@settings(max_examples=25)
@given(st.lists(prices, min_size=1, max_size=40), st.integers(0, 8))
def test_floats_in_parquet_come_back_to_the_last_digit(
    tmp_path_factory: pytest.TempPathFactory, values: list[int], places: int
) -> None:
    tmp_path = tmp_path_factory.mktemp("prices")
    floats = [float(to_decimal(value, places)) for value in values]
    stamps = [START + timedelta(minutes=minute) for minute in range(len(values))]
    file = write_parquet(
        tmp_path / "a.parquet",
        timestamp=stamps,
        **dict.fromkeys(("open", "high", "low", "close"), floats),
        volume=[1.5] * len(values),
    )

    assert values == closes(prepared(tmp_path, minute_bars(file, price_decimals=places)))
