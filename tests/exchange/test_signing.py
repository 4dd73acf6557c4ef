"""Every exchange refuses what is not signed by the key's owner, or not in time, in its words."""

import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Any

import pytest

from fixtures.exchange import AGENT, AGENT_KEY, KEY, OWNER, SECRET
from tests.exchange.clients import CCXT, Loopback, create

WRONG: dict[str, tuple[dict[str, str], str, str]] = {
    "binance, unknown key": ({"apiKey": "k"}, "AuthenticationError", "-2015"),
    "binance, wrong secret": ({"secret": "s"}, "AuthenticationError", "-1022"),
    "bybit, unknown key": ({"apiKey": "k"}, "AuthenticationError", "10003"),
    "bybit, wrong secret": ({"secret": "s"}, "AuthenticationError", "10004"),
    "okx, unknown key": ({"apiKey": "k"}, "AuthenticationError", "50111"),
    "okx, wrong secret": ({"secret": "s"}, "AuthenticationError", "50113"),
    "okx, wrong passphrase": ({"password": "p"}, "AuthenticationError", "50105"),
    "hyperliquid, unknown key": (
        {"privateKey": "0x" + "03" * 32},
        "InvalidOrder",
        "User or API Wallet 0x3325a78425f17a7e487eb5666b2bfd93abb06c70 does not exist",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_key_or_secret_is_refused_and_nothing_is_done(
    loopback: Loopback, case: str
) -> None:
    name, told = case.split(",", maxsplit=1)[0], WRONG[case]
    client = loopback.ccxt(name)
    for field, value in told[0].items():
        setattr(client, field, value)

    with pytest.raises(CCXT.BaseError, match=told[2]) as caught:
        create(client, "buy", 0.01, 1)

    assert told[1] == type(caught.value).__name__
    assert [] == loopback.control.effects(name)


@pytest.mark.parametrize(
    ("name", "skew_ms", "code"),
    [
        ("binance", 20_000, "-1021"),
        ("binance", -20_000, "-1021"),
        ("bybit", 20_000, "10002"),
        ("bybit", -20_000, "10002"),
        ("okx", 40_000, "50102"),
        ("okx", -40_000, "50102"),
    ],
)
def test_a_clock_that_is_wrong_is_refused_and_may_be_put_right(
    loopback: Loopback, name: str, skew_ms: int, code: str
) -> None:
    client = loopback.ccxt(name)
    loopback.control.skew(name, skew_ms)

    with pytest.raises(CCXT.InvalidNonce, match=code):
        create(client, "buy", 0.01, 1)
    assert [] == loopback.control.effects(name)

    loopback.control.skew(name, 0)
    create(client, "buy", 0.01, 2)


def test_hyperliquid_takes_a_nonce_once_and_not_from_the_distant_past(
    loopback: Loopback,
) -> None:
    client = loopback.ccxt("hyperliquid")
    now_ms = int(time.time() * 1000)
    three_days_ago = now_ms - 3 * 86_400_000
    asked = ((now_ms, None), (now_ms, "duplicate nonce"), (three_days_ago, "too far"))
    for nonce, error in asked:
        client.incrementing_nonce = _fixed(nonce)
        if error:
            with pytest.raises(CCXT.ExchangeError, match=error):
                create(client, "buy", 0.01, 1)
        else:
            create(client, "buy", 0.01, 1)

    assert 1 == sum(loopback.control.counts("hyperliquid").values())


def _fixed(nonce: int) -> Callable[[], int]:
    return lambda: nonce


def test_hyperliquid_lets_an_api_wallet_trade_but_not_withdraw(loopback: Loopback) -> None:
    client = loopback.ccxt("hyperliquid", privateKey=AGENT_KEY)
    create(client, "buy", 0.01, 1)

    with pytest.raises(CCXT.ExchangeError, match="Must deposit before performing actions"):
        client.withdraw("USDC", 10, OWNER)
    roles = [
        client.public_post_info({"type": "userRole", "user": user})["role"]
        for user in (OWNER, AGENT, "0x" + "9" * 40)
    ]
    assert ["user", "agent", "missing"] == roles


def binance(loopback: Loopback, query: str, **headers: str) -> dict[str, Any]:
    """An answer of Binance to a query that was signed by hand."""
    url = f"https://api.binance.com/api/v3/account?{query}"
    return dict(loopback.session.get(url, headers=headers, timeout=5).json())


def signed(query: str) -> str:
    digest = hmac.new(SECRET.encode(), query.encode(), hashlib.sha256).hexdigest()
    return f"{query}&signature={digest}"


def test_binance_says_what_is_missing_of_a_request(loopback: Loopback) -> None:
    key, now_ms = {"X-MBX-APIKEY": KEY}, int(time.time() * 1000)
    codes = [
        binance(loopback, query, **headers).get("code")
        for query, headers in (
            (signed(f"timestamp={now_ms}"), {}),
            (f"timestamp={now_ms}", key),
            (signed("recvWindow=5000"), key),
            (signed(f"timestamp={now_ms}&recvWindow=70000"), key),
            (signed(f"timestamp={now_ms}&recvWindow=wide"), key),
            (signed(f"timestamp={now_ms}").replace("signature", "symbol=BTCUSDT&signature"), key),
            (signed(f"timestamp={now_ms}"), key),
        )
    ]

    assert [-2014, -1102, -1102, -1131, -1100, -1022, None] == codes


def test_bybit_and_okx_refuse_a_time_that_is_none(loopback: Loopback) -> None:
    headers = {"X-BAPI-API-KEY": KEY, "X-BAPI-TIMESTAMP": "now", "X-BAPI-SIGN": "s"}
    url = "https://api.bybit.com/v5/account/info"
    answer = loopback.session.get(url, headers=headers, timeout=5).json()
    assert 10001 == answer["retCode"]

    client = loopback.ccxt("okx")
    client.iso8601 = str
    with pytest.raises(CCXT.AuthenticationError, match="50112"):
        client.fetch_balance()
    answer = loopback.session.get("https://www.okx.com/api/v5/account/config", timeout=5)
    assert (401, "50103") == (answer.status_code, answer.json()["code"])
