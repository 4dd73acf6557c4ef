"""Operators' commands on an engine that is stopped: the next start does them, at a real venue.

Each begins with the situation that needs the command. It is posted through the command line
while no engine runs; then an engine starts on the log, and the log and the venue's accounts show
what it did.
"""

from contextlib import suppress
from pathlib import Path

import pytest
from msgspec import structs

from tests.cli.conftest import Verifill
from tests.live.inside import Inside, KilledError
from tests.live.worlds import written
from verifill.cli.failures import ExitCode
from verifill.engine.inbox import last_posted
from verifill.engine.log.durable_reader import DurableReader
from verifill.engine.log.lock import is_held
from verifill.engine.log.record import Record
from verifill.venues.loopback.faults import CATALOGUE

BTC, USDT = "binance.spot:BaseToken:BTC", "binance.spot:BaseToken:USDT"
LOT = 10**6  # units of 0.01 BTC
DEPOSIT = 5 * 10**8
STRATEGY = """
from decimal import Decimal
from verifill import Atomicity, Chain, Side, SpotTrade, Step, Undo


def trade(side, quantity):
    return SpotTrade(
        account="binance.spot", symbol="BTC/USDT", side=side, quantity=Decimal(quantity)
    )


BUY, TOO_MUCH = trade(Side.BUY, "0.01"), trade(Side.SELL, "99")
PIVOT = Step(trade(Side.BUY, "0.01"), undo=Undo.NEVER)


class Once:
    count = 0

    def decide(self, market, positions, last):
        self.count += 1
        return [Chain(steps=(STEPS), kind=Atomicity.SAGA)] if self.count == 1 else []

    def state(self):
        return {"count": self.count}

    def restore(self, state):
        self.count = state["count"]
"""
STRANDS, BUYS = "BUY, PIVOT, TOO_MUCH", "BUY, BUY, BUY"


def world(folder: Path, steps: str) -> Inside:
    strategy = STRATEGY.replace("STEPS", f"{steps},")
    return Inside(folder, written(folder, '[loopback]\nwidth = "0"\n', strategy))


def until(made: Inside, event: str, times: int = 1) -> None:
    """A process life that is killed once something has happened so many times in it."""
    left = [times]

    def tell(record: Record, _seq: int) -> None:
        left[0] -= record.event == event
        if not left[0]:
            raise KilledError

    with suppress(KilledError):
        made.live(0, tell)
    assert not left[0]


def posted(made: Inside, command: Verifill, *words: str) -> None:
    """Say something to the engine, which does not run."""
    assert not is_held(made.log)
    name, *given = words
    told = command(
        "ops", name, made.log, *given, "--actor", "ann", "--reason", "looked", "--no-wait"
    )
    assert ExitCode.COMPLETED == told.exit_code, told.output


def events(made: Inside, life: int) -> list[str]:
    records = DurableReader(made.log).records().collect().filter(epoch=life)
    return [event for event in records["event"].to_list() if event]


def answers(made: Inside) -> list[tuple[str, bool]]:
    return [
        (str(one.command.name), one.answer.taken)
        for one in last_posted(made.log, 9)
        if one.answer is not None
    ]


def at_venue(made: Inside, key: str) -> int:
    return made.service.world.venue("binance").venue.accounts.totals[key]


def lots(made: Inside) -> int:
    """How many times 0.01 BTC the venue has for us beyond the opening, but for fees."""
    return round(at_venue(made, BTC) / LOT)


def test_what_a_chain_has_left_is_taken_back_by_a_command_to_a_stopped_engine(
    tmp_path: Path, command: Verifill
) -> None:
    made = world(tmp_path, STRANDS)
    assert 0 == lots(made)
    until(made, "strand")
    assert 2 == lots(made)

    posted(made, command, "compensate")
    until(made, "strand", 2)  # what the pivot did stays
    assert [("compensate", True)] == answers(made)
    assert ["compensate", "accepted", "observed", "matched", "strand"] == events(made, 2)[-5:]
    assert 1 == lots(made)


def test_a_chain_is_settled_by_hand_by_a_command_to_a_stopped_engine(
    tmp_path: Path, command: Verifill
) -> None:
    made = world(tmp_path, STRANDS)
    assert 0 == lots(made)
    until(made, "strand")

    posted(made, command, "settle")
    posted(made, command, "resume")
    ended = made.live(2)
    assert [("settle", True), ("resume", True)] == answers(made)
    assert ("STOPPED", "") == (ended.state, ended.reason)
    assert "settled" in events(made, 2)
    assert "compensate" not in events(made, 2)
    assert 2 == lots(made)


def test_an_abort_on_a_stopped_engine_takes_back_what_was_done_and_sends_no_further_step(
    tmp_path: Path, command: Verifill
) -> None:
    """Its second order rests in the book while nobody looks, and is filled half a minute later."""
    made = world(tmp_path, BUYS)
    made.service.script.arm([structs.replace(CATALOGUE["late_fill"], nth=2)])
    until(made, "accepted", 2)
    assert 1 == lots(made)

    posted(made, command, "abort")
    ended = made.live(2)
    assert [("abort", True)] == answers(made)
    assert ("STOPPED", "") == (ended.state, ended.reason)
    done = [event for event in events(made, 2) if event in {"step", "compensate", "rolled_back"}]
    assert ["compensate", "compensate", "rolled_back"] == done
    assert 4 == DurableReader(made.log).records().collect().filter(kind="INTENT").height
    assert 0 == lots(made)


def test_an_external_change_is_adopted_by_a_command_to_a_stopped_engine(
    tmp_path: Path, command: Verifill
) -> None:
    made = world(tmp_path, BUYS)
    made.live(1)
    made.service.world.venue("binance").venue.accounts.totals[USDT] += DEPOSIT
    until(made, "blocked")  # it does not trade on books that are not the venue's

    posted(made, command, "adopt-external", "--cause", "a deposit")
    posted(made, command, "resume")
    ended = made.live(2)
    assert [("adopt-external", True), ("resume", True)] == answers(made)
    assert ("STOPPED", "") == (ended.state, ended.reason)
    adopted = made.result.profit_and_loss().by_cause["ADOPTED"]
    assert pytest.approx(5) == float(adopted)
