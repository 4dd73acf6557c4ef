"""A configuration with every section in it, and the small files that it names."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from verifill.config import Config, load_config
from verifill.venues.data.generate import bars, rates

MINIMAL = """\
[strategy]
source = "strategy.py"

[[data.bars]]
instrument = "binance.spot:BTC/USDT"
file = "btc.csv"

[assets]
BTC = 8
USDT = 8

[exchanges.binance]
accounts = { "binance.spot" = ["USDT"] }

[[exchanges.binance.instruments]]
account = "binance.spot"
symbol = "BTC/USDT"
"""

WHOLE = """\
mode = "backtest"
quote = "USDT"
seed = 7
log = "logs/whole"

[loop]
interval_s = 3600
remainders = 2
fail_fast = false

[retry.backtest]
sends = { attempts = 2, wait_s = "0.5", factor = 3, wait_max_s = 9 }

[retry.live.readings]
attempts = 5

[breakers]
failures_in_row = 5
failure_share = "0.25"
daily_loss_max = "1000.5"
executions_max = 100
named_persons = ["Ann", "Bo"]

[feeds]
stale_after_s = 5

[strategy]
source = "strategy.py:Waiting"
options = { words = ["a", 1, true], table = { deep = "0.5" } }
venues = ["binance", "ethereum"]

[strategy.retry.sends]
attempts = 4

[data]
gaps = "carry"
constants = { gas_price = "0.00000001", "rate:weETH" = "1.08", "rate:stETH" = 1 }

[[data.bars]]
instrument = "binance.spot:BTC/USDT"
file = "btc.csv"

[[data.bars]]
instrument = "binance.usdm:BTCUSDT"
file = "perp.csv"
price_decimals = 3
volume_decimals = 8
interval_s = 3600
stamp = "open"
columns = { timestamp = "timestamp" }

[[data.bars]]
instrument = "binance.spot:BNB/USDT"
file = "btc.csv"

[[data.series]]
name = "funding:binance.usdm:BTCUSDT"
file = "funding.csv"
time = "timestamp"
value = "rate"

[[data.series]]
name = "supply_rate:aave_v3:WETH"
file = "funding.csv"
value = "rate"

[[data.series]]
name = "borrow_rate:aave_v3:WETH"
file = "funding.csv"
value = "rate"

[assets]
BTC = 8
USDT = 8
BNB = 8
ETH = 18
WETH = 18
eETH = 18
weETH = 18

[exchanges.binance]
accounts = { "binance.spot" = ["USDT", "ETH"], "binance.usdm" = ["USDT"] }
operations = ["SPOT_TRADE", "PERP_TRADE", "SET_LEVERAGE", "INTERNAL_TRANSFER", "TRANSFER"]
windows_s = { TRANSFER = 7200 }
poll_s = 2

[[exchanges.binance.instruments]]
account = "binance.spot"
symbol = "BTC/USDT"
lot = "0.00001"
tick = "0.01"
min_notional = 5
fee = "0.00075"
fee_asset = "BNB"
fee_price = "binance.spot:BNB/USDT"
collar = "0.01"

[[exchanges.binance.instruments]]
account = "binance.usdm"
symbol = "BTCUSDT"
perpetual = true
base = "BTC"
quote = "USDT"
lot = "0.001"
tick = "0.1"
fee = "0.0005"
maintenance = "0.004"
leverage = 3

[exchanges.binance.market]
spread = "0.0001"
slippage = "0.00005"
liquidity = "volume"
participation = "0.25"
partial = "0.1"
lag_s = "0.25"
withdrawal_s = 600
withdrawal_fees = { ETH = "0.0006" }

[chains.ethereum]
accounts = { wallet = ["USDT", "ETH", "WETH", "eETH", "weETH"], safe = ["WETH"] }
native = "ETH"
gas_payers = { safe = "wallet" }
gas = { WRAP = 50_000 }
gas_base = 21_000
gas_price = "gas_price"
approvals = { wallet = ["aave_v3"] }
indices = { "supply:aave_v3:WETH" = "1.018085923463130800" }
windows_s = { TRANSFER = 3600 }

[[chains.ethereum.wrappers]]
asset = "ETH"
into = "WETH"

[[chains.ethereum.wrappers]]
asset = "eETH"
into = "weETH"
rate = "rate:weETH"

[[chains.ethereum.stakings]]
asset = "ETH"
into = "eETH"
queue_s = 604_800
least_payout = "0.99"

[[chains.ethereum.reserves]]
market = "aave_v3"
asset = "WETH"
a_token = "aWETH"
debt_token = "vDebtWETH"
ltv = "0.8"
threshold = "0.825"
supply_cap = "1000000.5"

[[chains.ethereum.reserves]]
market = "spark"
asset = "weETH"
a_token = "spweETH"
accrual = "none"

[[chains.ethereum.pools]]
name = "curve"
base = "weETH"
quote = "WETH"
rate = "rate:weETH"
fee = "0.0001"

[[chains.ethereum.lenders]]
name = "morpho"
assets = ["WETH"]
premium = "0.0005"

[routes]
"binance.spot" = { assets = ["USDT", "ETH"], delay_s = 720 }
wallet = { assets = ["ETH"] }

[opening]
"binance.spot:BaseToken:USDT" = 1_000_000
"binance.spot:BaseToken:BNB" = "12.5"
"binance.usdm:BaseToken:USDT" = 100_000
"binance.usdm:Perp:BTCUSDT" = "-1.5"
"wallet:BaseToken:ETH" = "10.000000000000000001"
"wallet:BaseToken:USDT" = 5_000

[entry_prices]
"binance.usdm:Perp:BTCUSDT" = "42000.1"

[tolerances."wallet:BaseToken:eETH"]
absolute = "0.000000000000000002"
relative = "0.0001"
accrual = "-0.03"
budget = "0.000000000000000010"
"""

STRATEGY = '''\
"""Waits."""


class Waiting:
    """Decides nothing."""

    def __init__(self, words=(), table=None):
        self.words = words
        self.table = table

    def decide(self, market, positions, last):
        """Nothing."""
        return []
'''


def write(folder: Path, text: str = WHOLE, strategy: str = STRATEGY) -> Path:
    """The file of a configuration, with the strategy and the data beside it."""
    bars(folder / "btc.csv", seed=1, rows=24, interval_s=3600)
    bars(folder / "perp.csv", seed=2, rows=24, interval_s=3600)
    rates(
        folder / "funding.csv",
        seed=3,
        rows=24,
        low=Decimal("0.00001"),
        high=Decimal("0.0002"),
        start="2023-12-31T00:00:00Z",
    )
    (folder / "strategy.py").write_text(strategy)
    path = folder / "run.toml"
    path.write_text(text)
    return path


def load(
    folder: Path,
    text: str = WHOLE,
    *changes: tuple[str, str],
    environment: Mapping[str, str] | None = None,
    strategy: str = STRATEGY,
) -> Config:
    """A configuration, with some of its text changed."""
    return load_config(write(folder, changed(text, *changes), strategy), environment or {})


def changed(text: str, *changes: tuple[str, str]) -> str:
    """The text with each change made once; a change that meets nothing is a mistake."""
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text
