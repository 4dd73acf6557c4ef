"""The three loops hold what the trading rules demand, and all whole matrices are reviewed.

If a matrix test fails, run `pytest --rewrite` and read the difference. Commit it only if
you understand what caused each line.
"""

from itertools import pairwise
from pathlib import Path

import pytest

from verifill.engine.compile import Compiled, compile_table
from verifill.engine.render import render
from verifill.engine.table import AnyTable
from verifill.machines.atomic import ATOMIC
from verifill.machines.breaker import BREAKER
from verifill.machines.feed import FEED
from verifill.machines.full_loop import FULL_LOOP
from verifill.machines.tight_loop import TIGHT_LOOP
from verifill.machines.trading_state import TRADING_STATE

REVIEWED = Path(__file__).parent.parent.parent / "fixtures" / "tables"

LOOPS: list[AnyTable] = [TIGHT_LOOP, ATOMIC, FULL_LOOP]
MACHINES: list[AnyTable] = [*LOOPS, BREAKER, FEED, TRADING_STATE]
TIGHT, CHAIN, FULL = map(compile_table, LOOPS)
ENDS = ("DONE", "FAILED.CLEAN", "FAILED.PART", "FAILED.MISMATCH")


def goes(compiled: Compiled, state: str, event: str) -> str:
    """The state that an event leads to; the same one if it is ignored."""
    code = compiled.state(state)
    cell = compiled.cells[code * len(compiled.events) + compiled.event(event)]
    return compiled.states[cell if cell >= 0 else code]


def legal(compiled: Compiled, state: str) -> set[str]:
    return set(compiled.legal(compiled.state(state)))


