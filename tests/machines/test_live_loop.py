"""The live loop: operators, stops, stale data, and what cannot be read or written."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from attrs import define, field

from tests.machines.lives import Mailbox, Scheduled, World
from tests.machines.support import BTC, OPENING, Ask, Bars, Script, buy, scripted, sell
from tests.machines.test_lives import LIVE, check, world
from tests.machines.test_recovery import cut
from tests.machines.test_saga import saga
from verifill.engine.command import Command
from verifill.engine.errors import InboxError, LogError, NotObserved
from verifill.engine.log.durable import DurableLog
from verifill.engine.verify.log import verify
from verifill.machines.strategy import Plan, PlanReport, Positions
from verifill.machines.tolerance import Tolerance
from verifill.venues.market import MarketView
from verifill.venues.orders import Cause, Outcome, Reading, Receipt, Request

AWAIT = "INSTRUCTION.AWAIT_POSITION"


def takes(request: Request, ask: Ask) -> Receipt:
    """Takes it, and is not done with it."""
    ask(request)
    return Receipt(Outcome.ACCEPTED)


def works(_request: Request, _ask: Ask) -> Receipt:
    """Still at work."""
    return Receipt(Outcome.ACCEPTED)


def slow(folder: Path, *plans: Plan, polls: int = 5, mailbox: Mailbox | None = None) -> World:
    """A venue whose first order is under way for some polls."""
    script = Script(submits=[takes], queries=[works] * polls)
    stage, venue = scripted(script, bars=Bars(0))
    return World(folder, stage, venue, plans, LIVE, mailbox or Mailbox())


def notes(made: World, kind: str) -> list[str]:
    return [row["payload"] for row in made.reader.stream("notes").collect().to_dicts()
            if row["kind"] == kind]  # fmt: skip


# Stopping.


class Stops(Mailbox):
    """No command comes; the engine is told to stop by a signal."""

    def __init__(self, when: Callable[[str], bool], made: World) -> None:
        super().__init__()
        self._when = when
        self._made = made

    def pending(self) -> Sequence[Command]:
        if self._when(self.state()):
            self._made.loop.stop()
        return ()


def test_a_chain_that_is_aborted_is_taken_back_once_its_step_is_resolved(tmp_path: Path) -> None:
    mailbox = Mailbox({"ATOMIC.STEP.AWAIT_POSITION": ["abort"]})
    made = slow(tmp_path, [saga(buy("1", name="A"), sell("3", name="B"))], mailbox=mailbox)

    assert "STOPPED" == made.live()
    assert ("abort", "the chain is taken back once the step under way is resolved") == (
        mailbox.answers[0]
    )
    assert "matched compensate" in made.story
    assert "rolled_back" in made.story
    check(made)


def test_outside_a_chain_there_is_nothing_to_abort(tmp_path: Path) -> None:
    made = world(tmp_path, [], mailbox=Mailbox({"IDLE": ["abort"]}))

    assert "STOPPED" == made.live(2)
    assert ("abort", "refused: no chain is under way") == made.mailbox.answers[0]


def test_a_stop_while_an_order_is_pending_parks_it_and_the_next_life_goes_on(
    tmp_path: Path,
) -> None:
    made = slow(tmp_path, [buy("1", name="A")])
    made.mailbox = Stops(lambda state: state == AWAIT, made)

    assert AWAIT == made.live()
    made.mailbox = Mailbox()
    assert f"stopped in {AWAIT}; the next start goes on from the log" == made.loop.parked
    assert "STOPPED" == made.live(2)
    assert made.story.startswith("recover resolve_instruction found")
    assert 1 == len(made.venue.sent)
    check(made)


def test_a_kill_while_an_order_is_pending_completes_it_and_sends_nothing_more(
    tmp_path: Path,
) -> None:
    mailbox = Mailbox({AWAIT: ["status", "kill"]})
    made = slow(tmp_path, [buy("1", name="A"), sell("1", name="B")], [buy("1")], mailbox=mailbox)

    assert "STOPPED" == made.live()
    status, killed = (text for _, text in mailbox.answers)
    assert f"{AWAIT}, tick 1, instruction 1" == status
    assert killed.startswith("nothing more is sent")
    assert "matched fail stop finish" in made.story
    assert 1 == len(made.venue.sent)
    check(made)


def test_a_kill_is_not_forgotten_by_a_life_that_is_cut_off_before_it_halts(
    tmp_path: Path,
) -> None:
    mailbox = Mailbox({AWAIT: ["kill"]})
    made = slow(tmp_path, [buy("1")], [buy("1")], mailbox=mailbox)
    cut(made, "observed")

    assert "STOPPED" == made.live()
    assert "recover blocked finish" == made.story
    assert "killed by ann: because" == made.loop.reason
    assert 1 == len(made.venue.sent)

    mailbox.replies["HALTED"] = ["resume"]
    assert "STOPPED" == made.live(2)
    assert made.story.startswith("recover blocked resume resolve_instruction")
    check(made)


def test_a_kill_while_idle_halts_at_the_next_tick_until_it_is_resumed(tmp_path: Path) -> None:
    mailbox = Mailbox({"IDLE": ["status", "kill"], "HALTED": ["kill", "resume"]})
    made = world(tmp_path, [], [buy("1")], [buy("1")], mailbox=mailbox)

    assert "STOPPED" == made.live(3)
    assert ("status", "IDLE, tick 0") == mailbox.answers[0]
    assert "halt resume recovered" in made.story
    assert [] == made.venue.sent  # what was killed is resumed to reduce risk, at first

    mailbox.replies["IDLE"] = ["resume"]
    made.live(2)
    assert 1 == len(made.venue.sent)
    assert [
        ("global", "halt", "HALTED"),
        ("global", "resume", "REDUCING"),
        ("global", "resume", "ACTIVE"),
    ] == made.asides


@pytest.mark.parametrize("tick", ["", "while it sleeps"])
def test_a_stop_while_idle_finishes_at_once(tmp_path: Path, tick: str) -> None:
    made = world(tmp_path, [], [buy("1")])
    heard: list[str] = []

    def late(state: str) -> bool:
        heard.append(state)
        return state == "IDLE" and len(heard) > (2 if tick else 0)

    made.mailbox = Stops(late, made)

    assert "STOPPED" == made.live()
    assert made.story.endswith("finish")
    assert [] == made.venue.sent


# Market data and ticks.


def test_a_tick_without_fresh_market_data_is_skipped(tmp_path: Path) -> None:
    made = world(tmp_path, [buy("1")])
    made.stale = ["", "the prices are old"]

    assert "STOPPED" == made.live(3)
    assert made.story.startswith("recover recovered skip tick instruct")
    assert ['{"reason":"the prices are old"}'] == notes(made, "SKIPPED")


def test_recovery_without_fresh_market_data_is_blocked(tmp_path: Path) -> None:
    made = world(tmp_path, [buy("1")], mailbox=Mailbox({"HALTED": ["adopt-external", "resume"]}))
    made.stale = ["the prices are old"]

    assert "STOPPED" == made.live(4)
    assert made.story.startswith("recover blocked resume recovered tick")
    ((_, answer), _) = made.mailbox.answers
    assert answer.startswith("refused: what an earlier process life left behind")


def test_ticks_that_fell_due_together_are_told(tmp_path: Path) -> None:
    made = world(tmp_path, [], [])

    class Slow(Scheduled):
        def decide(self, market: MarketView, positions: Positions, last: PlanReport) -> Plan:
            made.go(200 * 10**9)  # time passes while it thinks
            return super().decide(market, positions, last)

    made.thinker = Slow

    assert "STOPPED" == made.live(3)
    assert '{"ticks":2}' == notes(made, "COALESCED")[0]


# Strategies.


class Forgetful:
    """A strategy without a state."""

    def __init__(self, plans: Sequence[Plan]) -> None:
        self._plans = iter(plans)

    def decide(self, market: MarketView, positions: Positions, last: PlanReport) -> Plan:  # noqa: ARG002 - one protocol
        return next(self._plans, ())


def test_a_strategy_without_a_state_begins_anew_in_each_life(tmp_path: Path) -> None:
    made = world(tmp_path, [buy("1")])
    thinker: Any = Forgetful
    made.thinker = thinker

    assert "STOPPED" == made.live(2)
    assert "STOPPED" == made.live(2)
    assert 2 == len(made.venue.sent)
    check(made)


def test_a_strategy_that_has_lost_its_state_is_not_handed_an_old_one(tmp_path: Path) -> None:
    made = world(tmp_path, [buy("1")])
    made.live(2)
    thinker: Any = Forgetful
    made.thinker = thinker

    assert "STOPPED" == made.live(2)
    assert 2 == len(made.venue.sent)


# Feeds.

OTHER = "other:BaseToken:X"


@define
class Other:
    """Another feed: its own position, rows, and readings that fail."""

    fails: list[bool] = field(factory=list[bool])
    total: int = 0
    shown: bool = True

    def read(self) -> Reading:
        if self.fails and self.fails.pop(0):
            msg = "the other feed is down"
            raise NotObserved(msg)
        return Reading(0, {OTHER: self.total} if self.shown else {})


@pytest.mark.parametrize("reading", range(6))
def test_a_feed_that_cannot_be_read_once_costs_no_row_of_another(
    tmp_path: Path, reading: int
) -> None:
    made = world(tmp_path, [buy("1")], [buy("1")], mailbox=Mailbox({"HALTED": ["resume"]}))
    made.feeds = [Other([False] * reading + [True])]

    assert "STOPPED" == made.live(5)
    assert 1 <= len(made.venue.sent)
    assert "mismatched" not in made.events
    check(made)


def test_rows_that_were_read_and_not_booked_are_booked_by_the_next_life(tmp_path: Path) -> None:
    made = world(tmp_path, [], [])
    made.feeds = [Other([False, False, False, True])]

    class Receiving(Scheduled):
        def decide(self, market: MarketView, positions: Positions, last: PlanReport) -> Plan:
            if self.count == 0:
                made.venue.exchange.accounts.post("gift", BTC, 5, Cause.INTEREST)
            return super().decide(market, positions, last)

    made.thinker = Receiving
    assert "STOPPED" == made.live(2)
    assert ["the other feed is down"] == [
        text for one in notes(made, "FAILURE") if (text := json.loads(one)["reason"])
    ]
    assert "STOPPED" == made.live(1)
    assert made.story.startswith("recover recovered")
    assert OPENING[BTC] + 5 == made.loop.monitor.totals[BTC]


def test_positions_are_not_adopted_while_a_feed_cannot_be_read(
    tmp_path: Path,
) -> None:
    names = ["adopt-external", "adopt-external", "adopt-external", "resume"]
    other = Other()
    made = world(tmp_path, [buy("1")], [buy("1")])
    made.feeds = [other]
    made.live(1)
    made.venue.exchange.accounts.totals[BTC] += 1
    made.mailbox.replies["HALTED"] = names
    other.fails = [False, True]

    assert "STOPPED" == made.live(3)
    told = [text for _, text in made.mailbox.answers]
    assert "refused: the other feed is down" == told[0]
    assert f"adopted: {{'{BTC}': 1}}" in told
    assert "adopted: nothing differs" in told
    check(made)


def test_a_position_that_is_left_out_is_not_adopted_away(tmp_path: Path) -> None:
    other = Other()
    made = world(tmp_path, [buy("1")])
    made.feeds = [other]
    made.live(1)
    other.shown = False
    made.mailbox.replies["HALTED"] = ["adopt-external"]

    assert "STOPPED" == made.live(1)
    ((_, answer),) = made.mailbox.answers
    assert f"refused: not observed: {OTHER}; missing is not zero" == answer


def test_entry_values_that_nobody_knows_block_the_first_start(tmp_path: Path) -> None:
    made = world(tmp_path, [buy("1")])
    made.bases = lambda _totals: ({}, "the entry value of BTCUSDT is not known")

    assert "STOPPED" == made.live(2)
    assert "recover blocked finish" == made.story
    assert [] == made.venue.sent


def tolerant(folder: Path) -> World:
    """A tolerance of BTC is used by an instruction, and between two ticks."""
    totals: dict[str, int] = {}

    def drifts(request: Request, ask: Ask) -> Receipt:
        totals[BTC] += 3
        return ask(request)

    made = world(folder, [buy("1")], submits=[drifts])
    made.tolerance = Tolerance(absolute={BTC: 5}, budget={BTC: 5})
    totals = made.venue.exchange.accounts.totals
    made.live(2)
    totals[BTC] -= 2
    made.live(1)
    return made


def test_a_tolerance_that_was_used_is_a_row_of_the_ledger_and_the_log_conforms(
    tmp_path: Path,
) -> None:
    """As much as was accepted, within an instruction and between two."""
    made = tolerant(tmp_path)

    used = made.reader.stream("ledger").filter(pl.col("cause").cast(pl.String) == "TOLERANCE")
    assert [(BTC, 3), (BTC, -2)] == used.select("key", "amount").collect().rows()
    assert verify(made.log).conforms


def test_entry_values_and_the_suspense_account_survive_a_restart(tmp_path: Path) -> None:
    made = world(tmp_path, [buy("1")])
    made.tolerance = Tolerance(absolute={BTC: 5}, budget={BTC: 5})
    made.bases = lambda _totals: ({"desk.perp:Perp:BTCUSDT": 7}, "")
    made.live(3)
    made.venue.exchange.accounts.totals[BTC] += 3
    assert "STOPPED" == made.live(2)
    kept = made.loop.monitor.suspense.state()
    assert ({BTC: 3}, {BTC: 3}) == kept[:2]

    made.live(1)
    assert kept == made.loop.monitor.suspense.state()
    assert {"desk.perp:Perp:BTCUSDT": 7} == made.loop.monitor.bases
    made.venue.exchange.accounts.totals[BTC] += 3  # beyond what is left of the day's budget
    made.live(1)
    assert "blocked" in made.story


# What cannot be read or written.


def test_a_mailbox_that_cannot_be_read_is_told_once_and_the_engine_goes_on(
    tmp_path: Path,
) -> None:
    class Broken(Mailbox):
        def pending(self) -> Sequence[Command]:
            msg = "the inbox is no database"
            raise InboxError(msg)

    made = world(tmp_path, [buy("1")], mailbox=Broken())

    assert "STOPPED" == made.live(3)
    told = made.reader.records().collect().filter(kind="NOTE")["payload"].to_list()
    assert 1 == sum("the inbox is no database" in (text or "") for text in told)
    check(made)


def test_an_answer_that_cannot_be_written_is_in_the_log_all_the_same(tmp_path: Path) -> None:
    class Deaf(Mailbox):
        def answer(self, number: int, text: str, at_ns: int, *, taken: bool = True) -> None:
            super().answer(number, text, at_ns, taken=taken)
            msg = "disk full"
            raise InboxError(msg)

    made = world(tmp_path, [buy("1")], mailbox=Deaf({"IDLE": ["status"]}))

    assert "STOPPED" == made.live(2)
    assert 1 == made.reader.records().collect().filter(kind="OPERATOR").height


@pytest.mark.parametrize("kind", ["PLAN", "INTENT"])
def test_nothing_is_sent_once_the_log_cannot_be_written(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = DurableLog.append

    def append(self: DurableLog, records: Sequence[Any]) -> int:
        if records[0].kind == kind:
            msg = "disk full"
            raise LogError(msg)
        return real(self, records)

    monkeypatch.setattr(DurableLog, "append", append)
    made = world(tmp_path, [buy("1")])

    with pytest.raises(LogError, match="disk full"):
        made.live(2)
    assert [] == made.venue.sent
