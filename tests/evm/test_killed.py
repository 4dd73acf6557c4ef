"""A process that is killed between broadcast and receipt: the next one finds one effect."""

import os
import signal
from decimal import Decimal

import pytest

from fixtures.chain.settings import WALLET
from tests.evm.world import PATIENCE_S, World, begun, waited
from verifill import Wrap
from verifill.machines.full_loop import Full


@pytest.mark.parametrize("mined", ["while it is dead", "when it is back", "never, it was dropped"])
def test_killed_after_the_broadcast_there_is_one_effect(mined: str, world: World) -> None:
    rpc = world.rpc
    wrap = Wrap(account="wallet", asset="ETH", into="WETH", amount=Decimal(2))
    config = world.planning([wrap])
    nonce = int(rpc("eth_getTransactionCount", WALLET, "latest"), 16)
    world.mining(on=False)
    process = begun(config, world.log)
    try:
        waited(lambda: rpc("txpool_status")["pending"] == "0x1")
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    if mined == "while it is dead":
        rpc("evm_mine")
    elif mined == "never, it was dropped":
        rpc("anvil_dropAllTransactions")
    world.mining(on=True)
    again = begun(config, world.log)
    try:
        if mined == "when it is back":
            waited(lambda: world.came_to(Full.RECOVER))
            rpc("evm_mine")
        assert 0 == again.wait(PATIENCE_S)
    finally:
        again.kill()
        again.wait()

    assert nonce + 1 == int(rpc("eth_getTransactionCount", WALLET, "latest"), 16)
    assert 2 * 10**18 == world.balance(world.weth)
    assert f"{Full.INSTRUCTION}.DONE" in world.states()
    assert 1 == len([row for row in world.records() if row["kind"] == "INTENT"])