def ways_into(compiled: Compiled, target: str) -> set[tuple[str, str]]:
    width, code = len(compiled.events), compiled.state(target)
    return {
        (compiled.states[place // width], compiled.events[place % width])
        for place, cell in enumerate(compiled.cells)
        if cell == code
    }


def walk(compiled: Compiled, *events: str) -> str:
    """The state that the events lead to from the initial one."""
    state = compiled.states[compiled.initial]
    for event in events:
        assert event in legal(compiled, state), f"{event} is illegal in {state}"
        state = goes(compiled, state, event)
    return state


# The reviewed matrices.


@pytest.mark.parametrize("loop", MACHINES, ids=lambda loop: loop.name)
def test_the_whole_matrix_is_the_reviewed_one(loop: AnyTable, pytestconfig: pytest.Config) -> None:
    file = REVIEWED / f"{loop.name}.txt"
    if pytestconfig.getoption("--rewrite"):
        file.write_text(render(loop, "matrix"))

    assert file.read_text() == render(loop, "matrix")


def test_each_reviewed_matrix_is_of_a_machine() -> None:
    assert {loop.name for loop in MACHINES} == {file.stem for file in REVIEWED.glob("*.txt")}


def test_the_full_loop_is_as_large_as_it_was_when_it_was_searched() -> None:
    moves = sum(cell >= 0 for cell in FULL.cells)

    assert (67, 50, 197) == (len(FULL.states), len(FULL.events), moves)


@pytest.mark.parametrize("loop", MACHINES, ids=lambda loop: loop.name)
def test_the_rows_of_one_state_stand_together(loop: AnyTable) -> None:
    sources = [row.source for row in loop.rows]

    assert len(set(sources)) == 1 + sum(one != other for one, other in pairwise(sources))


# The tight loop.


def test_an_instruction_that_is_verified_is_done() -> None:
    assert "DONE" == walk(TIGHT, "accepted", "observed", "matched")


def test_a_second_send_needs_a_resend() -> None:
    assert {("RETRY.RESEND", "resend")} == ways_into(TIGHT, "SEND")


def test_a_resend_needs_proof_that_nothing_was_executed() -> None:
    assert {("SEND", "denied"), ("RECONCILE", "unexecuted")} == ways_into(TIGHT, "RETRY.RESEND")


def test_an_instruction_is_done_only_when_its_position_matched() -> None:
    assert {("RECONCILE", "matched")} == ways_into(TIGHT, "DONE")


def test_an_instruction_failed_clean_only_after_proof_that_nothing_happened() -> None:
    assert {("RETRY.RESEND", "exhausted")} == ways_into(TIGHT, "FAILED.CLEAN")


def test_a_refusal_is_looked_at_and_not_believed() -> None:
    assert "AWAIT_POSITION" == walk(TIGHT, "refused")


def test_an_unknown_outcome_is_asked_about_and_not_sent_again() -> None:
    assert "RETRY.QUERY" == walk(TIGHT, "unknown")
    assert "resend" not in legal(TIGHT, "RETRY.QUERY")


def test_a_mismatch_is_looked_at_again_and_never_sent_again() -> None:
    assert {"observe", "exhausted"} == legal(TIGHT, "RETRY.OBSERVE")
    assert "AWAIT_POSITION" == goes(TIGHT, "RETRY.OBSERVE", "observe")


def test_waiting_for_a_position_stays_in_place() -> None:
    assert "AWAIT_POSITION" == walk(TIGHT, "accepted", "pending", "pending")


def test_an_operators_word_is_verified_too() -> None:
    assert {"AWAIT_POSITION"} == {goes(TIGHT, "HELD", word) for word in ("adopted", "voided")}


def test_the_end_of_an_instruction_has_no_way_out_of_its_own() -> None:
    assert [set(), set(), set(), set()] == [legal(TIGHT, end) for end in ENDS]


# The atomic transaction.


@pytest.mark.parametrize("holder", ["REHEARSE", "COMMIT", "STEP", "COMPENSATE"])
def test_each_transaction_of_a_chain_has_its_own_tight_loop(holder: str) -> None:
    inside = {state for state in CHAIN.states if state.startswith(f"{holder}.")}

    assert {f"{holder}.{state}" for state in TIGHT.states} == inside
    for state in set(TIGHT.states) - set(ENDS) - {"HELD"}:
        assert legal(TIGHT, state) == legal(CHAIN, f"{holder}.{state}")


def test_a_chain_is_committed_only_after_its_last_instruction_is_done() -> None:
    assert {("COMMIT.DONE", "committed"), ("STEP.DONE", "committed")} == ways_into(
        CHAIN, "COMMITTED"
    )


def test_one_transaction_is_rehearsed_before_it_is_committed() -> None:
    assert {("REHEARSE.DONE", "commit")} == {
        (state, event) for state, event in ways_into(CHAIN, "COMMIT.SEND") if event != "resend"
    }


def test_a_step_with_an_open_outcome_never_counts_as_rolled_back() -> None:
    left = {state for state, _ in ways_into(CHAIN, "ROLLED_BACK")}

    assert not any("MISMATCH" in state or "PART" in state for state in left if "REH" not in state)
    assert "COMPENSATE.FAILED.CLEAN" not in left


def test_a_mismatched_step_is_resolved_before_a_direction_is_chosen() -> None:
    assert {"strand"} == legal(CHAIN, "STEP.FAILED.MISMATCH")


def test_a_compensation_that_fails_strands_the_chain() -> None:
    assert {"strand"} == legal(CHAIN, "COMPENSATE.FAILED.CLEAN")
    assert {"strand"} == legal(CHAIN, "COMPENSATE.FAILED.MISMATCH")


def test_a_failed_rehearsal_sends_nothing() -> None:
    for end in ENDS[1:]:
        assert {"abandon"} == legal(CHAIN, f"REHEARSE.{end}")


def test_a_chain_that_failed_is_compensated_step_by_step() -> None:
    done = ("accepted", "observed", "matched")
    failed = ("denied", "exhausted")

    end = walk(CHAIN, "step", *done, "step", *failed, "compensate", *done, "rolled_back")

    assert "ROLLED_BACK" == end


# The full loop.


def test_a_tick_with_two_instructions_verifies_the_first_before_it_sends_the_second() -> None:
    verified = ("accepted", "observed", "matched")

    end = walk(
        FULL, "recover", "recovered", "tick", "instruct", *verified, "instruct", *verified,
        "complete", "rest",
    )  # fmt: skip

    assert "IDLE" == end


def test_the_next_instruction_is_legal_only_after_the_last_one_is_verified() -> None:
    sent = {state for state in FULL.states if "instruct" in legal(FULL, state)}

    assert sent == {
        "DECIDE", "INSTRUCTION.DONE", "INSTRUCTION.FAILED.PART", "ATOMIC.COMMITTED",
    }  # fmt: skip


def test_ticks_never_overlap() -> None:
    for state in set(FULL.states) - {"IDLE"}:
        assert state == goes(FULL, state, "tick")


def test_a_late_tick_is_legal_everywhere() -> None:
    assert all("tick" in legal(FULL, state) for state in FULL.states)


def test_a_decision_is_taken_only_upon_a_tick() -> None:
    assert {("IDLE", "tick")} == ways_into(FULL, "DECIDE")


def test_a_new_life_resolves_what_was_in_flight_before_it_sends() -> None:
    assert {"recover", "tick"} == legal(FULL, "START")
    assert "ATOMIC.COMMIT.RETRY.QUERY" == walk(FULL, "recover", "resolve_commit")
    assert "INSTRUCTION.RETRY.QUERY" == walk(FULL, "recover", "resolve_instruction")


@pytest.mark.parametrize(
    "state", ["INSTRUCTION.HELD", "ATOMIC.STEP.HELD", "ATOMIC.STRANDED", "HALTED"]
)
def test_nothing_is_sent_where_an_operator_must_look(state: str) -> None:
    onward = {goes(FULL, state, event) for event in legal(FULL, state) - {"compensate"}}

    assert not any(target.endswith("SEND") for target in onward)


def test_a_mismatch_halts_the_engine() -> None:
    assert {"hold", "tick"} == legal(FULL, "INSTRUCTION.FAILED.MISMATCH")
    assert "HALTED" == goes(FULL, "INSTRUCTION.FAILED.MISMATCH", "hold")


def test_a_halted_engine_goes_on_only_by_way_of_recovery() -> None:
    assert "RECOVER" == goes(FULL, "HALTED", "resume")
    assert {"resume", "finish", "tick"} == legal(FULL, "HALTED")
