"""Drawings of a machine for people: two diagrams and the whole matrix as text.

All are made from the compiled table, so they show what the machine does, and each carries
the digest of the table that it was drawn from. Nothing here writes a file.
"""

import textwrap
from collections.abc import Callable, Iterator
from typing import Literal, get_args

from verifill.engine.compile import IGNORED, REFUSED, Compiled, compile_table
from verifill.engine.errors import ConfigError
from verifill.engine.flat import SEPARATOR, inner
from verifill.engine.table import AnyTable

Drawing = Literal["mermaid", "dot", "matrix"]

_Tree = dict[str, "_Tree"]

_WIDTH = 96


def render(table: AnyTable, drawing: Drawing) -> str:
    """The machine as Mermaid (`stateDiagram-v2`), as Graphviz DOT, or as the whole matrix.

    Raises:
        ConfigError: there is no such drawing.
    """
    drawers: dict[str, Callable[[Compiled], Iterator[str]]] = {
        "mermaid": _mermaid,
        "dot": _dot,
        "matrix": _matrix,
    }
    draw = drawers.get(drawing)
    if draw is None:
        msg = f"there is no drawing {drawing!r}; draw one of {', '.join(get_args(Drawing))}"
        raise ConfigError(msg)
    return "\n".join(draw(compile_table(table))) + "\n"


def _matrix(compiled: Compiled) -> Iterator[str]:
    """Every pair of leaf and event: where it moves, that it is ignored, or that it is illegal."""
    cells = compiled.cells
    ignored, refused = cells.count(IGNORED), cells.count(REFUSED)
    yield compiled.name
    yield f"sha256 {compiled.digest}"
    yield f"{len(compiled.states)} states, {len(compiled.events)} events, {len(cells)} pairs:"
    moves = len(cells) - ignored - refused
    yield f"{moves} move, {ignored} are ignored, {refused} are illegal"
    for state in range(len(compiled.states)):
        yield ""
        yield from _matrix_of_state(compiled, state)


def _matrix_of_state(compiled: Compiled, state: int) -> Iterator[str]:
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


def _mermaid(compiled: Compiled) -> Iterator[str]:
    """A nested state diagram.

    Moves stand outside of all composite states: inside one, Mermaid would take both ends
    for states of that composite.
    """
    yield "stateDiagram-v2"
    yield f"    %% {compiled.name}, sha256 {compiled.digest}"
    yield from (f"    %% {line}" for line in _ignored(compiled))
    yield from _mermaid_states(_tree(compiled), holder="", indent="    ")
    yield f"    [*] --> {_mermaid_id(compiled.states[compiled.initial])}"
    for source, target, events in _moves(compiled):
        yield f"    {_mermaid_id(source)} --> {_mermaid_id(target)} : {', '.join(events)}"
    for state in sorted(compiled.final):
        yield f"    {_mermaid_id(compiled.states[state])} --> [*]"


def _mermaid_states(tree: _Tree, *, holder: str, indent: str) -> Iterator[str]:
    for short, children in tree.items():
        name = inner(holder, short) if holder else short
        opening = " {" if children else ""
        yield f'{indent}state "{short}" as {_mermaid_id(name)}{opening}'
        if children:
            yield from _mermaid_states(children, holder=name, indent=indent + "    ")
            yield f"{indent}}}"


def _mermaid_id(name: str) -> str:
    """A name without dots, which Mermaid does not take; no state name has two underscores."""
    return name.replace(SEPARATOR, "__")


def _dot(compiled: Compiled) -> Iterator[str]:
    """A directed graph in which every composite state is a cluster."""
    yield f'digraph "{compiled.name}" {{'
    yield f'    label="{compiled.name}\\nsha256 {compiled.digest}"'
    yield from (f"    // {line}" for line in _ignored(compiled))
    yield "    rankdir=LR"
    yield "    node [shape=box, style=rounded]"
    yield '    "" [shape=point]'
    final = {compiled.states[state] for state in compiled.final}
    yield from _dot_states(_tree(compiled), final, holder="", indent="    ")
    yield f'    "" -> "{compiled.states[compiled.initial]}"'
    for source, target, events in _moves(compiled):
        yield f'    "{source}" -> "{target}" [label="{", ".join(events)}"]'
    yield "}"


def _dot_states(tree: _Tree, final: set[str], *, holder: str, indent: str) -> Iterator[str]:
    for short, children in tree.items():
        name = inner(holder, short) if holder else short
        if children:
            yield f'{indent}subgraph "cluster_{name}" {{'
            yield f'{indent}    label="{short}"'
            yield from _dot_states(children, final, holder=name, indent=indent + "    ")
            yield f"{indent}}}"
        else:
            ends = ", peripheries=2" if name in final else ""
            yield f'{indent}"{name}" [label="{short}"{ends}]'


def _tree(compiled: Compiled) -> _Tree:
    """The leaves inside the composite states that hold them."""
    outermost: _Tree = {}
    for leaf in compiled.states:
        node = outermost
        for part in leaf.split(SEPARATOR):
            node = node.setdefault(part, {})
    return outermost


def _row(compiled: Compiled, state: int) -> Iterator[tuple[str, int]]:
    """Each event with what the machine does upon it in a state."""
    width = len(compiled.events)
    return zip(compiled.events, compiled.cells[state * width : (state + 1) * width], strict=True)


def _moves(compiled: Compiled) -> Iterator[tuple[str, str, list[str]]]:
    """Source, target and the events that lead from one to the other, one arrow for them all."""
    for state, source in enumerate(compiled.states):
        arrows: dict[int, list[str]] = {}
        for event, cell in _row(compiled, state):
            if cell >= 0:
                arrows.setdefault(cell, []).append(event)
        for target, events in arrows.items():
            yield source, compiled.states[target], events


def _ignored(compiled: Compiled) -> Iterator[str]:
    """What a diagram cannot show: how many leaves ignore an event."""
    total = len(compiled.states)
    for code, event in enumerate(compiled.events):
        count = compiled.cells[code :: len(compiled.events)].count(IGNORED)
        if count:
            yield f"{event} is ignored in {count} of {total} states"
