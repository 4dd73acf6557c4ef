"""Small runs on a made-up market, for tests of what reads a log."""

import random
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from verifill.backtest import Outcome, Parts, run
from verifill.machines.strategy import Plan, PlanReport, Positions
from verifill.venues.data.history import History
from verifill.venues.data.prepare import prepare
from verifill.venues.data.sources import BarFile, SeriesFile
from verifill.venues.instructions import Operation, PerpTrade, Side, SpotTrade
from verifill.venues.keys import Scales
from verifill.venues.market import MarketView
from verifill.venues.rules import QUOTE, RATE_UNIT, Fees, Instrument, VenueRules
from verifill.venues.simulated.exchange import SimulatedExchange
from verifill.venues.simulated.model import ExchangeModel
from verifill.venues.simulated.network import Network
from verifill.venues.simulated.timeline import Timeline

SPOT, USDM = "binance.spot", "binance.usdm"
SPOT_DATA, PERP_DATA = f"{SPOT}:BTC/USDT", f"{USDM}:BTCUSDT"
FUNDING = f"funding:{PERP_DATA}"
SCALES = Scales({"BTC": 8, "USDT": 8, "BTCUSDT": 8, "XYZ": 8})
START_S, STEP_S = 1_700_000_040, 60
OPENING = {
    f"{SPOT}:BaseToken:BTC": 0,
    f"{SPOT}:BaseToken:USDT": 10**15,
    f"{USDM}:BaseToken:USDT": 10**14,
    f"{USDM}:Perp:BTCUSDT": 0,
}

Decide = Callable[[MarketView, Positions, PlanReport], Plan]


class Deciding:
    """A strategy made of a function."""

    def __init__(self, decide: Decide) -> None:
        self._decide = decide

    def decide(self, market: MarketView, positions: Positions, last: PlanReport) -> Plan:
        return self._decide(market, positions, last)


def buy(quantity: str = "0.01") -> SpotTrade:
    return SpotTrade(
        account=SPOT, symbol="BTC/USDT", side=Side.BUY, quantity=Decimal(quantity), name="spot"
    )


def sell(quantity: str = "0.01") -> SpotTrade:
    return SpotTrade(account=SPOT, symbol="BTC/USDT", side=Side.SELL, quantity=Decimal(quantity))


def perpetual(side: Side, quantity: str = "0.01") -> PerpTrade:
    return PerpTrade(account=USDM, symbol="BTCUSDT", side=side, quantity=Decimal(quantity))


def ticks(plans: Sequence[Plan]) -> Deciding:
    """A strategy with one plan for each tick, and nothing after the last one."""
    left = iter(plans)
    return Deciding(lambda _market, _positions, _last: next(left, ()))


def history(folder: Path, rows: int, seed: int = 1, drift: int = 0) -> History:
    """Two instruments, a tick apart, and funding every ten bars."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(seed)
    price = 4_000_000
    columns = "timestamp,open,high,low,close,volume"
    spot, perp, funding = [columns], [columns], ["timestamp,rate"]
    for row in range(rows):
        price += chance.randint(-900, 900) + drift
        time_s = START_S + row * STEP_S
        for lines, close in ((spot, price), (perp, price + chance.randint(-50, 50))):
            told = f"{close / 100:.2f}"
            lines.append(f"{time_s},{told},{told},{told},{told},1")
        if row % 10 == 0:
            funding.append(f"{time_s},{chance.randint(-9, 9) / 10**5:.5f}")
    files = {"spot.csv": spot, "perp.csv": perp, "funding.csv": funding}
    for name, lines in files.items():
        (folder / name).write_text("\n".join(lines) + "\n")
    bars = [
        BarFile(folder / "spot.csv", SPOT_DATA, price_decimals=2, stamp="close", interval_s=60),
        BarFile(folder / "perp.csv", PERP_DATA, price_decimals=2, stamp="close", interval_s=60),
    ]
    series = [
        SeriesFile(
            folder / "funding.csv", FUNDING, time_column="timestamp", value_column="rate",
            decimals=18,
        )
    ]  # fmt: skip
    return prepare(bars, series, folder / "market" / "history")


def instruments(fees: Fees | None = None) -> Mapping[tuple[str, str], Instrument]:
    common: dict[str, Any] = {
        "quote": "USDT", "fees": fees or Fees(rate=RATE_UNIT // 1000, paid_in=QUOTE),
        "quantity_decimals": 8, "price_decimals": 2, "exponent": 2, "lot": 1000,
    }  # fmt: skip
    listed = (
        Instrument(account=SPOT, symbol="BTC/USDT", base="BTC", **common),
        Instrument(account=USDM, symbol="BTCUSDT", base="BTCUSDT", perpetual=True, **common),
    )
    return {(i.account, i.symbol): i for i in listed}


def parts(
    market: History,
    strategy: Deciding,
    *,
    model: ExchangeModel | None = None,
    fees: Fees | None = None,
    opening: Mapping[str, int] | None = None,
    bases: Mapping[str, int] | None = None,
) -> Parts:
    """One exchange with a spot and a derivatives account."""
    rules = VenueRules(
        name="binance",
        accounts=frozenset({SPOT, USDM}),
        operations=frozenset(
            {
                Operation.SPOT_TRADE,
                Operation.PERP_TRADE,
                Operation.INTERNAL_TRANSFER,
                Operation.SET_LEVERAGE,
            }
        ),
        instruments=instruments(fees),
    )
    timeline = Timeline(market, STEP_S * 10**9)
    exchange = SimulatedExchange(
        rules=rules,
        scales=SCALES,
        market=timeline,
        network=Network([]),
        model=model or ExchangeModel(spread=RATE_UNIT // 1000),
        opening=opening or OPENING,
        bases=bases or {},
        funding={PERP_DATA: market.series(FUNDING)},
    )
    timeline.simulations = [exchange]
    return Parts(
        timeline=timeline,
        strategy=strategy,
        venues=[exchange],
        subscribed={"binance"},
        scales=SCALES,
        opening=exchange.accounts.totals,
        bases=bases or {},
    )


def ran(
    folder: Path,
    strategy: Deciding,
    *,
    rows: int = 40,
    seed: int = 1,
    **given: Any,  # noqa: ANN401 - what `parts` takes
) -> tuple[Path, Outcome]:
    """A run, its log in `folder/log` with the market beside it, and what came of it."""
    market = history(folder / "log", rows, seed, given.pop("drift", 0))
    for name in ("spot.csv", "perp.csv", "funding.csv"):
        (folder / "log" / name).unlink()
    outcome = run(parts(market, strategy, **given), folder / "log")
    return folder / "log", outcome
