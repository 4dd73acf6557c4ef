"""The page about breakers says what the code does."""

import re
from pathlib import Path

import pytest

from verifill.machines.feed import Feed
from verifill.machines.health import Health
from verifill.machines.limits import Alarm, Limit
from verifill.machines.tally import Answer
from verifill.machines.thresholds import FeedLimits, Thresholds
from verifill.machines.trading_state import TradingState

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "breakers.md").read_text()
LIMITS, FEEDS = Thresholds(), FeedLimits()


@pytest.mark.parametrize("word", [*Alarm, *Limit])
def test_every_alarm_and_every_limit_is_on_the_page(word: str) -> None:
    assert f"`{word}`" in PAGE


@pytest.mark.parametrize("word", [*Health, *Feed, *TradingState, Answer.FAILED, Answer.BARRED])
def test_every_state_is_on_the_page(word: str) -> None:
    assert re.search(rf"\b{word}\b", PAGE)


@pytest.mark.parametrize(
    "words",
    [
        f"{LIMITS.failures_in_row} in a row, or more than {LIMITS.failure_share} of at least ",
        f"of at least {LIMITS.calls_min} calls in {LIMITS.window_s} s",
        f"for more than {LIMITS.unknown_max_s} s",
        f"more than {LIMITS.clock_offset_max_ms} ms",
        f"within {LIMITS.executions_period_s} s",
        f"no limit, for more than {LIMITS.naked_delta_s} s",
        f"waits {LIMITS.cooldown_s} s",
        f"up to {LIMITS.cooldown_max_s} s",
        f"failing in {LIMITS.persistent_loops} loops",
        f"silent for more than {FEEDS.stale_after_s} s",
        f"silent for more than {FEEDS.down_after_s} s",
        f"no data for more than {FEEDS.connect_s} s",
    ],
)
def test_every_default_is_on_the_page(words: str) -> None:
    assert words in PAGE


def test_every_limit_of_money_has_no_default() -> None:
    assert {None} == {
        LIMITS.suspense_max, LIMITS.slippage_max, LIMITS.daily_loss_max, LIMITS.margin_min,
        LIMITS.naked_delta_max, LIMITS.executions_max,
    }  # fmt: skip
