"""What goes wrong on a real node, through the live engine, each with its verdict."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from threading import Thread
from typing import Final

import pytest
from attrs import astuple, frozen

from fixtures.chain.anvil import CHAIN_ID
from fixtures.chain.settings import WALLET
from tests.evm.befalling import CALLED, WRAP
from tests.evm.between import between
from tests.evm.faults import CLEAN, DONE, FAULTS, HELD, LOOP, Fault
from tests.evm.world import PATIENCE_S, World, begun, waited
from verifill.machines.full_loop import Full

TOLD: Final = Path(__file__).parents[2] / "docs" / "reference" / "evm.md"
HEAD: Final = (
    "| what befalls it | the tight loop ends in | keys sent | effects | doubles | skipped | lost |"
)


@frozen
class Came:
    """What came of an order.

    Attributes:
        verdict: where its tight loop has ended.
        intents: keys that were sent under.
        effects: how often it has taken place, counted on the chain.
        doubles: effects beyond the first.
        skipped: verdicts of an effect where there is none, and of none where there is one.
        lost: units that moved on the chain and that the log does not have.
    """

    verdict: str
    intents: int
    effects: int
    doubles: int = 0
    skipped: int = 0
    lost: int = 0


def expected(fault: Fault) -> Came:
    return Came(fault.verdict, fault.intents, fault.effects)


def height(world: World) -> int:
    return int(world.rpc("eth_blockNumber"), 16)


def sent_since(world: World, first: int) -> Iterator[Mapping[str, str]]:
    """The transactions of the wallet in the blocks since one."""
    for number in range(first, height(world) + 1):
        block = world.rpc("eth_getBlockByNumber", hex(number), True)  # noqa: FBT003 - JSON
        yield from (one for one in block["transactions"] if one["from"] == WALLET.lower())


def effects_of(world: World, fault: Fault, first: int) -> int:
    """How often what the order asks for was done: without a look at the log."""
    begins, value = CALLED[fault.instruction]
    done = [
        one
        for one in sent_since(world, first)
        if one["input"].startswith(begins) and int(one["value"], 16) == value
    ]
    receipts = [world.rpc("eth_getTransactionReceipt", one["hash"]) for one in done]
    return sum(int(receipt["status"], 16) for receipt in receipts)


def held(world: World) -> Mapping[str, int]:
    """What the wallet has, by the contracts themselves."""
    debt = world.market.aave.debts["USDC"]
    return {
        "wallet:BaseToken:ETH": int(world.rpc("eth_getBalance", WALLET, "latest"), 16),
        "wallet:BaseToken:WETH": world.balance(world.weth),
        "wallet:BaseToken:USDC": world.balance(world.market.tokens.of["USDC"]),
        "aave_v3:debtToken:vDebtUSDC": int(
            world.admin.ask(debt, "scaledBalanceOf(address)", "uint256", WALLET)
        ),
    }


def came(world: World, fault: Fault) -> Came:
    """Let a fault befall an order, and look at what has come of it."""
    fault.first(world)
    opening, first = held(world), height(world)
    with between(world.node.port, *fault.befalls(world), counts=fault.counts(world)) as way:
        world.way = way
        config = world.planning([*fault.earlier, fault.instruction], url=way.url, **fault.settings)
        world.run(config, ticks=3, until=fault.waits)
    verdict = [state for state in world.states() if state.startswith(LOOP)][-1][len(LOOP) :]
    effects, now, moved = effects_of(world, fault, first + 1), held(world), world.moves()
    intents = {row["intent_id"] for row in world.records() if row["kind"] == "INTENT"}
    return Came(
        verdict,
        len(intents) - len(fault.earlier),
        effects,
        doubles=max(0, effects - 1),
        skipped=int(verdict != HELD and (verdict == CLEAN) == bool(effects)),
        lost=sum(abs(now[key] - opening[key] - moved.get(key, 0)) for key in now),
    )


def told(world: World) -> list[str]:
    """What the log says, for whoever looks why a test failed."""
    return [note for kind in ("FAILURE", "MISMATCH", "HELD") for note in world.notes(kind)]


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_comes_to_its_verdict_with_nothing_double_skipped_or_lost(
    name: str, world: World, tmp_path: Path
) -> None:
    fault = FAULTS[name]
    with World.restartable(tmp_path / "own") if fault.own else nullcontext(world) as one:
        found = came(one, fault)

        assert expected(fault) == found, str((told(one), one.states()[-12:]))
        assert fault.told in "".join(one.notes("FAILURE"))


def test_the_table_of_faults_says_what_is_tested() -> None:
    table = [HEAD, "|---|---|---|---|---|---|---|"]
    table += [
        f"| {name} | " + " | ".join(map(str, astuple(expected(fault)))) + " |"
        for name, fault in FAULTS.items()
    ]

    assert "\n".join(table) in TOLD.read_text()


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
    assert LOOP + DONE in world.states()
    world.rpc("anvil_reorg", 2, [])
    world.mine_now()

    assert "moved between instructions without a ledger row" in halts(config, world)


def test_a_reorganisation_after_it_was_done_halts_this_life(world: World) -> None:
    """It is no order under way any more: what it moved is taken back by rows that nobody sent."""

    def replaced() -> None:
        waited(lambda: world.came_to(LOOP + DONE))
        world.rpc("anvil_reorg", 1, [])

    late = Thread(target=replaced)
    late.start()
    world.run(world.planning([WRAP]), ticks=60, until=Full.HALTED)
    late.join()

    assert Full.HALTED in world.states()
    assert "for no instruction" in "".join(world.notes("FAILURE"))
    assert 0 == world.balance(world.weth)


def test_a_node_of_another_chain_is_refused_before_anything_is_sent(world: World) -> None:
    config = world.planning([WRAP])
    config.write_text(config.read_text().replace(f"chain_id = {CHAIN_ID}", "chain_id = 1"))

    assert f"the node is of chain {CHAIN_ID}, not 1" in halts(config, world)


def test_what_waits_in_the_pool_already_keeps_the_lane(world: World) -> None:
    world.mining(on=False)
    asked = {"from": WALLET, "to": WALLET, "value": "0x0", "gas": hex(21_000)}
    world.rpc("eth_sendTransaction", asked)
    world.run(world.planning([WRAP]))

    assert LOOP + CLEAN in world.states()
    assert "waits in the pool" in "".join(world.notes("FAILURE"))
