"""Retries and time-outs: one rule says which setting holds, the most specific one."""

from pathlib import Path

import pytest
from attrs import evolve

from tests.config.examples import MINIMAL, load
from verifill.assembly.references import check_references
from verifill.config import Config
from verifill.engine.errors import ConfigError
from verifill.engine.retry import RetryPolicy
from verifill.machines.policies import Policies, Timeouts

SAID = """
[retry.live]
timeouts = { execution_s = 20 }
sends = { attempts = 5, wait_s = 1 }

[retry.live.venues.binance]
sends = { wait_s = 2 }
timeouts = { reading_s = 3 }

[retry.live.venues.binance.operations.TRANSFER]
timeouts = { execution_s = 60 }
queries = { attempts = 9 }

[strategy.retry.venues.binance]
sends = { factor = 4 }

[strategy.retry.venues.binance.operations.SPOT_TRADE]
sends = { attempts = 1 }
"""


def loaded(folder: Path, said: str = SAID, mode: str = "live") -> Config:
    return evolve(load(folder, MINIMAL + said), mode=mode)


def sends(policies: Policies) -> tuple[int, float, float]:
    return policies.sends.attempts, policies.sends.wait_s, policies.sends.factor


def test_without_settings_a_live_run_has_the_usual_ones(tmp_path: Path) -> None:
    policies = loaded(tmp_path, "").policies

    assert RetryPolicy(attempts=3, wait_s=5, factor=2) == policies.sends == policies.readings
    assert Timeouts(execution_s=30, reading_s=10, tight_loop_s=120) == policies.timeouts
    assert policies is policies.at("binance", "SPOT_TRADE")


def test_each_setting_is_that_of_the_most_specific_place(tmp_path: Path) -> None:
    policies = loaded(tmp_path).policies

    assert (5, 1, 2) == sends(policies.at("ethereum", "SPOT_TRADE"))
    assert (5, 2, 4) == sends(policies.at("binance")) == sends(policies.at("binance", "WRAP"))
    assert (1, 2, 4) == sends(policies.at("binance", "SPOT_TRADE"))
    assert (5, 2, 4) == sends(policies.at("binance", "TRANSFER"))
    assert 9 == policies.at("binance", "TRANSFER").queries.attempts
    assert 100 == policies.at("binance", "SPOT_TRADE").queries.attempts


def test_time_outs_are_found_by_the_same_rule(tmp_path: Path) -> None:
    policies = loaded(tmp_path).policies

    assert Timeouts(execution_s=20) == policies.timeouts
    assert Timeouts(execution_s=20, reading_s=3) == policies.at("binance").timeouts
    assert Timeouts(execution_s=60, reading_s=3) == policies.at("binance", "TRANSFER").timeouts


def test_in_one_place_the_strategy_goes_before_the_mode(tmp_path: Path) -> None:
    said = "[retry.live.sends]\nattempts = 4\nwait_s = 9\n[strategy.retry.sends]\nattempts = 2\n"

    assert (2, 9, 2) == sends(loaded(tmp_path, said).policies)


def test_a_venue_of_the_mode_goes_before_the_strategy_in_general(tmp_path: Path) -> None:
    said = "[retry.live.venues.binance.sends]\nattempts = 4\n[strategy.retry.sends]\nattempts = 2\n"
    policies = loaded(tmp_path, said).policies

    assert (4, 2) == (policies.at("binance").sends.attempts, policies.sends.attempts)


def test_a_backtest_makes_one_attempt_everywhere(tmp_path: Path) -> None:
    said = "[strategy.retry.venues.binance.sends]\nwait_s = 7\n"

    assert (1, 7, 2) == sends(loaded(tmp_path, said, "backtest").policies.at("binance"))


@pytest.mark.parametrize("where", ["strategy.retry", "retry.live", "retry.paper"])
def test_a_venue_that_there_is_not_is_refused(tmp_path: Path, where: str) -> None:
    config = loaded(tmp_path, f"[{where}.venues.binnance.sends]\nattempts = 2\n")

    with pytest.raises(ConfigError, match=f'{where}.venues names "binnance", which is not in'):
        check_references(config)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("timeouts = { reading_s = 0 }", "reading_s is 0; allowed is more than 0"),
        ("venues.binance.operations.SPOT.sends.attempts = 1", 'is "SPOT"; allowed is "SPOT_TRADE"'),
        ("venues.binance.attempts = 1", "attempts is unknown"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, said: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, f"[retry.live]\n{said}\n")

    assert words in str(caught.value)
