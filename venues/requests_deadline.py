"""The deadline of a call, for whatever asks through requests: see `verifill.venues.deadline`."""

from collections.abc import Mapping
from functools import cache
from socket import SOCK_STREAM, getaddrinfo, socket
from typing import Any

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.exceptions import Timeout
from urllib3 import Timeout as Total
from urllib3.connection import HTTPConnection

from verifill.venues.deadline import Deadline, WholeAnswer


class DeadlineAdapter(HTTPAdapter):
    """Sends requests so that one call, whatever it takes, is over in time."""

    def __init__(self) -> None:
        """No call has begun."""
        self._deadline = Deadline(0)
        super().__init__()

    def begin(self, timeout_s: float) -> None:
        """A call begins: all requests from now on share that time.

        Args:
            timeout_s: for connecting, sending and the whole answers.
        """
        self._deadline = Deadline(timeout_s)

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,  # noqa: FBT001, FBT002 - as the base class has it
        timeout: object = None,
        verify: bool | str = True,  # noqa: FBT001, FBT002 - as the base class has it
        cert: Any = None,  # noqa: ANN401 - as the base class has it
        proxies: Mapping[str, str] | None = None,
    ) -> Response:
        """Send one request in what is left of the time, and no other time-out.

        Raises:
            RequestException: see `requests`; a call whose time is over may have sent something.
        """
        del timeout
        try:
            total: Any = Total(total=self._deadline.left_s)  # the stubs know of numbers only
        except TimeoutError as error:
            raise Timeout(error, request=request) from None
        return super().send(request, stream, total, verify, cert, proxies)

    def get_connection_with_tls_context(self, *args: Any, **more: Any) -> Any:  # noqa: ANN401 - as the base class has it
        """A pool of connections that keep to a deadline."""
        pool: Any = super().get_connection_with_tls_context(*args, **more)
        pool.ConnectionCls = _bounded(pool.ConnectionCls)
        return pool


@cache
def _bounded(kind: type[HTTPConnection]) -> type[HTTPConnection]:
    """A kind of connection whose time-out is that of the whole."""
    if issubclass(kind, _Bounded):
        return kind
    return type(f"Bounded{kind.__name__}", (_Bounded, kind), {})


class _Bounded(HTTPConnection):
    response_class = WholeAnswer

    def _new_conn(self) -> socket:
        """Connect; the addresses of a name, which are tried one by one, share the time."""
        assert isinstance(self.timeout, float)  # noqa: S101 - for the type checkers
        deadline = Deadline(self.timeout)
        self.timeout /= _addresses(self.host, self.port)
        made = super()._new_conn()
        made.settimeout(deadline.left_s)  # for the handshake of TLS
        return made


def _addresses(host: str, port: int | None) -> int:
    """How many a name has; 1 if it is none, which connecting will say."""
    try:
        return len(getaddrinfo(host, port, type=SOCK_STREAM)) or 1
    except (OSError, UnicodeError):
        return 1


__all__ = ["DeadlineAdapter"]
