"""The page of a run over HTTP, made anew as its log grows; nothing can be changed by it.

It reads the log from a process of its own, so the engine that writes it notices nothing. A page
is made when somebody asks for one and the log has grown, and never for more than a part of the
time, so that a long log does not keep a core busy.
"""

import socket
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import Final, cast

import msgspec
import polars as pl

from verifill.engine.errors import ConfigError, VerifillError
from verifill.engine.log.durable_reader import open_log
from verifill.page.badges import Judged
from verifill.page.data import Shown, content
from verifill.page.html import html

PAGE: Final = "/"
LAST: Final = "/last"
PATIENCE_S: Final = 10.0  # for a client that has connected and says nothing
REST: Final = 4  # so many times as long as a page took to make, no other is made
HTML: Final = "text/html; charset=utf-8"
TEXT: Final = "text/plain; charset=utf-8"
JSON: Final = "application/json"
NAMES: Final = ("localhost", "127.0.0.1", "[::1]")
"""What this machine calls itself."""
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class LivePage:
    """The page of a log as it is now.

    Args:
        folder: the log.
        judged: how it is judged.
        shown: what of it is shown.

    Raises:
        LogError: it is no log.
    """

    def __init__(self, folder: Path, judged: Judged, shown: Shown) -> None:
        self._folder = folder
        self._judged = judged
        self._shown = shown
        self._lock = Lock()  # two may ask at once
        self._page = b""
        self._last = -1
        self._rests_until = 0.0
        open_log(folder)

    @property
    def last(self) -> int:
        """Number of the last record that a page asked for now would hold.

        Raises:
            LogError: the log cannot be read.
        """
        with self._lock:
            return self._now()

    def page(self) -> bytes:
        """The page.

        Raises:
            LogError: the log cannot be read.
        """
        with self._lock:
            if self._now() != self._last:
                self._make()
            return self._page

    def _now(self) -> int:
        resting = time.monotonic() < self._rests_until
        return self._last if resting else open_log(self._folder).last_seq

    def _make(self) -> None:
        begin = time.monotonic()
        made = content(self._folder, self._judged, self._shown)
        self._page = html(made, live=True).encode()
        self._last = int(made.data["window"]["of"])
        end = time.monotonic()
        self._rests_until = end + REST * (end - begin)


class Handler(BaseHTTPRequestHandler):
    """One connection: it may look, and nothing else."""

    timeout = PATIENCE_S
    server_version = "verifill"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer the page, or the number of its last record."""
        server = cast("Server", self.server)
        if self.headers.get("Host", "") not in server.names:
            names = ", ".join(sorted(server.names))
            told = f"this is not for {self.headers.get('Host', '')!r}; allowed are {names}\n"
            self._answer(HTTPStatus.MISDIRECTED_REQUEST, TEXT, told.encode())
            return
        live = server.live
        try:
            if self.path == PAGE:
                self._answer(HTTPStatus.OK, HTML, live.page())
            elif self.path == LAST:
                self._answer(HTTPStatus.OK, JSON, msgspec.json.encode({"last": live.last}))
            else:
                told = f"there are {PAGE} and {LAST} alone\n"
                self._answer(HTTPStatus.NOT_FOUND, TEXT, told.encode())
        except (VerifillError, OSError, pl.exceptions.PolarsError) as error:
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, TEXT, f"{error}\n".encode())

    def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, **HEADERS}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name above
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """Serves one page.

    Args:
        live: the page.
        host: where it listens.
        port: likewise; 0 for any.

    Raises:
        ConfigError: it cannot listen there.

    Attributes:
        live: the page.
        names: what a client may call it; a name of somebody else's that leads here is none.
    """

    daemon_threads = True

    def __init__(self, live: LivePage, host: str, port: int) -> None:
        self.live = live
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            self.address_family = found[0][0]
            super().__init__((host, port), Handler)
        except OSError as error:
            msg = (
                f"{host}:{port} cannot be listened on: {error.strerror or error}. Choose another "
                "with --port or --host, or end what listens there; --port 0 takes any that is free"
            )
            raise ConfigError(msg) from error
        own = f"[{host}]" if ":" in host else host
        local = NAMES if own in NAMES else ()
        self.names = frozenset(f"{name}:{self.server_port}" for name in (own, *local))
        self.address = f"http://{own}:{self.server_port}/"
