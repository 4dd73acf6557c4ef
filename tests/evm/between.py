"""Stands between a run and its node, and lets what it is told befall its transactions."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread, Timer
from time import sleep
from typing import Final

HOST: Final = "127.0.0.1"
SEND: Final = b"eth_sendRawTransaction"
NEXT: Final = b'"pending"'  # the next nonce is asked for with what waits in the pool
PATIENCE_S: Final = 30
DRIPS: Final = b" " * 100_000
DRIP_S: Final = 0.1  # for each of them, until whoever asked has gone
Onward = Callable[[], bytes]
Befall = Callable[[Onward], bytes | None]
"""Is given what takes a send on to the node; answers what the sender is told, None: nothing."""


def request_lost(onward: Onward) -> None:
    """It never comes to the node."""
    del onward


def reply_lost(onward: Onward) -> None:
    """It does, and nobody hears of it."""
    onward()


def garbled(onward: Onward) -> bytes:
    """It does, and what is heard means nothing."""
    onward()
    return b'{"jsonrpc": "2.0", "id": '


def dripping(onward: Onward) -> bytes:
    """It does, and of what is to be heard a byte comes now and then."""
    onward()
    return DRIPS


class Between(ThreadingHTTPServer):
    """Passes on what is asked and answered, but for the first sends.

    Args:
        port: of the node.
        befalls: what befalls the first send, the second, and so on.
        counts: likewise what befalls questions for the next nonce.
    """

    daemon_threads = True

    def __init__(self, port: int, befalls: Sequence[Befall], counts: Sequence[Befall]) -> None:
        super().__init__((HOST, 0), Handler)
        self.node = port
        self.befalls = {SEND: list(befalls), NEXT: list(counts)}
        self.awake = Event()
        self.awake.set()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.server_address[1]}"

    def hang(self, length_s: float) -> None:
        """Accept everything and answer nothing, for a while."""
        self.awake.clear()
        Timer(length_s, self.awake.set).start()


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"

    @property
    def way(self) -> Between:
        assert isinstance(self.server, Between)
        return self.server

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["Content-Length"]))

        def onward() -> bytes:
            return self._passed_on(asked)

        befalls = next(
            (its for what, its in self.way.befalls.items() if what in asked), list[Befall]()
        )
        try:
            said = befalls.pop(0)(onward) if befalls else onward()
        except (OSError, HTTPException):  # there is no node now
            said = None
        if not self.way.awake.is_set():  # whoever asked has gone by the time that it is over
            self.way.awake.wait(PATIENCE_S)
            said = None
        if said is None:
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        if said is DRIPS:
            self._drip()
        else:
            self.wfile.write(said)

    def _drip(self) -> None:
        self.close_connection = True
        with suppress(OSError):  # whoever asked has hung up
            for _ in range(round(PATIENCE_S / DRIP_S)):
                self.wfile.write(b" ")
                sleep(DRIP_S)

    def _passed_on(self, asked: bytes) -> bytes:
        connection = HTTPConnection(HOST, self.way.node, timeout=PATIENCE_S)
        try:
            connection.request("POST", "/", asked, {"Content-Type": "application/json"})
            return connection.getresponse().read()
        finally:
            connection.close()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Say nothing."""


@contextmanager
def between(port: int, *befalls: Befall, counts: Sequence[Befall] = ()) -> Generator[Between]:
    with Between(port, befalls, counts) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
