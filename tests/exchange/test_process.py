"""The exchange as a process of its own, which outlives whoever trades with it."""

import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from fixtures.exchange import Control, session
from tests.exchange.clients import CCXT, KEYS

ROOT = Path(__file__).parent.parent.parent
# A client in a process of its own: it places an order, and is gone.
CLIENT = """
import sys
import ccxt
from fixtures.exchange import KEY, SECRET, session

with session(int(sys.argv[1])) as http:
    client = ccxt.binance({"apiKey": KEY, "secret": SECRET, "session": http})
    client.create_order("BTC/USDT", "limit", "buy", 0.01, 50_000, {"clientOrderId": "left"})
    print("placed", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def port() -> Iterator[int]:
    command = [sys.executable, "-m", "fixtures.exchange", "--port", "0"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process:
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()
        assert 0 == process.wait(timeout=30)


def test_it_outlives_a_client_that_is_killed(port: int) -> None:
    command = [sys.executable, "-c", CLIENT, str(port)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as client:
        assert client.stdout is not None
        assert "placed" == client.stdout.readline().strip()
        client.kill()

    control = Control(port)
    assert {"left": 1} == control.counts("binance")
    control.move("binance", "BTC/USDT", Decimal(49_000))
    with session(port) as http:
        other = CCXT.binance({"session": http, **KEYS["binance"]})
        order = other.fetch_order(None, "BTC/USDT", {"clientOrderId": "left"})

    assert "closed" == order["status"]
