"""A call over HTTP has one time-out for all of it, however its answer comes.

A time-out of a socket counts silence: an answer of which a byte drips now and then never meets
it, and an engine of one thread would wait for ever. Here each wait is as long as what is left.
"""

from http.client import HTTPResponse
from io import BufferedReader, RawIOBase
from socket import socket
from time import monotonic
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

ANSWER_MAX: Final = 1 << 26
LEAST_S: Final = 0.001  # a time-out of 0 would mean not to wait, and not that time is over


class Deadline:
    """When a call is over, on the monotonic clock.

    Args:
        timeout_s: from now on.
    """

    def __init__(self, timeout_s: float) -> None:
        self._ends_s = monotonic() + timeout_s

    @property
    def left_s(self) -> float:
        """Seconds that are left, above 0.

        Raises:
            TimeoutError: there are none.
        """
        left_s = self._ends_s - monotonic()
        if left_s <= 0:
            msg = "the time for the whole call is over"
            raise TimeoutError(msg)
        return max(left_s, LEAST_S)


class WholeAnswer(HTTPResponse):
    """An answer that is there, whole, within the time-out that its socket has now.

    Set as `response_class` of a connection of http.client, or of one that is built on it.
    """

    def __init__(
        self, sock: socket, debuglevel: int = 0, method: str | None = None, url: str | None = None
    ) -> None:
        """See `http.client.HTTPResponse`."""
        super().__init__(sock, debuglevel, method, url)
        timeout_s = sock.gettimeout()
        if timeout_s is not None:
            self.fp = BufferedReader(_InTime(sock, self.fp.detach(), Deadline(timeout_s)))


class _InTime(RawIOBase):
    """What comes from a socket until a deadline, and not without end."""

    def __init__(self, sock: socket, raw: RawIOBase, deadline: Deadline) -> None:
        self._socket, self._raw, self._deadline = sock, raw, deadline
        self._left = ANSWER_MAX

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int | None:
        self._socket.settimeout(self._deadline.left_s)
        count = self._raw.readinto(buffer)
        self._left -= count or 0
        if self._left < 0:
            msg = f"the answer is longer than {ANSWER_MAX} bytes"
            raise OSError(msg)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


__all__ = ["Deadline", "WholeAnswer"]
