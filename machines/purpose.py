"""What a leg is to the gate: which breakers and trading states its order must pass."""

from collections.abc import Mapping
from typing import Final

from verifill.machines.leg import Leg
from verifill.machines.sending import Purpose, Sending
from verifill.machines.tally import Answer
from verifill.venues.instructions import Operation, PerpTrade
from verifill.venues.orders import Bundle, Outcome, Receipt, Trouble

ONE_TX: Final = "ONE_TX"
TAKES_BACK: Final = "ATOMIC.COMPENSATE."
FLATTEN: Final = "FLATTEN"
ANSWERS: Final[Mapping[Trouble, Answer]] = {
    Trouble.NONE: Answer.ANSWERED,
    Trouble.BUSY: Answer.FAILED,
    Trouble.BARRED: Answer.BARRED,
}
NO_ANSWER: Final = frozenset({Outcome.UNKNOWN, Outcome.DENIED_LOCAL})
"""Outcomes of a send that say that the venue was not reached."""


def sending_of(leg: Leg, state: str, strategy: str) -> Sending:
    """The order of a leg, as the gate knows orders.

    Args:
        leg: with its exact request.
        state: leaf state of the machine.
        strategy: whose plan it belongs to.
    """
    wanted = leg.wanted
    return Sending(
        venue=leg.rules.name,
        operation=ONE_TX if isinstance(wanted, tuple) else str(wanted.op),
        account=account_of_leg(leg),
        strategy=strategy,
        purpose=_purpose(leg, state),
        least=_is_least(leg),
    )


def cancel_at(venue: str, strategy: str) -> Sending:
    """Taking an order back, which passes every trading state: the account does not matter."""
    return Sending(
        venue=venue,
        operation=str(Operation.CANCEL),
        account="",
        strategy=strategy,
        purpose=Purpose.CANCEL,
    )


def account_of_leg(leg: Leg) -> str:
    """The account that acts; of a bundle, the one that sends it."""
    wanted = leg.wanted
    return wanted[0].instruction.account if isinstance(wanted, tuple) else wanted.account


def _purpose(leg: Leg, state: str) -> Purpose:
    """What an order does to the risk that there is.

    What takes a chain back and what trades a position flat reduces, and so does an order
    that the venue itself keeps from opening anything.
    """
    wanted = leg.wanted
    if state.startswith(TAKES_BACK) or leg.role == FLATTEN:
        return Purpose.REDUCE
    if isinstance(wanted, PerpTrade) and wanted.reduce_only:
        return Purpose.REDUCE
    if not isinstance(wanted, tuple) and wanted.op is Operation.CANCEL:
        return Purpose.CANCEL
    return Purpose.OPEN


def _is_least(leg: Leg) -> bool:
    """Whether an order is of one lot, where no least notional asks for more."""
    request = leg.request
    if isinstance(request, Bundle):
        return False
    place = (request.instruction.account, str(getattr(request.instruction, "symbol", "")))
    instrument = leg.rules.instruments.get(place)
    return bool(
        instrument and not instrument.min_notional and 0 < request.quantity <= instrument.lot
    )


def answer_of(receipt: Receipt) -> Answer:
    """What came of a send says of the infrastructure."""
    return Answer.FAILED if receipt.outcome in NO_ANSWER else ANSWERS[receipt.trouble]
