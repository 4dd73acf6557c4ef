"""What it proves that an exchange does not find something that we may have sent it.

Not found counts only after the deadline of the request and the exchange's own lag, by the
exchange's clock, and then twice. A request that came late made a simpler rule say ABSENT
although its order then appeared.
"""

from typing import Final

from verifill.engine.clock import NANOSECONDS
from verifill.venues.ccxt.outcomes import unknown
from verifill.venues.orders import Order, Outcome, Receipt
from verifill.venues.rules import Idempotency, VenueRules

PROOFS: Final = 2  # not-founds after deadline and lag that make a proof


class Absence:
    """Counts what was not found.

    Args:
        rules: of the venue.
    """

    def __init__(self, rules: VenueRules) -> None:
        self._rules = rules
        self._deadlines: dict[str, int] = {}
        self._counts: dict[str, int] = {}

    def forget(self, order: Order) -> None:
        """It was found, or is sent now, or nobody knows: whatever was counted is void."""
        self._counts.pop(order.key, None)

    def judged(self, order: Order, time_ns: int, lingers_s: int | None = 0) -> Receipt:
        """What it proves that it is not found at this time of the exchange, or later.

        Args:
            order: what is not found.
            time_ns: the exchange's time before it was asked.
            lingers_s: for how long after its deadline it may still be executed, in seconds; None
                for ever.
        """
        rules = self._rules
        if rules.idempotency is Idempotency.N or lingers_s is None:
            return unknown("not found, which proves nothing here")
        # without a deadline of its own: when it was sent is not known, but that it was before now
        latest_ns = time_ns + rules.recv_window_s * NANOSECONDS
        deadline_ns = order.deadline_ns or self._deadlines.setdefault(order.key, latest_ns)
        if time_ns <= deadline_ns + (lingers_s + rules.query_lag_s) * NANOSECONDS:
            self.forget(order)
            return unknown("not found, too early to prove anything")
        count = self._counts.get(order.key, 0) + 1
        self._counts[order.key] = count
        if count < PROOFS:
            return unknown("not found after its deadline; asked once more it is a proof")
        return Receipt(Outcome.ABSENT, reason="not there, by proof", retryable=True)
