"""A live log run again: identical, or named where it departs."""

from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import evolve

from tests.machines.lives import Moments, Scheduled, World
from tests.machines.support import BTC, buy, sell
from tests.machines.test_lives import world
from tests.machines.test_saga import saga
from tests.rechained import Records, answers, rechained
from verifill.engine.errors import LogError
from verifill.engine.log.anchor import FileAnchor
from verifill.engine.replay.difference import Difference, Sort
from verifill.engine.verify.log import verify
from verifill.machines.full_loop import FULL_LOOP, Full, FullEvent
from verifill.machines.strategy import Plan, PlanReport, Positions
from verifill.replay.live import replay_live
from verifill.replay.strategies import instead
from verifill.venues.market import MarketView

Change = Callable[[Records], Records]


@pytest.fixture
def made(tmp_path: Path) -> World:
    """A run of two ticks, cut off once."""
    one = world(tmp_path, [buy("1", name="A"), sell("0.5", name="B")], [saga(buy("1"))])
    assert "KILLED" == one.live(moments=Moments("send", 1))
    assert "STOPPED" == one.live()
    return one


def changed(made: World, change: Change) -> Path:
    """Its log, changed so that nothing but a replay can tell."""
    log = rechained(made.log, made.folder / "changed", change)
    checks = verify(log, anchor=FileAnchor(Path(f"{log}.anchor"))).checks
    assert [] == [check.name for check in checks if check.name == "chain" and not check.holds]
    return log


def departs(log: Path) -> Difference:
    """Where a replay of it departs."""
    difference = replay_live(log).difference
    assert difference is not None
    return difference


def numbered(records: Records, event: str) -> int:
    """Index of the last record of an event."""
    return max(at for at, record in enumerate(records) if record["event"] == event)


def test_a_log_is_identical_life_by_life(made: World) -> None:
    replayed = replay_live(made.log)

    assert replayed.identical
    assert replayed.of == replayed.count == made.reader.last_seq
    assert ((1, "it was cut off, or goes on"), (2, "it ended by itself")) == replayed.lives


def test_a_reading_that_was_altered_in_the_evidence_is_named_by_its_record(made: World) -> None:
    seen: list[int] = []

    def alter(records: Records) -> Records:
        at = numbered(records, "matched")
        row = records[at]["payload"]["streams"]["positions"][0]
        row[3] += 1
        seen.append(at + 1)
        return records

    found = departs(changed(made, alter))

    assert ([found.seq], Sort.CHANGED) == (seen, found.sort)
    (field,) = found.fields
    assert "payload.streams.positions[0][3]" == field.name
    assert int(str(field.actual)) + 1 == field.expected
    assert found.seq - 1 == found.cause_seq


def test_an_answer_of_a_venue_that_was_altered_is_the_last_cause_in_common(made: World) -> None:
    seen: list[int] = []

    def alter(records: Records) -> Records:
        at = numbered(records, "observed")
        dict_of = dict(answers(records[at], ".read")[1]["changed"])
        dict_of[BTC] += 1
        answers(records[at], ".read")[1]["changed"] = [list(pair) for pair in dict_of.items()]
        seen.append(at + 1)
        return records

    found = departs(changed(made, alter))

    assert [found.cause_seq] == seen
    assert (*seen, "desk.read") in found.heard
    assert found.seq == found.cause_seq + 1
    assert {"event", "to"} <= {field.name for field in found.fields}


def test_a_record_that_is_missing_is_told_from_the_one_that_stands_there(made: World) -> None:
    def drop(records: Records) -> Records:
        at = numbered(records, "instruct")
        seen.append(at + 1)
        return records[:at] + records[at + 1 :]

    seen: list[int] = []
    found = departs(changed(made, drop))

    assert seen == [found.seq]
    assert Sort.ASKED == found.sort or "event" in {field.name for field in found.fields}


def test_what_the_log_has_after_its_end_is_an_early_end_of_the_replay(made: World) -> None:
    found = departs(changed(made, lambda records: [*records, dict(records[-1])]))

    assert (Sort.MISSING, made.reader.last_seq + 1, None) == (found.sort, found.seq, found.actual)
    assert "the replay has ended, and the log goes on" == found.what


def test_another_table_departs_at_its_first_row_that_leads_elsewhere(made: World) -> None:
    rest = (Full.COMPLETE, FullEvent.REST)
    rows = tuple(
        evolve(row, target=Full.HALTED) if (row.source, row.upon) == rest else row
        for row in FULL_LOOP.rows
    )
    found = replay_live(made.log, table=evolve(FULL_LOOP, rows=rows)).difference

    assert found is not None
    assert [("to", "IDLE", "HALTED")] == [(f.name, f.expected, f.actual) for f in found.fields]


def test_a_life_of_an_older_version_is_left_out_and_named(made: World) -> None:
    def older(records: Records) -> Records:
        for record in records:
            if record["epoch"] == 1 and record["payload"]:
                record["payload"].pop("answers", None)
        return records

    replayed = replay_live(changed(made, older))

    assert (True, False) == (replayed.in_part, replayed.identical)
    (limit,) = replayed.limits
    assert limit.startswith("process life 1 (from record 1) was written by a version that did not")
    assert replayed.count < replayed.of


def test_an_answer_that_cannot_be_read_is_an_error_that_names_its_life(made: World) -> None:
    def garble(records: Records) -> Records:
        answers(records[1], "setup")[1].pop("policy")
        return records

    with pytest.raises(LogError, match="answer that cannot be read, in process life 1: 'policy'"):
        replay_live(changed(made, garble))


def test_a_replay_up_to_a_record_compares_no_more(made: World) -> None:
    replayed = replay_live(made.log, until=5)

    assert (True, 5) == (replayed.identical, replayed.count)


class Raises(Scheduled):
    """A strategy that fails the first time."""

    def decide(self, market: MarketView, positions: Positions, last: PlanReport) -> Plan:
        plan = super().decide(market, positions, last)
        if self.count == 1:
            msg = "no"
            raise ValueError(msg)
        return plan


def test_what_a_strategy_has_raised_is_told_again(tmp_path: Path) -> None:
    made = raising(tmp_path)

    replayed = replay_live(made.log)

    assert replayed.identical
    assert "the strategy raised ValueError: no" in str(made.reader.stream("notes").collect().rows())


def raising(folder: Path) -> World:
    """A world whose strategy raises."""
    made = world(folder, [buy("1")], [buy("1")])
    made.thinker = Raises
    made.live()
    return made


# Other code.


def test_the_same_strategy_run_again_departs_nowhere(made: World) -> None:
    replayed = replay_live(made.log, strategy=instead(lambda: Scheduled(made.plans)))

    assert replayed.identical
    assert replayed.of == replayed.count


def test_a_changed_strategy_departs_where_its_plan_is_another(made: World) -> None:
    plans = [made.plans[0], [saga(buy("2"))]]
    found = replay_live(made.log, strategy=instead(lambda: Scheduled(plans))).difference

    assert found is not None
    assert found.expected is not None
    assert ("PLAN", 2) == (found.expected["kind"], found.expected["instance"])
    (field,) = found.fields
    assert ("payload.plan[0].chain.steps[0].instruction.quantity", "1", "2") == (
        (field.name, field.expected, field.actual)
    )
