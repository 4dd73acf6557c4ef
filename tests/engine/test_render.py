"""A drawing shows every leaf and every move of the machine, and which table it is of."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest

from tests.engine.tables import table
from verifill.cli.machines import MACHINES
from verifill.engine.compile import compile_table
from verifill.engine.drawing.marks import Marks, Taken
from verifill.engine.drawing.model import picture
from verifill.engine.errors import ConfigError
from verifill.engine.render import Drawing, draw, render
from verifill.engine.table import ANYWHERE, AnyTable
from verifill.machines.atomic import ATOMIC
from verifill.machines.full_loop import FULL_LOOP
from verifill.machines.tight_loop import TIGHT_LOOP

FIXTURES = Path(__file__).parents[2] / "fixtures" / "drawings"

LOOPS = pytest.mark.parametrize("loop", [TIGHT_LOOP, ATOMIC, FULL_LOOP], ids=lambda loop: loop.name)
DRAWINGS = pytest.mark.parametrize("drawing", get_args(Drawing))

DOOR = table(
    """
    OPEN close SHUT.FREE
    OPEN push SHUT.FREE
    SHUT.FREE open OPEN
    SHUT.FREE lock SHUT.LOCKED
    SHUT.LOCKED break GONE
    """,
    initial="OPEN",
    final="GONE",
    ignored=((ANYWHERE, "push"),),
)

MERMAID = """\
stateDiagram-v2
    %% small, sha256 DIGEST
    %% push is ignored in 3 of 4 states
    state "OPEN" as OPEN
    state "SHUT" as SHUT {
        state "FREE" as SHUT__FREE
        state "LOCKED" as SHUT__LOCKED
    }
    state "GONE" as GONE
    [*] --> OPEN
    OPEN --> SHUT__FREE : close, push
    SHUT__FREE --> OPEN : open
    SHUT__FREE --> SHUT__LOCKED : lock
    SHUT__LOCKED --> GONE : break
    GONE --> [*]
"""

DOT = """\
digraph "small" {
    label="small\\nsha256 DIGEST"
    // push is ignored in 3 of 4 states
    rankdir=LR
    node [shape=box, style=rounded]
    "" [shape=point]
    "OPEN" [label="OPEN"]
    subgraph "cluster_SHUT" {
        label="SHUT"
        "SHUT.FREE" [label="FREE"]
        "SHUT.LOCKED" [label="LOCKED"]
    }
    "GONE" [label="GONE", peripheries=2]
    "" -> "OPEN"
    "OPEN" -> "SHUT.FREE" [label="close, push"]
    "SHUT.FREE" -> "OPEN" [label="open"]
    "SHUT.FREE" -> "SHUT.LOCKED" [label="lock"]
    "SHUT.LOCKED" -> "GONE" [label="break"]
}
"""

MATRIX = """\
small
sha256 DIGEST
4 states, 5 events, 20 pairs:
5 move, 3 are ignored, 12 are illegal

OPEN (initial)
    close -> SHUT.FREE
    push  -> SHUT.FREE
    illegal: open, lock, break

SHUT.FREE
    open  -> OPEN
    lock  -> SHUT.LOCKED
    ignored: push
    illegal: close, break

SHUT.LOCKED
    break -> GONE
    ignored: push
    illegal: close, open, lock

GONE (final)
    ignored: push
    illegal: close, open, lock, break
