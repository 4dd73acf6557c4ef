"""A backtest, put together from its parts and run to its end."""

import gc
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import nullcontext
from itertools import count
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from attrs import Factory, field, frozen

from verifill.ending import Ending
from verifill.engine.clock import Clock
from verifill.engine.collector import paused
from verifill.engine.compile import compile_table
from verifill.engine.digest import canonical_json, sha256_hex
from verifill.engine.errors import StrategyError
from verifill.engine.executor import CompiledExecutor, Executor, TransitionsExecutor
from verifill.engine.log.writer import Claim, Writer
from verifill.header import Running
from verifill.interrupts import Interrupts
from verifill.links import Link
from verifill.machines.atomic import Atomic
from verifill.machines.desk import Desk
from verifill.machines.full_loop import FULL_LOOP, Full
from verifill.machines.loop import FullLoop, LoopPolicy
from verifill.machines.monitor import PositionMonitor
from verifill.machines.nesting import nesting
from verifill.machines.records import Records
from verifill.machines.strategy import PlanReport, Strategy
from verifill.machines.tight_loop import Tight
from verifill.machines.tolerance import EXACT, Tolerance
from verifill.modes import BACKTEST
from verifill.venues.interfaces import Indexed, PositionFeed, Venue
from verifill.venues.keys import Scales
from verifill.venues.market import MarketView

ExecutorName = Literal["compiled", "transitions"]
EXECUTORS: Sequence[ExecutorName] = ("compiled", "transitions")
YOUNG: Final = 1  # generations of the collector: what was made since it looked last
OLD: Final = 2  # and all that is there
OLD_CHUNKS: Final = 16


class RunTime(Clock, MarketView, Protocol):
    """Clock and market of a run, and what its log says of them."""

    @property
    def digest(self) -> str:
        """Digest of the market data."""
        ...

    @property
    def price_decimals(self) -> Mapping[str, int]:
        """Instrument -> decimals of its ticks."""
        ...


@frozen(kw_only=True)
class Parts:
    """What a backtest is made of.

    Attributes:
        timeline: clock and market.
        strategy: what decides.
        venues: where instructions go.
        feeds: further position updates, such as what is in transit.
        subscribed: names of the venues that the strategy may use.
        scales: decimals of the assets.
        bases: perpetual's key -> entry value of an opening position.
        policy: how the loops behave.
        tolerance: differences that are accepted; none by default.
        links: what assets are worth, beside what the venues' instruments say; for reports.
        quote: the asset that reports count in; by default that of the first instrument.
    """

    timeline: RunTime
    strategy: Strategy
    venues: Sequence[Venue]
    feeds: Sequence[PositionFeed] = ()
    subscribed: Collection[str]
    scales: Scales
    opening: Mapping[str, int]
    bases: Mapping[str, int] = Factory(dict[str, int])
    policy: LoopPolicy = field(factory=LoopPolicy)
    tolerance: Tolerance = EXACT
    links: Sequence[Link] = ()
    quote: str = ""


@frozen(kw_only=True)
class Outcome:
    """What came of a run.

    Attributes:
        ending: how it ended.
        reason: why it ended early; empty if it did not.
        state: leaf state that the machine rests in.
        ticks: how many there were.
        report: what became of the last plan.
        closing: position key -> units, verified.
        bases: perpetual's key -> entry value.
        error: the strategy's own error, if that is why.
        signal: number of the signal that interrupted it, 0 if none did.
    """

    ending: Ending
    reason: str
    state: str
    ticks: int
    report: PlanReport
    closing: Mapping[str, int]
    bases: Mapping[str, int]
    error: StrategyError | None
    signal: int = 0


