"""Recovery: where an earlier process life ended, and what has to be resolved first.

A crash leaves the last durable transition, and whether the send that it allows had its
INTENT. That decides everything (DURABILITY, section 3): without an INTENT nothing was sent;
with one it may have been, and the venue is asked before anything else happens.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import polars as pl
from attrs import evolve, frozen

from verifill.engine.log.durable_reader import DurableReader
from verifill.machines.atomic import Atomic
from verifill.machines.full_loop import Full, FullEvent
from verifill.machines.memory import Memory, plan_of, remembered
from verifill.machines.strategy import Fate
from verifill.machines.tight_loop import Tight, TightEvent
from verifill.venues.chains import Chain
from verifill.venues.instructions import AnyInstruction

FACTS = ("event", "to", "kind", "machine", "instance", "attempt", "epoch")
BEFORE = frozenset({Full.START, Full.RECOVER})
AFTER = frozenset({Full.COMPLETE, Full.FAILED})
"""Leaves that only say what the one before has led to; it is remembered on leaving them."""

OPEN = frozenset(
    {Tight.AWAIT_POSITION, Tight.RECONCILE, Tight.RETRY_QUERY, Tight.RETRY_OBSERVE, Tight.HELD}
)
"""Leaves of a tight loop in which what was sent is not yet resolved."""

RESOLVE: Mapping[str, FullEvent] = {
    Full.INSTRUCTION: FullEvent.RESOLVE_INSTRUCTION,
    f"{Full.ATOMIC}.{Atomic.STEP}": FullEvent.RESOLVE_STEP,
    f"{Full.ATOMIC}.{Atomic.COMMIT}": FullEvent.RESOLVE_COMMIT,
    f"{Full.ATOMIC}.{Atomic.COMPENSATE}": FullEvent.RESOLVE_COMPENSATION,
}
FATES: Mapping[str, Fate] = {
    f"{Full.INSTRUCTION}.{Tight.DONE}": Fate.DONE,
    f"{Full.INSTRUCTION}.{Tight.FAILED_CLEAN}": Fate.FAILED_CLEAN,
    f"{Full.INSTRUCTION}.{Tight.RETRY_RESEND}": Fate.FAILED_CLEAN,
    f"{Full.INSTRUCTION}.{Tight.FAILED_PART}": Fate.IN_PART,
    f"{Full.INSTRUCTION}.{Tight.FAILED_MISMATCH}": Fate.MISMATCHED,
    f"{Full.ATOMIC}.{Atomic.COMMITTED}": Fate.DONE,
    f"{Full.ATOMIC}.{Atomic.ROLLED_BACK}": Fate.ROLLED_BACK,
}
CLOSED = frozenset({f"{Full.ATOMIC}.{Atomic.COMMITTED}", f"{Full.ATOMIC}.{Atomic.ROLLED_BACK}"})


@frozen(kw_only=True)
class Found:
    """What an earlier life left behind.

    Attributes:
        state: the leaf in which its work ended; empty if it never began any.
        sent: whether the send of that leaf had its INTENT.
        had: whether the venue has said since that it has the order.
        halted: whether it ended halted, without a logged resume.
        memory: what it remembered; None if it had sent nothing.
        plan: the plan that it had taken up last.
        tick: number of its last tick.
        epoch: number of the last life.
        commands: number and time of every command of an operator that was taken up.
        guard: what the guard remembered last; None if there was none.
    """

    state: str = ""
    sent: bool = False
    had: bool = False
    halted: bool = False
    memory: Memory | None = None
    plan: Sequence[AnyInstruction | Chain] = ()
    tick: int = 0
    epoch: int = 0
    commands: frozenset[tuple[int, int]] = frozenset()
    guard: Mapping[str, Any] | None = None

    @property
    def resolving(self) -> FullEvent | None:
        """How recovery goes on if an order may be in flight; None if none is."""
        holder, leaf = self._split()
        event = RESOLVE.get(holder)
        in_flight = leaf in OPEN or (leaf == Tight.SEND and self.sent)
        return event if event and in_flight else None

    @property
    def in_chain(self) -> str:
        """The leaf inside a chain that is to be gone on with; empty if there is none."""
        if not self.state.startswith(f"{Full.ATOMIC}.") or self.state in CLOSED:
            return ""
        return self.state.removeprefix(f"{Full.ATOMIC}.")

    @property
    def under_way(self) -> bool:
        """Whether an order or a chain is to be gone on with."""
        current = self.memory is not None and self.memory.tick == self.tick
        return current and bool(self.resolving or self.in_chain)

    @property
    def cut_off(self) -> bool:
        """Whether it ended in a plan of which something may never have been sent."""
        return self.state in (Full.DECIDE, Full.HALTED) or self.state.startswith(
            (f"{Full.INSTRUCTION}.", f"{Full.ATOMIC}.")
        )

    @property
    def fate(self) -> Fate | None:
        """What became of the entry under way, where nothing is in flight; None if not sent."""
        return FATES.get(self.state)

    @property
    def blocked(self) -> str:
        """Why nothing may be sent before an operator has said so; empty if it may."""
        if self.halted:
            return "the last process life ended halted, and nobody has resumed it"
        if self.state == f"{Full.INSTRUCTION}.{Tight.FAILED_MISMATCH}":
            return "the last process life ended in a mismatch"
        if self.memory and self.memory.flatten:
            return ""  # the operator who has killed it wants it to go on until it is flat
        return self.memory.killed if self.memory else ""

    def _split(self) -> tuple[str, str]:
        """The state that holds a tight loop, and the leaf inside."""
        for holder in RESOLVE:
            if self.state.startswith(f"{holder}."):
                return holder, self.state.removeprefix(f"{holder}.")
        return "", ""


def found_in(reader: DurableReader) -> Found:
    """What a durable log says of its last process life."""
    tables = list(reader.header["nesting"]["instances"])
    records = reader.records().filter(pl.col("machine").is_in(tables))
    rows = records.select(*FACTS).collect().to_dicts()
    told = records.filter(pl.col("payload").str.contains(r'"(memory|plan)":')).select("payload")
    payloads = reversed(told.collect()["payload"].to_list())
    said = reader.records().filter(kind="OPERATOR").select("payload").collect()["payload"]
    commands = [json.loads(payload)["command"] for payload in said]
    found = find(rows, (json.loads(payload) for payload in payloads))
    taken = frozenset((one["id"], one["at_ns"]) for one in commands)
    return evolve(found, commands=taken, guard=guard_in(reader))


def guard_in(reader: DurableReader) -> Mapping[str, Any] | None:
    """What the guard remembered last: it is written with its changes, and in every memory."""
    told = reader.records().filter(pl.col("payload").str.contains('"guard":', literal=True))
    payloads = told.select("payload").collect()["payload"].to_list()
    if not payloads:
        return None
    said = json.loads(payloads[-1])
    return cast("Mapping[str, Any] | None", said.get("guard") or said["memory"]["guard"])


def find(rows: Sequence[Mapping[str, Any]], payloads: Iterator[Mapping[str, Any]]) -> Found:
    """What the records of a log say of its last life.

    Args:
        rows: `event`, `to`, `kind`, `machine`, `instance`, `attempt`, `epoch` of every record
            of the engine's own machine, by number.
        payloads: the payloads that hold a memory or a plan, the newest first.
    """
    moves = [row for row in rows if row["event"]]
    state, halted = _end(moves)
    memory: Memory | None = None
    plan: Sequence[AnyInstruction | Chain] | None = None
    for payload in payloads:
        if memory is None and "memory" in payload:
            memory = remembered(payload["memory"])
        if plan is None and "plan" in payload:
            plan = plan_of(payload["plan"])
        if plan is not None and memory is not None:
            break
    ticks = [row["instance"] for row in rows if row["machine"] == "full_loop"]
    return Found(
        state=state,
        sent=_sent(rows),
        had=_had(moves),
        halted=halted,
        memory=memory,
        plan=plan or (),
        tick=max(ticks, default=0),
        epoch=rows[-1]["epoch"] if rows else 0,
    )


def _end(moves: Sequence[Mapping[str, Any]]) -> tuple[str, bool]:
    """The leaf in which work ended, whatever recovery did since, and whether it is halted."""
    halted: bool | None = None
    for row in reversed(moves):
        if row["event"] == FullEvent.RESUME and halted is None:
            halted = False
        elif row["to"] == Full.HALTED:
            halted = True if halted is None else halted
            if row["event"] != FullEvent.BLOCKED:
                return Full.HALTED, halted
        elif row["to"] not in BEFORE | AFTER and row["to"] != Full.STOPPED:
            return row["to"], bool(halted)
    return "", bool(halted)


def _sent(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether an INTENT came after the last way into SEND."""
    for row in reversed(rows):
        if row["kind"] == "INTENT":
            return True
        if row["event"] and row["to"].endswith(f".{Tight.SEND}"):
            return False
    return False


def _had(moves: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the venue has told of the order since the last way into SEND."""
    for row in reversed(moves):
        if row["event"] in (TightEvent.ACCEPTED, TightEvent.FOUND):
            return True
        if row["to"].endswith(f".{Tight.SEND}"):
            return False
    return False
