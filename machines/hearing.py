"""What people say to a live engine, and where it waits for them.

HELD, STRANDED and HALTED are left by an operator alone; some commands apply in every state.
Each answers with what was done, or why it was not.
"""

from abc import abstractmethod
from collections.abc import Mapping

from verifill.engine.clock import SLICE_NS
from verifill.engine.commands import GLOBAL, Command, CommandName
from verifill.engine.errors import NotObserved
from verifill.engine.log.live import LiveLog
from verifill.machines.full_loop import Full, FullEvent
from verifill.machines.guarding import Guard
from verifill.machines.loop import FullLoop
from verifill.machines.operator import Handler, Operators, Reply, refusal
from verifill.machines.recovering import Recovering
from verifill.machines.strategy import Fate
from verifill.machines.tight_loop import TightEvent
from verifill.venues.orders import Outcome, Receipt


class Hearing(FullLoop):
    """A full loop that hears operators; made whole by `LiveLoop`."""

    _log: LiveLog
    _operators: Operators
    _recovering: Recovering
    _guard: Guard
    _killed: str
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
        self.manager.leg.receipt = receipt = Receipt(Outcome.ABSENT, reason=reason)
        self._guard.queried(self.manager.leg, receipt)
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
        self.report_lapsed()
        self._because(f"settled by hand, says {command.actor}: {command.reason}")
        self._records.remember()
        return Reply("settled; the engine is halted until it is resumed", FullEvent.SETTLED)

    def _resume(self, command: Command) -> Reply:
        """Out of HALTED; trading goes back by one step, from nothing to what reduces risk."""
        if command.arguments["scope"] != GLOBAL:
            return self._widen(command)
        if latched := self._guard.latched:
            return refusal(latched)
        self._guard.ease(command.actor, command.reason)
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
        monitor.restore(reading.totals, monitor.bases, reading.as_of_ns)
        monitor.settle({}, {}, {}, reading.as_of_ns)
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
        self._guard.kill(command.actor, command.reason)
        if self._machine.state != Full.HALTED:  # where the log says so already
            self._records.remember()
        return Reply("nothing more is sent; the engine halts after what is under way")

    def _widen(self, command: Command) -> Reply:
        """Widen what a scope may send by one step."""
        scope = command.arguments["scope"]
        if scope == GLOBAL and self._killed:
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
