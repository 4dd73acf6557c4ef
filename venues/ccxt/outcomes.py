"""What an attempt at an order says of it: refused by a definite list, else acknowledged or unknown.

ccxt has one tree of errors for all exchanges. Only what stands in REFUSED says that an order
was not taken, and only if the answer is not a 5xx, of which Binance itself says that the
execution status is unknown. Everything else is UNKNOWN: every other error, an answer that is
none, an id that is missing or is not ours.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, cast

from verifill.venues.ccxt.client import Answered, Attempt, Failed
from verifill.venues.ccxt.dialect import Dialect
from verifill.venues.orders import Outcome, Receipt, Trouble

BUSY: Final = frozenset({"RateLimitExceeded", "DDoSProtection"})
REFUSED: Final = BUSY | {
    "InsufficientFunds",
    "InvalidOrder",
    "BadRequest",
    "ArgumentsRequired",
    "NotSupported",
    "AuthenticationError",
    "OperationRejected",
    "InvalidNonce",
    "InvalidAddress",
}
LOOK_UP: Final = frozenset({"DuplicateOrderId", "OrderNotFound"})
"""Refusals by which an order may be there all the same."""
SENT_AGAIN: Final = BUSY | {"InvalidNonce"}
ABSENT: Final = "OrderNotFound"
SHUT: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.IM_A_TEAPOT})


def unknown(reason: str) -> Receipt:
    """Neither is known."""
    return Receipt(Outcome.UNKNOWN, reason=reason)


def created(attempt: Attempt, client_id: str, dialect: Dialect) -> Receipt:
    """What an attempt to create an order amounts to."""
    if isinstance(attempt, Answered):
        return acknowledged(attempt.value, client_id)
    return refused(attempt, dialect) or unknown(attempt.reason)


def acknowledged(value: object, client_id: str) -> Receipt:
    """ACCEPTED if an answer is about our order; what became of it is asked for."""
    if not isinstance(value, Mapping):
        return unknown("an answer without an order in it")
    order = cast("Mapping[str, Any]", value)
    if not order.get("id"):
        return unknown("an answer without the id of an order")
    if order.get("clientOrderId") not in {None, "", client_id}:
        return unknown("an answer about another order")
    return Receipt(Outcome.ACCEPTED)


def refused(attempt: Failed, dialect: Dialect) -> Receipt | None:
    """What says for sure that nothing was taken; None if it does not."""
    evidence, kinds = attempt.evidence, attempt.kinds
    if evidence.status == 0 and not evidence.left and kinds & {"NetworkError"}:
        return Receipt(Outcome.DENIED_LOCAL, reason=attempt.reason, retryable=True)
    if evidence.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return None
    if kinds & LOOK_UP or not kinds & REFUSED or attempt.says(*dialect.in_use):
        return None
    barred = (
        attempt.says(*dialect.barred) or "AuthenticationError" in kinds or evidence.status in SHUT
    )
    again = bool(kinds & SENT_AGAIN) and (evidence.status == HTTPStatus.IM_A_TEAPOT or not barred)
    trouble = Trouble.NONE
    if barred:
        trouble = Trouble.BARRED
    elif kinds & BUSY:
        trouble = Trouble.BUSY
    wait = f", again after {evidence.wait_s} s" if evidence.wait_s else ""
    return Receipt(
        Outcome.REJECTED_DEFINITIVE,
        reason=f"{attempt.reason}{wait}",
        retryable=again,
        trouble=trouble,
        wait_s=evidence.wait_s,
    )


def is_absent(attempt: Attempt) -> bool:
    """Whether a question about an order was answered that there is none."""
    return (
        isinstance(attempt, Failed)
        and ABSENT in attempt.kinds
        and 0 < attempt.evidence.status < HTTPStatus.INTERNAL_SERVER_ERROR
    )
