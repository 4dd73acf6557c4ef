"""What an attempt to submit or query says of an order: the table of outcomes, and nothing else.

What never left is DENIED_LOCAL; what the venue refuses in so many words is
REJECTED_DEFINITIVE; everything else without a readable answer is UNKNOWN.
"""

from dataclasses import replace
from http import HTTPStatus
from typing import Final

import msgspec

from verifill.venues.loopback.transport import Answered, Attempt, Lost, NotSent
from verifill.venues.loopback.wire import Ack, Answer, Code, NotFound, Refusal
from verifill.venues.orders import Fill, Outcome, Receipt, Trouble

ANSWER: Final = msgspec.json.Decoder(Answer)

# Statuses that say by themselves that a request was not taken, whatever the body is.
REFUSING: Final = {
    HTTPStatus.TOO_MANY_REQUESTS: True,  # may be sent again, later
    HTTPStatus.IM_A_TEAPOT: True,  # what one venue says instead
    HTTPStatus.UNAUTHORIZED: False,
    HTTPStatus.FORBIDDEN: False,
}
LOOK_UP: Final = frozenset({Code.DUPLICATE})  # the order may be there


def unknown(reason: str) -> Receipt:
    """Neither is known."""
    return Receipt(Outcome.UNKNOWN, reason=reason)


def submitted(attempt: Attempt, key: str) -> Receipt:
    """What an attempt to submit amounts to."""
    match attempt:
        case NotSent():
            return Receipt(Outcome.DENIED_LOCAL, reason=attempt.reason, retryable=True)
        case Lost():
            return unknown(attempt.reason)
        case Answered():
            if attempt.status in REFUSING:
                return _refused_by_status(attempt)
            said = answer(attempt, key)
    if isinstance(said, Ack):
        return told(said)
    if isinstance(said, Refusal) and said.code not in LOOK_UP:
        reason = f"{said.code}: {said.reason}"
        return Receipt(Outcome.REJECTED_DEFINITIVE, reason=reason, retryable=said.retryable)
    return unknown(f"{said.code}: {said.reason}" if isinstance(said, Refusal) else str(said))


def answer(attempt: Attempt, key: str) -> Answer | str:
    """The answer about a key, or why it is none."""
    if not isinstance(attempt, Answered):
        return attempt.reason
    if attempt.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return f"status {attempt.status}"
    try:
        said: Answer = ANSWER.decode(attempt.body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return f"status {attempt.status}, and no answer that can be read: {error}"
    if isinstance(said, Refusal):
        return said if attempt.status >= HTTPStatus.BAD_REQUEST else "a refusal that is none"
    if said.key != key or (isinstance(said, Ack) and not said.order):
        return f"an answer about {said.key!r}, not about {key!r}"
    expected = HTTPStatus.OK if isinstance(said, Ack) else HTTPStatus.NOT_FOUND
    return said if attempt.status == expected else f"status {attempt.status} with {said}"


def told(ack: Ack) -> Receipt:
    """The receipt of an answer; a fill that is listed twice is one fill."""
    fills = {fill.ref: fill for fill in ack.receipt.fills}
    if len(fills) == len(ack.receipt.fills):
        return ack.receipt
    if any(_differs(fill, fills) for fill in ack.receipt.fills):
        return unknown("two different fills have one reference")
    return replace(ack.receipt, fills=tuple(fills.values()))


def _differs(fill: Fill, fills: dict[str, Fill]) -> bool:
    return fills[fill.ref] != fill


def _refused_by_status(attempt: Answered) -> Receipt:
    said = attempt.retry_after_s
    busy = attempt.status == HTTPStatus.TOO_MANY_REQUESTS
    return Receipt(
        Outcome.REJECTED_DEFINITIVE,
        reason=f"status {attempt.status}{f', again after {said} s' if said else ''}",
        retryable=REFUSING[HTTPStatus(attempt.status)],
        trouble=Trouble.BUSY if busy else Trouble.BARRED,
        wait_s=int(said) if said.isascii() and said.isdecimal() else 0,
    )


__all__ = ["NotFound", "answer", "submitted", "told", "unknown"]
