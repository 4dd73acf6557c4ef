"""Every state and every event of every machine, in every executor: moved, ignored, or refused."""

from collections.abc import Callable

import pytest

from tests import cells
from verifill.engine.compile import Answer, Compiled, compile_table
from verifill.engine.errors import IllegalEvent
from verifill.engine.executor import CompiledExecutor, Context, DurableExecutor, Executor
from verifill.engine.paths import Move
from verifill.engine.table import AnyTable
from verifill.machines.changes import Change, Running

MOVES = {Answer.MOVED: Move.MOVED, Answer.IGNORED: Move.IGNORED, Answer.REFUSED: Move.REFUSED}
MACHINES = pytest.mark.parametrize("table", cells.TABLES, ids=lambda table: table.name)


class Written:
    """A log of the last transition."""

    def __init__(self) -> None:
        self.last: tuple[str, str, str, Move] | None = None

    def transition(
        self, source: str, event: str, target: str, move: Move, context: Context
    ) -> None:
        del context
        self.last = source, event, target, move

    def path(self, seq: int, number: int, context: Context) -> None:
        """Nothing: every transition is written already."""


def expected(compiled: Compiled, state: int, event: int) -> tuple[Move, int]:
    """What a cell does, and the state after it."""
    cell = compiled.cells[state * len(compiled.events) + event]
    move = Move.MOVED if cell >= 0 else MOVES[Answer(cell)]
    return move, cell if move is Move.MOVED else state


def fired(machine: Executor, event: str) -> bool:
    """Whether an event was taken; else it was refused."""
    try:
        machine.fire(event)
    except IllegalEvent:
        return False
    return True


def compiled_executor(compiled: Compiled, _log: Written) -> Executor:
    return CompiledExecutor(compiled)


@MACHINES
@pytest.mark.parametrize("make", [compiled_executor, DurableExecutor])
def test_every_cell_does_what_its_table_says(
    table: AnyTable, make: Callable[[Compiled, Written], Executor]
) -> None:
    compiled, log = compile_table(table), Written()
    machine = make(compiled, log)

    for state, name in enumerate(compiled.states):
        for code, event in enumerate(compiled.events):
            machine.cut()
            machine.node = machine.paths.nodes[state]
            move, target = expected(compiled, state, code)

            assert (move is not Move.REFUSED) == fired(machine, event)
            assert compiled.states[target] == machine.state
            assert log.last in (None, (name, event, compiled.states[target], move))


@MACHINES
def test_a_machine_beside_the_loops_tells_every_cell(table: AnyTable) -> None:
    compiled, told = compile_table(table), list[Change]()
    running = Running(table, "everything", told.append)

    for state, name in enumerate(compiled.states):
        for code, event in enumerate(compiled.events):
            move, target = expected(compiled, state, code)
            try:
                after = running.fire(name, event, "it is tried")
            except IllegalEvent:
                after = name
            assert (compiled.states[target], move) == (after, told[-1].move)


def test_every_cell_is_walked() -> None:
    """What is watched is what is there; else `--gate` would demand too little."""
    walked = cells.WATCH.walked | cells.WATCH.driven

    for answer in Answer:
        assert set() == cells.cells(answer) - walked


def test_the_page_says_what_is_reviewed(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--rewrite"):
        cells.PAGE.write_text(cells.page())

    assert cells.page() == cells.PAGE.read_text()
