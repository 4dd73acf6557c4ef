"""What an attempt at a node amounts to, and what is made of its refusals."""

import socket
from pathlib import Path

import pytest

from fixtures.chain.anvil import Anvil, free_port
from fixtures.chain.settings import WALLET
from tests.evm.befalling import GWEI
from tests.evm.between import between, garbled
from tests.evm.world import World
from verifill.engine.errors import NotObserved
from verifill.venues.evm.node import LostError, Node, NotSentError, RefusedError
from verifill.venues.evm.outcomes import sent
from verifill.venues.evm.rules import Fees
from verifill.venues.orders import Outcome, Trouble

RAW = "0x02"


def test_where_nobody_listens_nothing_has_left() -> None:
    node = Node(f"http://127.0.0.1:{free_port()}/secret", 1)
    try:
        with pytest.raises(NotSentError) as caught:
            node.call("eth_chainId")
        assert "secret" not in str(caught.value)
        receipt = sent(node, RAW)
    finally:
        node.close()

    assert Outcome.DENIED_LOCAL is receipt.outcome
    assert receipt.retryable


def test_a_node_that_hangs_may_have_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        node = Node(f"http://127.0.0.1:{silent.getsockname()[1]}", 0.2)
        try:
            receipt = sent(node, RAW)
            with pytest.raises(NotObserved, match="eth_chainId"):
                node.ask("eth_chainId")
        finally:
            node.close()

    assert Outcome.UNKNOWN is receipt.outcome


def test_a_node_that_says_no_is_no_lost_answer(node: Anvil) -> None:
    one = Node(node.url, 5)
    try:
        with pytest.raises(RefusedError):
            one.call("eth_noSuchThing")
        with pytest.raises(NotObserved, match="there is no block 999999"):
            one.block(999_999)
        receipt = sent(one, RAW)
    finally:
        one.close()

    assert Outcome.UNKNOWN is receipt.outcome  # signed is signed: nothing but its nonce is proof
    assert "not taken" in receipt.reason


def test_an_answer_that_is_none_is_lost(node: Anvil) -> None:
    with between(node.port, garbled) as way:
        one = Node(way.url, 5)
        try:
            with pytest.raises(LostError):
                one.call("eth_sendRawTransaction", RAW)
        finally:
            one.close()


def test_several_questions_are_one_trip_and_all_of_them_have_an_answer_or_none(
    node: Anvil,
) -> None:
    one = Node(node.url, 5)
    try:
        told = one.asks(("eth_chainId", ()), ("eth_blockNumber", ()))
        assert [node.rpc("eth_chainId"), node.rpc("eth_blockNumber")] == told
        with pytest.raises(NotObserved, match="1 answers to 2 questions"):
            one.asks(("eth_chainId", ()), ("eth_nothing", ()))
    finally:
        one.close()


def test_several_questions_to_nobody_are_not_observed() -> None:
    one = Node(f"http://127.0.0.1:{free_port()}", 1)
    try:
        with pytest.raises(NotObserved, match="1 questions: ConnectionError"):
            one.asks(("eth_chainId", ()))
    finally:
        one.close()


@pytest.mark.parametrize(
    ("said", "outcome", "trouble"),
    [
        ("already known", Outcome.ACCEPTED, Trouble.NONE),
        ("transaction already imported", Outcome.ACCEPTED, Trouble.NONE),
        ("nonce too low", Outcome.UNKNOWN, Trouble.NONE),
        ("replacement transaction underpriced", Outcome.UNKNOWN, Trouble.NONE),
        ("insufficient funds for gas", Outcome.UNKNOWN, Trouble.NONE),
        ("Too Many Requests", Outcome.UNKNOWN, Trouble.BUSY),
    ],
)
def test_refusals_of_a_send(said: str, outcome: Outcome, trouble: Trouble) -> None:
    class Refusing(Node):
        def __init__(self) -> None:
            pass

        def call(self, method: str, *params: object) -> object:
            raise RefusedError(method, {"message": said, "params": params})

    receipt = sent(Refusing(), RAW)

    assert (outcome, trouble) == (receipt.outcome, receipt.trouble)


def test_a_replacement_offers_more_and_never_more_than_the_cap() -> None:
    fees = Fees(cap=1_000, tip=10)

    assert (210, 10) == fees.first(100)
    assert (1_000, 10) == fees.first(900)
    assert (242, 12) == fees.more(210, 10, 100)
    assert (412, 12) == fees.more(210, 10, 200)
    assert (1_000, 12) == fees.more(210, 10, 900)
    assert fees.more(900, 10, 100) is None


def test_a_test_leaves_nothing_for_the_next(world: World, tmp_path: Path) -> None:
    """The pool and the next block's fee are not in what a node goes back to by itself."""
    fee = int(world.base_fee, 16)
    with world.for_a_while(tmp_path):
        behind_a_gap = {"from": WALLET, "to": WALLET, "nonce": hex(7), "gas": hex(21_000)}
        world.rpc("eth_sendTransaction", behind_a_gap)
        world.rpc("anvil_setNextBlockBaseFeePerGas", hex(fee + 20 * GWEI))
        world.rpc("evm_mine")
    with world.for_a_while(tmp_path):
        assert {"pending": "0x0", "queued": "0x0"} == world.rpc("txpool_status")
        assert fee == int(world.base_fee, 16)
