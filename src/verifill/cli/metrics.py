"""`verifill metrics`: the metrics of a live or paper run, from its log."""

import sys
from pathlib import Path

from verifill.anchors import anchor_to_ask
from verifill.observing.extras import extra
from verifill.observing.stopping import until_stopped

with extra("metrics", "prometheus_client"):
    from verifill.observing.serving import Exporter, served


def metrics(folder: Path, *, host: str, port: int, anchor: Path | None, once: bool) -> None:
    """Serve them until told to stop, or print them once.

    Raises:
        LogError: it is no log, or cannot be read.
        ConfigError: it is the log of a backtest, or nobody can listen there.
    """
    place = anchor_to_ask(folder, anchor)
    exporter = Exporter(folder, place.path if place else None)
    if once:
        sys.stdout.write(exporter.text())
        return
    with until_stopped(), served(exporter, host, port) as server:
        exporter.catch_up()  # before anybody waits for it
        sys.stdout.write(f"listening on http://{host}:{server.server_port}/metrics\n")
        sys.stdout.flush()
        server.serve_forever()
