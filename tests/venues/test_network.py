"""What is between venues: it leaves one account, is in transit, and arrives when it is due."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.venues.exchanges import summed
from verifill.venues.orders import Cause, Move
from verifill.venues.simulated.ledger import Accounts
from verifill.venues.simulated.network import Network, Passage

WALLET = "wallet:BaseToken:USDT"
IN_TRANSIT = "in_transit:wallet:USDT"


def connected() -> tuple[Network, Accounts]:
    """A network with one destination."""
    wallet = Accounts({WALLET: 0})

    def credit(passage: Passage) -> Move:
        wallet.post(passage.ref, WALLET, passage.amount, Cause.TRANSFER)
        return Move(passage.ref, WALLET, passage.amount, Cause.TRANSFER)

    network = Network([("wallet", "USDT"), ("exchange", "USDT")])
    network.connect("wallet", credit)
    return network, wallet


def passage(ref: str = "w1", amount: int = 5, due_ns: int = 100) -> Passage:
    return Passage(ref=ref, asset="USDT", amount=amount, to="wallet", due_ns=due_ns)


@pytest.mark.parametrize(
    ("to", "asset", "reached"),
    [
        ("wallet", "USDT", True),
        ("wallet", "ETH", False),
        ("exchange", "USDT", False),
        ("moon", "USDT", False),
    ],
    ids=["a route", "no route for the asset", "nobody there", "nowhere"],
)
def test_a_destination_is_reached_by_a_route_with_somebody_at_its_end(
    to: str, asset: str, *, reached: bool
) -> None:
    network, _ = connected()

    assert reached == network.reaches(to, asset)


def test_what_was_sent_is_in_transit() -> None:
    network, wallet = connected()
    move = network.send(passage())

    assert Move("w1", IN_TRANSIT, 5, Cause.TRANSFER) == move
    assert {IN_TRANSIT: 5, "in_transit:exchange:USDT": 0} == network.read().totals
    assert 0 == wallet.totals[WALLET]
    assert None is network.arrival("w1")
    assert 100 == network.due_ns


def test_it_arrives_when_it_is_due_and_not_before() -> None:
    network, wallet = connected()
    network.send(passage())
    network.advance(99)
    assert 0 == wallet.totals[WALLET]
    network.advance(100)

    assert 5 == wallet.totals[WALLET]
    assert 0 == network.read().totals[IN_TRANSIT]
    assert None is network.due_ns
    arrival = network.arrival("w1")
    assert arrival is not None
    assert 100 == arrival.time_ns
    left, arrived = arrival.moves
    assert (IN_TRANSIT, -5, WALLET, 5) == (left.key, left.amount, arrived.key, arrived.amount)


def test_it_arrives_once() -> None:
    network, wallet = connected()
    network.send(passage())
    network.advance(100)
    network.advance(200)

    assert 5 == wallet.totals[WALLET]


def test_a_network_with_nothing_under_way_lets_time_pass() -> None:
    network, _ = connected()
    network.advance(7)

    assert (7, ()) == (network.read().as_of_ns, network.read().rows)


@given(st.lists(st.tuples(st.integers(1, 99), st.integers(0, 20)), max_size=10))
def test_nothing_is_lost_on_the_way(passages: list[tuple[int, int]]) -> None:
    network, wallet = connected()
    for index, (amount, due_ns) in enumerate(passages):
        network.send(passage(f"w{index}", amount, due_ns))
    for now_ns in range(21):
        network.advance(now_ns)
        arrived = sum(amount for amount, due_ns in passages if due_ns <= now_ns)
        assert arrived == wallet.totals[WALLET]

    assert {} == summed(network.read().rows)
