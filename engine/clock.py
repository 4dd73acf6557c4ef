"""Time as a value that is handed in: from the data in a backtest, else from the wall."""

import time
from typing import Protocol

NANOSECONDS = 1_000_000_000


class Clock(Protocol):
    """What the engine knows of time."""

    @property
    def now_ns(self) -> int:
        """The current time, nanoseconds since the epoch, UTC."""
        ...

    def next_tick(self) -> bool:
        """Wait for the next tick; False when there will be none."""
        ...

    def wait(self, duration_ns: int) -> int:
        """Let time pass; the number of ticks that fell due meanwhile."""
        ...


class WallClock:
    """The wall clock, for live trading: ticks on a fixed grid, without drift.

    Args:
        interval_ns: between two ticks.
    """

    def __init__(self, interval_ns: int) -> None:
        """Start the grid now; the first tick is due at once."""
        self._interval_ns = interval_ns
        self._due_ns = time.monotonic_ns()

    @property
    def now_ns(self) -> int:
        """The wall time, for records; time-outs use the monotonic clock."""
        return time.time_ns()

    def next_tick(self) -> bool:
        """Sleep until the next tick of the grid; late ticks are taken together."""
        late_ns = time.monotonic_ns() - self._due_ns
        if late_ns < 0:
            time.sleep(-late_ns / NANOSECONDS)
            late_ns = 0
        self._due_ns += (late_ns // self._interval_ns + 1) * self._interval_ns
        return True

    def wait(self, duration_ns: int) -> int:
        """Sleep; the number of ticks of the grid that fell due meanwhile."""
        start_ns = time.monotonic_ns()
        time.sleep(duration_ns / NANOSECONDS)
        missed = (time.monotonic_ns() - self._due_ns) // self._interval_ns
        before = (start_ns - self._due_ns) // self._interval_ns
        return max(0, missed + 1) - max(0, before + 1)
