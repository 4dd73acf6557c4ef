"""An independent opinion: spin searches a model of the tables, and finds tables that are wrong."""

import re
import shutil
from pathlib import Path

import attrs
import pytest

from verifill.checking.promela import export
from verifill.checking.promela.export import ROW, name_of, promela
from verifill.checking.promela.judge import Judgement, ToolError, judge
from verifill.engine.errors import TableError
from verifill.engine.table import AnyTable, Row, inside
from verifill.machines.atomic import ATOMIC, Atomic, AtomicEvent
from verifill.machines.full_loop import FULL_LOOP, Full, FullEvent
from verifill.machines.tight_loop import TIGHT_LOOP, Tight, TightEvent

SMALL = {"ENTRIES": 1, "SENDS": 2, "COMMANDS": 0}
"""Of the whole, `make check` searches 3.3 million states; this is done in seconds."""

needs_spin = pytest.mark.skipif(
    not (shutil.which("spin") and shutil.which("cc")), reason="needs spin and a C compiler"
)


def changed(table: AnyTable, source: str, upon: str, target: str) -> AnyTable:
    """A table in which one row leads elsewhere."""
    rows = [r for r in table.rows if (str(r.source), str(r.upon)) == (source, upon)]
    assert len(rows) == 1, "no such row"
    other = attrs.evolve(rows[0], target=target)
    return attrs.evolve(table, rows=tuple(other if r is rows[0] else r for r in table.rows))


def without(table: AnyTable, source: str, upon: str) -> AnyTable:
    """A table that lacks a row; its event is known by another."""
    rows = tuple(r for r in table.rows if (str(r.source), str(r.upon)) != (source, upon))
    other = Row(Tight.RETRY_OBSERVE, TightEvent(upon), Tight.RETRY_OBSERVE)
    return attrs.evolve(table, rows=(*rows, other))


def nested(tight: AnyTable = TIGHT_LOOP, atomic: AnyTable = ATOMIC) -> AnyTable:
    """The full loop with other machines inside."""
    chain = attrs.evolve(atomic, holds=dict.fromkeys(atomic.holds, tight))
    return attrs.evolve(FULL_LOOP, holds={Full.INSTRUCTION: tight, Full.ATOMIC: chain})


def found(table: AnyTable, folder: Path, **scope: int) -> Judgement:
    return judge(promela(table), table.flat, folder, {**SMALL, **scope})


def test_every_row_of_the_tables_is_in_the_model_and_no_other() -> None:
    rows = re.findall(
        rf"state == (\w+) && event == on_(\w+) -> state = (\w+) {re.escape(ROW)}", promela()
    )
    moves = FULL_LOOP.flat.moves
    assert rows == [(name_of(leaf), event, name_of(to)) for (leaf, event), to in moves.items()]


def test_the_model_knows_every_name_of_the_tables() -> None:
    """What surrounds the rows speaks of states and events by name: one that is gone is found."""
    text = promela()
    around = text[text.index("What surrounds the machine") :]
    events = set(re.findall(r"\bon_(\w+)", around))
    assert events <= set(FULL_LOOP.flat.events)
    states = set(re.findall(r"\b((?:INSTRUCTION|ATOMIC)__\w+)", around))
    assert states <= {name_of(leaf) for leaf in FULL_LOOP.flat.leaves}


def test_two_states_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def same(_: str) -> str:
        return "SAME"

    monkeypatch.setattr(export, "name_of", same)
    with pytest.raises(TableError, match="two states have one name in Promela; rename one"):
        promela()


@needs_spin
def test_every_rule_holds_and_every_run_ends(tmp_path: Path) -> None:
    judgement = found(FULL_LOOP, tmp_path, SENDS=1)
    assert (judgement.broken, judgement.steps) == ("", ())
    assert judgement.states == 147_728
    leaves = {leaf for leaf, _ in judgement.missed}
    waiting = {leaf for leaf in FULL_LOOP.flat.leaves if leaf.endswith(("HELD", "STRANDED"))}
    more = {"INSTRUCTION.DONE", "ATOMIC.COMMITTED", Full.HALTED}
    more |= {leaf for leaf in FULL_LOOP.flat.leaves if leaf.endswith("RETRY.RESEND")}
    assert leaves <= waiting | more, "only an operator, more entries or sends take these"


