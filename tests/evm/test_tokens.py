"""Tokens with ways of their own: queues, allowances by way of zero."""

from decimal import Decimal
from typing import Final

import pytest

from fixtures.chain.settings import WALLET
from tests.evm.befalling import nonce_of
from tests.evm.test_operations import WETH_KEY, A, allow, to_other, wrap
from tests.evm.world import ETHER, World
from verifill import Atomicity, Chain, Claim, Stake, Unstake
from verifill.machines.full_loop import Full
from verifill.venues.evm.abi import call_of
from verifill.venues.evm.contracts import READER_CODE as CODE
from verifill.venues.evm.node import READER

D = Decimal
RAY: Final = 10**27
GAS: Final = "UNSTAKE = 500_000, CLAIM = 500_000"  # of several requests
FINALIZE: Final = "finalize(uint256,uint256)"
CLAIMING: Final = "claimWithdrawals(uint256[],uint256[])"
STAKINGS: Final = 'stakings = [{ asset = "ETH", into = "eETH" }, { asset = "ETH", into = "fiETH" }]'


def claimed(world: World, asset: str, least: str) -> None:
    """A second run, with a log of its own, collects what a queue has released."""
    world.folder = world.folder / "later"
    world.folder.mkdir()
    claim, approvals = Claim(account=A, asset=asset, into="ETH"), f'wallet = ["{asset}"]'
    config = world.planning([claim], approvals=approvals, gas=GAS)
    chain = f'stakings = [{{ asset = "ETH", into = "{asset}", least_payout = "{least}" }}]'
    config.write_text(config.read_text().replace(STAKINGS, chain))
    world.run(config)


def waiting(world: World, how: str, queue: str) -> int:
    """What waits for the wallet, by the code of the reader that asks the deployed contracts."""
    data = "0x" + call_of(f"{how}(address,address)", queue, WALLET).hex()
    told = world.rpc("eth_call", {"to": READER, "data": data}, "latest", {READER: {"code": CODE}})
    return int(told, 16)


@pytest.mark.parametrize("rate", [2, 1])
def test_a_queue_pays_what_its_oracle_says(rate: int, world: World) -> None:
    """Lido's: at most what was asked for, less after a loss, by the checkpoint of each request."""
    queue, approvals = world.market.tokens.queue, 'wallet = ["eETH"]'
    stake = Stake(account=A, asset="ETH", into="eETH", amount=D(4_000))
    large = Unstake(account=A, asset="eETH", into="ETH", amount=D(1_500))  # of two requests
    small = Unstake(account=A, asset="eETH", into="ETH", amount=D(10))
    plan = [stake, allow("eETH", "eETH", "9999"), small, large, small, small, small]
    world.run(world.planning(plan, approvals=approvals, gas=GAS))
    asked = waiting(world, "lidoWaiting", queue)
    assert asked == world.moves()["wallet:Claim:eETH"], world.notes("FAILURE")
    requests = "getWithdrawalRequests(address)"
    assert (1, 2, 3, 4, 5, 6) == world.admin.ask(queue, requests, "uint256[]", WALLET)
    world.admin.send(queue, FINALIZE, 2, 2 * RAY)
    for one in (1, 2):
        world.admin.send(queue, CLAIMING, [one], [1], sender=WALLET)
    world.admin.send(queue, FINALIZE, 4, rate * RAY)
    world.admin.send(queue, FINALIZE, 5, 2 * RAY)
    assert (6, 5, 3, 4) == world.admin.ask(queue, requests, "uint256[]", WALLET)  # in no order
    there = waiting(world, "lidoWaiting", queue)
    claimed(world, "eETH", "0.5")

    assert f"{Full.INSTRUCTION}.DONE" in world.states(), world.notes("MISMATCH")
    gone = -world.moves()["wallet:Claim:eETH"]
    assert there - gone == waiting(world, "lidoWaiting", queue) > 0  # the last one
    paid = world.moves()["wallet:BaseToken:ETH"]  # less its gas
    assert (paid < gone - 10 * ETHER) == (rate == 1)


@pytest.mark.parametrize("asset", ["eETH", "fiETH"])
def test_in_one_transaction_a_queue_is_let_take_what_is_asked_of_it(
    asset: str, world: World
) -> None:
    """It is rehearsed, and nothing of the allowance stays."""
    world.run(world.planning([staked_and_asked_for(asset)]))
    how, queue = {
        "eETH": ("lidoWaiting", world.market.tokens.queue),
        "fiETH": ("fiWaiting", world.market.tokens.fi["queue"]),
    }[asset]

    assert f"{Full.ATOMIC}.COMMITTED" in world.states(), world.notes("FAILURE")
    asked = waiting(world, how, queue)
    assert asked == world.moves()[f"wallet:Claim:{asset}"] > 5 * ETHER


