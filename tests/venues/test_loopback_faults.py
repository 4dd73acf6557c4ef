"""Every fault: the outcome that the client sees, and how often the venue executed."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest
from msgspec import structs

from tests.venues.exchanges import BTC, PERP, PRICES, buy, go, withdraw
from tests.venues.loopback import Client, Host, Inside, Server
from verifill.engine.errors import ConfigError, NotObserved
from verifill.venues.instructions import Instruction
from verifill.venues.interfaces import Entered, Margined, Resting
from verifill.venues.loopback.admin import SITUATIONS
from verifill.venues.loopback.faults import (
    CATALOGUE,
    Break,
    Delivery,
    Fault,
    Handling,
    Route,
    Script,
    View,
    drawn,
    known,
    read_script,
)
from verifill.venues.loopback.outcomes import told
from verifill.venues.loopback.wire import Ack
from verifill.venues.orders import Cause, Outcome, Receipt
from verifill.venues.rules import Idempotency

UNKNOWN, ABSENT, ACCEPTED = Outcome.UNKNOWN, Outcome.ABSENT, Outcome.ACCEPTED
EXECUTED, PARTIAL = Outcome.EXECUTED, Outcome.EXECUTED_PARTIAL
REJECTED, DENIED = Outcome.REJECTED_DEFINITIVE, Outcome.DENIED_LOCAL
LAG_S = 60
SETTLED_S = 7_200


class Seen(NamedTuple):
    """What a client sees of an order that a fault strikes."""

    submit: Outcome
    at_once: Outcome
    later: Outcome
    effects: int


LOST_BEFORE = Seen(UNKNOWN, UNKNOWN, ABSENT, 0)
LOST_AFTER = Seen(UNKNOWN, EXECUTED, EXECUTED, 1)
FINE = Seen(EXECUTED, EXECUTED, EXECUTED, 1)
REFUSED = Seen(REJECTED, UNKNOWN, ABSENT, 0)

PROVEN: dict[str, Seen] = {
    "timeout_before": LOST_BEFORE,
    "timeout_after": LOST_AFTER,
    "dropped_before": LOST_BEFORE,
    "dropped_after": LOST_AFTER,
    "status_5xx_before": LOST_BEFORE,
    "status_5xx_after": LOST_AFTER,
    "answer_truncate": LOST_AFTER,
    "answer_drip": LOST_AFTER,
    "answer_garbage": LOST_AFTER,
    "answer_null_id": LOST_AFTER,
    "answer_no_id": LOST_AFTER,
    "answer_twice": FINE,
    "answer_fill_twice": FINE,
    "rate_limit": REFUSED,
    "forbidden": REFUSED,
    "delivered_twice": FINE,
    "late_arrival": Seen(UNKNOWN, UNKNOWN, EXECUTED, 1),
    "late_fill": Seen(ACCEPTED, ACCEPTED, EXECUTED, 1),
    "partial_then_cancelled": Seen(PARTIAL, PARTIAL, PARTIAL, 1),
    "partial_then_rest": Seen(ACCEPTED, ACCEPTED, EXECUTED, 1),
    "fills_out_of_order": FINE,
    "hidden": Seen(UNKNOWN, UNKNOWN, EXECUTED, 1),
    "rejected_yet_executed": Seen(REJECTED, REJECTED, REJECTED, 1),
    "withdrawal_in_review": Seen(ACCEPTED, ACCEPTED, EXECUTED, 1),
    "deposit_rolled_back": Seen(ACCEPTED, ACCEPTED, EXECUTED, 1),
    "funding_in_the_middle": FINE,
    "foreign_transfer": FINE,
}
# Class K proves nothing by not finding it: it may come yet, though but once.
CLASS_K = {
    name: seen._replace(later=UNKNOWN if seen.later is ABSENT else seen.later)
    for name, seen in PROVEN.items()
}
# Class D proves it; what comes late is refused, and a second delivery is a second order.
CLASS_D = PROVEN | {
    "late_arrival": LOST_BEFORE,
    "delivered_twice": Seen(EXECUTED, EXECUTED, EXECUTED, 2),
}
# Class N proves nothing, ever.
CLASS_N = CLASS_K | {"delivered_twice": CLASS_D["delivered_twice"]}
KILLING = {"killed_before", "killed_after"}
NUMBERS = count(1)


def instruction(name: str) -> Instruction:
    return withdraw("10") if "withdraw" in name or "deposit" in name else buy("0.01", "64100")


def strike(server: Server, name: str) -> Seen:
    """Send one order that the fault strikes, and look at it at once and later."""
    client, number = server.exchange(lag_s=LAG_S), next(NUMBERS)
    order = client.order(number, instruction(name))
    server.arm(name)
    sent = client.submit(order).outcome
    at_once = client.query(order).outcome
    server.wait(SETTLED_S)
    later = [client.query(order).outcome for _ in range(2)][-1]
    assert () == server.state().armed
    return Seen(sent, at_once, later, server.effect(number))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """One server of class K for many orders, each with a key of its own."""
    host = Host(tmp_path_factory.mktemp("host")).start()
    yield host
    host.stop()


@pytest.fixture
def server(tmp_path: Path) -> Inside:
    return Inside(tmp_path)


@pytest.mark.parametrize(("name", "seen"), CLASS_K.items(), ids=CLASS_K)
def test_a_fault_over_sockets(shared: Host, name: str, seen: Seen) -> None:
    assert seen == strike(shared, name)


@pytest.mark.parametrize(("name", "seen"), CLASS_D.items(), ids=CLASS_D)
def test_a_fault_at_a_venue_with_deadlines(tmp_path: Path, name: str, seen: Seen) -> None:
    assert seen == strike(Inside(tmp_path, klass=Idempotency.D), name)


@pytest.mark.parametrize(("name", "seen"), CLASS_N.items(), ids=CLASS_N)
def test_a_fault_at_a_venue_whose_keys_mean_nothing(tmp_path: Path, name: str, seen: Seen) -> None:
    assert seen == strike(Inside(tmp_path, klass=Idempotency.N), name)


def test_every_fault_of_an_order_is_in_the_table() -> None:
    submits = {name for name, fault in CATALOGUE.items() if fault.on is Route.SUBMIT}

    assert submits == CLASS_K.keys() | KILLING


@pytest.mark.parametrize("name", [*CATALOGUE, *SITUATIONS])
def test_every_fault_is_described(name: str) -> None:
    page = Path(__file__).parent.parent.parent / "docs" / "reference" / "loopback.md"

    assert f"`{name}`" in page.read_text()


@pytest.mark.parametrize(
    ("name", "outcome", "effects"),
    [
        ("may_not_trade", REJECTED, 0),
        ("may_not_read", EXECUTED, 1),
        ("out_of_reach", DENIED, 0),
        ("clock_ahead", EXECUTED, 1),  # the deadline is in its time
        ("clock_behind", REJECTED, 0),  # what it tells is behind its books, which do not go back
    ],
)
def test_a_situation_at_a_venue_with_deadlines(
    tmp_path: Path, name: str, outcome: Outcome, effects: int
) -> None:
    server = Inside(tmp_path, klass=Idempotency.D)
    client, number = server.exchange(), next(NUMBERS)
    server.admin("POST", *SITUATIONS[name])
    sent = client.submit(client.order(number, buy("0.01"))).outcome

    assert (outcome, effects) == (sent, server.effect(number))
    assert 1 == len(client.start_up_failures())


def test_every_situation_has_a_test() -> None:
    assert {"may_not_trade", "may_not_read", "out_of_reach", "clock_ahead", "clock_behind"} == set(
        SITUATIONS
    )


def test_a_fault_strikes_the_request_that_the_script_says(server: Inside) -> None:
    third = Fault(name="third", nth=3, delivery=Delivery(after=Break.DROP))
    server.arm(third)
    client = server.exchange()
    orders = [client.order(next(NUMBERS), buy("0.01")) for _ in range(4)]

    assert [EXECUTED, EXECUTED, UNKNOWN, EXECUTED] == [
        client.submit(order).outcome for order in orders
    ]
    assert 4 == sum(effect.effects for effect in server.effects().values())


# What the faults leave in the accounts.


def rows_after(server: Server, name: str, asked: Instruction) -> tuple[Client, list[Cause]]:
    client = server.exchange()
    client.read()
    server.arm(name)
    client.submit(client.order(next(NUMBERS), asked))
    server.wait(SETTLED_S)
    return client, [row.cause for row in client.read().rows]


def test_funding_in_the_middle_has_a_row_of_its_own(server: Inside) -> None:
    _, causes = rows_after(server, "funding_in_the_middle", buy("0.01"))

    assert [Cause.TRADE, Cause.TRADE, Cause.FEE, Cause.FUNDING] == causes


def test_a_foreign_transfer_has_a_row_that_no_order_names(server: Inside) -> None:
    _, causes = rows_after(server, "foreign_transfer", buy("0.01"))

    assert Cause.TRANSFER == causes[-1]


def test_a_deposit_that_is_rolled_back_is_credited_before(server: Inside) -> None:
    client = server.exchange()
    wallet = server.feed("ethereum")
    before = wallet.read()
    server.arm("deposit_rolled_back")
    client.submit(client.order(next(NUMBERS), withdraw("10")))
    server.wait(59)
    credited = wallet.read()
    server.wait(2)
    taken_back = wallet.read()

    assert [10 * 10**8] == [row.amount for row in credited.rows]
    assert [-10 * 10**8] == [row.amount for row in taken_back.rows]
    assert before.totals == taken_back.totals


def test_a_withdrawal_in_review_is_in_transit(server: Inside) -> None:
    client, transit = server.exchange(), server.feed("network")
    server.arm("withdrawal_in_review")
    client.submit(client.order(next(NUMBERS), withdraw("10")))
    server.wait(3_599)

    assert 10 * 10**8 == transit.read().totals["in_transit:wallet:USDT"]

    server.wait(2)

    assert 0 == transit.read().totals["in_transit:wallet:USDT"]


def test_fills_out_of_order_come_last_first(server: Inside) -> None:
    client = server.exchange()
    client.read()
    server.arm("fills_out_of_order")
    receipt = client.submit(client.order(next(NUMBERS), buy("0.01")))
    refs = [fill.ref for fill in receipt.fills]
    rows = [row.ref for row in client.read().rows]

    assert ["binance.spot-3", "binance.spot-2", "binance.spot-1"] == refs
    assert refs == list(dict.fromkeys(rows))
    assert 10**6 == sum(fill.quantity for fill in receipt.fills)


def test_what_is_left_of_an_order_can_be_cancelled(server: Inside) -> None:
    client = server.exchange()
    server.arm("partial_then_rest")
    order = client.order(next(NUMBERS), buy("0.01"))
    client.submit(order)

    assert isinstance(client, Resting)
    assert (order.key,) == client.open_orders()
    assert PARTIAL is client.cancel(order.key).outcome
    assert () == client.open_orders()

    server.wait(SETTLED_S)

    assert 500_000 == sum(fill.quantity for fill in client.remote.fills(order))
    assert PARTIAL is client.query(order).outcome


def test_a_cancel_of_what_was_never_sent_does_nothing(server: Inside) -> None:
    client = server.exchange()

    assert ABSENT is client.cancel(client.order(next(NUMBERS), buy("0.01")).key).outcome


def test_a_reading_tells_what_perpetuals_were_entered_at(server: Inside) -> None:
    client = server.exchange()
    assert isinstance(client, Entered)
    client.submit(client.order(next(NUMBERS), go("0.5")))
    client.read()

    assert {PERP: 5 * 10**7 * PRICES["binance.usdm:BTCUSDT"]} == client.entry_values()


def test_a_venue_tells_how_far_its_accounts_are_from_a_liquidation(server: Inside) -> None:
    client = server.exchange()
    assert isinstance(client, Margined)
    assert {} == client.margins()
    client.submit(client.order(next(NUMBERS), go("0.5")))

    (ratio,) = client.margins().values()
    hosted = server.service.world.venue("binance").venue
    assert isinstance(hosted, Margined)
    assert client.margins() == hosted.margins()
    assert 1 < ratio
    server.service.can_read = False
    with pytest.raises(NotObserved, match="this key may not read"):
        client.margins()


def test_an_order_that_is_cancelled_before_any_fill_expires(server: Inside) -> None:
    client = server.exchange()
    server.arm("late_fill")
    order = client.order(next(NUMBERS), buy("0.01"))
    client.submit(order)

    assert Outcome.EXPIRED is client.cancel(order.key).outcome

    server.wait(SETTLED_S)

    assert () == client.remote.fills(order)


def test_a_transfer_can_be_taken_late_too(server: Inside) -> None:
    client = server.exchange()
    server.arm("late_fill")
    order = client.order(next(NUMBERS), withdraw("10"))

    assert ACCEPTED is client.submit(order).outcome

    server.wait(SETTLED_S)

    assert EXECUTED is client.query(order).outcome


def test_two_different_fills_of_one_reference_are_unknown(server: Inside) -> None:
    client = server.exchange()
    fill = client.submit(client.order(next(NUMBERS), buy("0.01"))).fills[0]
    fills = (fill, replace(fill, price=1))

    assert UNKNOWN is told(Ack("key", "order", Receipt(EXECUTED, fills), 0)).outcome


# What a look shows.


@pytest.mark.parametrize(
    "name", ["position_missing", "no_positions", "null_positions", "positions_fail"]
)
def test_a_look_that_shows_nothing_is_no_observation(server: Inside, name: str) -> None:
    client = server.exchange()
    client.read()
    client.submit(client.order(next(NUMBERS), buy("0.01")))
    server.arm(name)

    with pytest.raises(NotObserved):
        client.read()

    assert 3 == len(client.read().rows)


def test_a_view_that_is_behind_shows_what_was(server: Inside) -> None:
    client = server.exchange()
    opening = client.read()
    server.wait(100)
    client.submit(client.order(next(NUMBERS), buy("0.01")))
    server.arm("stale", "stale_pretending")
    behind, pretending, fresh = client.read(), client.read(), client.read()

    assert opening.totals == behind.totals == pretending.totals
    assert 30 * 10**9 == fresh.as_of_ns - behind.as_of_ns
    assert fresh.as_of_ns == pretending.as_of_ns
    assert ((), ()) == (behind.rows, pretending.rows)
    assert 3 == len(fresh.rows)


def test_a_balance_that_is_wrong_has_no_row(server: Inside) -> None:
    client = server.exchange()
    before = client.read()
    server.arm("wrong_by_one")
    wrong, right = client.read(), client.read()

    assert {BTC: 1} == {
        k: v - before.totals[k] for k, v in wrong.totals.items() if v != before.totals[k]
    }
    assert () == wrong.rows
    assert before.totals == right.totals


def test_a_token_falls_from_the_sky(server: Inside) -> None:
    client = server.exchange()
    client.read()
    server.post("binance", "binance.spot:BaseToken:MOON", 10**18)
    reading = client.read()

    assert 10**18 == reading.totals["binance.spot:BaseToken:MOON"]
    assert ["binance.spot:BaseToken:MOON"] == [row.key for row in reading.rows]


def test_a_query_that_fails_leaves_the_outcome_unknown(server: Inside) -> None:
    client = server.exchange()
    order = client.order(next(NUMBERS), buy("0.01"))
    client.submit(order)
    server.arm("query_fails")

    assert [UNKNOWN, EXECUTED] == [client.query(order).outcome for _ in range(2)]


# Out of reach, not allowed, another time.


def test_a_venue_that_refuses_connections_denies_what_never_left(shared: Host) -> None:
    client = shared.exchange()
    number = next(NUMBERS)
    order = client.order(number, buy("0.01"))
    shared.allow(reach=False)
    try:
        sent, asked = client.submit(order), client.query(order)
        failures = client.start_up_failures()
        with pytest.raises(NotObserved, match="refused"):
            client.read()
    finally:
        shared.allow()

    assert (DENIED, True) == (sent.outcome, sent.retryable)
    assert UNKNOWN is asked.outcome
    assert "refused" in failures[0]
    assert 0 == shared.effect(number)
    assert () == client.start_up_failures()


def test_what_is_not_permitted_is_told_at_the_start(server: Inside) -> None:
    client = server.exchange()
    server.allow(trade=False, read=False)
    failures = client.start_up_failures()

    assert 2 == len(failures)
    assert REJECTED is client.submit(client.order(next(NUMBERS), buy("0.01"))).outcome
    with pytest.raises(NotObserved, match="may not read"):
        client.read()


@pytest.mark.parametrize("milliseconds", [-1_500, 1_500])
def test_a_clock_that_is_off_is_told_at_the_start(server: Inside, milliseconds: int) -> None:
    client = server.exchange()
    server.skew(milliseconds)
    (failure,) = client.start_up_failures()

    assert f"{milliseconds} ms off" in failure


def test_a_venue_that_sets_its_clock_ahead_refuses_and_is_asked_for_the_time_again(
    tmp_path: Path,
) -> None:
    server = Inside(tmp_path, klass=Idempotency.D)
    client = server.exchange()
    client.start_up_failures()
    server.skew(11_000)
    first, second = next(NUMBERS), next(NUMBERS)
    receipt = client.submit(client.order(first, buy("0.01")))

    assert (REJECTED, True) == (receipt.outcome, receipt.retryable)
    assert EXECUTED is client.submit(client.order(second, buy("0.01"))).outcome
    assert [0, 1] == [server.effect(first), server.effect(second)]


def test_a_venue_of_other_rules_is_told_at_the_start(tmp_path: Path) -> None:
    server = Inside(tmp_path)
    client = server.exchange()
    server.klass = Idempotency.N
    other = server.exchange()

    assert () == client.start_up_failures()
    assert ("binance: it is of class K, declared is N",) == other.start_up_failures()


# Scripts.


def test_a_script_names_faults_or_spells_them_out() -> None:
    faults = read_script(
        """
        use = ["timeout_after"]
        [[faults]]
        name = "slow"
        on = "submit"
        nth = 3
        times = 2
        handling = { share = 50, rest_s = 5 }
        [[faults]]
        name = "blind"
        on = "positions"
        view = { stale_s = 9 }
        """
    )

    slow = Fault(name="slow", nth=3, times=2, handling=Handling(share=50, rest_s=5))
    blind = Fault(name="blind", on=Route.POSITIONS, view=View(stale_s=9))
    assert (slow, blind, CATALOGUE["timeout_after"]) == faults


TOO_MUCH = "[[faults]]\nname = 'x'\nhandling = { share = 101 }"


@pytest.mark.parametrize("text", ["use = ['nothing']", "faults = 3", "[[", "other = 1", TOO_MUCH])
def test_a_script_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        read_script(text)


def test_faults_are_drawn_the_same_from_the_same_seed() -> None:
    names = ("timeout_after", "dropped_before")
    once = drawn("seed", 50, 20, names)

    assert once == drawn("seed", 50, 20, names)
    assert once != drawn("other", 50, 20, names)
    assert {*names} == {fault.name for fault in once}
    assert 0 < len(once) < 25


def test_two_faults_at_one_request_strike_one_after_the_other() -> None:
    script = Script([known("timeout_after"), structs.replace(known("dropped_after"), times=2)])
    struck = [script.strike(Route.SUBMIT, "binance") for _ in range(3)]

    assert ["timeout_after", "dropped_after", "dropped_after"] == [
        f.name if f else "" for f in struck
    ]


def test_a_fault_may_be_for_one_venue_only() -> None:
    script = Script([structs.replace(known("timeout_after"), venue="okx")])

    assert None is script.strike(Route.SUBMIT, "binance")
    assert None is not script.strike(Route.SUBMIT, "okx")
