"""Time as a value that is handed in: from the data in a backtest, else from the wall."""

import time
from collections.abc import Callable
from typing import Protocol

from attrs import frozen

NANOSECONDS = 1_000_000_000
SLICE_NS = NANOSECONDS
"""No sleep is longer: whoever has something to say in between is heard within a second."""


class Clock(Protocol):
    """What the engine knows of time."""

    @property
    def now_ns(self) -> int:
        """The current time, nanoseconds since the epoch, UTC."""
        ...

    @property
    def monotonic_ns(self) -> int:
        """For time-outs: a time that never goes back and that nobody sets."""
        ...

    def next_tick(self) -> bool:
        """Wait for the next tick; False when there will be none."""
        ...

    def wait(self, duration_ns: int) -> int:
        """Let time pass; the number of ticks that fell due meanwhile."""
        ...


@frozen
class Times:
    """Where a live run takes time from.

    Attributes:
        wall_ns: the wall clock, nanoseconds since the epoch, UTC.
        monotonic_ns: a clock that never goes back.
        sleep: sleeps for so many seconds.
    """

    wall_ns: Callable[[], int] = time.time_ns
    monotonic_ns: Callable[[], int] = time.monotonic_ns
    sleep: Callable[[float], None] = time.sleep


def off_by_ns(told_ns: int, before_ns: int, after_ns: int) -> int:
    """How far another clock is certainly ahead of ours (behind, if negative).

    What it told lies between our asking and its answer's arrival. However long that took says
    nothing of the clocks: a slow answer is no wrong clock.

    Args:
        told_ns: the other clock's time, from its answer.
        before_ns: ours when it was asked.
        after_ns: ours when the answer was there.
    """
    return max(told_ns - after_ns, 0) + min(told_ns - before_ns, 0)


class WallClock:
    """The wall clock, for live trading: ticks on a fixed grid, without drift.

    Args:
        interval_ns: between two ticks.
        wall_ns: the wall clock.
        monotonic_ns: a clock that never goes back.
        sleep: sleeps for so many seconds.
        between: called between slices of sleep; True ends the wait for a tick, for good.

    Attributes:
        late: ticks that were taken together with the last one, because it came late.
    """

    def __init__(
        self,
        interval_ns: int,
        *,
        wall_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        sleep: Callable[[float], None] = time.sleep,
        between: Callable[[], bool] = lambda: False,
    ) -> None:
        """Start the grid now; the first tick is due at once."""
        self._interval_ns = interval_ns
        self._wall_ns = wall_ns
        self._monotonic_ns = monotonic_ns
        self._sleep = sleep
        self.between = between
        self._due_ns = monotonic_ns()
        self.late = 0

    @property
    def now_ns(self) -> int:
        """The wall time, for records; time-outs use the monotonic clock."""
        return self._wall_ns()

    @property
    def monotonic_ns(self) -> int:
        """See `Clock.monotonic_ns`."""
        return self._monotonic_ns()

    def next_tick(self) -> bool:
        """Sleep until the next tick of the grid; late ticks are taken together."""
        while (left_ns := self._due_ns - self._monotonic_ns()) > 0:
            if self.between():
                return False
            self._sleep(min(left_ns, SLICE_NS) / NANOSECONDS)
        if self.between():
            return False
        self.late = -left_ns // self._interval_ns
        self._due_ns += (self.late + 1) * self._interval_ns
        return True

    def wait(self, duration_ns: int) -> int:
        """Sleep; the number of ticks of the grid that fell due meanwhile."""
        start_ns = self._monotonic_ns()
        end_ns = start_ns + duration_ns
        while (left_ns := end_ns - self._monotonic_ns()) > 0:
            self.between()
            self._sleep(min(left_ns, SLICE_NS) / NANOSECONDS)
        missed = (self._monotonic_ns() - self._due_ns) // self._interval_ns
        before = (start_ns - self._due_ns) // self._interval_ns
        return max(0, missed + 1) - max(0, before + 1)
