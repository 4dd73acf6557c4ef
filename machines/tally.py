"""Counting the calls of a breaker: failures in a row, and their share in a window."""

from decimal import Decimal
from enum import StrEnum

from attrs import frozen

from verifill.engine.clock import NANOSECONDS
from verifill.machines.thresholds import KEPT_MAX, Thresholds


class Answer(StrEnum):
    """What a call says of the infrastructure, not of the order."""

    ANSWERED = "ANSWERED"  # the venue answered, a refusal included
    FAILED = "FAILED"  # a time-out, a 5xx, a rate limit, a lagging node: it may be better soon
    BARRED = "BARRED"  # 401, 403, 418: one is enough
    UNSENT = "UNSENT"  # our own check after permission: it says nothing


@frozen(kw_only=True)
class Tally:
    """The calls that still count.

    Attributes:
        in_row: Failures since the last answer.
        calls: When each call was, in nanoseconds, and whether it failed; oldest first.
    """

    in_row: int = 0
    calls: tuple[tuple[int, bool], ...] = ()

    def plus(self, *, failed: bool, now_ns: int, limits: Thresholds) -> "Tally":
        """With one more call, and without those that are too old to count."""
        oldest_ns = now_ns - limits.window_s * NANOSECONDS
        calls = (*self.calls, (now_ns, failed))
        return Tally(
            in_row=self.in_row + 1 if failed else 0,
            calls=tuple(call for call in calls if call[0] > oldest_ns)[-KEPT_MAX:],
        )

    def verdict(self, limits: Thresholds) -> str:
        """Why these calls trip, or empty."""
        if self.in_row >= limits.failures_in_row:
            return f"{self.in_row} failures in a row"
        calls = len(self.calls)
        failures = sum(failed for _, failed in self.calls)
        if calls >= limits.calls_min and Decimal(failures) > limits.failure_share * calls:
            return f"{failures} failures in {calls} calls within {limits.window_s} s"
        return ""
