"""The plans that faults are tried on where no strategy is given, and the venues they are for."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from verifill.config import Config, load_config
from verifill.machines.strategy import Fate, Plan, PlanReport, Positions
from verifill.venues.chains import Atomicity, Chain, Invariant, Step, Undo
from verifill.venues.data.generate import Walk, bars
from verifill.venues.instructions import (
    InternalTransfer,
    PerpTrade,
    Side,
    SpotTrade,
    Transfer,
    Unwrap,
    Wrap,
)
from verifill.venues.market import MarketView
from verifill.venues.rules import Idempotency
from verifill.venues.time_in_force import TimeInForce

SPOT, USDM, WALLET = "binance.spot", "binance.usdm", "wallet"
BITCOIN = f"{SPOT}:BaseToken:BTC"
ROWS = 60
SEED = 7

CONFIG = """\
log = "log"
seed = {seed}

[loop]
interval_s = 60

[strategy]
source = "verifill.faults.plans:Planned"
options = {{ plan = "{plan}" }}

[data]
constants = {{ gas_price = "0.00000001" }}

[[data.bars]]
instrument = "binance.spot:BTC/USDT"
file = "spot.csv"

[[data.bars]]
instrument = "binance.usdm:BTCUSDT"
file = "usdm.csv"

[[data.bars]]
instrument = "binance.spot:BNB/USDT"
file = "bnb.csv"

[assets]
BTC = 8
USDT = 8
BNB = 8
ETH = 18
WETH = 18

[exchanges.binance]
accounts = {{ "binance.spot" = ["BTC", "USDT", "BNB"], "binance.usdm" = ["USDT"] }}

[[exchanges.binance.instruments]]
account = "binance.spot"
symbol = "BTC/USDT"
lot = "0.00001"
tick = "0.01"
fee = "0.001"
fee_asset = "{fee_asset}"
{fee_price}

[[exchanges.binance.instruments]]
account = "binance.usdm"
symbol = "BTCUSDT"
perpetual = true
base = "BTC"
quote = "USDT"
lot = "0.001"
tick = "0.1"
fee = "0.0005"

[chains.ethereum]
accounts = {{ wallet = ["ETH", "WETH", "USDT"] }}
wrappers = [{{ asset = "ETH", into = "WETH" }}]

[routes]
wallet = {{ assets = ["USDT"], delay_s = 60 }}

[opening]
"binance.spot:BaseToken:USDT" = 1_000_000
"binance.spot:BaseToken:BTC" = 2
"binance.spot:BaseToken:BNB" = 10
"binance.usdm:BaseToken:USDT" = 100_000
"wallet:BaseToken:ETH" = 10
"wallet:BaseToken:USDT" = 1_000

[loopback]
width = "0"

[loopback.venues.binance]
idempotency = "{idempotency}"
query_lag_s = {lag_s}

[loopback.venues.ethereum]
query_lag_s = {chain_lag_s}
"""


def buy(quantity: str, name: str) -> SpotTrade:
    """A purchase of bitcoin."""
    return SpotTrade(
        account=SPOT, symbol="BTC/USDT", side=Side.BUY, quantity=Decimal(quantity), name=name
    )


def rest(quantity: str, name: str) -> SpotTrade:
    """A purchase far below the market, which rests until its time is over."""
    return SpotTrade(
        account=SPOT, symbol="BTC/USDT", side=Side.BUY, quantity=Decimal(quantity), name=name,
        limit=Decimal(40_000), timeout_s=20, time_in_force=TimeInForce.GTC,
    )  # fmt: skip


def sell(quantity: str, name: str) -> SpotTrade:
    """A sale of bitcoin."""
    return SpotTrade(
        account=SPOT, symbol="BTC/USDT", side=Side.SELL, quantity=Decimal(quantity), name=name
    )


def short(quantity: str, name: str) -> PerpTrade:
    """A sale of the perpetual."""
    return PerpTrade(
        account=USDM, symbol="BTCUSDT", side=Side.SELL, quantity=Decimal(quantity), name=name
    )


def move(amount: str, name: str) -> InternalTransfer:
    """Margin from spot to the perpetuals' account."""
    return InternalTransfer(account=SPOT, to=USDM, asset="USDT", amount=Decimal(amount), name=name)


def withdraw(amount: str, name: str) -> Transfer:
    """A withdrawal from the exchange to the wallet."""
    return Transfer(account=SPOT, to=WALLET, asset="USDT", amount=Decimal(amount), name=name)


def wrap(amount: str, name: str) -> Wrap:
    """Ether into wrapped ether."""
    return Wrap(account=WALLET, asset="ETH", into="WETH", amount=Decimal(amount), name=name)


def unwrap(amount: str, name: str) -> Unwrap:
    """And back."""
    return Unwrap(account=WALLET, asset="WETH", into="ETH", amount=Decimal(amount), name=name)


CLEAN = (Fate.EXPIRED, Fate.FAILED_CLEAN, Fate.ROLLED_BACK)
AGAIN: Mapping[str, Sequence[Fate]] = {
    "saga taken back": (Fate.EXPIRED,),
    "rehearsal refused": (Fate.EXPIRED,),
    "no transaction": (Fate.EXPIRED,),
    "invariant broken": (Fate.EXPIRED,),
    "pivot in part": (Fate.EXPIRED,),
    "rehearsal denied": (Fate.EXPIRED,),
    "rests": (Fate.EXPIRED,),
    "saga rests": (Fate.EXPIRED,),
    "revert": (Fate.EXPIRED,),
}
"""Plan -> the fates after which it is planned again; `CLEAN` if it is not here."""

