"""The commands that look into a log as evidence, and their options."""

from pathlib import Path
from typing import Annotated

import typer

from verifill.cli import options
from verifill.cli.failures import told
from verifill.cli.options import examples

VERIFY = examples(
    "verifill verify runs/carry",
    "verifill verify runs/live --anchor /elsewhere/live.anchor",
    "verifill verify runs/carry --root 982350c7... --json",
)


@told
def verify(
    folder: options.Folder,
    *,
    anchor: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="The anchor of a live log.  [default: what the log says]"
        ),
    ] = None,
    no_anchor: Annotated[
        bool,
        typer.Option("--no-anchor", help="Ask no anchor: a tail that was cut off is not seen."),
    ] = False,
    root: Annotated[
        str,
        typer.Option(
            metavar="HASH", help="Hash that the chain must end with, kept from an earlier check."
        ),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """Check a log against itself.

    No code of a strategy is loaded. The exit code is 0 if the log conforms, and 1 if not.
    """
    from verifill.cli.verify import verify as run  # noqa: PLC0415 - see `cli.app`

    run(folder, anchor=anchor, no_anchor=no_anchor, root=root, as_json=as_json)
