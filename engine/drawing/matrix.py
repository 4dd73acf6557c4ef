"""Every pair of leaf and event as text, and every row as a Markdown table."""

import textwrap
from collections.abc import Iterator

from verifill.engine.compile import IGNORED, REFUSED, Compiled, compile_table
from verifill.engine.drawing.model import moves, places
from verifill.engine.flat import inner
from verifill.engine.table import AnyTable

_WIDTH = 96


def markdown(table: AnyTable) -> Iterator[str]:
    """Every move with its reason, those of held tables with their whole names."""
    compiled = compile_table(table)
    yield f"<!-- {compiled.name}, sha256 {compiled.digest} -->"
    yield ""
    yield "| in | upon | go to | why |"
    yield "|---|---|---|---|"
    whys = reasons(table)
    for source, event, target in moves(compiled):
        why = whys.get((source, event), "").replace("|", "\\|")
        yield f"| `{source}` | `{event}` | `{target}` | {why} |"


def reasons(table: AnyTable) -> dict[tuple[str, str], str]:
    """Leaf and event -> the reason of its row, held tables included."""
    whys: dict[tuple[str, str], str] = {}
    for holder, held in (*places(table), ("", table)):
        for row in held.rows:
            name = inner(holder, str(row.source)) if holder else str(row.source)
            whys[name, str(row.upon)] = row.why
    return whys


def matrix(table: AnyTable) -> Iterator[str]:
    """Every pair of leaf and event: where it moves, that it is ignored, or that it is illegal."""
    compiled = compile_table(table)
    cells = compiled.cells
    ignored, refused = cells.count(IGNORED), cells.count(REFUSED)
    yield compiled.name
    yield f"sha256 {compiled.digest}"
    yield f"{len(compiled.states)} states, {len(compiled.events)} events, {len(cells)} pairs:"
    count = len(cells) - ignored - refused
    yield f"{count} move, {ignored} are ignored, {refused} are illegal"
    for state in range(len(compiled.states)):
        yield ""
        yield from _state(compiled, state)


def _state(compiled: Compiled, state: int) -> Iterator[str]:
    marks = {"initial": state == compiled.initial, "final": state in compiled.final}
    yield " ".join([compiled.states[state], *(f"({mark})" for mark, on in marks.items() if on)])
    width = max(map(len, compiled.events))
    row = list(_row(compiled, state))
    for event, cell in row:
        if cell >= 0:
            yield f"    {event:{width}} -> {compiled.states[cell]}"
    for label, kind in (("ignored", IGNORED), ("illegal", REFUSED)):
        names = [event for event, cell in row if cell == kind]
        if names:
            yield from textwrap.wrap(
                f"{label}: {', '.join(names)}",
                width=_WIDTH,
                initial_indent=" " * 4,
                subsequent_indent=" " * 13,
            )


def _row(compiled: Compiled, state: int) -> Iterator[tuple[str, int]]:
    """Each event with what the machine does upon it in a state."""
    width = len(compiled.events)
    return zip(compiled.events, compiled.cells[state * width : (state + 1) * width], strict=True)
