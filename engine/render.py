"""Drawings of a machine for people, and its table for other programs.

All are made from the compiled table, so they show what the machine does, and each carries
the digest of the table that it was drawn from. Nothing here writes a file.
"""

from collections.abc import Callable, Iterator
from typing import Literal, get_args

from verifill.engine.drawing.dot import dot
from verifill.engine.drawing.marks import NONE, Marks
from verifill.engine.drawing.matrix import markdown, matrix
from verifill.engine.drawing.mermaid import mermaid
from verifill.engine.drawing.model import Picture, picture
from verifill.engine.drawing.plantuml import plantuml
from verifill.engine.drawing.scxml import scxml
from verifill.engine.drawing.svg import svg
from verifill.engine.drawing.xstate import xstate
from verifill.engine.errors import ConfigError
from verifill.engine.table import AnyTable

Drawing = Literal["mermaid", "dot", "plantuml", "svg", "scxml", "xstate", "table", "matrix"]

DIAGRAMS: dict[str, Callable[[Picture, Marks], Iterator[str]]] = {
    "mermaid": mermaid,
    "dot": dot,
    "plantuml": plantuml,
    "svg": svg,
}
TEXTS: dict[str, Callable[[AnyTable], Iterator[str]]] = {
    "scxml": scxml,
    "xstate": xstate,
    "table": markdown,
    "matrix": matrix,
}


def render(table: AnyTable, drawing: Drawing, *, unfold: bool = False) -> str:
    """The machine as a diagram, as a table, or in a notation that other programs run.

    Args:
        table: the machine's table.
        drawing: `mermaid` (stateDiagram-v2), `dot`, `plantuml` and `svg` are diagrams; `scxml`,
            `xstate`, `table` (Markdown) and `matrix` always have every leaf.
        unfold: draw a table that is held in several places in each of them, and not once.

    Raises:
        ConfigError: there is no such drawing, or a library that it needs is not installed.
    """
    if drawing in DIAGRAMS:
        return draw(picture(table, unfold=unfold), drawing, NONE)
    if drawing in TEXTS:
        return _text(TEXTS[drawing](table))
    msg = f"there is no drawing {drawing!r}; draw one of {', '.join(get_args(Drawing))}"
    raise ConfigError(msg)


def draw(shown: Picture, diagram: str, marks: Marks) -> str:
    """A picture as a diagram, with what a log adds to it."""
    return _text(DIAGRAMS[diagram](shown, marks))


def _text(lines: Iterator[str]) -> str:
    return "\n".join(lines) + "\n"
