"""A request that may or may not have arrived, sent once more: harmless where that counts once.

At a venue of class K the same request under the same key is executed at most once for ever, in
whatever process life it is sent; of signed bytes all have one place in the sequence of their
account. What is sent once more is in the log first: the move `repeat` carries it.
"""

from collections.abc import Callable
from dataclasses import replace

from verifill.engine.errors import NotObserved
from verifill.machines.leg import Leg
from verifill.machines.records import Records
from verifill.machines.unguarded import Open
from verifill.venues.orders import Request
from verifill.venues.rules import Idempotency


def repeats(leg: Leg, guard: Open, records: Records, state: str) -> bool:
    """Whether a request is to be sent once more; then the next record holds it.

    Args:
        leg: whose request.
        guard: asked as before each send.
        records: where it is remembered, or why not.
        state: in which it would be sent.
    """
    request = _again(leg)
    if request is None:
        return False
    if denial := guard.deny(leg, state):
        records.note(leg.number, "DENIED", {"reason": denial})
        return False
    leg.request, leg.repeats = request, True
    leg.deadline_ns = leg.overdue = 0  # it has a settlement window of its own
    records.remember()
    return True


def _again(leg: Leg) -> Request | None:
    """What may be sent once more of a request that nobody knows the fate of; None if nothing."""
    more: Callable[[Request], tuple[str, ...]] | None = getattr(leg.handler, "again", None)
    if more is None:  # it is not `Sealing`
        return leg.request if _counts_once(leg) else None
    try:
        sealed = more(leg.request)
    except NotObserved:
        return None
    return replace(leg.request, sealed=sealed) if sealed else None


def _counts_once(leg: Leg) -> bool:
    """Whether its venue does not find it, has never had it, and executes its key once at most."""
    missing = leg.receipt.not_found and not leg.had
    return missing and leg.rules.idempotency is Idempotency.K
