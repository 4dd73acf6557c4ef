"""What the RECOVER state does in live mode: resolve what was in flight, then say what was found.

Start-up tests come first, then whatever an earlier process life left open, then the opening
balance: what the venues say must be where the books stood and the ledger rows since. Nothing
new is sent before all of it is done, and recovery itself may be cut off at any point: it
begins again from the same records.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol, cast

from attrs import define, field

from verifill.engine.errors import NotObserved
from verifill.engine.executor import Executor
from verifill.machines.cancelling import InFlight
from verifill.machines.continuity import Continuity
from verifill.machines.desk import Desk
from verifill.machines.execution import ExecutionManager
from verifill.machines.full_loop import FullEvent
from verifill.machines.leg import Leg
from verifill.machines.memory import LegMemory, Memory
from verifill.machines.reconcile import Verdict, VerdictKind
from verifill.machines.records import Records
from verifill.machines.recovery import Found
from verifill.machines.strategy import Fate, Plan, PlanReport
from verifill.machines.transaction import AtomicTransaction
from verifill.venues.chains import Chain
from verifill.venues.expectation import Assessment
from verifill.venues.orders import Bundle, Outcome, Receipt

Bases = Callable[[Mapping[str, int]], tuple[Mapping[str, int], str]]
"""Positions -> entry values of those that have one, and why one is not known, or empty."""

FEED: Final = "feed heartbeat"
ORDERS: Final = "order handling"
POSITIONS: Final = "position query"
"""The start-up tests: of each way to a venue one."""

RECOVERY: Final = "RECOVERY"
NOT_KNOWN = Receipt(Outcome.UNKNOWN, reason="the process that sent it ended before the answer")


class Loop(Protocol):
    """What of the full loop an earlier life's plan is handed back to."""

    report: PlanReport

    def take_up_again(self, plan: Plan, done: Sequence[tuple[str, str]], children: int) -> None:
        """Go on with the entry after those that are done; what follows it has expired."""
        ...

    def take_leave(self, plan: Plan, done: Sequence[tuple[str, str]]) -> None:
        """Go on with nothing of a plan; what is not done has expired."""
        ...


