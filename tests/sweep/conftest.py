"""A small project, in a folder of its own, and plans for it."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from verifill.venues.data.generate import Walk, bars

HOUR_S = 3600
HOURS = 96

CONFIG = """\
quote = "USDT"

[loop]
interval_s = 3600

[strategy]
source = "strategy.py"
options = { every = 3 }

[data]
[[data.bars]]
instrument = "binance.spot:BTC/USDT"
file = "bars.csv"
price_decimals = 2

[assets]
BTC = 8
USDT = 8

[exchanges.binance]
accounts = { "binance.spot" = ["BTC", "USDT"] }

[[exchanges.binance.instruments]]
account = "binance.spot"
symbol = "BTC/USDT"
lot = "0.00001"
tick = "0.01"
fee = "0.001"

[exchanges.binance.market]
liquidity = "random"

[opening]
"binance.spot:BaseToken:USDT" = 10_000
"""

STRATEGY = '''\
import os
import signal
from decimal import Decimal
from pathlib import Path

from verifill import Side, SpotTrade

ACCOUNT, SYMBOL = "binance.spot", "BTC/USDT"


class Now:
    """Buys every so many hours, and sells in between."""

    def __init__(self, *, every: int, kill: str = "", once: bool = True, wait: str = "") -> None:
        self.every, self.kill, self.once, self.wait = every, kill, once, wait
        self.hours = 0

    def decide(self, market, positions, last):
        self.hours += 1
        if self.hours == 50:
            self.killed()
            self.waited()
        if self.hours % self.every == 0:
            return [self.trade(Side.BUY)]
        held = positions[f"{ACCOUNT}:BaseToken:BTC"]
        return [self.trade(Side.SELL, held)] if held and self.hours % self.every == 1 else []

    def killed(self):
        """Ends its own process as kill -9 does, in mid-run; but once if it is to."""
        flag = Path(self.kill)
        if self.kill and not (self.once and flag.exists()):
            flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)

    def waited(self):
        """Tells that it runs, and in which process; goes on once it is let."""
        if self.wait and not Path(self.wait).exists():
            Path(self.wait + f".{os.getpid()}").touch()
            while not Path(self.wait).exists():
                pass

    def trade(self, side, quantity=Decimal("0.05")):
        return SpotTrade(account=ACCOUNT, symbol=SYMBOL, side=side, quantity=quantity)
'''

Plans = Callable[..., Path]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of one's own."""
    return write_project(tmp_path)


def write_project(where: Path) -> Path:
    """A folder with a configuration, a strategy and four days of hourly bars."""
    folder = where / "project"
    folder.mkdir()
    (folder / "verifill.toml").write_text(CONFIG)
    (folder / "strategy.py").write_text(STRATEGY)
    walk = Walk(start_price=Decimal(42_000), step_ticks=30_000)
    bars(folder / "bars.csv", seed=3, rows=HOURS, interval_s=HOUR_S, walk=walk)
    return folder


@pytest.fixture
def plans(project: Path) -> Plans:
    """Writes a plan, by its name and its text."""

    def write(text: str, name: str = "sweep.toml") -> Path:
        file = project / name
        file.write_text(f'config = "verifill.toml"\n{text}')
        return file

    return write


@pytest.fixture(autouse=True)
def columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 100 columns."""
    monkeypatch.setenv("COLUMNS", "100")


def told(rows: list[dict[str, object]]) -> list[Mapping[str, object]]:
    """What must be the same, wherever a sweep is run."""
    left_out = {"began_ns", "ran_s", "measured_s", "cpu_s", "worker", "attempts", "found"}
    return [{name: part for name, part in row.items() if name not in left_out} for row in rows]
