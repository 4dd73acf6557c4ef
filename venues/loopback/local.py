"""Requests to a service in the same process: no sockets, so nothing is lost on the way."""

from verifill.venues.loopback.service import Service
from verifill.venues.loopback.transport import Answered, Attempt, Lost


class Local:
    """Attempts at a service of this process; implements `Transport`.

    Args:
        service: what answers.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def __call__(self, method: str, target: str, body: bytes = b"") -> Attempt:
        """See `Transport`.

        Raises:
            EnvironmentDefect: the journal cannot be written; whatever was asked is not known.
        """
        outgoing = self._service.answer(method, target, body)
        if outgoing.ends is not None:
            return Lost(f"the connection ends: {outgoing.ends}")
        return Answered(outgoing.status, outgoing.body, outgoing.headers.get("Retry-After", ""))
