"""Limit orders that rest: until when they may, and how what rests is taken back.

An order rests until it is filled or its time is over, in the venue's time. Then it is cancelled:
the move `recall` is in the log first, and what became of the order is asked for and verified as
always, so an order that was filled meanwhile is adopted as that. A cancel names one order by its
own key, which no other order ever has, and can only end it: where the venue says that it rests
all the same, it is sent once more.
"""

from collections.abc import Callable

from verifill.engine.clock import NANOSECONDS
from verifill.machines.leg import Leg
from verifill.machines.records import Records
from verifill.machines.unanswered import unanswered
from verifill.machines.unguarded import Open
from verifill.venues.instructions import PerpTrade, SpotTrade
from verifill.venues.orders import FINAL, Bundle, Outcome, Receipt, Request


def rest_left_ns(leg: Leg) -> int | None:
    """How long an order may still rest, in nanoseconds.

    Its time begins at the deadline of its intent, after which the venue takes it no more; where
    requests have none, at the first reading after it was sent.

    Returns:
        0 from when it is to be cancelled on; None if nothing of it rests.
    """
    wanted = leg.wanted
    if not isinstance(wanted, SpotTrade | PerpTrade) or not wanted.timeout_s:
        return None
    if leg.receipt.outcome in FINAL:
        return None
    reading = leg.observation
    times = (reading.behind.get(key, reading.as_of_ns) for key in leg.expectation.bounds)
    as_of_ns = min(times, default=0)
    longest_ns = wanted.timeout_s * NANOSECONDS
    if not as_of_ns:
        return longest_ns
    if not leg.rests_until_ns:
        leg.rests_until_ns = (leg.request.deadline_ns or as_of_ns) + longest_ns
    return max(0, leg.rests_until_ns - as_of_ns)


def recall(leg: Leg, guard: Open, records: Records) -> None:
    """Cancel what rests of a leg, once, and write down what the venue said."""
    leg.recalls = False
    venue = leg.rules.name
    denial = guard.deny_cancel(venue)
    if denial:
        receipt = Receipt(Outcome.DENIED_LOCAL, reason=denial)
    else:
        receipt = _sent(leg)
        guard.cancelled(venue, receipt)
    key = "" if isinstance(leg.request, Bundle) else leg.request.key
    told = {"venue": venue, "key": key, "outcome": str(receipt.outcome), "reason": receipt.reason}
    records.note(leg.number, "CANCEL", told)


def _sent(leg: Leg) -> Receipt:
    ask: Callable[[Request], Receipt] | None = getattr(leg.handler, "recall", None)
    if ask is None:
        return Receipt(Outcome.UNKNOWN, reason=f"{leg.rules.name} has no way to cancel an order")
    try:
        return ask(leg.request)
    except Exception as error:  # noqa: BLE001 - the venue may have done it all the same
        return unanswered(error)
