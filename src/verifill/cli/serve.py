"""`verifill serve`: the page of a run over HTTP, as its log grows."""

import sys
from pathlib import Path

from verifill.observing.stopping import until_stopped
from verifill.page.badges import Judged
from verifill.page.data import Shown
from verifill.page.serving import LivePage, Server


def serve(folder: Path, judged: Judged, shown: Shown, *, host: str, port: int) -> None:
    """Serve it until told to stop.

    Raises:
        LogError: it is no log.
        ConfigError: nobody can listen there.
    """
    live = LivePage(folder, judged, shown)
    with until_stopped(), Server(live, host, port) as server:
        sys.stdout.write(f"listening on {server.address}\n")
        sys.stdout.flush()
        server.serve_forever()
