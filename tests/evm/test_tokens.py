"""Tokens with ways of their own: queues, allowances by way of zero."""

from decimal import Decimal

from fixtures.chain.settings import WALLET
from tests.evm.test_operations import WETH_KEY, A, allow, shares, to_other, wrap
from tests.evm.world import ETHER, World
from verifill import Claim, Stake, Unstake
from verifill.machines.full_loop import Full

D = Decimal


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
