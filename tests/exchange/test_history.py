"""Candles and funding rates of the past, as each exchange pages them."""

from itertools import pairwise

import pytest

from fixtures.exchange import open_host
from fixtures.exchange.history import candle, price_at
from tests.exchange.clients import PERPETUALS, Loopback

HOUR_MS = 3_600_000


@pytest.mark.parametrize("name", PERPETUALS)
def test_candles_follow_each_other_without_a_gap_and_are_the_same_when_asked_again(
    loopback: Loopback, name: str
) -> None:
    client = loopback.ccxt(name)
    since = client.milliseconds() // HOUR_MS * HOUR_MS - 100 * HOUR_MS
    first = client.fetch_ohlcv(PERPETUALS[name], "1h", since, 50)
    second = client.fetch_ohlcv(PERPETUALS[name], "1h", since + 50 * HOUR_MS, 50)

    starts = [row[0] for row in (*first, *second)]
    assert [since + hour * HOUR_MS for hour in range(100)] == starts
    assert first == client.fetch_ohlcv(PERPETUALS[name], "1h", since, 50)
    for before, after in pairwise(first):
        assert before[4] == after[1]
        assert float(before[3]) <= min(float(before[1]), float(before[4]))
        assert float(before[2]) >= max(float(before[1]), float(before[4]))


@pytest.mark.parametrize("name", PERPETUALS)
def test_without_a_beginning_the_newest_candles_come(loopback: Loopback, name: str) -> None:
    client = loopback.ccxt(name)
    rows = client.fetch_ohlcv(PERPETUALS[name], "1h", limit=3)

    # An hour may begin while the question is asked.
    now_ms = client.milliseconds()
    assert rows[-1][0] in {now_ms // HOUR_MS * HOUR_MS, now_ms // HOUR_MS * HOUR_MS - HOUR_MS}


@pytest.mark.parametrize("name", PERPETUALS)
def test_funding_rates_lie_on_their_grid(loopback: Loopback, name: str) -> None:
    client = loopback.ccxt(name)
    hours = 1 if name == "hyperliquid" else 8
    since = client.milliseconds() // (8 * HOUR_MS) * 8 * HOUR_MS - 5 * hours * HOUR_MS
    rows = client.fetch_funding_rate_history(PERPETUALS[name], since, 4)

    assert [since + each * hours * HOUR_MS for each in range(4)] == [
        row["timestamp"] for row in rows
    ]


def test_another_seed_makes_another_history_and_the_same_seed_the_same() -> None:
    market = open_host().hall("binance").exchange.markets["BTC/USDT"]

    assert candle(market, 1, 0, HOUR_MS) == candle(market, 1, 0, HOUR_MS)
    assert candle(market, 1, 0, HOUR_MS) != candle(market, 2, 0, HOUR_MS)
    prices = {price_at(market, 1, minute) for minute in range(0, 500_000, 997)}
    assert all(20_000 < price < 100_000 for price in prices)
