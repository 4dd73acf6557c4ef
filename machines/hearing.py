"""What people say to a live engine, and where it waits for them.

HELD, STRANDED and HALTED are left by an operator alone; some commands apply in every state.
Each answers with what was done, or why it was not.
"""

from abc import abstractmethod
from collections.abc import Collection, Mapping
from typing import Final

from attrs import evolve

from verifill.engine.clock import SLICE_NS
from verifill.engine.command import Command
from verifill.engine.commands import GLOBAL, CommandName
from verifill.engine.log.live import LiveLog
from verifill.machines.adopting import Adopting
from verifill.machines.atomic import AtomicEvent
from verifill.machines.figures import Then
from verifill.machines.full_loop import Full, FullEvent
from verifill.machines.guarding import Guard
from verifill.machines.killing import Killing
from verifill.machines.loop import FullLoop
from verifill.machines.operator import Handler, Operators, Reply, refusal
from verifill.machines.recovering import Recovering
from verifill.machines.recovery import OPEN
from verifill.machines.strategy import Fate
from verifill.machines.tight_loop import Tight, TightEvent
from verifill.venues.orders import Outcome, Receipt

OF_HELD: Final = frozenset({CommandName.ASK, CommandName.ADOPT, CommandName.VOID})
UNDER_WAY: Final = tuple(f".{leaf}" for leaf in OPEN - {Tight.HELD})


class Hearing(FullLoop):
    """A full loop that hears operators; made whole by `LiveLoop`."""

    _log: LiveLog
    _operators: Operators
    _recovering: Recovering
    _guard: Guard
    _adopting: Adopting
    _killing: Killing
    _listening: bool  # whether a state waits for an operator, and hears by itself

    @abstractmethod
    def report_lapsed(self) -> None:
        """Let the strategy see what has expired with an earlier process life."""

    @property
    def always(self) -> Mapping[str, Handler]:
        """Name -> what a command does in any state."""
        return {
            CommandName.STATUS: self._status,
            CommandName.ABORT: self._abort,
            CommandName.KILL: self._kill,
            CommandName.RESUME: self._widen,
            CommandName.RESET_BREAKER: self._reset,
        }

    @property
    def later(self) -> Collection[str]:
        """Commands that wait: what an earlier life has left may be HELD again, or be resolved."""
        left = self._recovering.taken_over
        if left and self.manager.leg.number == left and self._machine.state.endswith(UNDER_WAY):
            return OF_HELD
        return OF_HELD if self._recovering.in_flight else ()

    # Where a person must look.

    def held(self) -> str:
        """Nobody can say what became of an order: a person must."""
        if self._recovering.held(self.manager.leg):
            self._log.note("NOTE", self._machine.state, self._machine.context)  # nobody may come
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
                CommandName.ADOPT_EXTERNAL: self._adopt_external,
                CommandName.KILL: self._kill_halted,
            }
        )
        return FullEvent(event)

    def _wait_for(self, here: Mapping[str, Handler]) -> str:
        self._log.anchor()
        self._listening = True
        try:
            while not (event := self._operators.hear(here, later=self.later)):
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
        self.manager.leg.receipt = receipt = Receipt(Outcome.ABSENT, reason=reason)
        self._guard.queried(self.manager.leg, receipt)
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
        self.report_lapsed()
        self._because(f"settled by hand, says {command.actor}: {command.reason}")
        self._records.remember()
        return Reply("settled; the engine is halted until it is resumed", FullEvent.SETTLED)

    def _adopt_external(self, command: Command) -> Reply:
        """Take the venues' positions as they are: no loss and no gain of the day."""
        before = Then(dict(self.monitor.totals), dict(self.monitor.bases))
        reply = self._adopting.adopt(command)
        if reply.taken:
            self._guard.adopted(before, self.monitor)
            self._records.remember()
        return reply

    def _resume(self, command: Command) -> Reply:
        """Out of HALTED; trading goes back by one step, from nothing to what reduces risk."""
        if command.arguments["scope"] != GLOBAL:
            return self._widen(command)
        if command.id < self._killing.number:
            return refusal("a kill was posted after it")
        if latched := self._guard.latched:
            return refusal(latched)
        self._guard.ease(command.actor, command.reason)
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

    def _kill(self, command: Command) -> Reply:
        """Nothing new, nothing that rests; see `Killing`."""
        return self._killing.kill(command)

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

    def _widen(self, command: Command) -> Reply:
        """Widen what a scope may send by one step."""
        scope = command.arguments["scope"]
        if scope == GLOBAL and self._killing.killed:
            return refusal("the engine was killed; resume it once it is HALTED")
        if refused := self._guard.resume(scope, command.actor, command.reason):
            return refusal(refused)
        self._records.remember()
        return Reply(f"trading of {scope} is {self._guard.gate.scopes.trading(scope).state} now")

    def _reset(self, command: Command) -> Reply:
        """Reset a breaker that waits for an operator."""
        scope = command.arguments["scope"]
        if refused := self._guard.reset(scope, command.actor, command.reason):
            return refusal(refused)
        self._records.remember()
        return Reply(f"breaker {scope} is {self._guard.gate.scopes.circuit(scope).state} now")
