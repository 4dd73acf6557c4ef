"""The transport under ccxt: where requests really go, and what became of the last one.

ccxt picks its tables of errors by the address of a request, so an exchange is redirected
here and never by its addresses (docs/decisions/0024-ccxt.md). A redirected session reaches
one port of this machine, whatever address ccxt asks for.
"""

import importlib
from typing import Any, Final
from urllib.parse import urlsplit

from attrs import frozen

from verifill.venues.ccxt.words import Told

HOST: Final = "127.0.0.1"
NEVER_LEFT: Final = frozenset({"NewConnectionError", "NameResolutionError", "ConnectTimeoutError"})


@frozen
class Evidence:
    """What is known of the last request, whatever ccxt makes of it.

    Attributes:
        left: whether a byte of it may have left; not where no connection was made.
        status: HTTP status of the answer; 0 if there was none.
        wait_s: for how long its header Retry-After says to stay away; 0 if it does not.
    """

    left: bool = False
    status: int = 0
    wait_s: int = 0


UNSENT: Final = Evidence()


class Wire:
    """An adapter of requests that redirects and remembers; mounted for every address.

    Args:
        port: of this machine, where everything goes; 0 to go where it is addressed to.

    Attributes:
        evidence: of the last request.
        headers: that each request has beside its own.
    """

    def __init__(self, port: int = 0) -> None:
        over: Any = importlib.import_module("verifill.venues.requests_deadline")
        self._inner: Any = over.DeadlineAdapter()
        self._port = port
        self.evidence = UNSENT
        self.headers: dict[str, str] = {}

    def begin(self, timeout_s: float) -> None:
        """A call begins; nothing is known of it yet.

        Args:
            timeout_s: for all of it, whatever it takes.
        """
        self.evidence = UNSENT
        self._inner.begin(timeout_s)

    def send(self, request: Told, **options: Told) -> Told:
        """Send one request, once.

        Raises:
            Exception: as requests says; what is known of it is in `evidence`.
        """
        request.headers.update(self.headers)
        if self._port:
            parts = urlsplit(str(request.url))
            query = f"?{parts.query}" if parts.query else ""
            request.url = f"http://{HOST}:{self._port}/{parts.netloc}{parts.path or '/'}{query}"
            options["proxies"] = {}
        self.evidence = Evidence(left=True)
        try:
            response = self._inner.send(request, **options)
        except Exception as error:
            self.evidence = Evidence(left=not _never_left(error))
            raise
        wait = str(response.headers.get("Retry-After") or "")
        wait_s = int(wait) if wait.isascii() and wait.isdecimal() else 0
        self.evidence = Evidence(left=True, status=int(response.status_code), wait_s=wait_s)
        return response

    def close(self) -> None:
        """Close its connections."""
        self._inner.close()


def session_over(wire: Wire) -> Told:
    """A session of requests that has no other way out than a wire."""
    requests: Any = importlib.import_module("requests")
    session: Any = requests.Session()
    session.trust_env = False  # no proxy, no .netrc of whoever runs us
    session.max_redirects = 0  # the evidence of a second request would hide the first
    session.adapters.clear()
    for scheme in ("https://", "http://"):
        session.mount(scheme, wire)
    return session


def _never_left(error: BaseException) -> bool:
    """Whether no connection was made, so that nothing can have left."""
    reasons: list[object] = [*error.args, getattr(error, "reason", None)]
    inner = [getattr(reason, "reason", None) for reason in reasons]
    return any(type(one).__name__ in NEVER_LEFT for one in (error, *reasons, *inner))
