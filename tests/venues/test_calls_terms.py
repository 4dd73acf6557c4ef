"""The terms of on-chain operations: exact orders, own checks, expectations."""

from decimal import Decimal

import pytest

from tests.venues.chains import DAY_NS, ETHER, RULES, SCALES, Ledger, world
from verifill.engine.errors import AmountError, InstructionError
from verifill.venues.calls import ChainTerms, PublicIndices
from verifill.venues.expectation import Bound, Origin
from verifill.venues.instructions import (
    MAX,
    Approve,
    Borrow,
    Claim,
    ClaimReward,
    FlashBorrow,
    FlashRepay,
    Instruction,
    InternalTransfer,
    Late,
    Repay,
    Stake,
    Supply,
    Swap,
    Transfer,
    Unstake,
    Unwrap,
    Withdraw,
    Wrap,
)
from verifill.venues.orders import MAX_UNITS, Bundle, Cause, Move, Outcome, Receipt
from verifill.venues.simulated.quotes import FixedMarket

WETH = "dsa:BaseToken:WETH"
DEBT = "aave_v3:debtToken:vDebtWETH"


def test_an_amount_becomes_units_and_a_minimum_the_limit() -> None:
    swap = Swap(
        account="dsa",
        pool="uniswap",
        asset="WETH",
        into="USDC",
        amount=Decimal("1.5"),
        min_out=Decimal(4000),
    )

    order = world({}).resolve(swap)

    assert (1, 15 * 10**17, 4000 * 10**6) == (order.number, order.quantity, order.limit)


def test_a_late_amount_stands_for_the_instructions_own() -> None:
    late = Wrap(account="dsa", asset="eETH", into="weETH", amount=Late("B3", "x"))

    assert 77 == world({}).resolve(late, 77).quantity


@pytest.mark.parametrize(
    "instruction",
    [
        Withdraw(account="dsa", market="aave_v3", asset="weETH", amount=MAX),
        Repay(account="dsa", market="aave_v3", asset="WETH", amount=MAX),
        Claim(account="dsa", asset="eETH", into="ETH"),
    ],
)
def test_what_is_there_at_execution_has_no_amount_before(instruction: Instruction) -> None:
    assert MAX_UNITS == world({}).resolve(instruction).quantity


@pytest.mark.parametrize(
    ("instruction", "told"),
    [
        (ClaimReward(account="dsa", programme="p", asset="ETH"), "does not support CLAIM_REWARD"),
        (
            Stake(account="moon", asset="ETH", into="eETH", amount=Decimal(1)),
            "'moon' holds no 'ETH'",
        ),
        (
            Stake(account="eoa", asset="ETH", into="eETH", amount=Decimal(1)),
            "'eoa' holds no 'eETH'",
        ),
        (Stake(account="dsa", asset="BTC", into="eETH", amount=Decimal(1)), "'dsa' holds no 'BTC'"),
        (Stake(account="dsa", asset="ETH", into="eETH", amount=MAX), "MAX is for WITHDRAW and REP"),
        (Stake(account="dsa", asset="ETH", into="eETH", amount=Late("a", "b")), "give an amount"),
    ],
)
def test_an_instruction_that_cannot_be_made_exact_is_refused(
    instruction: Instruction, told: str
) -> None:
    with pytest.raises(InstructionError, match=told):
        world({}).resolve(instruction)


def test_more_decimals_than_the_asset_has_are_refused() -> None:
    dust = Transfer(account="wallet", to="binance.spot", asset="USDT", amount=Decimal("0.0000001"))

    with pytest.raises(AmountError):
        world({}).resolve(dust)


