"""ONE_TX chains on the simulated chain: the reference strategies B and C, and what reverts."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.venues.chains import (
    DAY_NS,
    SCALES,
    WEETH,
    World,
    bundle,
    changed,
    rehearse,
    send,
    units,
    with_reserve,
    world,
)
from verifill.venues.instructions import (
    MAX,
    Approve,
    Borrow,
    FlashBorrow,
    FlashRepay,
    Instruction,
    Late,
    Repay,
    Stake,
    Supply,
    Swap,
    Transfer,
    Unwrap,
    Withdraw,
    Wrap,
)
from verifill.venues.interfaces import Forkable, Venue
from verifill.venues.orders import Bundle, Cause, Outcome

STRATEGIES = json.loads(
    (Path(__file__).parent.parent.parent / "fixtures" / "strategies.json").read_text()
)
B: dict[str, Any] = STRATEGIES[1]
C: dict[str, Any] = STRATEGIES[2]


def lever(
    account: str, flash: str, staked: str, lender: str = "morpho", *, approve: bool = False
) -> list[Instruction]:
    """Borrow for a moment, stake all, supply it, borrow for good, pay back."""
    wrapped = Late("B4", f"{account}:BaseToken:weETH")
    approval = Approve(
        account=account, name="B4a", spender="aave_v3", asset="weETH", amount=wrapped
    )
    return [
        FlashBorrow(account=account, name="B1", lender=lender, asset="WETH", amount=Decimal(flash)),
        Unwrap(
            account=account,
            name="B2",
            asset="WETH",
            into="ETH",
            amount=Decimal(flash) if approve else Decimal(staked),
        ),
        Stake(account=account, name="B3", asset="ETH", into="eETH", amount=Decimal(staked)),
        Wrap(
            account=account,
            name="B4",
            asset="eETH",
            into="weETH",
            amount=Late("B3", f"{account}:BaseToken:eETH"),
            min_out=Decimal("462.9629"),
        ),
        *([approval] if approve else []),
        Supply(account=account, name="B5", market="aave_v3", asset="weETH", amount=wrapped),
        Borrow(account=account, name="B6", market="aave_v3", asset="WETH", amount=Decimal(flash)),
        FlashRepay(account=account, name="B7", lender=lender, asset="WETH", amount=Decimal(flash)),
    ]


ENTRY = lever("dsa", "400", "500")
EXIT = [
    FlashBorrow(account="dsa", name="1", lender="morpho", asset="WETH", amount=Decimal("400.8")),
    Repay(account="dsa", name="2", market="aave_v3", asset="WETH", amount=MAX),
    Withdraw(account="dsa", name="3", market="aave_v3", asset="weETH", amount=MAX),
    Swap(
        account="dsa",
        name="4",
        pool="curve",
        asset="weETH",
        into="WETH",
        amount=Late("3", "dsa:BaseToken:weETH"),
        min_out=Decimal("500.000341635391254937"),
    ),
    FlashRepay(account="dsa", name="5", lender="morpho", asset="WETH", amount=Decimal("400.8")),
]


def opened() -> World:
    return world(B["opening"])


def exact(deltas: dict[str, str]) -> dict[str, int]:
    """The fixture's amounts in units."""
    moved = {key: Decimal(amount) for key, amount in deltas.items()}
    return {key: SCALES.units(key, amount) for key, amount in moved.items() if amount}


def test_the_chain_is_a_venue_that_can_be_forked() -> None:
    venue: Venue = opened().chain

    assert isinstance(venue, Forkable)
    assert () == venue.start_up_failures() == venue.fork().start_up_failures()
    assert "ethereum" == venue.rules.name


def test_every_step_of_strategy_b_moves_what_the_reference_says() -> None:
    venue = opened()
    transaction = bundle(venue, ENTRY, "dsa")

    sent = venue.send(transaction)

    for index, step in enumerate(B["steps"][:-1]):
        moves = {m.key: m.amount for m in sent.receipt.moves if m.step == index}
        assert exact(step["deltas"]) == moves, step["id"]


def test_strategy_b_ends_with_the_reference_positions_and_gas() -> None:
    venue = opened()

    sent = venue.send(bundle(venue, ENTRY, "dsa"))

    assert exact(B["closing"]) == {k: v for k, v in venue.books().totals.items() if v}
    assert 1 == sent.assessment.executed
    assert units("-0.0138") == sum(m.amount for m in sent.receipt.moves if m.cause is Cause.GAS)


