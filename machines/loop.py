"""The full loop: ticks, decisions, and the plan that is run one entry at a time.

`FullLoop.run` is the whole engine: it asks the activity of the current state what
happened, and lets the table say what follows.
"""

from collections.abc import Callable, Mapping
from typing import Final

from attrs import field, frozen
from mypy_extensions import mypyc_attr

from verifill.engine.clock import Clock
from verifill.engine.errors import StrategyError
from verifill.engine.executor import Executor
from verifill.machines.continuity import Continuity
from verifill.machines.desk import Desk
from verifill.machines.execution import ExecutionManager
from verifill.machines.express import ALL_VERIFIED, Express
from verifill.machines.full_loop import Full, FullEvent
from verifill.machines.policies import Policies
from verifill.machines.records import Records
from verifill.machines.strategy import (
    Entry,
    Fate,
    Plan,
    PlanReport,
    Positions,
    Strategy,
    checked,
)
from verifill.machines.tight_loop import Tight
from verifill.machines.transaction import AtomicTransaction
from verifill.venues.chains import Chain
from verifill.venues.instructions import Instruction, SpotTrade
from verifill.venues.keys import Scales
from verifill.venues.market import MarketView

# bound once: Python 3.11 looks enum members up slowly
TICK: Final = FullEvent.TICK
INSTRUCT: Final = FullEvent.INSTRUCT
COMPLETE: Final = FullEvent.COMPLETE
REST: Final = FullEvent.REST
DONE: Final = Fate.DONE
PLAN: Final = "PLAN"
SPOT: Final = SpotTrade


@frozen(kw_only=True)
class LoopPolicy:
    """How the loops behave in a mode.

    Attributes:
        fail_fast: the first failure ends the run; a backtest does.
        remainders: how many children an instruction filled in part may have.
        tight_loop: how often the tight loop tries.
    """

    fail_fast: bool = True
    remainders: int = 10
    tight_loop: Policies = field(factory=Policies)


