"""Traces in the terms of OpenTelemetry, under ids that follow from run and record numbers.

So a trace that is exported twice is the same trace twice: whoever keeps spans by their id
keeps each once.
"""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from importlib.metadata import version
from typing import Any, Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from verifill.observing.spans import NO_REASON, Level, Span, Trace

SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
TRACE_ID_BYTES: Final = 16
SPAN_ID_BYTES: Final = 8


class Telemetry:
    """Turns traces of one run into spans of OpenTelemetry.

    Args:
        header: of the run's log.
    """

    def __init__(self, header: Mapping[str, Any]) -> None:
        self._run = str(header["run"])
        self._resource = Resource.create(
            {
                "service.name": "verifill",
                "service.version": version("verifill"),
                "service.instance.id": self._run,
                "verifill.run": self._run,
                "verifill.mode": str(header["mode"]),
            }
        )
        self._scope = InstrumentationScope("verifill", version("verifill"))

    def spans(self, trace: Trace) -> Iterator[ReadableSpan]:
        """The spans of a trace, the outermost first."""
        for span in trace.spans:
            status = Status(StatusCode.ERROR, span.reason or NO_REASON) if span.failed else Status()
            places = {"verifill.seq.first": span.first, "verifill.seq.last": span.last}
            yield ReadableSpan(
                name=span.name,
                context=self._context(trace, span),
                parent=None if span.parent is None else self._context(trace, span.parent),
                resource=self._resource,
                attributes={**places, **span.attributes},
                events=[Event(one.name, one.attributes, one.at_ns) for one in span.happenings],
                kind=SpanKind.CLIENT if span.level is Level.ATTEMPT else SpanKind.INTERNAL,
                status=status,
                start_time=span.start_ns,
                end_time=span.end_ns,
                instrumentation_scope=self._scope,
            )

    def _context(self, trace: Trace, span: Span) -> SpanContext:
        return SpanContext(
            self._id(f"trace {trace.first}", TRACE_ID_BYTES),
            self._id(f"span {span.name if span.parent else 'root'} {span.first}", SPAN_ID_BYTES),
            is_remote=False,
            trace_flags=SAMPLED,
        )

    def _id(self, what: str, size: int) -> int:
        return int.from_bytes(sha256(f"verifill {self._run} {what}".encode()).digest()[:size])
