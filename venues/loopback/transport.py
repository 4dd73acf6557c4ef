"""One attempt at one request over HTTP, and which of three ways it ended.

The standard library's client, because it separates what decides the outcome of an order: a
connection that was never made (nothing left) from everything that comes after (something may
have). It keeps no pool, follows nothing, asks no proxy and never tries again.
"""

from http.client import HTTPConnection, HTTPException
from typing import Final, Protocol

from attrs import frozen

from verifill.venues.deadline import ANSWER_MAX, Deadline, WholeAnswer

HOST: Final = "127.0.0.1"


@frozen
class Answered:
    """An answer came, whole.

    Attributes:
        status: HTTP status.
        body: as it came.
        retry_after_s: what its header Retry-After says, else empty.
    """

    status: int
    body: bytes
    retry_after_s: str = ""


@frozen
class NotSent:
    """No byte of it left: the connection was not made."""

    reason: str


@frozen
class Lost:
    """It may have left, and no whole answer came."""

    reason: str


Attempt = Answered | NotSent | Lost


class Transport(Protocol):
    """Makes one attempt at a request."""

    def __call__(self, method: str, target: str, body: bytes = b"", /) -> Attempt:
        """Ask once.

        Args:
            method: GET or POST.
            target: path and query.
            body: of a POST.
        """
        ...


class Http:
    """Attempts at one server on this machine; implements `Transport`.

    Args:
        port: where it listens.
        timeout_s: for connecting, sending and the whole answer.
    """

    def __init__(self, port: int, timeout_s: float = 10.0) -> None:
        self._port = port
        self.timeout_s = timeout_s

    def __call__(self, method: str, target: str, body: bytes = b"") -> Attempt:
        """See `Transport`."""
        deadline = Deadline(self.timeout_s)
        connection = HTTPConnection(HOST, self._port, timeout=self.timeout_s)
        connection.response_class = WholeAnswer
        try:
            connection.connect()
        except OSError as error:
            return NotSent(f"{HOST}:{self._port}: {error}")
        connection.auto_open = 0  # what is lost is not sent again on a new connection
        try:
            return _exchange(connection, deadline, method, target, body)
        except (OSError, HTTPException) as error:
            return Lost(f"{type(error).__name__}: {error}")
        finally:
            connection.close()


def _exchange(
    connection: HTTPConnection, deadline: Deadline, method: str, target: str, body: bytes
) -> Attempt:
    headers = {"Content-Type": "application/json", "Connection": "close"}
    connection.sock.settimeout(deadline.left_s)
    connection.request(method, target, body or None, headers)
    connection.sock.settimeout(deadline.left_s)
    response = connection.getresponse()
    said = response.read(ANSWER_MAX)
    if response.length:
        return Lost(f"the answer breaks off {response.length} bytes before its end")
    return Answered(response.status, said, response.getheader("Retry-After") or "")