def staked_and_asked_for(asset: str) -> Chain:
    steps = (
        Stake(account=A, asset="ETH", into=asset, amount=D(10)),
        Unstake(account=A, asset=asset, into="ETH", amount=D(5)),
    )
    return Chain(kind=Atomicity.ONE_TX, steps=steps)


def test_an_allowance_that_is_verified_is_used_by_no_chain_of_steps(world: World) -> None:
    nonce = nonce_of(world)
    world.run(world.planning([staked_and_asked_for("eETH")], approvals='wallet = ["eETH"]'))

    assert f"{Full.ATOMIC}.ROLLED_BACK" in world.states()
    assert "approvals of wallet name eETH" in "".join(world.notes("FAILURE"))
    assert nonce == nonce_of(world)  # nothing was sent


@pytest.mark.parametrize("lost", ["0", "50"])
def test_requests_that_are_tokens_pay_what_they_are_worth(lost: str, world: World) -> None:
    """As much as was asked for, or less after a loss: both are what happened, and are verified."""
    fi, approvals = world.market.tokens.fi, 'wallet = ["fiETH"]'
    stake = Stake(name="S", account=A, asset="ETH", into="fiETH", amount=D(10))
    half = Unstake(account=A, asset="fiETH", into="ETH", amount=D(4))
    plan = [stake, allow("fiETH", "fiETH", "100"), half, half]
    world.run(world.planning(plan, approvals=approvals))
    asked = waiting(world, "fiWaiting", fi["queue"])
    assert asked == world.moves()["wallet:Claim:fiETH"], world.notes("FAILURE")
    assert 2 == world.admin.ask(fi["queue"], "balanceOf(address)", "uint256", WALLET)
    world.admin.send(fi["queue"], "finalizeRequests(uint32)", 2)
    world.admin.send(fi["pool"], "slash(uint256)", int(D(lost) * ETHER))
    claimed(world, "fiETH", "0.9")

    assert f"{Full.INSTRUCTION}.DONE" in world.states(), world.notes("MISMATCH")
    assert -asked == world.moves()["wallet:Claim:fiETH"]
    gas = sum(m for k, m in world.moves().items() if k == "wallet:BaseToken:ETH")
    assert (gas < asked - ETHER // 10) == (lost != "0")


def test_a_request_that_is_declared_invalid_is_left_where_it_is(world: World) -> None:
    """ether.fi may do that; it would take everything back that is collected with it."""
    fi, approvals = world.market.tokens.fi, 'wallet = ["fiETH"]'
    stake = Stake(account=A, asset="ETH", into="fiETH", amount=D(10))
    half = Unstake(account=A, asset="fiETH", into="ETH", amount=D(4))
    plan = [stake, allow("fiETH", "fiETH", "100"), half, half]
    world.run(world.planning(plan, approvals=approvals))
    asked = waiting(world, "fiWaiting", fi["queue"])
    world.admin.send(fi["queue"], "invalidateRequest(uint256)", 1)
    world.admin.send(fi["queue"], "finalizeRequests(uint32)", 2)
    claimed(world, "fiETH", "0.9")  # a unit less by rounding

    assert f"{Full.INSTRUCTION}.DONE" in world.states(), world.notes("FAILURE")
    left = waiting(world, "fiWaiting", fi["queue"])
    assert asked + world.moves()["wallet:Claim:fiETH"] == left == asked // 2


def test_what_no_queue_has_released_is_denied(world: World) -> None:
    claim = Claim(account=A, asset="fiETH", into="ETH")
    world.run(world.planning([claim]))

    assert 0 == world.states().count(f"{Full.INSTRUCTION}.DONE")


def test_a_token_of_the_old_kind_is_approved_by_way_of_zero(world: World) -> None:
    approvals = 'wallet = ["uniswap_v2"]'
    plan = [allow("uniswap_v2", "USDT", amount) for amount in ("5", "0", "9")]
    world.run(world.planning(plan, approvals=approvals))

    assert 3 == world.states().count(f"{Full.INSTRUCTION}.DONE"), world.notes("FAILURE")

    world.folder = world.folder / "straight"
    world.folder.mkdir()
    world.run(world.planning([allow("uniswap_v2", "USDT", "7")], approvals=approvals))

    assert "approve 0 first" in "".join(world.notes("DENIED"))
    assert 0 == world.states().count(f"{Full.INSTRUCTION}.DONE")


def test_fees_and_balances_are_what_the_node_says(world: World) -> None:
    before = int(world.rpc("eth_getBalance", WALLET, "latest"), 16)
    world.run(world.planning([wrap("2"), to_other("WETH", "1")]))
    after = int(world.rpc("eth_getBalance", WALLET, "latest"), 16)

    assert after - before == world.moves()["wallet:BaseToken:ETH"]
    assert ETHER == world.balance(world.weth) == world.moves()[WETH_KEY]
