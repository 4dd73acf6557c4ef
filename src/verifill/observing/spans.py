"""A log as traces: tick > atomic transaction > tight loop > attempt, from records alone.

A trace begins with the first record after the machine was at rest and ends with the one that
brings it to rest again: a tick, a recovery, a tick that was skipped. Every record is an event
of exactly one span: the innermost that its table has one for. So a record that opens a tight
loop is an event of what is around it.
"""

import json
from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import Any, Final, NamedTuple

from attrs import define, field, frozen

from verifill.engine.log.expand import Nesting
from verifill.engine.log.record import EPOCH
from verifill.machines.atomic import Atomic
from verifill.machines.full_loop import Full, FullEvent
from verifill.machines.tight_loop import Tight
from verifill.observing.decisions import Decisions
from verifill.observing.following import Entry
from verifill.observing.places import (
    ATOMIC,
    CHAIN_ENDS,
    INSTRUCTION_ENDS,
    RESTS,
    TIGHT_LOOP,
    Place,
    Places,
)


class Level(IntEnum):
    """How deep a span lies."""

    ROOT = 0
    CHAIN = 1
    INSTRUCTION = 2
    ATTEMPT = 3


RECOVERY: Final = "recovery"
FAILING: Final = frozenset({FullEvent.FAIL, FullEvent.HOLD, FullEvent.BLOCKED})
INNERMOST: Final[Mapping[str, Level]] = {ATOMIC: Level.CHAIN, TIGHT_LOOP: Level.ATTEMPT}
NAMES: Final[Mapping[Level, str]] = {
    Level.CHAIN: ATOMIC,
    Level.INSTRUCTION: TIGHT_LOOP,
    Level.ATTEMPT: "attempt",
}
PLAIN: Final = frozenset({"RECOVERY", "COALESCED", "SKIPPED", "MATCHED_EXPLAINED"})
"""Notes that are no reason for a failure."""
CUT_OFF: Final = "the process ended before this was over"
NO_REASON: Final = "the log holds no reason"


class Happening(NamedTuple):
    """A record, as an event of a span.

    Attributes:
        name: what happened.
        at_ns: when, nanoseconds since the epoch, UTC.
        attributes: number, states and kind of the record, and what a machine beside the loop
            is about.
    """

    name: str
    at_ns: int
    attributes: Mapping[str, str | int]


@define(eq=False)
class Span:
    """A piece of work, with what is inside it.

    Attributes:
        level: how deep it lies.
        name: what it is.
        first: number of the record that opened it.
        start_ns: when that was; nanoseconds since the epoch, UTC.
        parent: what it is inside of; None for the outermost.
        last: number of the last record while it was open.
        end_ns: when that was.
        attributes: what it is about.
        happenings: the records that belong to it, and to no span inside it.
        reason: the last reason for a failure that was told while it was open.
        failed: whether it failed.
    """

    level: Level
    name: str
    first: int
    start_ns: int
    parent: "Span | None" = None
    last: int = 0
    end_ns: int = 0
    attributes: dict[str, str | int | bool] = field(factory=dict[str, str | int | bool])
    happenings: list[Happening] = field(factory=list[Happening])
    reason: str = ""
    failed: bool = False


@frozen
class Trace:
    """Spans that belong together, the outermost first.

    Attributes:
        spans: all of them.
        last: number of its last record.
    """

    spans: tuple[Span, ...]
    last: int

    @property
    def first(self) -> int:
        """Number of its first record."""
        return self.spans[0].first


