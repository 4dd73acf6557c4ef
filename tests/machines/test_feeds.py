"""A feed is LIVE by heartbeats alone, and a strategy decides on nothing else."""

import pytest

from tests.machines.guards import START, S, forget, moved, through_json
from verifill.machines.changes import Change
from verifill.machines.feed import Feed
from verifill.machines.feeds import Feeds
from verifill.machines.thresholds import FeedLimits

LIMITS = FeedLimits()


def feeds(told: list[Change] | None = None) -> Feeds:
    return Feeds(LIMITS, forget if told is None else told.append)


def live(told: list[Change] | None = None) -> Feeds:
    one = feeds(told)
    one.heartbeat("binance", START)
    return one


def test_a_feed_begins_to_connect_and_is_live_by_its_first_heartbeat() -> None:
    one = feeds()
    one.connect("binance", START)

    assert "market data of binance is CONNECTING: no data has come yet" == one.may_decide(
        ["binance"], START
    )
    one.heartbeat("binance", START)
    assert "" == one.may_decide(["binance"], START)


def test_a_feed_that_was_never_heard_of_is_not_live() -> None:
    one = feeds()

    assert "market data of okx is CONNECTING" in one.may_decide(["okx"], START)
    assert {} == one.feeds


def test_every_feed_that_a_strategy_looks_at_must_be_live() -> None:
    one = live()
    one.lost("okx", START, "connection reset")

    assert "" == one.may_decide(["binance"], START)
    assert "" == one.may_decide([], START)
    assert "market data of okx is DOWN: connection reset" == one.may_decide(
        ["binance", "okx"], START
    )


@pytest.mark.parametrize(
    ("silent_ns", "state"),
    [
        (15 * S - 1, Feed.LIVE), (15 * S, Feed.LIVE), (15 * S + 1, Feed.STALE),
        (60 * S - 1, Feed.STALE), (60 * S, Feed.STALE), (60 * S + 1, Feed.DOWN),
    ],
)  # fmt: skip
def test_silence_makes_a_feed_stale_and_then_down(silent_ns: int, state: Feed) -> None:
    one = live()
    reason = one.may_decide(["binance"], START + silent_ns)

    assert state is one.feeds["binance"].state
    assert (state is Feed.LIVE) == (reason == "")


@pytest.mark.parametrize(
    ("silent_ns", "state"),
    [(30 * S - 1, "CONNECTING"), (30 * S, "CONNECTING"), (30 * S + 1, "DOWN")],
)
def test_a_connection_without_data_is_given_up(silent_ns: int, state: str) -> None:
    one = feeds()
    one.connect("binance", START)
    one.advance(START + silent_ns)

    assert state == one.feeds["binance"].state


@pytest.mark.parametrize(
    ("age_ns", "state"), [(15 * S - 1, "LIVE"), (15 * S, "LIVE"), (15 * S + 1, "CONNECTING")]
)
def test_data_that_is_itself_too_old_is_no_heartbeat(age_ns: int, state: str) -> None:
    one = feeds()
    one.heartbeat("binance", START, START - age_ns)

    assert state == one.feeds["binance"].state


def test_old_data_does_not_keep_a_feed_alive() -> None:
    one = live()
    for age_s in range(1, 20):
        one.heartbeat("binance", START + age_s * S, START - S)

    assert Feed.STALE is one.feeds["binance"].state


def test_heartbeats_keep_a_feed_alive_and_are_not_told_one_by_one() -> None:
    told: list[Change] = []
    one = feeds(told)
    for age_s in range(0, 100, 10):
        one.heartbeat("binance", START + age_s * S)

    assert [("CONNECTING", "heartbeat", "LIVE")] == moved(told)


def test_a_stale_feed_is_live_again_upon_a_heartbeat() -> None:
    one = live()
    one.advance(START + 20 * S)
    one.heartbeat("binance", START + 21 * S)

    assert "" == one.may_decide(["binance"], START + 21 * S)


def test_a_feed_that_is_down_must_connect_before_it_counts() -> None:
    told: list[Change] = []
    one = live(told)
    one.lost("binance", START, "connection reset")
    one.lost("binance", START, "connection reset")
    one.heartbeat("binance", START)

    assert Feed.DOWN is one.feeds["binance"].state
    one.connect("binance", START + 40 * S)
    one.connect("binance", START + 50 * S)
    one.advance(START + 70 * S)
    one.heartbeat("binance", START + 70 * S)
    assert [
        ("CONNECTING", "heartbeat", "LIVE"),
        ("LIVE", "lost", "DOWN"),
        ("DOWN", "connect", "CONNECTING"),
        ("CONNECTING", "heartbeat", "LIVE"),
    ] == moved(told)
    assert {"feed:binance"} == {change.scope for change in told}


def test_a_clock_that_goes_back_keeps_no_feed_fresh_for_ever() -> None:
    one = live()
    yesterday_ns = START - 86_400 * S

    assert "" == one.may_decide(["binance"], yesterday_ns)
    assert "STALE" in one.may_decide(["binance"], yesterday_ns + 16 * S)


def test_feeds_go_on_in_the_next_life() -> None:
    told: list[Change] = []
    one = live(told)
    other = Feeds.restored(LIMITS, told.append, through_json(one.state()))

    assert one.state() == other.state()
    assert "STALE" in other.may_decide(["binance"], START + 16 * S)
