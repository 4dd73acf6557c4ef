"""Chains of steps in one transaction, on the node itself: all of it, or none of it but the gas."""

from decimal import Decimal
from typing import Final

import pytest

from fixtures.chain.settings import WALLET
from tests.evm.world import ENTRY, LEVERAGED, PATIENCE_S, World, begun, waited
from verifill import Atomicity, Borrow, Chain, Supply, Wrap
from verifill.machines.full_loop import Full

DAY_S: Final = 86_400
COMMITTED: Final = f"{Full.ATOMIC}.COMMITTED"
ROLLED_BACK: Final = f"{Full.ATOMIC}.ROLLED_BACK"
A: Final = "wallet"


def scaled(world: World, token: str, of: str = WALLET) -> int:
    return int(world.admin.ask(token, "scaledBalanceOf(address)", "uint256", of))


def nonce_of(world: World) -> int:
    return int(world.rpc("eth_getTransactionCount", WALLET, "latest"), 16)


def test_strategy_b_goes_in_and_out_by_one_transaction_each(world: World) -> None:
    aave = world.market.aave
    world.wrapped("101")
    config = world.settings(LEVERAGED, ENTRY.format(exit="401", least="480", days=1))
    world.run(config)

    assert 1 == world.states().count(COMMITTED), world.notes("FAILURE") + world.notes("MISMATCH")
    assert 7 == world.states().count(f"{Full.ATOMIC}.REHEARSE.DONE")
    moved = world.moves()
    assert -100_200_000_000_000_000_000 == moved["wallet:BaseToken:WETH"]  # 0.2 is the premium
    assert 0 == moved["flash:debt:WETH"]
    collateral, debt = scaled(world, aave.a_tokens["wstETH"]), scaled(world, aave.debts["WETH"])
    assert collateral == moved["aave_v3:aToken:aweETH"]
    assert debt == moved["aave_v3:debtToken:vDebtWETH"]
    assert 462_962_962_962_962_962_000 < collateral <= 462_962_962_962_962_962_962
    delegate = world.market.delegate[2:].lower()
    assert f"0xef0100{delegate}" == world.rpc("eth_getCode", WALLET, "latest")

    world.rpc("evm_increaseTime", DAY_S + 1)
    world.rpc("evm_mine")
    before = world.balance(world.weth)
    world.run(config)

    assert 2 == world.states().count(COMMITTED), world.notes("FAILURE") + world.notes("MISMATCH")
    assert 0 == scaled(world, aave.a_tokens["wstETH"]) == scaled(world, aave.debts["WETH"])
    won = world.moves()["wallet:BaseToken:WETH"] - moved["wallet:BaseToken:WETH"]
    assert before + won == world.balance(world.weth)
    assert won > 90 * 10**18


def test_a_failing_inner_call_leaves_nothing_but_gas_and_nonce(world: World) -> None:
    """What was rehearsed well fails when it is mined: the oracle breaks in between."""
    rpc = world.rpc
    world.wrapped("101")
    before, nonce = world.balance(world.weth), nonce_of(world)
    world.mining(on=False)
    config = world.settings(LEVERAGED, ENTRY.format(exit="401", least="480", days=0))
    process = begun(config, world.log)
    try:
        waited(lambda: rpc("txpool_status")["pending"] == "0x1")
        rpc("anvil_setCode", world.market.aave.feeds["WETH"], "0x60006000fd")
        rpc("evm_mine")
        process.wait(PATIENCE_S)
    finally:
        process.kill()
        process.wait()

    assert ROLLED_BACK in world.states(), world.states()[-10:]
    assert before == world.balance(world.weth)
    assert nonce + 2 == nonce_of(world)  # its own, and that of the consent to the executor
    assert {"wallet:BaseToken:ETH"} == set(world.moves())
    assert "reverted in block" in "".join(world.notes("FAILURE"))


def test_a_step_that_would_fail_is_found_in_the_rehearsal_and_nothing_is_sent(world: World) -> None:
    nonce = nonce_of(world)
    steps = (
        Wrap(account=A, asset="ETH", into="WETH", amount=Decimal(2)),
        Supply(account=A, market="aave_v3", asset="WETH", amount=Decimal(2)),
        Borrow(account=A, market="aave_v3", asset="USDC", amount=Decimal(4_000)),
    )
    world.run(world.planning([Chain(kind=Atomicity.ONE_TX, steps=steps)]))

    assert ROLLED_BACK in world.states()
    assert "rehearsal of step 3" in "".join(world.notes("FAILURE"))
    assert nonce == nonce_of(world)


@pytest.mark.parametrize("times", [1, 2])
def test_a_chain_of_steps_is_one_transaction(times: int, world: World) -> None:
    """The first lets the account delegate to the executor; the second finds that done."""
    nonce = nonce_of(world)
    steps = (
        Wrap(account=A, asset="ETH", into="WETH", amount=Decimal(2)),
        Supply(account=A, market="aave_v3", asset="WETH", amount=Decimal(2)),
        Borrow(account=A, market="aave_v3", asset="USDC", amount=Decimal(1_000)),
    )
    world.run(world.planning([Chain(kind=Atomicity.ONE_TX, steps=steps)] * times))

    assert times == world.states().count(COMMITTED), world.notes("FAILURE")
    assert times * 1_000 * 10**6 == world.balance(world.market.tokens.of["USDC"])
    assert nonce + times + 1 == nonce_of(world)
