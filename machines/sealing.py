"""Signed requests: their bytes are made before the INTENT, and may be sent once more.

All bytes of a request have one place in the sequence of its account, so at most one of them is
ever executed; see `repeating`.
"""

from collections.abc import Callable
from dataclasses import replace

from verifill.engine.errors import InstructionError, NotObserved
from verifill.machines.leg import Leg
from verifill.venues.orders import Outcome, Receipt, Request

Seal = Callable[[Request], tuple[str, ...]]


def sealed(leg: Leg) -> Receipt | None:
    """Seal the request of a leg, where its venue takes signed bytes.

    Returns:
        Why it never left; None if it may go.
    """
    seal: Seal | None = getattr(leg.handler, "seal", None)  # of those that are `Sealing`
    if seal is None:
        return None
    try:
        leg.request = replace(leg.request, sealed=seal(leg.request))
    except (InstructionError, NotObserved) as error:
        later = isinstance(error, NotObserved)
        return Receipt(Outcome.DENIED_LOCAL, reason=str(error), retryable=later)
    return None
