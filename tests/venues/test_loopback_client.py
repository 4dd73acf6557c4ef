"""What a client refuses before it asks, and what it does not believe."""

from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from tests.venues.exchanges import buy, internal, withdraw
from tests.venues.loopback import Inside, key
from tests.venues.test_contract import CALLS
from verifill.engine.errors import NotObserved
from verifill.venues.instructions import Transfer
from verifill.venues.loopback.remote import Feed
from verifill.venues.loopback.transport import Answered, Attempt
from verifill.venues.loopback.wire import Shown, encode
from verifill.venues.orders import Bundle, Cause, LedgerRow, Order, Outcome


def test_an_exchange_has_no_transaction_for_a_chain(tmp_path: Path) -> None:
    server = Inside(tmp_path)
    client = server.exchange()
    bundle = Bundle(1, "binance.spot", (client.order(1, buy("0.01")),), key(1))

    assert "no transaction for a chain" in client.deny(bundle)
    assert Outcome.REJECTED_DEFINITIVE is client.submit(bundle).outcome
    assert 0 == server.effect(1)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (withdraw("1", to="nowhere"), "no route for USDT to 'nowhere'"),
        (internal("1", to="nowhere"), "'nowhere' is no account of binance; it has binance.spot"),
    ],
)
def test_a_transfer_that_cannot_arrive_is_denied(
    tmp_path: Path, asked: Transfer, told: str
) -> None:
    client = Inside(tmp_path).exchange()

    assert told in client.deny(client.order(1, asked))


def test_a_transfer_that_cannot_leave_the_chain_is_denied(tmp_path: Path) -> None:
    chain = Inside(tmp_path, "chain").chain()
    deposit = CALLS[0]
    assert isinstance(deposit, Transfer)
    order = chain.resolve(structs.replace(deposit, asset="WETH"), 1, None)

    assert "no route for WETH" in chain.deny(order)


def test_a_dry_run_takes_steps_only_and_tells_of_them_again(tmp_path: Path) -> None:
    fork = Inside(tmp_path, "chain").chain().fork()
    wrap = fork.resolve(CALLS[2], 1, None)  # type: ignore[arg-type]  # it is a single instruction
    fine = fork.submit(wrap)
    whole = fork.submit(Bundle(2, "wallet", (wrap,)))
    odd = fork.submit(replace(wrap, number=3, instruction=buy("1")))

    assert Outcome.EXECUTED is fine.outcome
    assert fine == fork.query(wrap)
    assert "one step at a time" in whole.reason
    assert "does not support SPOT_TRADE" in odd.reason
    assert Outcome.ABSENT is fork.query(replace(wrap, number=9)).outcome


ROW = LedgerRow("r", "k", 1, Cause.TRADE, 1)


@pytest.mark.parametrize(
    "shown",
    [
        Shown(1, {"k": 1}, since=4, next=5, rows=(ROW,)),
        Shown(1, {"k": 1}, since=5, next=7, rows=(ROW,)),
        Shown(1, {"k": 1}, since=5, next=5, rows=(ROW,)),
        Shown(1, {"k": 1}, since=5, next=4, rows=()),
    ],
)
def test_rows_that_do_not_go_on_from_the_cursor_are_no_observation(shown: Shown) -> None:
    def attempt(_method: str, _target: str, _body: bytes = b"") -> Attempt:
        return Answered(200, encode(shown))

    feed = Feed("binance", attempt, tracked=frozenset({"k"}), since=5)

    with pytest.raises(NotObserved, match="asked for rows from 5"):
        feed.read()
    assert 5 == feed.cursor


def test_a_key_goes_with_every_copy_of_an_order(tmp_path: Path) -> None:
    order: Order = Inside(tmp_path).exchange().order(7, buy("0.01"))

    assert key(7) == order.key == replace(order, number=8).key
