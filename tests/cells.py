"""Which cells of the machines the tests came to: every move, and every refused or ignored event.

Whatever runs a machine in the test process is watched where it takes a step for the first time on
a path, so it costs next to nothing. Two kinds of test are told apart: those that walk a table cell
by cell, and those that drive a machine as an engine does, which is what a move is there for.
Processes that tests start are not watched.

With `--gate` the whole suite must have come to every cell, and driven every move but those of
`UNDRIVEN`, which are reviewed; those of them that are driven all the same are told.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from verifill.engine.compile import Answer, compile_table
from verifill.engine.errors import IllegalEvent
from verifill.engine.executor import DurableExecutor, Executor
from verifill.engine.paths import Move
from verifill.engine.table import AnyTable
from verifill.machines.breaker import BREAKER
from verifill.machines.changes import Running
from verifill.machines.feed import FEED
from verifill.machines.full_loop import FULL_LOOP
from verifill.machines.trading_state import TRADING_STATE

ROOT: Final = Path(__file__).parent.parent
UNDRIVEN: Final = ROOT / "fixtures" / "cells" / "undriven.txt"
PAGE: Final = ROOT / "docs" / "reference" / "cells.md"
TABLES: Final[tuple[AnyTable, ...]] = (FULL_LOOP, BREAKER, FEED, TRADING_STATE)
"""The machines that run; the tight loop and the atomic transaction run inside the full loop."""
WALKS: Final = "test_every_cell"

Cell = tuple[str, str, str]
"""Machine, state, event."""


class Watch:
    """What was come to so far, by all workers."""

    def __init__(self) -> None:
        self.walking = False
        self.walked: set[Cell] = set()
        self.driven: set[Cell] = set()

    def saw(self, machine: str, state: str, event: str) -> None:
        (self.walked if self.walking else self.driven).add((machine, state, event))

    def told(self) -> str:
        """As a worker tells it."""
        return json.dumps({"walked": sorted(self.walked), "driven": sorted(self.driven)})

    def heard(self, told: str) -> None:
        """What a worker has told."""
        found: Mapping[str, list[list[str]]] = json.loads(told)
        self.walked |= {(m, s, e) for m, s, e in found["walked"]}
        self.driven |= {(m, s, e) for m, s, e in found["driven"]}


WATCH: Final = Watch()


def watch() -> None:
    """Watch every machine that runs in this process."""
    executor: Any = Executor
    durable: Any = DurableExecutor
    running: Any = Running
    fire = durable.fire  # which keeps no path
    take, tell = executor._take, running._tell  # noqa: SLF001 - where every step goes through

    def taken(self: Any, event: str, target: int, move: Move) -> None:  # noqa: ANN401 - an executor
        WATCH.saw(self.compiled.name, self.state, event)
        take(self, event, target, move)

    def fired(self: Any, event: str) -> None:  # noqa: ANN401 - likewise
        state = self.state
        try:
            fire(self, event)
        except IllegalEvent:
            WATCH.saw(self.compiled.name, state, event)
            raise
        WATCH.saw(self.compiled.name, state, event)

    def tells(self: Any, source: str, event: str, *rest: Any) -> Any:  # noqa: ANN401 - as it is
        WATCH.saw(self.table.name, source, event)
        return tell(self, source, event, *rest)

    executor._take = taken  # noqa: SLF001 - likewise
    durable.fire = fired
    running._tell = tells  # noqa: SLF001 - likewise


def cells(answer: Answer) -> set[Cell]:
    """The cells of all machines in which an event moves, is ignored, or is refused."""
    found: set[Cell] = set()
    for table in TABLES:
        compiled = compile_table(table)
        width = len(compiled.events)
        for at, cell in enumerate(compiled.cells):
            kind = Answer.MOVED if cell >= 0 else Answer(cell)
            if kind is answer:
                place = compiled.states[at // width], compiled.events[at % width]
                found.add((compiled.name, *place))
    return found


def undriven() -> set[Cell]:
    """Moves that no test drives, as reviewed."""
    rows = [line.split() for line in UNDRIVEN.read_text().splitlines()]
    return {(row[0], row[1], row[2]) for row in rows if row and not row[0].startswith("#")}


def judged() -> Iterator[str]:
    """What is wrong with what the whole suite came to."""
    missing = {a: cells(a) - WATCH.walked - WATCH.driven for a in Answer}
    for answer, lost in missing.items():
        yield from (f"{answer.name}: no test comes to {told(cell)}" for cell in sorted(lost))
    never = cells(Answer.MOVED) - WATCH.driven
    yield from (f"no test drives {told(cell)}" for cell in sorted(never - undriven()))


def driven_after_all() -> str:
    """What of the reviewed list is driven, so that it can be shortened; empty if nothing is."""
    found = sorted(undriven() & WATCH.driven)
    names = ", ".join(map(told, found))
    return f"driven, though {UNDRIVEN.name} lists them: {names}" if found else ""


def told(cell: Cell) -> str:
    machine, state, event = cell
    return f"{event!r} in {state} of {machine}"


def rows_by_machine(found: Iterable[Cell]) -> Mapping[str, set[Cell]]:
    """Cells by their machine."""
    rows: defaultdict[str, set[Cell]] = defaultdict(set)
    for cell in found:
        rows[cell[0]].add(cell)
    return rows


def page() -> str:
    """The matrix as a page, from what was reviewed."""
    lines = [
        "# What the tests come to",
        "",
        "<!-- Written by `pytest tests/machines/test_every_cell.py --rewrite`; do not edit. -->",
        "",
        "A cell is a state and an event. Every cell of every machine is walked by",
        "`tests/machines/test_every_cell.py`, in each executor: it moves as the table says, is",
        "ignored, or is refused, recorded, and leaves the state. Beyond that `make test` watches",
        "every machine that runs in a test, and fails if no test drives a move as an engine does,",
        "but for those listed below.",
        "",
        "| machine | moves | driven as an engine does, at least | ignored cells | refused cells |",
        "|---|---|---|---|---|",
    ]
    moves, ignored, refused = (
        rows_by_machine(cells(a)) for a in (Answer.MOVED, Answer.IGNORED, Answer.REFUSED)
    )
    never = rows_by_machine(undriven())
    for table in TABLES:
        name = compile_table(table).name
        count = len(moves[name])
        driven = count - len(never.get(name, ()))
        rest = f"{len(ignored.get(name, ()))} | {len(refused.get(name, ())):,}"
        lines.append(f"| {name} | {count} | {driven} | {rest} |")
    lines += ["", "## Not demanded to be driven"]
    for line in UNDRIVEN.read_text().splitlines()[1:]:  # the first says what the file is
        machine, state, event = line.split()[:3]
        lines += (
            ["", f"{line[2:]}:", ""] if machine == "#" else [f"* {told((machine, state, event))}"]
        )
    return "\n".join(lines) + "\n"


def failed(problem: str) -> pytest.TestReport:
    """The failure that pytest lists and counts."""
    return pytest.TestReport(
        nodeid="cells of the machines",
        location=("cells of the machines", None, "cells of the machines"),
        keywords={},
        outcome="failed",
        longrepr=problem,
        when="call",
    )
