"""Recovery: where an earlier process life ended, and what has to be resolved first.

A crash leaves the last durable transition, and whether the send that it allows had its
INTENT. That decides everything (DURABILITY, section 3): without an INTENT nothing was sent;
with one it may have been, and the venue is asked before anything else happens.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from attrs import define, evolve, frozen

from verifill.engine.log.durable_reader import DurableReader
from verifill.machines.atomic import Atomic
from verifill.machines.full_loop import FULL_LOOP, Full, FullEvent
from verifill.machines.memory import Memory, plan_of, remembered
from verifill.machines.strategy import Fate
from verifill.machines.tight_loop import Tight, TightEvent
from verifill.venues.any_instruction import AnyInstruction
from verifill.venues.chains import Chain

FACTS = ("event", "to", "kind", "machine", "instance", "epoch", "payload")
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
    def settled(self) -> bool:
        """Whether an operator has settled the chain by hand, of which the move is not there yet."""
        done = self.memory.done if self.memory else ()
        return self.in_chain == Atomic.STRANDED and bool(done) and done[-1][0] == Fate.STRANDED

    @property
    def under_way(self) -> bool:
        """Whether an order or a chain is to be gone on with."""
        current = self.memory is not None and self.memory.tick == self.tick
        return current and not self.settled and bool(self.resolving or self.in_chain)

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
        if self.settled:
            return "a chain was settled by hand, and nobody has resumed the engine since"
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
    """What a durable log says of its last process life.

    It is read from its end backwards, as far as that life's last tick with a memory; only the
    commands of operators are looked up in all of it.
    """
    tables = frozenset(reader.header["nesting"]["instances"])
    found = find(reader.backwards(FACTS), tables)
    told = (json.loads(payload or "{}").get("command") for payload in reader.commands())
    return evolve(found, commands=frozenset((one["id"], one["at_ns"]) for one in told if one))


def guard_in(reader: DurableReader) -> Mapping[str, Any] | None:
    """What the guard remembered last; None if a log has nothing of it."""
    search = _Search()
    for row in reader.backwards(("payload",)):
        search.read(row["payload"])
        if search.guard is not None:
            break
    return search.guard


def find(rows: Iterable[Mapping[str, Any]], tables: Collection[str]) -> Found:
    """What the records of a log say of its last life.

    Args:
        rows: FACTS of every record, the newest first; no more are read than are needed.
        tables: the engine's own machine; records of others only tell of the guard.
    """
    search = _Search()
    for row in rows:
        if row["machine"] in tables:
            search.look(row)
        search.read(row["payload"])
        if search.over:
            break
    return search.found()


@define
class _Search:
    """What is known already of the last life, while its records are read backwards."""

    state: str | None = None
    halted: bool | None = None
    sent: bool | None = None
    had: bool | None = None
    memory: Memory | None = None
    plan: Sequence[AnyInstruction | Chain] | None = None
    tick: int = 0
    epoch: int = 0
    guard: Mapping[str, Any] | None = None
    began: bool = False  # whether the tick of the memory has been read to its first record

    @property
    def over(self) -> bool:
        """Whether nothing that is older could matter.

        A plan has been taken up since the tick began, or there was none; but a life that was
        cut off before it planned anything may remember what became of the plan before.
        """
        if not self.began or self.memory is None or None in (self.state, self.guard):
            return False
        return self.plan is not None or not self.memory.done

    def found(self) -> Found:
        """What was found."""
        return Found(
            state=self.state or "",
            sent=bool(self.sent),
            had=bool(self.had),
            halted=bool(self.halted),
            memory=self.memory,
            plan=self.plan or (),
            tick=self.tick,
            epoch=self.epoch,
            guard=self.guard,
        )

    def look(self, row: Mapping[str, Any]) -> None:
        """Take in a record of the engine's own machine; one that is no move has no event."""
        event = row["event"]
        self.epoch = self.epoch or row["epoch"]
        if row["machine"] == FULL_LOOP.name and not self.tick:
            self.tick = row["instance"]
        if self.sent is None and row["kind"] == "INTENT":
            self.sent = True
        if event:
            self._sends(event, row["to"])
            if self.state is None:
                self._end(event, row["to"])
        began = event == FullEvent.TICK and row["kind"] == "TRANSITION"
        if began and self.memory and row["instance"] <= self.memory.tick:
            self.began = True

    def _sends(self, event: str, target: str) -> None:
        """Whether an INTENT, or word from the venue, came after the last way into SEND."""
        if self.had is None and event in (TightEvent.ACCEPTED, TightEvent.FOUND):
            self.had = True
        if target.endswith(f".{Tight.SEND}"):
            self.sent, self.had = bool(self.sent), bool(self.had)

    def _end(self, event: str, target: str) -> None:
        """The leaf in which work ended, whatever recovery did since, and whether it is halted."""
        if event == FullEvent.RESUME and self.halted is None:
            self.halted = False
        elif target == Full.HALTED:
            self.halted = True if self.halted is None else self.halted
            if event != FullEvent.BLOCKED:
                self.state = target
        elif target not in BEFORE | AFTER and target != Full.STOPPED:
            self.state = target

    def read(self, payload: str | None) -> None:
        """Take in what a record carries: a memory, a plan, what the guard remembered."""
        if payload is None or not _CARRIES.search(payload):
            return
        told: Mapping[str, Any] = json.loads(payload)
        memory: Mapping[str, Any] | None = told.get("memory")
        if self.memory is None and memory is not None:
            self.memory = remembered(memory)
        if self.plan is None and "plan" in told:
            self.plan = plan_of(told["plan"])
        if self.guard is None:
            self.guard = told.get("guard") or (memory.get("guard") if memory else None)


_CARRIES = re.compile(r'"(memory|plan|guard)":')
