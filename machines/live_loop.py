"""The full loop of a live engine: the same machine, with a past, an operator and a wall clock.

Beside what the full loop does, it recovers before it does anything else, waits in place where
a person must look (HELD, STRANDED, HALTED), skips ticks without fresh market data, and
remembers in its log what it cannot ask the venues for.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, cast

from verifill.engine.answers import Answers
from verifill.engine.clock import SLICE_NS, WallClock
from verifill.engine.commands import CommandName
from verifill.engine.form import form
from verifill.engine.log.live import LiveLog
from verifill.machines.adopting import Adopting
from verifill.machines.full_loop import Full, FullEvent
from verifill.machines.guarding import Guard
from verifill.machines.hearing import Hearing
from verifill.machines.killing import STRANDED, Killing
from verifill.machines.live_records import LiveRecords
from verifill.machines.loop import PLAN
from verifill.machines.memory import BooksMemory, LegMemory, Memory
from verifill.machines.operator import Handler, Operators, ParkedError
from verifill.machines.purpose import FLATTEN
from verifill.machines.recovering import Bases, Recovering
from verifill.machines.recovery import Found
from verifill.machines.stateful import Stateful
from verifill.machines.strategy import Entry, Fate, Plan, PlanReport
from verifill.machines.tight_loop import Tight
from verifill.venues.chains import Chain, Step

FLAG = form(bool)
HOLDERS = (Full.INSTRUCTION, "ATOMIC.COMMIT", "ATOMIC.STEP", "ATOMIC.COMPENSATE")


class LiveLoop(Hearing):
    """A live engine. Made like a `FullLoop`, then told of its surroundings by `live`.

    Attributes:
        parked: why it stopped where it was; empty if it did not.
    """

    parked = ""
    _heeded = False
    _listening = False  # whether a state waits for an operator, and hears by itself

    def live(
        self,
        *,
        log: LiveLog,
        operators: Operators,
        found: Found,
        bases: Bases,
        cursors: Callable[[], dict[str, int]],
        refresh: Callable[[], str],
        guard: Guard,
        answers: Answers,
    ) -> None:
        """Connect it; its clock, a `WallClock`, listens to operators between slices.

        Args:
            log: the durable log.
            operators: who may say what.
            found: what an earlier process life left behind.
            bases: entry values where no life has known them yet.
            cursors: feed -> the ledger row that its next reading begins with.
            refresh: fetches market data; why it is not fresh, or empty.
            guard: breakers, trading states, feeds and health.
            answers: by way of which it learns that it is to stop.
        """
        self._answers = answers
        self._guard = self.manager.guard = guard
        self._continuity.strayed = guard.strayed
        self._venues = {venue.rules.name: venue for venue in self._desk.venues}
        self._log = log
        self._operators = operators
        self._cursors = cursors
        self._refresh = refresh
        self._wall = clock = cast("WallClock", self._clock)
        strategy = self._strategy  # asked once: Python 3.11 is slow to tell whether it is
        self._stateful = strategy if isinstance(strategy, Stateful) else None
        self._lapsed: tuple[Entry, ...] = ()
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
            started=guard.started,
        )
        guard.verified = self._recovering.verified
        self.express.open = False
        clock.between = self._between
        self._killing = Killing(
            machine=self._machine,
            manager=self.manager,
            desk=self._desk,
            continuity=self._continuity,
            guard=guard,
            recovering=self._recovering,
            log=log,
            records=self._records,
            positions=self._positions,
        )
        self._adopting = Adopting(
            desk=self._desk, recovering=self._recovering, log=log, records=self._records
        )
        if found.memory:
            self._killing.restore(found.memory)
        operators.always.update(self.always)
        records = cast("LiveRecords", self._records)
        records.memory, records.keeping = self.memory, guard.keeping

    @property
    def _stopping(self) -> bool:
        """Whether it was asked to stop; an answer from outside, once it is heeded."""
        if not self._heeded:
            self._heeded = self._answers.ask_if("stop", lambda: self._asked, FLAG, nothing=False)
        return self._heeded

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
            self._operators.hear({}, later=self.later)
        self._killing.sweep()
        self._guard.probe(self._venues)
        if self._stopping and self._machine.state != Full.IDLE:
            msg = f"stopped in {self._machine.state}; the next start goes on from the log"
            raise ParkedError(msg)
        return self._stopping or bool(self._killing.killed)

    # START, RECOVER, IDLE, COMPLETE

    def recover(self) -> str:
        """Resolve what was in flight, before anything else; see `Recovering`."""
        while left_ns := self._guard.away_ns():  # before a venue is asked for anything
            self._clock.wait(left_ns)
        context = self._machine.context
        context.time_ns = self._clock.now_ns
        killing, found = self._killing, self._recovering.in_flight
        killing.sweep(found)
        self._continuity.risk = ""  # what was blocked is looked at anew
        event, problem = self._recovered()
        if problem:
            self._because(problem)
        else:  # where it is blocked, it waits for commands next
            kill: Handler = partial(killing.kill, found=found)
            self._operators.hear({CommandName.KILL: kill}, only=CommandName.KILL)
        killing.recovered()
        return event

    def _recovered(self) -> tuple[str, str]:
        """What recovery leads to, and why it is blocked, or empty."""
        event = self._recovering.event(self, self._fresh())
        if event == FullEvent.BLOCKED:
            return event, self._recovering.reason
        self._guard.ready()
        if event == FullEvent.RECOVERED and self._guard.latched:
            return FullEvent.BLOCKED, self._guard.latched
        return event, ""

    def _fresh(self) -> str:
        """Fetch market data; why the strategy must not decide upon it, or empty."""
        return self._guard.fresh(self._desk.subscribed, self._refresh())

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
        killed = "" if self._killing.flattening else self._killing.killed
        if stopped := self._guard.latched or killed:
            self._because(stopped)
            return FullEvent.HALT
        if self._killing.flattening and not self._stopping:
            return self._tick_at_once()
        if event != FullEvent.TICK:
            return event
        if self._wall.late:
            self._records.note(0, "COALESCED", {"ticks": self._wall.late})
        return self._skip() or event

    def _tick_at_once(self) -> str:
        """Positions are closed without waiting for the next tick."""
        context = self._machine.context
        context.tick += 1
        context.time_ns = self._clock.now_ns
        skip = self._skip()
        if skip:
            self._clock.wait(SLICE_NS)
        return skip or FullEvent.TICK

    def _skip(self) -> str:
        """The event of a tick without fresh market data; empty if it is fresh."""
        problem = self._fresh()
        if not problem:
            return ""
        self._records.note(0, "SKIPPED", {"reason": problem})
        return FullEvent.SKIP

    def decide(self) -> str:
        """The strategy decides, or a plan that closes its positions."""
        flattening = self._killing.flattening
        self._decider = flattening or self._strategy
        self.role = FLATTEN if flattening else PLAN
        if flattening:
            self._killing.let()
        self._guard.margined(self._venues)
        self._guard.measured(self.monitor)
        return super().decide()

    def _go_on(self) -> str:
        """The next entry, unless what came beside the one that is done stops all."""
        self._continuity.risk = self._continuity.risk or self._guard.latched
        return super()._go_on()

    def complete(self) -> FullEvent:
        """The tick is over, and remembered."""
        self._guard.loop_ended(())
        self.report_lapsed()
        flattening = self._killing.flattening
        if flattening and flattening.over:
            self._killing.end()
            self.report = flattening.before
        self._records.remember()
        return super().complete()

    def failed(self) -> FullEvent:
        """Let the strategy see what became of its plan."""
        self._continuity.risk = self._continuity.risk or self._guard.latched
        self._guard.loop_ended(_accounts(self._entries))
        self.report_lapsed()
        if self._killing.failed():
            self._clock.wait(SLICE_NS)
        else:
            self._killing.end(self._continuity.risk)
        self._records.remember()
        return super().failed()

    def instruction_mismatched(self) -> FullEvent:
        """The position is not what it should be: remembered, and a person must look."""
        event = super().instruction_mismatched()
        self.report_lapsed()
        self._killing.end(self.reason)
        self._records.remember()
        return event

    def report_lapsed(self) -> None:
        """See `Hearing.report_lapsed`."""
        if self._lapsed:
            self._plan = [*self._plan, *(entry.wanted for entry in self._lapsed)]
            self._entries += self._lapsed
            self._lapsed = ()
            self.report = PlanReport(tuple(self._entries))

    # What is remembered.

    def memory(self) -> Memory:
        """All that it cannot ask the venues for, now; to be written before anything moves on."""
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
                totals=monitor.totals,
                bases=monitor.bases,
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
            guard=self._guard.news(),
            killed=self._killing.killed,
            flatten=self._killing.memory,
        )

    def _strategy_state(self) -> dict[str, Any] | None:
        return dict(self._stateful.state()) if self._stateful else None

    def _restore_strategy(self, state: Mapping[str, Any]) -> None:
        if self._stateful:
            self._stateful.restore(state)


def _ended(plan: Plan, done: Sequence[tuple[str, str]]) -> list[Entry]:
    """What became of the first entries of a plan."""
    told = zip(plan, done, strict=False)
    return [Entry(entry, Fate(fate), reason) for entry, (fate, reason) in told]


def _accounts(entries: Sequence[Entry]) -> Iterator[str]:
    """The accounts on which something of a plan went wrong."""
    for entry in entries:
        if entry.fate not in (Fate.DONE, Fate.EXPIRED):
            wanted = entry.wanted
            steps = wanted.steps if isinstance(wanted, Chain) else (wanted,)
            yield from (s.instruction.account if isinstance(s, Step) else s.account for s in steps)
