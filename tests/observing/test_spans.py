"""Spans are the log's nesting: every record in one of them, every one inside its parent."""

import base64
import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Told
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from opentelemetry.sdk.trace import ReadableSpan

from tests.observing.collector import Collector
from tests.observing.logs import rows
from verifill.engine.errors import ConfigError
from verifill.observing.exporting import Exporting
from verifill.observing.following import Follower
from verifill.observing.sinks import SinkError, opened
from verifill.observing.spans import Level, Span, Trace, Tracing

Logged = Callable[[str], Path]
ERROR = Status.STATUS_CODE_ERROR
HOLDERS = (
    "INSTRUCTION.",
    "ATOMIC.STEP.",
    "ATOMIC.COMMIT.",
    "ATOMIC.REHEARSE.",
    "ATOMIC.COMPENSATE.",
)


def traces(log: Path, *, unfinished: bool = True) -> list[Trace]:
    """All that a log tells, what is under way included."""
    follower = Follower(log)
    tracing = Tracing(follower.header)
    found: list[Trace] = []
    while entries := follower.batch(7):
        for entry in entries:
            found += tracing.add(entry)
    if unfinished and tracing.under_way:
        found.append(tracing.unfinished())
    return found


def all_spans(log: Path) -> list[Span]:
    return [span for trace in traces(log) for span in trace.spans]


def numbers(span: Span) -> list[int]:
    return [int(one.attributes["verifill.seq"]) for one in span.happenings]


def test_every_record_is_an_event_of_exactly_one_span(each_log: Path) -> None:
    found = sorted(number for span in all_spans(each_log) for number in numbers(span))
    ((last,),) = rows(each_log, "SELECT max(seq) FROM records")

    assert list(range(1, last + 1)) == found


def test_every_span_lies_inside_its_parent_in_time_and_in_numbers(each_log: Path) -> None:
    for span in all_spans(each_log):
        parent = span.parent

        assert span.start_ns <= span.end_ns
        assert all(span.start_ns <= one.at_ns <= span.end_ns for one in span.happenings)
        if parent is None:
            assert span.level is Level.ROOT
            continue
        assert parent.level < span.level
        assert parent.start_ns <= span.start_ns
        assert span.end_ns <= parent.end_ns
        assert parent.first <= span.first <= span.last <= parent.last


def test_spans_are_as_many_as_the_log_has_of_each(each_log: Path) -> None:
    counts = Counter(span.name for span in all_spans(each_log))
    moved = "kind = 'TRANSITION' AND machine <> 'tight_loop'"
    sends = f"SELECT count(*) FROM records WHERE {moved} AND \"to\" LIKE '%.SEND'"  # noqa: S608 - no input
    taken_up = f"SELECT count(*) FROM records WHERE {moved} AND event LIKE 'resolve_%'"  # noqa: S608 - no input
    begun = "SELECT count(*) FROM records WHERE event = 'begin' AND kind = 'TRANSITION'"
    ticks = "SELECT count(*) FROM records WHERE event = 'tick' AND kind = 'TRANSITION'"
    again = "SELECT count(*) FROM records WHERE event = 'resend' AND kind = 'TRANSITION'"
    (((loops,),), ((resolved,),), ((chains,),), ((tick,),), ((resends,),)) = (
        rows(each_log, sql) for sql in (sends, taken_up, begun, ticks, again)
    )

    assert loops + resolved == counts["tight_loop"]
    assert loops + resolved + resends == counts["attempt"]
    assert chains == counts["atomic"]
    assert tick == counts["tick"]


def test_records_of_a_tight_loop_are_in_the_attempt_that_they_name(each_log: Path) -> None:
    asked = (
        "SELECT seq, instance, attempt, intent_id FROM records WHERE machine = 'tight_loop' "
        "AND \"from\" NOT LIKE '%.RETRY.RESEND'"
    )
    wanted = {seq: rest for seq, *rest in rows(each_log, asked)}
    attempts = [span for span in all_spans(each_log) if span.level is Level.ATTEMPT]
    found = {number: span.attributes for span in attempts for number in numbers(span)}

    assert wanted.keys() == found.keys()
    for seq, (instance, attempt, intent) in wanted.items():
        told = found[seq]
        assert (instance, attempt) == (told["verifill.instruction"], told["verifill.attempt"])
        assert intent in (None, told.get("verifill.intent"))