def run(
    parts: Parts,
    folder: Path,
    *,
    executor: ExecutorName = "compiled",
    overwrite: bool = False,
    config: Mapping[str, Any] | None = None,
    more: Mapping[str, Any] | None = None,
    progress: Callable[[int], None] | None = None,
    claim: Claim | None = None,
) -> Outcome:
    """Run a backtest and write its log.

    Args:
        parts: what it is made of.
        folder: where the log goes.
        executor: `compiled`, or `transitions` to run the library's own machine.
        overwrite: replace a log that is there.
        config: what the run was configured with, for the header of the log.
        more: what else the header of the log says.
        progress: called now and then with the number of ticks so far.
        claim: the caller's own claim of the folder; without one, it is claimed for the run.

    Raises:
        LogExists: there is a log already, and `overwrite` is not set; or a run writes there.
        LogError: the log cannot be written.
    """
    compiled = compile_table(FULL_LOOP)
    header = _header(parts, config or {})
    header |= {"table": FULL_LOOP.content, "nesting": nesting(FULL_LOOP, compiled)}
    header |= more or {}
    held = nullcontext(claim) if claim else Claim(folder, overwrite=overwrite)
    with held, Interrupts() as interrupts:
        log = Writer(folder, header, overwrite=overwrite)
        machine: Executor
        if executor == "compiled":
            machine = CompiledExecutor(compiled, log)
        else:
            machine = TransitionsExecutor(compiled, log, FULL_LOOP)
        log.follow(machine.paths)
        loop = _assemble(parts, machine, log)
        log.on_chunk = _between_chunks(machine, progress)
        interrupts.watch(loop)
        try:
            with paused():
                loop.run()
        except Exception as error:
            loop.reason = loop.reason or f"{type(error).__name__}: {error}"
            raise
        finally:
            machine.cut()
            outcome = _outcome(loop, machine, interrupts)
            log.close(
                {"ending": outcome.ending, "reason": outcome.reason} | _closing(outcome, parts)
            )
    return outcome


def _assemble(parts: Parts, machine: Executor, log: Writer) -> FullLoop:
    feeds = [*parts.venues, *parts.feeds]
    monitor = PositionMonitor(feeds, parts.opening, parts.bases, parts.tolerance)
    return FullLoop(
        machine=machine,
        clock=parts.timeline,
        market=parts.timeline,
        strategy=parts.strategy,
        desk=Desk(parts.venues, parts.subscribed, monitor),
        records=Records(log, machine),
        scales=parts.scales,
        policy=parts.policy,
    )


def _header(parts: Parts, config: Mapping[str, Any]) -> dict[str, Any]:
    """What ran; the run's name is a digest of it, so that equal runs have equal logs."""
    what = Running(
        mode=BACKTEST,
        config=config,
        data_digest=parts.timeline.digest,
        scales=parts.scales,
        price_decimals=parts.timeline.price_decimals,
        rules=(venue.rules for venue in parts.venues),
        bases=parts.bases,
        links=parts.links,
        quote=parts.quote,
    ).header()
    run = sha256_hex(canonical_json(what | {"opening": dict(parts.opening)}))[:12]
    return what | {"run": run}


def _between_chunks(
    machine: Executor, progress: Callable[[int], None] | None
) -> Callable[[], None]:
    chunks = count(1)

    def between() -> None:
        # What a strategy leaves in cycles; the engine itself makes none. What it keeps for longer
        # than a chunk is looked for now and then only: that look goes through all that is there.
        gc.collect(OLD if next(chunks) % OLD_CHUNKS == 0 else YOUNG)
        if progress:
            progress(machine.context.tick)

    return between


def _outcome(loop: FullLoop, machine: Executor, interrupts: Interrupts) -> Outcome:
    state = machine.state
    ending = Ending.FAILED
    if state.endswith(Tight.HELD):
        ending = Ending.HELD
    elif state.endswith(Atomic.STRANDED):
        ending = Ending.STRANDED
    elif interrupts.count and not loop.reason:
        ending = Ending.INTERRUPTED
    elif state == Full.STOPPED and not loop.reason:
        ending = Ending.COMPLETED
    loop.conclude(ending)
    totals = loop.monitor.totals
    return Outcome(
        ending=ending,
        reason=loop.reason,
        state=state,
        ticks=machine.context.tick,
        report=loop.report,
        closing=dict(totals),
        bases={key: basis for key, basis in loop.monitor.bases.items() if totals.get(key)},
        error=loop.error,
        signal=interrupts.first,
    )


def _closing(outcome: Outcome, parts: Parts) -> dict[str, Any]:
    """What another run may start from, for the last line of the log."""
    return {
        "state": outcome.state,
        "ticks": outcome.ticks,
        "closing": {key: str(units) for key, units in outcome.closing.items()},
        "bases": {key: str(units) for key, units in outcome.bases.items()},
        "indices": {
            name: str(ray)
            for venue in parts.venues
            if isinstance(venue, Indexed)
            for name, ray in venue.indices().items()
        },
    }
