"""The circuit breaker: whether a scope may send at all, and what lets it send again.

    CLOSED -> OPEN -> HALF_OPEN -> CLOSED, and LATCHED

Law: while OPEN nothing is sent but a read-only probe, and LATCHED closes only upon the word
of two different operators. LATCHED.RELEASING has one way in, `consented`, so the second word
cannot be the first.

OPEN has leaves because what opens it says what closes it: COOLING (infrastructure) resets
itself by way of a probe, BLOCKED (a condition that stands) closes when the last condition is
gone, HELD waits for an operator. HALF_OPEN has leaves because one thing is let through at a
time: a read-only PROBE, then one order, TRIAL until it is sent and TRIED until its outcome is
known. A condition that begins while HALF_OPEN leads back to COOLING, so that nothing closes a
breaker but the whole way through.
"""

from enum import StrEnum

from verifill.engine.table import Row, Table


class Breaker(StrEnum):
    """The states of a circuit breaker."""

    CLOSED = "CLOSED"
    OPEN_COOLING = "OPEN.COOLING"
    OPEN_BLOCKED = "OPEN.BLOCKED"
    OPEN_HELD = "OPEN.HELD"
    HALF_OPEN_PROBE = "HALF_OPEN.PROBE"
    HALF_OPEN_TRIAL = "HALF_OPEN.TRIAL"
    HALF_OPEN_TRIED = "HALF_OPEN.TRIED"
    LATCHED_LOCKED = "LATCHED.LOCKED"
    LATCHED_RELEASING = "LATCHED.RELEASING"


class BreakerEvent(StrEnum):
    """What opens and what closes a circuit breaker."""

    TRIPPED = "tripped"
    BLOCKED = "blocked"
    HELD = "held"
    LATCHED = "latched"
    EASED = "eased"
    CLEARED = "cleared"
    COOLED = "cooled"
    PROBE_PASSED = "probe_passed"
    PROBE_FAILED = "probe_failed"
    TRIED = "tried"
    UNTRIED = "untried"
    TRIAL_PASSED = "trial_passed"
    TRIAL_FAILED = "trial_failed"
    PROVEN = "proven"
    CONSENTED = "consented"
    RESET = "reset"
    RESET_BLOCKED = "reset_blocked"