def test_a_tick_is_told_with_what_it_did(logged: Logged) -> None:
    trace = next(one for one in traces(logged("plain")) if one.spans[0].name == "tick")
    tick, loop, attempt = trace.spans

    assert (1, 1) == (tick.attributes["verifill.tick"], tick.attributes["verifill.process_life"])
    assert {
        "verifill.instruction": 1, "verifill.end": "DONE", "verifill.venue": "binance",
        "verifill.role": "PLAN", "verifill.operation": "SPOT_TRADE", "verifill.side": "BUY",
        "verifill.account": "binance.spot", "verifill.subject": "BTC/USDT", "verifill.name": "B1",
    } == loop.attributes  # fmt: skip
    assert ["intent", "accepted", "observed", "matched"] == [o.name for o in attempt.happenings]
    assert "matched" == attempt.attributes["verifill.verdict"]
    assert not any(span.failed for span in trace.spans)


def test_what_failed_is_told_with_its_reason(logged: Logged) -> None:
    saga = [span for span in all_spans(logged("saga")) if span.failed]
    assert {"tick", "atomic", "tight_loop", "attempt"} == {span.name for span in saga}
    assert all("insufficient binance.spot:BaseToken:BTC" in span.reason for span in saga)
    halted = [span for span in all_spans(logged("halted")) if span.failed]
    assert "FAILED.MISMATCH" in {span.attributes["verifill.end"] for span in halted}
    assert all(span.reason for span in halted)
    resent = [span for span in all_spans(logged("lost")) if span.failed]
    assert ["attempt"] == [span.name for span in resent]
    assert "RETRY.RESEND" == resent[0].attributes["verifill.end"]


def test_a_life_that_was_cut_off_ends_its_trace_and_the_next_one_goes_on(logged: Logged) -> None:
    found = traces(logged("plain"))
    cut = [one for one in found if "verifill.cut_off" in one.spans[0].attributes]
    (trace,) = cut
    after = found[found.index(trace) + 1]

    assert ["tick", "tight_loop", "attempt"] == [span.name for span in trace.spans]
    assert all(span.failed and "the process ended" in span.reason for span in trace.spans)
    assert ["recovery", "tight_loop", "attempt"] == [span.name for span in after.spans]
    assert trace.last + 1 == after.first
    assert 2 == len({trace.first, after.first})
    same = {
        span.attributes["verifill.instruction"] for one in (trace, after) for span in one.spans[1:]
    }
    assert 1 == len(same)
    assert not any(span.failed for span in after.spans)
    assert {"binance"} == {str(span.attributes["verifill.venue"]) for span in after.spans[1:]}


def test_what_is_under_way_is_left_out_unless_it_is_asked_for(logged: Logged) -> None:
    log = logged("held")
    over, all_of_it = traces(log, unfinished=False), traces(log)

    assert 1 == len(all_of_it) - len(over)
    assert all(span.attributes["verifill.unfinished"] for span in all_of_it[-1].spans)
    assert ["tick", "tight_loop", "attempt"] == [span.name for span in all_of_it[-1].spans]


def test_a_wall_clock_that_is_set_meanwhile_moves_no_span(logged: Logged) -> None:
    follower = Follower(logged("saga"))
    tracing = Tracing(follower.header)
    jumps = [
        entry._replace(wall_ns=entry.wall_ns - 10**15 * (entry.seq % 3))
        for entry in follower.batch()
    ]
    found = [span for entry in jumps for trace in tracing.add(entry) for span in trace.spans]

    for span in found:
        assert span.start_ns <= span.end_ns
        if span.parent:
            assert span.parent.start_ns <= span.start_ns
            assert span.end_ns <= span.parent.end_ns


# Sent.


def exported(log: Path, to: str, *, after: int = 0, unfinished: bool = False) -> Exporting:
    with opened(to, timeout_s=1.0, overwrite=False) as sink:
        made = Exporting(Follower(log), sink, after)
        made.export()
        if unfinished:
            made.export_unfinished()
    return made


def test_an_endpoint_gets_the_spans_as_protobuf_under_the_ids_of_the_log(each_log: Path) -> None:
    first, second = Collector(), Collector()
    with first.listening() as address:
        done = exported(each_log, address, unfinished=True)
    with second.listening() as address:
        exported(each_log, f"{address}/v1/traces", unfinished=True)
    wanted = all_spans(each_log)

    assert {("/v1/traces", "application/x-protobuf")} == {*first.asked, *second.asked}
    assert len(wanted) == len(first.spans) == done.spans
    assert first.spans == second.spans
    ids = {(one.trace_id, one.span_id) for one in first.spans}
    assert len(wanted) == len(ids)
    assert all(len(trace) == 16 and len(span) == 8 for trace, span in ids)
    for told, span in zip(first.spans, wanted, strict=True):
        check_told(told, span)
        assert (told.trace_id, told.parent_span_id) in ids or not told.parent_span_id
    (resource,) = {str(r.resource) for request in first.requests for r in request.resource_spans}
    assert str(Follower(each_log).header["run"]) in resource


