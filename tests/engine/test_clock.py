"""The wall clock ticks on a fixed grid. Sleeps are real and tiny; no duration is asserted."""

import time

from verifill.engine.clock import WallClock

HOUR_NS = 3_600 * 10**9
MILLISECOND_NS = 10**6


def test_the_first_tick_is_due_at_once() -> None:
    clock = WallClock(HOUR_NS)

    assert clock.next_tick()  # or this test would last an hour


def test_the_next_tick_is_waited_for() -> None:
    clock = WallClock(MILLISECOND_NS)
    clock.next_tick()
    before_ns = time.monotonic_ns()
    clock.next_tick()
    clock.next_tick()

    assert before_ns < time.monotonic_ns()


def test_ticks_that_are_late_are_taken_together() -> None:
    clock = WallClock(20 * MILLISECOND_NS)
    clock.next_tick()
    late = clock.wait(50 * MILLISECOND_NS)
    clock.next_tick()

    assert late >= 2
    assert 0 == clock.wait(0)


def test_a_wait_within_one_interval_misses_no_tick() -> None:
    clock = WallClock(HOUR_NS)
    clock.next_tick()

    assert 0 == clock.wait(MILLISECOND_NS)


def test_a_tick_that_was_due_before_a_wait_is_not_missed_by_it() -> None:
    clock = WallClock(HOUR_NS)

    assert 0 == clock.wait(MILLISECOND_NS)


def test_the_current_time_is_the_wall_time() -> None:
    clock = WallClock(HOUR_NS)
    before_ns = time.time_ns()

    assert before_ns <= clock.now_ns <= time.time_ns()
