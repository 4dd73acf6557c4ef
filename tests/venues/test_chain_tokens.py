"""Tokens on the simulated chain: wrapping, staking, pools, transfers, approvals."""

from decimal import Decimal

import pytest
from attrs import evolve

from tests.venues.chains import DAY_NS, ETHER, RULES, WEETH, units, world
from verifill.venues.calls import Staking
from verifill.venues.instructions import (
    Approve,
    Claim,
    InternalTransfer,
    Stake,
    Supply,
    Swap,
    Transfer,
    Unstake,
    Unwrap,
    Wrap,
)
from verifill.venues.orders import Cause, Outcome
from verifill.venues.simulated.network import Passage

GAS_PRICE = 12 * 10**9


def test_ether_is_wrapped_and_unwrapped_exactly() -> None:
    venue = world({"wallet:BaseToken:ETH": "2"})

    wrapped = venue.send(Wrap(account="wallet", asset="ETH", into="WETH", amount=Decimal("0.7")))
    back = venue.send(Unwrap(account="wallet", asset="WETH", into="ETH", amount=Decimal("0.3")))

    assert units("0.7") == wrapped.moved()["wallet:BaseToken:WETH"]
    assert -units("0.7") - 106_000 * GAS_PRICE == wrapped.moved()["wallet:BaseToken:ETH"]
    assert units("0.3") - 56_000 * GAS_PRICE == back.moved()["wallet:BaseToken:ETH"]


@pytest.mark.parametrize(
    ("given", "out"), [(1, 0), (108, 100), (109, 100), (10**18, 925925925925925925)]
)
def test_wrapping_by_a_rate_rounds_down(given: int, out: int) -> None:
    venue = world({"dsa:BaseToken:eETH": "1", "eoa:BaseToken:ETH": "1"})
    amount = Decimal(given).scaleb(-18)

    sent = venue.send(Wrap(account="dsa", asset="eETH", into="weETH", amount=amount))

    assert out == sent.moved().get("dsa:BaseToken:weETH", 0)


@pytest.mark.parametrize(("given", "out"), [(1, 1), (99, 106), (100, 108)])
def test_unwrapping_by_a_rate_rounds_down(given: int, out: int) -> None:
    venue = world({"dsa:BaseToken:weETH": "1", "eoa:BaseToken:ETH": "1"})
    amount = Decimal(given).scaleb(-18)

    sent = venue.send(Unwrap(account="dsa", asset="weETH", into="eETH", amount=amount))

    assert out == sent.moved()["dsa:BaseToken:eETH"]


def test_a_conversion_below_its_minimum_reverts() -> None:
    venue = world({"dsa:BaseToken:eETH": "1", "eoa:BaseToken:ETH": "1"})

    sent = venue.send(
        Wrap(account="dsa", asset="eETH", into="weETH", amount=Decimal(1), min_out=Decimal("0.93"))
    )

    assert Outcome.REJECTED_DEFINITIVE is sent.receipt.outcome
    assert (
        "WRAP: 925925925925925925 units of weETH are below min_out of 930000000000000000"
        == sent.receipt.reason
    )
    assert {"eoa:BaseToken:ETH": -106_000 * GAS_PRICE} == sent.moved()


def test_staking_gives_as_much_of_the_token() -> None:
    venue = world({"dsa:BaseToken:ETH": "3", "eoa:BaseToken:ETH": "1"})

    sent = venue.send(Stake(account="dsa", asset="ETH", into="eETH", amount=Decimal(3)))

    assert units("3") == sent.moved()["dsa:BaseToken:eETH"]
    bound = sent.expectation.bounds["dsa:BaseToken:eETH"]
    assert (units("3") - 2, units("3")) == (bound.low, bound.high)


def test_unstaking_burns_the_token_and_waits_in_a_queue() -> None:
    venue = world({"wallet:BaseToken:eETH": "5", "wallet:BaseToken:ETH": "1"})
    claim = Claim(account="wallet", asset="eETH", into="ETH")

    sent = venue.send(Unstake(account="wallet", asset="eETH", into="ETH", amount=Decimal(5)))

    assert units("5") == sent.moved()["wallet:Claim:eETH"]
    assert -units("5") == sent.moved()["wallet:BaseToken:eETH"]
    order = venue.resolve(claim)
    assert "the queue of eETH has released nothing to wallet" == venue.chain.deny(order)
    receipt = venue.chain.submit(order)
    assert "CLAIM: the queue of eETH has released nothing to wallet" == receipt.reason


