"""A log as a trace of Chrome's Trace Event Format, which Perfetto and chrome://tracing open.

A run is a process, a level of its machine a thread: the full loop, the atomic transaction and
the tight loop, with a slice for each tick, chain, instruction and attempt and, inside it, one
for each state. Every machine beside the loop has a thread for each thing that it is about.
A record that changes no state is an instant. So every record is somewhere, with its number.

Slices are told as a beginning (B) and an end (E), in order, because in a backtest many of them
take no time: what nests in what is then told by the order alone.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Final

import msgspec

from verifill.engine.log.expand import IGNORED, REFUSED, Nesting
from verifill.machines.full_loop import Full
from verifill.machines.tight_loop import Tight
from verifill.observing.following import Entry
from verifill.observing.places import CHAIN_ENDS, INSTRUCTION_ENDS, RESTS, Places
from verifill.observing.spans import Happening, Level, Span, Trace, Tracing

PROCESS: Final = 1
FULL, ATOMIC, TIGHT = 1, 2, 3
THREADS: Final = {FULL: "full loop", ATOMIC: "atomic", TIGHT: "tight loop"}
THREAD_OF: Final = {
    Level.ROOT: FULL,
    Level.CHAIN: ATOMIC,
    Level.INSTRUCTION: TIGHT,
    Level.ATTEMPT: TIGHT,
}
ENDS: Final = {FULL: RESTS, ATOMIC: CHAIN_ENDS, TIGHT: INSTRUCTION_ENDS}
NS_PER_US: Final = 1_000

Event = dict[str, Any]
States = Mapping[int, str]
"""Thread -> the state of its level; empty where it is in none."""


def perfetto(header: Mapping[str, Any], entries: Iterable[Entry]) -> Iterator[str]:
    """The text of a trace, piece by piece.

    Times are microseconds since the first record, to the nanosecond. A tick begins where the one
    before ended if the wall clock was set back between them; its `time` is then the clock's.

    Args:
        header: of the log.
        entries: its records, in order.
    """
    drawing = _Drawing(header)
    yield '{"displayTimeUnit":"ns","traceEvents":[\n'
    comma = ""
    for event in drawing.events(entries):
        yield comma + _text(event)
        comma = ",\n"
    told = {
        "run": header["run"],
        "mode": header["mode"],
        "start": "" if drawing.start_ns is None else moment(drawing.start_ns),
    }
    yield f'\n],"otherData":{_text(told)}}}\n'


def _text(told: object) -> str:
    try:
        return msgspec.json.encode(told).decode()
    except UnicodeEncodeError:  # half a surrogate pair, in a reason that somebody gave
        return json.dumps(told)


def moment(at_ns: int) -> str:
    """A time in UTC, to the nanosecond, as ISO 8601 writes it."""
    seconds, rest = divmod(at_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


class _Drawing:
    """Events of a trace, from records.

    Attributes:
        start_ns: time of the first record; nanoseconds since the epoch, UTC.
    """

    def __init__(self, header: Mapping[str, Any]) -> None:
        self.start_ns: int | None = None
        self._name = f"{header['mode']} {header['run']}"
        self._tracing = Tracing(header)
        self._places = Places(Nesting(**header["nesting"]))
        self._beside: dict[tuple[str, str], int] = {}  # machine and scope -> thread
        self._open: defaultdict[int, list[Span | str]] = defaultdict(list)  # by thread
        self._shift_ns = 0
        self._latest_ns = 0

    def events(self, entries: Iterable[Entry]) -> Iterator[Event]:
        """All events, in order."""
        yield _meta("process_name", 0, name=self._name)
        for thread, name in THREADS.items():
            yield from _thread(thread, name)
        over = chain.from_iterable(map(self._tracing.add, entries))
        for trace in over:
            yield from self._trace(trace)
        if self._tracing.under_way:
            yield from self._trace(self._tracing.unfinished())
        for thread in list(self._open):
            yield from self._end(thread, self._latest_ns)

    # A trace.

    def _trace(self, trace: Trace) -> Iterator[Event]:
        root = trace.spans[0]
        if self.start_ns is None:
            self.start_ns = self._latest_ns = root.start_ns
        self._shift_ns = max(0, self._latest_ns - root.start_ns)
        begun: defaultdict[int, list[Span]] = defaultdict(list)
        for span in trace.spans:
            begun[span.first].append(span)
        told = ((record, span) for span in trace.spans for record in span.happenings)
        for record, owner in sorted(told, key=_number):
            yield from self._record(record, owner, begun[int(record.attributes["verifill.seq"])])
        for thread in THREADS:
            yield from self._end(thread, root.end_ns + self._shift_ns)

    def _record(self, record: Happening, owner: Span, begun: list[Span]) -> Iterator[Event]:
        """What ends with a record, what it says, and what begins with it."""
        at_ns = self._latest_ns = record.at_ns + self._shift_ns
        machine = str(record.attributes["verifill.machine"])
        if machine not in self._places.nesting.instances:
            yield from self._begin_spans(begun, at_ns)
            yield from self._beside_the_loop(record, machine, at_ns)
            return
        seq = int(record.attributes["verifill.seq"])
        args = _args(record, owner)
        after = self._changes(record)
        ends = {thread: state for thread, state in after.items() if state in ENDS[thread]}
        for thread in after:
            yield from self._end_state(thread, at_ns)
            if thread in ends and self._open[thread]:
                yield self._instant(thread, ends.pop(thread), at_ns, args)
        for thread in reversed(THREADS):
            yield from self._end_spans(thread, seq, at_ns)
        yield from self._begin_spans(begun, at_ns)
        for thread, state in ends.items():  # a record that is a trace of its own
            yield self._instant(thread, state, at_ns, args)
        for thread, state in after.items():
            if state and state not in ENDS[thread]:
                yield self._begin(thread, state, state, at_ns, args)
        if not any(after.values()):
            yield self._instant(THREAD_OF[owner.level], record.name, at_ns, args)

    def _changes(self, record: Happening) -> dict[int, str]:
        """Thread -> its state after a record, for every level that the record changed."""
        told = record.attributes
        if told["verifill.kind"] in (IGNORED, REFUSED) or "verifill.to" not in told:
            return {}
        before = self._states(str(told.get("verifill.from", "")))
        after = self._states(str(told["verifill.to"]))
        return {thread: after[thread] for thread in THREADS if after[thread] != before[thread]}

    def _states(self, leaf: str) -> States:
        place = self._places.of(leaf)
        full: str = leaf
        if place.chain or place.tight:
            full = Full.ATOMIC if place.chain else Full.INSTRUCTION
        return {FULL: full, ATOMIC: place.chain, TIGHT: place.tight}

    def _beside_the_loop(self, record: Happening, machine: str, at_ns: int) -> Iterator[Event]:
        scope = str(record.attributes.get("verifill.scope", ""))
        name = f"{machine} {scope}".rstrip()
        thread = self._beside.get((machine, scope))
        if thread is None:
            thread = self._beside[machine, scope] = len(THREADS) + len(self._beside) + 1
            yield from _thread(thread, name)
        args, target = _args(record), str(record.attributes.get("verifill.to", ""))
        if target and record.attributes["verifill.kind"] not in (IGNORED, REFUSED):
            yield from self._end_state(thread, at_ns)
            yield self._begin(thread, target, target, at_ns, args)
        else:
            yield self._instant(thread, record.name, at_ns, args)

    # Slices.

    def _begin(self, thread: int, what: Span | str, name: str, at_ns: int, args: Event) -> Event:
        self._open[thread].append(what)
        return self._event("B", thread, at_ns, name=name, cat=_category(thread), args=args)

    def _end_state(self, thread: int, at_ns: int) -> Iterator[Event]:
        """End the state of a level, if it is in one."""
        opened = self._open[thread]
        if opened and isinstance(opened[-1], str):
            opened.pop()
            yield self._event("E", thread, at_ns)

    def _begin_spans(self, spans: list[Span], at_ns: int) -> Iterator[Event]:
        for span in spans:
            yield self._begin(THREAD_OF[span.level], span, _label(span), at_ns, _about(span))

    def _end_spans(self, thread: int, seq: int, at_ns: int) -> Iterator[Event]:
        """End the spans that a record is the last of; the outermost ends with its trace."""
        opened = self._open[thread]
        while opened and isinstance(span := opened[-1], Span) and span.last == seq:
            if span.level is Level.ROOT:
                break
            opened.pop()
            yield self._event("E", thread, at_ns)

    def _end(self, thread: int, at_ns: int) -> Iterator[Event]:
        while self._open[thread]:
            self._open[thread].pop()
            yield self._event("E", thread, at_ns)

    def _instant(self, thread: int, name: str, at_ns: int, args: Event) -> Event:
        return self._event("i", thread, at_ns, name=name, cat=_category(thread), s="t", args=args)

    def _event(self, phase: str, thread: int, at_ns: int, **told: object) -> Event:
        ts = (at_ns - (self.start_ns or 0)) / NS_PER_US
        return {"ph": phase, "pid": PROCESS, "tid": thread, "ts": ts, **told}


def _number(told: tuple[Happening, Span]) -> int:
    return int(told[0].attributes["verifill.seq"])


def _category(thread: int) -> str:
    return THREADS.get(thread, "beside")


def _thread(thread: int, name: str) -> Iterator[Event]:
    yield _meta("thread_name", thread, name=name)
    yield _meta("thread_sort_index", thread, sort_index=thread)


def _meta(what: str, thread: int, **args: object) -> Event:
    return {"ph": "M", "pid": PROCESS, "tid": thread, "name": what, "args": args}


def _label(span: Span) -> str:
    told = span.attributes
    match span.level:
        case Level.ROOT:
            return f"tick {told['verifill.tick']}" if span.name == "tick" else span.name
        case Level.CHAIN:
            return f"chain {told.get('verifill.chain', '')}".rstrip()
        case Level.INSTRUCTION:
            return f"instruction {told.get('verifill.instruction', '')}".rstrip()
        case _:
            return f"attempt {told.get('verifill.attempt', '')}".rstrip()


def _about(span: Span) -> Event:
    """What a slice is about: all that is known of it when it is over."""
    told = {_plain(name): value for name, value in span.attributes.items()}
    known = {"time": moment(span.start_ns), "first": span.first, "last": span.last, **told}
    return known | ({"failed": True, "reason": span.reason} if span.failed else {})


def _args(record: Happening, owner: Span | None = None) -> Event:
    """What a record says."""
    told: Event = {_plain(name): value for name, value in record.attributes.items()}
    told["event"] = record.name
    about = owner.attributes if owner else {}
    for name in ("instruction", "attempt", "intent", "venue"):
        if f"verifill.{name}" in about:
            told[name] = about[f"verifill.{name}"]
    if str(told.get("from", "")).endswith(f".{Tight.RECONCILE}") and "to" in told:
        told["verdict"] = record.name
    return told


def _plain(name: str) -> str:
    return name.removeprefix("verifill.")
