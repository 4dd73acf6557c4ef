"""The atomic transaction: a chain of instructions, all or nothing.

    ONE_TX   BEGIN -> REHEARSE ... REHEARSE -> COMMIT -> COMMITTED | ROLLED_BACK
    SAGA     BEGIN -> STEP ... STEP -> COMMITTED | COMPENSATE ... -> ROLLED_BACK

Law: ROLLED_BACK claims that nothing is left, so nothing whose outcome is open leads there.
A step that mismatched is resolved before a direction is chosen: it is STRANDED.

ONE_TX goes out as one on-chain transaction. It is rehearsed first, every instruction in its
own tight loop on a dry run, where a mismatch costs nothing; then it is committed by one tight
loop, whose expectation is the sum of the steps. A SAGA is several transactions, each in its
own tight loop; after a failure the steps that had an effect are compensated, newest first,
each by a new instruction in its own tight loop. A compensation can fail.

REHEARSE, COMMIT, STEP and COMPENSATE each hold a tight loop.
"""

from enum import StrEnum

from verifill.engine.table import Row, Table, inside
from verifill.machines.tight_loop import TIGHT_LOOP, Tight


class Atomic(StrEnum):
    """The states of an atomic transaction."""

    BEGIN = "BEGIN"
    REHEARSE = "REHEARSE"
    COMMIT = "COMMIT"
    STEP = "STEP"
    COMPENSATE = "COMPENSATE"
    STRANDED = "STRANDED"
    COMMITTED = "COMMITTED"
    ROLLED_BACK = "ROLLED_BACK"


class AtomicEvent(StrEnum):
    """What can be decided about a chain."""

    REHEARSE = "rehearse"
    COMMIT = "commit"
    STEP = "step"
    COMPENSATE = "compensate"
    COMMITTED = "committed"
    ROLLED_BACK = "rolled_back"
    ABANDON = "abandon"
    STRAND = "strand"


# fmt: off
ATOMIC: Table[Atomic, AtomicEvent] = Table(
    "atomic", Atomic, AtomicEvent,
    initial=Atomic.BEGIN,
    final=(Atomic.COMMITTED, Atomic.ROLLED_BACK),
    holds={
        Atomic.REHEARSE: TIGHT_LOOP, Atomic.COMMIT: TIGHT_LOOP,
        Atomic.STEP: TIGHT_LOOP, Atomic.COMPENSATE: TIGHT_LOOP,
    },
    rows=(
        #   in                                               upon                     go to
        Row(Atomic.BEGIN,                                    AtomicEvent.REHEARSE,    Atomic.REHEARSE,    why="ONE_TX"),
        Row(Atomic.BEGIN,                                    AtomicEvent.STEP,        Atomic.STEP,        why="SAGA"),
        Row(Atomic.BEGIN,                                    AtomicEvent.ABANDON,     Atomic.ROLLED_BACK),

        Row(inside(Atomic.REHEARSE, Tight.DONE),             AtomicEvent.REHEARSE,    Atomic.REHEARSE,    why="the next instruction"),
        Row(inside(Atomic.REHEARSE, Tight.DONE),             AtomicEvent.COMMIT,      Atomic.COMMIT),
        Row(inside(Atomic.REHEARSE, Tight.DONE),             AtomicEvent.ABANDON,     Atomic.ROLLED_BACK),

        Row(inside(Atomic.REHEARSE, Tight.FAILED_CLEAN),     AtomicEvent.ABANDON,     Atomic.ROLLED_BACK, why="nothing was sent"),
        Row(inside(Atomic.REHEARSE, Tight.FAILED_PART),      AtomicEvent.ABANDON,     Atomic.ROLLED_BACK, why="nothing was sent"),
        Row(inside(Atomic.REHEARSE, Tight.FAILED_MISMATCH),  AtomicEvent.ABANDON,     Atomic.ROLLED_BACK, why="nothing was sent"),
        Row(inside(Atomic.REHEARSE, Tight.HELD),             AtomicEvent.ABANDON,     Atomic.ROLLED_BACK, why="nothing was sent"),

        Row(inside(Atomic.COMMIT, Tight.DONE),               AtomicEvent.COMMITTED,   Atomic.COMMITTED),

        Row(inside(Atomic.COMMIT, Tight.FAILED_CLEAN),       AtomicEvent.ROLLED_BACK, Atomic.ROLLED_BACK, why="reverted: all restored but gas and nonce"),
        Row(inside(Atomic.COMMIT, Tight.FAILED_PART),        AtomicEvent.STRAND,      Atomic.STRANDED),
        Row(inside(Atomic.COMMIT, Tight.FAILED_MISMATCH),    AtomicEvent.STRAND,      Atomic.STRANDED),

        Row(inside(Atomic.STEP, Tight.DONE),                 AtomicEvent.STEP,        Atomic.STEP,        why="the next instruction"),
        Row(inside(Atomic.STEP, Tight.DONE),                 AtomicEvent.COMMITTED,   Atomic.COMMITTED),
        Row(inside(Atomic.STEP, Tight.DONE),                 AtomicEvent.COMPENSATE,  Atomic.COMPENSATE),
        Row(inside(Atomic.STEP, Tight.DONE),                 AtomicEvent.STRAND,      Atomic.STRANDED),

        Row(inside(Atomic.STEP, Tight.FAILED_CLEAN),         AtomicEvent.COMPENSATE,  Atomic.COMPENSATE),
        Row(inside(Atomic.STEP, Tight.FAILED_CLEAN),         AtomicEvent.ROLLED_BACK, Atomic.ROLLED_BACK),
        Row(inside(Atomic.STEP, Tight.FAILED_CLEAN),         AtomicEvent.STRAND,      Atomic.STRANDED),

        Row(inside(Atomic.STEP, Tight.FAILED_PART),          AtomicEvent.STEP,        Atomic.STEP,        why="the remainder"),
        Row(inside(Atomic.STEP, Tight.FAILED_PART),          AtomicEvent.COMPENSATE,  Atomic.COMPENSATE,  why="itself first"),
        Row(inside(Atomic.STEP, Tight.FAILED_PART),          AtomicEvent.STRAND,      Atomic.STRANDED),

        Row(inside(Atomic.STEP, Tight.FAILED_MISMATCH),      AtomicEvent.STRAND,      Atomic.STRANDED,    why="resolve before choosing a direction"),

        Row(inside(Atomic.COMPENSATE, Tight.DONE),           AtomicEvent.COMPENSATE,  Atomic.COMPENSATE,  why="the next newest"),
        Row(inside(Atomic.COMPENSATE, Tight.DONE),           AtomicEvent.ROLLED_BACK, Atomic.ROLLED_BACK),
        Row(inside(Atomic.COMPENSATE, Tight.DONE),           AtomicEvent.STRAND,      Atomic.STRANDED),

        Row(inside(Atomic.COMPENSATE, Tight.FAILED_PART),    AtomicEvent.COMPENSATE,  Atomic.COMPENSATE,  why="the remainder"),
        Row(inside(Atomic.COMPENSATE, Tight.FAILED_PART),    AtomicEvent.STRAND,      Atomic.STRANDED),

        Row(inside(Atomic.COMPENSATE, Tight.FAILED_CLEAN),   AtomicEvent.STRAND,      Atomic.STRANDED),
        Row(inside(Atomic.COMPENSATE, Tight.FAILED_MISMATCH), AtomicEvent.STRAND,     Atomic.STRANDED),

        Row(Atomic.STRANDED,                                 AtomicEvent.COMPENSATE,  Atomic.COMPENSATE,  why="an operator"),
    ),
)
# fmt: on
