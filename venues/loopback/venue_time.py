"""The venue's time as we know it: its last word on it, and what has passed since.

Deadlines count in it, so a wall clock of ours that is wrong, or set while we trade, makes no
request too short or too long. What passes in between is measured by the monotonic clock.
"""

from collections.abc import Callable
from typing import Final

from attrs import define

from verifill.engine.clock import NANOSECONDS

TRUSTED_NS: Final = 60 * NANOSECONDS
"""So long a venue's word on the time is gone by: two clocks drift by less than a millisecond."""


@define
class VenueTime:
    """One venue's time.

    An answer was given before it is read, so what is told here is late by the way back, at
    most: a deadline made of it is early, which can refuse a request and never lets one live on.

    Attributes:
        monotonic_ns: a clock that never goes back.
    """

    monotonic_ns: Callable[[], int]
    _told: tuple[int, int] | None = None

    def heard(self, time_ns: int) -> None:
        """The venue has said what time it is there."""
        self._told = time_ns, self.monotonic_ns()

    def forget(self) -> None:
        """It refused something: its clock may be the reason, so it is to be asked again."""
        self._told = None

    def now_ns(self) -> int | None:
        """The time there now; None if it has not been heard of lately."""
        if self._told is None:
            return None
        time_ns, at_ns = self._told
        passed_ns = self.monotonic_ns() - at_ns
        return None if passed_ns > TRUSTED_NS else time_ns + passed_ns
