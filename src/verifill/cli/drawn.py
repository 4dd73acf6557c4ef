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
    "verifill machines full_loop --log runs/carry --format svg -o carry.svg",
)


@told
def machines(
    name: Annotated[
        str, typer.Argument(metavar="[NAME]", help="One of those listed without a NAME.")
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
    log: Annotated[
        Path | None,
        typer.Option(metavar="LOG", help="Draw a run over it: counts, times, refused events."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
) -> None:
    """Draw a state machine; without a NAME, list them all."""
    from verifill.cli.machines import machines as draw  # noqa: PLC0415 - see `cli.app`

    draw(name, drawing.value, output=output, unfold=unfold, log=log, overwrite=overwrite)
