"""The limits of breakers and feeds, from the file to the machines."""

from decimal import Decimal
from pathlib import Path

import attrs
import pytest

from tests.config.examples import MINIMAL, WHOLE, load
from verifill.config import BreakersConfig, FeedsConfig
from verifill.engine.errors import ConfigError
from verifill.machines.thresholds import FeedLimits, Thresholds


def test_what_is_left_out_is_what_the_machines_have_by_default(tmp_path: Path) -> None:
    config = load(tmp_path, MINIMAL)

    assert Thresholds() == config.breakers.thresholds
    assert FeedLimits() == config.feeds.limits


def test_what_the_file_says_reaches_the_machines(tmp_path: Path) -> None:
    config = load(tmp_path, WHOLE)

    assert config.breakers.thresholds == Thresholds(
        failures_in_row=5,
        failure_share=Decimal("0.25"),
        daily_loss_max=Decimal("1000.5"),
        executions_max=100,
        named_persons=("Ann", "Bo"),
    )
    assert config.feeds.limits == FeedLimits(stale_after_s=5)


def test_the_environment_overrides_a_limit(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        MINIMAL,
        environment={"VERIFILL_BREAKERS_COOLDOWN_S": "90", "VERIFILL_FEEDS_CONNECT_S": "5"},
    )

    assert (90, 5) == (config.breakers.cooldown_s, config.feeds.connect_s)


@pytest.mark.parametrize(
    ("section", "line", "words"),
    [
        ("breakers", "failures_in_row = 0", "breakers.failures_in_row is 0; allowed is 1 to 100"),
        ("breakers", "failures_in_row = 101", "failures_in_row is 101; allowed is 1 to 100"),
        ("breakers", "failures_in_row = true", "failures_in_row is true; allowed is a whole"),
        ("breakers", 'failure_share = "1.01"', "failure_share is 1.01; allowed is 0 to 1"),
        ("breakers", "failure_share = 0.5", "failure_share is 0.5, a float"),
        ("breakers", "calls_min = 1001", "calls_min is 1001; allowed is 1 to 1000"),
        ("breakers", "cooldown_s = 86401", "cooldown_s is 86401; allowed is 1 to 86400"),
        ("breakers", 'daily_loss_max = "-1"', "daily_loss_max is -1; allowed is 0 or more"),
        ("breakers", 'named_persons = [""]', "named_persons[0] is empty"),
        ("breakers", "cooldown = 60", "breakers.cooldown is unknown; did you mean cooldown_s?"),
        ("breakers", "hedges = { ETH = [] }", "breakers.hedges.ETH is empty; allowed is at least"),
        ("breakers", 'hedges = { ETH = ["w:"] }', 'breakers.hedges.ETH[0] is "w:"; allowed is'),
        ("breakers", 'hedges = { "E:" = ["W"] }', 'breakers.hedges."E:" is "E:"; allowed is'),
        ("feeds", "stale_after_s = 0", "feeds.stale_after_s is 0; allowed is 1 to 86400"),
        ("feeds", 'stale_after_s = "5"', 'stale_after_s is "5"; allowed is a whole number'),
        ("feeds", "stale_s = 5", "feeds.stale_s is unknown"),
    ],
)
def test_a_mistake_is_named_by_file_key_and_what_is_allowed(
    tmp_path: Path, section: str, line: str, words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, f"{MINIMAL}\n[{section}]\n{line}\n")

    assert f"{tmp_path}/run.toml: " in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("section", "limits"), [(BreakersConfig, Thresholds), (FeedsConfig, FeedLimits)]
)
def test_every_limit_can_be_configured_and_no_other(section: type, limits: type) -> None:
    what_is_no_limit = {"hedges"}

    assert [f.name for f in attrs.fields(section) if f.name not in what_is_no_limit] == [
        field.name for field in attrs.fields(limits)
    ]
