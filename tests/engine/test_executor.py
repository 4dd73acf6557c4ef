"""A machine that runs: both executors move, ignore, refuse and record alike."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.tables import sound_tables, table
from verifill.engine.compile import compile_table
from verifill.engine.errors import IllegalEvent, TableError
from verifill.engine.executor import (
    NO_LOG,
    CompiledExecutor,
    Context,
    Executor,
    PathLog,
    TransitionsExecutor,
)
from verifill.engine.paths import Move
from verifill.engine.table import ANYWHERE, AnyTable
from verifill.machines.full_loop import FULL_LOOP

DOOR = table(
    """
    OPEN close SHUT.FREE
    SHUT.FREE open OPEN
    SHUT.FREE lock SHUT.LOCKED
    SHUT.FREE turn SHUT.FREE
    SHUT.LOCKED open_up SHUT
    """,
    initial="OPEN",
    ignored=((ANYWHERE, "turn"),),
)
Told = tuple[int, list[tuple[str, str, str, str]], tuple[int, ...]]


class Memory:
    """A log in memory: each path as its transitions, with what they have in common."""

    def __init__(self) -> None:
        self.told: list[Told] = []
        self.executor: Executor

    def path(self, seq: int, number: int, context: Context) -> None:
        executor = self.executor
        node, steps = executor.paths.nodes[number], list[tuple[str, str, str, str]]()
        states, events = executor.compiled.states, executor.compiled.events
        while node.step:
            step = node.step
            steps.append(
                (states[step.source], events[step.event], states[step.target], step.move.name)
            )
            node = node.parent
        common = (
            context.time_ns, context.tick, context.chain, context.instruction, context.attempt,
        )  # fmt: skip
        self.told.append((seq, steps[::-1], common))

    @property
    def steps(self) -> list[tuple[str, str, str, str]]:
        """All transitions, one after the other."""
        return [step for _, steps, _ in self.told for step in steps]


def compiled(of: AnyTable, log: PathLog) -> Executor:
    return CompiledExecutor(compile_table(of), log)


def transitions(of: AnyTable, log: PathLog) -> Executor:
    return TransitionsExecutor(compile_table(of), log, of)


Make = Callable[[AnyTable, PathLog], Executor]
BOTH = pytest.mark.parametrize("make", [compiled, transitions])


def running(make: Make, of: AnyTable = DOOR) -> tuple[Executor, Memory]:
    memory = Memory()
    memory.executor = make(of, memory)
    return memory.executor, memory


@BOTH
def test_it_starts_in_the_initial_leaf(make: Make) -> None:
    executor, _ = running(make)

    assert ("OPEN", 0) == (executor.state, executor.seq)


@BOTH
def test_an_event_moves_it_and_counts(make: Make) -> None:
    executor, _ = running(make)
    executor.fire("close")
    executor.fire("lock")

    assert ("SHUT.LOCKED", 2) == (executor.state, executor.seq)


@BOTH
def test_a_repeat_is_recorded_and_moves_nothing(make: Make) -> None:
    executor, memory = running(make)
    executor.fire("turn")
    executor.cut()

    assert ("OPEN", 1) == (executor.state, executor.seq)
    assert [("OPEN", "turn", "OPEN", "IGNORED")] == memory.steps


@BOTH
def test_a_move_to_the_same_leaf_is_no_repeat(make: Make) -> None:
    executor, memory = running(make)
    executor.fire("close")
    executor.fire("turn")
    executor.cut()

    assert ("SHUT.FREE", "turn", "SHUT.FREE", "MOVED") == memory.steps[-1]


@BOTH
def test_an_illegal_event_raises_is_recorded_and_leaves_the_state(make: Make) -> None:
    executor, memory = running(make)
    executor.fire("close")

    with pytest.raises(IllegalEvent, match="small has no row for event 'open_up'") as raised:
        executor.fire("open_up")

    error = raised.value
    assert ("small", "SHUT.FREE", "open_up") == (error.machine, error.state, error.event)
    assert {"open", "lock", "turn"} == set(error.legal)
    assert ("SHUT.FREE", 2) == (executor.state, executor.seq)
    assert ("SHUT.FREE", "open_up", "SHUT.FREE", "REFUSED") == memory.steps[-1]


@BOTH
def test_after_a_refusal_it_goes_on_and_numbers_go_on_too(make: Make) -> None:
    executor, memory = running(make)
    for _ in range(2):
        with pytest.raises(IllegalEvent):
            executor.fire("open")
    executor.fire("close")
    executor.cut()

    assert [1, 2, 3] == [seq for seq, _, _ in memory.told]
    assert ["REFUSED", "REFUSED", "MOVED"] == [move for *_, move in memory.steps]
    assert "SHUT.FREE" == executor.state


@BOTH
def test_an_event_that_no_machine_has_is_told_apart_from_an_illegal_one(make: Make) -> None:
    executor, memory = running(make)

    with pytest.raises(TableError, match="'explode'"):
        executor.fire("explode")

    executor.cut()
    assert ("OPEN", []) == (executor.state, memory.steps)


@BOTH
def test_a_cut_ends_a_path_and_what_follows_has_a_context_of_its_own(make: Make) -> None:
    executor, memory = running(make)
    executor.context.time_ns, executor.context.tick = 7, 1
    executor.fire("close")
    executor.fire("lock")
    executor.cut()
    executor.context.instruction = 4
    executor.fire("open_up")
    executor.cut()

    assert [
        (1, ["close", "lock"], (7, 1, 0, 0, 0)),
        (3, ["open_up"], (7, 1, 0, 4, 0)),
    ] == [(seq, [event for _, event, _, _ in steps], common) for seq, steps, common in memory.told]


@BOTH
def test_a_cut_of_nothing_records_nothing(make: Make) -> None:
    executor, memory = running(make)
    executor.cut()
    executor.fire("close")
    executor.cut()
    executor.cut()

    assert [1] == [seq for seq, _, _ in memory.told]


@BOTH
def test_it_is_driven_by_the_work_of_its_states_until_one_has_none(make: Make) -> None:
    executor, memory = running(make)
    answers = iter(["turn", "close", "lock", "never"])

    executor.drive({"OPEN": lambda: next(answers), "SHUT.FREE": lambda: next(answers)})
    executor.cut()

    assert ("SHUT.LOCKED", "never") == (executor.state, next(answers))
    assert ["turn", "close", "lock"] == [event for _, event, _, _ in memory.steps]


@BOTH
def test_an_illegal_answer_stops_the_drive(make: Make) -> None:
    executor, memory = running(make)

    with pytest.raises(IllegalEvent):
        executor.drive({"OPEN": lambda: "lock"})

    assert [("OPEN", "lock", "OPEN", "REFUSED")] == memory.steps


@BOTH
def test_a_path_that_was_taken_before_has_its_number(make: Make) -> None:
    executor, _ = running(make)
    for _ in range(50):
        executor.fire("close")
        executor.fire("open")
        executor.cut()

    assert (100, len(executor.compiled.states) + 2) == (executor.seq, len(executor.paths.nodes))


@BOTH
def test_without_a_log_it_runs_all_the_same(make: Make) -> None:
    executor = make(DOOR, NO_LOG)
    executor.fire("close")
    executor.cut()

    assert ("SHUT.FREE", 1) == (executor.state, executor.seq)


def outcome(executor: Executor, event: str) -> str:
    try:
        executor.fire(event)
    except IllegalEvent as error:
        return str(error)
    return executor.state


@settings(deadline=None)
@given(sound_tables(), st.data())
def test_both_executors_do_the_same_on_any_table(of: AnyTable, data: st.DataObject) -> None:
    one, first = running(compiled, of)
    other, second = running(transitions, of)
    events = st.sampled_from([*one.compiled.events, "cut"])

    for event in data.draw(st.lists(events, max_size=30)):
        if event == "cut":
            one.cut()
            other.cut()
        else:
            assert outcome(one, event) == outcome(other, event)
    one.cut()
    other.cut()

    assert first.told == second.told
    assert one.seq == len(first.steps)


@settings(deadline=None)
@given(st.lists(st.integers(0, 10**6), max_size=40))
def test_no_number_is_left_out_in_the_full_loop(choices: list[int]) -> None:
    """Legal events at random, cuts at random: every transition is recorded once."""
    executor, memory = running(compiled, FULL_LOOP)
    fired: list[str] = []
    for choice in choices:
        legal = executor.compiled.legal(executor.node.state)
        if not legal:
            break
        fired.append(legal[choice % len(legal)])
        executor.fire(fired[-1])
        if choice % 3 == 0:
            executor.cut()
    executor.cut()

    assert fired == [event for _, event, _, _ in memory.steps]
    starts = [1 + sum(len(s) for _, s, _ in memory.told[:at]) for at in range(len(memory.told))]
    assert starts == [seq for seq, _, _ in memory.told]
    assert {m.name for m in Move} >= {move for *_, move in memory.steps}
