"""What exchanges have really answered: ccxt reads it as was recorded, and ours looks like it."""

import json
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from fixtures.exchange import Do, Fault
from tests.exchange.clients import Loopback, create

ROOT = Path(__file__).parent.parent.parent
SHARED = Path(os.environ.get("VERIFILL_SHARED", ROOT.parent / "shared")) / "ccxt_static"

pytestmark = pytest.mark.skipif(
    not SHARED.is_dir(),
    reason=f"other people's files are not part of the project; no folder {SHARED}",
)

NAMES = ("binance", "okx")
# By method: which request the recorded answer is to, and what differs in newer versions of ccxt.
REQUESTS = {
    ("binance", "createOrder"): "POST */api/v3/order",
    ("binance", "createOrders"): "POST */fapi/v1/batchOrders",
    ("binance", "fetchOrder"): "GET */api/v3/order",
    ("binance", "fetchOpenOrders"): "GET */api/v3/openOrders",
    ("binance", "fetchOpenOrder"): "GET */fapi/v1/openOrder",
    ("binance", "fetchPositions"): "GET */fapi/v3/positionRisk",
    ("binance", "fetchBalance"): "GET *",
    ("okx", "createOrder"): "POST */api/v5/trade/*",
    ("okx", "fetchBalance"): "GET */api/v5/*",
}
CHANGED = {"marginType", "collateral", "clientAlgoId"}
NOT_HERE = {"icebergQty"}  # of an iceberg order
LISTED = {"SOL/USDT": "SOLUSDT", "LTC/USDT": "LTCUSDT", "LTC/USDT:USDT": "LTCUSDT"}


def recorded(name: str) -> list[tuple[str, dict[str, Any]]]:
    told = json.loads((SHARED / f"{name}.response.subset.json").read_text())["methods"]
    return [(method, case) for method, cases in told.items() for case in cases]


def listing(loopback: Loopback, name: str) -> Any:  # noqa: ANN401 - ccxt has no types
    """A client to which the recorded markets are known too."""
    client = loopback.ccxt(name)
    if name == "binance":
        markets = dict(client.markets)
        for symbol, native in LISTED.items():
            like = "BTC/USDT:USDT" if symbol.endswith(":USDT") else "BTC/USDT"
            base = {"symbol": symbol, "id": native, "base": symbol[:3], "baseId": symbol[:3]}
            markets[symbol] = client.markets[like] | base
        client.set_markets(markets)
    return client


def differences(expected: Any, seen: Any, path: str) -> Iterator[str]:  # noqa: ANN401 - JSON
    """Where two structures differ; numbers count by their value."""
    if isinstance(expected, dict):
        for key, each in cast("dict[str, Any]", expected).items():
            if key not in CHANGED:
                yield from differences(each, seen.get(key), f"{path}.{key}")
    elif isinstance(expected, list):
        for pair in zip(cast("list[object]", expected), seen, strict=True):
            yield from differences(*pair, f"{path}[]")
    elif isinstance(expected, (int, float)) and seen is not None:
        if not math.isclose(float(seen), float(expected), rel_tol=1e-12):
            yield f"{path}: {expected!r} was recorded, {seen!r} is read"
    elif seen != expected:
        yield f"{path}: {expected!r} was recorded, {seen!r} is read"


@pytest.mark.parametrize("name", NAMES)
def test_what_was_recorded_is_read_as_was_recorded(loopback: Loopback, name: str) -> None:
    client = listing(loopback, name)
    found: list[str] = []
    for method, case in recorded(name):
        if method == "fetchPositions":
            client.load_leverage_brackets()
        body = json.dumps(case["httpResponse"])
        on = REQUESTS[name, method]
        loopback.control.arm(Fault(on=on, do=Do.STATUS_BEFORE, status=200, body=body))
        seen = getattr(client, method)(*case["input"])
        found += differences(case["parsedResponse"], seen, f"{method} {case['description']}")
        loopback.control.disarm()

    assert [] == found


@pytest.mark.parametrize("name", NAMES)
def test_our_answers_have_every_field_that_was_recorded(loopback: Loopback, name: str) -> None:
    client = loopback.ccxt(name)
    limit = ("BTC/USDT", "limit", "buy", 0.01, 50_000)
    client.create_order(*limit)
    create(client, "buy", 0.01, 1)
    ours: dict[tuple[str, str], Callable[[], dict[str, object]]] = {
        ("binance", "createOrder"): lambda: client.create_order(*limit)["info"],
        ("binance", "fetchOpenOrders"): lambda: client.fetch_open_orders("BTC/USDT")[0]["info"],
        ("binance", "fetchPositions"): lambda: client.fetch_positions()[0]["info"],
        ("binance", "fetchBalance"): lambda: client.fetch_balance({"type": "swap"})["info"],
        ("okx", "createOrder"): lambda: client.create_order(*limit)["info"],
        ("okx", "fetchBalance"): lambda: client.fetch_balance()["info"],
    }
    missing: dict[str, set[str]] = {}
    for method, case in recorded(name):
        ask = ours.get((name, method))
        if ask is None or "papi" in case["description"] or "funding" in case["description"]:
            continue
        told: Any = case["httpResponse"]
        if name == "okx" and method == "createOrder":
            told = told["data"]
        first = cast("list[dict[str, object]]", told if isinstance(told, list) else [told])[0]
        missing[f"{method} {case['description']}"] = first.keys() - ask().keys()

    assert missing
    assert set[str]() == set[str]().union(*missing.values()) - NOT_HERE
