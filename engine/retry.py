"""How often and how long: a retry policy as a value, on top of tenacity's strategies.

The machines ask it two questions and keep the count themselves, because a retry is a
row of a table and not a loop around a call.
"""

from typing import TYPE_CHECKING

from attrs import field, frozen, validators

if TYPE_CHECKING:
    from tenacity import RetryCallState


@frozen(kw_only=True)
class RetryPolicy:
    """A number of attempts, the first included, and the waits between them.

    Attributes:
        attempts: how many in all, 1 to 100.
        wait_s: before the second attempt, in seconds.
        factor: by which each further wait is longer.
        wait_max_s: no wait is longer.
    """

    attempts: int = field(default=3, validator=[validators.ge(1), validators.le(100)])
    wait_s: float = field(default=5.0, validator=validators.ge(0))
    factor: float = field(default=2.0, validator=validators.ge(1))
    wait_max_s: float = field(default=60.0, validator=validators.ge(0))

    def exhausted(self, attempt: int) -> bool:
        """Whether the attempt with this number, counted from 1, was the last."""
        from tenacity.stop import stop_after_attempt  # noqa: PLC0415 - most runs never retry

        return stop_after_attempt(self.attempts)(_after(attempt))

    def wait_after_s(self, attempt: int) -> float:
        """Seconds to wait after the attempt with this number: 5, 10, 20 by default."""
        from tenacity.wait import wait_exponential  # noqa: PLC0415 - likewise

        wait = wait_exponential(multiplier=self.wait_s, exp_base=self.factor, max=self.wait_max_s)
        return wait(_after(attempt))


def _after(attempt: int) -> "RetryCallState":
    """The state that tenacity's strategies read."""
    from tenacity import RetryCallState, Retrying  # noqa: PLC0415 - likewise

    state = RetryCallState(Retrying(), None, (), {})
    state.attempt_number = attempt
    return state


FAIL_FAST = RetryPolicy(attempts=1, wait_s=0.0)
"""One attempt: what a backtest uses."""
