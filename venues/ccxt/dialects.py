"""The exchanges there are dialects of, by the name that a configuration gives an account."""

from typing import Final

from verifill.venues.ccxt.binance import BinanceSpot, BinanceUsdm
from verifill.venues.ccxt.bybit import Bybit
from verifill.venues.ccxt.bybit_funding import BybitFunding
from verifill.venues.ccxt.dialect import Dialect
from verifill.venues.ccxt.hyperliquid import Hyperliquid, HyperliquidSpot
from verifill.venues.ccxt.okx import Okx
from verifill.venues.ccxt.okx_funding import OkxFunding

ALL: Final[tuple[Dialect, ...]] = (
    BinanceSpot(),
    BinanceUsdm(),
    Bybit(),
    BybitFunding(),
    Okx(),
    OkxFunding(),
    Hyperliquid(),
    HyperliquidSpot(),
)
DIALECTS: Final[dict[str, Dialect]] = {dialect.name: dialect for dialect in ALL}
