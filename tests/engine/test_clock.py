"""The wall clock ticks on a fixed grid. Sleeps are real and tiny; no duration is asserted."""

import time

import pytest

from verifill.engine.clock import WallClock, off_by_ns

HOUR_NS = 3_600 * 10**9
MILLISECOND_NS = 10**6


def test_the_first_tick_is_due_at_once() -> None:
    clock = WallClock(HOUR_NS)

    assert clock.next_tick()  # or this test would last an hour


@pytest.mark.parametrize(
    ("told", "off"),
    [(100, 0), (130, 0), (160, 0), (161, 1), (99, -1), (1_000, 840), (0, -100)],
)
def test_a_slow_answer_is_no_wrong_clock(told: int, off: int) -> None:
    assert off == off_by_ns(told, before_ns=100, after_ns=160)


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


# The grid, on clocks that a test moves.

SECOND_NS = 10**9
MINUTE_NS = 60 * SECOND_NS


class Times:
    """A wall clock and a monotonic clock; sleeping moves both, and takes a little longer."""

    def __init__(self, slack_ns: int = 0) -> None:
        self.mono_ns = 7 * SECOND_NS
        self.wrong_ns = 0
        self.sleeps_s: list[float] = []
        self._slack_ns = slack_ns

    def sleep(self, seconds: float) -> None:
        self.sleeps_s.append(seconds)
        self.mono_ns += round(seconds * SECOND_NS) + self._slack_ns

    def clock(self) -> WallClock:
        return WallClock(
            MINUTE_NS,
            wall_ns=lambda: 10**18 + self.mono_ns + self.wrong_ns,
            monotonic_ns=lambda: self.mono_ns,
            sleep=self.sleep,
        )


def test_ticks_come_every_minute_without_drift() -> None:
    """Each sleep takes 3 ms too long, and no tick inherits it."""
    times = Times(slack_ns=3 * MILLISECOND_NS)
    clock = times.clock()
    begin_ns = times.mono_ns
    ticks: list[int] = []
    for _ in range(1_000):
        clock.next_tick()
        ticks.append(times.mono_ns - begin_ns)

    assert all(0 <= at - number * MINUTE_NS <= SECOND_NS for number, at in enumerate(ticks))
    assert 0 == clock.late


def test_the_first_tick_after_a_long_one_is_on_the_grid_and_tells_how_many_it_stands_for() -> None:
    times = Times()
    clock = times.clock()
    clock.next_tick()
    times.mono_ns += 5 * MINUTE_NS + 20 * SECOND_NS  # a tick that took as long as five
    clock.next_tick()

    assert 4 == clock.late  # those of 1 to 5 minutes are one
    clock.next_tick()
    assert (0, 7 * SECOND_NS + 6 * MINUTE_NS) == (clock.late, times.mono_ns)


def test_a_wait_tells_each_tick_once_and_the_next_tick_is_not_doubled() -> None:
    times = Times()
    clock = times.clock()
    clock.next_tick()

    assert [0, 1, 0, 2] == [clock.wait(s * SECOND_NS) for s in (50, 20, 40, 120)]
    clock.next_tick()
    assert 2 == clock.late


def test_no_sleep_is_longer_than_a_second() -> None:
    times = Times()
    clock = times.clock()
    clock.next_tick()
    clock.next_tick()
    clock.wait(1_500 * MILLISECOND_NS)

    assert [1.0] * 60 + [1.0, 0.5] == times.sleeps_s


@pytest.mark.parametrize("jump_ns", [HOUR_NS, -HOUR_NS])
def test_a_wall_clock_that_is_set_moves_no_tick_and_no_wait(jump_ns: int) -> None:
    times = Times()
    clock = times.clock()
    clock.next_tick()
    times.wrong_ns = jump_ns
    clock.next_tick()

    assert (7 * SECOND_NS + MINUTE_NS, 0) == (times.mono_ns, clock.late)
    assert 0 == clock.wait(SECOND_NS)
    assert 7 * SECOND_NS + MINUTE_NS + SECOND_NS == clock.monotonic_ns
    assert 10**18 + clock.monotonic_ns + jump_ns == clock.now_ns