PLANS: Mapping[str, Plan] = {
    "one": [buy("0.5", "A")],
    "three": [buy("0.5", "A"), move("1000", "B"), short("0.1", "C")],
    "saga": [
        Chain(
            name="S",
            kind=Atomicity.SAGA,
            steps=(buy("0.5", "A"), move("1000", "B"), short("0.1", "C")),
        )
    ],
    "saga taken back": [
        Chain(
            name="S",
            kind=Atomicity.SAGA,
            steps=(buy("0.5", "A"), move("1000", "B"), buy("100000", "C")),
        )
    ],
    "one transaction": [
        Chain(name="T", kind=Atomicity.ONE_TX, steps=(wrap("2", "A"), unwrap("0.5", "B")))
    ],
    "one transaction of three": [
        Chain(
            name="T",
            kind=Atomicity.ONE_TX,
            steps=(wrap("2", "A"), unwrap("0.5", "B"), wrap("0.25", "C")),
        )
    ],
    "chains and others": [
        buy("0.5", "A"),
        Chain(name="S", kind=Atomicity.SAGA, steps=(move("1000", "B"),)),
        Chain(name="T", kind=Atomicity.ONE_TX, steps=(wrap("2", "C"),)),
        sell("0.25", "D"),
    ],
    "rehearsal refused": [
        Chain(name="T", kind=Atomicity.ONE_TX, steps=(wrap("2", "A"), unwrap("5", "B")))
    ],
    "no transaction": [Chain(name="T", kind=Atomicity.ONE_TX, steps=(buy("0.5", "A"),))],
    "invariant broken": [
        Chain(
            name="S",
            kind=Atomicity.SAGA,
            steps=(buy("0.5", "A"), move("1000", "B"), sell("0.5", "C")),
            invariants=(Invariant(since="B", keys=(BITCOIN,), low=Decimal(0), high=Decimal(0)),),
        )
    ],
    "pivot": [
        Chain(
            name="S",
            kind=Atomicity.SAGA,
            steps=(
                buy("0.5", "A"),
                Step(move("1000", "B"), undo=Undo.NEVER),
                buy("100000", "C"),
            ),
        )
    ],
    "pivot in part": [
        Chain(name="S", kind=Atomicity.SAGA, steps=(Step(buy("0.5", "A"), undo=Undo.NEVER),))
    ],
    "rehearsal denied": [
        Chain(
            name="T",
            kind=Atomicity.ONE_TX,
            steps=(Wrap(account=WALLET, asset="USDT", into="WETH", amount=Decimal(1), name="A"),),
        )
    ],
    "rests": [rest("0.5", "A")],
    "saga rests": [
        Chain(name="S", kind=Atomicity.SAGA, steps=(move("1000", "A"), rest("0.5", "B")))
    ],
    "withdrawal": [withdraw("100", "A"), buy("0.5", "B")],
    "wrap": [wrap("1", "A")],
    "revert": [unwrap("5", "A")],  # of which there is none: it costs its gas
}
"""Name -> what is planned on the first tick, and again where it was not done."""


class Planned:
    """Plans one thing, and plans again what was not done.

    Args:
        plan: its name in `PLANS`.
        times: how often it plans at most.
    """

    def __init__(self, *, plan: str, times: int = 12) -> None:
        self._plan = PLANS[plan]
        self._again = AGAIN.get(plan, CLEAN)
        self._left = times

    def decide(self, market: MarketView, positions: Positions, last: PlanReport) -> Plan:  # noqa: ARG002 - the protocol
        """The plan at first; after that, what of the last one has expired or failed clean."""
        if self._left == 0:
            return []
        first = not last.entries
        again = [entry.wanted for entry in last.entries if entry.fate in self._again]
        plan = self._plan if first else again
        self._left = self._left - 1 if plan else 0
        return plan

    def state(self) -> Mapping[str, Any]:
        """How often it may plan yet."""
        return {"left": self._left}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take that back."""
        self._left = state["left"]


def written(
    folder: Path,
    plan: str,
    *,
    idempotency: Idempotency = Idempotency.K,
    lag_s: int = 0,
    fee_asset: str = "received",
) -> Config:
    """The configuration of a plan, with its data, written into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    walk = Walk(start_price=Decimal(42_000), step_ticks=4_000)
    for name in ("spot", "usdm", "bnb"):
        bars(folder / f"{name}.csv", seed=SEED, rows=ROWS, walk=walk)
    file = folder / "faults.toml"
    third = fee_asset not in {"received", "quote"}
    text = CONFIG.format(
        seed=SEED,
        plan=plan,
        idempotency=idempotency,
        lag_s=lag_s,
        chain_lag_s=lag_s,
        fee_asset=fee_asset,
        fee_price='fee_price = "binance.spot:BNB/USDT"' if third else "",
    )
    file.write_text(text, encoding="utf-8")
    return load_config(file)