@pytest.mark.parametrize(
    ("instruction", "told"),
    [
        (
            Transfer(account="wallet", to="kraken", asset="USDT", amount=Decimal(1)),
            "no deposit address of 'kraken'; known are binance.spot",
        ),
        (
            Transfer(account="wallet", to="wallet", asset="USDT", amount=Decimal(1)),
            "wallet cannot transfer to itself",
        ),
        (
            InternalTransfer(account="wallet", to="eoa", asset="WETH", amount=Decimal(1)),
            "'eoa' holds no 'WETH' on ethereum",
        ),
        (
            Approve(account="dsa", spender="aave_v3", asset="WETH", amount=Decimal(1)),
            "'aave_v3' needs no allowance of dsa for WETH; declare it in approvals",
        ),
        (Wrap(account="dsa", asset="ETH", into="eETH", amount=Decimal(1)), "no wrapper ETH eETH"),
        (Unwrap(account="dsa", asset="ETH", into="WETH", amount=Decimal(1)), "no wrapper WETH ETH"),
        (
            Stake(account="dsa", asset="WETH", into="eETH", amount=Decimal(1)),
            "no staking WETH eETH",
        ),
        (
            Unstake(account="dsa", asset="weETH", into="ETH", amount=Decimal(1)),
            "no staking ETH weETH",
        ),
        (Claim(account="dsa", asset="weETH", into="ETH"), "no staking ETH weETH"),
        (
            Swap(
                account="dsa",
                pool="curve",
                asset="WETH",
                into="ETH",
                amount=Decimal(1),
                min_out=Decimal(1),
            ),
            "no pool curve ETH WETH",
        ),
        (
            Supply(account="dsa", market="compound", asset="WETH", amount=Decimal(1)),
            "no market that takes compound WETH",
        ),
        (
            Withdraw(account="dsa", market="aave_v3", asset="ETH", amount=Decimal(1)),
            "no market that takes aave_v3 ETH",
        ),
        (
            Borrow(account="dsa", market="aave_v3", asset="weETH", amount=Decimal(1)),
            "no market that lends aave_v3 weETH",
        ),
        (
            Repay(account="dsa", market="aave_v3", asset="weETH", amount=Decimal(1)),
            "no market that lends aave_v3 weETH",
        ),
        (
            Stake(account="dsa", asset="ETH", into="eETH", amount=Decimal(0)),
            "0 units is not positive",
        ),
        (
            Approve(account="wallet", spender="aave_v3", asset="WETH", amount=Decimal(-1)),
            "units is not positive",
        ),
    ],
)
def test_what_the_chain_cannot_do_is_denied_before_it_is_sent(
    instruction: Instruction, told: str
) -> None:
    venue = world({})

    assert told in venue.chain.deny(venue.resolve(instruction))


@pytest.mark.parametrize(
    "instruction",
    [
        FlashBorrow(account="dsa", lender="morpho", asset="weETH", amount=Decimal(1)),
        FlashRepay(account="dsa", lender="balancer", asset="WETH", amount=Decimal(1)),
    ],
)
def test_a_lender_that_there_is_not_is_denied_in_a_bundle(instruction: Instruction) -> None:
    venue = world({})

    reason = venue.chain.deny(Bundle(1, "dsa", (venue.resolve(instruction),)))

    assert reason.startswith(f"step 0 {instruction.op}: ethereum has no flash lender")


@pytest.mark.parametrize(
    ("step", "operation"),
    [
        (Wrap(account="dsa", asset="ETH", into="eETH", amount=Decimal(1)), "WRAP"),
        (Borrow(account="dsa", market="x", asset="WETH", amount=Decimal(1)), "BORROW"),
    ],
)
def test_a_denied_request_that_is_sent_all_the_same_reverts(
    step: Instruction, operation: str
) -> None:
    venue = world({"eoa:BaseToken:ETH": "1"})

    receipt = venue.chain.submit(venue.resolve(step))

    assert Outcome.REJECTED_DEFINITIVE is receipt.outcome
    assert receipt.reason.startswith(f"{operation}: ethereum has no ")


def test_an_account_elsewhere_reverts_an_internal_transfer() -> None:
    venue = world({"eoa:BaseToken:ETH": "1"})
    away = InternalTransfer(account="eoa", to="moon", asset="ETH", amount=Decimal("0.1"))

    receipt = venue.chain.submit(venue.resolve(away))

    assert "INTERNAL_TRANSFER: there is no moon:BaseToken:ETH" == receipt.reason


def test_a_position_that_the_books_do_not_track_is_told() -> None:
    venue = world({})
    order = venue.resolve(Repay(account="dsa", market="aave_v3", asset="WETH", amount=MAX))

    with pytest.raises(InstructionError, match=f"not tracked: {DEBT}"):
        venue.chain.expect(order, Ledger({}))


def bounds_of(instruction: Instruction, debt: int = 0) -> dict[str, Bound]:
    venue = world({DEBT: str(Decimal(debt).scaleb(-18)), "dsa:BaseToken:eETH": "1"})
    return dict(venue.chain.expect(venue.resolve(instruction), venue.books()).bounds)


@pytest.mark.parametrize(
    ("amount", "paid", "burnt"),
    [
        (99, Bound(-99, -99), Bound(-99, -97, Origin.ROUNDING)),
        (100, Bound(-100, -100, Origin.ROUNDING), Bound(-100, -98, Origin.ROUNDING)),
        (101, Bound(-101, -100, Origin.ROUNDING), Bound(-100, -99, Origin.ROUNDING)),
        (102, Bound(-102, -100, Origin.ROUNDING), Bound(-100, -100)),
        (500, Bound(-102, -100, Origin.ROUNDING), Bound(-100, -100)),
        (MAX_UNITS, Bound(-102, -100, Origin.ROUNDING), Bound(-100, -100)),
    ],
)
def test_a_repayment_is_bounded_by_the_debt(amount: int, paid: Bound, burnt: Bound) -> None:
    asked = MAX if amount == MAX_UNITS else Decimal(amount).scaleb(-18)

    bounds = bounds_of(Repay(account="dsa", market="aave_v3", asset="WETH", amount=asked), debt=100)

    assert (paid, burnt) == (bounds[WETH], bounds[DEBT])


