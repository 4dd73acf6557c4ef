"""How an engine is set up comes back from plain values as it was."""

import json
from decimal import Decimal

import pytest

from tests.machines.support import SCALES, scripted
from verifill.engine.digest import canonical_json
from verifill.engine.errors import EngineDefect
from verifill.engine.retry import RetryPolicy
from verifill.machines.forms import NOBODY
from verifill.machines.loop import LoopPolicy
from verifill.machines.policies import Policies, Timeouts
from verifill.machines.setup import SETUP, Setup, VenueSetup
from verifill.machines.thresholds import FeedLimits, Thresholds
from verifill.machines.tolerance import Tolerance


def test_every_field_of_a_setup_comes_back_as_it_was() -> None:
    _, venue = scripted()
    at = Policies(sends=RetryPolicy(attempts=7, wait_s=0.1), timeouts=Timeouts(reading_s=2.5))
    setup = Setup(
        decimals=SCALES.as_dict(),
        policy=LoopPolicy(fail_fast=False, tight_loop=Policies(places={("desk", ""): at})),
        tolerance=Tolerance(absolute={"a:b:c": 3}),
        venues=(VenueSetup(rules=venue.rules, abilities=("dated",)),),
        feeds=2,
        subscribed=frozenset({"desk", "alpha"}),
        stateful=True,
        limits=Thresholds(
            failure_share=Decimal("0.25"),
            executions_max=5,
            margin_min=Decimal("1.50"),
            named_persons=("ann", "bob"),
        ),
        feed_limits=FeedLimits(stale_after_s=3),
        strategy="buys.py",
    )

    told = json.loads(canonical_json(SETUP.plain(setup)))

    assert setup == SETUP.made(told)
    assert venue.rules == SETUP.made(told).venues[0].rules


def test_where_there_is_nobody_nothing_can_be_called() -> None:
    with pytest.raises(EngineDefect, match="a replay has called submit of what is outside"):
        NOBODY.submit(1)
