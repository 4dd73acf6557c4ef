"""What goes wrong on a real node, through the live engine, each with its verdict."""

import subprocess
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest
from eth_account import Account
from eth_utils.address import to_checksum_address

from fixtures.chain.anvil import CHAIN_ID, KEYS
from fixtures.chain.settings import WALLET
from tests.evm.between import between
from tests.evm.world import PATIENCE_S, World, begun, waited
from verifill import Borrow, Supply, Wrap
from verifill.machines.full_loop import Full
from verifill.venues.evm.abi import call_of
from verifill.venues.instructions import Instruction

A: Final = "wallet"
GWEI: Final = 10**9
DONE: Final = f"{Full.INSTRUCTION}.DONE"
CLEAN: Final = f"{Full.INSTRUCTION}.FAILED.CLEAN"
WRAP: Final = Wrap(account=A, asset="ETH", into="WETH", amount=Decimal(2))
SHORT: Final = "windows_s = { WRAP = 1 }"


def nonce_of(world: World) -> int:
    return int(world.rpc("eth_getTransactionCount", WALLET, "latest"), 16)


@pytest.mark.parametrize("fault", ["request", "reply", "garbage"])
def test_what_is_lost_on_the_way_has_one_effect(fault: str, world: World) -> None:
    nonce = nonce_of(world)
    with between(world.node.port, fault) as way:
        world.run(world.planning([WRAP], url=way.url), ticks=3)

    assert DONE in world.states(), world.states()[-10:]
    assert 2 * 10**18 == world.balance(world.weth)
    assert nonce + 1 == nonce_of(world)
    assert f"{Full.INSTRUCTION}.RETRY.QUERY" in world.states()


@contextmanager
def pending(world: World, **more: str) -> Generator[Callable[[], None]]:
    """A run in a process of its own whose transaction waits; called, it is waited for."""
    world.mining(on=False)
    process = begun(world.planning([WRAP], **more), world.log)
    try:
        waited(lambda: world.rpc("txpool_status")["pending"] == "0x1")
        yield lambda: waited(lambda: process.poll() is not None)
    finally:
        process.kill()
        process.wait()


def test_what_the_fee_has_outrun_is_replaced_in_its_own_place(world: World) -> None:
    nonce = nonce_of(world)
    with pending(world, chain=SHORT) as ended:
        world.rpc("anvil_setNextBlockBaseFeePerGas", hex(20 * GWEI))
        world.rpc("evm_mine")  # without it: it offers too little
        world.mining(on=True)
        ended()

    assert DONE in world.states(), world.states()[-10:]
    assert nonce + 1 == nonce_of(world)
    assert 2 * 10**18 == world.balance(world.weth)
    assert 1 == len([row for row in world.records() if row["kind"] == "INTENT"])
    repeated = [row for row in world.records() if row["event"] == "repeat"]
    assert repeated
    assert '"sealed":["0x' in (repeated[-1]["payload"] or "")  # before it was sent


def taking(world: World, data: bytes, to: str, value: int) -> None:
    """Take the place of what waits, from outside."""
    raw = Account.from_key(KEYS[1]).sign_transaction(
        {
            "type": 2, "chainId": CHAIN_ID, "nonce": nonce_of(world), "data": data,
            "to": to_checksum_address(to), "value": value, "gas": 100_000,
            "maxFeePerGas": 50 * GWEI, "maxPriorityFeePerGas": 5 * GWEI,
        }
    )  # fmt: skip
    world.rpc("eth_sendRawTransaction", "0x" + raw.raw_transaction.hex())
    world.rpc("evm_mine")


def test_what_a_nothing_has_taken_the_place_of_is_sent_anew_with_a_new_key(world: World) -> None:
    nonce = nonce_of(world)
    before = int(world.rpc("eth_getBalance", WALLET, "latest"), 16)
    with pending(world, chain=SHORT) as ended:
        taking(world, b"", WALLET, 0)
        world.mining(on=True)
        ended()

    assert DONE in world.states(), world.states()[-10:]
    assert nonce + 2 == nonce_of(world)
    assert 2 * 10**18 == world.balance(world.weth)
    assert 2 == len({row["intent_id"] for row in world.records() if row["kind"] == "INTENT"})
    after = int(world.rpc("eth_getBalance", WALLET, "latest"), 16)
    assert after - before == world.moves()["wallet:BaseToken:ETH"]  # the gas of both


def test_what_somebody_else_has_done_in_its_place_is_for_a_person(world: World) -> None:
    with pending(world, chain=SHORT) as _:
        taking(world, call_of("deposit()"), world.weth, 10**18)
        world.mining(on=True)
        waited(lambda: world.came_to(f"{Full.INSTRUCTION}.HELD"))

    assert 10**18 == world.balance(world.weth)
    assert world.notes("CONTRADICTION")


