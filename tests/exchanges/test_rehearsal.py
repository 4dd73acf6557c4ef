"""Staging: the exchanges' own places to rehearse, as far as that shows without reaching one."""

import pytest

from fixtures.exchange.opening import KEY, SECRET
from tests.exchanges.worlds import Running
from verifill.assembly.quoting import connected
from verifill.venues.ccxt.credentials import Credentials
from verifill.venues.ccxt.dialects import DIALECTS
from verifill.venues.ccxt.words import REHEARSED

PATIENCE_S = 30
KEYS = Credentials(api_key="k", secret="0x" + "03" * 32, password="p")
HOSTS = {
    "binance": "https://demo-api.binance.com/api/v3",
    "binanceusdm": "https://demo-fapi.binance.com/fapi/v1",
    "bybit": "https://api-demo.{hostname}",
    "hyperliquid": "https://api.hyperliquid-testnet.xyz",
}


@pytest.mark.parametrize("name", HOSTS)
def test_staging_goes_to_where_one_rehearses(name: str) -> None:
    client = connected(DIALECTS[name], KEYS, rehearsal=True)
    client.close()

    assert HOSTS[name] in client.exchange.urls["api"].values()


def test_okx_marks_each_request_as_simulated() -> None:
    client = connected(DIALECTS["okx"], KEYS, rehearsal=True)
    client.close()

    assert {"x-simulated-trading": "1"} == client.exchange.headers


def test_a_demo_that_does_not_tell_permissions_is_not_asked() -> None:
    dialect = DIALECTS["bybit"]
    client = connected(dialect, KEYS, rehearsal=True)
    client.close()

    assert REHEARSED == dialect.permissions(client.exchange)  # nothing is reached


@pytest.mark.parametrize("name", ["binance", "binanceusdm"])
def test_a_demo_without_a_wallet_tells_who_trades_and_moves_no_funds(
    running: Running, name: str
) -> None:
    dialect = DIALECTS[name]
    keys = Credentials(api_key=KEY, secret=SECRET)
    client = connected(dialect, keys, port=running.server.port, rehearsal=True)
    exchange = client.exchange
    client.ask(PATIENCE_S, dialect.load)
    told = [client.ask(PATIENCE_S, dialect.permissions)]
    running.control.permit("binance", "trade", on=False)
    told.append(client.ask(PATIENCE_S, dialect.permissions))
    client.close()

    assert [True, False] == [may.trade for may in told]
    assert not any(may.withdraw for may in told)
    assert [] == dialect.transfers(exchange, 0, 1)
    assert "demo has no wallet" in dialect.immovable(exchange, "USDT")


@pytest.mark.parametrize("name", DIALECTS)
def test_outside_of_dev_rate_limits_are_kept_and_nothing_is_sent_again(name: str) -> None:
    client = connected(DIALECTS[name], KEYS)
    client.close()

    assert client.exchange.enableRateLimit
    assert 0 == client.exchange.options["maxRetriesOnFailure"]
    assert not client.exchange.verbose
