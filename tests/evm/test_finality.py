"""How deep a transaction must be, by operation; and which readings count for it."""

from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve
from eth_account import Account

from fixtures.chain.anvil import KEYS
from fixtures.chain.settings import KEY, WALLET
from tests.evm.world import World, waited
from verifill import Wrap
from verifill.assembly.evm import EvmWay, with_chain
from verifill.assembly.history import prepared
from verifill.assembly.loopback import Hosting
from verifill.config import load_config
from verifill.engine.clock import Times
from verifill.engine.errors import InstructionError
from verifill.venues.evm.keys import LocalSigner, Signer
from verifill.venues.evm.node import HEIGHTS
from verifill.venues.evm.sealing import opened
from verifill.venues.evm.venue import EvmChain
from verifill.venues.orders import Order, Outcome

WRAP = Wrap(account="wallet", asset="ETH", into="WETH", amount=Decimal(1))
Connect = Callable[..., EvmChain]


@pytest.fixture
def connect(world: World) -> Generator[Connect]:
    """Connects to the market, with settings and signers of a test's own."""
    made: list[EvmChain] = []

    def connect(evm: str = "", signers: Mapping[str, Signer] | None = None) -> EvmChain:
        config = load_config(world.planning([], evm=evm))
        hosting = Hosting.of(config, prepared(config, world.folder / "history", None))
        way = EvmWay.of(config, "ethereum", world.node.url, {KEY: KEYS[1]})
        way = evolve(way, signers=signers or way.signers)
        connected = with_chain(hosting, way, {}, inner=None, times=Times())
        connected.refresh()
        made.append(connected.chain)
        return connected.chain

    yield connect
    for one in made:
        one.close()


def submitted(chain: EvmChain) -> Order:
    order = replace(chain.resolve(WRAP, 1, None), key="a" * 32)
    order = replace(order, sealed=chain.seal(order))
    assert Outcome.ACCEPTED is chain.submit(order).outcome
    return order


@pytest.mark.parametrize(("level", "blocks"), [("INCLUDED", 0), ("SAFE", 4), ("FINAL", 8)])
def test_an_order_is_executed_when_its_block_is_as_deep_as_is_asked_for(
    level: str, blocks: int, connect: Connect, world: World
) -> None:
    """The node's epochs have four blocks: one until a block is safe, two until it is final."""
    chain = connect(f'finality_usual = "INCLUDED"\nfinality = {{ WRAP = "{level}" }}')
    world.mining(on=False)
    order = submitted(chain)
    world.rpc("evm_mine")
    for _ in range(blocks):
        assert Outcome.ACCEPTED is chain.query(order).outcome
        world.rpc("evm_mine")

    assert Outcome.EXECUTED is chain.query(order).outcome


def test_included_asks_for_so_many_blocks_as_are_declared(connect: Connect, world: World) -> None:
    """A reorganisation meanwhile opens it again: the blocks are counted from its new one."""
    chain = connect("confirmations = 3")
    order = submitted(chain)
    waited(lambda: chain.query(order).outcome is Outcome.ACCEPTED)
    world.rpc("evm_mine")
    told = chain.query(order)
    assert Outcome.ACCEPTED is told.outcome
    assert "which is not INCLUDED yet" in told.reason
    world.rpc("anvil_reorg", 2, [])
    assert Outcome.UNKNOWN is chain.query(order).outcome
    assert Outcome.ACCEPTED is chain.submit(order).outcome
    waited(lambda: chain.query(order).outcome is Outcome.ACCEPTED)
    world.rpc("anvil_mine", 2)

    assert Outcome.EXECUTED is chain.query(order).outcome


def test_a_reading_counts_only_from_the_block_of_the_receipt_on(
    connect: Connect, world: World
) -> None:
    """Also where both blocks are of the same second."""
    chain = connect()
    before = chain.read()
    world.mining(on=False)
    order = submitted(chain)
    world.rpc("anvil_setBlockTimestampInterval", 0)
    world.rpc("evm_mine")
    world.rpc("anvil_removeBlockTimestampInterval")
    receipt = chain.query(order)
    after = chain.read()

    assert before.as_of_ns // HEIGHTS == receipt.effect_ns // HEIGHTS  # of one second
    assert not before.shows((), receipt.effect_ns)
    assert after.shows((), receipt.effect_ns)


class Outside:
    """Signs somewhere else; the engine is given no key."""

    def __init__(self) -> None:
        self._far = LocalSigner(Account.from_key(KEYS[1]))
        self.asked: list[Mapping[str, Any]] = []

    @property
    def address(self) -> str:
        return self._far.address

    def sign(self, transaction: Mapping[str, Any]) -> bytes:
        self.asked.append(transaction)
        return self._far.sign(transaction)

    def authorize(self, chain_id: int, delegate: str, nonce: int) -> Mapping[str, Any]:
        return self._far.authorize(chain_id, delegate, nonce)


def test_somebody_outside_can_sign(connect: Connect) -> None:
    outside = Outside()
    chain = connect(signers={"wallet": outside})
    assert () == chain.start_up_failures()
    order = submitted(chain)

    assert [WALLET] == [opened(raw).sender for raw in order.sealed]
    assert [0] == [asked["nonce"] - opened(order.sealed[0]).nonce for asked in outside.asked]


def test_whom_nobody_signs_for_sends_nothing(connect: Connect) -> None:
    chain = connect(signers={"other": Outside()})
    order = replace(chain.resolve(WRAP, 1, None), key="a" * 32)
    with pytest.raises(InstructionError, match="nobody signs for 'wallet'"):
        chain.seal(order)

    assert ("ethereum: the key of other is of another address",) == chain.start_up_failures()
