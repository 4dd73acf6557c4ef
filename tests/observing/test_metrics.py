"""Metrics say what the log says, counted apart by SQL."""

import math
import re
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families as families

from tests.observing.logs import notes, rows
from tests.runs import buy, ran, ticks
from verifill.engine.errors import ConfigError, LogError
from verifill.engine.log.anchor import FileAnchor
from verifill.engine.log.durable_reader import open_log
from verifill.engine.log.opening import reopen_log
from verifill.engine.log.record import Record
from verifill.observing.following import Follower
from verifill.observing.metrics import Metrics
from verifill.observing.serving import Exporter, last_anchored

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"
Logged = Callable[[str], Path]
Labels = frozenset[tuple[str, str]]


def labelled(**labels: str) -> Labels:
    return frozenset(labels.items())


def samples(text: str) -> Mapping[str, Mapping[Labels, float]]:
    """Name -> labels -> value, as Prometheus reads it."""
    told: dict[str, dict[Labels, float]] = {}
    for family in families(text):
        for name, labels, value, *_ in family.samples:
            told.setdefault(name, {})[labelled(**labels)] = value
    return told


def scraped(log: Path) -> Mapping[str, Mapping[Labels, float]]:
    return samples(Exporter(log, log.parent / "anchor").text())


def positive(series: Mapping[Labels, float]) -> dict[Labels, float]:
    return {labels: value for labels, value in series.items() if value}


def by(log: Path, names: str, sql: str) -> dict[Labels, float]:
    """Counts of a question, by the values of its first columns, under these names."""
    told: Counter[Labels] = Counter()
    for *values, count in rows(log, sql):
        told[labelled(**dict(zip(names.split(), map(str, values), strict=True)))] += count
    return dict(told)


RECORDS = "SELECT kind, count(*) FROM records GROUP BY 1"
TRANSITIONS = (
    'SELECT machine, "to", event, kind, count(*) FROM records WHERE event NOT NULL '
    "GROUP BY 1, 2, 3, 4"
)
REAL = "kind = 'TRANSITION' AND machine = 'tight_loop' AND \"from\" NOT LIKE 'ATOMIC.REHEARSE.%'"
VERDICTS = (
    f"SELECT event, count(*) FROM records WHERE {REAL} AND \"from\" LIKE '%.RECONCILE' GROUP BY 1"  # noqa: S608 - no input
)
FATES = (
    'SELECT substr("to", instr("to", \'DONE\')), count(*) FROM records '  # noqa: S608 - no input
    f"WHERE {REAL} AND \"to\" LIKE '%.DONE' GROUP BY 1 UNION "
    'SELECT substr("to", instr("to", \'FAILED.\')), count(*) FROM records '
    f"WHERE {REAL} AND \"to\" LIKE '%.FAILED.%' GROUP BY 1"
)
RETRIES = (
    'SELECT substr("from", instr("from", \'RETRY.\') + 6), count(*) FROM records '  # noqa: S608 - no input
    f"WHERE {REAL} AND \"from\" LIKE '%.RETRY.%' AND event <> 'exhausted' GROUP BY 1"
)


def without_venue(series: Mapping[Labels, float]) -> dict[Labels, float]:
    told: Counter[Labels] = Counter()
    for labels, value in positive(series).items():
        told[frozenset(one for one in labels if one[0] != "venue")] += int(value)
    return dict(told)


def test_counts_are_those_of_the_log(each_log: Path) -> None:
    found = scraped(each_log)

    assert by(each_log, "kind", RECORDS) == positive(found["verifill_records_total"])
    assert by(each_log, "machine state event kind", TRANSITIONS) == positive(
        found["verifill_transitions_total"]
    )
    assert by(each_log, "verdict", VERDICTS) == without_venue(found["verifill_verdicts_total"])
    assert by(each_log, "fate", FATES) == without_venue(found["verifill_instructions_total"])
    assert by(each_log, "retry", RETRIES) == without_venue(found["verifill_retries_total"])
    ((ticks,),) = rows(
        each_log, "SELECT count(*) FROM records WHERE event = 'tick' AND kind = 'TRANSITION'"
    )
    assert {labelled(): ticks} == found["verifill_ticks_total"]
    told = notes(each_log)
    kinds = {labelled(kind=kind): n for kind, n in Counter(kind for kind, _ in told).items()}
    assert kinds == positive(found["verifill_notes_total"])
    late = sum(text["ticks"] for kind, text in told if kind == "COALESCED")
    assert {labelled(): late} == found["verifill_ticks_coalesced_total"]