# fmt: off
BREAKER: Table[Breaker, BreakerEvent] = Table(
    "breaker", Breaker, BreakerEvent,
    initial=Breaker.CLOSED,
    rows=(
        #   in                         upon                        go to
        Row(Breaker.CLOSED,            BreakerEvent.TRIPPED,       Breaker.OPEN_COOLING,      why="time-outs, 5xx, rate limits: infrastructure"),
        Row(Breaker.CLOSED,            BreakerEvent.BLOCKED,       Breaker.OPEN_BLOCKED,      why="an unknown outcome, a clock, stale data: closes when that is over"),
        Row(Breaker.CLOSED,            BreakerEvent.HELD,          Breaker.OPEN_HELD,         why="a limit was breached"),
        Row(Breaker.CLOSED,            BreakerEvent.LATCHED,       Breaker.LATCHED_LOCKED,    why="a contradiction, a duplicate, an untracked fill, a broken log"),

        Row(Breaker.OPEN_COOLING,      BreakerEvent.COOLED,        Breaker.HALF_OPEN_PROBE,   why="the cool-down has passed and no condition stands"),
        Row(Breaker.OPEN_COOLING,      BreakerEvent.HELD,          Breaker.OPEN_HELD),
        Row(Breaker.OPEN_COOLING,      BreakerEvent.LATCHED,       Breaker.LATCHED_LOCKED),

        Row(Breaker.OPEN_BLOCKED,      BreakerEvent.CLEARED,       Breaker.CLOSED,            why="the last condition is gone"),
        Row(Breaker.OPEN_BLOCKED,      BreakerEvent.EASED,         Breaker.OPEN_BLOCKED,      why="one of several conditions is gone"),
        Row(Breaker.OPEN_BLOCKED,      BreakerEvent.BLOCKED,       Breaker.OPEN_BLOCKED,      why="one condition more"),
        Row(Breaker.OPEN_BLOCKED,      BreakerEvent.TRIPPED,       Breaker.OPEN_COOLING,      why="what was sent before failed; the conditions still stand"),
        Row(Breaker.OPEN_BLOCKED,      BreakerEvent.HELD,          Breaker.OPEN_HELD),
        Row(Breaker.OPEN_BLOCKED,      BreakerEvent.LATCHED,       Breaker.LATCHED_LOCKED),

        Row(Breaker.OPEN_HELD,         BreakerEvent.RESET,         Breaker.CLOSED,            why="an operator"),
        Row(Breaker.OPEN_HELD,         BreakerEvent.RESET_BLOCKED, Breaker.OPEN_BLOCKED,      why="an operator, while a condition stands"),
        Row(Breaker.OPEN_HELD,         BreakerEvent.LATCHED,       Breaker.LATCHED_LOCKED),

        Row(Breaker.HALF_OPEN_PROBE,   BreakerEvent.PROBE_PASSED,  Breaker.HALF_OPEN_TRIAL),
        Row(Breaker.HALF_OPEN_PROBE,   BreakerEvent.PROBE_FAILED,  Breaker.OPEN_COOLING,      why="with twice the cool-down, up to a cap"),
        Row(Breaker.HALF_OPEN_PROBE,   BreakerEvent.BLOCKED,       Breaker.OPEN_COOLING,      why="probed again when the condition is gone"),
        Row(Breaker.HALF_OPEN_PROBE,   BreakerEvent.HELD,          Breaker.OPEN_HELD),
        Row(Breaker.HALF_OPEN_PROBE,   BreakerEvent.LATCHED,       Breaker.LATCHED_LOCKED),

        Row(Breaker.HALF_OPEN_TRIAL,   BreakerEvent.TRIED,         Breaker.HALF_OPEN_TRIED,   why="one order, of least size or reduce-only"),
        Row(Breaker.HALF_OPEN_TRIAL,   BreakerEvent.PROBE_PASSED,  Breaker.HALF_OPEN_TRIAL,   why="no such order has come: one probe more"),
        Row(Breaker.HALF_OPEN_TRIAL,   BreakerEvent.PROVEN,        Breaker.CLOSED,            why="so many probes more have passed"),
        Row(Breaker.HALF_OPEN_TRIAL,   BreakerEvent.PROBE_FAILED,  Breaker.OPEN_COOLING,      why="with twice the cool-down, up to a cap"),
        Row(Breaker.HALF_OPEN_TRIAL,   BreakerEvent.BLOCKED,       Breaker.OPEN_COOLING),
        Row(Breaker.HALF_OPEN_TRIAL,   BreakerEvent.HELD,          Breaker.OPEN_HELD),
        Row(Breaker.HALF_OPEN_TRIAL,   BreakerEvent.LATCHED,       Breaker.LATCHED_LOCKED),

        Row(Breaker.HALF_OPEN_TRIED,   BreakerEvent.TRIAL_PASSED,  Breaker.CLOSED,            why="the venue answered"),
        Row(Breaker.HALF_OPEN_TRIED,   BreakerEvent.TRIAL_FAILED,  Breaker.OPEN_COOLING,      why="with twice the cool-down, up to a cap"),
        Row(Breaker.HALF_OPEN_TRIED,   BreakerEvent.UNTRIED,       Breaker.HALF_OPEN_TRIAL,   why="it never left: nothing was tried"),
        Row(Breaker.HALF_OPEN_TRIED,   BreakerEvent.BLOCKED,       Breaker.OPEN_COOLING),
        Row(Breaker.HALF_OPEN_TRIED,   BreakerEvent.HELD,          Breaker.OPEN_HELD),
        Row(Breaker.HALF_OPEN_TRIED,   BreakerEvent.LATCHED,       Breaker.LATCHED_LOCKED),

        Row(Breaker.LATCHED_LOCKED,    BreakerEvent.CONSENTED,     Breaker.LATCHED_RELEASING, why="the first operator"),

        Row(Breaker.LATCHED_RELEASING, BreakerEvent.RESET,         Breaker.CLOSED,            why="a second operator, another one"),
        Row(Breaker.LATCHED_RELEASING, BreakerEvent.RESET_BLOCKED, Breaker.OPEN_BLOCKED,      why="a second operator, while a condition stands"),
        Row(Breaker.LATCHED_RELEASING, BreakerEvent.LATCHED,       Breaker.LATCHED_LOCKED,    why="a new reason: the first consent was not given to it"),
        Row(Breaker.LATCHED_RELEASING, BreakerEvent.HELD,          Breaker.LATCHED_LOCKED,    why="likewise"),
    ),
    ignored=(
        # a condition that begins or ends where something stronger keeps it open is recorded
        (Breaker.OPEN_COOLING, BreakerEvent.BLOCKED),
        (Breaker.OPEN_COOLING, BreakerEvent.EASED),
        (Breaker.OPEN_COOLING, BreakerEvent.CLEARED),
        (Breaker.OPEN_HELD, BreakerEvent.HELD),
        (Breaker.OPEN_HELD, BreakerEvent.BLOCKED),
        (Breaker.OPEN_HELD, BreakerEvent.EASED),
        (Breaker.OPEN_HELD, BreakerEvent.CLEARED),
        (Breaker.LATCHED_LOCKED, BreakerEvent.LATCHED),
        (Breaker.LATCHED_LOCKED, BreakerEvent.HELD),
        (Breaker.LATCHED_LOCKED, BreakerEvent.BLOCKED),
        (Breaker.LATCHED_LOCKED, BreakerEvent.EASED),
        (Breaker.LATCHED_LOCKED, BreakerEvent.CLEARED),
        (Breaker.LATCHED_RELEASING, BreakerEvent.BLOCKED),
        (Breaker.LATCHED_RELEASING, BreakerEvent.EASED),
        (Breaker.LATCHED_RELEASING, BreakerEvent.CLEARED),
    ),
)
# fmt: on
