"""Stands between a run and its node, and loses what it is told to lose."""

from collections.abc import Generator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Final

HOST: Final = "127.0.0.1"
SEND: Final = b"eth_sendRawTransaction"


class Between(ThreadingHTTPServer):
    """Passes on what is asked and answered, but for the first send.

    Args:
        port: of the node.
        fault: what befalls the first send: `request` or `reply` is lost, `garbage` comes back.
    """

    daemon_threads = True

    def __init__(self, port: int, fault: str) -> None:
        super().__init__((HOST, 0), Handler)
        self.node = port
        self.fault = fault

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"

    @property
    def way(self) -> Between:
        assert isinstance(self.server, Between)
        return self.server

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["Content-Length"]))
        fault = ""
        if SEND in asked:
            fault, self.way.fault = self.way.fault, ""
        if fault == "request":
            self.close_connection = True
            return
        said = self._passed_on(asked)
        if fault == "reply":
            self.close_connection = True
            return
        if fault == "garbage":
            said = b'{"jsonrpc": "2.0", "id": '
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def _passed_on(self, asked: bytes) -> bytes:
        connection = HTTPConnection(HOST, self.way.node, timeout=30)
        try:
            connection.request("POST", "/", asked, {"Content-Type": "application/json"})
            return connection.getresponse().read()
        finally:
            connection.close()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Say nothing."""


@contextmanager
def between(port: int, fault: str) -> Generator[Between]:
    with Between(port, fault) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