def test_a_claim_collects_what_is_released_and_leaves_what_is_not() -> None:
    venue = world({"wallet:BaseToken:eETH": "5", "wallet:BaseToken:ETH": "1"})
    claim = Claim(account="wallet", asset="eETH", into="ETH")
    venue.send(Unstake(account="wallet", asset="eETH", into="ETH", amount=Decimal(2)))
    venue.wait(DAY_NS)
    venue.send(Unstake(account="wallet", asset="eETH", into="ETH", amount=Decimal(3)))
    venue.wait(6 * DAY_NS)

    first = venue.send(claim)
    venue.wait(DAY_NS)
    second = venue.send(claim)

    assert -units("2") == first.moved()["wallet:Claim:eETH"]
    assert units("2") - 141_000 * GAS_PRICE == first.moved()["wallet:BaseToken:ETH"]
    assert -units("3") == second.moved()["wallet:Claim:eETH"]
    assert 0 == venue.total("wallet:Claim:eETH")


def test_a_claim_after_a_loss_pays_less_than_was_asked_for() -> None:
    staking = Staking(
        asset="ETH", into="eETH", queue_s=60, payout="payout", least_payout=90_000_000
    )
    venue = world(
        {"dsa:BaseToken:eETH": "1", "eoa:BaseToken:ETH": "1"}, evolve(RULES, stakings=(staking,))
    )
    venue.market.set_series("payout", Decimal("0.95"))
    venue.send(Unstake(account="dsa", asset="eETH", into="ETH", amount=Decimal(1)))
    venue.wait(60 * 10**9)
    venue.market.set_series("payout", Decimal("0.5"))

    sent = venue.send(Claim(account="dsa", asset="eETH", into="ETH"))

    assert units("0.95") == sent.moved()["dsa:BaseToken:ETH"]
    assert -units("1") == sent.moved()["dsa:Claim:eETH"]


def test_a_held_staking_token_follows_its_rate_up_and_down() -> None:
    venue = world({"dsa:BaseToken:eETH": "108", "wallet:BaseToken:eETH": "0.000000000000000100"})
    venue.chain.read()
    key = "dsa:BaseToken:eETH"

    venue.market.set_series(WEETH, Decimal("1.09"))
    venue.wait(DAY_NS)
    grown, rows = venue.total(key), venue.chain.read().rows
    venue.market.set_series(WEETH, Decimal("1.07"))
    venue.wait(DAY_NS)

    assert units("109") == grown
    assert [("dsa:BaseToken:eETH", units("1"))] == [(r.key, r.amount) for r in rows if r.amount > 1]
    assert {Cause.INTEREST} == {row.cause for row in rows}
    assert units("107") == venue.total(key)


@pytest.mark.parametrize(
    ("asset", "into", "pool", "amount", "out"),
    [
        ("weETH", "WETH", "curve", "1", "1.07892"),
        ("WETH", "weETH", "curve", "1.08", "0.999"),
        ("WETH", "USDC", "uniswap", "0.000000000333333334", "0"),
        ("WETH", "USDC", "uniswap", "1", "2998.5"),
        ("USDC", "WETH", "uniswap", "3000", "0.9995"),
        ("USDC", "WETH", "uniswap", "0.000001", "0.000000000333166666"),
    ],
)
def test_a_pool_exchanges_at_its_rate_less_its_fee(
    asset: str, into: str, pool: str, amount: str, out: str
) -> None:
    venue = world({f"dsa:BaseToken:{asset}": amount, "eoa:BaseToken:ETH": "1"})
    least = Decimal("0.000001") if into == "USDC" else Decimal("0.000000000000000001")

    sent = venue.send(
        Swap(
            account="dsa", pool=pool, asset=asset, into=into, amount=Decimal(amount), min_out=least
        )
    )

    received = sent.moved().get(f"dsa:BaseToken:{into}", 0)
    assert units(out, into) == received
    assert received == 0 or received == sent.expectation.bounds[f"dsa:BaseToken:{into}"].high


def test_a_swap_below_its_minimum_reverts_and_one_without_is_denied() -> None:
    venue = world({"dsa:BaseToken:weETH": "1", "eoa:BaseToken:ETH": "1"})
    swap = Swap(
        account="dsa",
        pool="curve",
        asset="weETH",
        into="WETH",
        amount=Decimal(1),
        min_out=Decimal("1.07893"),
    )

    assert venue.send(swap).receipt.reason.startswith("SWAP: 1078920000000000000 units of WETH")
    order = venue.resolve(
        Swap(
            account="dsa",
            pool="curve",
            asset="weETH",
            into="WETH",
            amount=Decimal(1),
            min_out=Decimal(0),
        )
    )
    assert "min_out of 0 units is not positive" == venue.chain.deny(order)


def test_an_internal_transfer_moves_between_accounts_of_the_chain() -> None:
    venue = world({"eoa:BaseToken:ETH": "2"})

    sent = venue.send(InternalTransfer(account="eoa", to="dsa", asset="ETH", amount=Decimal("1.5")))

    assert units("1.5") == sent.moved()["dsa:BaseToken:ETH"]
    assert -units("1.5") - 55_000 * GAS_PRICE == sent.moved()["eoa:BaseToken:ETH"]


