"""Instruments are joined on time, and a gap is treated as the policy says."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.files import (
    MINUTE_NS,
    START_NS,
    bars,
    closes,
    minute_bars,
    prepared,
    refusal,
    times,
    write_csv,
)
from verifill.venues.data import BarFile, Gaps, History, joining, tables


def minutes(history: History) -> list[int]:
    """The minutes at which the bars of a history opened."""
    return [(time_ns - START_NS) // MINUTE_NS - 1 for time_ns in times(history)]


def pair(folder: Path, first: list[int], second: list[int]) -> tuple[BarFile, BarFile]:
    return (
        minute_bars(write_csv(folder / "spot.csv", bars(*first)), "spot", 0),
        minute_bars(write_csv(folder / "perp.csv", bars(*second)), "perp", 0),
    )


def test_the_common_time_is_what_all_have(tmp_path: Path) -> None:
    history = prepared(tmp_path, *pair(tmp_path, [0, 1, 2, 3], [2, 3, 4, 5]))

    assert minutes(history) == [2, 3]
    assert closes(history, "spot") == closes(history, "perp") == [102, 103]


def test_error_names_the_file_the_first_gap_and_how_many(tmp_path: Path) -> None:
    spot, perp = pair(tmp_path, [0, 1, 2, 3, 4, 5, 6, 7], [0, 1, 3, 6, 7])
    error = refusal(tmp_path, spot, perp)

    assert (str(perp.path), 3, "timestamp") == (error.path, error.row, error.column)
    assert "gaps: 2, in which 3 bars are missing" in error.message
    assert "the bar of 2024-01-01T00:02:00Z should be" in error.message
    assert "set gaps to 'skip'" in error.message


def test_error_names_the_stamp_as_the_file_has_it(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "a.csv", bars(0, 1, 3))
    error = refusal(tmp_path, BarFile(file, "spot", stamp="close"))

    assert "the bar of 2024-01-01T00:02:00Z should be" in error.message


def test_a_gap_outside_the_common_time_is_none(tmp_path: Path) -> None:
    history = prepared(tmp_path, *pair(tmp_path, [0, 3, 4, 5, 9], [3, 4, 5]))

    assert minutes(history) == [3, 4, 5]


def test_a_gap_at_either_end_of_the_common_time_is_one(tmp_path: Path) -> None:
    error = refusal(tmp_path, *pair(tmp_path, [0, 3, 6], [2, 3, 4]))

    assert "gaps: 2, in which 2 bars are missing" in error.message
    assert "the bar of 2024-01-01T00:02:00Z should be" in error.message
    assert error.row == 2


def test_skip_leaves_out_the_times_that_any_lacks(tmp_path: Path) -> None:
    files = pair(tmp_path, [0, 1, 3, 4, 5], [0, 2, 3, 5])
    history = prepared(tmp_path, *files, gaps="skip")

    assert minutes(history) == [0, 3, 5]
    assert closes(history, "perp") == [100, 103, 105]


def test_carry_repeats_the_last_close_with_no_volume(tmp_path: Path) -> None:
    files = pair(tmp_path, [0, 1, 2, 3], [0, 3])
    (chunk,) = prepared(tmp_path, *files, gaps="carry").chunks()

    assert chunk.open["perp"] == [100, 100, 100, 100]
    assert chunk.high["perp"] == [200, 100, 100, 203]
    assert chunk.low["perp"] == [1, 100, 100, 1]
    assert chunk.close["perp"] == [100, 100, 100, 103]
    assert [volume // 10**8 for volume in chunk.volume["perp"]] == [0, 0, 0, 3]
    assert chunk.close["spot"] == [100, 101, 102, 103]


def test_carry_takes_a_bar_from_before_the_common_time(tmp_path: Path) -> None:
    history = prepared(tmp_path, *pair(tmp_path, [0, 3], [1, 2, 3]), gaps="carry")

    assert minutes(history) == [1, 2, 3]
    assert closes(history, "spot") == [100, 100, 103]


def expected(first: set[int], second: set[int], gaps: Gaps) -> dict[int, tuple[int, int]]:
    """The closes by minute, worked out one minute at a time."""
    start, end = max(min(first), min(second)), min(max(first), max(second))
    rows: dict[int, tuple[int, int]] = {}
    for minute in range(start, end + 1):
        if gaps == "carry":
            latest = [max(m for m in has if m <= minute) for has in (first, second)]
            rows[minute] = (100 + latest[0], 100 + latest[1])
        elif minute in first & second:
            rows[minute] = (100 + minute, 100 + minute)
    return rows


present = st.sets(st.integers(0, 30), min_size=1)


@pytest.mark.parametrize("gaps", ["skip", "carry", "error"])
@settings(max_examples=40)
@given(first=present, second=present)
def test_a_join_is_what_one_gets_minute_by_minute(
    tmp_path_factory: pytest.TempPathFactory, gaps: Gaps, first: set[int], second: set[int]
) -> None:
    folder = tmp_path_factory.mktemp("join")
    files = pair(folder, sorted(first), sorted(second))
    rows = expected(first, second, gaps)
    whole = max(min(first), min(second)), min(max(first), max(second))
    complete = {*range(whole[0], whole[1] + 1)} <= first & second
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "CSV_BLOCK_BYTES", 150)
        patch.setattr(joining, "WINDOW_BARS", 5)
        if not rows or (gaps == "error" and not complete):
            refusal(folder, *files, gaps=gaps)
            return
        history = prepared(folder, *files, gaps=gaps)

    both = zip(closes(history, "spot"), closes(history, "perp"), strict=True)
    assert rows == dict(zip(minutes(history), both, strict=True))


@settings(max_examples=40)
@given(present)
def test_gaps_are_counted_across_windows(
    tmp_path_factory: pytest.TempPathFactory, has: set[int]
) -> None:
    folder = tmp_path_factory.mktemp("gaps")
    spot = minute_bars(write_csv(folder / "spot.csv", bars(*sorted({0, 31} | has))), "spot")
    full = minute_bars(write_csv(folder / "full.csv", bars(*range(32))), "full")
    lacking = [minute for minute in range(32) if minute not in {0, 31} | has]
    begins = [minute for minute in lacking if minute - 1 not in lacking]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(joining, "WINDOW_BARS", 5)
        if not lacking:
            assert prepared(folder, spot, full).rows == 32
            return
        error = refusal(folder, spot, full)

    assert f"gaps: {len(begins)}, in which {len(lacking)} bars are missing" in error.message
    assert f"2024-01-01T00:{begins[0]:02}:00Z should be" in error.message
    assert error.row == begins[0] + 1
