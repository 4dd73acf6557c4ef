"""Tokens with ways of their own: queues, allowances by way of zero."""

from decimal import Decimal
from typing import Final

import pytest

from fixtures.chain.settings import WALLET
from tests.evm.test_operations import WETH_KEY, A, allow, shares, to_other, wrap
from tests.evm.world import ETHER, World
from verifill import Claim, Stake, Unstake
from verifill.machines.full_loop import Full

D = Decimal
STAKINGS: Final = 'stakings = [{ asset = "ETH", into = "eETH" }, { asset = "ETH", into = "fiETH" }]'


def test_a_queue_pays_what_its_oracle_says(world: World) -> None:
    claim = Claim(account=A, asset="eETH", into="ETH")
    stake = Stake(name="S", account=A, asset="ETH", into="eETH", amount=D(10))
    unstake = Unstake(account=A, asset="eETH", into="ETH", amount=shares("S", "eETH"))
    world.run(world.planning([stake, unstake]))
    queue = world.market.tokens.staked
    asked = world.admin.ask(queue, "waiting(address)", "uint256", WALLET)
    world.admin.send(queue, "finalize(uint256,uint256)", 0, asked)
    world.folder = world.folder / "later"
    world.folder.mkdir()
    ended = world.run(world.planning([claim]))

    assert "" == ended.reason
    assert f"{Full.INSTRUCTION}.DONE" in world.states(), world.notes("MISMATCH")
    assert asked == -world.moves()["wallet:Claim:eETH"]


@pytest.mark.parametrize("lost", ["0", "50"])
def test_requests_that_are_tokens_pay_what_they_are_worth(lost: str, world: World) -> None:
    """As much as was asked for, or less after a loss: both are what happened, and are verified."""
    fi, approvals = world.market.tokens.fi, 'wallet = ["fiETH"]'
    stake = Stake(name="S", account=A, asset="ETH", into="fiETH", amount=D(10))
    half = Unstake(account=A, asset="fiETH", into="ETH", amount=D(4))
    plan = [stake, allow("fiETH", "fiETH", "100"), half, half]
    world.run(world.planning(plan, approvals=approvals))
    asked = world.admin.ask(fi["queue"], "waiting(address)", "uint256", WALLET)
    assert asked == world.moves()["wallet:Claim:fiETH"], world.notes("FAILURE")
    assert 2 == world.admin.ask(fi["queue"], "balanceOf(address)", "uint256", WALLET)
    world.admin.send(fi["queue"], "finalizeRequests(uint32)", 2)
    world.admin.send(fi["pool"], "slash(uint256)", int(D(lost) * ETHER))
    world.folder = world.folder / "later"
    world.folder.mkdir()
    chain = 'stakings = [{ asset = "ETH", into = "fiETH", least_payout = "0.9" }]'
    claim = Claim(account=A, asset="fiETH", into="ETH")
    config = world.planning([claim], approvals=approvals)
    config.write_text(config.read_text().replace(STAKINGS, chain))
    world.run(config)

    assert f"{Full.INSTRUCTION}.DONE" in world.states(), world.notes("MISMATCH")
    assert -asked == world.moves()["wallet:Claim:fiETH"]
    gas = sum(m for k, m in world.moves().items() if k == "wallet:BaseToken:ETH")
    assert (gas < asked - ETHER // 10) == (lost != "0")


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
