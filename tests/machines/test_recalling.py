"""Orders that rest: until when, how they are cancelled, and what is verified then."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from msgspec import structs

from tests.machines.support import (
    BTC,
    COIN,
    GOING_ON,
    OPENING,
    PAIR_DATA,
    PRICE,
    Act,
    Ask,
    Bars,
    Plans,
    Played,
    Script,
    buy,
    play,
    scripted,
)
from tests.machines.test_saga import saga
from tests.machines.test_tight_loop import HALF
from verifill.engine.retry import RetryPolicy
from verifill.machines.leg import Leg
from verifill.machines.loop import LoopPolicy
from verifill.machines.policies import Policies
from verifill.machines.recalling import recall, rest_left_ns
from verifill.machines.unguarded import Open
from verifill.venues.instructions import SpotTrade
from verifill.venues.interfaces import OrderHandler
from verifill.venues.orders import Order, Outcome, Receipt, Request
from verifill.venues.time_in_force import TimeInForce

THREE = RetryPolicy(attempts=3, wait_s=1)
PATIENT = LoopPolicy(fail_fast=False, tight_loop=Policies(queries=THREE))
RECALLED = "overdue recall found observed unexecuted exhausted"


def rests(limit: str = "39000", *, timeout_s: int = 90) -> SpotTrade:
    """An order to buy one coin below the market."""
    return structs.replace(
        buy("1", limit=limit), time_in_force=TimeInForce.GTC, timeout_s=timeout_s
    )


def played(
    folder: Path,
    script: Script | None = None,
    *,
    bars: Bars | None = None,
    policy: LoopPolicy = GOING_ON,
    wanted: SpotTrade | None = None,
) -> Played:
    stage, _ = scripted(script, bars=bars or Bars(5))
    return play(folder, stage, Plans([wanted or rests()]), policy=policy)


def lost(_request: Request, _ask: Ask) -> Receipt:
    """Nothing was cancelled, and nobody knows."""
    return Receipt(Outcome.UNKNOWN, reason="no answer")


def breaks(_request: Request, _ask: Ask) -> Receipt:
    msg = "connection reset"
    raise OSError(msg)


def done(request: Request, ask: Ask) -> Receipt:
    """It is cancelled, and nobody knows."""
    ask(request)
    return Receipt(Outcome.UNKNOWN, reason="no answer")


def without_waits(story: str) -> str:
    return " ".join(event for event in story.split() if event != "pending")


def test_it_rests_until_its_price_comes_and_is_verified_then(tmp_path: Path) -> None:
    bars = Bars(5, changes={2: {PAIR_DATA: 38_999_00}})
    run = played(tmp_path, bars=bars)

    assert "accepted observed matched" == without_waits(run.story)
    assert OPENING[BTC] < run.totals[BTC] <= OPENING[BTC] + COIN
    assert [] == run.notes("CANCEL")


def test_after_its_time_out_it_is_cancelled_and_nothing_happened(tmp_path: Path) -> None:
    run = played(tmp_path)
    (note,) = run.notes("CANCEL")

    assert f"accepted {RECALLED}" == without_waits(run.story)
    assert OPENING == run.totals
    assert ("desk", "EXPIRED") == (json.loads(note)["venue"], json.loads(note)["outcome"])
    assert 90 <= sum(run.waits_s) < 180


@pytest.mark.parametrize("act", [lost, breaks])
def test_a_cancel_that_was_lost_is_sent_again_as_long_as_the_order_rests(
    tmp_path: Path, act: Act
) -> None:
    run = played(tmp_path, Script(recalls=[act]), policy=PATIENT)

    assert f"accepted {RECALLED}".replace("recall", "recall recall") == without_waits(run.story)
    assert ["UNKNOWN", "EXPIRED"] == [json.loads(n)["outcome"] for n in run.notes("CANCEL")]


def test_a_cancel_whose_answer_was_lost_is_not_sent_again(tmp_path: Path) -> None:
    run = played(tmp_path, Script(recalls=[done]))

    assert f"accepted {RECALLED}" == without_waits(run.story)
    assert 1 == len(run.notes("CANCEL"))


def test_what_rests_all_the_same_is_held_when_patience_ends(tmp_path: Path) -> None:
    run = played(tmp_path, Script(recalls=[lost] * 9), policy=PATIENT)

    assert "accepted overdue recall recall exhausted" == without_waits(run.story)
    assert run.state.endswith("HELD")
    assert "it rests still" in run.loop.manager.leg.held


def test_an_order_that_is_filled_before_the_cancel_is_adopted_as_that(tmp_path: Path) -> None:
    bars = Bars(5)

    def loses(request: Request, ask: Ask) -> Receipt:
        """The fill was faster."""
        bars.prices[PAIR_DATA] = 38_999_00
        bars.wait(1)
        return ask(request)

    run = played(tmp_path, Script(recalls=[loses]), bars=bars)

    assert "accepted overdue recall found observed matched" == without_waits(run.story)
    assert run.totals[BTC] > OPENING[BTC]


def test_what_was_filled_in_part_is_kept_and_the_remainder_is_a_child(tmp_path: Path) -> None:
    stage, venue = scripted(bars=Bars(9), model=HALF)
    wanted = rests(str(PRICE // 100), timeout_s=30)
    policy = LoopPolicy(fail_fast=False, remainders=1)
    run = play(tmp_path, stage, Plans([wanted]), policy=policy)
    part = "accepted overdue recall found observed partial"

    assert f"{part} {part}" == without_waits(run.story)
    assert [COIN, COIN // 2] == [sent.quantity for sent in venue.sent if isinstance(sent, Order)]


def test_a_step_of_a_saga_rests_likewise_and_what_was_done_before_is_taken_back(
    tmp_path: Path,
) -> None:
    stage, _ = scripted(bars=Bars(9))
    chain = saga(buy("2", name="first"), structs.replace(rests(), name="second"))
    run = play(tmp_path, stage, Plans([chain]), policy=GOING_ON)

    assert f"accepted {RECALLED}" in without_waits(run.story)
    assert "rolled_back" in run.events
    assert OPENING[BTC] - COIN // 100 < run.totals[BTC] <= OPENING[BTC]


def test_a_step_that_rested_and_was_filled_is_taken_back_at_the_market(tmp_path: Path) -> None:
    bars = Bars(9, changes={2: {PAIR_DATA: 38_999_00}})
    stage, venue = scripted(bars=bars)
    chain = saga(structs.replace(rests(), name="first"), buy("1000", name="big"))
    run = play(tmp_path, stage, Plans([chain]), policy=GOING_ON)
    last = venue.sent[-1]
    assert isinstance(last, Order)
    back = last.instruction
    assert isinstance(back, SpotTrade)

    assert "rolled_back" in run.events
    assert (TimeInForce.IOC, 0, None) == (back.time_in_force, back.timeout_s, back.limit)
    assert OPENING[BTC] - COIN // 100 < run.totals[BTC] <= OPENING[BTC]


# Where a venue can do less.


class Barring(Open):
    """Lets nothing be cancelled."""

    def deny_cancel(self, venue: str) -> str:
        return f"{venue} is barred"


class Notes:
    """Keeps what is written down."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def note(self, number: int, kind: str, text: object) -> None:
        self.told.append((number, kind, text))