def test_after_thirty_days_debt_and_collateral_read_as_in_the_reference() -> None:
    venue = opened()
    venue.send(bundle(venue, ENTRY, "dsa"))

    venue.wait(30 * DAY_NS)

    shown = {key: venue.chain.display(key, total) for key, total in venue.books().totals.items()}
    assert units(B["exit_30d"]["debt_before"]) == shown["aave_v3:debtToken:vDebtWETH"]
    assert units(B["exit_30d"]["aweETH_before"]) == shown["aave_v3:aToken:aweETH"]
    assert units("400") == venue.total("aave_v3:debtToken:vDebtWETH")
    assert units("0.1862") == shown["eoa:BaseToken:ETH"]


def test_the_exit_of_strategy_b_pays_out_the_reference_amount() -> None:
    venue = opened()
    venue.send(bundle(venue, ENTRY, "dsa"))
    venue.wait(30 * DAY_NS)
    venue.market.set_series(WEETH, Decimal(B["exit_30d"]["weETH_rate"]))

    sent = venue.send(bundle(venue, EXIT, "dsa"))

    wanted = B["exit_30d"]["steps"]
    moves = {(m.step, m.key): m.amount for m in sent.receipt.moves}
    assert units(wanted[1]["WETH"]) == moves[1, "dsa:BaseToken:WETH"]
    assert units(wanted[2]["weETH"]) == moves[2, "dsa:BaseToken:weETH"]
    assert units(wanted[3]["WETH"]) == moves[3, "dsa:BaseToken:WETH"]
    assert units(B["exit_30d"]["net_WETH"]) == venue.total("dsa:BaseToken:WETH")
    assert 0 == venue.total("aave_v3:debtToken:vDebtWETH")
    assert 0 == venue.total("aave_v3:aToken:aweETH")


def test_a_bundle_that_reverts_costs_its_gas_and_nothing_else() -> None:
    venue = world(B["opening"], with_reserve("WETH", borrow_cap=units("400") - 1))
    ample = opened()
    transaction = bundle(ample, ENTRY, "dsa")
    before = venue.books().totals

    sent = venue.send(transaction)

    assert Outcome.REJECTED_DEFINITIVE is sent.receipt.outcome
    assert "step 5 BORROW: cap of vDebtWETH reached" == sent.receipt.reason
    assert exact(B["check"]["revert_delta"]) == sent.moved() == changed(venue, before)
    assert 0 == sent.assessment.executed


def test_the_premium_of_another_lender_must_be_funded() -> None:
    steps = lever("dsa", "400", "500", lender="aave_flash")
    funded = world({**B["opening"], "dsa:BaseToken:WETH": "100.2"})
    short = opened()

    transaction = bundle(funded, steps, "dsa")
    paid = funded.send(transaction)

    assert units("-100.2") == paid.moved()["dsa:BaseToken:WETH"]
    assert "flash:debt:WETH" not in paid.moved()
    sent = short.send(transaction)
    assert sent.receipt.reason.startswith("step 6 FLASH_REPAY: insufficient dsa:BaseToken:WETH")


def test_a_premium_is_rounded_up_to_a_unit() -> None:
    venue = world({"dsa:BaseToken:WETH": "1", "eoa:BaseToken:ETH": "1"})
    wei = Decimal(1).scaleb(-18)
    borrow = FlashBorrow(account="dsa", lender="aave_flash", asset="WETH", amount=wei)
    repay = FlashRepay(account="dsa", lender="aave_flash", asset="WETH", amount=wei)

    sent = venue.send(bundle(venue, [borrow, repay], "dsa"))

    assert -1 == sent.moved()["dsa:BaseToken:WETH"]


def test_strategy_c_enters_from_a_wallet_that_approves_and_pays_its_own_gas() -> None:
    step = next(s for s in C["steps"] if s["id"] == "C10")
    venue = world({"wallet:BaseToken:ETH": "156.5426489"})
    steps = lever("wallet", "624", "780", approve=True)

    sent = venue.send(bundle(venue, steps, "wallet"))

    assert exact(step["deltas"]) == sent.moved()
    assert exact(step["balances_after"])["wallet:BaseToken:ETH"] == venue.total(
        "wallet:BaseToken:ETH"
    )


def test_a_flash_loan_that_is_not_paid_back_reverts() -> None:
    venue = opened()
    orders = rehearse(venue, ENTRY[:1])

    sent = venue.send(Bundle(7, "dsa", orders))

    assert sent.receipt.reason.endswith("units of WETH are still owed to morpho at the end")
    assert {"eoa:BaseToken:ETH"} == set(sent.moved())


def test_no_more_is_taken_back_than_was_lent() -> None:
    fork = opened().chain.fork()
    order = fork.resolve(ENTRY[-1], 1, None)

    receipt = fork.submit(order)

    assert "FLASH_REPAY: 400000000000000000000 units are more than the 0 owed to morpho" == (
        receipt.reason
    )


