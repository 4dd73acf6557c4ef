"""Lending on the simulated chain: shares, roundings, caps, collateral, interest."""

from decimal import Decimal

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from tests.venues.chains import DAY_NS, ETHER, RULES, World, units, with_reserve, world
from verifill.venues.calls import Accrual, ChainRules
from verifill.venues.instructions import MAX, Amount, Borrow, Repay, Supply, Withdraw
from verifill.venues.orders import Outcome

A_WEETH = "aave_v3:aToken:aweETH"
DEBT = "aave_v3:debtToken:vDebtWETH"
RAY = 10**27
# an index at which nothing divides evenly
ODD = {
    "supply:aave_v3:weETH": RAY * 10 // 7,
    "supply:aave_v3:WETH": RAY * 10 // 7,
    "borrow:aave_v3:WETH": RAY * 11 // 7,
}


def opened(rules: ChainRules = RULES) -> World:
    opening = {
        "dsa:BaseToken:weETH": "100",
        "dsa:BaseToken:WETH": "50",
        "eoa:BaseToken:ETH": "10",
    }
    return world(opening, rules, indices=ODD)


def wei(units: int) -> Decimal:
    return Decimal(units).scaleb(-18)


def supply(amount: Amount, asset: str = "weETH") -> Supply:
    return Supply(account="dsa", market="aave_v3", asset=asset, amount=amount)


def withdraw(amount: Amount) -> Withdraw:
    return Withdraw(account="dsa", market="aave_v3", asset="weETH", amount=amount)


def borrow(amount: Amount, asset: str = "WETH") -> Borrow:
    return Borrow(account="dsa", market="aave_v3", asset=asset, amount=amount)


def repay(amount: Amount) -> Repay:
    return Repay(account="dsa", market="aave_v3", asset="WETH", amount=amount)


def test_each_operation_rounds_its_shares_against_the_one_who_acts() -> None:
    venue = opened()

    supplied = venue.send(supply(wei(10**6))).moved()[A_WEETH]
    withdrawn = venue.send(withdraw(wei(10**5))).moved()[A_WEETH]
    borrowed = venue.send(borrow(wei(10**5))).moved()[DEBT]
    repaid = venue.send(repay(wei(10**4))).moved()[DEBT]

    assert 700_000 == supplied
    assert -70_001 == withdrawn
    assert 63_637 == borrowed
    assert -6_363 == repaid


@given(amount=st.integers(2, 90 * ETHER))
def test_supplying_and_withdrawing_all_returns_all_but_two_wei_at_most(amount: int) -> None:
    venue = opened()
    venue.send(supply(wei(amount)))

    got = venue.send(withdraw(MAX)).moved()["dsa:BaseToken:weETH"]

    assert amount - 2 <= got <= amount
    assert 0 == venue.total(A_WEETH)


@given(amount=st.integers(1, 40 * ETHER))
def test_borrowing_and_repaying_all_costs_no_more_than_two_wei(amount: int) -> None:
    venue = opened()
    venue.send(supply(Decimal(100)))
    venue.send(borrow(wei(amount)))

    paid = -venue.send(repay(MAX)).moved()["dsa:BaseToken:WETH"]

    assert amount <= paid <= amount + 2
    assert 0 == venue.total(DEBT)


@given(borrowed=st.integers(1, 40 * ETHER), extra=st.integers(-3, 3), days=st.integers(0, 400))
def test_a_repayment_never_takes_more_than_the_debt(borrowed: int, extra: int, days: int) -> None:
    venue = opened()
    venue.send(supply(Decimal(100)))
    venue.send(borrow(wei(borrowed)))
    venue.wait(days * DAY_NS)
    debt = venue.chain.display(DEBT, venue.total(DEBT))
    amount = max(1, debt + extra)

    sent = venue.send(repay(wei(amount)))

    if sent.assessment.executed:
        assert -min(amount, debt) == sent.moved()["dsa:BaseToken:WETH"]
        assert (amount >= debt) == (venue.total(DEBT) == 0)


def test_interest_is_linear_while_the_rate_stands_and_compounds_where_it_changes() -> None:
    venue = world({DEBT: "1"})
    series = "borrow_rate:aave_v3:WETH"

    venue.market.set_series(series, Decimal("0.365"))
    venue.wait(0)
    venue.wait(10 * DAY_NS)
    venue.wait(10 * DAY_NS)
    linear = venue.chain.display(DEBT, ETHER)
    venue.market.set_series(series, Decimal("0.73"))
    venue.wait(0)
    venue.wait(10 * DAY_NS)

    assert units("1.02") == linear
    assert units("1.0404") == venue.chain.display(DEBT, ETHER)
    assert RAY * 10404 // 10000 == venue.chain.indices()["borrow:aave_v3:WETH"]


