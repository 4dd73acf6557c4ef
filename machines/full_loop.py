"""The full loop: one tick of the clock, every 60 seconds by default.

    START -> RECOVER -> IDLE -> DECIDE -> INSTRUCTION ... ATOMIC ... -> COMPLETE | FAILED -> IDLE

Law: the whole engine is in exactly one leaf of this machine, such as ATOMIC.STEP.RECONCILE,
so nothing is sent while anything else is open. INSTRUCTION holds a tight loop, ATOMIC an
atomic transaction.

A new process life starts in RECOVER and resolves what was in flight before it sends. HELD and
STRANDED wait in place for an operator. `tick` outside IDLE is ignored: ticks never overlap.
`recovered`, `complete` and `rolled_back` are claims that no table can prove; checking the log
compares them with the plan and the fills.
"""

from enum import StrEnum

from verifill.engine.table import ANYWHERE, Row, Table, inside
from verifill.machines.atomic import ATOMIC, Atomic
from verifill.machines.tight_loop import TIGHT_LOOP, Tight


class Full(StrEnum):
    """The states of the full loop."""

    START = "START"
    RECOVER = "RECOVER"
    IDLE = "IDLE"
    DECIDE = "DECIDE"
    INSTRUCTION = "INSTRUCTION"
    ATOMIC = "ATOMIC"
    COMPLETE = "COMPLETE"
    FAILED = "FAILED"
    HALTED = "HALTED"
    STOPPED = "STOPPED"


class FullEvent(StrEnum):
    """What can be decided about a tick, and what recovery can find."""

    RECOVER = "recover"
    RECOVERED = "recovered"
    RESOLVE_INSTRUCTION = "resolve_instruction"
    RESOLVE_STEP = "resolve_step"
    RESOLVE_COMMIT = "resolve_commit"
    RESOLVE_COMPENSATION = "resolve_compensation"
    STEP = "step"
    COMPENSATE = "compensate"
    STRAND = "strand"
    COMMITTED = "committed"
    ABANDON = "abandon"
    BLOCKED = "blocked"
    TICK = "tick"
    SKIP = "skip"
    INSTRUCT = "instruct"
    BEGIN = "begin"
    COMPLETE = "complete"
    FAIL = "fail"
    HOLD = "hold"
    SETTLED = "settled"
    REST = "rest"
    STOP = "stop"
    HALT = "halt"
    RESUME = "resume"
    FINISH = "finish"


