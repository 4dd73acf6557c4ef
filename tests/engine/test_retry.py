"""A retry policy says how often and how long; it does not sleep and does not call."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifill.engine.retry import FAIL_FAST, RetryPolicy

LIVE = RetryPolicy()


def test_live_tries_three_times_the_first_included() -> None:
    assert [False, False, True] == [LIVE.exhausted(attempt) for attempt in (1, 2, 3)]


def test_live_waits_five_seconds_and_then_exponentially_longer() -> None:
    assert [5, 10, 20] == [LIVE.wait_after_s(attempt) for attempt in (1, 2, 3)]


def test_no_wait_is_longer_than_the_longest() -> None:
    assert 60 == LIVE.wait_after_s(50)


def test_a_backtest_fails_fast() -> None:
    assert FAIL_FAST.exhausted(1)
    assert 0 == FAIL_FAST.wait_after_s(1)


@given(st.integers(1, 100), st.integers(1, 200))
def test_attempts_are_exhausted_from_the_last_one_on(attempts: int, attempt: int) -> None:
    assert (attempt >= attempts) == RetryPolicy(attempts=attempts).exhausted(attempt)


@given(st.floats(0, 100), st.floats(1, 4), st.floats(0, 1000), st.integers(1, 50))
def test_waits_never_shrink(wait_s: float, factor: float, wait_max_s: float, attempt: int) -> None:
    policy = RetryPolicy(wait_s=wait_s, factor=factor, wait_max_s=wait_max_s)

    assert policy.wait_after_s(attempt) <= policy.wait_after_s(attempt + 1) <= wait_max_s


@pytest.mark.parametrize(
    "setting", [{"attempts": 0}, {"attempts": 101}, {"wait_s": -1}, {"factor": 0.5}]
)
def test_a_policy_that_makes_no_sense_is_refused(setting: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        RetryPolicy(**setting)
