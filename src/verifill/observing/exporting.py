"""Exporting the traces of a log, as they are over, in order; nothing is left out by a failure."""

import sys
import time
from collections.abc import Iterator
from itertools import chain
from typing import Final

from attrs import define, field

from verifill.observing.following import Follower
from verifill.observing.otel import Telemetry
from verifill.observing.sinks import Sink, SinkError
from verifill.observing.spans import Trace, Tracing

REQUEST_SPANS: Final = 500  # about this many at once, traces whole
LOOK_S: Final = 1.0
PAUSE_MAX_S: Final = 30.0


@define
class Exporting:
    """One export.

    Attributes:
        follower: reads the log.
        sink: where spans go.
        after: traces that end with this record or before are left out.
        patience_s: how long a sink may be gone before it is given up; 0: not at all.
        traces: how many traces have arrived.
        spans: how many spans.
        last: number of the last record of what has arrived.
    """

    follower: Follower
    sink: Sink
    after: int = 0
    patience_s: float = 0.0
    traces: int = 0
    spans: int = 0
    last: int = field(init=False)
    _tracing: Tracing = field(init=False)
    _telemetry: Telemetry = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.last = self.after
        self._tracing = Tracing(self.follower.header)
        self._telemetry = Telemetry(self.follower.header)

    def export(self) -> None:
        """All traces that are over by now.

        Raises:
            LogError: the log cannot be read.
            SinkError: the sink does not take them.
        """
        while entries := self.follower.batch():
            over = chain.from_iterable(self._tracing.add(entry) for entry in entries)
            for some in _requests(trace for trace in over if trace.last > self.after):
                self._deliver(some)

    def follow(self) -> None:
        """All traces, and those to come, without end.

        Raises:
            LogError: the log cannot be read.
            SinkError: the sink was gone for too long.
        """
        while True:
            self.export()
            time.sleep(LOOK_S)

    def export_unfinished(self) -> None:
        """What is under way, marked as such; it has the ids that it has when it is over.

        Raises:
            SinkError: the sink does not take it.
        """
        if self._tracing.under_way:
            self._deliver([self._tracing.unfinished()])

    @property
    def under_way(self) -> int:
        """Number of the record that the trace under way began with; 0 if there is none."""
        return self._tracing.under_way

    def _deliver(self, traces: list[Trace]) -> None:
        """Give traces away; nothing more is read of the log before they have arrived."""
        spans = [span for trace in traces for span in self._telemetry.spans(trace)]
        given_up_s, pause_s = time.monotonic() + self.patience_s, LOOK_S
        while True:
            try:
                self.sink.send(spans)
                break
            except SinkError as error:
                if time.monotonic() + pause_s > given_up_s:
                    raise self._given_up(error) from error
                sys.stderr.write(f"verifill: {error}; again in {pause_s:g} s\n")
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, PAUSE_MAX_S)
        self.traces += len(traces)
        self.spans += len(spans)
        self.last = traces[-1].last

    def _given_up(self, error: SinkError) -> SinkError:
        msg = (
            f"{error}. What ends with record {self.last} or before has arrived; go on with "
            f"--after {self.last} when the sink is there again. The engine knows nothing of it"
        )
        return SinkError(msg)


def _requests(traces: Iterator[Trace]) -> Iterator[list[Trace]]:
    """Traces in groups of about as many spans as one request should have."""
    group: list[Trace] = []
    for trace in traces:
        group.append(trace)
        if sum(len(one.spans) for one in group) >= REQUEST_SPANS:
            yield group
            group = []
    if group:
        yield group
