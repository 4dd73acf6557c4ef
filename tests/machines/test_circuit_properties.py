"""Whatever happens in whatever order, one breaker keeps its promises, over any number of lives.

Two breakers see the same events. One lives through them all; the other dies at any moment
and comes back from JSON. What must never happen is judged from what was told alone.
"""

from collections.abc import Callable
from random import Random

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
)

from tests.machines.guards import SCOPE, START, S, remembered, through_json
from tests.machines.judge import Judge
from tests.machines.test_circuit import LEGAL
from verifill.machines.breaker import Breaker
from verifill.machines.circuit import Circuit
from verifill.machines.circuit_memory import UNCONDITIONAL, CircuitMemory
from verifill.machines.saved import handed_over, taken_back
from verifill.machines.tally import Answer
from verifill.machines.thresholds import Thresholds

LIMITS = Thresholds(trial_probes=2)
ACTORS = st.sampled_from(["Ann", "ann ", "Bo", ""])
CONDITIONS = st.sampled_from(["clock", "data"])


class TwoLives(RuleBasedStateMachine):
    """The same events for a breaker that lives on, and for one that dies and comes back."""

    def __init__(self) -> None:
        super().__init__()
        self.judge, self.judge_again = Judge(), Judge()
        self.one = Circuit(SCOPE, LIMITS, self.judge)
        self.other = Circuit(SCOPE, LIMITS, self.judge_again)
        self.now_ns = START

    @initialize(state=st.sampled_from(Breaker), stands=st.booleans())
    def begins_anywhere(self, state: Breaker, *, stands: bool) -> None:
        conditions = ("clock",) if stands and state not in UNCONDITIONAL else ()
        memory = remembered(state, *conditions)
        self.one = Circuit(SCOPE, LIMITS, self.judge, memory)
        self.other = Circuit(SCOPE, LIMITS, self.judge_again, memory)
        for judge in (self.judge, self.judge_again):
            judge.now_ns = START
            judge.find(SCOPE, state, "ann", START)

    def both(self, do: Callable[[Circuit], object]) -> object:
        """Do it to both; they must answer alike."""
        first, second = do(self.one), do(self.other)

        assert first == second
        return first

    @rule(step_s=st.sampled_from([-61, 1, 60, 901]))
    def time_passes(self, step_s: int) -> None:
        self.now_ns += step_s * S
        for judge in (self.judge, self.judge_again):
            judge.now_ns += step_s * S

    @rule()
    def dies_and_comes_back(self) -> None:
        state = through_json(handed_over(self.other.memory))
        memory = taken_back(CircuitMemory, state, "the breaker")
        self.other = Circuit(SCOPE, LIMITS, self.judge_again, memory)

    @rule(gentle=st.booleans(), answer=st.sampled_from([None, *Answer]))
    def sends(self, answer: Answer | None, *, gentle: bool) -> None:
        """An order, if it is let through; its outcome may come at once or much later."""
        free = self.judge.of(SCOPE) in {"CLOSED", *(["HALF_OPEN.TRIAL"] if gentle else [])}
        denied = self.both(lambda one: one.deny(gentle=gentle, now_ns=self.now_ns))

        assert free == (denied == "")
        if not denied:
            self.both(lambda one: one.take())
            assert "HALF_OPEN.TRIAL" != self.judge.of(SCOPE)
        if answer and not denied:
            self.answers(answer)

    @rule(answer=st.sampled_from(Answer))
    def answers(self, answer: Answer) -> None:
        self.both(lambda one: one.report(answer, now_ns=self.now_ns, reason="said"))

    @rule()
    def fails(self) -> None:
        for _ in range(LIMITS.failures_in_row):
            self.answers(Answer.FAILED)

    @rule(said=st.sampled_from(["", "", "503"]), wait=st.booleans())
    def probes(self, said: str, *, wait: bool) -> None:
        if wait:
            self.time_passes(901)
        due = self.both(lambda one: one.probe_due(self.now_ns))
        calls: list[int] = []

        def call() -> str:
            calls.append(1)
            return said

        self.both(lambda one: one.probe(call, self.now_ns))
        assert (2 if due else 0) == len(calls)

    @rule()
    def breaks_off_a_probe(self) -> None:
        """The process dies in a probe: both lives begin again with what was told of it."""

        def die() -> str:
            raise KeyboardInterrupt

        for one in (self.one, self.other):
            try:
                one.probe(die, self.now_ns)
            except KeyboardInterrupt:
                continue

    @rule()
    def begins_a_new_life(self) -> None:
        self.both(lambda one: one.recover(self.now_ns))

    @rule(condition=CONDITIONS)
    def stands(self, condition: str) -> None:
        self.both(lambda one: one.stand(condition, "it stands"))

    @rule(condition=CONDITIONS)
    def lifts(self, condition: str) -> None:
        self.both(lambda one: one.lift(condition))

    @rule()
    def holds(self) -> None:
        self.both(lambda one: one.hold("slippage", "beyond"))

    @rule()
    def latches(self) -> None:
        self.both(lambda one: one.latch("duplicate", "twice"))

    @rule(actor=ACTORS)
    def an_operator_resets(self, actor: str) -> None:
        self.both(lambda one: one.reset(actor, "looked at it"))

    @invariant()
    def both_lives_are_alike(self) -> None:
        assert handed_over(self.one.memory) == handed_over(self.other.memory)
        assert self.judge.changes == self.judge_again.changes

    @invariant()
    def the_state_is_what_was_told(self) -> None:
        assert self.one.state == self.judge.of(SCOPE)


TestTwoLives = TwoLives.TestCase


def step(lives: TwoLives, chance: Random) -> None:
    """Any one of the rules, each as likely as the other."""
    condition = chance.choice(["clock", "data"])
    rules: list[Callable[[], None]] = [
        lambda: lives.sends(chance.choice(list(Answer)), gentle=True),
        lambda: lives.sends(None, gentle=True),
        lambda: lives.answers(chance.choice(list(Answer))),
        lives.fails,
        lambda: lives.probes(chance.choice(["", "503"]), wait=True),
        lambda: lives.stands(condition),
        lambda: lives.lifts(condition),
        lives.holds,
        lives.latches,
        lambda: lives.an_operator_resets(chance.choice(["Ann", "Bo"])),
        lives.dies_and_comes_back,
    ]
    chance.choice(rules)()


def test_the_rules_reach_every_row_and_so_prove_something_of_each() -> None:
    chance = Random(1)
    seen: set[tuple[str, str]] = set()
    for _ in range(200):
        for state in Breaker:
            lives = TwoLives()
            lives.begins_anywhere(state, stands=chance.random() < 0.5)
            for _ in range(8):
                step(lives, chance)
            seen.update((change.source, change.event) for change in lives.judge.changes)

    assert set() == {(str(state), str(event)) for state, event in LEGAL} - seen
