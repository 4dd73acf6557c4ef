"""Whatever happens in whatever order, the gate keeps its promises, over any number of lives.

Two gates see the same events. One lives through them all; the other dies at any moment and
comes back from JSON. What must never happen is judged from what was told alone.
"""

from collections.abc import Callable
from decimal import Decimal

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.machines.guards import SCOPE, START, S, remembered, sending, through_json
from tests.machines.judge import Judge
from verifill.machines.breaker import Breaker
from verifill.machines.gate import Gate
from verifill.machines.gate_memory import GateMemory
from verifill.machines.limits import Alarm, Limit
from verifill.machines.scopes import GLOBAL
from verifill.machines.sending import Purpose, Sending
from verifill.machines.steady import SteadyTime
from verifill.machines.tally import Answer
from verifill.machines.thresholds import Thresholds

ACCOUNT, STRATEGY = "account:binance.spot", "strategy:carry"
SCOPES = st.sampled_from([SCOPE, ACCOUNT, STRATEGY, GLOBAL])
ACTORS = st.sampled_from(["Ann", "ann ", "Bo", ""])
LIMITS = Thresholds(
    failures_in_row=2,
    calls_min=4,
    suspense_max=Decimal(1),
    slippage_max=Decimal(1),
    daily_loss_max=Decimal(1),
    margin_min=Decimal(1),
    naked_delta_max=Decimal(1),
    executions_max=5,
    executions_period_s=600,
    named_persons=("Ann",),
)
SENDINGS = st.builds(sending, st.sampled_from(Purpose), least=st.booleans())
FORBIDDEN = {
    Purpose.OPEN: {"REDUCING", "HALTED"},
    Purpose.REDUCE: {"HALTED"},
    Purpose.CANCEL: set[str](),
}
STEPS_S = st.sampled_from([-100_000, -61, -1, 0, 1, 59, 60, 61, 121, 300, 901, 100_000])


def passes(judge: Judge, order: Sending) -> bool:
    """Whether nothing that was told forbids an order."""
    beside = [] if order.purpose is Purpose.CANCEL else [ACCOUNT, STRATEGY, GLOBAL]
    fine = {"CLOSED", "HALF_OPEN.TRIAL"} if order.gentle else {"CLOSED"}
    trading = {judge.trading(scope) for scope in (ACCOUNT, STRATEGY, GLOBAL)}
    return {judge.of(scope) for scope in [SCOPE, *beside]} <= fine and not (
        trading & FORBIDDEN[order.purpose]
    )