def check_told(told: Told, span: Span) -> None:
    attributes = {one.key: one.value for one in told.attributes}

    assert (span.name, span.start_ns) == (told.name, told.start_time_unix_nano)
    assert span.end_ns == told.end_time_unix_nano
    assert span.first == attributes["verifill.seq.first"].int_value
    assert span.last == attributes["verifill.seq.last"].int_value
    assert (span.failed, span.reason if span.failed else "") == (
        told.status.code == ERROR,
        told.status.message,
    )
    assert [one.name for one in span.happenings] == [one.name for one in told.events]
    assert bool(span.parent) == bool(told.parent_span_id)


def test_a_file_holds_what_an_endpoint_gets(tmp_path: Path, logged: Logged) -> None:
    collector, file = Collector(), tmp_path / "spans.jsonl"
    with collector.listening() as address:
        exported(logged("saga"), address)
    exported(logged("saga"), str(file))
    lines = [json.loads(line) for line in file.read_text().splitlines()]

    assert 0o600 == file.stat().st_mode & 0o777
    requests = [ParseDict(based(line), ExportTraceServiceRequest()) for line in lines]
    assert collector.requests == requests
    with pytest.raises(ConfigError, match="is there already"):
        exported(logged("saga"), str(file))
    with pytest.raises(ConfigError, match="cannot be written"):
        exported(logged("saga"), str(tmp_path / "no" / "file"))
    with opened(str(file), timeout_s=1, overwrite=True):
        assert "" == file.read_text()


def based(request: dict[str, Any]) -> dict[str, Any]:
    """Ids as JSON of protobuf has them: base64 of bytes, where OTLP has hexadecimal digits."""
    for resource in request["resourceSpans"]:
        for span in resource["scopeSpans"][0]["spans"]:
            for name in {"traceId", "spanId", "parentSpanId"} & span.keys():
                span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
    return request


@pytest.mark.parametrize("after", [0, 3, 12, 13, 30, 66])
def test_after_leaves_out_whole_traces_and_changes_no_other(after: int, logged: Logged) -> None:
    log = logged("plain")
    whole, rest = Collector(), Collector()
    with whole.listening() as address:
        exported(log, address)
    with rest.listening() as address:
        made = exported(log, address, after=after)
    ends = {one.trace_id: last(one) for one in whole.spans if not one.parent_span_id}

    assert [one for one in whole.spans if ends[one.trace_id] > after] == rest.spans
    assert max([after, *ends.values()]) == made.last


def last(span: Told) -> int:
    return next(one.value.int_value for one in span.attributes if one.key == "verifill.seq.last")


# A sink that is gone.


def test_a_sink_that_is_gone_is_told_with_where_to_go_on(logged: Logged) -> None:
    collector = Collector(answers=[400])
    told = "has not taken the spans: .*400.*go on with --after 12"
    with collector.listening() as address, pytest.raises(SinkError, match=told):
        exported(logged("plain"), address, after=12)
    with pytest.raises(SinkError, match="has not taken the spans"):
        exported(logged("plain"), address)


def test_an_endpoint_that_is_busy_for_a_moment_is_asked_again(logged: Logged) -> None:
    collector = Collector(answers=[503])
    with collector.listening() as address, opened(address, timeout_s=30, overwrite=False) as sink:
        made = Exporting(Follower(logged("plain")), sink)
        made.export()

    assert 2 == len(collector.asked)
    assert made.spans == len(collector.spans)


class Gone:
    """A sink that fails when it is told to."""

    def __init__(self, fails: list[bool]) -> None:
        self.fails = fails
        self.got: list[ReadableSpan] = []

    def send(self, spans: Sequence[ReadableSpan]) -> None:
        if self.fails and self.fails.pop(0):
            msg = "gone"
            raise SinkError(msg)
        self.got += spans


def test_a_sink_that_comes_back_gets_all_of_it_in_order(
    logged: Logged, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("verifill.observing.exporting.time.sleep", slept.append)
    monkeypatch.setattr("verifill.observing.exporting.time.monotonic", lambda: sum(slept))
    monkeypatch.setattr("verifill.observing.exporting.REQUEST_SPANS", 1)
    steady, shaky = Gone([]), Gone([False, True, True, True, False, True])
    log = logged("plain")
    Exporting(Follower(log), steady).export()
    Exporting(Follower(log), shaky, patience_s=60).export()

    def ids(sink: Gone) -> list[object]:
        return [one.context for one in sink.got]

    assert ids(steady) == ids(shaky)
    assert [1, 2, 4, 1] == slept
    assert 4 == capsys.readouterr().err.count("gone; again in")
    with pytest.raises(SinkError, match=r"--after 9 when"):
        Exporting(Follower(log), Gone([False, *[True] * 9]), patience_s=60).export()
