"""The commands that watch a run from another process, and their options."""

from pathlib import Path
from typing import Annotated

import typer

from verifill.cli import options
from verifill.cli.failures import told
from verifill.cli.options import examples

PORT = 9464

METRICS = examples(
    "verifill metrics runs/live",
    "verifill metrics runs/live --port 9100 --host 0.0.0.0",
    "verifill metrics runs/live --once > live.prom   # for a textfile collector",
)


@told
def metrics(
    folder: options.Folder,
    *,
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Where it listens; 0 for any.")
    ] = PORT,
    host: Annotated[str, typer.Option(metavar="HOST", help="Likewise.")] = "127.0.0.1",
    anchor: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The anchor.  [default: LOG.anchor]")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Print them, and end.")] = False,
) -> None:
    """Serve metrics of a live or paper run to Prometheus.

    It reads the log, also while an engine writes it, and disturbs nothing. Needs the extra
    `metrics`. Ctrl-C and SIGTERM end it, with exit code 0.
    """
    from verifill.cli.metrics import metrics as serve  # noqa: PLC0415 - see `cli.app`

    serve(folder, host=host, port=port, anchor=anchor, once=once)