class TwoLives(RuleBasedStateMachine):
    """The same events for a gate that lives on, and for one that dies and comes back."""

    def __init__(self) -> None:
        super().__init__()
        self.told, self.told_again = Judge(), Judge()
        self.one, self.other = Gate(LIMITS, self.told), Gate(LIMITS, self.told_again)
        self.clock_ns = START
        self.in_flight: list[Sending] = []

    @initialize(state=st.sampled_from(Breaker), scope=SCOPES)
    def begins_anywhere(self, state: Breaker, scope: str) -> None:
        memory = GateMemory(
            time=SteadyTime(read_ns=START, now_ns=START), breakers={scope: remembered(state)}
        )
        self.one = Gate(LIMITS, self.told, memory)
        self.other = Gate(LIMITS, self.told_again, memory)
        for judge in (self.told, self.told_again):
            judge.now_ns = START
            judge.find(scope, state, "ann", START)

    def both(self, do: Callable[[Gate], object]) -> object:
        """Do it to both; they must answer alike."""
        first, second = do(self.one), do(self.other)

        assert first == second
        return first

    @rule(step_s=STEPS_S)
    def time_passes(self, step_s: int) -> None:
        self.clock_ns += step_s * S
        for told in (self.told, self.told_again):
            told.now_ns += max(0, step_s) * S

    @rule()
    def dies_and_comes_back(self) -> None:
        state = through_json(self.other.state())
        self.other = Gate.restored(LIMITS, self.told_again, state)

    @rule(order=SENDINGS)
    def sends(self, order: Sending) -> None:
        self.both(lambda gate: gate.advance(self.clock_ns))
        before = passes(self.told, order)
        reason = self.both(lambda gate: gate.may_send(order, self.clock_ns))
        if not reason:
            assert before
            self.in_flight.append(order)

    @precondition(lambda self: self.in_flight)
    @rule(answer=st.sampled_from(Answer), wait_s=st.sampled_from([0, 0, 1000]))
    def answers(self, answer: Answer, wait_s: int) -> None:
        order = self.in_flight.pop(0)
        self.both(
            lambda gate: gate.outcome(
                order, answer, self.clock_ns, reason="said", wait_ns=wait_s * S
            )
        )

    @rule(scope=SCOPES, said=st.sampled_from(["", "", "503"]))
    def probes(self, scope: str, said: str) -> None:
        due = self.both(lambda gate: gate.due(self.clock_ns))
        calls: list[int] = []

        def call() -> str:
            calls.append(1)
            return said

        self.both(lambda gate: gate.probe(scope, call, self.clock_ns))
        assert isinstance(due, tuple)
        assert 2 * (scope in due) == len(calls)

    @rule()
    def a_new_life_is_told_to_begin(self) -> None:
        self.both(lambda gate: gate.recover(self.clock_ns))

    @rule(alarm=st.sampled_from(Alarm))
    def alarms(self, alarm: Alarm) -> None:
        self.both(lambda gate: gate.raise_alarm(alarm, "binance.spot", "seen"))

    @rule(intent=st.sampled_from(["k1", "k2"]), known=st.booleans())
    def outcomes(self, intent: str, *, known: bool) -> None:
        if known:
            self.both(lambda gate: gate.resolved(intent, self.clock_ns))
        else:
            self.both(lambda gate: gate.unknown(intent, "binance.spot", self.clock_ns))

    @rule(offset_ms=st.sampled_from([0, 501, -501]), stale=st.sampled_from(["", "silent"]))
    def conditions(self, offset_ms: int, stale: str) -> None:
        self.both(lambda gate: gate.clock_offset(offset_ms * 1_000_000))
        self.both(lambda gate: gate.stale("carry", stale))

    @rule(limit=st.sampled_from(Limit), value=st.sampled_from([0, 1, 2]))
    def measures(self, limit: Limit, value: int) -> None:
        name = "binance.spot" if limit is Limit.SUSPENSE else "carry"
        self.both(lambda gate: gate.measure(limit, name, Decimal(value), self.clock_ns))

    @rule(scope=SCOPES, actor=ACTORS)
    def an_operator_resets(self, scope: str, actor: str) -> None:
        self.both(lambda gate: gate.scopes.reset(scope, actor, "looked at it"))

    @rule(scope=st.sampled_from([ACCOUNT, STRATEGY, GLOBAL]), actor=ACTORS)
    def an_operator_resumes(self, scope: str, actor: str) -> None:
        self.both(lambda gate: gate.scopes.resume(scope, actor, "looked at it"))

    @rule(scope=st.sampled_from([ACCOUNT, STRATEGY, GLOBAL]), kill=st.booleans())
    def an_operator_narrows(self, scope: str, *, kill: bool) -> None:
        if kill:
            self.both(lambda gate: gate.scopes.halt(scope, "Ann", "kill"))
        else:
            self.both(lambda gate: gate.scopes.reduce(scope, "Ann", "calm down"))

    @invariant()
    def both_lives_are_alike(self) -> None:
        assert self.one.state() == self.other.state()
        assert self.told.changes == self.told_again.changes

    @invariant()
    def the_state_is_what_was_told(self) -> None:
        for scope, circuit in self.one.scopes.circuits.items():
            assert circuit.state == self.told.of(scope)


TestTwoLives = TwoLives.TestCase
