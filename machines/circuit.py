"""One circuit breaker: what its table runs on.

It counts the calls of its scope, keeps the conditions that stand and the causes that opened
it, and fires the events; where they lead is the table's business. It never calls a venue:
it says when a probe is due, and a probe is handed in.
"""

from collections.abc import Callable
from typing import Any
from unicodedata import normalize

from attrs import evolve

from verifill.engine.clock import NANOSECONDS
from verifill.engine.errors import EngineDefect, EnvironmentDefect
from verifill.machines.breaker import BREAKER, Breaker, BreakerEvent
from verifill.machines.changes import Running, Tell
from verifill.machines.circuit_memory import COOLING, COUNTING, LATCHED, CircuitMemory
from verifill.machines.tally import Answer, Tally
from verifill.machines.thresholds import Thresholds

INFRASTRUCTURE = "infrastructure"
THROTTLE = "throttle"

Probe = Callable[[], str]
"""A read-only call: why the venue is not well, or empty. What it raises counts as a reason."""

WAITING = LATCHED | {Breaker.OPEN_HELD}

HINTS = {
    Breaker.OPEN_BLOCKED: "it closes when that is over",
    Breaker.OPEN_HELD: "an operator must reset it",
    Breaker.HALF_OPEN_PROBE: "it is being probed",
    Breaker.HALF_OPEN_TRIAL: "the next order must be of least size or reduce-only; "
    "without one, more probes close it",
    Breaker.HALF_OPEN_TRIED: "the outcome of one order is awaited",
    Breaker.LATCHED_LOCKED: "two different operators must reset it",
    Breaker.LATCHED_RELEASING: "a second operator must reset it",
}


