"""Two hours of ticks with faults on and restarts in between: nothing double, nothing lost."""

import tracemalloc

import pytest

from bench import day
from verifill.faults.judge import Counts
from verifill.faults.lives import End

TICKS = 120


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> day.Day:
    tracemalloc.start(day.FRAMES)
    try:
        return day.lived(tmp_path_factory.mktemp("day"), TICKS, 2, life_ticks=25, sample_records=50)
    finally:
        tracemalloc.stop()


def test_every_tick_came_and_faults_and_both_kinds_of_restart_were_among_them(
    lived: day.Day,
) -> None:
    assert lived.ticks >= TICKS
    assert {End.ENDED, End.KILLED} <= set(lived.ends)
    assert not {End.BROKE, End.STOPPED, End.REFUSED} & set(lived.ends)
    assert len(lived.faults) > len(day.FAULTS)  # kinds of them


def test_nothing_was_done_twice_or_lost(lived: day.Day) -> None:
    assert lived.sent
    assert Counts() == lived.counts


def test_the_books_are_what_the_venues_accounts_are(lived: day.Day) -> None:
    assert not lived.books_differ


def test_memory_does_not_grow_with_the_ticks(lived: day.Day) -> None:
    assert len(lived.engine_mb) >= 16
    assert lived.growth <= day.GROWTH_MAX


def test_a_tick_takes_so_many_bytes_of_log_and_no_more(lived: day.Day) -> None:
    assert 0 < lived.tick_bytes <= day.TICK_BYTES_MAX
