"""What an answer says of an order: the table of outcomes, row by row."""

import pytest

from verifill.venues.loopback.outcomes import answer, submitted
from verifill.venues.loopback.transport import Answered, Attempt, Lost, NotSent
from verifill.venues.loopback.wire import Ack, Code, NotFound, Refusal, encode
from verifill.venues.orders import Outcome, Receipt

KEY = "k" * 32
UNKNOWN, REJECTED = Outcome.UNKNOWN, Outcome.REJECTED_DEFINITIVE
ACK = encode(Ack(KEY, "order-1", Receipt(Outcome.EXECUTED), 1))
REFUSAL = encode(Refusal(Code.INVALID, "insufficient"))


@pytest.mark.parametrize(
    ("attempt", "outcome", "retryable"),
    [
        (NotSent("refused"), Outcome.DENIED_LOCAL, True),
        (Lost("timed out"), UNKNOWN, False),
        (Answered(200, ACK), Outcome.EXECUTED, False),
        (Answered(400, REFUSAL), REJECTED, False),
        (Answered(400, encode(Refusal(Code.LATE, "late", retryable=True))), REJECTED, True),
        (Answered(429, b"", "7"), REJECTED, True),
        (Answered(418, b"<html>"), REJECTED, True),
        (Answered(401, b""), REJECTED, False),
        (Answered(403, b"<html>"), REJECTED, False),
        (Answered(409, encode(Refusal(Code.DUPLICATE, "look it up"))), UNKNOWN, False),
        (Answered(400, b"<html>"), UNKNOWN, False),
        (Answered(200, b"<html>"), UNKNOWN, False),
        (Answered(200, b""), UNKNOWN, False),
        (Answered(200, b"null"), UNKNOWN, False),
        (Answered(200, b"\xff"), UNKNOWN, False),
        (Answered(200, ACK[:-5]), UNKNOWN, False),
        (Answered(200, ACK.replace(b'"order-1"', b"null")), UNKNOWN, False),
        (Answered(200, ACK.replace(b'"order-1"', b'""')), UNKNOWN, False),
        (Answered(200, ACK.replace(b'"order":"order-1",', b"")), UNKNOWN, False),
        (Answered(200, ACK.replace(b"kkk", b"jjj")), UNKNOWN, False),
        (Answered(200, ACK.replace(b"EXECUTED", b"DONE")), UNKNOWN, False),
        (Answered(200, REFUSAL), UNKNOWN, False),
        (Answered(201, ACK), UNKNOWN, False),
        (Answered(302, b""), UNKNOWN, False),
        (Answered(404, encode(NotFound(KEY, 1))), UNKNOWN, False),
        (Answered(404, b""), UNKNOWN, False),
        (Answered(500, REFUSAL), UNKNOWN, False),
        (Answered(503, ACK), UNKNOWN, False),
    ],
)
def test_what_an_attempt_to_submit_amounts_to(
    attempt: Attempt, outcome: Outcome, *, retryable: bool
) -> None:
    receipt = submitted(attempt, KEY)

    assert (outcome, retryable) == (receipt.outcome, receipt.retryable)
    assert receipt.reason or outcome is Outcome.EXECUTED


def test_a_rate_limit_says_when_to_come_again() -> None:
    assert "again after 7 s" in submitted(Answered(429, b"", "7"), KEY).reason


def test_not_found_is_an_answer_only_with_its_status() -> None:
    found = encode(NotFound(KEY, 1))

    assert NotFound(KEY, 1) == answer(Answered(404, found), KEY)
    assert isinstance(answer(Answered(200, found), KEY), str)
