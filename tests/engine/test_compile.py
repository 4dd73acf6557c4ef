"""The compiled table is what the `transitions` machine does, and nothing else."""

import pickle
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transitions import MachineError

from tests.engine.tables import sound_tables, table
from verifill.engine.compile import (
    IGNORED,
    REFUSED,
    Answer,
    Compiled,
    DottedMachine,
    ask,
    compile_machine,
    compile_table,
    machine_of,
    trigger,
)
from verifill.engine.errors import IllegalEvent, TableError
from verifill.engine.table import ANYWHERE, AnyTable
from verifill.machines.atomic import ATOMIC
from verifill.machines.full_loop import FULL_LOOP
from verifill.machines.tight_loop import TIGHT_LOOP

LOOPS = pytest.mark.parametrize("loop", [TIGHT_LOOP, ATOMIC, FULL_LOOP], ids=lambda loop: loop.name)

DOOR = table(
    """
    OPEN close SHUT.FREE
    SHUT.FREE open OPEN
    SHUT.FREE lock SHUT.LOCKED
    SHUT.FREE knock SHUT.FREE
    SHUT.LOCKED open_up SHUT
    """,
    initial="OPEN",
    ignored=((ANYWHERE, "knock"),),
)


def cell(compiled: Compiled, state: str, event: str) -> int:
    width = len(compiled.events)
    return compiled.cells[compiled.state(state) * width + compiled.event(event)]


def target(compiled: Compiled, state: str, event: str) -> str:
    return compiled.states[cell(compiled, state, event)]


def moves(compiled: Compiled) -> dict[tuple[str, str], str]:
    return {
        (state, event): target(compiled, state, event)
        for state in compiled.states
        for event in compiled.events
        if cell(compiled, state, event) >= 0
    }


def pairs(compiled: Compiled, kind: int) -> list[tuple[str, str]]:
    return [
        (state, event)
        for state in compiled.states
        for event in compiled.events
        if cell(compiled, state, event) == kind
    ]


def second_opinion(machine: DottedMachine, state: str, event: str) -> str | None:
    """Where the machine takes a model that this project knows nothing of; None if it refuses."""
    model = SimpleNamespace(state=state)
    try:
        machine.trigger_event(model, event)
    except MachineError:
        assert state == model.state
        return None
    return str(model.state)


def as_compiled(compiled: Compiled, state: str, event: str) -> str | None:
    """What the compiled table says, in the words of `second_opinion`."""
    found = cell(compiled, state, event)
    if found == REFUSED:
        return None
    return state if found == IGNORED else compiled.states[found]


# The compiled table, the machine and the rows agree.


@LOOPS
def test_the_compiled_table_equals_a_fresh_machine_on_every_pair(loop: AnyTable) -> None:
    compiled, machine = compile_table(loop), machine_of(loop)

    for state in compiled.states:
        for event in compiled.events:
            assert second_opinion(machine, state, event) == as_compiled(compiled, state, event)


def test_no_pair_depends_on_the_pairs_that_were_asked_before() -> None:
    compiled = compile_table(TIGHT_LOOP)

    for state in compiled.states:
        for event in compiled.events:
            fresh = machine_of(TIGHT_LOOP)

            assert second_opinion(fresh, state, event) == as_compiled(compiled, state, event)


@LOOPS
def test_the_machine_does_what_the_rows_say(loop: AnyTable) -> None:
    compiled = compile_table(loop)

    assert dict(loop.flat.moves) == moves(compiled)
    assert list(loop.flat.ignored()) == pairs(compiled, IGNORED)


@settings(deadline=None)
@given(sound_tables())
def test_the_machine_of_any_sound_table_does_what_its_rows_say(small: AnyTable) -> None:
    compiled = compile_machine(machine_of(small), small)

    assert dict(small.flat.moves) == moves(compiled)
    assert list(small.flat.ignored()) == pairs(compiled, IGNORED)
    assert small.flat.initial == compiled.states[compiled.initial]
    assert small.flat.final == {compiled.states[state] for state in compiled.final}


def test_a_held_table_may_have_a_state_with_the_name_of_a_state_that_holds_it() -> None:
    inmost = table("A go B\nB go C", final="C")
    middle = table("A.C back A.A\nA.C on B", states="A B", final="B", holds={"A": inmost})
    outer = table("A.B on C", states="A C", final="C", holds={"A": middle})

    assert "A.A.A" == target(compile_table(outer), "A.A.C", "back")
    assert "A.B" == target(compile_table(outer), "A.A.C", "on")


@settings(deadline=None)
@given(sound_tables(), st.data())
def test_the_machine_and_the_compiled_table_walk_alike(
    small: AnyTable, data: st.DataObject
) -> None:
    compiled, machine = compile_machine(machine_of(small), small), machine_of(small)
    state = compiled.initial

    for event in data.draw(st.lists(st.sampled_from(compiled.events), max_size=20)):
        found = cell(compiled, compiled.states[state], event)
        answer = ask(machine, machine.model, event)
        state = found if found >= 0 else state

        assert min(found, 0) == min(answer, 0)
        assert compiled.states[state] == machine.model.state


def test_upon_an_event_that_it_does_not_know_in_a_state_the_machine_refuses() -> None:
    """It is asked of those that it knows there; of the others it says so itself."""
    machine = machine_of(FULL_LOOP)

    for leaf in FULL_LOOP.flat.leaves:
        known = frozenset(machine.get_triggers(leaf))
        assert known
        for event in FULL_LOOP.flat.events:
            machine.set_state(leaf, machine.model)
            refused = ask(machine, machine.model, event) is Answer.REFUSED
            assert refused == (event not in known)


# Breaking the machine changes the compiled table: it is asked, and the rows are not read.


