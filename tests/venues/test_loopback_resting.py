"""Limit orders that rest at a hosted exchange, asked for and taken back over the wire."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec import structs

from tests.venues.exchanges import buy
from tests.venues.loopback import Client, Inside, key
from verifill.venues.instructions import SpotTrade
from verifill.venues.loopback.journal import Quoted
from verifill.venues.orders import Order, Outcome
from verifill.venues.time_in_force import TimeInForce


def near(client: Client, cents: int, force: TimeInForce = TimeInForce.GTC) -> Order:
    """An order to buy, so many hundredths away from the last price."""
    client.remote.feed.read()
    asked = buy("0.01")
    last = client.resolve(asked, 1, None)
    assert last.key == ""
    limit = (Decimal(getattr(last, "last")) + cents) / 100  # noqa: B009 - of a trade
    trade: SpotTrade = structs.replace(asked, limit=limit, time_in_force=force, timeout_s=600)
    return replace(client.resolve(trade, 1, None), key=key(1), deadline_ns=client.deadline_ns())


@pytest.mark.parametrize("force", [TimeInForce.GTC, TimeInForce.POST_ONLY])
def test_it_rests_and_is_taken_back_and_that_is_final(tmp_path: Path, force: TimeInForce) -> None:
    server = Inside(tmp_path)
    client = server.exchange()
    order = near(client, -200_000, force)

    assert Outcome.ACCEPTED is client.submit(order).outcome
    assert (key(1),) == client.open_orders()
    assert Outcome.EXPIRED is client.recall(order).outcome
    assert Outcome.EXPIRED is client.recall(order).outcome
    assert () == client.open_orders()
    assert 0 == server.effect(1)


def test_a_post_only_order_that_would_take_is_refused(tmp_path: Path) -> None:
    client = Inside(tmp_path).exchange()
    refused = client.submit(near(client, 100_000, TimeInForce.POST_ONLY))

    assert Outcome.REJECTED_DEFINITIVE is refused.outcome


def test_a_fill_that_comes_later_is_one_effect_by_the_servers_record(tmp_path: Path) -> None:
    server = Inside(tmp_path)
    client = server.exchange()
    order = near(client, -1)
    client.submit(order)
    service = server.service
    service.record(Quoted(service.now_ns(), prices={"binance.spot:BTC/USDT": 6_300_000}))
    server.wait(1)

    assert Outcome.EXECUTED is client.query(order).outcome
    assert 1 == server.effect(1)
    assert Outcome.EXECUTED is client.recall(order).outcome
