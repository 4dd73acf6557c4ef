"""Taking back what waits in the pool: something that does nothing takes its place."""

from collections.abc import Generator
from dataclasses import replace
from decimal import Decimal
from typing import cast

import pytest

from fixtures.chain.anvil import KEYS
from fixtures.chain.settings import KEY, WALLET
from tests.evm.world import World
from verifill import Wrap
from verifill.assembly.history import prepared
from verifill.assembly.loopback import Hosting
from verifill.config import load_config
from verifill.engine.errors import NotObserved
from verifill.machines.recovery import Found
from verifill.venues.evm.abi import call_of
from verifill.venues.evm.decode import Mined
from verifill.venues.evm.effects import Effects
from verifill.venues.evm.node import Block, Node
from verifill.venues.evm.positions import DEEP, Feed, Json
from verifill.venues.evm.venue import EvmChain
from verifill.venues.orders import Cause, Move, Order, Outcome, Reading
from verifill.ways import way_to

NAME = "a" * 32
WRAP = Wrap(account="wallet", asset="ETH", into="WETH", amount=Decimal(1))


@pytest.fixture
def chain(world: World) -> Generator[EvmChain]:
    config = load_config(world.planning([]))
    hosting = Hosting.of(config, prepared(config, world.folder / "history", None))
    connected = way_to(config, 0, {KEY: KEYS[1]})(hosting, Found(), {})
    connected.refresh()
    yield cast("EvmChain", connected.venues["ethereum"])
    connected.close()


def waiting(chain: EvmChain, world: World) -> Order:
    """An order that waits in the pool."""
    world.mining(on=False)
    order = replace(chain.resolve(WRAP, 1, None), key=NAME)
    order = replace(order, sealed=chain.seal(order))
    assert Outcome.ACCEPTED is chain.submit(order).outcome
    assert Outcome.ACCEPTED is chain.query(order).outcome
    return order


def test_what_does_nothing_is_mined_in_its_place(chain: EvmChain, world: World) -> None:
    world.rpc("anvil_mine", hex(DEEP))
    order = waiting(chain, world)
    assert [NAME] == list(chain.open_orders())
    assert Outcome.ACCEPTED is chain.cancel(NAME).outcome
    world.rpc("evm_mine")
    receipt = chain.query(order)

    assert Outcome.EXPIRED is receipt.outcome
    assert not receipt.retryable  # a reorganisation may still bring the order back
    assert [Cause.GAS] == [move.cause for move in receipt.moves]
    world.rpc("anvil_mine", "0x10")
    assert chain.query(order).retryable
    assert 0 == world.balance(world.weth)
    assert [] == list(chain.open_orders())


def test_a_cancel_that_comes_too_late_leaves_what_was_done(chain: EvmChain, world: World) -> None:
    order = waiting(chain, world)
    world.rpc("evm_mine")
    assert Outcome.ACCEPTED is not chain.cancel(NAME).outcome
    receipt = chain.query(order)

    assert Outcome.EXECUTED is receipt.outcome
    assert 10**18 == world.balance(world.weth)


def test_more_is_offered_up_to_the_cap_and_then_nothing(chain: EvmChain, world: World) -> None:
    order = waiting(chain, world)
    offers = [order.sealed]
    while (more := chain.again(replace(order, sealed=offers[-1]))) and len(offers) < 100:
        offers.append(more)
        assert Outcome.ACCEPTED is chain.submit(replace(order, sealed=more)).outcome

    assert 10 < len(offers) < 100  # from 3 gwei to 200, 15 percent each time
    assert len(offers[-1]) == len(offers)
    assert order.sealed[0] == offers[-1][0]
    world.rpc("anvil_dropAllTransactions")
    assert offers[3] == chain.again(replace(order, sealed=offers[3]))  # in no pool: the same bytes
    assert Outcome.ACCEPTED is chain.submit(replace(order, sealed=offers[3])).outcome
    world.rpc("evm_mine")
    assert () == chain.again(order)  # its nonce is used
    assert Outcome.EXECUTED is chain.query(replace(order, sealed=offers[-1])).outcome


