"""Options that several commands share."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from verifill.cli.failures import EXIT_CODES


class Said(StrEnum):
    """How a live run says what happens."""

    TEXT = "text"
    JSON = "json"
    NONE = "none"


def examples(*commands: str, codes: str = EXIT_CODES) -> str:
    """What stands below the help of a command: examples, and the exit codes."""
    lines = ["Examples:", *(f"  {command}" for command in commands), "", *codes.splitlines()]
    # a paragraph that begins so is not wrapped, and an empty line would end it
    return "\b\n" + "\n".join(line or " " for line in lines)


def version(value: bool) -> None:  # noqa: FBT001 - how typer calls it
    """Print the version, and whether what every tick goes through is compiled; end."""
    if value:
        from verifill import __version__  # noqa: PLC0415 - only needed here
        from verifill.kernel import KIND  # noqa: PLC0415 - likewise

        typer.echo(f"verifill {__version__} ({KIND})")
        raise typer.Exit


QUOTE: Any = typer.Option(
    "--quote", metavar="ASSET", help="Asset to count in.  [default: the configuration's]"
)
MARKET: Any = typer.Option(
    "--market", metavar="DIR", help="Prepared market data.  [default: market/history of the log]"
)
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the log.")]
ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG.toml", help="The configuration.")]
LogFolder = Annotated[
    Path | None,
    typer.Option("--log", metavar="DIR", help="Folder of the log.  [default: the configuration's]"),
]
AnchorFile = Annotated[
    Path | None,
    typer.Option(
        "--anchor",
        metavar="FILE",
        help="Where else the log's progress is kept, best on another disk.  [default: the "
        "configuration's, or a file in your folder for state]",
    ),
]
Ticks = Annotated[int, typer.Option(min=0, help="Stop after so many ticks; 0: never.")]
Say = Annotated[
    Said, typer.Option(help="How to say on stderr what happens, with its number in the log.")
]