IN_FLIGHT = "assertion violated ((fate!=2)&&(fate!=3))"
LEFT = "assertion violated (net==0)"
LOST = "assertion violated (((fate!=2)&&(fate!=3))&& !(unseen))"
SKIPPED = "assertion violated (done==plan)"
QUERY, STEP_IN_PART = Tight.RETRY_QUERY, inside(Atomic.STEP, Tight.FAILED_PART)
PLANTED = {
    "a time-out is taken for a refusal": (
        nested(changed(TIGHT_LOOP, Tight.SEND, TightEvent.UNKNOWN, Tight.RETRY_RESEND)),
        IN_FLIGHT,
        "INSTRUCTION.RETRY.RESEND resend -> INSTRUCTION.SEND",
    ),
    "who has asked often enough sends again": (
        nested(changed(TIGHT_LOOP, QUERY, TightEvent.EXHAUSTED, Tight.RETRY_RESEND)),
        IN_FLIGHT,
        "INSTRUCTION.RETRY.RESEND resend -> INSTRUCTION.SEND",
    ),
    "a chain is rolled back with a step that mismatched": (
        nested(atomic=changed(
            ATOMIC, inside(Atomic.STEP, Tight.FAILED_MISMATCH), AtomicEvent.STRAND,
            Atomic.ROLLED_BACK,
        )),
        LEFT,
        "ATOMIC.STEP.FAILED.MISMATCH strand -> ATOMIC.ROLLED_BACK",
    ),
    "a part of a step is not taken back": (
        nested(atomic=changed(
            ATOMIC, STEP_IN_PART, AtomicEvent.COMPENSATE, Atomic.ROLLED_BACK
        )),
        LEFT,
        "ATOMIC.STEP.FAILED.PART compensate -> ATOMIC.ROLLED_BACK",
    ),
    "an order in flight is forgotten": (
        changed(FULL_LOOP, Full.RECOVER, FullEvent.RESOLVE_INSTRUCTION, Full.IDLE),
        LOST,
        "RECOVER resolve_instruction -> IDLE",
    ),
    "an instruction that failed is passed over": (
        changed(
            FULL_LOOP, inside(Full.INSTRUCTION, Tight.FAILED_CLEAN), FullEvent.FAIL, Full.COMPLETE
        ),
        SKIPPED,
        "INSTRUCTION.FAILED.CLEAN fail -> COMPLETE",
    ),
    "the venue is asked for ever": (
        nested(changed(TIGHT_LOOP, QUERY, TightEvent.EXHAUSTED, QUERY)),
        "non-progress cycle",
        "INSTRUCTION.RETRY.QUERY exhausted -> INSTRUCTION.RETRY.QUERY",
    ),
    "a row is missing": (
        nested(without(TIGHT_LOOP, Tight.AWAIT_POSITION, TightEvent.PENDING)),
        "assertion violated 0",
        "INSTRUCTION.SEND accepted -> INSTRUCTION.AWAIT_POSITION",
    ),
}  # fmt: skip


@needs_spin
@pytest.mark.parametrize("planted", PLANTED)
def test_a_wrong_table_is_found_with_the_way_to_it(planted: str, tmp_path: Path) -> None:
    table, rule, last = PLANTED[planted]
    judgement = found(table, tmp_path)
    assert judgement.broken == rule
    moves = [step for step in judgement.steps if "->" in step]
    assert moves[0] == "START recover -> RECOVER"
    assert moves[-1] == last


def test_a_missing_program_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match=r"spin is not there. On Debian: sudo apt-get install spin"):
        found(FULL_LOOP, tmp_path)


@needs_spin
def test_a_model_that_spin_refuses_is_told(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"spin .* failed in .*\n(.|\n)*syntax error"):
        judge("active proctype (", FULL_LOOP.flat, tmp_path)
