"""A venue that is wrong by one unit, in its report, its ledger, its balances, or all of them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.machines.support import (
    BNB,
    BTC,
    FEE,
    LEVERAGE,
    MARGIN,
    OPENING,
    PRICE,
    SIZE,
    USDT,
    Act,
    Ask,
    Bars,
    Plans,
    Played,
    Script,
    buy,
    go,
    play,
    scripted,
    sell,
)
from verifill.venues.instructions import PerpTrade, SpotTrade
from verifill.venues.orders import Cause, Fill, Order, Reading, Receipt, Request
from verifill.venues.rules import RATE_UNIT, RECEIVED, Fees
from verifill.venues.simulated.model import ExchangeModel

Trade = SpotTrade | PerpTrade
TRADES = pytest.mark.parametrize(
    "trade", [buy(), sell(), go("1"), go("-1")], ids=["buy", "sell", "long", "short"]
)
CLOSING = go("-1", reduce_only=True)


def run(folder: Path, trade: Trade, script: Script, **given: Any) -> Played:  # noqa: ANN401 - of `scripted`
    stage, _ = scripted(script, **given)
    return play(folder, stage, Plans([trade, buy()], [buy()]))


def is_a_mismatch(played: Played) -> bool:
    """Whether it ended in FAILED.MISMATCH, halted, and nothing was sent after it."""
    ended = played.records.filter(event="hold")["from"].to_list()
    return (
        ended == ["INSTRUCTION.FAILED.MISMATCH"]
        and played.fates == ["MISMATCHED", "EXPIRED"]
        and played.state == "STOPPED"
        and played.reason.startswith("instruction 1 is a mismatch: ")
    )


@TRADES
def test_an_honest_venue_is_no_mismatch(tmp_path: Path, trade: Trade) -> None:
    played = run(tmp_path, trade, Script())

    assert ("STOPPED", "") == (played.state, played.reason)
    assert not is_a_mismatch(played)


# The report differs from the accounts.


def off(name: str, by: int) -> Callable[[Fill], Any]:
    """A field of a fill, and so much more."""

    def skew(fill: Fill) -> int:
        return int(getattr(fill, name)) + by

    return skew


def reports(**skewed: Callable[[Fill], Any]) -> Act:
    """Does what it is asked, and reports a fill that is changed in these fields."""

    def act(request: Request, ask: Ask) -> Receipt:
        receipt = ask(request)
        fills = tuple(
            replace(fill, **{name: skew(fill) for name, skew in skewed.items()})
            for fill in receipt.fills
        )
        return replace(receipt, fills=fills)

    return act


@TRADES
@pytest.mark.parametrize("by", [1, -1])
@pytest.mark.parametrize("name", ["quantity", "price", "fee"])
def test_a_fill_reported_wrong_by_one_unit(
    tmp_path: Path, trade: Trade, name: str, by: int
) -> None:
    act = reports(**{name: off(name, by)})

    assert is_a_mismatch(run(tmp_path, trade, Script(submits=[act])))


@pytest.mark.parametrize("by", [1, -1])
def test_a_profit_reported_where_there_is_none(tmp_path: Path, by: int) -> None:
    act = reports(realised=lambda _fill: by)

    assert is_a_mismatch(run(tmp_path, go("1"), Script(submits=[act])))


@TRADES
def test_a_fee_reported_in_another_asset(tmp_path: Path, trade: Trade) -> None:
    act = reports(fee_asset=lambda _fill: "BNB")

    assert is_a_mismatch(run(tmp_path, trade, Script(submits=[act])))


@TRADES
def test_a_fill_reported_twice(tmp_path: Path, trade: Trade) -> None:
    def act(request: Request, ask: Ask) -> Receipt:
        receipt = ask(request)
        return replace(receipt, fills=receipt.fills * 2)

    assert is_a_mismatch(run(tmp_path, trade, Script(submits=[act])))


# The ledger differs from the report and the balances.


def rows(skew: Callable[[tuple[Any, ...]], tuple[Any, ...]]) -> Callable[[Reading], Reading]:
    """A reading with other rows, where it has any."""
    return lambda reading: replace(reading, rows=skew(reading.rows)) if reading.rows else reading


@TRADES
@pytest.mark.parametrize("at", [0, 1])
def test_a_ledger_row_that_is_missing(tmp_path: Path, trade: Trade, at: int) -> None:
    view = rows(lambda there: there[:at] + there[at + 1 :])

    assert is_a_mismatch(run(tmp_path, trade, Script(view=view)))


@TRADES
def test_a_ledger_row_that_is_there_twice(tmp_path: Path, trade: Trade) -> None:
    assert is_a_mismatch(run(tmp_path, trade, Script(view=rows(lambda there: (*there, there[0])))))


@TRADES
@pytest.mark.parametrize("by", [1, -1])
def test_a_ledger_row_that_is_wrong_by_one_unit(tmp_path: Path, trade: Trade, by: int) -> None:
    view = rows(lambda there: (replace(there[0], amount=there[0].amount + by), *there[1:]))

    assert is_a_mismatch(run(tmp_path, trade, Script(view=view)))


# The balances differ from the ledger.


@TRADES
@pytest.mark.parametrize("key", [BTC, USDT, BNB, SIZE, MARGIN, LEVERAGE])
@pytest.mark.parametrize("by", [1, -1])
def test_a_balance_that_moved_without_a_row(
    tmp_path: Path, trade: Trade, key: str, by: int
) -> None:
    played = run(tmp_path, trade, Script(view=drifted(key, by)))

    assert is_a_mismatch(played)
    assert f"moved without a ledger row: {{'{key}': {by}}}" in played.reason


def drifted(key: str, by: int) -> Callable[[Reading], Reading]:
    """A position that is off from the first fill on."""
    moved: list[int] = []

    def view(reading: Reading) -> Reading:
        moved.extend([by] if reading.rows and not moved else [])
        totals = reading.totals | {key: reading.totals[key] + sum(moved)}
        return replace(reading, totals=totals)

    return view


# Both books agree, and the venue broke its rules all the same.


@TRADES
@pytest.mark.parametrize("rate", [FEE + 1, FEE - 1])
def test_a_fee_off_the_schedule_that_was_really_taken(
    tmp_path: Path, trade: Trade, rate: int
) -> None:
    played = run(tmp_path, trade, Script(), law=Fees(rate=rate))

    assert is_a_mismatch(played)
    assert "breaks a rule" in played.reason


def test_a_fee_that_was_really_taken_in_another_asset(tmp_path: Path) -> None:
    law = Fees(rate=FEE, paid_in=RECEIVED)

    assert is_a_mismatch(run(tmp_path, buy(), Script(), law=law))


@TRADES
def test_a_price_beyond_the_collar_that_was_really_paid(tmp_path: Path, trade: Trade) -> None:
    far = ExchangeModel(slippage=6 * RATE_UNIT // 100)

    assert is_a_mismatch(run(tmp_path, trade, Script(), model=far))


LIMITED: Mapping[str, Trade] = {
    "buy": buy(limit="40000"),
    "sell": sell(limit="40000"),
}


@pytest.mark.parametrize("side", LIMITED)
def test_a_price_one_tick_beyond_the_limit_that_was_really_paid(tmp_path: Path, side: str) -> None:
    """The venue forgets the limit; its price is a cent worse."""

    def act(request: Request, ask: Ask) -> Receipt:
        assert isinstance(request, Order)
        return ask(replace(request, limit=0))

    cent = ExchangeModel(slippage=RATE_UNIT // PRICE)

    played = run(tmp_path, LIMITED[side], Script(submits=[act]), model=cent)

    assert is_a_mismatch(played)
    assert f"price={PRICE + (1 if side == 'buy' else -1)}" in played.reason


@TRADES
def test_one_lot_more_than_was_ordered_that_was_really_traded(tmp_path: Path, trade: Trade) -> None:
    def act(request: Request, ask: Ask) -> Receipt:
        assert isinstance(request, Order)
        return ask(replace(request, quantity=request.quantity + 1000))

    played = run(tmp_path, trade, Script(submits=[act]))

    assert is_a_mismatch(played)
    assert "more than was ordered" in played.reason


@TRADES
def test_an_order_that_was_executed_twice_and_reported_once(tmp_path: Path, trade: Trade) -> None:
    def act(request: Request, ask: Ask) -> Receipt:
        ask(request)
        return ask(request)

    played = run(tmp_path, trade, Script(submits=[act]))

    assert is_a_mismatch(played)
    assert "for no instruction" in played.reason


@TRADES
@pytest.mark.parametrize("by", [1, -1])
def test_a_unit_that_the_order_really_moved_elsewhere(
    tmp_path: Path, trade: Trade, by: int
) -> None:
    """The same trade moved a bystander too, in the ledger and in the balances."""

    def also(request: Request, ask: Ask) -> Receipt:
        receipt = ask(request)
        venue.exchange.accounts.post(receipt.fills[0].ref, BNB, by, Cause.FEE)
        return receipt

    stage, venue = scripted(Script(submits=[also]))

    assert is_a_mismatch(play(tmp_path, stage, Plans([trade, buy()])))


# A perpetual that is closed: the profit it realises.


@pytest.mark.parametrize("by", [1, -1])
@pytest.mark.parametrize("name", ["quantity", "price", "fee", "realised"])
def test_a_close_reported_wrong_by_one_unit(tmp_path: Path, name: str, by: int) -> None:
    stage, _ = scripted(
        Script(submits=[reports(**{name: off(name, by)})]),
        opening=OPENING | {SIZE: 3 * 10**8},
        bases={SIZE: 3 * 10**8 * (PRICE - 7)},
        bars=Bars(2),
    )

    assert is_a_mismatch(play(tmp_path, stage, Plans([CLOSING, buy()])))


@pytest.mark.parametrize("by", [1, -1])
def test_a_profit_that_was_really_paid_wrong_by_one_unit(tmp_path: Path, by: int) -> None:
    """The venue's own entry value is off: books and balances agree on the wrong profit."""
    long = OPENING | {SIZE: 10**8}
    bases = {SIZE: 10**8 * (PRICE - 7)}
    stage, venue = scripted(opening=long, bases=bases)
    venue.exchange.margin.bases[SIZE] -= by * 10**4

    played = play(tmp_path, stage, Plans([CLOSING, buy()]))

    assert is_a_mismatch(played)
    assert "breaks a rule" in played.reason