def test_a_conversion_is_exact_unless_less_was_accepted() -> None:
    wrap = Wrap(account="dsa", asset="eETH", into="weETH", amount=Decimal(1))
    least = Wrap(
        account="dsa", asset="eETH", into="weETH", amount=Decimal(1), min_out=Decimal("0.9")
    )
    rate = 925925925925925925

    assert Bound(rate, rate) == bounds_of(wrap)["dsa:BaseToken:weETH"]
    assert Bound(9 * 10**17, rate, Origin.MIN_OUT) == bounds_of(least)["dsa:BaseToken:weETH"]


def test_the_bound_of_gas_is_what_it_costs_now() -> None:
    wrap = Wrap(account="dsa", asset="eETH", into="weETH", amount=Decimal(1))

    assert Bound(-106_000 * 12 * 10**9, 0, Origin.GAS_CAP) == bounds_of(wrap)["eoa:BaseToken:ETH"]


def test_what_was_not_executed_has_nothing_executed_but_its_gas() -> None:
    venue = world({})
    order = venue.resolve(Stake(account="dsa", asset="ETH", into="eETH", amount=Decimal(1)))
    gas = Move("t:gas:0", "eoa:BaseToken:ETH", -5, Cause.GAS)
    receipt = Receipt(Outcome.REJECTED_DEFINITIVE, (), (gas,))

    assessment = venue.chain.assess(order, receipt, venue.books())

    assert (0, {"eoa:BaseToken:ETH": -5}, "") == (
        assessment.executed,
        assessment.effects,
        assessment.flaw,
    )


@pytest.mark.parametrize(
    ("paid", "flaw"),
    [(ETHER, ""), (ETHER - 1, f"a claim of {ETHER} paid {ETHER - 1}, due are {ETHER} to {ETHER}")],
)
def test_a_claim_pays_what_it_burnt(paid: int, flaw: str) -> None:
    venue = world({"dsa:Claim:eETH": "2"})
    order = venue.resolve(Claim(account="dsa", asset="eETH", into="ETH"))
    moves = (
        Move("a", "dsa:Claim:eETH", -ETHER, Cause.CALL),
        Move("b", "dsa:BaseToken:ETH", paid, Cause.CALL),
    )

    assessment = venue.chain.assess(order, Receipt(Outcome.EXECUTED, (), moves), venue.books())

    assert flaw == assessment.flaw


def test_the_expectation_of_a_bundle_sees_its_own_steps() -> None:
    venue = world({DEBT: "0.0000000000000001"})
    borrow = Borrow(account="dsa", market="aave_v3", asset="WETH", amount=Decimal(1).scaleb(-16))
    repay = Repay(account="dsa", market="aave_v3", asset="WETH", amount=MAX)
    orders = (venue.resolve(borrow), venue.resolve(repay))

    bounds = venue.chain.expect(Bundle(1, "dsa", orders), venue.books()).bounds

    # 100 owed, 100 to 102 more, then all of it paid
    assert (-102, -98) == (bounds[DEBT].low, bounds[DEBT].high)
    assert (100 - 204, 100 - 200) == (bounds[WETH].low, bounds[WETH].high)


def test_the_terms_follow_the_public_rates_by_themselves() -> None:
    market = FixedMarket(0, series={"borrow_rate:aave_v3:WETH": 10**18})
    for name in ("supply_rate:aave_v3:WETH", "supply_rate:aave_v3:weETH"):
        market.set_series(name, Decimal(0))
    for name in ("supply_rate:aave_v3:USDC", "borrow_rate:aave_v3:USDC"):
        market.set_series(name, Decimal(0))
    indices = PublicIndices(RULES.reserves, market, {"borrow:aave_v3:WETH": 2 * 10**27})
    terms = ChainTerms(RULES, SCALES, market, indices=indices)

    assert 20 == terms.display(DEBT, 10)
    indices.observe()
    market.time_ns = 365 * DAY_NS
    indices.observe()
    assert 40 == terms.display(DEBT, 10)
    market.series["borrow_rate:aave_v3:WETH"] = 0
    indices.observe()
    market.time_ns *= 2
    assert 40 == terms.display(DEBT, 10)


def test_public_and_simulated_indices_agree_at_every_time() -> None:
    venue = world({"eoa:BaseToken:ETH": "1"})
    for days, rate in enumerate(("0.031", "0.031", "0.0007", "0.2", "0"), start=1):
        venue.market.set_series("borrow_rate:aave_v3:WETH", Decimal(rate))
        venue.wait(days * DAY_NS + 12_345)
        index = venue.chain.indices()["borrow:aave_v3:WETH"]

        assert index == venue.chain.display(DEBT, 10**27)
