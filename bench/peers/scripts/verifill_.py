"""Verifill: reads the same file, trades, verifies every position, and logs all of it to Parquet."""

import sys
from pathlib import Path

from bench.work import ACCOUNT, INTERVAL_S, SYMBOL, parts_of
from told import tell
from verifill.backtest import run
from verifill.ending import Ending
from verifill.venues.data.history import History
from verifill.venues.data.prepare import prepare
from verifill.venues.data.sources import BarFile

folder = Path.cwd()
source = BarFile(
    Path(sys.argv[1]), f"{ACCOUNT}:{SYMBOL}", price_decimals=2, interval_s=INTERVAL_S,
    columns={"timestamp": "time"},
)
prepare([source], [], folder / "history")
outcome = run(parts_of(History(folder / "history")), folder / "log")
if outcome.ending is not Ending.COMPLETED:
    sys.exit(f"{outcome.ending}: {outcome.reason}")
tell(outcome.ticks, outcome.closing[f"{ACCOUNT}:BaseToken:BTC"] / 1e8, 0)
