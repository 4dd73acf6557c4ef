"""An event log keeps the rules of IEEE 1849-2016, and tells each instruction once."""

import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime

import pytest

from verifill.engine.log.reader import Log
from verifill.exports.entries import entries
from verifill.exports.xes import escaped, xes

Logged = Callable[[str], Log]
XES = "{http://www.xes-standard.org/}"

# Event logs. The standard's XSD is not ours to ship, so its rules are written down here.

VALUES: dict[str, Callable[[str], object]] = {
    "string": str, "date": datetime.fromisoformat, "int": int,
}  # fmt: skip
TRANSITIONS = {
    "schedule", "assign", "withdraw", "reassign", "start", "suspend", "resume", "pi_abort",
    "ate_abort", "complete", "autoskip", "manualskip", "unknown",
}  # fmt: skip
ORDER = ("extension", "global", "classifier", *VALUES, "trace")
KEYS = {"concept:name", "time:timestamp", "lifecycle:transition", "org:resource"}


def told(element: ET.Element) -> dict[str, str]:
    """The attributes of an element, each checked: its type, its key once, nothing else with it."""
    found: dict[str, str] = {}
    for child in element:
        if (tag := child.tag.removeprefix(XES)) in VALUES:
            assert {"key", "value"} == set(child.attrib)
            VALUES[tag](child.attrib["value"])
            assert child.attrib["key"] not in found
            found[child.attrib["key"]] = child.attrib["value"]
    return found


def numbers(trace: ET.Element) -> list[int]:
    return [int(told(event)["seq"]) for event in trace.iter(f"{XES}event")]


def tags(element: ET.Element) -> list[str]:
    assert all(child.tag.startswith(XES) for child in element)
    return [child.tag.removeprefix(XES) for child in element]


def checked(text: str) -> ET.Element:
    """The log element of an event log that keeps the rules of IEEE 1849-2016."""
    log = ET.fromstring(text)  # noqa: S314 - our own text
    assert f"{XES}log" == log.tag
    assert {"xes.version": "1849.2016", "xes.features": ""} == log.attrib
    places = [ORDER.index(tag) if tag not in VALUES else 3 for tag in tags(log)]
    assert sorted(places) == places
    prefixes = set[str]()
    for one in log.iter(f"{XES}extension"):
        assert {"name", "prefix", "uri"} == set(one.attrib)
        assert f"http://www.xes-standard.org/{one.attrib['prefix']}.xesext" == one.attrib["uri"]
        prefixes.add(one.attrib["prefix"])
    scopes = {one.attrib["scope"]: told(one) for one in log.iter(f"{XES}global")}
    assert {"trace": {"concept:name"}, "event": KEYS} == {k: set(v) for k, v in scopes.items()}
    for one in log.iter(f"{XES}classifier"):
        assert {"name", "scope", "keys"} == set(one.attrib)
        assert set(one.attrib["keys"].split()) <= KEYS
    for one in log.iter():
        prefix, colon, _ = one.attrib.get("key", "").partition(":")
        assert not colon or prefix in prefixes
    return log


def test_an_event_log_keeps_the_rules_of_the_standard(each_log: Log) -> None:
    log = checked("".join(xes(each_log.header, entries(each_log))))

    assert "standard" == told(log)["lifecycle:model"]
    for trace in log.iter(f"{XES}trace"):
        assert "concept:name" in told(trace)
        kinds = tags(trace)
        assert "event" not in kinds[: kinds.index("event")]
        assert {"event"} == set(kinds[kinds.index("event") :])
        moments: list[str] = []
        for event in trace.iter(f"{XES}event"):
            assert KEYS <= set(told(event))
            assert told(event)["lifecycle:transition"] in TRANSITIONS
            moments.append(told(event)["time:timestamp"])
        assert sorted(moments) == moments


def test_an_instruction_is_one_trace_with_every_record_of_its_loop(each_log: Log) -> None:
    log = checked("".join(xes(each_log.header, entries(each_log))))
    found = {
        told(trace)["concept:name"]: [
            int(told(event)["seq"]) for event in trace.iter(f"{XES}event")
        ]
        for trace in log.iter(f"{XES}trace")
    }
    wanted: defaultdict[str, list[int]] = defaultdict(list)
    for entry in entries(each_log):
        if entry.machine == "tight_loop":
            wanted[str(entry.instance)].append(entry.seq)

    assert len(found) == sum(1 for _ in log.iter(f"{XES}trace"))
    assert set(wanted) == set(found)
    for number, seqs in wanted.items():
        assert sorted(set(found[number])) == found[number]
        assert set(seqs) <= set(found[number])
        opener = found[number][0]
        assert opener == seqs[0] - 1  # the record that opened the loop


def test_an_instruction_that_outlives_its_process_is_still_one_trace(logged: Logged) -> None:
    log = logged("plain")
    epochs = [entry.seq for entry in entries(log) if entry.kind == "EPOCH"]
    root = checked("".join(xes(log.header, entries(log))))
    spans = [numbers(trace) for trace in root.iter(f"{XES}trace")]

    assert any(seqs[0] < epoch < seqs[-1] for seqs in spans for epoch in epochs)


def test_the_venue_is_the_resource_and_the_answer_the_event(logged: Logged) -> None:
    log = logged("lost")
    trace = next(checked("".join(xes(log.header, entries(log)))).iter(f"{XES}trace"))
    events = [told(event) for event in trace.iter(f"{XES}event")]

    assert {"binance"} == {event["org:resource"] for event in events}
    names = [event["concept:name"] for event in events]
    assert ["instruct", "intent", "unknown", "unknown", "unknown"] == names[:5]
    assert ["absent", "observed", "unexecuted"] == names[5:8]
    assert ("BUY", "DONE") == (told(trace)["side"], told(trace)["end"])


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ('<b> & "it\'s"', '<b> & "it\'s"'),
        ("a\nb\tc\rd", "a\nb\tc\rd"),
        ("\x00\x1b\ud800\uffff", "\\x00\\x1b\\ud800\\uffff"),
        ("é 😀", "é 😀"),
    ],
)
def test_any_text_is_read_back_as_it_was_or_as_what_xml_has_no_character_for(
    text: str, read: str
) -> None:
    element = ET.fromstring(f"<a v={escaped(text)}/>")  # noqa: S314 - our own text

    assert read == element.attrib["v"]


def test_markup_in_a_log_is_told_and_never_markup(logged: Logged) -> None:
    log = logged("lost")
    bad = '"/><script>&x;</script>\x00'
    records = [one._replace(intent_id=one.intent_id and bad) for one in entries(log)]
    root = checked("".join(xes(log.header, records)))
    intents = {told(event).get("intent") for event in root.iter(f"{XES}event")}

    assert '"/><script>&x;</script>\\x00' in intents
