"""Deadlines are in the venue's time, whatever our own clock says."""

from dataclasses import replace
from pathlib import Path

from tests.venues.exchanges import buy
from tests.venues.loopback import LAG_S, WINDOW_S, Inside
from verifill.engine.clock import NANOSECONDS
from verifill.venues.interfaces import Dated
from verifill.venues.loopback.venue_time import TRUSTED_NS, VenueTime
from verifill.venues.orders import Outcome
from verifill.venues.rules import Idempotency


class Monotonic:
    def __init__(self) -> None:
        self.now_ns = 5

    def __call__(self) -> int:
        return self.now_ns


def test_nothing_is_known_before_it_is_heard_and_after_it_is_forgotten() -> None:
    time = VenueTime(Monotonic())
    before = time.now_ns()
    time.heard(100)
    heard = time.now_ns()
    time.forget()

    assert (None, 100, None) == (before, heard, time.now_ns())


def test_time_passes_there_as_the_monotonic_clock_tells() -> None:
    clock = Monotonic()
    time = VenueTime(clock)
    time.heard(10**18)
    clock.now_ns += 7

    assert 10**18 + 7 == time.now_ns()


def test_a_word_that_is_old_is_not_gone_by() -> None:
    clock = Monotonic()
    time = VenueTime(clock)
    time.heard(0)
    clock.now_ns += TRUSTED_NS
    last = time.now_ns()
    clock.now_ns += 1

    assert (TRUSTED_NS, None) == (last, time.now_ns())


def test_the_deadline_of_class_d_is_the_venues_time_and_its_window(tmp_path: Path) -> None:
    server = Inside(tmp_path, klass=Idempotency.D)
    client = server.exchange()
    server.skew(-3_600_000)
    there_ns = server.now_ns() - 3600 * NANOSECONDS

    assert isinstance(client, Dated)
    assert there_ns + WINDOW_S * NANOSECONDS == client.deadline_ns()


def test_other_classes_have_no_deadline(tmp_path: Path) -> None:
    assert 0 == Inside(tmp_path).exchange().deadline_ns()
    assert 0 == Inside(tmp_path / "..", "chain").chain().deadline_ns()


def test_where_nobody_answers_the_deadline_is_by_our_own_clock(tmp_path: Path) -> None:
    server = Inside(tmp_path, klass=Idempotency.D)
    client = server.exchange()
    server.reachable = False

    assert server.now_ns() + WINDOW_S * NANOSECONDS == client.deadline_ns()


def test_every_answer_about_an_order_tells_the_time(tmp_path: Path) -> None:
    server = Inside(tmp_path, klass=Idempotency.D)
    client = server.exchange()
    client.query(client.order(1, buy("0.01")))
    server.skew(60_000)  # not heard of yet

    assert server.now_ns() + WINDOW_S * NANOSECONDS == client.deadline_ns()


def test_a_new_life_that_knows_the_deadline_needs_not_wait_as_if_just_sent(tmp_path: Path) -> None:
    server = Inside(tmp_path, klass=Idempotency.D)
    first = server.exchange()
    order = replace(first.order(1, buy("0.01")), deadline_ns=first.deadline_ns())
    server.arm("timeout_before")
    first.submit(order)
    server.wait(WINDOW_S + LAG_S + 1)

    outcomes = [server.exchange().query(order).outcome]  # a proof needs two of one life
    second = server.exchange()
    outcomes += [second.query(order).outcome for _ in range(2)]
    assert [Outcome.UNKNOWN, Outcome.UNKNOWN, Outcome.ABSENT] == outcomes
