"""The tight loop: one instruction, verified.

    SEND -> AWAIT_POSITION -> RECONCILE -> DONE | RETRY | FAILED

Law: a second send needs proof that the first was not and cannot be executed. SEND has two
ways in: the start, and `resend`. RETRY.RESEND has two: it never left, or it is verified that
nothing happened. So a second send after an unknown outcome cannot be expressed.

RETRY has leaves because what a retry may do depends on what is known; FAILED has leaves
because what may follow depends on what was left behind; HELD is "a person must look".
Sends, readings and queries are counted apart, and whether one is left is an event.
"""

from enum import StrEnum

from verifill.engine.table import Row, Table


class Tight(StrEnum):
    """The states of a tight loop."""

    SEND = "SEND"
    AWAIT_POSITION = "AWAIT_POSITION"
    RECONCILE = "RECONCILE"
    RETRY_QUERY = "RETRY.QUERY"
    RETRY_OBSERVE = "RETRY.OBSERVE"
    RETRY_RESEND = "RETRY.RESEND"
    HELD = "HELD"
    DONE = "DONE"
    FAILED_CLEAN = "FAILED.CLEAN"
    FAILED_PART = "FAILED.PART"
    FAILED_MISMATCH = "FAILED.MISMATCH"


class TightEvent(StrEnum):
    """What can be seen of one instruction."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    DENIED = "denied"
    OBSERVED = "observed"
    PENDING = "pending"
    OVERDUE = "overdue"
    MATCHED = "matched"
    UNEXECUTED = "unexecuted"
    PARTIAL = "partial"
    MISMATCHED = "mismatched"
    CONTRADICTED = "contradicted"
    FOUND = "found"
    ABSENT = "absent"
    REPEAT = "repeat"
    RECALL = "recall"
    OBSERVE = "observe"
    RESEND = "resend"
    EXHAUSTED = "exhausted"
    ASK = "ask"
    ADOPTED = "adopted"
    VOIDED = "voided"


# fmt: off
TIGHT_LOOP: Table[Tight, TightEvent] = Table(
    "tight_loop", Tight, TightEvent,
    initial=Tight.SEND,
    final=(Tight.DONE, Tight.FAILED_CLEAN, Tight.FAILED_PART, Tight.FAILED_MISMATCH),
    rows=(
        #   in                    upon                     go to
        Row(Tight.SEND,           TightEvent.ACCEPTED,     Tight.AWAIT_POSITION),
        Row(Tight.SEND,           TightEvent.REFUSED,      Tight.AWAIT_POSITION,  why="a refusal is looked at too"),
        Row(Tight.SEND,           TightEvent.UNKNOWN,      Tight.RETRY_QUERY,     why="the venue may or may not have it"),
        Row(Tight.SEND,           TightEvent.DENIED,       Tight.RETRY_RESEND,    why="it never left: our own check, breaker open, DNS, connection refused"),

        Row(Tight.AWAIT_POSITION, TightEvent.OBSERVED,     Tight.RECONCILE,       why="the order is final and the reading was taken after that"),
        Row(Tight.AWAIT_POSITION, TightEvent.PENDING,      Tight.AWAIT_POSITION,  why="costs no attempt"),
        Row(Tight.AWAIT_POSITION, TightEvent.OVERDUE,      Tight.RETRY_QUERY,     why="the settlement window has passed"),

        Row(Tight.RECONCILE,      TightEvent.MATCHED,      Tight.DONE,            why="every tracked position is inside its expected interval, explained drift included"),
        Row(Tight.RECONCILE,      TightEvent.UNEXECUTED,   Tight.RETRY_RESEND,    why="every key that was sent is dead and nothing moved"),
        Row(Tight.RECONCILE,      TightEvent.PARTIAL,      Tight.FAILED_PART,     why="verified and final; the remainder is a child instruction with a new key"),
        Row(Tight.RECONCILE,      TightEvent.MISMATCHED,   Tight.RETRY_OBSERVE,   why="look again; never send again"),
        Row(Tight.RECONCILE,      TightEvent.CONTRADICTED, Tight.HELD,            why="refused, yet the position moved, and the like"),

        Row(Tight.RETRY_QUERY,    TightEvent.FOUND,        Tight.AWAIT_POSITION),
        Row(Tight.RETRY_QUERY,    TightEvent.ABSENT,       Tight.AWAIT_POSITION,  why="absent is proof, and is looked at too"),
        Row(Tight.RETRY_QUERY,    TightEvent.UNKNOWN,      Tight.RETRY_QUERY,     why="ask again, until deadline and declared lag have passed"),
        Row(Tight.RETRY_QUERY,    TightEvent.REPEAT,       Tight.RETRY_QUERY,     why="class K only: the same request under the same key, or the same nonce with a higher fee"),
        Row(Tight.RETRY_QUERY,    TightEvent.RECALL,       Tight.RETRY_QUERY,     why="cancel an order that rests"),
        Row(Tight.RETRY_QUERY,    TightEvent.EXHAUSTED,    Tight.HELD,            why="no proof either way"),

        Row(Tight.RETRY_OBSERVE,  TightEvent.OBSERVE,      Tight.AWAIT_POSITION),
        Row(Tight.RETRY_OBSERVE,  TightEvent.EXHAUSTED,    Tight.FAILED_MISMATCH, why="persistent: the venue is marked unhealthy"),

        Row(Tight.RETRY_RESEND,   TightEvent.RESEND,       Tight.SEND,            why="next attempt, new key, after proof"),
        Row(Tight.RETRY_RESEND,   TightEvent.EXHAUSTED,    Tight.FAILED_CLEAN,    why="nothing happened: attempts used up, or not retryable"),

        Row(Tight.HELD,           TightEvent.ASK,          Tight.RETRY_QUERY,     why="an operator, or a breaker's probe"),
        Row(Tight.HELD,           TightEvent.ADOPTED,      Tight.AWAIT_POSITION,  why="an operator's word is verified too"),
        Row(Tight.HELD,           TightEvent.VOIDED,       Tight.AWAIT_POSITION,  why="an operator's word is verified too"),
    ),
)
# fmt: on