class Tracing:
    """Puts records into traces, one after another.

    Times are those of the wall clock at the first record of a trace; from there on the
    monotonic clock counts, so that a wall clock that is set while a tick is under way moves no
    span out of the one around it.

    Args:
        header: of the log.
    """

    def __init__(self, header: Mapping[str, Any]) -> None:
        self._places = Places(Nesting(**header["nesting"]))
        self._decisions = Decisions(header)
        self._spans: list[Span] = []
        self._open: list[Span] = []
        self._offset_ns = 0  # from the monotonic clock to the times of this trace

    def add(self, entry: Entry) -> Iterator[Trace]:
        """The traces that are over with a record: at most that of a life before and its own."""
        if entry.kind == EPOCH and self._open:
            yield self._cut(CUT_OFF, "verifill.cut_off")
        is_first = not self._open
        if is_first:
            self._offset_ns = entry.wall_ns - entry.mono_ns
            name = RECOVERY if entry.kind == EPOCH else entry.event or entry.kind.lower()
            self._begin(Level.ROOT, name, entry)
        self._decisions.hear(entry)
        self._hear(entry)
        if self._places.has_moved(entry):
            self._move(entry)
            is_over = entry.target in RESTS
        else:
            is_over = is_first and entry.kind != EPOCH
        if is_over:
            self._end(self._open[0], str(entry.target))
            yield self._taken()

    @property
    def under_way(self) -> int:
        """Number of the record that the trace under way began with; 0 if there is none."""
        return self._open[0].first if self._open else 0

    def unfinished(self) -> Trace:
        """What is under way, as if it were over; nothing can be added any more."""
        return self._cut("", "verifill.unfinished")

    def _taken(self) -> Trace:
        trace = Trace(tuple(self._spans), self._spans[0].last)
        self._spans, self._open = [], []
        return trace

    def _cut(self, reason: str, attribute: str) -> Trace:
        for span in self._open:
            span.attributes[attribute] = True
            span.reason, span.failed = reason, bool(reason)
        while self._open:
            self._end(self._open[-1], "")
        return self._taken()

    # Spans.

    def _begin(self, level: Level, name: str, entry: Entry) -> None:
        at_ns = entry.mono_ns + self._offset_ns
        parent = self._open[-1] if self._open else None
        span = Span(level, name, entry.seq, at_ns, parent, entry.seq, at_ns)
        self._spans.append(span)
        self._open.append(span)

    def _end(self, span: Span, end: str) -> None:
        """Close the innermost span."""
        self._open.pop()
        told = span.attributes
        if end:
            told["verifill.end"] = end
        number = told.get("verifill.instruction")
        if number is not None:
            decision = self._decisions.of(int(number))
            told["verifill.venue"] = decision.venue
            if span.level is Level.INSTRUCTION:
                told |= {
                    "verifill.role": decision.role,
                    "verifill.operation": decision.operation,
                    "verifill.account": decision.account,
                    "verifill.subject": decision.subject,
                    "verifill.side": decision.side,
                    "verifill.name": decision.name,
                }

    # Records.

    def _hear(self, entry: Entry) -> None:
        """Take a record up as an event of the span that it belongs to."""
        at_ns = entry.mono_ns + self._offset_ns
        for span in self._open:
            span.last, span.end_ns = entry.seq, at_ns
        streams = entry.payload.streams
        for _number, kind, text in streams.notes:
            if kind not in PLAIN:
                self._because(str(json.loads(text).get("reason", "")) or kind)
        for _number, outcome, _effect_ns, reason, *_ in streams.receipts:
            self._open[-1].attributes["verifill.outcome"] = outcome
            self._because(reason)
        depth = INNERMOST.get(entry.machine, Level.ROOT)
        owner = next(span for span in reversed(self._open) if span.level <= depth)
        self._describe(owner, entry)
        told = _attributes(entry)
        if not self._places.is_ours(entry) and entry.kind != EPOCH:
            told["verifill.scope"] = entry.scope
        owner.happenings.append(Happening(entry.event or entry.kind.lower(), at_ns, told))

    def _because(self, reason: str) -> None:
        for span in self._open if reason else ():
            span.reason = reason

    def _describe(self, owner: Span, entry: Entry) -> None:
        """Say in the spans which tick, chain, instruction and send they are."""
        told = owner.attributes
        if owner.level is Level.ROOT:
            if self._places.is_ours(entry) and entry.machine == self._places.nesting.machine:
                told["verifill.tick"] = entry.instance
            told["verifill.process_life"] = entry.epoch
        elif owner.level is Level.CHAIN:
            told["verifill.chain"] = entry.instance
        else:
            around = self._open[-2] if owner.level is Level.ATTEMPT else owner
            around.attributes["verifill.instruction"] = entry.instance
            told["verifill.instruction"] = entry.instance
        if owner.level is Level.ATTEMPT:
            told["verifill.attempt"] = entry.attempt
            if entry.intent_id is not None:
                told["verifill.intent"] = entry.intent_id

    def _move(self, entry: Entry) -> None:
        """End the spans that a move is the last of, and begin those that it is the first of."""
        self._open[0].failed |= entry.event in FAILING or entry.target == Full.HALTED
        before, after = self._places.of(entry.source), self._places.of(entry.target)
        if before.tight == Tight.RECONCILE:
            self._open[-1].attributes["verifill.verdict"] = str(entry.event)
        self._end_what_is_over(after)
        if after.chain and (not before.chain or before.chain in CHAIN_ENDS):
            self._begin(Level.CHAIN, NAMES[Level.CHAIN], entry)
        if after.tight and (not before.tight or before.tight in INSTRUCTION_ENDS):
            self._begin(Level.INSTRUCTION, NAMES[Level.INSTRUCTION], entry)
        if self._open[-1].level is Level.INSTRUCTION and after.tight != Tight.RETRY_RESEND:
            self._begin(Level.ATTEMPT, NAMES[Level.ATTEMPT], entry)
        self._end_what_is_over(after)

    def _end_what_is_over(self, after: Place) -> None:
        while _is_over(span := self._open[-1], after):
            end = after.chain if span.level is Level.CHAIN else after.tight
            span.failed = end not in (Tight.DONE, Atomic.COMMITTED)
            self._end(span, end)


def _is_over(span: Span, after: Place) -> bool:
    """Whether a span ends where the machine has come to."""
    match span.level:
        case Level.ATTEMPT:
            return after.tight in {"", Tight.RETRY_RESEND, *INSTRUCTION_ENDS}
        case Level.INSTRUCTION:
            return after.tight in {"", *INSTRUCTION_ENDS}
        case Level.CHAIN:
            return after.chain in {"", *CHAIN_ENDS}
        case _:
            return False


def _attributes(entry: Entry) -> dict[str, str | int]:
    told: dict[str, str | int] = {"verifill.seq": entry.seq, "verifill.kind": entry.kind}
    given = {
        "verifill.from": entry.source,
        "verifill.to": entry.target,
        "verifill.machine": entry.machine,
    }
    return told | {name: value for name, value in given.items() if value is not None}