class Circuit:
    """The breaker of one scope.

    Args:
        scope: what it guards.
        limits: when it opens.
        tell: told of every change before it takes effect.
        memory: what it remembered in an earlier life.

    Attributes:
        scope: what it guards.
        memory: what it remembers now.
    """

    def __init__(
        self, scope: str, limits: Thresholds, tell: Tell, memory: CircuitMemory | None = None
    ) -> None:
        self.scope = scope
        self.memory = memory or CircuitMemory()
        self._limits = limits
        self._running = Running(BREAKER, scope, tell)

    @property
    def state(self) -> Breaker:
        """Where it is."""
        return self.memory.state

    # What may pass, and what came of it.

    def deny(self, *, gentle: bool, now_ns: int) -> str:
        """Why an order must not be sent, or empty; it changes nothing.

        Args:
            gentle: of least size, or reduce-only, or a cancel.
            now_ns: steady time.
        """
        state = self.state
        if state is Breaker.CLOSED or (state is Breaker.HALF_OPEN_TRIAL and gentle):
            return ""
        why = "; ".join([*self.memory.causes.values(), *self.memory.conditions.values()])
        return f"breaker {self.scope} is {state}: {why}; {self._hint(now_ns)}"

    def take(self) -> None:
        """An order that was not denied is about to be sent; its outcome must be reported."""
        if self.state is Breaker.HALF_OPEN_TRIAL:
            self._fire(BreakerEvent.TRIED, "one order is let through")

    def report(self, answer: Answer, *, now_ns: int, reason: str = "", wait_ns: int = 0) -> None:
        """What came of a call.

        Args:
            answer: what it says of the infrastructure.
            now_ns: steady time.
            reason: the venue's words.
            wait_ns: how long the venue said to stay away; 0 if it did not.
        """
        if self.state is Breaker.HALF_OPEN_TRIED:
            self._judge(answer, now_ns, reason, wait_ns)
        elif self.state in COUNTING and answer is not Answer.UNSENT:
            self._count(answer, now_ns, reason, wait_ns)

    def recover(self, now_ns: int) -> None:
        """A new life: an order whose outcome nobody will report any more has failed."""
        if self.state is Breaker.HALF_OPEN_TRIED:
            self._judge(Answer.FAILED, now_ns, "the process ended before its outcome", 0)

    # What opens and closes it.

    def stand(self, condition: str, reason: str) -> None:
        """A condition stands; while it does, nothing is sent."""
        if condition not in self.memory.conditions:
            self._fire(
                BreakerEvent.BLOCKED,
                reason,
                conditions={**self.memory.conditions, condition: reason},
            )

    def lift(self, condition: str) -> None:
        """A condition is over."""
        if condition in self.memory.conditions:
            left = {name: why for name, why in self.memory.conditions.items() if name != condition}
            event = BreakerEvent.EASED if left else BreakerEvent.CLEARED
            self._fire(event, f"{condition} is over", conditions=left)

    def hold(self, cause: str, reason: str) -> None:
        """A limit was breached: an operator must reset it."""
        self._shut(BreakerEvent.HELD, cause, reason)

    def latch(self, cause: str, reason: str) -> None:
        """What must never happen has happened: two different operators must reset it."""
        self._shut(BreakerEvent.LATCHED, cause, reason)

    def reset(self, actor: str, reason: str) -> str:
        """An operator resets it; the first of two if it is LATCHED.

        Returns:
            Why that is refused, which was told; or empty.
        """
        refusal = self._no_reset(actor, reason)
        if refusal:
            self._running.refuse(
                self.state, BreakerEvent.RESET, f"{refusal}; said: {reason}", actor
            )
        elif self.state is Breaker.LATCHED_LOCKED:
            self._fire(BreakerEvent.CONSENTED, reason, actor, consent=actor)
        else:
            blocked = bool(self.memory.conditions)
            event = BreakerEvent.RESET_BLOCKED if blocked else BreakerEvent.RESET
            self._fire(event, reason, actor, causes={}, consent="", tally=Tally())
        return refusal

    # The probe.

    def probe_due(self, now_ns: int) -> bool:
        """Whether it waits for a probe and for nothing else."""
        if self.state is Breaker.OPEN_COOLING and not self.memory.conditions:
            return now_ns - self.memory.since_ns >= self.memory.cooldown_ns
        if self.state is Breaker.HALF_OPEN_TRIAL and self._limits.trial_probes:
            return now_ns - self.memory.since_ns >= self.memory.cooldown_ns
        return self.state is Breaker.HALF_OPEN_PROBE

    def probe(self, call: Probe, now_ns: int) -> str:
        """Probe it, if that is due.

        Returns:
            Why it stays open, or empty.
        """
        if not self.probe_due(now_ns):
            return f"breaker {self.scope} is {self.state}: no probe is due"
        if self.state is Breaker.OPEN_COOLING:
            self._fire(BreakerEvent.COOLED, "the cool-down has passed")
        state, problem = self.state, _asked(call)
        if self.state is not state:
            return f"breaker {self.scope} became {self.state} while it was probed"
        if problem:
            doubled_ns = self._limits.cooldown_after_ns(self.memory.cooldown_ns)
            self._cool(BreakerEvent.PROBE_FAILED, problem, now_ns, doubled_ns)
        else:
            self._passed(now_ns)
        return problem

    def _passed(self, now_ns: int) -> None:
        """A probe was answered; enough of them while no order tries it close it."""
        tries = self.state is Breaker.HALF_OPEN_TRIAL
        passes = self.memory.passes + 1 if tries else 0
        if tries and passes >= self._limits.trial_probes:
            self._fire(BreakerEvent.PROVEN, f"{passes} probes more were answered", causes={})
        else:
            told = "the probe was answered"
            self._fire(BreakerEvent.PROBE_PASSED, told, since_ns=now_ns, passes=passes)

    # What they are made of.

    def _fire(self, event: BreakerEvent, reason: str, actor: str = "", **parts: Any) -> None:  # noqa: ANN401 - parts of the memory
        """Told first, then moved: a change that cannot be logged does not happen."""
        state = Breaker(self._running.fire(self.state, event, reason, actor))
        if state not in COOLING:
            parts["cooldown_ns"] = 0
        if state is not Breaker.HALF_OPEN_TRIAL:
            parts["passes"] = 0
        if state is Breaker.LATCHED_LOCKED:
            parts["consent"] = ""
        self.memory = evolve(self.memory, state=state, **parts)

    def _shut(self, event: BreakerEvent, cause: str, reason: str) -> None:
        self._fire(event, reason, causes={**self.memory.causes, cause: reason})

    def _cool(self, event: BreakerEvent, reason: str, now_ns: int, cooldown_ns: int) -> None:
        self._fire(
            event,
            reason,
            since_ns=now_ns,
            cooldown_ns=cooldown_ns,
            causes={INFRASTRUCTURE: reason},
            tally=Tally(),
        )

    def _judge(self, answer: Answer, now_ns: int, reason: str, wait_ns: int) -> None:
        """What the one order says that was let through."""
        if answer is Answer.UNSENT:
            self._fire(BreakerEvent.UNTRIED, reason or "it was not sent after all")
        elif answer is Answer.ANSWERED:
            self._fire(BreakerEvent.TRIAL_PASSED, "the venue answered", causes={})
        else:
            doubled_ns = self._limits.cooldown_after_ns(self.memory.cooldown_ns)
            self._cool(
                BreakerEvent.TRIAL_FAILED,
                reason or f"the trial {answer.lower()}",
                now_ns,
                max(doubled_ns, wait_ns),
            )

    def _count(self, answer: Answer, now_ns: int, reason: str, wait_ns: int) -> None:
        failed = answer is not Answer.ANSWERED
        tally = self.memory.tally.plus(failed=failed, now_ns=now_ns, limits=self._limits)
        barred = answer is Answer.BARRED or wait_ns > 0
        why = "the venue bars us" if barred else tally.verdict(self._limits)
        if why:
            told = f"{why}, the last: {reason}" if reason else why
            first_ns = self._limits.cooldown_s * NANOSECONDS
            self._cool(BreakerEvent.TRIPPED, told, now_ns, max(first_ns, wait_ns))
        else:
            self.memory = evolve(self.memory, tally=tally)

    def _no_reset(self, actor: str, reason: str) -> str:
        """Why an operator may not reset it, or empty."""
        if not actor.strip() or not reason.strip():
            return "an operator must give a name and a reason"
        if self.state not in WAITING:
            return (
                f"breaker {self.scope} is {self.state}: there is nothing for an operator to reset"
            )
        if self.memory.consent and _same(actor, self.memory.consent):
            return f"{self.memory.consent} was the first; the second must be another operator"
        named = self._limits.named_persons
        if THROTTLE in self.memory.causes and named and not any(_same(actor, one) for one in named):
            return f"{actor} may not reset a throttle; allowed are {', '.join(named)}"
        return ""

    def _hint(self, now_ns: int) -> str:
        """What it waits for."""
        if self.state is not Breaker.OPEN_COOLING:
            return HINTS[self.state]
        left_ns = max(0, self.memory.since_ns + self.memory.cooldown_ns - now_ns)
        return f"a probe is due in {-(-left_ns // NANOSECONDS)} s"


def _asked(call: Probe) -> str:
    """What a probe says; whatever goes wrong on the way is a reason too."""
    try:
        return call()
    except (EngineDefect, EnvironmentDefect):
        raise
    except Exception as error:  # noqa: BLE001 - no answer is an answer here
        return repr(error)


def _same(one: str, other: str) -> bool:
    """Whether two names are of one person: spaces and capitals make no second one."""
    return _bare(one) == _bare(other)


def _bare(name: str) -> str:
    return " ".join(normalize("NFKC", name).casefold().split())
