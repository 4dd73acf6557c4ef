"""What goes wrong on the way to an exchange: no order is executed twice, and none is lost.

The engine is the real one, time passes where somebody sleeps, and what was executed is counted
by the exchange itself. CI runs a sample, `--every 1` all.
"""

from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from fixtures.exchange.faults import Do, Fault
from fixtures.exchange.record import What
from tests.exchanges.places import BINANCE, Place, Traded
from tests.exchanges.worlds import Running, once
from verifill.engine.log.record import INTENT, Record
from verifill.machines.full_loop import Full

ON_CREATE = (
    Do.RESET_BEFORE,
    Do.STATUS_BEFORE,
    Do.HOLD,
    Do.RESET_AFTER,
    Do.STATUS_AFTER,
    Do.TRUNCATE,
    Do.PAGE,
    Do.EMPTY,
    Do.SHARE,
)
ON_QUERY = (
    Do.RESET_BEFORE,
    Do.STATUS_BEFORE,
    Do.RESET_AFTER,
    Do.STATUS_AFTER,
    Do.TRUNCATE,
    Do.PAGE,
    Do.EMPTY,
    Do.BLIND,
)
NOT_DONE = {Do.RESET_BEFORE, Do.STATUS_BEFORE, Do.HOLD}
ON_READING = (
    Do.STALE,
    Do.ROWS_TWICE,
    Do.REPEAT,
    Do.RESET_BEFORE,
    Do.STATUS_BEFORE,
    Do.TRUNCATE,
    Do.PAGE,
    Do.EMPTY,
)
LISTED = {Do.ROWS_TWICE, Do.REPEAT}
MANY = 20  # questions: of a reading not all answers are lists
ASKED_BEFORE = {"hyperliquid": 4}  # what is sent asks for the state of the account first
READS = {"hyperliquid": "POST *hyperliquid.xyz/info*"}  # of the others: all that is GET
BALANCES = {
    "binance": "GET */v3/account",
    "bybit": "GET */v5/account/wallet-balance",
    "okx": "GET */v5/account/balance",
    "hyperliquid": "POST *hyperliquid.xyz/info#*learinghouseState",
}
KINDS = ("spot", "perpetual")
ALL = [(do, kind) for do in ON_CREATE for kind in KINDS]
SAMPLE = [(do, KINDS[at % 2]) for at, do in enumerate(ON_CREATE)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    whole = metafunc.config.getoption("--every") == 1
    if "kind" in metafunc.fixturenames:
        metafunc.parametrize(("do", "kind"), ALL if whole else SAMPLE)
    elif "spoilt" in metafunc.fixturenames:
        metafunc.parametrize("spoilt", ON_READING if whole else ON_READING[:2])
    elif "do" in metafunc.fixturenames:
        metafunc.parametrize("do", ON_QUERY if whole else ON_QUERY[1::3])


def of(place: Place, kind: str) -> Traded:
    return (place.spot if kind == "spot" else place.perpetual) or place.any


def filled(running: Running, place: Place, traded: Traded) -> Decimal:
    """What clients bought of it, by the exchange's own record."""
    market = place.market(traded)
    amounts = [
        Decimal(effect.amount)
        for effect in running.control.effects(place.venue)
        if effect.what is What.FILL and effect.market == market
    ]
    return sum(amounts, Decimal(0))


def orders(running: Running, place: Place) -> list[int]:
    """How many orders each client id had."""
    return list(running.control.counts(place.venue).values())


def test_a_fault_on_the_way_of_an_order_neither_doubles_nor_loses_it(
    running: Running, place: Place, tmp_path: Path, do: Do, kind: str
) -> None:
    traded = of(place, kind)
    running.control.arm(Fault(on=place.create, do=do))
    strategy = once(place.trade(traded))
    ended, run = running.live(tmp_path, place, strategy=strategy, ticks=4)
    late = running.control.release()
    sent = sum(fnmatchcase(one, place.create) for one in running.control.arrivals())
    intents = run.transitions.collect().filter(kind="INTENT").height

    assert Full.STOPPED == ended.state, ended.reason
    assert Decimal(traded.least) == filled(running, place, traded)
    assert 1 == max(orders(running, place))
    assert (do is Do.HOLD) == bool(late)
    assert intents == sent == (1 if do not in NOT_DONE | {Do.SHARE} else 2)


def test_an_order_that_arrives_late_but_in_time_is_found_and_not_sent_again(
    running: Running, place: Place, tmp_path: Path
) -> None:
    running.asleep = running.control.release
    running.control.arm(Fault(on=place.create, do=Do.HOLD))
    strategy = once(place.trade(place.any))
    ended, _ = running.live(tmp_path, place, strategy=strategy, ticks=3)

    assert Full.STOPPED == ended.state, ended.reason
    assert Decimal(place.any.least) == filled(running, place, place.any)
    assert [1] == orders(running, place)


def test_a_fault_on_a_question_neither_doubles_nor_loses_an_order(
    running: Running, place: Place, tmp_path: Path, do: Do
) -> None:
    begun: list[bool] = []

    def strike() -> None:
        """Once the order was sent, the next question is struck."""
        sent = any(fnmatchcase(one, place.create) for one in running.control.arrivals())
        if sent and not begun:
            begun.append(True)
            running.control.arm(Fault(on=place.query, do=do))

    running.asleep = strike
    running.control.arm(Fault(on=place.create, do=Do.RESET_AFTER))
    strategy = once(place.trade(place.any))
    ended, _ = running.live(tmp_path, place, strategy=strategy, ticks=4)

    assert begun
    assert Full.STOPPED == ended.state, ended.reason
    assert Decimal(place.any.least) == filled(running, place, place.any)
    assert [1] == orders(running, place)


def test_a_fault_on_the_readings_after_an_order_neither_doubles_nor_loses_it(
    running: Running, place: Place, tmp_path: Path, spoilt: Do
) -> None:
    """It is armed when the intent is in the log, so what is stale is from before the order."""
    asked = BALANCES[place.venue] if spoilt is Do.STALE else READS.get(place.venue, "GET *")
    times = MANY if spoilt in LISTED else 2
    if spoilt is Do.STALE:
        times += ASKED_BEFORE.get(place.venue, 0)
    armed: list[bool] = []

    def arm(record: Record, seq: int) -> None:
        del seq
        if record.kind == INTENT and not armed:
            armed.append(True)
            running.control.arm(Fault(on=asked, do=spoilt, times=times))

    strategy = once(place.trade(place.any))
    ended, run = running.live(tmp_path, place, strategy=strategy, ticks=6, tell=arm)

    assert armed
    assert Full.STOPPED == ended.state, ended.reason
    states = run.transitions.collect()["to"].to_list()
    assert "INSTRUCTION.DONE" in states
    assert (spoilt is Do.STALE) == ("INSTRUCTION.RETRY.OBSERVE" in states)
    looked = states.count("INSTRUCTION.AWAIT_POSITION")
    assert (spoilt is Do.REPEAT) == (looked == 1)  # of an answer that comes twice one is enough
    assert Decimal(place.any.least) == filled(running, place, place.any)
    assert [1] == orders(running, place)


@pytest.mark.parametrize("struck", [Do.RESET_BEFORE, Do.HOLD, Do.RESET_AFTER, Do.EMPTY])
def test_a_fault_on_a_transfer_between_accounts_neither_doubles_nor_loses_it(
    running: Running, tmp_path: Path, struck: Do
) -> None:
    there, _ = BINANCE.transfers
    running.control.arm(Fault(on="POST *binance.com/*/asset/transfer", do=struck))
    ended, _ = running.live(tmp_path, BINANCE, strategy=once(there), ticks=4)
    running.control.release()
    moved = [e.amount for e in running.control.effects("binance") if e.what is What.TRANSFER]

    assert Full.STOPPED == ended.state, ended.reason
    assert ["100"] == moved
