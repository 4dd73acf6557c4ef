"""How often and how long: a retry policy as a value, on top of tenacity's strategies.

The machines ask it two questions and keep the count themselves, because a retry is a
row of a table and not a loop around a call.
"""

from attrs import field, frozen, validators
from tenacity import RetryCallState, Retrying
from tenacity.stop import stop_after_attempt
from tenacity.wait import wait_exponential


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
        return stop_after_attempt(self.attempts)(_after(attempt))

    def wait_after_s(self, attempt: int) -> float:
        """Seconds to wait after the attempt with this number: 5, 10, 20 by default."""
        wait = wait_exponential(multiplier=self.wait_s, exp_base=self.factor, max=self.wait_max_s)
        return wait(_after(attempt))


def _after(attempt: int) -> RetryCallState:
    """The state that tenacity's strategies read."""
    state = RetryCallState(Retrying(), None, (), {})
    state.attempt_number = attempt
    return state


FAIL_FAST = RetryPolicy(attempts=1, wait_s=0.0)
"""One attempt: what a backtest uses."""
