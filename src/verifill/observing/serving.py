"""The metrics of a run for whoever scrapes them: followed on each scrape, served over HTTP."""

import math
import os
import socket
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Lock
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import generate_latest
from prometheus_client.exposition import ThreadingWSGIServer, choose_encoder

from verifill.engine.errors import ConfigError, LogError
from verifill.engine.log.lock import is_held
from verifill.observing.following import Follower
from verifill.observing.metrics import Metrics

PATH = "/metrics"
PATIENCE_S = 10.0  # for a client that has connected and says nothing
LINE_MAX = 256  # bytes of the anchor's end that hold its last line


class Exporter:
    """The metrics of a log, as it is now.

    Args:
        folder: the log's folder.
        anchor: the anchor's file; None if it is none.

    Raises:
        LogError: it is no log.
        ConfigError: it is the log of a backtest.
    """

    def __init__(self, folder: Path, anchor: Path | None) -> None:
        self._follower = Follower(folder)
        self._metrics = Metrics(self._follower.header)
        self._anchor = anchor
        self._lock = Lock()  # two scrapes may come at once
        self._trouble = ""

    def catch_up(self) -> None:
        """Count what has come since the last time.

        Raises:
            LogError: the log cannot be read.
            OSError: likewise, its folder.
        """
        metrics = self._metrics
        metrics.readable.set(0)
        while entries := self._follower.batch():
            for entry in entries:
                metrics.add(entry)
        metrics.engine_up.set(is_held(self._follower.folder))
        told = last_anchored(self._anchor) if self._anchor else math.nan
        metrics.anchor_lag.set(self._follower.position - told)
        metrics.readable.set(1)

    def text(self) -> str:
        """What a scrape would read, in the text format.

        Raises:
            LogError: the log cannot be read.
            OSError: likewise, its folder.
        """
        self.catch_up()
        return generate_latest(self._metrics.registry).decode()

    def answer(self, environ: dict[str, Any], start: Callable[..., object]) -> Iterable[bytes]:
        """Answer one request, as an application of WSGI.

        A log that cannot be read is told as a metric, and once in words; what was counted
        before stays.
        """
        if environ["PATH_INFO"] != PATH:
            start("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
            return [f"there is {PATH} alone\n".encode()]
        encode, kind = choose_encoder(environ.get("HTTP_ACCEPT", ""))
        with self._lock:
            try:
                self.catch_up()
                self._trouble = ""
            except (LogError, OSError) as error:
                self._tell(str(error))
            told = encode(self._metrics.registry)
        start("200 OK", [("Content-Type", kind)])
        return [told]

    def _tell(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            sys.stderr.write(f"verifill: {trouble}\n")
            sys.stderr.flush()


def last_anchored(anchor: Path) -> float:
    """The number that an anchor was told last; no number if it never was, or is not to be read."""
    try:
        with anchor.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - LINE_MAX))
            whole = file.read().split(b"\n")[:-1]
        return int(whole[-1].split()[0])
    except (OSError, ValueError, IndexError):
        return math.nan


class Handler(WSGIRequestHandler):
    """One connection: nothing is logged, and nobody is waited for without end."""

    timeout = PATIENCE_S

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name above
        """Say nothing."""


def served(exporter: Exporter, host: str, port: int) -> ThreadingWSGIServer:
    """A server of the metrics, listening.

    Args:
        exporter: what it serves.
        host: where it listens.
        port: likewise; 0 for any.

    Raises:
        ConfigError: it cannot listen there.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]

        class Server(ThreadingWSGIServer):
            address_family = family

        return make_server(host, port, exporter.answer, server_class=Server, handler_class=Handler)
    except OSError as error:
        msg = (
            f"{host}:{port} cannot be listened on: {error.strerror or error}. Choose another with "
            "--port or --host, or end what listens there; --port 0 takes any that is free"
        )
        raise ConfigError(msg) from error
