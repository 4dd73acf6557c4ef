"""A prepared history gives chunks of integers, read only when they are asked for."""

import json
from pathlib import Path

import polars as pl
import pytest

from tests.data.files import (
    MINUTE_NS,
    START_NS,
    bars,
    closes,
    minute_bars,
    prepared,
    times,
    write_csv,
)
from verifill.engine.errors import DataError
from verifill.venues.data import History


@pytest.fixture
def history(tmp_path: Path) -> History:
    return prepared(tmp_path, minute_bars(write_csv(tmp_path / "a.csv", bars(*range(10)))))


@pytest.mark.parametrize("rows", [1, 3, 10, 100])
def test_chunks_hold_the_whole_history_in_order(history: History, rows: int) -> None:
    chunks = list(history.chunks(rows))

    assert list(range(START_NS + MINUTE_NS, history.end_ns + 1, MINUTE_NS)) == [
        time_ns for chunk in chunks for time_ns in chunk.time_ns
    ]
    assert [10_000 + 100 * minute for minute in range(10)] == [
        price for chunk in chunks for price in chunk.close["spot"]
    ]
    assert all(len(chunk.time_ns) <= rows for chunk in chunks)


def test_a_list_is_made_once(history: History) -> None:
    (chunk,) = history.chunks()

    assert chunk.close["spot"] is chunk.close["spot"]
    assert chunk.time_ns is chunk.time_ns


def test_nothing_is_read_that_is_not_asked_for(history: History) -> None:
    (chunk,) = history.chunks()
    (history.path / "market.parquet").unlink()

    with pytest.raises(DataError, match="the history cannot be read"):
        chunk.close["spot"]


def test_a_history_can_be_opened_again(history: History) -> None:
    again = History(str(history.path))

    assert history.header == again.header
    assert closes(history) == closes(again)
    assert times(history) == times(again)


def test_an_unknown_instrument_is_refused_with_those_there_are(history: History) -> None:
    (chunk,) = history.chunks()

    with pytest.raises(DataError, match=r"no 'perp.close'; the history has .*spot.close"):
        chunk.close["perp"]


def test_an_unknown_series_is_refused_with_those_there_are(history: History) -> None:
    with pytest.raises(DataError, match="no 'funding'; the history has none"):
        history.series("funding")


def test_what_is_no_history_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="this is no prepared history") as caught:
        History(tmp_path)

    assert str(tmp_path / "history.json") == caught.value.path


def test_a_damaged_header_is_refused(history: History) -> None:
    (history.path / "history.json").write_text("{")
    with pytest.raises(DataError, match="this is no prepared history"):
        History(history.path)


def test_another_format_is_refused(history: History) -> None:
    file = history.path / "history.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"format": 99}))
    with pytest.raises(DataError, match="this is format 99"):
        History(history.path)


def test_files_that_do_not_belong_together_are_refused(history: History) -> None:
    file = history.path / "market.parquet"
    pl.read_parquet(file).head(4).write_parquet(file)
    with pytest.raises(DataError, match=r"market.parquet has 4 rows, history.json says 10"):
        History(history.path)


def test_a_missing_market_is_refused(history: History) -> None:
    (history.path / "market.parquet").unlink()
    with pytest.raises(DataError, match="the history cannot be read"):
        History(history.path)