def test_a_reorganisation_before_it_is_deep_enough_is_waited_out(world: World) -> None:
    nonce = nonce_of(world)
    safe = 'finality_usual = "SAFE"'
    with pending(world, chain="windows_s = { WRAP = 1 }", evm=safe) as ended:
        world.rpc("evm_mine")
        assert nonce + 1 == nonce_of(world)
        world.rpc("anvil_reorg", 1, [])
        assert nonce == nonce_of(world)  # it is in no block and in no pool now
        waited(lambda: world.rpc("txpool_status")["pending"] == "0x1")  # it was sent once more
        world.rpc("anvil_mine", "0x10")
        ended()

    assert DONE in world.states(), world.states()[-10:]
    assert 2 * 10**18 == world.balance(world.weth)
    assert nonce + 1 == nonce_of(world)


def halts(config: Path, world: World) -> str:
    """A run that waits for a person; it is ended, and says why it waited."""
    process = begun(config, world.log, stdout=subprocess.PIPE)
    try:
        waited(lambda: world.came_to(Full.HALTED))
    finally:
        process.terminate()
        told, _ = process.communicate(timeout=PATIENCE_S)
    return " ".join(told.decode().split())


def test_a_reorganisation_after_it_was_done_halts_the_next_life(world: World) -> None:
    config = world.planning([WRAP])
    world.run(config)
    assert DONE in world.states()
    world.rpc("anvil_reorg", 2, [])
    world.mine_now()

    assert "moved between instructions without a ledger row" in halts(config, world)


PAUSED: Final = "setReservePause(address,bool)"
CAP: Final = "setSupplyCap(address,uint256)"


def paused(world: World) -> None:
    world.admin.send(world.market.aave.configurator, PAUSED, world.weth, True)  # noqa: FBT003 - of the contract


def capped(world: World) -> None:
    world.admin.send(world.market.aave.configurator, CAP, world.weth, 1)


def oracle_broken(world: World) -> None:
    world.rpc("anvil_setCode", world.market.aave.feeds["WETH"], "0x60006000fd")


def poor(world: World) -> None:
    world.rpc("anvil_setBalance", WALLET, hex(10**15))


SUPPLY: Final = Supply(account=A, market="aave_v3", asset="WETH", amount=Decimal(1))
BORROW: Final = Borrow(account=A, market="aave_v3", asset="USDC", amount=Decimal(100))
REFUSED: Final[Mapping[str, tuple[Callable[[World], None], Instruction, str]]] = {
    "paused market": (paused, SUPPLY, "it would revert now: 29"),
    "supply cap": (capped, SUPPLY, "it would revert now: 51"),
    "oracle failure": (oracle_broken, BORROW, "it would revert now"),
    "no ether": (poor, WRAP, "it would revert now"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_what_would_revert_now_is_denied_and_costs_nothing(fault: str, world: World) -> None:
    befall, instruction, told = REFUSED[fault]
    world.wrapped("5")
    approve, pool = "approve(address,uint256)", world.market.aave.pool
    world.admin.send(world.weth, approve, pool, 5 * 10**18, sender=WALLET)
    supply = "supply(address,uint256,address,uint16)"
    world.admin.send(pool, supply, world.weth, 2 * 10**18, WALLET, 0, sender=WALLET)
    befall(world)
    nonce = nonce_of(world)
    world.run(world.planning([instruction], approvals='wallet = ["aave_v3"]'))

    assert CLEAN in world.states(), world.states()[-8:]
    assert told in "".join(world.notes("FAILURE"))
    assert nonce == nonce_of(world)
    assert not [row for row in world.records() if row["kind"] == "INTENT"]


def test_too_little_gas_is_found_before_it_is_sent(world: World) -> None:
    world.run(world.planning([WRAP], gas="WRAP = 5_000"))

    assert CLEAN in world.states()
    assert "units of gas, declared are 26000" in "".join(world.notes("FAILURE"))


def test_a_node_of_another_chain_is_refused_before_anything_is_sent(world: World) -> None:
    config = world.planning([WRAP])
    config.write_text(config.read_text().replace(f"chain_id = {CHAIN_ID}", "chain_id = 1"))

    assert f"the node is of chain {CHAIN_ID}, not 1" in halts(config, world)


def test_what_waits_in_the_pool_already_keeps_the_lane(world: World) -> None:
    world.mining(on=False)
    asked = {"from": WALLET, "to": WALLET, "value": "0x0", "gas": hex(21_000)}
    world.rpc("eth_sendTransaction", asked)
    world.run(world.planning([WRAP]))

    assert CLEAN in world.states()
    assert "waits in the pool" in "".join(world.notes("FAILURE"))
