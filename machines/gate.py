"""The gate: whether an order may be sent, asked before each send and told what came of it.

    reason = gate.may_send(sending, now_ns)     # a reason is the tight loop's `denied`
    ... send ...
    gate.outcome(sending, Answer.ANSWERED, now_ns)

Nothing here sends, waits or reads a clock. Every permission is followed by exactly one
outcome. A scope that is not spoken of has a breaker that is CLOSED.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from verifill.engine.clock import NANOSECONDS
from verifill.machines.changes import Tell
from verifill.machines.circuit import THROTTLE, Circuit, Probe
from verifill.machines.circuit_memory import LATCHED
from verifill.machines.gate_memory import GateMemory, Unknown
from verifill.machines.limits import HOLDING, Alarm, Limit, breach
from verifill.machines.saved import handed_over, taken_back
from verifill.machines.scopes import GLOBAL, Scopes, account_scope, strategy_scope, venue_scope
from verifill.machines.sending import Purpose, Sending
from verifill.machines.tally import Answer
from verifill.machines.thresholds import MILLISECONDS_NS, Thresholds
from verifill.machines.trading import Trading
from verifill.machines.trading_state import TradingState

CLOCK_OFFSET = "clock_offset"
STALE_DATA = "stale_data"
UNMEASURED = "unmeasured"


class Gate:
    """All breakers and trading states of a run.

    Args:
        limits: when they open and narrow.
        tell: told of every change before it takes effect.
        memory: what the gate remembered in an earlier life.

    Attributes:
        scopes: breakers and trading states, and an operator's commands.
    """

    def __init__(self, limits: Thresholds, tell: Tell, memory: GateMemory | None = None) -> None:
        memory = memory or GateMemory()
        self.scopes = Scopes(limits, tell, memory.breakers, memory.trading)
        self._limits = limits
        self._time = memory.time
        self._unknown = dict(memory.unknown)
        self._margins = dict(memory.margins)
        self._naked_ns = dict(memory.naked_ns)
        self._sends_ns = dict(memory.sends_ns)
        self._away_ns = dict(memory.away_ns)

    @classmethod
    def restored(cls, limits: Thresholds, tell: Tell, state: object) -> "Gate":
        """The gate of an earlier life.

        Raises:
            StateError: the state is not what `state` hands over.
        """
        return cls(limits, tell, taken_back(GateMemory, state, "the gate"))

    def state(self) -> dict[str, Any]:
        """What it remembers, as plain values for JSON."""
        return handed_over(self.memory)

    @property
    def memory(self) -> GateMemory:
        """What it remembers now."""
        scopes = self.scopes
        return GateMemory(
            time=self._time,
            breakers={scope: one.memory for scope, one in scopes.circuits.items()},
            trading={scope: one.memory for scope, one in scopes.tradings.items()},
            unknown=dict(self._unknown),
            margins=dict(self._margins),
            naked_ns=dict(self._naked_ns),
            sends_ns=dict(self._sends_ns),
            away_ns=dict(self._away_ns),
        )

    def recover(self, clock_ns: int) -> None:
        """A new life begins: what was let through to try a venue has no outcome any more."""
        now_ns = self.advance(clock_ns)
        for circuit in self.scopes.circuits.values():
            circuit.recover(now_ns)

    # Before and after a send.

    def may_send(self, sending: Sending, clock_ns: int) -> str:
        """Why an order must not be sent now; if empty, it may, and its outcome must follow."""
        now_ns = self.advance(clock_ns)
        circuits = list(self._circuits(sending))
        denials = [one.deny(sending.purpose) for one in self._tradings(sending)]
        denials += [one.deny(gentle=sending.gentle, now_ns=now_ns) for one in circuits]
        reason = "; ".join(denial for denial in denials if denial)
        if not reason and sending.purpose is not Purpose.CANCEL:
            reason = self._throttle(sending.strategy, now_ns)
        if not reason:
            for circuit in circuits:
                circuit.take()
        return reason

    def outcome(
        self,
        sending: Sending,
        answer: Answer,
        clock_ns: int,
        *,
        reason: str = "",
        wait_ns: int = 0,
    ) -> None:
        """What came of an order that was let through.

        Args:
            sending: the order.
            answer: what it says of the infrastructure; a refusal is an answer.
            clock_ns: when.
            reason: the venue's words.
            wait_ns: how long the venue said to stay away; 0 if it did not.
        """
        now_ns = self.advance(clock_ns)
        sends_ns = self._sends_ns.get(sending.strategy)
        if sends_ns and answer is Answer.UNSENT and sending.purpose is not Purpose.CANCEL:
            self._sends_ns[sending.strategy] = sends_ns[:-1]
        circuit = self.scopes.circuit(venue_scope(sending.venue, sending.operation))
        circuit.report(answer, now_ns=now_ns, reason=reason, wait_ns=wait_ns)

    # For how long to stay away.

    def stay_away(self, venue: str, wait_ns: int, clock_ns: int) -> None:
        """A venue said for how long it is not to be called; a later word shortens nothing."""
        until_ns = self.advance(clock_ns) + wait_ns
        self._away_ns[venue] = max(until_ns, self._away_ns.get(venue, 0))

    @property
    def away(self) -> bool:
        """Whether some venue has said so, and is not known to be back."""
        return bool(self._away_ns)

    def away_ns(self, clock_ns: int) -> int:
        """For how long still some venue is not to be called."""
        return max(0, max(self._away_ns.values(), default=0) - self.advance(clock_ns))

    def back(self, clock_ns: int) -> tuple[str, ...]:
        """The venues that may be called again, each told once."""
        now_ns = self.advance(clock_ns)
        back = tuple(venue for venue, until_ns in self._away_ns.items() if until_ns <= now_ns)
        for venue in back:
            del self._away_ns[venue]
        return back

    # What is seen of the world.

    def raise_alarm(self, alarm: Alarm, account: str, reason: str) -> None:
        """What must not happen has happened: on one account, the engine stops or reduces."""
        if alarm is Alarm.MISMATCH:
            self.scopes.trading(account_scope(account)).reduce(alarm, reason)
        else:
            self.scopes.circuit(GLOBAL).latch(alarm, f"{alarm} on {account}: {reason}")

    def unknown(self, intent: str, account: str, clock_ns: int) -> None:
        """The outcome of an order is unknown; it blocks the account if it stays so."""
        now_ns = self.advance(clock_ns)
        self._unknown.setdefault(intent, Unknown(account=account, since_ns=now_ns))

    def resolved(self, intent: str, clock_ns: int) -> None:
        """The outcome of an order is known."""
        self.advance(clock_ns)
        order = self._unknown.pop(intent, None)
        if order is not None:
            self.scopes.circuit(account_scope(order.account)).lift(_unknown(intent))

    def clock_offset(self, offset_ns: int) -> None:
        """How far our clock is from the true time, either way."""
        most_ms = self._limits.clock_offset_max_ms
        self._condition(
            GLOBAL,
            CLOCK_OFFSET,
            f"the clock is off by {offset_ns} ns, more than {most_ms} ms"
            if abs(offset_ns) > most_ms * MILLISECONDS_NS
            else "",
        )

    def stale(self, strategy: str, reason: str) -> None:
        """Why the market data of a strategy is not of now, or empty: what `Feeds` answers."""
        self._condition(strategy_scope(strategy), STALE_DATA, reason)

    def unmeasured(self, strategy: str, reason: str, what: str = UNMEASURED) -> None:
        """Why figures that have a limit cannot be measured, or empty."""
        self._condition(strategy_scope(strategy), what, reason)

    def margins(self, strategy: str, told: Mapping[str, Decimal], clock_ns: int) -> None:
        """Hold all margins against their limit; one that carries nothing any more is forgotten."""
        self._margins = {name: last for name, last in self._margins.items() if name in told}
        for account, value in told.items():
            self.measure(Limit.MARGIN, strategy, value, clock_ns, of=account)

    def measure(
        self, limit: Limit, name: str, value: Decimal, clock_ns: int, *, of: str = ""
    ) -> None:
        """Hold a figure against its limit.

        Args:
            limit: which.
            name: of the account for suspense, of the strategy for the others.
            value: in the limit's unit, exact.
            clock_ns: when.
            of: what it is a figure of, where a strategy has several.
        """
        now_ns = self.advance(clock_ns)
        reason = breach(limit, value, self._limits, of)
        if limit is Limit.NAKED_DELTA:
            if not self._lasts(_naked(name, of), reason, now_ns):
                return
            reason += f" for more than {self._limits.naked_delta_s} s"
        if limit is Limit.MARGIN and not self._thinner(of, value, reason):
            return
        scope = account_scope(name) if limit is Limit.SUSPENSE else strategy_scope(name)
        holding = limit in HOLDING
        guard = self.scopes.circuit(scope) if holding else self.scopes.trading(scope)
        if reason and limit not in guard.memory.causes:  # it is told of once
            if limit is Limit.MARGIN:
                self._margins[of] = value
            guard.hold(limit, reason) if isinstance(guard, Circuit) else guard.reduce(limit, reason)

    def excuse_naked(self, strategy: str) -> None:
        """Count from now on how long what is unhedged is beyond its limit."""
        kept = self._naked_ns.items()
        self._naked_ns = {k: ns for k, ns in kept if not k.startswith(_naked(strategy, ""))}

    def advance(self, clock_ns: int) -> int:
        """Let time count, up to now; what is unknown for too long blocks its account.

        Returns:
            Steady time in nanoseconds.
        """
        self._time = self._time.at(clock_ns)
        now_ns, most_s = self._time.now_ns, self._limits.unknown_max_s
        for intent, order in self._unknown.items():
            if now_ns - order.since_ns > most_s * NANOSECONDS:
                reason = f"the outcome of {intent} is unknown for more than {most_s} s"
                self.scopes.circuit(account_scope(order.account)).stand(_unknown(intent), reason)
        return now_ns

    # Probes.

    def due(self, clock_ns: int) -> tuple[str, ...]:
        """The scopes that wait for a probe, and for nothing else."""
        now_ns = self.advance(clock_ns)
        circuits = self.scopes.circuits
        return tuple(scope for scope, one in circuits.items() if one.probe_due(now_ns))

    def probe(self, scope: str, call: Probe, clock_ns: int) -> str:
        """Probe a scope with a read-only call, if that is due; why it stays open, or empty."""
        return self.scopes.circuit(scope).probe(call, self.advance(clock_ns))

    # What it comes to.

    def trading_state(self, account: str, strategy: str) -> TradingState:
        """How far an order may go as things stand, the narrowest of all that concern it."""
        latched = any(
            self.scopes.circuit(scope).state in LATCHED for scope in _scopes(account, strategy)
        )
        order = list(TradingState)
        states = [self.scopes.trading(scope).state for scope in _scopes(account, strategy)]
        return TradingState.HALTED if latched else max(states, key=order.index)

    # What they are made of.

    def _circuits(self, sending: Sending) -> Iterator[Circuit]:
        """The breakers that an order must pass; a cancel only that of its own operation."""
        yield self.scopes.circuit(venue_scope(sending.venue, sending.operation))
        if sending.purpose is not Purpose.CANCEL:
            for scope in _scopes(sending.account, sending.strategy):
                yield self.scopes.circuit(scope)

    def _tradings(self, sending: Sending) -> Iterator[Trading]:
        """The trading states that an order must pass; a cancel passes them all."""
        if sending.purpose is Purpose.CANCEL:
            return
        for scope in _scopes(sending.account, sending.strategy):
            yield self.scopes.trading(scope)

    def _throttle(self, strategy: str, now_ns: int) -> str:
        """Count a send; if it is one too many, hold the strategy and say so."""
        most, period_s = self._limits.executions_max, self._limits.executions_period_s
        if most is None:
            return ""
        oldest_ns = now_ns - period_s * NANOSECONDS
        sends_ns = tuple(one for one in self._sends_ns.get(strategy, ()) if one > oldest_ns)
        if len(sends_ns) < most:
            self._sends_ns[strategy] = (*sends_ns, now_ns)
            return ""
        circuit = self.scopes.circuit(strategy_scope(strategy))
        circuit.hold(THROTTLE, f"{most} sends within {period_s} s")
        self._sends_ns[strategy] = ()  # counted anew after an operator's reset
        return circuit.deny(gentle=False, now_ns=now_ns)

    def _lasts(self, naked: str, reason: str, now_ns: int) -> bool:
        """Whether an unhedged amount has been beyond its limit for too long."""
        if not reason:
            self._naked_ns.pop(naked, None)
            return False
        since_ns = self._naked_ns.setdefault(naked, now_ns)
        return now_ns - since_ns > self._limits.naked_delta_s * NANOSECONDS

    def _thinner(self, account: str, value: Decimal, reason: str) -> bool:
        """Whether a margin that is too thin is thinner than when it was told of, and resumed."""
        if not reason:
            self._margins.pop(account, None)
            return False
        last = self._margins.get(account)
        return last is None or value < last

    def _condition(self, scope: str, condition: str, reason: str) -> None:
        circuit = self.scopes.circuit(scope)
        if reason:
            circuit.stand(condition, reason)
        else:
            circuit.lift(condition)


def _scopes(account: str, strategy: str) -> tuple[str, ...]:
    """The scopes that an order belongs to beside its venue's, the widest first."""
    return GLOBAL, account_scope(account), strategy_scope(strategy)


def _naked(strategy: str, asset: str) -> str:
    return f"{strategy}:{asset}"


def _unknown(intent: str) -> str:
    return f"unknown:{intent}"