def resting(folder: Path) -> Leg:
    """The leg of an order that rests."""
    leg = played(folder).loop.manager.leg
    leg.receipt, leg.rests_until_ns = Receipt(Outcome.ACCEPTED), 0
    return leg


def test_where_no_reading_has_a_moment_the_whole_time_is_left(tmp_path: Path) -> None:
    leg = resting(tmp_path)
    leg.observation = replace(leg.observation, as_of_ns=0, behind={})

    assert 90 * 10**9 == rest_left_ns(leg)
    assert 0 == leg.rests_until_ns


def outcome_of(leg: Leg, guard: Open) -> tuple[str, str]:
    notes: Any = Notes()
    recall(leg, guard, notes)
    ((_, kind, text),) = notes.told
    assert kind == "CANCEL"
    return text["outcome"], text["reason"]


def test_a_cancel_that_is_denied_does_not_go_out(tmp_path: Path) -> None:
    leg = resting(tmp_path)
    leg.handler = cast("OrderHandler", object())  # that cannot be asked anything

    assert ("DENIED_LOCAL", "desk is barred") == outcome_of(leg, Barring())


def test_a_venue_that_cannot_cancel_leaves_it_unknown(tmp_path: Path) -> None:
    leg = resting(tmp_path)
    leg.handler = cast("OrderHandler", object())

    assert ("UNKNOWN", "desk has no way to cancel an order") == outcome_of(leg, Open())