def test_every_send_is_counted_at_its_venue(logged: Logged) -> None:
    for name, venues in {
        "lost": {"binance"},
        "carried": {"binance"},
        "one_tx": {"ethereum"},
    }.items():
        log = logged(name)
        ((intents,),) = rows(log, "SELECT count(*) FROM records WHERE kind = 'INTENT'")
        sends = positive(scraped(log)["verifill_sends_total"])

        assert intents == sum(sends.values())
        assert {labelled(venue=venue) for venue in venues} == sends.keys()


def test_durations_are_those_of_the_monotonic_clock_within_a_life(logged: Logged) -> None:
    log = logged("lost")
    found = scraped(log)
    begun, spent_ns, ticks = 0, 0, 0
    for event, to, kind, mono_ns in rows(
        log, 'SELECT event, "to", kind, mono_ns FROM records ORDER BY seq'
    ):
        if event == "tick" and kind == "TRANSITION":
            begun = mono_ns
        elif event == "rest" and to == "IDLE":
            spent_ns, ticks = spent_ns + mono_ns - begun, ticks + 1

    assert 5 == ticks
    assert {labelled(): ticks} == found["verifill_tick_duration_seconds_count"]
    assert {labelled(): spent_ns / 1e9} == found["verifill_tick_duration_seconds_sum"]
    assert spent_ns
    answers = positive(found["verifill_answer_duration_seconds_count"])
    assert {
        labelled(venue="binance", answer="accepted"): 4.0,
        labelled(venue="binance", answer="unknown"): 2.0,
    } == answers


def test_what_a_restart_interrupted_is_not_timed(logged: Logged) -> None:
    found = scraped(logged("plain"))

    assert {labelled(): 6.0} == found["verifill_ticks_total"]
    assert {labelled(): 5.0} == found["verifill_tick_duration_seconds_count"]
    assert {labelled(venue="binance"): 6.0} == positive(
        {
            labels - {("fate", "DONE")}: n
            for labels, n in found["verifill_instructions_total"].items()
            if n
        }
    )
    assert {labelled(venue="binance"): 5.0} == found["verifill_instruction_duration_seconds_count"]


def at_the_end(log: Path) -> dict[str, float]:
    found = scraped(log)
    return {name: found[f"verifill_{name}"][labelled()] for name in ("held", "stranded", "halted")}


def test_where_a_person_must_look_is_a_gauge(logged: Logged) -> None:
    assert {"held": 1, "stranded": 0, "halted": 0} == at_the_end(logged("held"))
    assert {"held": 0, "stranded": 0, "halted": 0} == at_the_end(logged("plain"))
    follower = Follower(logged("halted"))
    metrics = Metrics(follower.header)
    halted: list[float] = []
    while entries := follower.batch(1):
        metrics.add(entries[0])
        halted.append(metrics.registry.get_sample_value("verifill_halted") or 0)
    states = [
        to == "HALTED"
        for (to,) in rows(
            logged("halted"),
            'SELECT (SELECT "to" FROM records AS loop WHERE loop.seq <= records.seq '
            "AND loop.machine LIKE '%_loop' AND \"to\" IS NOT NULL ORDER BY loop.seq DESC LIMIT 1) "
            "FROM records ORDER BY seq",
        )
    ]
    assert states == [bool(value) for value in halted]
    assert any(states)


def test_the_only_state_that_is_told_is_the_last(each_log: Path) -> None:
    ((state,),) = rows(
        each_log,
        "SELECT \"to\" FROM records WHERE kind = 'TRANSITION' "
        "AND machine IN ('full_loop', 'atomic', 'tight_loop') ORDER BY seq DESC LIMIT 1",
    )
    found = scraped(each_log)

    assert {labelled(state=state): 1.0} == found["verifill_engine_state"]


