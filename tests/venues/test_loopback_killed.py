"""A server that is killed and started again, and what keys promise through all of it."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.venues.exchanges import BTC, buy, internal, set_leverage, withdraw
from tests.venues.loopback import LAG_S, PATIENCE_S, Client, Host, Inside
from tests.venues.loopback_server import JOURNAL
from verifill.engine.errors import ConfigError, EngineDefect, EnvironmentDefect, NotObserved
from verifill.venues.loopback.effects import effects_of
from verifill.venues.loopback.faults import CATALOGUE, Break, Delivery, Fault, Handling
from verifill.venues.loopback.journal import Journal, Opened, read_journal
from verifill.venues.orders import Outcome
from verifill.venues.rules import Idempotency

KILLED = 137
DONE = {Outcome.EXECUTED}
HIT = 10**6 * 999 // 1000  # what a purchase of 0.01 BTC leaves after its fee


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(tmp_path).start()
    yield made
    made.stop()


def known(client: Client, number: int) -> Outcome:
    return client.query(client.order(number, buy("0.01"))).outcome


# Killed and started again.


def test_a_server_that_is_killed_has_its_accounts_and_keys_again(host: Host) -> None:
    client = host.exchange()
    client.read()
    trades = [client.order(number, buy("0.01")) for number in (1, 2)]
    late = client.order(3, buy("0.01"))
    transfers = [client.order(4, internal("100")), client.order(5, withdraw("10"))]
    told = [client.submit(order) for order in trades]
    client.submit(client.order(6, set_leverage(9)))
    host.arm("late_fill")
    told += [client.submit(order) for order in (late, *transfers)]
    reading, state, effects = client.read(), host.state(), host.effects()
    host.kill()
    host.start()
    again = host.exchange(since=client.remote.feed.cursor)

    assert (state, effects) == (host.state(), host.effects())
    assert told == [again.query(order) for order in (*trades, late, *transfers)]
    assert reading.totals == again.read().totals

    host.wait(60)

    assert Outcome.EXECUTED is again.query(late).outcome
    assert 1 == host.effect(3)
    assert {"binance.spot-3"} == {row.ref for row in again.read().rows}


def test_a_server_killed_before_it_wrote_has_never_had_the_order(host: Host) -> None:
    client = host.exchange()
    host.arm("killed_before")
    sent = client.submit(client.order(1, buy("0.01")))

    assert KILLED == host.gone()
    assert Outcome.DENIED_LOCAL is client.submit(client.order(2, buy("0.01"))).outcome

    host.start()

    assert Outcome.UNKNOWN is sent.outcome
    assert Outcome.UNKNOWN is known(host.exchange(), 1)
    assert (0, 2 * 10**8) == (host.effect(1), host.total(BTC))


def test_a_server_killed_after_it_wrote_has_the_order(host: Host) -> None:
    client = host.exchange()
    host.arm("killed_after")
    sent = client.submit(client.order(1, buy("0.01")))

    assert KILLED == host.gone()

    host.start()

    assert Outcome.UNKNOWN is sent.outcome
    assert Outcome.EXECUTED is known(host.exchange(), 1)
    assert (1, 2 * 10**8 + HIT) == (host.effect(1), host.total(BTC))


KILLER = "import os, sys, time; time.sleep(float(sys.argv[2])); os.kill(int(sys.argv[1]), 9)"
SUBMITS_MAX = 5_000


@pytest.mark.parametrize("after_s", ["0.02", "0.11", "0.23"])
def test_a_kill_at_any_moment_loses_nothing_that_was_answered(host: Host, after_s: str) -> None:
    client = host.exchange()
    orders = [client.order(number, buy("0.00001")) for number in range(1, SUBMITS_MAX)]
    told: list[Outcome] = []
    killer = subprocess.Popen([sys.executable, "-c", KILLER, str(host.ready.pid), after_s])
    for order in orders:
        told.append(client.submit(order).outcome)
        if told[-1] is Outcome.DENIED_LOCAL:
            break
    killer.wait(PATIENCE_S)
    host.gone()
    host.start()
    again, effects = host.exchange(), host.effects()
    done = [effects[order.key].effects if order.key in effects else 0 for order in orders]
    bought = host.total(BTC) - 2 * 10**8

    assert {Outcome.EXECUTED, Outcome.DENIED_LOCAL} <= {*told} <= {*told, Outcome.UNKNOWN}
    assert all(count == 1 for count, one in zip(done, told, strict=False) if one in DONE)
    assert 0 == sum(done[len(told) - 1 :])
    assert {0, 1} >= set(done)
    assert sum(done) * 999 == bought
    for order, one, count in zip(orders, told, done, strict=False):
        if one is Outcome.UNKNOWN:
            expected = (Outcome.EXECUTED, False) if count else (Outcome.UNKNOWN, True)
            receipt = again.query(order)
            assert expected == (receipt.outcome, receipt.not_found)


def test_the_server_outlives_its_client_and_ends_cleanly(host: Host) -> None:
    client = host.exchange()
    client.submit(client.order(1, buy("0.01")))

    assert 1 == host.effect(1)
    assert 0 == host.stop()
    assert 1 == effects_of(read_journal(host.journal))[0].effects


def test_one_journal_has_one_server(host: Host) -> None:
    with pytest.raises(EnvironmentDefect, match="another server writes"):
        Journal(host.journal)


# The journal.


def written(folder: Path) -> Path:
    """A journal with two orders in it, of a server that is gone."""
    server = Inside(folder)
    client = server.exchange()
    for number in (1, 2):
        client.submit(client.order(number, buy("0.01")))
    server.close()
    return folder / JOURNAL


@given(cut=st.integers(1, 10_000))
@settings(max_examples=30)
def test_a_line_without_its_end_never_happened(cut: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        journal = written(Path(name))
        data = journal.read_bytes()
        first = data.index(b"\n") + 1
        journal.write_bytes(data[: max(first, len(data) - cut)])
        orders = journal.read_bytes().count(b"\n") - 1
        server = Inside(Path(name))
        client = server.exchange()
        client.submit(client.order(3, buy("0.01")))
        server.close()
        again = Inside(Path(name))

        assert orders + 1 == sum(effect.effects for effect in again.effects().values())
        assert 2 * 10**8 + (orders + 1) * HIT == again.total(BTC)

        again.close()


def test_a_journal_of_other_settings_is_refused(tmp_path: Path) -> None:
    written(tmp_path)

    with pytest.raises(ConfigError, match="of other settings"):
        Inside(tmp_path, klass=Idempotency.D)


def test_a_journal_that_does_not_give_the_same_again_is_refused(tmp_path: Path) -> None:
    journal = written(tmp_path)
    journal.write_bytes(journal.read_bytes().replace(b"binance.spot-2", b"binance.spot-9"))

    with pytest.raises(ConfigError, match="line 3 of the journal"):
        Inside(tmp_path)


@pytest.mark.parametrize(("damage", "told"), [(b"{}\n", "line 4"), (b"\xff\n", "line 4")])
def test_a_damaged_journal_is_refused(tmp_path: Path, damage: bytes, told: str) -> None:
    journal = written(tmp_path)
    journal.write_bytes(journal.read_bytes() + damage)

    with pytest.raises(ConfigError, match=told):
        Journal(journal)


def test_a_journal_begins_with_what_is_simulated(tmp_path: Path) -> None:
    journal = written(tmp_path)
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[1:]))

    with pytest.raises(ConfigError, match="this is no journal"):
        read_journal(journal)


def test_there_is_no_journal(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no journal"):
        read_journal(tmp_path / JOURNAL)


def test_a_disk_that_refuses_stops_the_server(tmp_path: Path) -> None:
    journal = Journal(tmp_path / JOURNAL)
    journal.close()

    with pytest.raises(EnvironmentDefect, match="the server stops"):
        journal.append(Opened("digest", 0))


# What keys promise.

LIVING = [name for name in CATALOGUE if not name.startswith("killed")]


@given(
    struck=st.lists(st.sampled_from(["", *LIVING]), min_size=1, max_size=8),
    passing=st.integers(0, 60),
)
@settings(max_examples=40)
def test_any_number_of_submits_of_one_key_is_one_effect_in_class_k(
    struck: list[str], passing: int
) -> None:
    with tempfile.TemporaryDirectory() as name:
        server = Inside(Path(name))
        client = server.exchange()
        order = client.order(1, buy("0.01"))
        server.arm(*filter(None, struck))
        for _ in range(len(struck) + 1):
            client.submit(order)
            server.wait(passing)
        server.disarm()
        client.submit(order)
        server.wait(100)

        assert 1 == server.effect(1)
        assert 0 < len(client.remote.fills(order)) <= 3

        server.close()


def test_the_trap_of_class_d_is_there_the_same_key_is_executed_again(tmp_path: Path) -> None:
    server = Inside(tmp_path, klass=Idempotency.D)
    client = server.exchange()
    server.arm("timeout_after")
    order = client.order(1, buy("0.01"))

    assert [Outcome.UNKNOWN, Outcome.EXECUTED] == [client.submit(order).outcome for _ in range(2)]
    assert 2 == server.effect(1)
    assert 2 == len(client.remote.fills(order))
    assert 2 * HIT == server.total(BTC) - 2 * 10**8


BROKEN = st.builds(
    Delivery,
    before=st.sampled_from([None, Break.DROP, Break.STATUS]),
    after=st.sampled_from([Break.DROP, Break.HOLD]),
)


@given(
    delivery=BROKEN,
    late_s=st.integers(0, 60),
    hidden_s=st.integers(0, LAG_S),
    waits=st.lists(st.integers(0, 12), min_size=1, max_size=12),
    lives=st.booleans(),
)
@settings(max_examples=40)
def test_what_class_d_proves_absent_is_never_executed(
    delivery: Delivery, late_s: int, hidden_s: int, waits: list[int], *, lives: bool
) -> None:
    with tempfile.TemporaryDirectory() as name:
        server = Inside(Path(name), klass=Idempotency.D)
        client = server.exchange()
        handling = Handling(late_s=late_s, hidden_s=hidden_s)
        server.arm(Fault(name="any", handling=handling, delivery=delivery))
        order = client.order(1, buy("0.01"))
        client.submit(order)
        client = server.exchange() if lives else client
        told: list[Outcome] = []
        for wait in waits:
            server.wait(wait)
            told.append(client.query(order).outcome)
        server.wait(1_000)

        assert Outcome.ABSENT not in told or 0 == server.effect(1)
        assert {*told} <= {Outcome.UNKNOWN, Outcome.ABSENT, Outcome.EXECUTED}

        server.close()


def test_class_d_refuses_a_key_while_its_order_is_open(tmp_path: Path) -> None:
    server = Inside(tmp_path, klass=Idempotency.D)
    client = server.exchange()
    server.arm("late_fill")
    order = client.order(1, buy("0.01"))
    sent = [client.submit(order).outcome for _ in range(2)]
    server.wait(60)

    assert [Outcome.ACCEPTED, Outcome.UNKNOWN] == sent
    assert 1 == server.effect(1)


def test_a_key_of_another_order_is_looked_up_and_not_taken_for_refused(tmp_path: Path) -> None:
    client = Inside(tmp_path).exchange()
    client.submit(client.order(1, buy("0.01")))
    receipt = client.submit(client.order(2, buy("0.02"), named=1))

    assert Outcome.UNKNOWN is receipt.outcome
    assert "DUPLICATE" in receipt.reason


LATE = Fault(name="late", handling=Handling(late_s=30), delivery=Delivery(after=Break.DROP))


def test_class_k_takes_the_same_again_for_the_same_order_whenever_it_comes(tmp_path: Path) -> None:
    server = Inside(tmp_path)
    client, order = server.exchange(), server.exchange().order(1, buy("0.01"))
    server.arm(LATE)
    first = client.submit(order).outcome
    found = client.query(order)
    second = server.exchange().submit(order)  # of a new process life
    server.wait(60)

    assert (Outcome.UNKNOWN, Outcome.UNKNOWN, True) == (first, found.outcome, found.not_found)
    assert Outcome.EXECUTED is second.outcome
    assert second == client.query(order) == client.submit(order)
    assert 1 == server.effect(1)


def test_a_cancel_uses_up_the_key_of_what_has_not_come_yet(tmp_path: Path) -> None:
    server = Inside(tmp_path)
    client, order = server.exchange(), server.exchange().order(1, buy("0.01"))
    server.arm(LATE)
    client.submit(order)
    told = [client.cancel(order.key), client.query(order)]
    server.wait(60)
    told += [client.query(order), client.submit(order)]
    server.close()
    again = Inside(tmp_path)  # from its journal
    told += [again.exchange().query(order)]

    assert [Outcome.ABSENT] * 5 == [receipt.outcome for receipt in told]
    assert 0 == again.effect(1)


def test_no_time_proves_that_a_transfer_to_another_venue_is_not_under_way(tmp_path: Path) -> None:
    server = Inside(tmp_path, klass=Idempotency.D)
    client = server.exchange()
    server.arm("timeout_before")
    order = client.order(1, withdraw("10"))
    client.submit(order)
    server.wait(1_000)

    assert [Outcome.UNKNOWN] * 3 == [client.query(order).outcome for _ in range(3)]


def test_a_proof_of_class_d_is_two_not_founds_after_deadline_and_lag(tmp_path: Path) -> None:
    server = Inside(tmp_path, klass=Idempotency.D)
    client = server.exchange()
    server.arm("timeout_before")
    order = client.order(1, buy("0.01"))
    client.submit(order)
    early = [client.query(order).outcome for _ in range(3)]
    server.wait(15)  # deadline 10 s, lag 5 s
    border = [client.query(order).outcome for _ in range(3)]
    server.wait(1)
    late = [client.query(order).outcome for _ in range(2)]

    assert [Outcome.UNKNOWN] * 6 == early + border
    assert [Outcome.UNKNOWN, Outcome.ABSENT] == late


def test_a_new_life_waits_as_long_as_if_it_had_just_been_sent(tmp_path: Path) -> None:
    server = Inside(tmp_path, klass=Idempotency.D)
    order = server.exchange().order(1, buy("0.01"))
    server.wait(1_000)
    client = server.exchange()
    first = [client.query(order).outcome for _ in range(3)]
    server.wait(16)

    assert [Outcome.UNKNOWN] * 3 == first
    assert [Outcome.UNKNOWN, Outcome.ABSENT] == [client.query(order).outcome for _ in range(2)]


def test_what_was_not_found_and_then_appears_begins_the_proof_anew(tmp_path: Path) -> None:
    server = Inside(tmp_path, klass=Idempotency.D)
    client = server.exchange()
    hidden = Fault(
        name="hidden", handling=Handling(hidden_s=20), delivery=Delivery(after=Break.DROP)
    )
    server.arm(hidden)
    order = client.order(1, buy("0.01"))
    client.submit(order)
    server.wait(16)
    first = client.query(order).outcome
    server.wait(4)

    assert [Outcome.UNKNOWN, Outcome.EXECUTED] == [first, client.query(order).outcome]


def test_a_request_without_a_key_is_our_own_mistake(tmp_path: Path) -> None:
    client = Inside(tmp_path).exchange()

    with pytest.raises(EngineDefect, match="has no key"):
        client.submit(client.resolve(buy("0.01"), 1, None))


def test_a_key_that_is_none_is_refused(tmp_path: Path) -> None:
    client = Inside(tmp_path).exchange()
    order = client.resolve(buy("0.01"), 1, None)
    receipt = client.submit(replace(order, key="Not A Key"))

    assert Outcome.REJECTED_DEFINITIVE is receipt.outcome
    assert "32 characters" in receipt.reason


# Rows and cursors.


@given(
    reads=st.lists(
        st.sampled_from(["read", "trade", "", *["positions_fail", "null_positions"]]), max_size=12
    )
)
@settings(max_examples=40)
def test_every_row_is_given_once_whatever_becomes_of_the_readings(reads: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        server = Inside(Path(name))
        client = server.exchange()
        client.read()
        refs: list[str] = []
        trades = 0
        for what in [*reads, "read"]:
            if what == "trade":
                trades += 1
                client.submit(client.order(trades, buy("0.01")))
                continue
            if what in CATALOGUE:
                server.arm(what)
            try:
                refs += [row.ref for row in client.read().rows]
            except NotObserved:
                assert what in CATALOGUE

        assert [f"binance.spot-{n}" for n in range(1, trades + 1) for _ in range(3)] == refs

        server.close()


def test_a_cursor_that_was_never_given_out_is_refused(tmp_path: Path) -> None:
    client = Inside(tmp_path).exchange(since=7)

    with pytest.raises(NotObserved, match="BAD_CURSOR"):
        client.read()


def test_a_new_client_goes_on_where_the_one_before_was(tmp_path: Path) -> None:
    server = Inside(tmp_path)
    before = server.exchange()
    before.read()
    before.submit(before.order(1, buy("0.01")))
    after = server.exchange(since=before.remote.feed.cursor)

    assert 3 == len(after.read().rows)
    assert () == server.exchange().read().rows


@pytest.mark.parametrize("file", ["", "nowhere/journal"])
def test_what_cannot_be_a_journal_is_said_so(tmp_path: Path, file: str) -> None:
    with pytest.raises(ConfigError, match=r"cannot be a journal: .* Name a file"):
        Journal(tmp_path / file)
