"""The loopback venue, over a real server process: the contract, the classes, a restart."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.venues.adapters import TRIALS
from tests.venues.exchanges import BTC, HOUR_NS, USDT, buy
from tests.venues.loopback import Host
from tests.venues.test_contract import CALLS
from verifill.venues.contract import Contract, Subject
from verifill.venues.orders import Outcome
from verifill.venues.rules import Idempotency

HOURS_S = 2 * HOUR_NS // 10**9


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """A server of class K; it is stopped at the end."""
    made = Host(tmp_path).start()
    yield made
    made.stop()


def test_what_is_submitted_is_executed_and_read(host: Host) -> None:
    client = host.exchange()
    opening = client.read()
    order = client.order(1, buy("0.5", "64100"))

    receipt = client.submit(order)
    closing = client.read()

    assert Outcome.EXECUTED is receipt.outcome
    assert receipt == client.query(order)
    assert 49_950_000 == closing.totals[BTC] - opening.totals[BTC]
    assert {"binance.spot-1"} == {row.ref for row in closing.rows}
    assert 1 == host.effect(1)
