"""What outcomes and verdicts mean to the tight loop: the events that they are."""

from collections.abc import Mapping

from verifill.machines.reconcile import VerdictKind
from verifill.machines.tight_loop import TightEvent
from verifill.venues.orders import Outcome

SENT: Mapping[Outcome, TightEvent] = {
    Outcome.DENIED_LOCAL: TightEvent.DENIED,
    Outcome.REJECTED_DEFINITIVE: TightEvent.REFUSED,
    Outcome.UNKNOWN: TightEvent.UNKNOWN,
    Outcome.ABSENT: TightEvent.UNKNOWN,  # a venue cannot prove that while it is asked
    Outcome.ACCEPTED: TightEvent.ACCEPTED,
    Outcome.EXECUTED: TightEvent.ACCEPTED,
    Outcome.EXECUTED_PARTIAL: TightEvent.ACCEPTED,
    Outcome.EXPIRED: TightEvent.ACCEPTED,
}

FOUND: Mapping[VerdictKind, TightEvent] = {
    VerdictKind.MATCHED: TightEvent.MATCHED,
    VerdictKind.MATCHED_EXPLAINED: TightEvent.MATCHED,
    VerdictKind.PARTIAL: TightEvent.PARTIAL,
    VerdictKind.NOT_EXECUTED: TightEvent.UNEXECUTED,
    VerdictKind.MISMATCH: TightEvent.MISMATCHED,
    VerdictKind.EXTERNAL_UNEXPLAINED: TightEvent.MISMATCHED,
    VerdictKind.CONTRADICTION: TightEvent.CONTRADICTED,
}

SETTLED = frozenset(
    {
        VerdictKind.MATCHED,
        VerdictKind.MATCHED_EXPLAINED,
        VerdictKind.PARTIAL,
        VerdictKind.NOT_EXECUTED,
    }
)