def test_a_log_that_is_read_in_pieces_counts_as_one_that_is_read_at_once(logged: Logged) -> None:
    log = logged("lost")
    whole, pieces = Follower(log), Follower(log)
    at_once, bit_by_bit = Metrics(whole.header), Metrics(pieces.header)
    seen: list[int] = []
    for entry in whole.batch():
        at_once.add(entry)
    while entries := pieces.batch(3):
        assert 3 >= len(entries)
        for entry in entries:
            seen.append(entry.seq)
            bit_by_bit.add(entry)

    assert [] == whole.batch() == pieces.batch()
    assert list(range(1, whole.position + 1)) == seen

    def told(metrics: Metrics) -> list[Any]:
        return [family.samples for family in metrics.registry.collect()]

    assert told(at_once) == told(bit_by_bit)


def test_what_alerts_look_at_begins_at_0(logged: Logged) -> None:
    found = samples("\n".join(_lines(Metrics(Follower(logged("plain")).header))))

    assert 0.0 == found["verifill_verdicts_total"][labelled(venue="binance", verdict="mismatched")]
    assert 0.0 == found["verifill_records_total"][labelled(kind="REFUSED")]
    assert 0.0 == found["verifill_notes_total"][labelled(kind="HELD")]
    assert 0.0 == found["verifill_chains_total"][labelled(fate="STRANDED")]


def _lines(metrics: Metrics) -> list[str]:
    return generate_latest(metrics.registry).decode().splitlines()


# Machines beside the loop.


def opened(folder: Path, logged: Logged, records: list[Record]) -> Path:
    """A copy of a log in which another life has written these records."""
    log = Path(shutil.copytree(logged("plain"), folder / "log"))
    shutil.copy(logged("plain").parent / "anchor", folder / "anchor")
    life = Record(machine="process", kind="EPOCH", wall_ns=2 * 10**18, mono_ns=1)
    digest = open_log(log).header["nesting"]["digest"]
    with reopen_log(log, life, definition_hash=digest, anchor=FileAnchor(folder / "anchor")) as to:
        to.append(records)
    return log


def beside(machine: str, scope: object, source: str, event: str, target: str) -> Record:
    return Record(
        machine=machine, source=source, event=event, target=target, kind="TRANSITION",
        wall_ns=2 * 10**18, mono_ns=2, payload={"scope": scope},
    )  # fmt: skip


def test_machines_beside_the_loop_are_told_by_machine_scope_and_state(
    tmp_path: Path, logged: Logged
) -> None:
    venue = "venue:binance:SPOT_TRADE"
    changed = beside("trading_state", "", "ACTIVE", "halt", "HALTED")
    changed = structs.replace(changed, payload={"change": {"scope": "account:wallet"}})
    log = opened(tmp_path, logged, [
        changed,
        structs.replace(changed, machine="health", instance=3, payload=None),
        beside("breaker", venue, "CLOSED", "tripped", "OPEN.COOLING"),
        beside("breaker", "global", "CLOSED", "latched", "LATCHED.LOCKED"),
        beside("breaker", venue, "OPEN.COOLING", "cooled", "HALF_OPEN.PROBE"),
        beside("feed", "prices", "CONNECTING", "heartbeat", "LIVE"),
    ])  # fmt: skip
    found = scraped(log)

    expected = {
        labelled(machine="breaker", scope=venue, state="HALF_OPEN.PROBE"): 1.0,
        labelled(machine="breaker", scope="global", state="LATCHED.LOCKED"): 1.0,
        labelled(machine="feed", scope="prices", state="LIVE"): 1.0,
        labelled(machine="trading_state", scope="account:wallet", state="HALTED"): 1.0,
        labelled(machine="health", scope="3", state="HALTED"): 1.0,
    }
    assert expected.items() <= found["verifill_machine_state"].items()
    assert {labelled(state="STOPPED"): 1.0} == found["verifill_engine_state"]
    tripped = labelled(machine="breaker", state="OPEN.COOLING", event="tripped", kind="TRANSITION")
    assert 1.0 == found["verifill_transitions_total"][tripped]