"""


@pytest.mark.parametrize(
    ("drawing", "text"), [("mermaid", MERMAID), ("dot", DOT), ("matrix", MATRIX)]
)
def test_a_drawing_in_full(drawing: Drawing, text: str) -> None:
    assert text.replace("DIGEST", DOOR.digest) == render(DOOR, drawing)


@pytest.mark.parametrize("machine", list(MACHINES))
@pytest.mark.parametrize("drawing", ["mermaid", "dot", "plantuml", "scxml", "xstate", "table"])
def test_a_drawing_is_the_reviewed_one(
    machine: str, drawing: Drawing, request: pytest.FixtureRequest
) -> None:
    text = render(MACHINES[machine][0], drawing)
    file = FIXTURES / f"{machine}.{drawing}.txt"
    if request.config.getoption("--rewrite"):
        file.write_text(text)

    assert file.read_text() == text


def test_a_run_over_a_plantuml_diagram_has_its_colours() -> None:
    marks = Marks(
        visited={"OPEN"},
        taken={("OPEN", "SHUT.FREE", "close"): Taken(2, 5, 7)},
        refused={("GONE", "lock"): 1},
        notes=("run 1",),
    )
    text = draw(picture(DOOR), "plantuml", marks)

    assert "OPEN -[#1b7837]-> SHUT__FREE : close 2x p50 5 ns p99 7 ns\\npush" in text
    assert "SHUT__FREE -[#8a8f98]-> OPEN : open" in text
    assert 'state "OPEN" as OPEN #cfe8d5' in text
    assert "note right of GONE : <color:#c62828>refused lock 1x</color>" in text


@LOOPS
@DRAWINGS
def test_a_drawing_carries_the_digest_of_its_table(loop: AnyTable, drawing: Drawing) -> None:
    text = render(loop, drawing)

    assert any(f"sha256{between}{loop.digest}" in text for between in (" ", '": "'))


@LOOPS
def test_a_mermaid_diagram_is_well_formed_and_whole(loop: AnyTable) -> None:
    text = render(loop, "mermaid", unfold=True)
    declared = re.findall(r'^ +state "\w+" as (\w+)( \{)?$', text, re.MULTILINE)
    leaves = {name for name, opening in declared if not opening}
    arrows = re.findall(r"^    (\S+) --> (\S+) : (.+)$", text, re.MULTILINE)

    assert {leaf.replace(".", "__") for leaf in loop.flat.leaves} == leaves
    assert text.count("{") == text.count("}")
    assert text_moves(loop, "__") == spread(arrows)


@LOOPS
def test_a_dot_graph_is_well_formed_and_whole(loop: AnyTable) -> None:
    text = render(loop, "dot", unfold=True)
    leaves = set(re.findall(r'^ +"([\w.]+)" \[label=', text, re.MULTILINE))
    arrows = re.findall(r'^    "(\S+)" -> "(\S+)" \[label="(.+)"\]$', text, re.MULTILINE)

    assert set(loop.flat.leaves) == leaves
    assert text.count("{") == text.count("}")
    assert text_moves(loop, ".") == spread(arrows)


@LOOPS
def test_the_matrix_has_every_pair_once(loop: AnyTable) -> None:
    compiled = compile_table(loop)
    _, *blocks = render(loop, "matrix").split("\n\n")

    assert list(compiled.states) == [block.split()[0] for block in blocks]
    for block in blocks:
        listed = re.sub(r" -> \S+|ignored:|illegal:|,", "", block.split("\n", 1)[1]).split()
        assert sorted(compiled.events) == sorted(listed)


@LOOPS
def test_no_line_of_the_matrix_is_wide(loop: AnyTable) -> None:
    assert max(map(len, render(loop, "matrix").splitlines())) <= 96


def test_a_drawing_that_does_not_exist_is_refused_with_those_that_do() -> None:
    unknown: Any = "gif"

    with pytest.raises(ConfigError, match="no drawing 'gif'; draw one of mermaid, dot, plantuml"):
        render(DOOR, unknown)


def text_moves(loop: AnyTable, separator: str) -> set[tuple[str, str, str]]:
    return {
        (source.replace(".", separator), target.replace(".", separator), event)
        for (source, event), target in loop.flat.moves.items()
    }


def spread(arrows: list[tuple[str, str, str]]) -> set[tuple[str, str, str]]:
    """The arrows of a diagram, one for each event."""
    return {(source, to, event) for source, to, events in arrows for event in events.split(", ")}