def test_what_is_mined_between_two_questions_is_not_taken_for_replaced(
    chain: EvmChain, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = waiting(chain, world)
    asked = Feed.found

    def mined_meanwhile(feed: Feed, transaction: str) -> tuple[Json | None, Json | None]:
        monkeypatch.setattr(Feed, "found", asked)
        told = feed.found(transaction)
        world.rpc("evm_mine")
        return told

    monkeypatch.setattr(Feed, "found", mined_meanwhile)
    receipt = chain.query(order)

    assert Outcome.EXECUTED is receipt.outcome, receipt.reason


def test_a_nonce_that_seems_used_and_is_not_proves_nothing(
    chain: EvmChain, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its block is replaced by one without it, just when it is asked whether its nonce is used."""
    order = waiting(chain, world)
    raw, asked = order.sealed[-1], Node.nonce
    world.rpc("anvil_dropAllTransactions")

    def mined_for_a_moment(node: Node, address: str, named: str | int = "latest") -> int:
        monkeypatch.setattr(Node, "nonce", asked)
        world.rpc("eth_sendRawTransaction", raw)
        world.rpc("evm_mine")
        nonce = asked(node, address, named)
        world.rpc("anvil_reorg", 1, [])
        return nonce

    monkeypatch.setattr(Node, "nonce", mined_for_a_moment)
    receipt = chain.query(order)

    assert Outcome.UNKNOWN is receipt.outcome, receipt
    assert "seems used" in receipt.reason
    assert (raw,) == chain.again(order)


def test_who_has_used_a_nonce_is_found_by_the_state_that_nodes_keep(
    chain: EvmChain, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of the newest 128 blocks; what is final is some 64 to 96 blocks old."""
    world.rpc("anvil_mine", hex(2 * DEEP))
    order = waiting(chain, world)
    assert Outcome.ACCEPTED is chain.cancel(NAME).outcome
    world.rpc("anvil_mine", hex(96))
    oldest, asked = int(world.rpc("eth_blockNumber"), 16) - 127, Node.nonce

    def kept(node: Node, address: str, named: str | int = "latest") -> int:
        assert isinstance(named, str) or named >= oldest
        return asked(node, address, named)

    monkeypatch.setattr(Node, "nonce", kept)

    assert Outcome.EXPIRED is chain.query(order).outcome


def test_a_consent_that_others_bring_uses_the_place_of_an_order(
    chain: EvmChain, world: World
) -> None:
    order = waiting(chain, world)
    world.rpc("anvil_dropAllTransactions")
    world.consents(KEYS[1], world.market.delegate, payer=KEYS[0])
    receipt = chain.query(order)

    assert Outcome.EXPIRED is receipt.outcome, receipt.reason
    assert () == receipt.moves  # somebody else has paid for it
    assert 0 == world.balance(world.weth)


def test_a_reading_goes_round_in_no_circle_when_what_it_looks_for_is_gone(
    chain: EvmChain, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction that no log tells of is looked for by its nonce."""
    chain.read()
    asked = {"from": WALLET, "to": WALLET, "value": hex(1), "gas": hex(21_000)}
    world.mining(on=False)
    world.rpc("eth_sendTransaction", asked)
    world.rpc("evm_mine")
    counted = Feed.block_of_nonce

    def replaced_meanwhile(feed: Feed, address: str, nonce: int, low: int, high: int) -> int:
        monkeypatch.setattr(Feed, "block_of_nonce", counted)
        world.rpc("anvil_reorg", 1, [])
        return counted(feed, address, nonce, low, high)

    monkeypatch.setattr(Feed, "block_of_nonce", replaced_meanwhile)
    with pytest.raises(NotObserved, match="were replaced while they were read"):
        chain.read()

    assert () == chain.read().rows


def test_what_comes_into_another_block_while_its_depth_is_asked_for_is_looked_for_anew(
    chain: EvmChain, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = waiting(chain, world)
    world.rpc("evm_mine")
    asked = Node.block

    def replaced_meanwhile(node: Node, named: str | int = "latest") -> Block:
        if named == "latest":
            monkeypatch.setattr(Node, "block", asked)
            world.rpc("anvil_reorg", 1, [[order.sealed[-1], 0]])
        return asked(node, named)

    monkeypatch.setattr(Node, "block", replaced_meanwhile)
    receipt = chain.query(order)

    assert Outcome.UNKNOWN is receipt.outcome
    assert "was replaced" in receipt.reason
    assert Outcome.EXECUTED is chain.query(order).outcome


def test_rows_of_blocks_that_are_no_more_are_taken_back(chain: EvmChain, world: World) -> None:
    chain.read()
    order = waiting(chain, world)
    world.rpc("evm_mine")
    before = chain.read()
    assert 10**18 == before.totals["wallet:BaseToken:WETH"]
    world.rpc("anvil_reorg", 1, [])
    world.mine_now()
    gone = chain.read()

    assert {(r.ref, r.key, -r.amount) for r in before.rows} == {
        (r.ref, r.key, r.amount) for r in gone.rows
    }
    assert 0 == gone.totals["wallet:BaseToken:WETH"]

    assert Outcome.ACCEPTED is chain.submit(order).outcome
    world.mine_now()
    assert 10**18 == chain.read().totals["wallet:BaseToken:WETH"]


def told_by(*readings: Reading) -> dict[tuple[str, str], int]:
    """What the rows of readings come to, by reference and position."""
    sums: dict[tuple[str, str], int] = {}
    for row in [row for reading in readings for row in reading.rows]:
        sums[row.ref, row.key] = sums.get((row.ref, row.key), 0) + row.amount
    return sums


def moved_by(chain: EvmChain, order: Order) -> dict[tuple[str, str], int]:
    """What its receipt says, likewise."""
    return {(move.ref, move.key): move.amount for move in chain.query(order).moves}


def comes_again_behind_another(world: World, order: Order) -> None:
    """The newest block is replaced by one in which an approval of somebody else goes before it."""
    data = "0x" + call_of("approve(address,uint256)", WALLET, 5).hex()
    asked = {"from": world.admin.admin, "to": world.weth, "data": data, "gas": hex(60_000)}
    price = {"maxFeePerGas": hex(10**11), "maxPriorityFeePerGas": hex(10**9)}
    world.rpc("anvil_reorg", 1, [[asked | price, 0], [order.sealed[-1], 0]])


def test_what_comes_again_at_another_place_of_its_block_is_told_once(
    chain: EvmChain, world: World
) -> None:
    chain.read()
    order = waiting(chain, world)
    world.rpc("evm_mine")
    before = chain.read()
    comes_again_behind_another(world, order)
    after = chain.read()

    assert told_by(before)
    assert moved_by(chain, order) == told_by(before, after)
    assert {"wallet:BaseToken:ETH"} >= {row.key for row in after.rows}  # its gas, by another fee


def test_a_reading_that_a_reorganisation_spoils_loses_no_row(
    chain: EvmChain, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain.read()
    order = waiting(chain, world)
    world.rpc("evm_mine")
    asked = Effects.moves

    def replaced_meanwhile(effects: Effects, mined: Mined) -> tuple[Move, ...]:
        monkeypatch.setattr(Effects, "moves", asked)
        world.rpc("anvil_reorg", 1, [[order.sealed[-1], 0]])
        return asked(effects, mined)

    monkeypatch.setattr(Effects, "moves", replaced_meanwhile)
    with pytest.raises(NotObserved, match="was replaced while it was read"):
        chain.read()

    assert moved_by(chain, order) == told_by(chain.read())


def test_the_block_that_a_life_begins_with_may_be_replaced(chain: EvmChain, world: World) -> None:
    """What it had in it is taken back, what waits comes as it does, and both are told."""
    world.rpc("anvil_mine", hex(DEEP + 1))  # of older ones the node has no state
    deposit = {"from": WALLET, "to": world.weth, "value": hex(10**18), "gas": hex(60_000)}
    world.rpc("eth_sendTransaction", deposit | {"data": "0x" + call_of("deposit()").hex()})
    world.mine_now()
    opening = chain.read()
    world.mining(on=False)
    world.rpc("anvil_reorg", 2, [])  # it was in one of these two blocks
    gone = chain.read()
    order = waiting(chain, world)
    world.rpc("evm_mine")
    after = chain.read()

    told = told_by(gone, after)
    for key, total in after.totals.items():
        assert total == opening.totals[key] + sum(n for (_, k), n in told.items() if k == key)
    assert [-(10**18)] == [row.amount for row in gone.rows if row.key.endswith("WETH")]
    assert moved_by(chain, order).items() <= told_by(after).items()
