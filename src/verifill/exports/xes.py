"""A log as an event log of IEEE 1849-2016 (XES), for process mining: a trace for an instruction.

Every record of an instruction's tight loop is an event of its trace, and the record that opened
the loop the first of them. `concept:name` is what happened, `org:resource` the venue. A record
is `complete`, unless its event was ignored or refused: that is `unknown`, as the standard has no
word for it. What the standard has no attribute for stands under
names without a prefix, so that no extension is claimed for it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Final
from xml.sax.saxutils import quoteattr

from verifill.engine.log.expand import IGNORED, REFUSED
from verifill.observing.following import Entry
from verifill.observing.spans import Happening, Level, Span, Trace, Tracing

EXTENSIONS: Final = {
    "Concept": "concept",
    "Lifecycle": "lifecycle",
    "Organizational": "org",
    "Time": "time",
}
NOT_OF_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
HEAD: Final = """<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1849.2016" xes.features="" xmlns="http://www.xes-standard.org/">
"""
GLOBALS: Final = """<global scope="trace">
<string key="concept:name" value="unknown"/>
</global>
<global scope="event">
<string key="concept:name" value="unknown"/>
<date key="time:timestamp" value="1970-01-01T00:00:00.000+00:00"/>
<string key="lifecycle:transition" value="complete"/>
<string key="org:resource" value="unknown"/>
</global>
<classifier name="Event" scope="event" keys="concept:name"/>
<classifier name="Event and venue" scope="event" keys="concept:name org:resource"/>
"""
OF_TRACE: Final = ("role", "operation", "account", "subject", "side", "name", "venue")
OF_EVENT: Final = ("seq", "kind", "from", "to", "attempt", "intent")

Told = tuple[Happening, Span]
"""A record, and the span that it belongs to."""


def xes(header: Mapping[str, Any], entries: Iterable[Entry]) -> Iterator[str]:
    """The text of an event log, piece by piece; an instruction when it is over.

    Args:
        header: of the log.
        entries: its records, in order.
    """
    yield HEAD
    for name, prefix in EXTENSIONS.items():
        uri = f"http://www.xes-standard.org/{prefix}.xesext"
        yield f'<extension name="{name}" prefix="{prefix}" uri="{uri}"/>\n'
    yield GLOBALS
    yield _attribute("concept:name", str(header["run"]))
    yield _attribute("lifecycle:model", "standard")
    yield _attribute("mode", str(header["mode"]))
    tracing = Tracing(header)
    pending: dict[int, list[Told]] = {}  # instructions that a later process life may go on with
    for trace in chain.from_iterable(map(tracing.add, entries)):
        yield from _over(pending, trace)
    if tracing.under_way:
        yield from _over(pending, tracing.unfinished())
    for number, told in pending.items():
        yield from _trace(number, sorted(told, key=_number))
    yield "</log>\n"


def _over(pending: dict[int, list[Told]], trace: Trace) -> Iterator[str]:
    """The instructions that are over with a trace; the others are kept."""
    told = [(record, span) for span in trace.spans for record in span.happenings]
    by_number = {_number(one): one[0] for one in told}
    over: dict[int, bool] = {}
    for span in trace.spans:
        number = _instruction(span)
        if span.level is Level.INSTRUCTION and number is not None:
            pending.setdefault(number, []).append((by_number[span.first], span))
            over[number] = "verifill.end" in span.attributes
    for record, span in sorted(told, key=_number):
        number = _instruction(span)
        if number in over:
            pending[number].append((record, span))
    for number in (number for number, is_over in over.items() if is_over):
        yield from _trace(number, sorted(pending.pop(number), key=_number))


def _instruction(span: Span) -> int | None:
    """The instruction that a span is about; None if it is about none."""
    number = span.attributes.get("verifill.instruction")
    return None if number is None else int(number)


def _trace(number: int, told: list[Told]) -> Iterator[str]:
    yield "<trace>\n"
    yield _attribute("concept:name", str(number))
    last = next(span for _, span in reversed(told) if span.level is Level.INSTRUCTION)
    for name in OF_TRACE:
        yield _attribute(name, last.attributes.get(f"verifill.{name}", ""))
    yield _attribute("end", last.attributes.get("verifill.end", ""))
    yield _attribute("reason", last.reason)
    for record, span in told:
        yield from _event(record, span)
    yield "</trace>\n"


def _event(record: Happening, span: Span) -> Iterator[str]:
    is_taken = record.attributes["verifill.kind"] not in (IGNORED, REFUSED)
    at = datetime.fromtimestamp(record.at_ns // 1_000_000_000, UTC)
    ms = record.at_ns // 1_000_000 % 1_000
    yield "<event>\n"
    yield _attribute("concept:name", record.name)
    yield f'<date key="time:timestamp" value="{at:%Y-%m-%dT%H:%M:%S}.{ms:03d}+00:00"/>\n'
    yield _attribute("lifecycle:transition", "complete" if is_taken else "unknown")
    yield _attribute("org:resource", span.attributes.get("verifill.venue", "unknown"))
    told = span.attributes | dict(record.attributes)
    for name in OF_EVENT:
        if f"verifill.{name}" in told:
            yield _attribute(name, told[f"verifill.{name}"])
    yield _attribute("time_ns", record.at_ns)
    yield "</event>\n"


def _number(told: Told) -> int:
    return int(told[0].attributes["verifill.seq"])


def _attribute(key: str, value: str | int) -> str:
    """An attribute of the type of its value; nothing if it is an empty text."""
    if isinstance(value, int):
        return f'<int key="{key}" value="{value}"/>\n'
    return f'<string key="{key}" value={escaped(value)}/>\n' if value else ""


def escaped(text: str) -> str:
    r"""A text as the value of an attribute of XML, with its quotes.

    What XML has no character for, such as a null or half a surrogate pair, is written as Python
    does: `\x00`.
    """
    plain = NOT_OF_XML.sub(lambda found: ascii(found[0])[1:-1], text)
    return quoteattr(plain, {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})