# The log as a file.


def test_the_anchors_lag_is_counted_and_no_number_where_there_is_no_anchor(
    tmp_path: Path, logged: Logged
) -> None:
    log, anchor = logged("plain"), tmp_path / "anchor"
    lag = samples(Exporter(log, anchor).text())["verifill_anchor_lag_records"][labelled()]
    assert math.isnan(lag)

    anchor.write_text(f"1 {'a' * 64}\n60 {'b' * 64}\n99 torn")
    assert 60 == last_anchored(anchor)
    lag = samples(Exporter(log, anchor).text())["verifill_anchor_lag_records"][labelled()]
    ((newest,),) = rows(log, "SELECT max(seq) FROM records")
    assert newest - 60 == lag
    for spoilt in ("", "torn", "no number\n", "\n"):
        anchor.write_text(spoilt)
        assert math.isnan(last_anchored(anchor))


def test_another_log_in_the_same_place_is_refused(tmp_path: Path, logged: Logged) -> None:
    log = Path(shutil.copytree(logged("plain"), tmp_path / "log"))
    follower = Follower(log)
    follower.batch(50)
    shutil.rmtree(log)
    shutil.copytree(logged("lost"), log)

    with pytest.raises(LogError, match="not the log it was: record 50"):
        follower.batch()


def test_a_log_that_is_gone_is_a_metric_and_what_was_counted_stays(
    tmp_path: Path, logged: Logged, capsys: pytest.CaptureFixture[str]
) -> None:
    log = Path(shutil.copytree(logged("plain"), tmp_path / "log"))
    exporter = Exporter(log, tmp_path / "anchor")
    ((newest,),) = rows(log, "SELECT max(seq) FROM records")

    def scrape(path: str = "/metrics") -> tuple[str, str]:
        said: list[str] = []

        def start(status: str, _headers: object) -> None:
            said.append(status)

        body = exporter.answer({"PATH_INFO": path}, start)
        return said[0], b"".join(body).decode()

    assert 1.0 == samples(scrape()[1])["verifill_log_readable"][labelled()]
    shutil.rmtree(log)
    for _ in range(2):
        status, text = scrape()
        found = samples(text)
        assert ("200 OK", 0.0) == (status, found["verifill_log_readable"][labelled()])
        assert newest == found["verifill_log_sequence"][labelled()]
    assert 1 == capsys.readouterr().err.count("verifill: ")
    assert ("404 Not Found", "there is /metrics alone\n") == scrape("/")


def test_the_log_of_a_backtest_is_refused_in_words(tmp_path: Path) -> None:
    log, _ = ran(tmp_path, ticks([[buy()]]), rows=2)

    with pytest.raises(ConfigError, match="log of a backtest"):
        Follower(log)


def test_the_page_tells_every_metric_with_its_type_and_labels(logged: Logged) -> None:
    found: dict[str, tuple[str, str]] = {}
    metrics = Metrics(Follower(logged("plain")).header)
    for follower in [Follower(logged("lost"))]:
        for entry in follower.batch():
            metrics.add(entry)
    metrics.add(Follower(logged("halted")).batch()[0])
    for family in metrics.registry.collect():
        labels = {name for one in family.samples for name in one.labels if name != "le"}
        suffix = {"counter": "_total", "info": "_info"}.get(family.type, "")
        kind = "gauge" if family.type == "info" else family.type
        found[family.name + suffix] = (kind, ", ".join(sorted(labels)))
    found["verifill_machine_state"] = ("gauge", "machine, scope, state")
    table = re.findall(
        r"^\| `(verifill_\w+)` \| (\w+) \| ([\w, ]*?|-) \|", PAGE.read_text(), re.MULTILINE
    )

    assert found == {
        name: (kind, "" if labels == "-" else ", ".join(sorted(labels.split(", "))))
        for name, kind, labels in table
    }