def test_a_deposit_is_in_transit_until_the_other_side_credits_it() -> None:
    venue = world({"wallet:BaseToken:USDT": "1000000", "wallet:BaseToken:ETH": "0.5"})
    venue.market.set_series("gas_price", Decimal("0.00000001"))

    sent = venue.send(
        Transfer(account="wallet", to="binance.spot", asset="USDT", amount=Decimal(881_100))
    )

    assert Outcome.ACCEPTED is sent.receipt.outcome
    assert 0 == sent.assessment.executed
    assert {
        "wallet:BaseToken:USDT": units("-881100", "USDT"),
        "in_transit:binance.spot:USDT": units("881100", "USDT"),
        "wallet:BaseToken:ETH": units("-0.00055"),
    } == sent.moved()
    assert sent.receipt == venue.chain.query(sent.request)

    venue.wait(600 * 10**9)
    receipt = venue.chain.query(sent.request)
    assessment = venue.chain.assess(sent.request, receipt, venue.books())

    assert Outcome.EXECUTED is receipt.outcome
    assert (units("881100", "USDT"), "") == (assessment.executed, assessment.flaw)
    assert 0 == assessment.effects["in_transit:binance.spot:USDT"]
    assert units("881100", "USDT") == venue.exchange.totals["binance.spot:BaseToken:USDT"]
    assert receipt == venue.chain.query(sent.request)


def test_sending_the_native_asset_and_its_gas_add_up_in_one_bound() -> None:
    venue = world({"wallet:BaseToken:ETH": "1"})

    sent = venue.send(
        Transfer(account="wallet", to="binance.spot", asset="ETH", amount=Decimal("0.9"))
    )

    bound = sent.expectation.bounds["wallet:BaseToken:ETH"]
    gas = 55_000 * GAS_PRICE
    assert (-units("0.9") - gas, -units("0.9")) == (bound.low, bound.high)
    assert -units("0.9") - gas == sent.moved()["wallet:BaseToken:ETH"]


def test_a_withdrawal_from_elsewhere_is_credited() -> None:
    venue = world({})
    venue.network.send(Passage(ref="w1", asset="ETH", amount=7, to="wallet", due_ns=0))
    venue.wait(1)

    assert 7 == venue.total("wallet:BaseToken:ETH")
    assert [("w1", Cause.TRANSFER)] == [(r.ref, r.cause) for r in venue.chain.read().rows]


def test_a_transfer_without_a_route_is_denied_and_would_revert() -> None:
    venue = world({"wallet:BaseToken:USDC": "5", "wallet:BaseToken:ETH": "1"})
    order = venue.resolve(
        Transfer(account="wallet", to="binance.spot", asset="USDC", amount=Decimal(5))
    )

    assert "no route for USDC to 'binance.spot'" == venue.chain.deny(order)
    receipt = venue.chain.submit(order)
    assert "TRANSFER: no route for USDC to 'binance.spot'" == receipt.reason
    assert {Cause.GAS} == {move.cause for move in receipt.moves}


def test_an_approval_sets_the_allowance_and_does_not_add_to_it() -> None:
    venue = world({"wallet:BaseToken:ETH": "1"})
    key = "wallet:Allowance:weETH@aave_v3"

    def approve(amount: str) -> int:
        asked = Approve(account="wallet", spender="aave_v3", asset="weETH", amount=Decimal(amount))
        sent = venue.send(asked)
        assert sent.assessment.executed >= 1
        return venue.total(key)

    assert [units("5"), units("3"), units("3"), 0] == [approve(a) for a in ("5", "3", "3", "0")]


def test_what_is_supplied_uses_the_allowance_up() -> None:
    venue = world({"wallet:BaseToken:weETH": "5", "wallet:BaseToken:ETH": "1"})
    supply = Supply(account="wallet", market="aave_v3", asset="weETH", amount=Decimal(2))
    approve = Approve(account="wallet", spender="aave_v3", asset="weETH", amount=Decimal(3))

    refused = venue.send(supply)
    venue.send(approve)
    done = venue.send(supply)
    again = venue.send(supply)

    key = "wallet:Allowance:weETH@aave_v3"
    assert f"SUPPLY: insufficient {key}: 0 of {2 * ETHER}" == refused.receipt.reason
    assert -2 * ETHER == done.moved()[key]
    assert f"SUPPLY: insufficient {key}: {ETHER} of {2 * ETHER}" == again.receipt.reason


def test_a_request_that_was_never_sent_is_absent() -> None:
    venue = world({"wallet:BaseToken:ETH": "1"})

    receipt = venue.chain.query(
        venue.resolve(Wrap(account="wallet", asset="ETH", into="WETH", amount=Decimal(1)))
    )

    assert Outcome.ABSENT is receipt.outcome
