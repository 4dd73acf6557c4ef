"""Venues that promise less than class K, killed at the send: one effect per intent, or HELD.

The engine is a real process and so is the venue; what was executed is counted from the venue's
own journal.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest

from tests.live.worlds import LiveWorld, written
from tests.serving import Serving

KILLED = -9
LOOPS = ("full_loop", "tight_loop")
WINDOW_S, LAG_S = 2, 4
SAID = """
[loopback]
width = "0"
[loopback.venues.binance]
idempotency = "{klass}"
recv_window_s = {window}
query_lag_s = {lag}
[retry.live.queries]
wait_s = 1
factor = 1
attempts = {questions}
[retry.live.sends]
wait_s = 0
"""
ABSENT = "absent observed unexecuted resend accepted observed matched"
SENT, PROVEN = pl.col("kind") == "INTENT", pl.col("event") == "absent"
Made = Callable[..., LiveWorld]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Made]:
    serving = Serving(tmp_path)

    def made(klass: str, questions: int = 100) -> LiveWorld:
        lag_s = LAG_S if klass == "D" else 0
        config = written(
            tmp_path, SAID.format(klass=klass, window=WINDOW_S, lag=lag_s, questions=questions)
        )
        serving.start(config)
        return LiveWorld(tmp_path, config, serving)

    yield made
    serving.end()


def story(world: LiveWorld) -> str:
    """The events of the loops in the newest process life."""
    records = world.records
    last = records.filter(pl.col("machine").is_in(LOOPS), epoch=records["epoch"].max())
    return " ".join(event for event in last["event"] if event)


def test_class_d_sends_again_under_a_new_key_once_it_is_proven_that_nothing_arrived(
    world: Made,
) -> None:
    one = world("D")
    assert KILLED == one.run("before send", "1")
    assert 0 == one.run(ticks=1)

    one.check()
    assert ABSENT in story(one)
    intent, proof = (one.records.filter(x).row(0, named=True) for x in (SENT, PROVEN))
    proven_ns = json.loads(intent["payload"])["request"]["deadline_ns"] + LAG_S * 10**9
    assert proof["wall_ns"] > proven_ns
    first, second = (one.effects.get(key, 0) for key in keys(one)[:2])
    assert (0, 1) == (first, second)


def test_class_k_sends_what_its_log_holds_once_more_under_the_same_key(world: Made) -> None:
    one = world("K")
    assert KILLED == one.run("before send", "1")
    assert KILLED == one.run("before send", "1")  # of what was to go out once more
    assert 0 == one.run(ticks=1)

    one.check()
    assert "repeat found observed matched" in story(one)
    assert 1 == one.effects[keys(one)[0]]
    assert 2 == one.records.filter(event="repeat").height


def keys(world: LiveWorld) -> list[str]:
    return list(world.records.filter(kind="INTENT")["intent_id"])


def test_the_intent_of_class_d_holds_all_that_a_new_life_needs(world: Made) -> None:
    one = world("D")
    assert KILLED == one.run("before send", "1")
    (intent,) = one.records.filter(kind="INTENT").iter_rows(named=True)
    told = json.loads(intent["payload"])
    leg, (order,) = told["memory"]["leg"], told["memory"]["leg"]["orders"]

    assert intent["intent_id"] == told["request"]["key"] == leg["key"] == order["key"]
    assert "0.01" == order["instruction"]["quantity"]
    assert order["quantity"] == told["request"]["quantity"]
    assert told["memory"]["books"]["totals"]
    ahead_ns = told["request"]["deadline_ns"] - intent["wall_ns"]
    assert 0 < ahead_ns <= WINDOW_S * 10**9
    assert told["request"]["deadline_ns"] == order["deadline_ns"] == leg["deadline_ns"]


@pytest.mark.parametrize("klass", ["D", "N"])
@pytest.mark.parametrize("moment", ["after send", "before commit"])
def test_what_the_venue_has_is_adopted_and_not_sent_again(
    world: Made, klass: str, moment: str
) -> None:
    one = world(klass)
    assert KILLED == one.run(moment, "1" if moment == "after send" else "accepted")
    (key,) = keys(one)
    assert 0 == one.run(ticks=1)

    one.check()
    assert "resolve_instruction found observed matched" in story(one)
    assert 1 == one.effects[key]


def test_class_d_that_does_not_find_within_its_lag_what_it_has_is_asked_until_it_does(
    world: Made,
) -> None:
    one = world("D")
    hides = {"name": "hides", "on": "submit", "handling": {"hidden_s": LAG_S}}
    one.serving.admin("/arm", {"faults": [hides]})
    assert KILLED == one.run("after send", "1")
    (key,) = keys(one)
    assert 0 == one.run(ticks=1)

    one.check()
    assert "found observed matched" in story(one)
    assert "absent" not in story(one)
    assert 1 == one.effects[key]


def test_class_n_that_does_not_know_an_order_is_held_and_stays_held(world: Made) -> None:
    one = world("N", 1)
    assert KILLED == one.run("before send", "1")
    for _ in range(2):
        assert KILLED == one.run("after commit", "exhausted")
        assert "recover resolve_instruction exhausted" == story(one)
        assert "INSTRUCTION.HELD" == one.records["to"].drop_nulls()[-1]

    assert {} == one.effects
    assert 1 == len(keys(one))