@define(kw_only=True)
class Recovering:
    """The work of RECOVER for a live engine.

    Attributes:
        machine: the running machine.
        manager: takes over an instruction that was in flight.
        transaction: takes over a chain.
        desk: knows venues and books.
        continuity: compares books and balances.
        records: what is written of it.
        found: what an earlier life left behind.
        bases: tells entry values where no life has known them yet.
        restore: hands the strategy its own state back.
        started: told of each venue's start-up tests, by its name.
        reason: why it is blocked.
        taken_over: number of the instruction of an earlier life that is resolved first; 0 for none.
    """

    _machine: Executor = field(alias="machine")
    _manager: ExecutionManager = field(alias="manager")
    _transaction: AtomicTransaction = field(alias="transaction")
    _desk: Desk = field(alias="desk")
    _continuity: Continuity = field(alias="continuity")
    _records: Records = field(alias="records")
    _found: Found = field(alias="found")
    _bases: Bases = field(alias="bases")
    _restore_strategy: Callable[[Mapping[str, object]], None] = field(alias="restore")
    _started: Callable[[Mapping[str, Sequence[str]]], None] = field(alias="started")
    _began: bool = field(default=False, init=False)
    _resumed: bool = field(default=False, init=False)
    reason: str = field(default="", init=False)
    taken_over: int = field(default=0, init=False)

    def resumed(self) -> None:
        """An operator has resumed what was halted."""
        self._resumed = True
        self._continuity.risk = ""

    def event(self, loop: Loop, feed: str) -> str:
        """What recovery leads to; `reason` says why where it is blocked.

        Args:
            loop: the full loop.
            feed: why market data is not of now; empty if it is.
        """
        failures = self._start_up(feed)
        if not self._began and not failures:
            failures += self._begin(loop)
        if not self._resumed and self._found.blocked:
            failures.append(self._found.blocked)
        if failures:
            self.reason = "; ".join(failures)
            return FullEvent.BLOCKED
        event = self._go_on(self._found, loop)
        if event != FullEvent.BLOCKED:
            self._found = Found()
        return event

    def _start_up(self, feed: str) -> list[str]:
        """The tests of all three ways to the venues; each that failed, by its name.

        None hides another. Positions are queried here only where that would not come next:
        where all is well, the books are taken up or looked at with that very query.
        """
        orders = {venue.rules.name: venue.start_up_failures() for venue in self._desk.venues}
        self._started(orders)
        failures = [f"{FEED}: {feed}"] if feed else []
        failures += [f"{ORDERS}: {one}" for failed in orders.values() for one in failed]
        if failures:
            try:
                self._desk.monitor.observe()
            except NotObserved as error:
                failures.append(f"{POSITIONS}: {error}")
        return failures

    @property
    def in_flight(self) -> InFlight | None:
        """The order of an earlier life of which nobody knows yet what became."""
        leg = self._found.memory.leg if self._found.memory and self._found.resolving else None
        return InFlight(leg.account, leg.key) if leg else None

    @property
    def memory(self) -> Memory | None:
        """What an earlier life remembered, as long as it is not gone on with."""
        return self._found.memory

    @property
    def unresolved(self) -> str:
        """Why the books must not be taken from the venues yet; empty if they may."""
        if self._began and not self._found.under_way:
            return ""
        return "what an earlier process life left behind is not resolved yet; resume first"

    def _begin(self, loop: Loop) -> list[str]:
        """Take the books up; the first time, from the venues themselves."""
        memory, monitor = self._found.memory, self._desk.monitor
        if memory is not None:
            self._restore(memory)
            self._take_leave(memory, loop)
            self._began = True
            return []
        try:
            reading = monitor.observe()
        except NotObserved as error:
            return [f"{POSITIONS}: {error}"]
        bases, unknown = self._bases(reading.totals)
        if unknown:
            return [unknown]
        monitor.restore(reading.totals, bases, reading.as_of_ns)
        monitor.settle({}, {}, {}, reading.as_of_ns)
        self._records.opening(monitor.totals, reading.as_of_ns)
        self._machine.context.tick = self._found.tick
        self._began = True
        return []

    def _restore(self, memory: Memory) -> None:
        books = memory.books
        monitor = self._desk.monitor
        rows = (*books.unbooked, *monitor.unbooked)  # a start-up test may have read some more
        monitor.restore(books.totals, books.bases, books.settled_ns, rows)
        monitor.suspense.restore(books.suspense, books.spent, books.day)
        self._desk.legs = memory.legs
        self._desk.outputs = {name: dict(own) for name, own in memory.outputs.items()}
        self._manager.intents = memory.intents
        self._transaction.chains = memory.chains
        self._machine.context.tick = max(memory.tick, self._found.tick)
        if memory.strategy is not None:
            self._restore_strategy(memory.strategy)

    def _take_leave(self, memory: Memory, loop: Loop) -> None:
        """Say what became of a plan that is not gone on with, whatever else comes of it."""
        found, done = self._found, memory.done
        if found.cut_off and memory.tick == found.tick and not found.under_way:
            fate = found.fate
            if memory.children and fate in (None, Fate.FAILED_CLEAN):
                fate = Fate.IN_PART  # of the remainder, nothing
            loop.take_leave(found.plan, (*done, (str(fate), "")) if fate else done)
        elif done and not found.under_way:
            loop.take_leave(found.plan[: len(done)], done)

    def _go_on(self, found: Found, loop: Loop) -> str:
        memory = found.memory
        if memory and found.under_way:
            loop.take_up_again(found.plan, memory.done, memory.children)
            return self._take_over(found, memory, len(memory.done))
        reason = self._continuity.look()
        if reason:
            seen = self._continuity.risk  # else they could not be read
            self.reason = f"{'opening balance' if seen else POSITIONS}: {reason}"
            self._resumed = False
            return FullEvent.BLOCKED
        if memory:
            self._records.remember()  # what became of its plan, should this life end too
        self._tell(found, "nothing was in flight")
        return FullEvent.RECOVERED

    def _take_over(self, found: Found, memory: Memory, at: int) -> str:
        context = self._machine.context
        if memory.transaction is not None:
            chain = cast("Chain", found.plan[at])  # its plan was on the disk before it began
            self._transaction.restore(memory.transaction, chain)
            context.chain = memory.transaction.number
        if memory.leg is not None:
            leg = self._leg(memory.leg, memory.intents)
            leg.had = found.had
            self._manager.leg = leg
            context.instruction, context.attempt = leg.number, leg.sends
        resolving = found.resolving
        if resolving:
            told = memory.leg.key if memory.leg else ""
            self.taken_over = context.instruction
            what = f"order {told} may be in flight; the venue is asked first"
            self._tell(found, what, complete=False)
            return resolving
        self._tell(found, f"a chain was under way, in {found.in_chain}")
        return self._transaction.resume(found.in_chain)

    def _leg(self, memory: LegMemory, number: int) -> Leg:
        """The instruction as it was; what became of it is not known."""
        venue = self._desk.venue_for(memory.account)
        request = memory.request(venue, number)
        orders = request.orders if isinstance(request, Bundle) else ()
        return Leg(
            number=memory.number,
            parent=memory.parent,
            role=memory.role,
            child=memory.child,
            wanted=memory.wanted or orders,
            late=memory.late,
            denial=memory.denial,
            handler=venue,
            monitor=self._desk.monitor,
            rules=venue.rules,
            request=request,
            expectation=memory.expectation(),
            receipt=NOT_KNOWN,
            sends=memory.sends,
            assessment=Assessment(memory.executed, {}),
            verdict=Verdict(VerdictKind.NOT_EXECUTED, {}, memory.own, [], {}, {}, memory.reason),
        )

    def verified(self, leg: Leg) -> None:
        """Positions are verified: what became of the order of an earlier life is known."""
        if leg.number == self.taken_over:
            self._sum_up(leg, "adopted" if leg.assessment.executed else "voided")
            self.taken_over = 0

    def held(self, leg: Leg) -> bool:
        """Nobody can say what became of an order; whether it is that of an earlier life."""
        left = leg.number == self.taken_over
        if left:
            self._sum_up(leg, "held")
        return left

    def _sum_up(self, leg: Leg, fate: str) -> None:
        """Say what became of what was in flight: adopted, voided or held."""
        self._records.note(
            leg.number, RECOVERY, {fate: leg.request.key, "complete": fate != "held"}
        )

    def _tell(self, found: Found, what: str, *, complete: bool = True) -> None:
        text = {"state": found.state, "epoch": found.epoch, "found": what, "complete": complete}
        self._records.note(0, RECOVERY, text)
