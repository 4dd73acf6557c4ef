"""An answer of the server, and what becomes of it on its way."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from attrs import field, frozen

from verifill.venues.loopback.faults import Break, Delivery, Mangle
from verifill.venues.loopback.wire import Ack, Answer, Code, NotFound, Refusal, encode

STATUSES: Mapping[Code, int] = {
    Code.FORBIDDEN: HTTPStatus.FORBIDDEN,
    Code.DUPLICATE: HTTPStatus.CONFLICT,
    Code.UNKNOWN_NAME: HTTPStatus.NOT_FOUND,
}
PAGE = b"<html><body>upstream connect error</body></html>"


@frozen(kw_only=True)
class Outgoing:
    """An answer, and what becomes of it on the way.

    Attributes:
        status: HTTP status.
        body: JSON.
        headers: besides the usual.
        ends: how the connection ends without it.
        truncated: whether only half of the body is sent.
        drips: whether blanks are sent before the body, one now and then, until the client goes.
        twice: whether it is sent two times over.
    """

    status: int = HTTPStatus.OK
    body: bytes = b""
    headers: Mapping[str, str] = field(factory=dict[str, str])
    ends: Break | None = None
    truncated: bool = False
    drips: bool = False
    twice: bool = False


def in_json(what: Any) -> Outgoing:  # noqa: ANN401 - any message of the wire
    """A message, with status 200."""
    return Outgoing(body=encode(what))


def answered(answer: Answer) -> Outgoing:
    """An answer about an order, with its status."""
    match answer:
        case Ack():
            return in_json(answer)
        case NotFound():
            return Outgoing(status=HTTPStatus.NOT_FOUND, body=encode(answer))
        case Refusal():
            status = STATUSES.get(answer.code, HTTPStatus.BAD_REQUEST)
            return Outgoing(status=status, body=encode(answer))


def refused(code: Code, reason: str) -> Outgoing:
    """A refusal, with its status."""
    return answered(Refusal(code, reason))


def ended(ends: Break, delivery: Delivery) -> Outgoing:
    """No answer, or a status that says nothing of the request."""
    if ends is not Break.STATUS:
        return Outgoing(ends=ends)
    after_s = delivery.retry_after_s
    headers = {"Retry-After": str(after_s)} if after_s else {}
    return Outgoing(status=delivery.status, body=PAGE, headers=headers)


def mangled(outgoing: Outgoing, how: Mangle | None) -> Outgoing:
    """The answer, spoilt."""
    match how:
        case None:
            return outgoing
        case Mangle.GARBAGE:
            return Outgoing(body=PAGE)
        case Mangle.TRUNCATE:
            return Outgoing(status=outgoing.status, body=outgoing.body, truncated=True)
        case Mangle.DRIP:
            return Outgoing(status=outgoing.status, body=outgoing.body, drips=True)
        case Mangle.TWICE:
            return Outgoing(status=outgoing.status, body=outgoing.body, twice=True)
        case Mangle.NULL_ID | Mangle.NO_ID | Mangle.FILL_TWICE:
            body: dict[str, Any] = msgspec.json.decode(outgoing.body)
            if how is Mangle.NULL_ID:
                body["order"] = None
            elif how is Mangle.NO_ID:
                body.pop("order", None)
            elif "receipt" in body:
                body["receipt"]["fills"] *= 2
            return Outgoing(status=outgoing.status, body=encode(body))