# fmt: off
FULL_LOOP: Table[Full, FullEvent] = Table(
    "full_loop", Full, FullEvent,
    initial=Full.START,
    final=(Full.STOPPED,),
    holds={Full.INSTRUCTION: TIGHT_LOOP, Full.ATOMIC: ATOMIC},
    rows=(
        #   in                                            upon                            go to
        Row(Full.START,                                   FullEvent.RECOVER,              Full.RECOVER),

        Row(Full.RECOVER,                                 FullEvent.RECOVERED,            Full.IDLE,         why="nothing was in flight, or all of it is resolved"),
        Row(Full.RECOVER,                                 FullEvent.RESOLVE_INSTRUCTION,  inside(Full.INSTRUCTION, Tight.RETRY_QUERY)),
        Row(Full.RECOVER,                                 FullEvent.RESOLVE_STEP,         inside(Full.ATOMIC, Atomic.STEP, Tight.RETRY_QUERY)),
        Row(Full.RECOVER,                                 FullEvent.RESOLVE_COMMIT,       inside(Full.ATOMIC, Atomic.COMMIT, Tight.RETRY_QUERY)),
        Row(Full.RECOVER,                                 FullEvent.RESOLVE_COMPENSATION, inside(Full.ATOMIC, Atomic.COMPENSATE, Tight.RETRY_QUERY)),
        Row(Full.RECOVER,                                 FullEvent.STEP,                 inside(Full.ATOMIC, Atomic.STEP)),
        Row(Full.RECOVER,                                 FullEvent.COMPENSATE,           inside(Full.ATOMIC, Atomic.COMPENSATE)),
        Row(Full.RECOVER,                                 FullEvent.STRAND,               inside(Full.ATOMIC, Atomic.STRANDED)),
        Row(Full.RECOVER,                                 FullEvent.COMMITTED,            inside(Full.ATOMIC, Atomic.COMMITTED)),
        Row(Full.RECOVER,                                 FullEvent.ABANDON,              inside(Full.ATOMIC, Atomic.ROLLED_BACK)),
        Row(Full.RECOVER,                                 FullEvent.BLOCKED,              Full.HALTED,       why="a start-up test or the opening balance failed, or the last life ended halted or latched without a logged resume"),

        Row(Full.IDLE,                                    FullEvent.TICK,                 Full.DECIDE),
        Row(Full.IDLE,                                    FullEvent.SKIP,                 Full.IDLE),
        Row(Full.IDLE,                                    FullEvent.HALT,                 Full.HALTED),
        Row(Full.IDLE,                                    FullEvent.FINISH,               Full.STOPPED),

        Row(Full.DECIDE,                                  FullEvent.INSTRUCT,             Full.INSTRUCTION),
        Row(Full.DECIDE,                                  FullEvent.BEGIN,                Full.ATOMIC),
        Row(Full.DECIDE,                                  FullEvent.COMPLETE,             Full.COMPLETE),
        Row(Full.DECIDE,                                  FullEvent.FAIL,                 Full.FAILED),

        Row(inside(Full.INSTRUCTION, Tight.DONE),         FullEvent.INSTRUCT,             Full.INSTRUCTION,  why="the next of the plan"),
        Row(inside(Full.INSTRUCTION, Tight.DONE),         FullEvent.BEGIN,                Full.ATOMIC),
        Row(inside(Full.INSTRUCTION, Tight.DONE),         FullEvent.COMPLETE,             Full.COMPLETE),
        Row(inside(Full.INSTRUCTION, Tight.DONE),         FullEvent.FAIL,                 Full.FAILED),

        Row(inside(Full.INSTRUCTION, Tight.FAILED_CLEAN), FullEvent.FAIL,                 Full.FAILED),

        Row(inside(Full.INSTRUCTION, Tight.FAILED_PART),  FullEvent.INSTRUCT,             Full.INSTRUCTION,  why="the remainder"),
        Row(inside(Full.INSTRUCTION, Tight.FAILED_PART),  FullEvent.FAIL,                 Full.FAILED),

        Row(inside(Full.INSTRUCTION, Tight.FAILED_MISMATCH), FullEvent.HOLD,              Full.HALTED),

        Row(inside(Full.ATOMIC, Atomic.COMMITTED),        FullEvent.INSTRUCT,             Full.INSTRUCTION,  why="the next of the plan"),
        Row(inside(Full.ATOMIC, Atomic.COMMITTED),        FullEvent.BEGIN,                Full.ATOMIC),
        Row(inside(Full.ATOMIC, Atomic.COMMITTED),        FullEvent.COMPLETE,             Full.COMPLETE),
        Row(inside(Full.ATOMIC, Atomic.COMMITTED),        FullEvent.FAIL,                 Full.FAILED),

        Row(inside(Full.ATOMIC, Atomic.ROLLED_BACK),      FullEvent.FAIL,                 Full.FAILED),

        Row(inside(Full.ATOMIC, Atomic.STRANDED),         FullEvent.SETTLED,              Full.HALTED,       why="an operator settled it by hand"),

        Row(Full.COMPLETE,                                FullEvent.REST,                 Full.IDLE),

        Row(Full.FAILED,                                  FullEvent.REST,                 Full.IDLE,         why="live"),
        Row(Full.FAILED,                                  FullEvent.STOP,                 Full.HALTED,       why="backtest, latched, killed"),

        Row(Full.HALTED,                                  FullEvent.RESUME,               Full.RECOVER),
        Row(Full.HALTED,                                  FullEvent.FINISH,               Full.STOPPED),
    ),
    ignored=(
        (ANYWHERE, FullEvent.TICK),  # ticks never overlap; a late one is coalesced
    ),
)
# fmt: on
