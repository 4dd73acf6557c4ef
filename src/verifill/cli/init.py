"""`verifill init`: a configuration, a strategy and data to begin with."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path

from verifill.cli.screen import screen
from verifill.engine.errors import ConfigError, LogError
from verifill.engine.log.writer import reason_of
from verifill.venues.data.generate import Walk, bars

SEED = 7
DAY_ROWS = 24 * 60

CONFIG = """\
# A backtest. Run it with: verifill backtest verifill.toml
# Every setting is described in docs/reference/config.md. A relative path starts at the
# folder of this file. Numbers with decimals are quoted, because a TOML float is not exact.

mode = "backtest"
log = "runs/verifill" # the folder that the log goes to
quote = "USDT"        # the asset that reports count in

[loop]
interval_s = 60 # least time between two ticks, in seconds of the data

[strategy]
source = "strategy.py"                              # file.py, or file.py:Class
options = { buy_below = "0.998", sell_above = "1.002" } # arguments of the class
venues = ["binance"]                                # an instruction to another is denied

[data]
gaps = "error" # or "skip" the time, or "carry" the last close forward

# Bars that `verifill init` made up from a seed; put your own file in their place. It needs
# the columns timestamp (ISO, or epoch in s, ms, us or ns), open, high, low, close, volume.
[[data.bars]]
instrument = "binance.spot:BTC/USDT"
file = "data/btc_usdt_1m.csv"

[assets] # how many decimals each asset has
BTC = 8
USDT = 8

[exchanges.binance]
accounts = { "binance.spot" = ["BTC", "USDT"] }

[[exchanges.binance.instruments]]
account = "binance.spot"
symbol = "BTC/USDT"
lot = "0.00001"        # least step of a quantity
tick = "0.01"          # least step of a price
min_notional = 5       # least value of an order
fee = "0.001"          # part of the value of each fill
fee_asset = "received" # or "quote", or a third asset with its fee_price

[exchanges.binance.market] # what the simulation does beyond the bars
spread = "0.0001"
slippage = "0.00005"

[opening] # positions at the start, by account:kind:asset; everything else is zero
"binance.spot:BaseToken:USDT" = 10_000
"""

STRATEGY = '''\
"""A strategy to begin with: buy what got cheap over an hour, sell what got dear.

It shows the shape of a strategy and is no advice. `decide` is asked once a tick. It sees
what is known at that time and nothing later, and returns what is to be done, in order.
Every instruction is verified before the next one is sent.
"""

from decimal import Decimal

from verifill import MarketView, Plan, PlanReport, Positions, Side, SpotTrade

ACCOUNT = "binance.spot"
SYMBOL = "BTC/USDT"
HOUR = 60  # bars
QUANTITY = Decimal("0.01")
FEE = Decimal("0.01")  # keep some back for fee and slippage


class Reversion:
    """Trades against the move of the last hour.

    Args:
        buy_below: buy when the price is below this part of what it was.
        sell_above: sell when it is above.
    """

    def __init__(self, *, buy_below: str, sell_above: str) -> None:
        self._buy_below = Decimal(buy_below)
        self._sell_above = Decimal(sell_above)

    def decide(self, market: MarketView, positions: Positions, last: PlanReport) -> Plan:
        """What to do now; an empty list to do nothing.

        `last` tells what became of the last plan: done, failed, in part, expired.
        """
        closes = market.closes(f"{ACCOUNT}:{SYMBOL}", HOUR)
        if len(closes) < HOUR:
            return []
        moved = Decimal(closes[-1]) / closes[0]
        price = market.close(f"{ACCOUNT}:{SYMBOL}")
        cash = positions[f"{ACCOUNT}:BaseToken:USDT"]
        if moved < self._buy_below and cash > QUANTITY * price * (1 + FEE):
            return [self._trade(Side.BUY)]
        if moved > self._sell_above and positions[f"{ACCOUNT}:BaseToken:BTC"] >= QUANTITY:
            return [self._trade(Side.SELL)]
        return []

    def _trade(self, side: Side) -> SpotTrade:
        return SpotTrade(account=ACCOUNT, symbol=SYMBOL, side=side, quantity=QUANTITY)
'''


def init(folder: Path) -> None:
    """Write the files; if one is there already, write nothing.

    Raises:
        ConfigError: a file is there already.
        LogError: the folder cannot be written.
    """
    files = {folder / name: write for name, write in FILES.items()}
    there = [str(file) for file in files if file.exists()]
    if there:
        msg = f"{', '.join(there)} is there already; nothing was written. Choose another folder"
        raise ConfigError(msg)
    try:
        for file, write in files.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            write(file)
    except OSError as error:
        msg = (
            f"{folder} cannot be written: {reason_of(error)}. Choose a folder that you may write to"
        )
        raise LogError(msg) from error
    out = screen()
    for file in files:
        out.print(f"wrote {file}", soft_wrap=True)
    out.print(f"run it with: verifill backtest {folder / 'verifill.toml'}", soft_wrap=True)


def _text(content: str) -> Callable[[Path], None]:
    def write(file: Path) -> None:
        with file.open("x", encoding="utf-8") as new:
            new.write(content)

    return write


def _bars(file: Path) -> None:
    walk = Walk(start_price=Decimal(42_000), step_ticks=4_000)
    bars(file, seed=SEED, rows=DAY_ROWS, walk=walk)


FILES: Mapping[str, Callable[[Path], None]] = {
    "verifill.toml": _text(CONFIG),
    "strategy.py": _text(STRATEGY),
    "data/btc_usdt_1m.csv": _bars,
}