def test_a_flash_loan_outside_a_bundle_is_denied_and_would_revert() -> None:
    venue = opened()
    order = venue.resolve(ENTRY[0])

    assert "a flash loan lives inside a ONE_TX chain only" == venue.chain.deny(order)
    assert Outcome.REJECTED_DEFINITIVE is venue.chain.submit(order).outcome


def test_a_dry_run_costs_and_changes_nothing() -> None:
    venue = opened()
    before = venue.books().totals

    orders = rehearse(venue, ENTRY)

    assert 7 == len(orders)
    assert before == venue.books().totals
    assert () == venue.chain.read().rows


def test_a_dry_run_forgets_a_step_that_reverts() -> None:
    fork = opened().chain.fork()
    before = fork.read().totals

    receipt = fork.submit(fork.resolve(ENTRY[2], 1, None))

    assert Outcome.REJECTED_DEFINITIVE is receipt.outcome
    assert receipt.reason.startswith("STAKE: insufficient dsa:BaseToken:ETH")
    assert receipt == fork.query(fork.resolve(ENTRY[2], 1, None))
    assert before == fork.read().totals


def test_a_dry_run_takes_no_bundle_and_sends_nothing_away() -> None:
    fork = opened().chain.fork()
    away = Transfer(account="wallet", to="binance.spot", asset="ETH", amount=Decimal(1))
    order = fork.resolve(away, 1, None)

    assert "a dry run takes one step at a time" == fork.deny(Bundle(1, "dsa", ()))
    assert "a dry run takes one step at a time" == fork.submit(Bundle(1, "dsa", ())).reason
    assert "what leaves the chain goes by itself, not in a bundle" == fork.deny(order)
    assert "TRANSFER: there is no such call in a transaction" == fork.submit(order).reason


def test_a_bundle_is_denied_when_it_cannot_be_one_transaction() -> None:
    venue = opened()
    deny = venue.chain.deny
    away = venue.resolve(
        Transfer(account="wallet", to="binance.spot", asset="ETH", amount=Decimal(1))
    )
    stake = venue.resolve(Stake(account="wallet", asset="ETH", into="eETH", amount=Decimal(1)))
    nothing = venue.resolve(Stake(account="dsa", asset="ETH", into="eETH", amount=Decimal(0)))

    assert "a bundle has no steps" == deny(Bundle(1, "dsa", ()))
    assert "step 0 TRANSFER: what leaves the chain goes by itself, not in a bundle" == deny(
        Bundle(1, "wallet", (away,))
    )
    assert "step 0 STAKE: wallet does not belong to eoa" == deny(Bundle(1, "dsa", (stake,)))
    assert "step 0 STAKE: amount of 0 units is not positive" == deny(Bundle(1, "eoa", (nothing,)))


def test_a_repayment_of_all_sees_what_the_steps_before_it_borrowed() -> None:
    venue = world({"dsa:BaseToken:weETH": "10", "eoa:BaseToken:ETH": "1"})
    venue.wait(DAY_NS)
    steps = [
        Supply(account="dsa", market="aave_v3", asset="weETH", amount=Decimal(10)),
        Borrow(account="dsa", market="aave_v3", asset="WETH", amount=Decimal(1)),
        Repay(account="dsa", market="aave_v3", asset="WETH", amount=MAX),
    ]

    sent = venue.send(bundle(venue, steps, "dsa"))

    assert "aave_v3:debtToken:vDebtWETH" not in sent.moved()
    bound = sent.expectation.bounds["aave_v3:debtToken:vDebtWETH"]
    assert bound.low <= 0 <= bound.high


@pytest.mark.parametrize("account", ["dsa", "eoa"])
def test_gas_is_paid_by_the_payer_of_whoever_sends(account: str) -> None:
    venue = opened()

    sent = venue.send(Bundle(5, account, rehearse(venue, ENTRY)))

    assert units("-0.0138") == sent.moved()["eoa:BaseToken:ETH"]


def test_without_money_for_gas_nothing_is_sent() -> None:
    venue = world({"dsa:BaseToken:WETH": "100", "eoa:BaseToken:ETH": "0.0137"})

    sent = venue.send(bundle(venue, ENTRY, "dsa"))

    assert Outcome.REJECTED_DEFINITIVE is sent.receipt.outcome
    assert sent.receipt.reason.startswith("gas: insufficient eoa:BaseToken:ETH")
    assert {} == sent.moved()


def test_two_chains_in_one_run_do_not_meet() -> None:
    one, other = opened(), opened()

    send(one.chain, bundle(one, ENTRY, "dsa"), one.books())

    assert exact(B["opening"]) == {k: v for k, v in other.books().totals.items() if v}
