"""The commands that watch a run from another process, and their options."""

from pathlib import Path
from typing import Annotated

import typer

from verifill.cli import options
from verifill.cli.failures import told
from verifill.cli.options import examples

PORT = 9464
PAGE_PORT = 8480

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
        Path | None, typer.Option(metavar="FILE", help="The anchor.  [default: what the log says]")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Print them, and end.")] = False,
) -> None:
    """Serve metrics of a live or paper run to Prometheus.

    It reads the log, also while an engine writes it, and disturbs nothing. Needs the extra
    `metrics`. Ctrl-C and SIGTERM end it, with exit code 0.
    """
    from verifill.cli.metrics import metrics as serve  # noqa: PLC0415 - see `cli.app`

    serve(folder, host=host, port=port, anchor=anchor, once=once)


SPANS = examples(
    "verifill spans runs/live --to http://localhost:4318 --follow",
    "verifill spans runs/live --to live.otlp.jsonl",
    "verifill spans runs/live --to - --after 1200 --unfinished",
)


@told
def spans(
    folder: options.Folder,
    *,
    to: Annotated[
        str,
        typer.Option(
            metavar="SINK",
            help="Address that takes OTLP over HTTP, a file for OTLP as JSON lines, or - for "
            "standard output.",
        ),
    ],
    follow: Annotated[bool, typer.Option("--follow", help="Go on as the log does.")] = False,
    after: Annotated[
        int, typer.Option(min=0, metavar="N", help="Leave out what ends with record N or before.")
    ] = 0,
    unfinished: Annotated[
        bool,
        typer.Option("--unfinished", help="Export what is under way too, marked; not to follow."),
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file there.")] = False,
    timeout_s: Annotated[
        float, typer.Option(min=0.1, max=600, help="For one request and its retries, in seconds.")
    ] = 10.0,
    patience_s: Annotated[
        float,
        typer.Option(min=0, max=86_400, help="With --follow: how long a sink may be gone."),
    ] = 300.0,
) -> None:
    """Export a live or paper run as traces of OpenTelemetry.

    Tick, atomic transaction, tight loop and attempt are spans, every record is an event of one.
    Ids follow from the run and its record numbers: exported again, they are the same. Reads the
    log alone, also while an engine writes it. Needs the extra `tracing`.
    """
    from verifill.cli.spans import spans as export  # noqa: PLC0415 - see `cli.app`

    export(
        folder,
        to=to,
        follow=follow,
        after=after,
        unfinished=unfinished,
        overwrite=overwrite,
        timeout_s=timeout_s,
        patience_s=patience_s,
    )


SERVE = examples(
    "verifill serve runs/live",
    "verifill serve runs/live --port 8480 --no-anchor",
)


@told
def serve(
    folder: options.Folder,
    *,
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Where it listens; 0 for any.")
    ] = PAGE_PORT,
    host: Annotated[
        str,
        typer.Option(
            metavar="HOST", help="Likewise; a client must call it so. There is no password."
        ),
    ] = "127.0.0.1",
    quote: Annotated[str, options.QUOTE] = "",
    market: Annotated[Path | None, options.MARKET] = None,
    anchor: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The anchor.  [default: what the log says]")
    ] = None,
    no_anchor: Annotated[bool, typer.Option("--no-anchor", help="Ask no anchor.")] = False,
) -> None:
    """Show the page of a run in a browser, as its log grows.

    It reads the log from a process of its own, and nothing can be changed by it. The run is
    checked each time, and not run again. Ctrl-C and SIGTERM end it, with exit code 0.
    """
    from verifill.cli.serve import serve as show  # noqa: PLC0415 - see `cli.app`
    from verifill.page.badges import Judged  # noqa: PLC0415 - likewise
    from verifill.page.data import Shown  # noqa: PLC0415 - likewise

    judged = Judged(anchor=anchor, no_anchor=no_anchor, no_replay=True)
    show(folder, judged, Shown(quote=quote, market=market), host=host, port=port)
