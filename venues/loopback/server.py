"""The sockets of the server: one thread, one request to a connection, 127.0.0.1 only.

Two ports: clients trade on one; whoever runs the rehearsal arms faults on the other, which no
fault touches. A connection that is held stays open without keeping the next one waiting.
"""

import os
import selectors
import signal
import socket
import struct
import sys
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import TCPServer
from types import FrameType
from typing import Any, Final, NoReturn

import msgspec
from msgspec import Struct

from verifill.engine.errors import EnvironmentDefect
from verifill.venues.loopback.admin import Admin
from verifill.venues.loopback.faults import Break
from verifill.venues.loopback.outgoing import Outgoing
from verifill.venues.loopback.service import Service

HOST: Final = "127.0.0.1"
LOOK_S = 0.1  # how often it looks whether it is to stop
SILENT_S = 1  # how long a client may take to say what it wants; others wait meanwhile
BODY_MAX = 1 << 20
HELD_MAX = 64
DRIPS_MAX = 1 << 20  # blanks that are announced before an answer which drips
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing resets the connection

Answers = Callable[[str, str, bytes], Outgoing]


class Ready(Struct, frozen=True):
    """Where a server is; written to a file when it listens.

    Attributes:
        port: for clients.
        admin_port: for whoever runs it.
        pid: of the process.
    """

    port: int
    admin_port: int
    pid: int


class Listener(TCPServer):
    """One port.

    Args:
        port: 0 for any that is free.
        answers: gives the answer to a request.
    """

    allow_reuse_address = True
    timeout = 0
    request_queue_size = 64

    def __init__(self, port: int, answers: Answers) -> None:
        self.answers = answers
        self.failure: BaseException | None = None
        self.held: deque[Any] = deque(maxlen=HELD_MAX)
        self.dripping: list[Any] = []
        super().__init__((HOST, port), Handler)

    @property
    def port(self) -> int:
        """The port it listens on."""
        port: int = self.socket.getsockname()[1]
        return port

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - as the base class has it
        """Close a connection, unless it is held."""
        if request not in self.held:
            super().shutdown_request(request)

    def hold(self, request: Any) -> None:  # noqa: ANN401 - a socket
        """Leave a connection open for ever; the oldest is closed if there are many."""
        if len(self.held) == HELD_MAX:
            self.held.popleft().close()
        self.held.append(request)

    def drip(self) -> None:
        """Send one more blank of each answer that only drips."""
        for request in [*self.dripping]:
            try:
                request.send(b" ")
            except OSError:  # its client has gone, or it is one too many that are held
                self.dripping.remove(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401, ARG002 - as the base class has it
        """A client that goes away is nothing; a journal that cannot be written is the end."""
        error = sys.exception()  # the base class calls this while it handles one
        if not isinstance(error, OSError):
            self.failure = error

    def server_close(self) -> None:
        """Close all connections too."""
        super().server_close()
        for request in self.held:
            request.close()


class Handler(BaseHTTPRequestHandler):
    """One request of one connection."""

    timeout = SILENT_S

    def do_GET(self) -> None:
        """A question."""
        self._answer(b"")

    def do_POST(self) -> None:
        """A command."""
        told = self.headers.get("Content-Length", "")
        length = int(told) if told.isdecimal() else 0
        self._answer(self.rfile.read(min(length, BODY_MAX)))

    def _answer(self, body: bytes) -> None:
        listener = self.server
        assert isinstance(listener, Listener)  # noqa: S101 - for the type checkers
        outgoing = listener.answers(self.command, self.path, body)
        if outgoing.ends is Break.HOLD:
            listener.hold(self.connection)
        elif outgoing.ends is Break.DROP:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self.connection.close()
        elif outgoing.drips:
            self._send(outgoing)
            listener.hold(self.connection)
            listener.dripping.append(self.connection)
        else:
            self._send(outgoing)
            if outgoing.twice:
                self._send(outgoing)

    def _send(self, outgoing: Outgoing) -> None:
        body = outgoing.body
        self.send_response(outgoing.status)
        self.send_header("Content-Type", "application/json")
        blanks = DRIPS_MAX if outgoing.drips else 0
        self.send_header("Content-Length", str(len(body) + blanks))
        for name, value in outgoing.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if not outgoing.drips:
            self.wfile.write(body[: len(body) // 2] if outgoing.truncated else body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - as the base class has it
        """Say nothing: the journal says it."""


class Server:
    """A service on its two ports, until it is told to stop.

    Args:
        service: what answers.
        port: for clients; 0 for any.
        admin_port: for whoever runs it; 0 for any.
        ready: a file to write `Ready` to.
        parent: process whose end is this one's too; 0 for none.
    """

    def __init__(
        self,
        service: Service,
        *,
        port: int = 0,
        admin_port: int = 0,
        ready: Path | None = None,
        parent: int = 0,
    ) -> None:
        self._answers: Answers = service.answer
        self._parent = parent
        self._stopping = False
        self._selector = selectors.DefaultSelector()
        self._public: Listener | None = self._listen(port, self._answers)
        self._port = self._public.port
        admin = Admin(service, reach=self._reach)
        self._admin = self._listen(admin_port, admin.answer)
        self.ready = Ready(self._port, self._admin.port, os.getpid())
        if ready:
            _write(ready, msgspec.json.encode(self.ready))

    def _listen(self, port: int, answers: Answers) -> Listener:
        try:
            listener = Listener(port, answers)
        except OSError as error:
            msg = f"{HOST}:{port}: {error}; give another port, or 0 for any that is free"
            raise EnvironmentDefect(msg) from error
        self._selector.register(listener, selectors.EVENT_READ, listener)
        return listener

    def _reach(self, *, reachable: bool) -> None:
        """Let clients reach the venues, or refuse their connections."""
        if reachable and self._public is None:
            self._public = self._listen(self._port, self._answers)
        elif not reachable and self._public is not None:
            self._selector.unregister(self._public)
            self._public.server_close()
            self._public = None

    def stop(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        """Stop after the request under way; also what signals do."""
        self._stopping = True

    def run(self) -> None:
        """Serve until it is told to stop, by SIGTERM, SIGINT or the end of its parent.

        Raises:
            EnvironmentDefect: the journal cannot be written.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.stop)
        try:
            while not self._stopping and self._parent in (0, os.getppid()):
                self.turn()
        finally:
            self.close()

    def close(self) -> None:
        """Close the ports and all connections."""
        self._reach(reachable=False)
        self._admin.server_close()
        self._selector.close()

    def turn(self) -> None:
        """Answer whoever is there, once; wait a moment if nobody is.

        Raises:
            EnvironmentDefect: the journal cannot be written.
        """
        for key, _ in self._selector.select(LOOK_S):
            listener: Listener = key.data
            if listener.socket.fileno() >= 0:  # it may have been closed just before
                listener.handle_request()
            if listener.failure:
                raise listener.failure
        if self._public:
            self._public.drip()


def die() -> NoReturn:
    """End at once, as a killed process does: nothing is flushed, nobody is told."""
    os._exit(137)


def _write(file: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    beside = file.with_name(f"{file.name}.part")
    beside.write_bytes(data)
    beside.replace(file)
