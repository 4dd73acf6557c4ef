"""What a log says, counted: the metrics of a live or paper run.

Every counter is a function of the log from its first record on. So it says the same after
the process that counts was killed and started again, and never goes back.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client import disable_created_metrics as without_created

from verifill.engine.clock import NANOSECONDS
from verifill.engine.commands import CommandName
from verifill.engine.log.expand import Nesting
from verifill.engine.log.record import EPOCH, INTENT, KINDS
from verifill.machines.atomic import Atomic
from verifill.machines.full_loop import Full, FullEvent
from verifill.machines.reconcile import VerdictKind
from verifill.machines.tight_loop import Tight, TightEvent
from verifill.observing.decisions import Decisions
from verifill.observing.following import Entry
from verifill.observing.places import (
    CHAIN_ENDS,
    INSTRUCTION_ENDS,
    REHEARSAL,
    RESTS,
    STRANDED,
    TIGHT_LOOP,
    Place,
    Places,
)
from verifill.observing.timing import Stopwatch

# A venue answers in tens of milliseconds, a chain in minutes; an operator may take hours.
BUCKETS_S: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600)
ANSWERS: Final = frozenset({TightEvent.ACCEPTED, TightEvent.REFUSED, TightEvent.UNKNOWN})
RETRY: Final = "RETRY."
RETRIES: Final = tuple(s.removeprefix(RETRY) for s in Tight if s.startswith(RETRY))
VERDICTS: Final = (
    TightEvent.MATCHED,
    TightEvent.UNEXECUTED,
    TightEvent.PARTIAL,
    TightEvent.MISMATCHED,
    TightEvent.CONTRADICTED,
)
COALESCED: Final = "COALESCED"
NOTES: Final = (
    *("FAILURE", "HELD", "DENIED", "EXPIRED", COALESCED, "SKIPPED", "RECOVERY"),
    *(kind for kind in VerdictKind if kind is not VerdictKind.MATCHED),
)


class Metrics:
    """The metrics of one run.

    Args:
        header: of its log.

    Attributes:
        registry: all of them, for prometheus_client.
        sequence: number of the last record.
        readable: whether the log could be read at the last look.
        engine_up: whether a process holds the log to write to it.
        anchor_lag: records that the second place has not been told of.
    """

    def __init__(self, header: Mapping[str, Any]) -> None:
        # the time at which a counter was made here would pass for the time of its first event
        without_created()  # type: ignore[no-untyped-call]  # it has no annotations, and no twin
        self._places = Places(Nesting(**header["nesting"]))
        self._decisions = Decisions(header)
        self._watch = Stopwatch()
        self.registry = CollectorRegistry()
        run = Info("verifill_run", "What runs.", registry=self.registry)
        run.info({"run": str(header["run"]), "mode": str(header["mode"])})
        self._make_log()
        self._make_engine()
        self._make_instructions()
        self._begin()

    def _make_log(self) -> None:
        self._records = self._counter("records", "Records of the log.", "kind")
        self.sequence = self._gauge("log_sequence", "Number of the last record.")
        self._last = self._gauge(
            "log_last_record_timestamp_seconds", "When the last record was written, by its clock."
        )
        self.readable = self._gauge("log_readable", "1 if the log could be read just now, else 0.")
        self.engine_up = self._gauge("engine_up", "1 if an engine holds the log just now, else 0.")
        self.anchor_lag = self._gauge(
            "anchor_lag_records", "Records since the last one that the anchor was told of."
        )

    def _make_engine(self) -> None:
        self._lives = self._counter("process_lives", "Process lives of the engine.")
        self._transitions = self._counter(
            "transitions", "Events by table, with the state after.",
            "machine", "state", "event", "kind",
        )  # fmt: skip
        self._state = self._gauge("engine_state", "1 for the leaf state that it is in.", "state")
        self._held = self._gauge("held", "1 while an instruction is HELD, else 0.")
        self._stranded = self._gauge("stranded", "1 while a chain is STRANDED, else 0.")
        self._halted = self._gauge("halted", "1 while the engine is HALTED, else 0.")
        self._beside = self._gauge(
            "machine_state", "1 for the state of a machine beside the loop: breaker, feed ...",
            "machine", "scope", "state",
        )  # fmt: skip
        self._ticks = self._counter("ticks", "Ticks that were taken up.")
        self._coalesced = self._counter("ticks_coalesced", "Ticks taken together with a late one.")
        self._skipped = self._counter("ticks_skipped", "Ticks without fresh market data.")
        self._tick_s = self._histogram("tick_duration_seconds", "From a tick to its end.")
        self._notes = self._counter("notes", "Notes for people.", "kind")
        self._commands = self._counter("operator_commands", "What operators said.", "command")

    def _make_instructions(self) -> None:
        self._sends = self._counter("sends", "Intents, each sent at most once.", "venue")
        self._retries = self._counter("retries", "Steps of retries.", "venue", "retry")
        self._verdicts = self._counter("verdicts", "Reconciliations.", "venue", "verdict")
        self._instructions = self._counter("instructions", "Instructions over.", "venue", "fate")
        self._chains = self._counter("chains", "Atomic transactions over.", "fate")
        self._instruction_s = self._histogram(
            "instruction_duration_seconds", "A tight loop, from its first send on.", "venue"
        )
        self._answer_s = self._histogram(
            "answer_duration_seconds", "From an intent to what came of its send.",
            "venue", "answer",
        )  # fmt: skip
        self._verdict_s = self._histogram(
            "verdict_duration_seconds", "From an intent to the first verdict on it.", "venue"
        )

    def _begin(self) -> None:
        """Begin at 0 what alerts look at: of a series that appears at 1 no increase is seen."""
        for kind in sorted(KINDS):
            self._records.labels(kind)
        for note in NOTES:
            self._notes.labels(note)
        for command in CommandName:
            self._commands.labels(command)
        for end in (*sorted(CHAIN_ENDS), Atomic.STRANDED):
            self._chains.labels(end)
        for venue in self._decisions.venues:
            self._sends.labels(venue)
            self._instruction_s.labels(venue)
            self._verdict_s.labels(venue)
            for retry in RETRIES:
                self._retries.labels(venue, retry)
            for verdict in VERDICTS:
                self._verdicts.labels(venue, verdict)
            for fate in sorted(INSTRUCTION_ENDS):
                self._instructions.labels(venue, fate)
            for answer in sorted(ANSWERS):
                self._answer_s.labels(venue, answer)

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(f"verifill_{name}", what, labels, registry=self.registry)

    def _gauge(self, name: str, what: str, *labels: str) -> Gauge:
        return Gauge(f"verifill_{name}", what, labels, registry=self.registry)

    def _histogram(self, name: str, what: str, *labels: str) -> Histogram:
        return Histogram(
            f"verifill_{name}", what, labels, registry=self.registry, buckets=BUCKETS_S
        )

    def add(self, entry: Entry) -> None:
        """Count a record; each once, in their order."""
        self._records.labels(entry.kind).inc()
        self.sequence.set(entry.seq)
        self._last.set(entry.wall_ns / NANOSECONDS)
        self._decisions.hear(entry)
        self._count_notes(entry)
        if entry.kind == EPOCH:
            self._lives.inc()
            self._watch.forget()
        elif entry.kind == INTENT:
            self._sends.labels(self._venue(entry)).inc()
            self._watch.start("answer", entry.mono_ns)
            self._watch.start("verdict", entry.mono_ns)
        if entry.event is not None:
            told = (entry.machine, str(entry.target), entry.event, entry.kind)
            self._transitions.labels(*told).inc()
        if self._places.has_moved(entry):
            self._count_move(entry)
        elif not self._places.is_ours(entry) and entry.event is not None:
            self._set_beside(entry)

    def _venue(self, entry: Entry) -> str:
        return self._decisions.of(entry.instance).venue

    def _count_notes(self, entry: Entry) -> None:
        for _number, kind, text in entry.payload.streams.notes:
            self._notes.labels(kind).inc()
            if kind == COALESCED:
                self._coalesced.inc(msgspec.json.decode(text)["ticks"])
        command = entry.payload.command
        if command:
            self._commands.labels(str(command.get("name", ""))).inc()

    def _set_beside(self, entry: Entry) -> None:
        """A machine that runs beside the loop is in another state of its scope."""
        if entry.source is not None:
            key = (entry.machine, entry.scope, entry.source)
            self._beside.remove(*key)
        self._beside.labels(entry.machine, entry.scope, str(entry.target)).set(1)

    def _count_move(self, entry: Entry) -> None:
        leaf = str(entry.target)
        before, after = self._places.of(entry.source), self._places.of(leaf)
        self._state.clear()
        self._state.labels(leaf).set(1)
        self._held.set(after.tight == Tight.HELD)
        self._stranded.set(leaf == STRANDED)
        self._halted.set(leaf == Full.HALTED)
        if entry.event == FullEvent.TICK:
            self._ticks.inc()
            self._watch.start("tick", entry.mono_ns)
        elif entry.event == FullEvent.SKIP:
            self._skipped.inc()
        if leaf in RESTS:
            self._watch.stop("tick", entry.mono_ns, self._tick_s)
        if after.chain in CHAIN_ENDS or leaf == STRANDED:
            self._chains.labels(after.chain).inc()
        if entry.machine == TIGHT_LOOP and before.holder != REHEARSAL:
            self._count_tight(entry, before, after)
        elif after.tight == Tight.SEND and after.holder != REHEARSAL:
            self._watch.start("instruction", entry.mono_ns)

    def _count_tight(self, entry: Entry, before: Place, after: Place) -> None:
        """A move of a tight loop that is no rehearsal."""
        venue, event, now_ns = self._venue(entry), str(entry.event), entry.mono_ns
        if before.tight == Tight.SEND and event in ANSWERS:
            self._watch.stop("answer", now_ns, self._answer_s.labels(venue, event))
        if before.tight == Tight.RECONCILE:
            self._verdicts.labels(venue, event).inc()
            self._watch.stop("verdict", now_ns, self._verdict_s.labels(venue))
        if before.tight.startswith(RETRY) and event != TightEvent.EXHAUSTED:
            self._retries.labels(venue, before.tight.removeprefix(RETRY)).inc()
        if after.tight in INSTRUCTION_ENDS:
            self._instructions.labels(venue, after.tight).inc()
            self._watch.stop("instruction", now_ns, self._instruction_s.labels(venue))
