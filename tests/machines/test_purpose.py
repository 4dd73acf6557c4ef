"""What a leg is to the gate: whether it opens, reduces or cancels, and is of least size."""

import pytest
from attrs import evolve

from tests.machines.support import (
    DERIVATIVES,
    RULES,
    SPOT,
    Bars,
    buy,
    exchange,
    go,
    instruments,
    move,
)
from verifill.machines.desk import Desk
from verifill.machines.leg import Leg
from verifill.machines.monitor import PositionMonitor
from verifill.machines.purpose import FLATTEN, cancel_at, sending_of
from verifill.machines.sending import Purpose, Sending
from verifill.venues.instructions import Cancel, Instruction
from verifill.venues.orders import Order
from verifill.venues.rules import VenueRules

STEP, TAKES_BACK = "ATOMIC.STEP.SEND", "ATOMIC.COMPENSATE.SEND"


def desk(rules: VenueRules = RULES) -> Desk:
    venue = exchange(Bars(), rules=rules)
    return Desk([venue], [rules.name], PositionMonitor([venue], {}, {}))


def leg(instruction: Instruction, role: str = "PLAN", rules: VenueRules = RULES) -> Leg:
    """A leg whose request is exact."""
    made = desk(rules)
    one = made.leg(instruction, role)
    one.request = made.venues[0].resolve(instruction, 1, None)
    return one


def purpose(one: Leg, state: str = STEP) -> Purpose:
    return sending_of(one, state, "carry").purpose


def is_least(one: Leg) -> bool:
    return sending_of(one, STEP, "carry").least


def test_what_takes_back_what_is_flattened_and_what_only_reduces_reduces() -> None:
    assert Purpose.OPEN is purpose(leg(buy("1")))
    assert Purpose.OPEN is purpose(leg(go("1")))
    assert Purpose.REDUCE is purpose(leg(buy("1")), TAKES_BACK)
    assert Purpose.REDUCE is purpose(leg(buy("1"), FLATTEN))
    assert Purpose.REDUCE is purpose(leg(go("1", reduce_only=True)))


def test_an_instruction_that_cancels_is_a_cancel() -> None:
    cancel = Cancel(account=SPOT, order="A1")
    one = desk().leg(cancel, "PLAN")

    assert Purpose.CANCEL is purpose(one)
    assert not is_least(one)
    assert cancel_at("desk", "carry") == Sending(
        venue="desk", operation="CANCEL", account="", strategy="carry", purpose=Purpose.CANCEL
    )


@pytest.mark.parametrize(("quantity", "least"), [("0.00001", True), ("0.00002", False)])
def test_one_lot_is_of_least_size_and_two_are_not(quantity: str, *, least: bool) -> None:
    assert least == is_least(leg(buy(quantity)))
    assert least == is_least(leg(go(quantity)))


def test_where_a_least_notional_asks_for_more_one_lot_is_not_of_least_size() -> None:
    listed = {k: evolve(one, min_notional=1) for k, one in instruments().items()}

    assert not is_least(leg(buy("0.00001"), rules=evolve(RULES, instruments=listed)))


def test_what_is_no_trade_is_never_of_least_size() -> None:
    assert not is_least(leg(move("0.000001")))


def test_a_bundle_is_one_operation_of_the_account_that_sends_it() -> None:
    made = desk()
    venue = made.venues[0]
    orders = tuple(venue.resolve(one, 1, None) for one in (go("0.00001"), buy("1")))
    assert all(isinstance(one, Order) for one in orders)
    sending = sending_of(made.bundle(venue, orders), "ATOMIC.COMMIT.SEND", "carry")

    assert ("ONE_TX", DERIVATIVES, Purpose.OPEN, False) == (
        sending.operation, sending.account, sending.purpose, sending.least,
    )  # fmt: skip
