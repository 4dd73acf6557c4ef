"""A run at any of its records: what is told of it, and where one may go from there."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from tests.machines.lives import Moments, World
from tests.machines.support import BTC, Ask, Bars, Plans, Script, buy, play, scripted, sell
from tests.machines.test_lives import lost, refused, world
from tests.machines.test_saga import saga
from verifill.engine.errors import ConfigError, LogError
from verifill.machines.strategy import Plan
from verifill.replay import travel as module
from verifill.replay.snapshot import as_plain
from verifill.replay.travel import Jump, Travel
from verifill.venues.orders import Receipt, Request


@pytest.fixture
def made(tmp_path: Path) -> World:
    """Two orders and a saga; the first answer is lost, and the first life is cut off there."""
    one = world(tmp_path, [buy("1", name="A"), sell("0.5", name="B")], [saga(buy("1"))],
                submits=[lost])  # fmt: skip
    one.live(moments=Moments("send", 1, after=True))
    one.live()
    return one


@pytest.fixture
def travel(made: World) -> Travel:
    return Travel(made.log)


def taken(request: Request, ask: Ask) -> Receipt:
    """As the venue does without a script."""
    return ask(request)


def seq_of(made: World, event: str) -> int:
    """Number of the first record of an event."""
    return int(made.reader.records().collect().filter(event=event)["seq"][0])


def test_every_level_has_its_state_and_number(made: World, travel: Travel) -> None:
    there = travel.at(seq_of(made, "resolve_instruction"))

    assert "INSTRUCTION.RETRY.QUERY" == there.state
    assert [("full_loop", "INSTRUCTION"), ("tight_loop", "RETRY.QUERY")] == [
        (level.table, level.state) for level in there.levels
    ]


def test_an_instruction_in_flight_is_open_with_its_key_and_attempt(
    made: World, travel: Travel
) -> None:
    intents = made.reader.records().collect().filter(kind="INTENT")
    seq = seq_of(made, "resolve_instruction") + 1

    (one,) = travel.at(seq).open

    assert (1, 1, seq) == (one.instruction, one.attempt, one.since_seq)
    assert intents["intent_id"][0] == one.intent_id
    assert ("SPOT_TRADE", "A") == (one.what["op"], one.what["name"])
    assert {1: 1} == travel.at(seq).attempts


def test_positions_are_those_that_were_read_last(made: World, travel: Travel) -> None:
    first = travel.at(seq_of(made, "recovered")).positions[BTC]
    last = travel.at(travel.last_seq).positions[BTC]

    assert Decimal(10) == first.total
    assert made.venue.exchange.accounts.totals[BTC] == int(last.total * 10**8)
    assert first.low == first.total == first.high


def test_breakers_and_feeds_stand_beside_the_levels(travel: Travel) -> None:
    beside = {
        (aside.table, aside.scope): aside.state for aside in travel.at(travel.last_seq).asides
    }

    assert "LIVE" == beside["feed", "feed:desk"]


def test_causes_go_back_to_the_start_of_the_tick(made: World, travel: Travel) -> None:
    tick = seq_of(made, "tick")

    assert [tick + 1, tick] == [row["seq"] for row in travel.at(tick + 2).causes]
    assert () == travel.at(tick).causes


def test_one_can_go_from_retry_to_retry_and_back(travel: Travel) -> None:
    first = travel.following(Jump.RETRY, after=0)
    assert first is not None

    assert travel.at(first).state.endswith(("RETRY.QUERY", "RETRY.RESEND"))
    assert first == travel.preceding(Jump.RETRY, before=first + 1)
    assert travel.preceding(Jump.RETRY, before=first) is None
    assert travel.following(Jump.HOLD, after=travel.last_seq) is None
    assert travel.following(Jump.REFUSED, after=0) is None


def test_a_failure_is_one_of_any_level(tmp_path: Path) -> None:
    made = world(tmp_path, [buy("1", name="A")], submits=[refused])
    made.live()
    travel = Travel(made.log)

    seq = travel.following(Jump.FAILURE, after=0)

    assert seq is not None
    assert "INSTRUCTION.FAILED.CLEAN" == travel.at(seq).state


def test_steps_end_at_the_first_and_at_the_last_record(travel: Travel) -> None:
    last = travel.last_seq

    assert (1, 3, last) == (travel.step(2, -5), travel.step(2, 1), travel.step(2, last))


def test_a_diff_names_what_is_not_the_same(made: World, travel: Travel) -> None:
    told = {one.name: (one.before, one.after) for one in
            travel.diff(seq_of(made, "tick"), travel.last_seq)}  # fmt: skip

    assert ("DECIDE", "STOPPED") == told["state"]
    assert "10.00000000" == told[f"position {BTC}"][0]
    assert () == travel.diff(3, 3)


def test_a_snapshot_is_plain_for_json(made: World, travel: Travel) -> None:
    plain, read = as_plain(travel.at(travel.last_seq)), seq_of(made, "recovered")

    assert plain == json.loads(json.dumps(plain))
    assert "10.00000000" == as_plain(travel.at(read))["positions"][BTC]["total"]


@pytest.mark.parametrize("seq", [0, -1, 10_000])
def test_a_record_that_is_not_there_is_refused_with_those_that_are(
    travel: Travel, seq: int
) -> None:
    with pytest.raises(ConfigError, match=rf"has no record {seq}; it holds records 1 to "):
        travel.at(seq)


def test_a_long_backtest_is_seen_as_one_that_is_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the last record to the first, and each jump from every record."""
    stage, _ = scripted(Script(submits=[taken] * 8 + [refused]), bars=Bars(9))
    plans: list[Plan] = [[buy("1")], [sell("0.5")], *([[buy("1")]] * 7)]
    folder = play(tmp_path / "log", stage, Plans(*plans)).folder
    whole, travel = Travel(folder), Travel(folder)
    assert 60 < whole.last_seq
    seqs = range(whole.last_seq, 0, -1)
    seen = [whole.at(seq) for seq in seqs]
    found = [
        (whole.following(j, after=n), whole.preceding(j, before=n)) for n in seqs for j in Jump
    ]
    assert {None} < {seq for pair in found for seq in pair}
    monkeypatch.setattr(module, "RECORDS_MAX", 5)
    monkeypatch.setattr(module, "AROUND", 25)
    monkeypatch.setattr(module, "BEFORE", 20)

    assert seen == [travel.at(seq) for seq in seqs]
    assert found == [
        (travel.following(j, after=n), travel.preceding(j, before=n)) for n in seqs for j in Jump
    ]
    assert whole.rows(3, 9) == travel.rows(3, 9)
    assert whole.diff(2, whole.last_seq) == travel.diff(2, whole.last_seq)


def test_a_log_that_is_too_long_is_refused_with_a_way_out(
    made: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RECORDS_MAX", 5)

    with pytest.raises(LogError, match="of a live log at most 5 are looked into at once"):
        Travel(made.log)
