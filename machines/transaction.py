"""The atomic transaction: runs a chain, all of it or nothing.

As in the table, ONE_TX is rehearsed on a fork and then committed as one leg; a SAGA is run
step by step, and after a failure its effects are compensated, newest first. Each activity
answers what the state it is named after has led to.
"""

from collections.abc import Callable, Mapping, Sequence

from msgspec import structs

from verifill.engine.errors import NotObserved
from verifill.engine.executor import Executor
from verifill.machines.atomic import Atomic, AtomicEvent
from verifill.machines.continuity import Continuity
from verifill.machines.desk import Desk
from verifill.machines.effects import Effect
from verifill.machines.execution import ExecutionManager
from verifill.machines.leg import REHEARSAL
from verifill.machines.memory import TransactionMemory
from verifill.machines.monitor import PositionMonitor
from verifill.machines.tight_loop import Tight
from verifill.venues.chains import Atomicity, Chain, Invariant, Step, Undo
from verifill.venues.instructions import Late
from verifill.venues.interfaces import Forkable, Venue
from verifill.venues.keys import Scales
from verifill.venues.orders import Order
from verifill.venues.undo import Reversal, spends


class AtomicTransaction:
    """The activities of the atomic transaction, for one chain at a time.

    Args:
        machine: the running machine.
        manager: runs the legs.
        desk: makes them.
        scales: decimals of the assets.
        remainders: how many children an instruction that was filled in part may have.
        continuity: knows of a risk that no further step may be taken with.

    Attributes:
        chains: how many there were so far.
        effects: what the steps of a saga moved and may have to be taken back, the oldest first.
        aborted: why an operator gives the chain under way up; empty if none does.
        reason: why the chain was abandoned, rolled back or stranded.
    """

    def __init__(
        self,
        *,
        machine: Executor,
        manager: ExecutionManager,
        desk: Desk,
        scales: Scales,
        remainders: int,
        continuity: Continuity,
    ) -> None:
        self._machine = machine
        self._manager = manager
        self._desk = desk
        self._scales = scales
        self._remainders = remainders
        self._continuity = continuity
        self.chains = 0
        self._chain: Chain
        self._steps: Sequence[Step] = ()
        self._next = 0
        self._children = 0
        self._venue: Venue
        self._rehearsal: tuple[Venue, PositionMonitor]
        self._orders: list[Order] = []
        self.effects: list[Effect] = []
        self._opening: Mapping[str, int] = {}
        self._left = False  # whether something stays that no instruction takes back
        self.aborted = self.reason = ""
        self.activities: Mapping[str, Callable[[], str]] = {
            Atomic.BEGIN: self.begin,
            **_ending(Atomic.REHEARSE, self.rehearsed, self.abandon, held=self.abandon),
            **_ending(Atomic.COMMIT, self.committed, self.uncommitted),
            **_ending(Atomic.STEP, self.stepped, self.unstepped),
            **_ending(Atomic.COMPENSATE, self.compensated, self.uncompensated),
        }

    def take_up(self, chain: Chain) -> None:
        """Start on a chain; the machine is on its way to BEGIN."""
        self.chains += 1
        machine = self._machine
        machine.cut()
        machine.context.chain = self.chains
        machine.context.instruction = 0
        self._chain = chain
        self._steps = [s if isinstance(s, Step) else Step(s) for s in chain.steps]
        self._next = self._children = 0
        self._orders, self.effects = [], []
        self._opening = dict(self._desk.monitor.totals)
        self._left = False
        self.aborted = self.reason = ""
        self._manager.remember()

    # A new life.

    def remember(self) -> TransactionMemory | None:
        """How far the chain under way has come; None outside one."""
        if not self._machine.context.chain:
            return None
        steps = list(self._steps)
        return TransactionMemory(
            number=self.chains,
            next=self._next,
            children=self._children,
            effects=tuple(effect.memory(steps) for effect in self.effects),
            opening=dict(self._opening),
            reason=self.reason,
            left=self._left,
        )

    def restore(self, memory: TransactionMemory, chain: Chain) -> None:
        """Take up a chain where an earlier life left it."""
        self._chain = chain
        self._steps = [s if isinstance(s, Step) else Step(s) for s in chain.steps]
        self._next, self._children = memory.next, memory.children
        self.effects = [Effect.of(effect, self._steps) for effect in memory.effects]
        self._opening, self._left = dict(memory.opening), memory.left
        self.reason = memory.reason

    def resume(self, state: str) -> str:
        """What follows the state, inside the chain, in which an earlier life ended.

        Nothing of the chain is in flight: the step was not sent, or its end is known.
        """
        holder, _, leaf = state.partition(".")
        if holder in (Atomic.BEGIN, Atomic.REHEARSE):
            return self._abandon("the process ended before the chain was sent")
        if holder == Atomic.COMMIT:
            return self._resume_commit(leaf)
        if holder == Atomic.STEP:
            return _from_recovery(self._resume_step(leaf))
        if holder == Atomic.COMPENSATE:
            return _from_recovery(self._resume_compensation(leaf))
        return AtomicEvent.STRAND

    def _resume_commit(self, leaf: str) -> AtomicEvent:
        if leaf in (Tight.FAILED_PART, Tight.FAILED_MISMATCH):
            return AtomicEvent.STRAND
        if leaf == Tight.DONE:
            return AtomicEvent.COMMITTED
        return self._abandon("the chain was not executed")

    def _resume_step(self, leaf: str) -> AtomicEvent:
        if leaf == Tight.SEND:
            self._manager.begin(self._manager.leg)
            return AtomicEvent.STEP
        return self.stepped() if leaf == Tight.DONE else self._unstepped(leaf)

    def _resume_compensation(self, leaf: str) -> AtomicEvent:
        if leaf in (Tight.SEND, Tight.RETRY_RESEND):
            self._manager.begin(self._manager.leg)
            return AtomicEvent.COMPENSATE
        return self.compensated() if leaf == Tight.DONE else self._uncompensated(leaf)

    # BEGIN

    def begin(self) -> AtomicEvent:
        """Choose the kind of transaction; a chain that cannot be one is abandoned."""
        if not self._steps:
            return self._abandon("the chain has no steps")
        if self._chain.kind is Atomicity.SAGA:
            return self._step()
        venue = self._desk.venue_of(self._steps[0].instruction.account)
        if venue is None or not isinstance(venue, Forkable):
            return self._abandon("the first step's venue has no transactions for a chain")
        elsewhere = [s for s in self._steps if self._desk.venue_of(s.instruction.account) != venue]
        if elsewhere:
            account = elsewhere[0].instruction.account
            return self._abandon(f"{account} is on another venue; make the chain a SAGA")
        try:
            fork = venue.fork()
            tracked = fork.read().totals
        except NotObserved as error:
            return self._abandon(f"there is no dry run: {error}")
        totals = self._desk.monitor.totals
        here = {key: totals[key] for key in tracked if key in totals}
        monitor = PositionMonitor([fork], here, {})
        self._venue = venue
        self._rehearsal = (fork, monitor)
        return self._rehearse()

    # REHEARSE

    def _rehearse(self) -> AtomicEvent:
        fork, monitor = self._rehearsal
        instruction = self._steps[self._next].instruction
        self._next += 1
        leg = self._desk.leg(instruction, REHEARSAL, handler=fork, monitor=monitor)
        self._manager.begin(leg)
        return AtomicEvent.REHEARSE

    def rehearsed(self) -> AtomicEvent:
        """The next step, or all of them as one transaction."""
        leg = self._manager.leg
        self._desk.put_out(leg)
        self._orders.append(leg.order)
        if self._next < len(self._steps):
            return self._rehearse()
        self._manager.begin(self._desk.bundle(self._venue, tuple(self._orders)))
        return AtomicEvent.COMMIT

    def abandon(self) -> AtomicEvent:
        """A rehearsal failed: nothing was sent."""
        return self._abandon(f"rehearsal of step {self._next}: {self._manager.leg.reason}")

    def _abandon(self, reason: str) -> AtomicEvent:
        self.reason = reason
        return AtomicEvent.ABANDON

    # COMMIT

    def committed(self) -> AtomicEvent:
        """The one transaction is verified."""
        return AtomicEvent.COMMITTED

    def uncommitted(self) -> AtomicEvent:
        """Reverted, with all restored but the gas; anything else is left for a person."""
        self.reason = self._manager.leg.reason
        clean = self._machine.state.endswith(Tight.FAILED_CLEAN)
        return AtomicEvent.ROLLED_BACK if clean else self._strand(left=True)

    # STEP

    def _step(self) -> AtomicEvent:
        instruction = self._steps[self._next].instruction
        self._children = 0
        self._manager.begin(self._desk.leg(instruction, "STEP"))
        return AtomicEvent.STEP

    def stepped(self) -> AtomicEvent:
        """The next step, unless the chain as a whole is out of its limits."""
        self._keep_effect()
        self._next += 1
        broken = self.aborted or self._continuity.risk or self._broken_invariant()
        if broken:
            self.reason = broken
            return self._turn_back()
        return self._step() if self._next < len(self._steps) else AtomicEvent.COMMITTED

    def unstepped(self) -> AtomicEvent:
        """A step failed: go on with its remainder, or turn back."""
        return self._unstepped(self._machine.state)

    def _unstepped(self, state: str) -> AtomicEvent:
        leg = self._manager.leg
        self.reason = f"step {self._next + 1}: {leg.reason}"
        if state.endswith(Tight.FAILED_MISMATCH):
            return self._strand(left=True)
        if state.endswith(Tight.FAILED_PART):
            self._keep_effect()
            if self._children < self._remainders and not self._continuity.risk:
                self._children += 1
                self._manager.begin(self._desk.remainder(leg))
                return AtomicEvent.STEP
        return self._turn_back()

    def _keep_effect(self) -> None:
        leg = self._manager.leg
        self._desk.put_out(leg)
        own: Mapping[str, int] = leg.verdict.own
        if self._children:  # a remainder: one step, to be taken back at once
            before = self.effects.pop().own
            own = {key: before.get(key, 0) + own.get(key, 0) for key in before.keys() | own.keys()}
        self.effects.append(Effect(self._steps[self._next], leg.number, own))

    def _broken_invariant(self) -> str:
        totals = self._desk.monitor.totals
        done = {step.instruction.name for step in self._steps[: self._next]}
        for invariant in self._chain.invariants:
            if not invariant.since or invariant.since in done:
                change = sum(
                    self._scales.amount(key, totals[key] - self._opening[key])
                    for key in invariant.keys
                )
                if not invariant.low <= change <= invariant.high:
                    return _told(invariant, change)
        return ""

    # COMPENSATE

    def take_back(self) -> AtomicEvent:
        """Take back the newest effect that is left, as an operator asks for.

        A compensation that failed is tried anew: that it was not executed is proven.
        """
        return self._turn_back()

    def _turn_back(self) -> AtomicEvent:
        """Take back the newest effect that is left; nothing left is rolled back."""
        while self.effects:
            effect = self.effects[-1]
            undo = effect.step.undo
            if undo is Undo.NEVER:
                return self._leave(effect, "it is a pivot")
            reversal = None if undo is Undo.NOTHING else effect.reversal
            if reversal is None and undo is not Undo.NOTHING:
                return self._leave(effect, "its operation has no reverse")
            if reversal is not None and reversal.units != 0:
                return self._compensate(effect, reversal)
            self.effects.pop()
        return AtomicEvent.STRAND if self._left else AtomicEvent.ROLLED_BACK

    def _compensate(self, effect: Effect, reversal: Reversal) -> AtomicEvent:
        self._children = 0
        units = self._at_hand(reversal)
        leg = self._desk.leg(
            reversal.instruction, "COMPENSATION", parent=effect.number, units=units
        )
        self._manager.begin(leg)
        return AtomicEvent.COMPENSATE

    def _at_hand(self, reversal: Reversal) -> int | None:
        """Its amount, or what is left of the asset: taking back newer steps had a price."""
        instruction, units = reversal.instruction, reversal.units
        if units is None and isinstance(instruction.size, Late):
            units = self._desk.find_output(instruction.size, instruction)
        there = self._desk.monitor.totals.get(spends(instruction))
        return units if units is None or there is None else min(units, there)

    def _leave(self, effect: Effect, why: str) -> AtomicEvent:
        """Pass over what cannot be taken back: a person may go on with what is before it."""
        self.effects.pop()
        operation = effect.step.instruction.op
        self.reason = f"{self.reason}; {operation} {effect.number} cannot be undone: {why}"
        return self._strand(left=True)

    def _strand(self, *, left: bool) -> AtomicEvent:
        """A person must settle it; `left` if what stays can no longer be taken back."""
        self._left = self._left or left
        self._manager.remember()
        return AtomicEvent.STRAND

    def compensated(self) -> AtomicEvent:
        """The next newest effect, or all is taken back."""
        self.effects.pop()
        return self._turn_back()

    def uncompensated(self) -> AtomicEvent:
        """A compensation failed: go on with its remainder, else a person must settle it."""
        return self._uncompensated(self._machine.state)

    def _uncompensated(self, state: str) -> AtomicEvent:
        leg, effect = self._manager.leg, self.effects[-1]
        part = state.endswith(Tight.FAILED_PART)
        if part and self._children < self._remainders:
            self._children += 1
            self._manager.begin(self._desk.remainder(leg))
            return AtomicEvent.COMPENSATE
        self.reason = f"{self.reason}; compensation {leg.number}: {leg.reason}"
        if state.endswith(Tight.FAILED_MISMATCH):  # not proven: never tried again
            self.effects.pop()
            return self._strand(left=True)
        if part or self._children:
            units = leg.remaining if part else leg.late
            self.effects[-1] = structs.replace(effect, units=units)
        return self._strand(left=False)


def _ending(
    holder: Atomic,
    done: Callable[[], str],
    failed: Callable[[], str],
    held: Callable[[], str] | None = None,
) -> dict[str, Callable[[], str]]:
    """What follows each end of the tight loop that a state holds."""
    ends = {
        Tight.DONE: done,
        Tight.FAILED_CLEAN: failed,
        Tight.FAILED_PART: failed,
        Tight.FAILED_MISMATCH: failed,
    }
    if held:
        ends[Tight.HELD] = held
    return {f"{holder}.{leaf}": activity for leaf, activity in ends.items()}


def _told(invariant: Invariant, change: object) -> str:
    keys = " + ".join(invariant.keys)
    return f"{keys} changed by {change}, allowed is {invariant.low} to {invariant.high}"


def _from_recovery(event: AtomicEvent) -> AtomicEvent:
    """The same claim where recovery makes it: nothing of the chain is left."""
    return AtomicEvent.ABANDON if event is AtomicEvent.ROLLED_BACK else event
