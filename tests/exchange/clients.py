"""Clients that others wrote, led to the loopback exchange."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

from fixtures.exchange import (
    AGENT_KEY,
    KEY,
    OWNER,
    PASSPHRASE,
    SECRET,
    Control,
    Server,
)

# Untyped libraries, which a type checker need not look into.
CCXT: Any = importlib.import_module("ccxt")
KEYS: Mapping[str, Mapping[str, str]] = {
    "binance": {"apiKey": KEY, "secret": SECRET},
    "bybit": {"apiKey": KEY, "secret": SECRET},
    "okx": {"apiKey": KEY, "secret": SECRET, "password": PASSPHRASE},
    "hyperliquid": {"walletAddress": OWNER, "privateKey": AGENT_KEY},
}
PERPETUALS = {
    "binance": "BTC/USDT:USDT",
    "bybit": "BTC/USDT:USDT",
    "okx": "BTC/USDT:USDT",
    "hyperliquid": "BTC/USDC:USDC",
}
CONTRACTS = {"okx": 100}  # of one BTC


@dataclass(frozen=True, kw_only=True, slots=True)
class Loopback:
    """A running exchange, what a test does to it, and a session that reaches nothing else."""

    server: Server
    control: Control
    session: requests.Session

    def url(self, host: str) -> str:
        """Where a host of an exchange is."""
        return f"http://127.0.0.1:{self.server.port}/{host}"

    def ccxt(self, name: str, **more: object) -> Any:  # noqa: ANN401 - ccxt has no types
        """ccxt's client of an exchange, its markets loaded; it consents to no fees."""
        settings = {"session": self.session, "number": str, "enableRateLimit": False}
        client = getattr(CCXT, name)({**settings, **KEYS[name], **more})
        client.initialize_client = _nothing  # Hyperliquid's would sign a builder's fee
        client.load_markets()
        return client


def _nothing(*args: object, **kwargs: object) -> bool:
    del args, kwargs
    return True


def client_id(name: str, number: int) -> str:
    """A client id that an exchange takes."""
    return f"0x{number:032x}" if name == "hyperliquid" else f"t{number:08d}"


def create(client: Any, side: str, amount: float, number: int, **more: object) -> Any:  # noqa: ANN401 - ccxt has no types
    """Place an order of a perpetual, `amount` in BTC; at the market unless it has a price."""
    price = more.pop("price", None)
    name = client.id
    params = {"clientOrderId": client_id(name, number)} | more
    return client.create_order(
        PERPETUALS[name],
        "limit" if price else "market",
        side,
        amount * CONTRACTS.get(name, 1),
        price or (60_000 if name == "hyperliquid" else None),  # its bound on slippage needs one
        params,
    )
