"""What became of an order that is under way where a run is forked."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from verifill.engine.errors import ConfigError
from verifill.engine.replay.difference import Row
from verifill.replay.changed import Fork, WhatIf, answers_of
from verifill.venues.orders import FINAL, HAD, Outcome

DECIDE: Final = "decide"
READ: Final = ".read"
SUBMIT: Final = ".submit"
RECEIPTS: Final = (SUBMIT, ".query", ".cancel")
VERIFIED: Final = ".assess"
EXECUTED: Final = frozenset({Outcome.EXECUTED, Outcome.EXECUTED_PARTIAL})
NOTHING: Final = FINAL - EXECUTED
"""Outcomes after which nothing was executed, and nothing will be."""


def carried_out(fork: Fork, changed: WhatIf, after: Iterable[Row]) -> bool:
    """Whether the simulated venue is given the order that is under way at a fork.

    It is where the log says, sooner or later, that the venue had it, unless the changed answer
    says that nothing was or will be executed.

    Args:
        fork: where.
        changed: the changed answer.
        after: records of the log from the fork on, of all process lives.

    Raises:
        ConfigError: it was executed and not yet verified, or the changed answer says so: what
            the simulated venue executes follows from its own market.
    """
    receipt = _receipt(fork)
    if receipt is None:
        if changed.question.endswith(SUBMIT) and changed.simulated:
            return False  # it is sent to the simulated venue
        if not changed.question.endswith(RECEIPTS):
            return False
    elif receipt in EXECUTED:
        if changed.question.endswith(READ) and not changed.simulated:
            return False  # the recorded reading holds what it did
        msg = (
            f"record {fork.seq} lies between the execution of an order and the reading that "
            "verifies it, which only the real venue can give. Change that reading, or the answer "
            "to the send"
        )
        raise ConfigError(msg)
    if not changed.simulated and changed.question.endswith(RECEIPTS):
        said = outcome_of(changed.instead_of(fork.recorded)[1])
        if said in EXECUTED:
            msg = (
                f"{changed.question} cannot be {said}: what the simulated venue executes follows "
                f"from its own market. Say {changed.question!r} without an answer for what it "
                f"does, or one of {', '.join(sorted(NOTHING | {Outcome.UNKNOWN}))}"
            )
            raise ConfigError(msg)
        if said in NOTHING:
            return False
        if said == Outcome.ACCEPTED:
            return True
    return _had(fork, changed, after)


def _receipt(fork: Fork) -> str | None:
    """What was last heard of the order under way before the fork; None if there is none."""
    last: str | None = None
    told = list(answers_of(fork.past))
    for _, question, answer in told[:-1]:
        if question.endswith(RECEIPTS):
            last = outcome_of(answer)
            if last in NOTHING:
                last = None
        elif question.endswith(VERIFIED) or question == DECIDE:
            last = None
    return last


def _had(fork: Fork, changed: WhatIf, after: Iterable[Row]) -> bool:
    """Whether the log says that the venue had it."""
    if changed.question.endswith(RECEIPTS) and outcome_of(fork.recorded) in HAD:
        return True
    for _, question, answer in answers_of([row for row in after if row["seq"] > fork.seq]):
        if question.endswith((VERIFIED, SUBMIT)):
            return False
        if question.endswith(RECEIPTS) and outcome_of(answer) in HAD:
            return True
    return False


def outcome_of(answer: object) -> str:
    """Outcome of a receipt; one that came to no answer is unknown."""
    if isinstance(answer, Mapping):
        return str(cast("Mapping[str, Any]", answer).get("outcome", Outcome.UNKNOWN))
    return Outcome.UNKNOWN
