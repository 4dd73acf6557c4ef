"""The work: one spot trade a bar, buy and sell by turns, on a year of minute bars.

    python -m bench.work compiled|transitions|strategy HISTORY LOG
    python -m bench.work data FOLDER BARS

The first runs it once, in a process of its own, and tells what it took. `strategy` calls
the strategy as often and does nothing else. The second makes the bars and says where.
"""

import json
import sys
from decimal import Decimal
from pathlib import Path

from bench.meter import Meter, tell
from verifill.backtest import EXECUTORS, Parts, run
from verifill.ending import Ending
from verifill.machines.strategy import Plan, PlanReport, Positions
from verifill.venues.data.history import HEADER, History
from verifill.venues.data.prepare import prepare
from verifill.venues.data.sources import BarFile
from verifill.venues.instructions import Operation, Side, SpotTrade
from verifill.venues.keys import Scales
from verifill.venues.market import MarketView
from verifill.venues.rules import BASIS_POINT, QUOTE, RATE_UNIT, Fees, Instrument, VenueRules
from verifill.venues.simulated.exchange import SimulatedExchange
from verifill.venues.simulated.model import ExchangeModel
from verifill.venues.simulated.network import Network
from verifill.venues.simulated.timeline import Timeline

ACCOUNT, SYMBOL = "binance.spot", "BTC/USDT"
SCALES = Scales({"BTC": 8, "USDT": 8})
OPENING = {f"{ACCOUNT}:BaseToken:BTC": 0, f"{ACCOUNT}:BaseToken:USDT": 10**16}
QUANTITY = Decimal("0.01")
INTERVAL_S = 60
LONG = 3_000_000  # bars, in which a price may fall so far that a trade is too small to be sent
SEED = 2024

INSTRUMENT = Instrument(
    account=ACCOUNT,
    symbol=SYMBOL,
    base="BTC",
    quote="USDT",
    fees=Fees(rate=10 * BASIS_POINT, paid_in=QUOTE),
    quantity_decimals=8,
    price_decimals=2,
    exponent=2,
    lot=1_000,
    min_notional=5 * 10**8,
)


def history_of(folder: Path, rows: int) -> Path:
    """A prepared history of so many generated bars; made if it is not there."""
    from verifill.venues.data.generate import Walk, bars  # noqa: PLC0415 - no run needs it

    target = folder / f"bars-{rows}-seed-{SEED}"
    if not (target / HEADER).exists():
        file = target / "bars.parquet"
        walk = Walk(start_price=Decimal(200_000)) if rows > LONG else Walk()
        bars(file, seed=SEED, rows=rows, interval_s=INTERVAL_S, walk=walk)
        instrument = f"{ACCOUNT}:{SYMBOL}"
        prepare([BarFile(file, instrument, price_decimals=2, interval_s=INTERVAL_S)], [], target)
        file.unlink()
    return target


class Alternate:
    """The least strategy there is: buys at one tick and sells at the next."""

    def __init__(self) -> None:
        self._side = Side.SELL

    def decide(self, market: MarketView, positions: Positions, last: PlanReport) -> Plan:  # noqa: ARG002 - it looks at nothing
        """The same quantity, the other way round."""
        self._side = side = Side.BUY if self._side is Side.SELL else Side.SELL
        return [SpotTrade(account=ACCOUNT, symbol=SYMBOL, side=side, quantity=QUANTITY)]


def parts_of(history: History) -> Parts:
    """One exchange with a spot account, half a basis point of slippage and one of spread."""
    rules = VenueRules(
        name="binance",
        accounts=frozenset({ACCOUNT}),
        operations=frozenset({Operation.SPOT_TRADE}),
        instruments={(ACCOUNT, SYMBOL): INSTRUMENT},
    )
    timeline = Timeline(history, INTERVAL_S * 10**9)
    exchange = SimulatedExchange(
        rules=rules,
        scales=SCALES,
        market=timeline,
        network=Network([]),
        model=ExchangeModel(spread=RATE_UNIT // 10_000, slippage=RATE_UNIT // 20_000),
        opening=OPENING,
        bases={},
        funding={},
    )
    timeline.simulations = [exchange]
    return Parts(
        timeline=timeline,
        strategy=Alternate(),
        venues=[exchange],
        subscribed={"binance"},
        scales=SCALES,
        opening=exchange.accounts.totals,
    )


def main(what: str, history: Path, log: Path) -> None:
    """Do the work once on a prepared history, and tell what it took."""
    opened = History(history)
    parts = parts_of(opened)
    if what == "strategy":
        _decide_only(parts, opened.rows)
        return
    executor = EXECUTORS[EXECUTORS.index(what)]
    with Meter() as meter:
        outcome = run(parts, log, executor=executor)
    if outcome.ending is not Ending.COMPLETED or outcome.ticks != opened.rows:
        sys.exit(f"{outcome.ending} after {outcome.ticks} of {opened.rows}: {outcome.reason}")
    tell(meter, outcome.ticks, outcome.closing, log)


def _decide_only(parts: Parts, times: int) -> None:
    market, report = parts.timeline, PlanReport()
    positions = Positions(parts.opening, parts.scales)
    decide = parts.strategy.decide
    with Meter() as meter:
        for _ in range(times):
            decide(market, positions, report)
    tell(meter, times, {}, None)


if __name__ == "__main__":
    if sys.argv[1] == "data":
        made = history_of(Path(sys.argv[2]), int(sys.argv[3]))
        sys.stdout.write(json.dumps({"history": str(made)}) + "\n")
    else:
        main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
