"""The full loop of a live engine: the same machine, with a past, an operator and a wall clock.

Beside what the full loop does, it recovers before it does anything else, waits in place where
a person must look (HELD, STRANDED, HALTED), skips ticks without fresh market data, and
remembers in its log what it cannot ask the venues for.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, cast, runtime_checkable

from attrs import evolve

from verifill.engine.clock import SLICE_NS, WallClock
from verifill.engine.command import Command
from verifill.engine.commands import CommandName
from verifill.engine.log.live import LiveLog
from verifill.machines.adopting import Adopting
from verifill.machines.atomic import AtomicEvent
from verifill.machines.cancelling import InFlight
from verifill.machines.full_loop import Full, FullEvent
from verifill.machines.killing import STRANDED, Killing
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
        self._killing = Killing(
            machine=self._machine,
            manager=self.manager,
            desk=self._desk,
            continuity=self._continuity,
            log=log,
            records=self._records,
            positions=self._positions,
        )
        self._adopting = Adopting(
            desk=self._desk, recovering=self._recovering, log=log, records=self._records
        )
        if found.memory:
            self._killing.restore(found.memory)
        operators.always.update(
            {
                CommandName.STATUS: self._status,
                CommandName.ABORT: self._abort,
                CommandName.KILL: self._killing.kill,
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
        self._killing.sweep()
        if self._stopping and self._machine.state != Full.IDLE:
            msg = f"stopped in {self._machine.state}; the next start goes on from the log"
            raise ParkedError(msg)
        return self._stopping or bool(self._killing.killed)

    # START, RECOVER, IDLE, COMPLETE

    def recover(self) -> str:
        """Resolve what was in flight, before anything else; see `Recovering`."""
        context = self._machine.context
        context.time_ns = self._clock.now_ns
        killing, in_flight = self._killing, self._recovering.in_flight
        self._operators.hear({}, only=CommandName.KILL)
        if in_flight:
            killing.sweep(InFlight(in_flight.account, in_flight.key))
        self._continuity.risk = ""  # what was blocked is looked at anew
        problem = self._refresh()
        event = FullEvent.BLOCKED if problem else self._recovering.event(self)
        if event == FullEvent.BLOCKED:
            self._because(problem or self._recovering.reason)
        killing.recovered()
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
        if self._killing.killed and not self._stopping:
            return self._idle_and_killed()
        if event != FullEvent.TICK:
            return event
        if self._wall.late:
            self._records.note(0, "COALESCED", {"ticks": self._wall.late})
        return self._skip() or event

    def _idle_and_killed(self) -> str:
        """Halt; or decide once more at once, where positions are to be closed first."""
        if not self._killing.flattening:
            self._because(self._killing.killed)
            return FullEvent.HALT
        context = self._machine.context
        context.tick += 1
        context.time_ns = self._clock.now_ns
        skip = self._skip()
        if skip:
            self._clock.wait(SLICE_NS)
        return skip or FullEvent.TICK

    def _skip(self) -> str:
        """The event of a tick without fresh market data; empty if it is fresh."""
        problem = self._refresh()
        if not problem:
            return ""
        self._records.note(0, "SKIPPED", {"reason": problem})
        return FullEvent.SKIP

    def decide(self) -> str:
        """The strategy decides, or a plan that closes its positions."""
        flattening = self._killing.flattening
        self._decider = flattening or self._strategy
        self.role = "FLATTEN" if flattening else "PLAN"
        if flattening:
            self._killing.let()
        return super().decide()

    def complete(self) -> FullEvent:
        """The tick is over, and remembered."""
        self._report_lapsed()
        flattening = self._killing.flattening
        if flattening and flattening.over:
            self._killing.end()
            self.report = flattening.before
        self._records.remember()
        return super().complete()

    def failed(self) -> FullEvent:
        """Let the strategy see what became of its plan."""
        self._report_lapsed()
        if self._killing.failed():
            self._clock.wait(SLICE_NS)
        else:
            self._killing.end(self._continuity.risk)
        self._records.remember()
        return super().failed()

    def instruction_mismatched(self) -> FullEvent:
        """The position is not what it should be: remembered, and a person must look."""
        event = super().instruction_mismatched()
        self._report_lapsed()
        self._killing.end(self.reason)
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
                CommandName.KILL: self._kill_held,
            }
        )

    def stranded(self) -> str:
        """A chain that cannot be completed or taken back by itself."""
        return self._wait_for(
            {CommandName.COMPENSATE: self._compensate, CommandName.SETTLE: self._settle}
        )

    def halted(self) -> FullEvent:
        """Nothing is sent until an operator resumes."""
        self._killing.end(self.reason)
        event = self._wait_for(
            {
                CommandName.RESUME: self._resume,
                CommandName.ADOPT_EXTERNAL: self._adopting.adopt,
                CommandName.KILL: self._kill_halted,
            }
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
        if not self.transaction.effects:
            return refusal("nothing of the chain is left that can be taken back")
        event = self.transaction.take_back()
        if event is not AtomicEvent.COMPENSATE:
            return refusal(self.transaction.reason)
        return Reply("the newest effect that is left is taken back", event)

    def _settle(self, command: Command) -> Reply:
        self.conclude(Fate.STRANDED)
        self._report_lapsed()
        self._because(f"settled by hand, says {command.actor}: {command.reason}")
        self._records.remember()
        return Reply("settled; the engine is halted until it is resumed", FullEvent.SETTLED)

    def _kill_held(self, command: Command) -> Reply:
        """The venue is asked again, now that the order is cancelled."""
        return evolve(self._killing.kill(command), event=TightEvent.ASK)

    def _kill_halted(self, command: Command) -> Reply:
        """To close positions, the opening balance comes first; else nothing is to be done."""
        reply = self._killing.kill(command)
        if not self._killing.flattening:
            return reply
        self._recovering.resumed()
        return evolve(reply, event=FullEvent.RESUME)

    def _resume(self, command: Command) -> Reply:
        if command.id < self._killing.number:
            return refusal("a kill was posted after it")
        self._recovering.resumed()
        self._killing.resumed()
        self.reason = ""
        return Reply("resumed; start-up tests and the opening balance first", FullEvent.RESUME)

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
            killed=self._killing.killed,
            flatten=self._killing.memory,
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
