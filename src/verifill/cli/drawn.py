"""The command that draws machines, and its options."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from verifill.cli.failures import told
from verifill.cli.options import examples


class Drawing(StrEnum):
    """How a machine is drawn."""

    MERMAID = "mermaid"
    DOT = "dot"
    PLANTUML = "plantuml"
    SVG = "svg"
    PNG = "png"
    SCXML = "scxml"
    XSTATE = "xstate"
    TABLE = "table"
    MATRIX = "matrix"


MACHINES = examples(
    "verifill machines",
    "verifill machines tight_loop --format matrix",
    "verifill machines full_loop --format svg -o full_loop.svg",
    "verifill machines full_loop --alone --format png -o full_loop.png",
    "verifill machines full_loop --log runs/carry --format svg -o carry.svg",
)


@told
def machines(
    name: Annotated[
        str, typer.Argument(metavar="[NAME]", help="One of those listed without.")
    ] = "",
    *,
    drawing: Annotated[
        Drawing,
        typer.Option(
            "--format",
            help="A diagram, the rows or every pair. SVG and PNG need verifill[diagrams].",
        ),
    ] = Drawing.MERMAID,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write it there.  [default: print]"),
    ] = None,
    unfold: Annotated[
        bool, typer.Option("--unfold", help="Draw the tight loop wherever it is held, not once.")
    ] = False,
    alone: Annotated[
        bool, typer.Option("--alone", help="Leave out what is drawn once beside it, as for A4.")
    ] = False,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--log", metavar="LOG", help="Draw a run over it: counts, times, refused events."
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
) -> None:
    """Draw a state machine; without a NAME, list them all.

    With a LOG and without a NAME, the run is drawn over the whole.
    """
    from verifill.cli.machines import How  # noqa: PLC0415 - see `cli.app`
    from verifill.cli.machines import machines as draw  # noqa: PLC0415 - likewise

    how = How(unfold=unfold, alone=alone, log=folder)
    draw(name, drawing.value, how, output=output, overwrite=overwrite)