@mypyc_attr(allow_interpreted_subclasses=True)
class FullLoop:
    """The engine: one machine, and an activity for each state of it.

    Args:
        machine: the running machine, compiled from the table FULL_LOOP.
        clock: ticks and waits.
        market: what the strategy sees.
        strategy: what decides.
        desk: makes legs, knows venues and books.
        records: what is written beside the transitions.
        scales: decimals of the assets.
        policy: how it behaves in its mode.

    Attributes:
        monitor: the books.
        report: what became of the last plan.
        role: of the instructions of a plan.
        deciding: whether the strategy is being asked, and has not come back.
        reason: why the run ended early; empty if it did not.
        error: the strategy's own error, if that is why.
    """

    def __init__(
        self,
        *,
        machine: Executor,
        clock: Clock,
        market: MarketView,
        strategy: Strategy,
        desk: Desk,
        records: Records,
        scales: Scales,
        policy: LoopPolicy,
    ) -> None:
        self._machine = machine
        self._clock = clock
        self._next_tick = clock.next_tick  # bound once: every tick calls it
        self._market = market
        self._strategy = self._decider = strategy  # one may decide in the other's place
        self._desk = desk
        self.monitor = desk.monitor
        self._records = records
        self._policy = policy
        self._continuity = Continuity(desk.monitor, records)
        self._positions = Positions(desk.monitor.totals, scales)
        self.manager = ExecutionManager(
            machine=machine,
            clock=clock,
            records=records,
            policies=policy.tight_loop,
            missed_ticks=self.missed_ticks,
            watch=self._continuity.watch,
        )
        self.transaction = AtomicTransaction(
            machine=machine,
            manager=self.manager,
            desk=desk,
            scales=scales,
            remainders=policy.remainders,
            continuity=self._continuity,
        )
        self.express = Express(machine=machine, manager=self.manager, desk=desk, records=records)
        self._plan: Plan = ()
        self._entries: list[Entry] = []
        self._children = 0
        self._asked = False  # to stop
        self.report = PlanReport()
        self.role = PLAN
        self.deciding = False
        self.reason = ""
        self.error: StrategyError | None = None

    def activities(self) -> Mapping[str, Callable[[], str]]:
        """Leaf state -> its activity; a leaf without one is where the engine rests."""
        own: dict[str, Callable[[], str]] = {
            Full.START: self.start,
            Full.RECOVER: self.recover,
            Full.IDLE: self.idle,
            Full.DECIDE: self.decide,
            Full.COMPLETE: self.complete,
            Full.FAILED: self.failed,
            Full.HALTED: self.halted,
            f"{Full.INSTRUCTION}.{Tight.DONE}": self.instruction_done,
            f"{Full.INSTRUCTION}.{Tight.FAILED_CLEAN}": self.instruction_failed,
            f"{Full.INSTRUCTION}.{Tight.FAILED_PART}": self.instruction_in_part,
            f"{Full.INSTRUCTION}.{Tight.FAILED_MISMATCH}": self.instruction_mismatched,
            f"{Full.ATOMIC}.COMMITTED": self.chain_committed,
            f"{Full.ATOMIC}.ROLLED_BACK": self.chain_rolled_back,
        }
        chain = {f"{Full.ATOMIC}.{s}": a for s, a in self.transaction.activities.items()}
        holders = (Full.INSTRUCTION, "ATOMIC.REHEARSE", "ATOMIC.COMMIT", "ATOMIC.STEP",
                   "ATOMIC.COMPENSATE")  # fmt: skip
        tight = {
            f"{holder}.{leaf}": activity
            for holder in holders
            for leaf, activity in self.manager.activities.items()
        }
        return {**tight, **chain, **own}

    def run(self) -> None:
        """Run until the engine rests: stopped, or waiting for a person."""
        self._machine.drive(self.activities())

    def stop(self) -> None:
        """Ask the engine to finish once it is idle; the tick under way is completed."""
        self._asked = True

    @property
    def _stopping(self) -> bool:
        """Whether it was asked to stop; whoever extends the loop may find out otherwise."""
        return self._asked

    def conclude(self, fate: str) -> None:
        """Say what became of a plan that waits for a person: it is HELD, or STRANDED."""
        if fate in (Fate.HELD, Fate.STRANDED):
            in_chain = self._machine.context.chain > 0
            reason = (in_chain and self.transaction.reason) or self.manager.leg.reason
            self._ended(Fate(fate), reason)
            self._expire(reason)

    # START, RECOVER

    def start(self) -> FullEvent:
        """A backtest has nothing to recover, and says so by way of the same states."""
        self._machine.context.time_ns = self._clock.now_ns
        return FullEvent.RECOVER

    def recover(self) -> str:
        """Start-up tests, then the opening balance on every account: fail closed (R18)."""
        failures = [f for venue in self._desk.venues for f in venue.start_up_failures()]
        opening = self._continuity.open()
        if opening:
            failures.append(opening)
        if failures:
            self._because("; ".join(failures))
            return FullEvent.BLOCKED
        return FullEvent.RECOVERED

    # IDLE

    def idle(self) -> str:
        """Wait for the next tick, or finish when there is none."""
        machine = self._machine
        machine.cut()
        context = machine.context
        context.chain = context.instruction = context.attempt = 0
        if self._stopping or not self._next_tick():
            return FullEvent.FINISH
        context.tick += 1
        context.time_ns = self._clock.now_ns
        return TICK

    def missed_ticks(self, count: int) -> None:
        """Ticks that fell due while an instruction was open: ignored by the table, logged."""
        for _ in range(count):
            self._machine.fire(FullEvent.TICK)

    # DECIDE

    def decide(self) -> str:
        """Look at the positions, ask the strategy, take up the first entry of its plan."""
        risk = self._continuity.look()
        if risk:
            return self._fail(risk)
        self._entries = []
        self._children = 0
        self.deciding = True
        try:
            plan = self._decider.decide(self._market, self._positions, self.report)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a strategy may raise anything
            self.deciding = False  # what follows is the engine's own
            return self._blame(error)
        finally:
            self.deciding = False
        kind = type(plan)  # by name, or a type checker forgets what is in it
        if kind is list and len(plan) == 1 and type(first := plan[0]) is SPOT:
            event = self._take_one(plan, first)
            if event is not INSTRUCT:
                return event
        self._desk.outputs.clear()
        try:
            self._plan = checked(plan)
        except StrategyError as error:
            return self._blame(error)
        if self._plan:
            self._records.plan(self._plan)
        return self._next()

    def _take_one(self, plan: Plan, trade: SpotTrade) -> str:
        """The only trade of a plan, which most ticks of a long run have, and the tick's end."""
        self._plan = plan
        event = self.express.take(trade, ALL_VERIFIED)
        if event is None:
            entry = Entry(trade, DONE)
            self._entries.append(entry)
            self.report = PlanReport((entry,))
            return REST
        return event

    def _blame(self, error: BaseException) -> FullEvent:
        self._plan = ()
        self.error = blamed(error)
        return self._fail(str(self.error))

    # The plan, entry by entry.

    def _next(self) -> str:
        """Take up the next entry of the plan, or complete the tick."""
        entries = self._entries
        for entry in self._plan[len(entries) :]:
            self._children = 0
            event = self.express.take(entry) if type(entry) is SpotTrade else INSTRUCT
            if event is INSTRUCT:
                return self._begin(entry)
            if event is not None:
                return event
            entries.append(Entry(entry, DONE))
        self.report = PlanReport(tuple(entries))
        return COMPLETE

    def _begin(self, entry: Instruction | Chain) -> str:
        """Take up an entry, for the activities to run."""
        if type(entry) is Chain:
            self.transaction.take_up(entry)
            return FullEvent.BEGIN
        if type(entry) is SpotTrade:
            self.express.learn(entry)
        context = self._machine.context
        if context.chain:
            self._machine.cut()
            context.chain = context.instruction = 0
        self.manager.begin(self._desk.leg(entry, self.role))
        return INSTRUCT

    def instruction_done(self) -> str:
        """The instruction is verified: on to the next entry."""
        self._desk.put_out(self.manager.leg)
        self._ended(DONE)
        return self._go_on()

    def _go_on(self) -> str:
        """The next entry, unless something happened beside the one that is done."""
        return self._fail(self._continuity.risk) if self._continuity.risk else self._next()

    def instruction_in_part(self) -> str:
        """Verified and final, but not all of it: a child instruction for the remainder."""
        leg = self.manager.leg
        self._desk.put_out(leg)
        if self._children < self._policy.remainders and not self._continuity.risk:
            self._children += 1
            self.manager.begin(self._desk.remainder(leg))
            return FullEvent.INSTRUCT
        self._ended(Fate.IN_PART, leg.reason)
        in_part = f"instruction {leg.number} took effect in part: {leg.reason}"
        return self._fail(self._continuity.risk or in_part)

    def instruction_failed(self) -> FullEvent:
        """Nothing happened; of a remainder: nothing more."""
        leg = self.manager.leg
        self._ended(Fate.IN_PART if self._children else Fate.FAILED_CLEAN, leg.reason)
        return self._fail(f"instruction {leg.number} was not executed: {leg.reason}")

    def instruction_mismatched(self) -> FullEvent:
        """The position is not what it should be: stop, and keep everything."""
        leg = self.manager.leg
        self._ended(Fate.MISMATCHED, leg.reason)
        self._expire(f"instruction {leg.number} is a mismatch: {leg.reason}")
        return FullEvent.HOLD

    def chain_committed(self) -> str:
        """All of the chain took effect."""
        self._ended(DONE)
        return self._go_on()

    def chain_rolled_back(self) -> FullEvent:
        """Nothing of the chain is left."""
        self._ended(Fate.ROLLED_BACK, self.transaction.reason)
        return self._fail(f"chain rolled back: {self.transaction.reason}")

    def _ended(self, fate: Fate, reason: str = "") -> None:
        self._entries.append(Entry(self._plan[len(self._entries)], fate, reason))

    def _fail(self, reason: str) -> FullEvent:
        self._expire(reason)
        return FullEvent.FAIL

    def _expire(self, reason: str) -> None:
        """Entries that were never sent are EXPIRED, by name; never forgotten."""
        never = self._plan[len(self._entries) :]
        self._entries += [Entry(entry, Fate.EXPIRED, reason) for entry in never]
        self.report = PlanReport(tuple(self._entries))
        self._because(reason)

    def _because(self, reason: str) -> None:
        self.reason = reason
        self._records.note(self._machine.context.instruction, "FAILURE", {"reason": reason})

    # COMPLETE, FAILED, HALTED

    def complete(self) -> FullEvent:
        """The tick is over."""
        return REST

    def failed(self) -> FullEvent:
        """Fail fast, or let the strategy see what became of its plan."""
        if self._policy.fail_fast or self._continuity.risk:
            return FullEvent.STOP
        self.reason = ""
        return FullEvent.REST

    def halted(self) -> FullEvent:
        """Nobody can resume a backtest: finish."""
        return FullEvent.FINISH


def blamed(error: BaseException) -> StrategyError:
    """What a strategy has raised, as an error that names it and says what to do."""
    if isinstance(error, StrategyError):
        return error
    made = StrategyError(
        f"the strategy raised {type(error).__name__}: {error}{_where(error)}; "
        "nothing of this tick was sent. Correct the strategy and run again"
    )
    made.__cause__ = error
    return made


def _where(error: BaseException) -> str:
    """File and line of the strategy that raised, or how it is called if it never ran."""
    trace = error.__traceback__
    if isinstance(error, TypeError) and trace and not trace.tb_next:
        return " (it is called as decide(market, positions, last))"
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f" ({trace.tb_frame.f_code.co_filename}, line {trace.tb_lineno})" if trace else ""
