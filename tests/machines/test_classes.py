"""Class D and N in memory, cut off at every send and commit: one effect per intent, or HELD."""

from pathlib import Path

import pytest
from attrs import evolve

from tests.machines.lives import Client, Kept, Moments, World
from tests.machines.support import RULES, SECOND_NS, Bars, buy, scripted
from tests.machines.test_clock_jumps import LIVE
from verifill.venues.orders import Outcome, Receipt, Request
from verifill.venues.rules import Idempotency

WINDOW_S, LAG_S = 10, 5
TOO_EARLY = Receipt(Outcome.UNKNOWN, reason="not found, which proves nothing yet")


class Limited(Client):
    """Class D: a request ends at its deadline; not found twice after the lag is a proof."""

    def __init__(self, kept: Kept, moments: Moments, since: int) -> None:
        super().__init__(kept, moments, since)
        self._late = 0
        self._ask = self.query
        self.query = self._found

    def deadline_ns(self) -> int:
        return self._now_ns() + WINDOW_S * SECOND_NS

    def _now_ns(self) -> int:
        return self._kept.venue.read().as_of_ns

    def _found(self, request: Request) -> Receipt:
        receipt = self._ask(request)
        if receipt.outcome is not Outcome.ABSENT:
            return receipt
        assert request.deadline_ns  # a new life has it from the intent
        late = self._now_ns() > request.deadline_ns + LAG_S * SECOND_NS
        self._late += late
        return receipt if self._late > 1 else TOO_EARLY


class Named(Client):
    """Class N: a key is a name to ask by, and not found proves nothing."""

    def __init__(self, kept: Kept, moments: Moments, since: int) -> None:
        super().__init__(kept, moments, since)
        self._ask = self.query
        self.query = self._found

    def _found(self, request: Request) -> Receipt:
        receipt = self._ask(request)
        return TOO_EARLY if receipt.outcome is Outcome.ABSENT else receipt


CLIENTS: dict[Idempotency, type[Client]] = {Idempotency.D: Limited, Idempotency.N: Named}


def world(folder: Path, klass: Idempotency) -> World:
    limited = klass is Idempotency.D
    rules = evolve(
        RULES,
        idempotency=klass,
        recv_window_s=WINDOW_S if limited else 0,
        query_lag_s=LAG_S if limited else 0,
    )
    stage, venue = scripted(bars=Bars(0), rules=rules)
    folder.mkdir()
    made = World(folder, stage, venue, [[buy("1")]], LIVE, client=CLIENTS[klass])
    made.go(0)  # so that the venue knows the time before it is asked
    return made


def executed(one: World) -> int:
    """How many of the orders that were sent the venue has executed."""
    done = [one.venue.exchange.query(request).outcome for request in one.venue.sent]
    return done.count(Outcome.EXECUTED)


@pytest.mark.parametrize("klass", [Idempotency.D, Idempotency.N])
@pytest.mark.parametrize("place", ["send", "commit"])
def test_a_life_cut_off_anywhere_has_one_effect_per_intent_or_is_held(
    tmp_path: Path, klass: Idempotency, place: str
) -> None:
    moments = Moments()
    assert "STOPPED" == world(tmp_path / "whole", klass).live(2, moments)
    for number in range(1, moments.seen[place] + 1):
        for after in (False, True):
            one = world(tmp_path / f"{number} {after}", klass)
            assert "KILLED" == one.live(2, Moments(place, number, after))
            ended = one.live(2)
            keys = [request.key for request in one.venue.sent]

            assert len(keys) == len(set(keys))
            assert executed(one) == one.events.count("matched") <= 1
            if ended != "STOPPED":
                assert (Idempotency.N, "INSTRUCTION.HELD") == (klass, ended)
                assert not keys


def test_class_d_waits_for_its_deadline_and_lag_and_sends_once_under_a_new_key(
    tmp_path: Path,
) -> None:
    one = world(tmp_path / "one", Idempotency.D)
    one.live(2, Moments("send", 1))
    one.live(2)

    asked = "unknown unknown unknown unknown absent observed unexecuted"
    assert f"{asked} tick resend accepted observed matched" in one.story
    intents = list(one.reader.records().collect().filter(kind="INTENT")["intent_id"])
    assert (2, [intents[1]]) == (len(set(intents)), [request.key for request in one.venue.sent])


def test_class_n_is_held_where_nobody_knows(tmp_path: Path) -> None:
    one = world(tmp_path / "one", Idempotency.N)
    one.live(2, Moments("send", 1))

    assert "INSTRUCTION.HELD" == one.live(2)
    assert not one.venue.sent
