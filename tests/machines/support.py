"""A small world for the loops: bars that tick, venues, and a script of how one misbehaves.

Everything in it is real. `Scripted` is a venue in memory: behind it is an exchange with its
own accounts and its own law, in front of it a script that decides what is passed on.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import polars as pl
from attrs import evolve, field, frozen

from verifill.engine.amounts import to_decimal
from verifill.engine.compile import compile_table
from verifill.engine.executor import CompiledExecutor, Executor, TransitionsExecutor
from verifill.engine.log.reader import Log
from verifill.engine.log.writer import Writer
from verifill.engine.retry import RetryPolicy
from verifill.machines.desk import Desk
from verifill.machines.full_loop import FULL_LOOP
from verifill.machines.loop import FullLoop, LoopPolicy
from verifill.machines.monitor import PositionMonitor
from verifill.machines.nesting import nesting
from verifill.machines.policies import Policies
from verifill.machines.records import Records
from verifill.machines.strategy import Plan, PlanReport, Positions, Strategy
from verifill.machines.tolerance import EXACT, Tolerance
from verifill.venues.expectation import Assessment, Expectation
from verifill.venues.instructions import (
    Amount,
    Instruction,
    InternalTransfer,
    Operation,
    PerpTrade,
    Side,
    SpotTrade,
)
from verifill.venues.interfaces import PositionFeed, Venue
from verifill.venues.keys import Scales
from verifill.venues.lanes import Lane
from verifill.venues.market import Books, MarketView
from verifill.venues.orders import Order, Reading, Receipt, Request
from verifill.venues.rules import RATE_UNIT, Fees, Instrument, VenueRules
from verifill.venues.simulated.exchange import SimulatedExchange
from verifill.venues.simulated.margin import FundingSeries
from verifill.venues.simulated.model import ExchangeModel
from verifill.venues.simulated.network import Network
from verifill.venues.simulated.quotes import SERIES_DECIMALS, FixedMarket

SECOND_NS = 10**9
MINUTE_NS = 60 * SECOND_NS
START_NS = 1_700_000_040 * SECOND_NS
CENTS = 2

SPOT, DERIVATIVES = "desk.spot", "desk.perp"
PAIR, CONTRACT = "BTC/USDT", "BTCUSDT"
BTC, USDT, BNB = (f"{SPOT}:BaseToken:{asset}" for asset in ("BTC", "USDT", "BNB"))
SIZE, MARGIN = f"{DERIVATIVES}:Perp:{CONTRACT}", f"{DERIVATIVES}:BaseToken:USDT"
LEVERAGE = f"{DERIVATIVES}:Setting:{CONTRACT}.leverage"
PAIR_DATA, CONTRACT_DATA = f"{SPOT}:{PAIR}", f"{DERIVATIVES}:{CONTRACT}"
SCALES = Scales({"BTC": 8, "USDT": 6, "BNB": 8, CONTRACT: 8, f"{CONTRACT}.leverage": 0})
PRICE = 40_000_00
COIN = 10**8
FEE = RATE_UNIT // 1000
OPENING = {BTC: 10 * COIN, USDT: 10**12, BNB: COIN, SIZE: 0, MARGIN: 10**11, LEVERAGE: 5}

THREE = RetryPolicy(attempts=3)
PATIENT = LoopPolicy(tight_loop=Policies(sends=THREE, readings=THREE, queries=THREE))
GOING_ON = LoopPolicy(fail_fast=False)


# The market.


class Simulation(Protocol):
    """What moves with time."""

    def advance(self, now_ns: int) -> None: ...


class Bars(FixedMarket):
    """Bars of a minute: the clock and the market of a run, with no file behind them.

    Args:
        ticks: how many bars there are.
        changes: number of a bar, from 1 -> the prices that are new in it.
    """

    def __init__(
        self,
        ticks: int = 3,
        changes: Mapping[int, Mapping[str, int]] | None = None,
        prices: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__(START_NS, prices=prices or {PAIR_DATA: PRICE, CONTRACT_DATA: PRICE})
        self.ticks = ticks
        self.simulations: list[Simulation] = []
        self.waits_s: list[float] = []
        self._changes = changes or {}
        self._bar = 0

    @property
    def now_ns(self) -> int:
        return self.time_ns

    @property
    def monotonic_ns(self) -> int:
        return self.time_ns

    def next_tick(self) -> bool:
        if self._bar == self.ticks:
            return False
        self._next_bar()
        return True

    def wait(self, duration_ns: int) -> int:
        self.waits_s.append(duration_ns / SECOND_NS)
        end_ns, before = self.time_ns + duration_ns, self._bar
        while self._bar < self.ticks and START_NS + (self._bar + 1) * MINUTE_NS <= end_ns:
            self._next_bar()
        self._go(end_ns)
        return self._bar - before

    def _next_bar(self) -> None:
        self._bar += 1
        self.prices.update(self._changes.get(self._bar, {}))
        self._go(START_NS + self._bar * MINUTE_NS)

    def _go(self, time_ns: int) -> None:
        self.time_ns = time_ns
        for simulation in self.simulations:
            simulation.advance(time_ns)

    def close(self, instrument: str) -> Decimal:
        return to_decimal(self.price(instrument), CENTS)

    def closes(self, instrument: str, count: int) -> list[int]:
        return [self.price(instrument)] * min(count, self._bar)

    def rate(self, series: str) -> Decimal:
        return to_decimal(self.value(series), SERIES_DECIMALS)


# The scripted venue.

Ask = Callable[[Request], Receipt]
Act = Callable[[Request, Ask], Receipt]
View = Callable[[Reading], Reading]


def honest(request: Request, ask: Ask) -> Receipt:
    """Does what it is asked, and says so."""
    return ask(request)


def as_it_is(reading: Reading) -> Reading:
    """Shows what there is."""
    return reading


@frozen(kw_only=True)
class Script:
    """How a venue behaves; without one it is honest.

    Attributes:
        submits: what becomes of one order after the other; honest after the last.
        queries: what becomes of one question after the other; likewise.
        recalls: what becomes of one cancel after the other; likewise.
        view: what is made of each reading.
        failures: what is not ready at the start.
    """

    submits: Sequence[Act] = ()
    queries: Sequence[Act] = ()
    recalls: Sequence[Act] = ()
    view: View = as_it_is
    failures: tuple[str, ...] = ()


class Scripted:
    """A venue that answers from a script; implements `venues.interfaces.Venue`.

    Args:
        exchange: what really happens, and the accounts.
        declared: what is known of it beforehand: its rules may be others than its law.
        script: what is passed on of it.

    Attributes:
        sent: every request that reached it, in order.
        asked: every request that it was asked about.
    """

    def __init__(
        self, exchange: SimulatedExchange, declared: SimulatedExchange, script: Script
    ) -> None:
        self.exchange = exchange
        self.rules: VenueRules = declared.rules
        self.sent: list[Request] = []
        self.asked: list[Request] = []
        self._declared = declared
        self._submits = iter(script.submits)
        self._queries = iter(script.queries)
        self._recalls = iter(script.recalls)
        self.view = script.view
        self._failures = script.failures

    def resolve(self, instruction: Instruction, number: int, late: int | None) -> Order:
        return self._declared.resolve(instruction, number, late)

    def deny(self, request: Request) -> str:
        return self._declared.deny(request)

    def expect(self, request: Request, books: Books) -> Expectation:
        return self._declared.expect(request, books)

    def assess(self, request: Request, receipt: Receipt, books: Books) -> Assessment:
        return self._declared.assess(request, receipt, books)

    def lane(self, trade: SpotTrade) -> Lane | None:
        return self._declared.lane(trade)

    def submit(self, request: Request) -> Receipt:
        self.sent.append(request)
        return next(self._submits, honest)(request, self.exchange.submit)

    def query(self, request: Request) -> Receipt:
        self.asked.append(request)
        return next(self._queries, honest)(request, self.exchange.query)

    def recall(self, request: Request) -> Receipt:
        return next(self._recalls, honest)(request, self.exchange.recall)

    def read(self) -> Reading:
        return self.view(self.exchange.read())

    def start_up_failures(self) -> tuple[str, ...]:
        return self._failures

    @property
    def numbers(self) -> list[int]:
        """The intent numbers of what was sent."""
        return [request.number for request in self.sent]


# A stage: a market with venues on it.


@frozen(kw_only=True)
class Stage:
    """What a run takes place on."""

    bars: Bars
    venues: Sequence[Venue]
    feeds: Sequence[PositionFeed] = ()
    opening: Mapping[str, int]
    bases: Mapping[str, int] = field(factory=dict[str, int])
    scales: Scales = SCALES


def instruments(fees: Fees | None = None) -> Mapping[tuple[str, str], Instrument]:
    """A spot pair and a perpetual, a tenth of a percent each."""
    common: dict[str, Any] = {
        "quote": "USDT", "fees": fees or Fees(rate=FEE), "quantity_decimals": 8,
        "price_decimals": CENTS, "exponent": 4, "lot": 1000,
    }  # fmt: skip
    listed = (
        Instrument(account=SPOT, symbol=PAIR, base="BTC", **common),
        Instrument(account=DERIVATIVES, symbol=CONTRACT, base=CONTRACT, perpetual=True, **common),
    )
    return {(i.account, i.symbol): i for i in listed}


RULES = VenueRules(
    name="desk",
    accounts=frozenset({SPOT, DERIVATIVES}),
    operations=frozenset(
        {
            Operation.SPOT_TRADE,
            Operation.PERP_TRADE,
            Operation.SET_LEVERAGE,
            Operation.INTERNAL_TRANSFER,
        }
    ),
    instruments=instruments(),
)


def exchange(
    market: Bars,
    *,
    rules: VenueRules = RULES,
    model: ExchangeModel | None = None,
    opening: Mapping[str, int] = OPENING,
    bases: Mapping[str, int] | None = None,
    funding: Mapping[str, FundingSeries] | None = None,
) -> SimulatedExchange:
    """An exchange with a spot and a derivatives account."""
    return SimulatedExchange(
        rules=rules,
        scales=SCALES,
        market=market,
        network=Network([]),
        model=model or ExchangeModel(),
        opening=opening,
        bases=bases or {},
        funding=funding or {},
    )


def scripted(
    script: Script | None = None,
    *,
    bars: Bars | None = None,
    law: Fees | None = None,
    rules: VenueRules = RULES,
    opening: Mapping[str, int] = OPENING,
    model: ExchangeModel | None = None,
    bases: Mapping[str, int] | None = None,
    funding: Mapping[str, FundingSeries] | None = None,
) -> tuple[Stage, Scripted]:
    """A stage with one scripted venue; it may have another law than its rules say."""
    market = bars or Bars()
    real = evolve(rules, instruments=instruments(law)) if law else rules
    behind = exchange(
        market, rules=real, opening=opening, model=model, bases=bases, funding=funding
    )
    declared = exchange(market, rules=rules, opening=opening, bases=bases)
    venue = Scripted(behind, declared, script or Script())
    market.simulations.append(behind)
    stage = Stage(bars=market, venues=[venue], opening=opening, bases=bases or {})
    return stage, venue


# Strategies.

Decide = Callable[[MarketView, Positions, PlanReport], Plan]


class Deciding:
    """A strategy made of a function."""

    def __init__(self, decide: Decide) -> None:
        self._decide = decide

    def decide(self, market: MarketView, positions: Positions, last: PlanReport) -> Plan:
        return self._decide(market, positions, last)


class Plans:
    """A strategy with one plan for each tick, and nothing after the last one.

    Attributes:
        reports: what it was told of its last plan, tick by tick.
    """

    def __init__(self, *plans: Plan) -> None:
        self._plans = iter(plans)
        self.reports: list[PlanReport] = []

    def decide(self, market: MarketView, positions: Positions, last: PlanReport) -> Plan:  # noqa: ARG002 - one protocol
        self.reports.append(last)
        return next(self._plans, ())


def buy(quantity: Amount | str = "1", *, name: str = "", limit: str | None = None) -> SpotTrade:
    return _spot(Side.BUY, quantity, name, limit)


def sell(quantity: Amount | str = "1", *, name: str = "", limit: str | None = None) -> SpotTrade:
    return _spot(Side.SELL, quantity, name, limit)


def _spot(side: Side, quantity: Amount | str, name: str, limit: str | None) -> SpotTrade:
    return SpotTrade(
        account=SPOT,
        symbol=PAIR,
        side=side,
        quantity=Decimal(quantity) if isinstance(quantity, str) else quantity,
        limit=None if limit is None else Decimal(limit),
        name=name,
    )


def go(quantity: str, *, name: str = "", reduce_only: bool = False) -> PerpTrade:
    """A perpetual bought, or sold where the quantity is negative."""
    change = Decimal(quantity)
    return PerpTrade(
        account=DERIVATIVES,
        symbol=CONTRACT,
        side=Side.BUY if change > 0 else Side.SELL,
        quantity=abs(change),
        reduce_only=reduce_only,
        name=name,
    )


def move(amount: str = "1", *, name: str = "") -> InternalTransfer:
    """USDT from spot to derivatives."""
    return InternalTransfer(
        account=SPOT, to=DERIVATIVES, asset="USDT", amount=Decimal(amount), name=name
    )


# Runs.


@frozen(kw_only=True)
class Played:
    """A run that is over, and its log."""

    stage: Stage
    loop: FullLoop
    machine: Executor
    folder: Path

    @property
    def log(self) -> Log:
        return Log(self.folder)

    @property
    def state(self) -> str:
        return self.machine.state

    @property
    def reason(self) -> str:
        return self.loop.reason

    @property
    def totals(self) -> dict[str, int]:
        return self.loop.monitor.totals

    @property
    def waits_s(self) -> list[float]:
        """How long it waited, each time."""
        return self.stage.bars.waits_s

    @property
    def fates(self) -> list[str]:
        return [entry.fate.value for entry in self.loop.report.entries]

    @cached_property
    def records(self) -> pl.DataFrame:
        return self.log.records().collect()

    @property
    def events(self) -> list[str]:
        """Every event of the run, those of the full loop included."""
        return list(self.records["event"])

    @property
    def story(self) -> str:
        """The events inside tight loops and chains, without those of the full loop."""
        rows = self.records.filter(pl.col("machine") != FULL_LOOP.name)
        return " ".join(rows["event"])

    def rows(self, stream: str) -> list[dict[str, Any]]:
        return self.log.stream(stream).collect().to_dicts()

    def notes(self, kind: str) -> list[str]:
        return [row["payload"] for row in self.rows("notes") if row["kind"] == kind]


def play(
    folder: Path,
    stage: Stage,
    strategy: Strategy,
    *,
    policy: LoopPolicy | None = None,
    tolerance: Tolerance = EXACT,
    subscribed: Iterable[str] | None = None,
    executor: str = "compiled",
    before: Callable[[FullLoop], None] = lambda _loop: None,
) -> Played:
    """Run a strategy to its end, on the parts that a backtest is made of."""
    compiled = compile_table(FULL_LOOP)
    header = {"run": "r", "epoch": 1, "nesting": nesting(FULL_LOOP, compiled)}
    log = Writer(folder, header)
    machine: Executor = CompiledExecutor(compiled, log)
    if executor == "transitions":
        machine = TransitionsExecutor(compiled, log, FULL_LOOP)
    log.follow(machine.paths)
    names = [venue.rules.name for venue in stage.venues]
    monitor = PositionMonitor([*stage.venues, *stage.feeds], stage.opening, stage.bases, tolerance)
    loop = FullLoop(
        machine=machine,
        clock=stage.bars,
        market=stage.bars,
        strategy=strategy,
        desk=Desk(stage.venues, names if subscribed is None else list(subscribed), monitor),
        records=Records(log, machine),
        scales=stage.scales,
        policy=policy or LoopPolicy(),
    )
    before(loop)
    try:
        loop.run()
    finally:
        machine.cut()
        loop.conclude(machine.state.rpartition(".")[2])
        log.close({"state": machine.state})
    return Played(stage=stage, loop=loop, machine=machine, folder=folder)