def test_a_move_that_is_bent_in_the_machine_is_bent_in_the_compiled_table() -> None:
    broken = machine_of(TIGHT_LOOP)
    broken.events["mismatched"].transitions["RECONCILE"][0].dest = "RETRY.RESEND"

    bent = compile_machine(broken, TIGHT_LOOP)

    assert "RETRY.RESEND" == target(bent, "RECONCILE", "mismatched")
    assert {("RECONCILE", "mismatched")} == differences(bent, compile_table(TIGHT_LOOP))


def test_a_move_that_is_taken_from_the_machine_is_refused_in_the_compiled_table() -> None:
    broken = machine_of(TIGHT_LOOP)
    broken.remove_transition("matched", "RECONCILE")

    bent = compile_machine(broken, TIGHT_LOOP)

    assert REFUSED == cell(bent, "RECONCILE", "matched")
    assert {("RECONCILE", "matched")} == differences(bent, compile_table(TIGHT_LOOP))


def test_a_move_that_is_bent_deep_inside_a_held_machine_shows_only_there() -> None:
    broken = machine_of(FULL_LOOP)
    deep = broken.events["resend"].transitions["ATOMIC.STEP.RETRY.RESEND"][0]
    deep.dest = "ATOMIC.STEP.DONE"

    bent = compile_machine(broken, FULL_LOOP)

    assert "ATOMIC.STEP.DONE" == target(bent, "ATOMIC.STEP.RETRY.RESEND", "resend")
    assert {("ATOMIC.STEP.RETRY.RESEND", "resend")} == differences(bent, compile_table(FULL_LOOP))


def test_an_ignored_pair_that_becomes_a_move_to_itself_is_told_apart() -> None:
    broken = machine_of(DOOR)
    broken.events["knock"].transitions["OPEN"][0].dest = "OPEN"

    bent = compile_machine(broken, DOOR)

    assert IGNORED == cell(compile_table(DOOR), "OPEN", "knock")
    assert "OPEN" == target(bent, "OPEN", "knock")


def test_where_the_machine_starts_and_ends_is_asked_too() -> None:
    broken = machine_of(DOOR)
    broken.set_state("SHUT.LOCKED", broken.model)
    broken.get_state("OPEN").final = True

    bent = compile_machine(broken, DOOR)

    assert "SHUT.LOCKED" == bent.states[bent.initial]
    assert {bent.state("OPEN")} == bent.final


def differences(one: Compiled, other: Compiled) -> set[tuple[str, str]]:
    return {
        (state, event)
        for state in one.states
        for event in one.events
        if cell(one, state, event) != cell(other, state, event)
    }


# The kinds of answer.


def test_a_move_to_the_same_leaf_is_a_move_and_an_ignored_event_is_none() -> None:
    machine = machine_of(DOOR)

    assert Answer.IGNORED is ask(machine, machine.model, "knock")
    assert Answer.MOVED is ask(machine, machine.model, "close")
    assert Answer.MOVED is ask(machine, machine.model, "knock")
    assert Answer.REFUSED is ask(machine, machine.model, "close")


def test_a_name_with_an_underscore_is_one_state() -> None:
    machine = machine_of(TIGHT_LOOP)
    ask(machine, machine.model, "accepted")

    assert "AWAIT_POSITION" == machine.model.state


def test_a_composite_state_is_entered_at_its_first_leaf() -> None:
    assert "SHUT.FREE" == target(compile_table(DOOR), "SHUT.LOCKED", "open_up")


# The machine as an executor.


def test_triggering_says_whether_the_machine_moved() -> None:
    machine = machine_of(DOOR)

    assert trigger(machine, machine.model, "close")
    assert trigger(machine, machine.model, "lock")
    assert not trigger(machine, machine.model, "knock")
    assert "SHUT.LOCKED" == machine.model.state


@pytest.mark.parametrize("event", ["lock", "no_such_event"])
def test_an_illegal_event_is_an_error_with_fields_and_changes_nothing(event: str) -> None:
    machine = machine_of(DOOR)

    with pytest.raises(IllegalEvent, match=rf"small has no row for event '{event}'") as caught:
        trigger(machine, machine.model, event)

    assert "OPEN" == machine.model.state
    assert ("small", "OPEN", event) == (
        caught.value.machine,
        caught.value.state,
        caught.value.event,
    )
    assert {"close", "knock"} == set(caught.value.legal)


# The compiled table as a value.


def test_an_illegal_event_of_the_compiled_table_is_the_same_error() -> None:
    compiled = compile_table(DOOR)

    error = compiled.illegal(compiled.state("OPEN"), compiled.event("lock"))

    assert "small has no row for event 'lock' in state OPEN. Legal there: close, knock." in str(
        error
    )


def test_the_legal_events_of_a_state_include_the_ignored_ones() -> None:
    compiled = compile_table(DOOR)

    assert ("open", "lock", "knock") == compiled.legal(compiled.state("SHUT.FREE"))


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    compiled = compile_table(DOOR)

    with pytest.raises(TableError, match="no leaf state 'SHUT'; it has OPEN, SHUT"):
        compiled.state("SHUT")
    with pytest.raises(TableError, match="no event 'kick'; it has close, open, lock, knock"):
        compiled.event("kick")


def test_a_compiled_table_goes_to_another_process_unchanged() -> None:
    compiled = compile_table(DOOR)
    copy = pickle.loads(pickle.dumps(compiled))  # noqa: S301 - what it loads was made one line up

    assert compiled == copy
    assert compiled.state("OPEN") == copy.state("OPEN")


def test_a_compiled_table_carries_the_digest_of_its_table() -> None:
    assert DOOR.digest == compile_table(DOOR).digest


def test_a_table_is_compiled_once() -> None:
    assert compile_table(DOOR) is compile_table(DOOR)