def test_interest_moves_no_share() -> None:
    venue = opened()
    venue.send(supply(Decimal(10)))
    before = venue.books().totals

    venue.wait(30 * DAY_NS)

    assert before == venue.books().totals


def test_a_run_can_continue_with_the_indices_of_another() -> None:
    first = opened()
    first.wait(30 * DAY_NS)

    second = world({}, indices=first.chain.indices())

    assert first.chain.indices() == second.chain.indices()
    assert first.chain.display(DEBT, ETHER) == second.chain.display(DEBT, ETHER)


@pytest.mark.parametrize(("accrual", "shares"), [(Accrual.INDEX, "0.8"), (Accrual.NONE, "1")])
def test_an_index_can_be_taken_as_it_is_or_stand_still(accrual: Accrual, shares: str) -> None:
    rules = with_reserve("weETH", accrual=accrual, supply="liquidity_index")
    venue = world(
        {"dsa:BaseToken:weETH": "1", "eoa:BaseToken:ETH": "1"},
        rules,
        series={"liquidity_index": Decimal("1.25")},
    )

    sent = venue.send(supply(Decimal(1)))

    assert units(shares) == sent.moved()[A_WEETH]
    assert ETHER == venue.chain.display(A_WEETH, venue.total(A_WEETH))


def test_borrowing_stops_at_the_loan_to_value() -> None:
    venue = opened()
    venue.send(supply(Decimal(10)))

    # 10 weETH at 3240 carry 0.9 of their value: 9.72 WETH at 3000
    over = venue.send(borrow(Decimal("9.72") + Decimal("0.00000001")))
    exact = venue.send(borrow(Decimal("9.7199999999")))

    assert "BORROW: collateral does not cover the debt at its loan-to-value" == over.receipt.reason
    assert Outcome.EXECUTED is exact.receipt.outcome


def test_collateral_and_debt_of_different_decimals_are_compared_exactly() -> None:
    venue = world({"dsa:BaseToken:WETH": "1", "dsa:BaseToken:USDC": "0", "eoa:BaseToken:ETH": "1"})
    venue.send(supply(Decimal(1), "WETH"))

    over = venue.send(borrow(Decimal("2400.000001"), "USDC"))
    exact = venue.send(borrow(Decimal(2400), "USDC"))

    assert Outcome.REJECTED_DEFINITIVE is over.receipt.outcome
    assert units("2400", "USDC") == exact.moved()["dsa:BaseToken:USDC"]


def test_a_withdrawal_that_would_leave_the_debt_uncovered_reverts() -> None:
    venue = opened()
    venue.send(supply(Decimal(10)))
    venue.send(borrow(Decimal(9)))

    over = venue.send(withdraw(Decimal("1.3")))
    fine = venue.send(withdraw(Decimal("1.2")))

    assert "WITHDRAW: health factor would fall below 1" == over.receipt.reason
    assert units("1.2") == fine.moved()["dsa:BaseToken:weETH"]


def test_a_health_factor_is_what_thresholds_allow_to_owe_over_the_debt() -> None:
    venue = opened()
    venue.send(supply(Decimal(10)))
    assert {} == venue.chain.margins()
    venue.send(borrow(Decimal(9)))

    # 10 weETH at 3240 may owe 0.95 of their value, and owe 9 WETH at 3000
    assert {"aave_v3": Decimal("1.13999999")} == venue.chain.margins()


def test_caps_revert() -> None:
    rules = evolve(with_reserve("weETH", supply_cap=5 * ETHER))
    venue = opened(rules)

    assert "SUPPLY: cap of aweETH reached" == venue.send(supply(Decimal("5.1"))).receipt.reason
    assert Outcome.EXECUTED is venue.send(supply(Decimal(5))).receipt.outcome


def test_too_little_for_a_share_reverts() -> None:
    assert "SUPPLY: 1 units are less than a share" == opened().send(supply(wei(1))).receipt.reason


def test_nothing_to_withdraw_or_to_repay_reverts() -> None:
    venue = opened()

    assert f"WITHDRAW: nothing is supplied at {A_WEETH}" == venue.send(withdraw(MAX)).receipt.reason
    assert f"REPAY: nothing is owed at {DEBT}" == venue.send(repay(MAX)).receipt.reason


def test_more_than_is_supplied_cannot_be_withdrawn() -> None:
    venue = opened()
    venue.send(supply(Decimal(1)))

    reason = venue.send(withdraw(Decimal(2))).receipt.reason

    assert reason.startswith(f"WITHDRAW: insufficient {A_WEETH}")


def test_other_positions_read_as_they_are() -> None:
    assert 5 == opened().chain.display("dsa:BaseToken:WETH", 5)
