"""The full loop of a live engine: the same machine, with a past, an operator and a wall clock.

Beside what the full loop does, it recovers before it does anything else, waits in place where
a person must look (HELD, STRANDED, HALTED), skips ticks without fresh market data, and
remembers in its log what it cannot ask the venues for.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, cast, runtime_checkable

from verifill.engine.clock import SLICE_NS, WallClock
from verifill.engine.command import Command
from verifill.engine.commands import CommandName
from verifill.engine.errors import NotObserved
from verifill.engine.log.live import LiveLog
from verifill.machines.full_loop import Full, FullEvent
from verifill.machines.live_records import LiveRecords
from verifill.machines.loop import FullLoop
from verifill.machines.memory import BooksMemory, LegMemory, Memory
from verifill.machines.operator import Handler, Operators, ParkedError, Reply, refusal
from verifill.machines.recovering import Bases, Recovering
from verifill.machines.recovery import Found
from verifill.machines.strategy import Entry, Fate, Plan, PlanReport
from verifill.machines.tight_loop import Tight, TightEvent
from verifill.venues.orders import Outcome, Receipt

HOLDERS = (Full.INSTRUCTION, "ATOMIC.COMMIT", "ATOMIC.STEP", "ATOMIC.COMPENSATE")
STRANDED = "ATOMIC.STRANDED"


@runtime_checkable
class Stateful(Protocol):
    """A strategy that has a state of its own, as a small plain value that JSON can hold."""

    def state(self) -> Mapping[str, Any]:
        """What it wants to know again after a restart."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take it back."""
        ...


