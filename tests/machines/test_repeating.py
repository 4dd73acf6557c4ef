"""Class K: an order whose fate nobody knows goes out once more, the same under the same key."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from attrs import evolve

from tests.machines.lives import Client, Kept, Mailbox, Moments, World
from tests.machines.support import BTC, COIN, OPENING, RULES, Act, Ask, Bars, Script, buy, scripted
from tests.machines.test_clock_jumps import LIVE
from tests.machines.test_guarded_lives import notes
from tests.machines.test_lives import check, lost, silent
from verifill.engine.verify.records import read
from verifill.engine.verify.submits import repeats_check
from verifill.machines.thresholds import Thresholds
from verifill.venues.orders import Order, Outcome, Receipt, Request, Trouble
from verifill.venues.rules import Idempotency

NOT_FOUND = Receipt(Outcome.UNKNOWN, reason="not found", not_found=True)


class Once(Client):
    """A venue that executes a key once, and tells a second submit of the first."""

    def __init__(self, kept: Kept, moments: Moments, since: int) -> None:
        super().__init__(kept, moments, since)
        self._ask = self.query
        self.query = self._found

    def submit(self, request: Request) -> Receipt:
        there = self._venue.exchange.query(request)
        if there.outcome is Outcome.ABSENT:
            return super().submit(request)
        self._venue.sent.append(request)
        return there

    def _found(self, request: Request) -> Receipt:
        receipt = self._ask(request)
        return NOT_FOUND if receipt.outcome is Outcome.ABSENT else receipt


def world(
    folder: Path,
    *submits: Act,
    queries: Sequence[Act] = (),
    klass: Idempotency = Idempotency.K,
    client: type[Client] = Once,
) -> World:
    rules = evolve(RULES, idempotency=klass)
    script = Script(submits=submits, queries=queries)
    stage, venue = scripted(script, bars=Bars(0), rules=rules, opening=OPENING)
    made = World(folder, stage, venue, [[buy("1")]], LIVE, Mailbox(), client=client)
    made.go(0)
    return made


def the_same(made: World, count: int) -> None:
    """So often the same request went out, under the key of the one intent."""
    sent = [request for request in made.venue.sent if isinstance(request, Order)]
    first = sent[0]
    wanted = (first.key, first.instruction, first.quantity, first.limit)
    assert [wanted] * count == [(r.key, r.instruction, r.quantity, r.limit) for r in sent]
    assert [first.key] == list(made.records.filter(kind="INTENT")["intent_id"])


def test_what_is_not_found_goes_out_once_more_under_its_own_key(tmp_path: Path) -> None:
    made = world(tmp_path, lost)

    assert "STOPPED" == made.live()
    assert "unknown repeat found observed matched" in made.story
    assert OPENING[BTC] + COIN == made.loop.monitor.totals[BTC]
    the_same(made, 2)
    check(made, twice=True)


def hidden(_request: Request, _ask: Ask) -> Receipt:
    """It is there, and not found."""
    return NOT_FOUND


def test_what_is_there_and_not_found_is_told_of_by_the_second_submit(tmp_path: Path) -> None:
    made = world(tmp_path, silent, queries=[hidden] * 100)

    assert "STOPPED" == made.live()
    assert "unknown repeat found observed matched" in made.story
    assert OPENING[BTC] + COIN == made.loop.monitor.totals[BTC]
    the_same(made, 2)


def test_a_refusal_of_the_second_says_nothing_of_the_first(tmp_path: Path) -> None:
    """The first may still arrive: it is asked for, and sent once more."""

    def refused(_request: Request, _ask: Ask) -> Receipt:
        return Receipt(Outcome.REJECTED_DEFINITIVE, reason="not now")

    made = world(tmp_path, lost, refused)

    assert "STOPPED" == made.live()
    assert "unknown repeat repeat found observed matched" in made.story
    the_same(made, 3)


def test_a_venue_that_is_busy_is_left_alone_for_as_long_as_it_says(tmp_path: Path) -> None:
    def busy(_request: Request, _ask: Ask) -> Receipt:
        trouble = Trouble.BUSY
        return Receipt(Outcome.REJECTED_DEFINITIVE, retryable=True, trouble=trouble, wait_s=40)

    made = world(tmp_path, lost, busy)

    assert "STOPPED" == made.live()
    times = made.records.filter(event="repeat")["mono_ns"]
    assert times[1] - times[0] == 40 * 10**9
    the_same(made, 3)


@pytest.mark.parametrize("place", ["send", "commit"])
def test_a_life_cut_off_anywhere_sends_the_request_of_its_log(tmp_path: Path, place: str) -> None:
    (tmp_path / "whole").mkdir()
    moments = Moments()
    assert "STOPPED" == world(tmp_path / "whole", lost).live(2, moments)
    for number in range(1, moments.seen[place] + 1):
        for after in (False, True):
            (folder := tmp_path / f"{number} {after}").mkdir()
            made = world(folder, lost)
            assert "KILLED" == made.live(2, Moments(place, number, after=after))
            assert "STOPPED" == made.live(2)

            check(made, twice=True)
            done = made.events.count("matched")
            assert done == bool(made.venue.sent)
            assert OPENING[BTC] + COIN * done == made.loop.monitor.totals[BTC]
            if done:
                the_same(made, len(made.venue.sent))


def test_what_no_answer_comes_about_is_asked_for_and_not_sent_again(tmp_path: Path) -> None:
    made = world(tmp_path, lost, queries=[lost] * 3)

    assert "STOPPED" == made.live()
    assert "unknown unknown unknown unknown tick repeat found observed" in made.story
    the_same(made, 2)


@pytest.mark.parametrize("klass", [Idempotency.D, Idempotency.N])
def test_no_other_class_sends_the_same_again(tmp_path: Path, klass: Idempotency) -> None:
    made = world(tmp_path, lost, klass=klass)
    made.live()

    assert "repeat" not in made.events
    the_same(made, 1)


def test_what_the_venue_has_had_is_not_sent_again(tmp_path: Path) -> None:
    def taken(_request: Request, _ask: Ask) -> Receipt:
        return Receipt(Outcome.ACCEPTED)

    made = world(tmp_path, taken, queries=[hidden] * 100)

    assert "INSTRUCTION.HELD" == made.live()
    the_same(made, 1)


EASY = Thresholds(failures_in_row=100, calls_min=100, unknown_max_s=1000)


def test_when_patience_ends_it_is_held_and_never_sent_under_another_key(tmp_path: Path) -> None:
    """It goes out once more at 5, 15, 35, 75 and 120 seconds, and is resolved by a later life."""
    made = world(tmp_path, *[lost] * 6)
    made.limits = EASY

    assert "INSTRUCTION.HELD" == made.live()
    the_same(made, 6)
    assert "STOPPED" == made.live()
    the_same(made, 7)
    check(made, twice=True)


def test_a_person_who_asks_has_it_sent_once_more(tmp_path: Path) -> None:
    made = world(tmp_path, *[lost] * 7)
    made.limits = EASY
    made.mailbox.replies[".HELD"] = ["ask", "ask"]

    assert "STOPPED" == made.live()
    assert "exhausted ask repeat exhausted ask repeat found observed matched" in made.story
    the_same(made, 8)
    check(made, twice=True)


def test_while_a_breaker_is_open_nothing_is_repeated(tmp_path: Path) -> None:
    made = world(tmp_path, *[lost] * 9)
    made.limits = Thresholds(failures_in_row=2)

    assert "INSTRUCTION.HELD" == made.live()
    the_same(made, 2)
    denied = notes(made, "DENIED")
    assert denied
    assert all("breaker venue:" in reason for reason in denied)


def test_after_a_kill_nothing_is_repeated(tmp_path: Path) -> None:
    made = world(tmp_path, lost)
    made.mailbox.replies["RETRY.QUERY"] = ["kill"]

    assert "INSTRUCTION.HELD" == made.live()
    assert "repeat" not in made.events
    the_same(made, 1)


def test_verify_finds_a_send_that_no_record_let_go_and_a_repeat_of_another_key(
    tmp_path: Path,
) -> None:
    made = world(tmp_path, lost)
    made.live()
    frame = read(made.log, None).frame
    again = pl.col("repeats").is_not_null()
    key = frame["intent_id"].drop_nulls()[0]

    assert (True, 2) == (repeats_check(frame).holds, repeats_check(frame).looked_at)
    assert ["tells of a send that no intent and no repeat before it let go"] == [
        fault.what for fault in repeats_check(frame.filter(~again)).faults
    ]
    other = frame.with_columns(repeats=pl.when(again).then(pl.lit("another")))
    assert [f"sends 'another' once more, and the intent before it is {key!r}"] == [
        fault.what for fault in repeats_check(other).faults
    ]