class LiveLoop(FullLoop):
    """A live engine. Made like a `FullLoop`, then told of its surroundings by `live`.

    Attributes:
        parked: why it stopped where it was; empty if it did not.
    """

    parked = ""

    def live(
        self,
        *,
        log: LiveLog,
        clock: WallClock,
        operators: Operators,
        found: Found,
        bases: Bases,
        cursors: Callable[[], dict[str, int]],
        refresh: Callable[[], str],
    ) -> None:
        """Connect it.

        Args:
            log: the durable log.
            clock: the wall clock; it listens to operators and to `stop` between slices.
            operators: who may say what.
            found: what an earlier process life left behind.
            bases: entry values where no life has known them yet.
            cursors: feed -> the ledger row that its next reading begins with.
            refresh: fetches market data; why it is not fresh, or empty.
        """
        self._log = log
        self._operators = operators
        self._cursors = cursors
        self._refresh = refresh
        self._wall = clock
        self._lapsed: tuple[Entry, ...] = ()
        self._listening = False  # whether a state waits for an operator, and hears by itself
        self._recovering = Recovering(
            machine=self._machine,
            manager=self.manager,
            transaction=self.transaction,
            desk=self._desk,
            continuity=self._continuity,
            records=self._records,
            found=found,
            bases=bases,
            restore=self._restore_strategy,
        )
        self.express.open = False
        clock.between = self._between
        self._killed = ""
        operators.always.update(
            {
                CommandName.STATUS: self._status,
                CommandName.ABORT: self._abort,
                CommandName.KILL: self._kill,
            }
        )
        cast("LiveRecords", self._records).memory = self.memory

    def activities(self) -> Mapping[str, Callable[[], str]]:
        """Those of the full loop, and where a person must look: wait for one."""
        held = {f"{holder}.{Tight.HELD}": self.held for holder in HOLDERS}
        return {**super().activities(), **held, STRANDED: self.stranded}

    def run(self) -> None:
        """Run until it is stopped, or parked."""
        try:
            super().run()
        except ParkedError as error:
            self.parked = str(error)

    def _between(self) -> bool:
        """Between slices of a wait: hear operators; a stop parks what is under way."""
        if not self._listening:
            self._operators.hear({})
        if self._stopping and self._machine.state != Full.IDLE:
            msg = f"stopped in {self._machine.state}; the next start goes on from the log"
            raise ParkedError(msg)
        return self._stopping

    # START, RECOVER, IDLE, COMPLETE

    def recover(self) -> str:
        """Resolve what was in flight, before anything else; see `Recovering`."""
        context = self._machine.context
        context.time_ns = self._clock.now_ns
        problem = self._refresh()
        if problem:
            self._because(problem)
            return FullEvent.BLOCKED
        event = self._recovering.event(self)
        if event == FullEvent.BLOCKED:
            self._because(self._recovering.reason)
        return event

    def take_up_again(self, plan: Plan, done: Sequence[tuple[str, str]], children: int) -> None:
        """Go on with the entry after those that are done; what follows it has expired."""
        at = len(done)
        self._entries = _ended(plan, done)
        self._plan, self._children = plan[: at + 1], children
        self._lapsed = self._expired(plan[at + 1 :])

    def take_leave(self, plan: Plan, done: Sequence[tuple[str, str]]) -> None:
        """Go on with nothing of a plan; what is not done has expired."""
        self._plan = plan
        self._entries = [*_ended(plan, done), *self._expired(plan[len(done) :])]
        self.report = PlanReport(tuple(self._entries))

    def _expired(self, never: Plan) -> tuple[Entry, ...]:
        """Entries that were never sent, by name; never forgotten."""
        why = "the process ended before it was sent"
        for entry in never:
            self._records.note(0, "EXPIRED", {"name": entry.name, "reason": why})
        return tuple(Entry(entry, Fate.EXPIRED, why) for entry in never)

    def idle(self) -> str:
        """Wait for the next tick; skip it where the market data is not fresh."""
        self._log.anchor()
        event = super().idle()
        if self._killed:
            self._because(self._killed)
            return FullEvent.HALT
        if event != FullEvent.TICK:
            return event
        if self._wall.late:
            self._records.note(0, "COALESCED", {"ticks": self._wall.late})
        problem = self._refresh()
        if problem:
            self._records.note(0, "SKIPPED", {"reason": problem})
            return FullEvent.SKIP
        return event

    def complete(self) -> FullEvent:
        """The tick is over, and remembered."""
        self._report_lapsed()
        self._records.remember()
        return super().complete()

    def failed(self) -> FullEvent:
        """Let the strategy see what became of its plan."""
        self._report_lapsed()
        self._records.remember()
        return super().failed()

    def instruction_mismatched(self) -> FullEvent:
        """The position is not what it should be: remembered, and a person must look."""
        event = super().instruction_mismatched()
        self._report_lapsed()
        self._records.remember()
        return event

    def _report_lapsed(self) -> None:
        if self._lapsed:
            self._plan = [*self._plan, *(entry.wanted for entry in self._lapsed)]
            self._entries += self._lapsed
            self._lapsed = ()
            self.report = PlanReport(tuple(self._entries))

    # Where a person must look.

    def held(self) -> str:
        """Nobody can say what became of an order: a person must."""
        return self._wait_for(
            {
                CommandName.ASK: self._ask,
                CommandName.ADOPT: self._adopt,
                CommandName.VOID: self._void,
            }
        )

    def stranded(self) -> str:
        """A chain that cannot be completed or taken back by itself."""
        return self._wait_for(
            {CommandName.COMPENSATE: self._compensate, CommandName.SETTLE: self._settle}
        )

    def halted(self) -> FullEvent:
        """Nothing is sent until an operator resumes."""
        event = self._wait_for(
            {CommandName.RESUME: self._resume, CommandName.ADOPT_EXTERNAL: self._adopt_external}
        )
        return FullEvent(event)

    def _wait_for(self, here: Mapping[str, Handler]) -> str:
        self._log.anchor()
        self._listening = True
        try:
            while not (event := self._operators.hear(here)):
                if self._stopping and self._machine.state == Full.HALTED:
                    return FullEvent.FINISH
                self._clock.wait(SLICE_NS)
        finally:
            self._listening = False
        self._machine.context.time_ns = self._clock.now_ns
        return event

    def _ask(self, _command: Command) -> Reply:
        return Reply("the venue is asked again", TightEvent.ASK)

    def _adopt(self, command: Command) -> Reply:
        """Take the order as the venue tells it now: nobody's word makes up a fill."""
        leg = self.manager.leg
        if wrong := self._of_another(command):
            return wrong
        receipt = self.manager.ask(leg)
        if receipt.outcome not in (Outcome.EXECUTED, Outcome.EXECUTED_PARTIAL):
            said = f"the venue says {receipt.outcome} ({receipt.reason})"
            return refusal(f"{said}, and only what it tells can be adopted; void it, or ask again")
        leg.receipt = receipt
        return Reply("adopted as the venue tells it; verified next", TightEvent.ADOPTED)

    def _void(self, command: Command) -> Reply:
        if wrong := self._of_another(command):
            return wrong
        reason = f"void, says {command.actor}: {command.reason}"
        self.manager.leg.receipt = Receipt(Outcome.ABSENT, reason=reason)
        return Reply("void; that nothing moved is verified next", TightEvent.VOIDED)

    def _of_another(self, command: Command) -> Reply | None:
        """The refusal of a word about an instruction that is not the one that is HELD."""
        said, held = command.arguments.get("instruction"), str(self.manager.leg.number)
        return None if said == held else refusal(f"instruction {held} is HELD, not {said}")

    def _compensate(self, _command: Command) -> Reply:
        event = self.transaction.resume("COMPENSATE.DONE")
        if event == FullEvent.STRAND:
            return refusal(self.transaction.reason)
        if event != FullEvent.COMPENSATE:
            return refusal("nothing of the chain is left that can be taken back")
        return Reply("the newest effect that is left is taken back", event)

    def _settle(self, command: Command) -> Reply:
        self.conclude(Fate.STRANDED)
        self._report_lapsed()
        self._because(f"settled by hand, says {command.actor}: {command.reason}")
        self._records.remember()
        return Reply("settled; the engine is halted until it is resumed", FullEvent.SETTLED)

    def _resume(self, _command: Command) -> Reply:
        self._recovering.resumed()
        self._killed = self.reason = ""
        return Reply("resumed; start-up tests and the opening balance first", FullEvent.RESUME)

    def _adopt_external(self, command: Command) -> Reply:
        """Take the venues' positions as they are; an operator knows why they differ."""
        monitor = self.monitor
        if unresolved := self._recovering.unresolved:
            return refusal(unresolved)
        try:
            reading = monitor.observe()
        except NotObserved as error:
            return refusal(str(error))
        if missing := sorted(monitor.totals.keys() - reading.totals.keys()):
            return refusal(f"not observed: {', '.join(missing)}; missing is not zero")
        moved = {
            key: total - monitor.totals.get(key, 0)
            for key, total in reading.totals.items()
            if total != monitor.totals.get(key, 0)
        }
        bases = {key: b for key, b in monitor.bases.items() if reading.totals.get(key)}
        monitor.restore(reading.totals, bases, reading.as_of_ns)
        monitor.settle({}, {}, {}, reading.as_of_ns)
        self._records.opening({key: monitor.totals[key] for key in moved}, reading.as_of_ns)
        self._log.tell("adopted", {"moved": moved, "reason": command.reason})
        self._records.remember()
        return Reply(f"adopted: {moved or 'nothing differs'}")

    # What applies in every state.

    def _status(self, _command: Command) -> Reply:
        context = self._machine.context
        under_way = f", instruction {context.instruction}" if context.instruction else ""
        return Reply(f"{self._machine.state}, tick {context.tick}{under_way}")

    def _abort(self, command: Command) -> Reply:
        """Give up a chain: no further step of it is sent, and what was done is taken back."""
        if not self._machine.context.chain:
            return refusal("no chain is under way")
        self.transaction.aborted = f"aborted by {command.actor}: {command.reason}"
        return Reply("the chain is taken back once the step under way is resolved")

    def _kill(self, command: Command) -> Reply:
        """Send nothing more; nothing rests at a venue that fills or cancels at once."""
        if command.arguments.get("flatten") == "yes":
            return refusal("flattening is not built; kill without it, then trade flat by hand")
        self._killed = f"killed by {command.actor}: {command.reason}"
        self._continuity.risk = self._killed
        if self._machine.state != Full.HALTED:  # where the log says so already
            self._records.remember()
        return Reply("nothing more is sent; the engine halts after what is under way")

    # What is remembered.

    def memory(self) -> Memory:
        """All that it cannot ask the venues for, now."""
        monitor, context = self.monitor, self._machine.context
        totals, spent, day = monitor.suspense.state()
        leg = self.manager.leg if context.instruction else None
        return Memory(
            tick=context.tick,
            legs=self._desk.legs,
            intents=self.manager.intents,
            chains=self.transaction.chains,
            done=tuple((str(entry.fate), entry.reason) for entry in self._entries),
            children=self._children,
            outputs={name: dict(own) for name, own in self._desk.outputs.items()},
            books=BooksMemory(
                totals=dict(monitor.totals),
                bases=dict(monitor.bases),
                settled_ns=monitor.settled_ns,
                cursors=self._cursors(),
                suspense=totals,
                spent=spent,
                day=day,
                unbooked=monitor.unbooked,
            ),
            leg=None if leg is None else LegMemory.of(leg),
            transaction=self.transaction.remember(),
            strategy=self._strategy_state(),
            killed=self._killed,
        )

    def _strategy_state(self) -> dict[str, Any] | None:
        strategy = self._strategy
        return dict(strategy.state()) if isinstance(strategy, Stateful) else None

    def _restore_strategy(self, state: Mapping[str, Any]) -> None:
        strategy = self._strategy
        if isinstance(strategy, Stateful):
            strategy.restore(state)


def _ended(plan: Plan, done: Sequence[tuple[str, str]]) -> list[Entry]:
    """What became of the first entries of a plan."""
    told = zip(plan, done, strict=False)
    return [Entry(entry, Fate(fate), reason) for entry, (fate, reason) in told]
