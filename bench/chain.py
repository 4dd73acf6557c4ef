"""One tight loop on a chain's node, by part, beside a bare web3.py send-and-wait.

    python -m bench.chain [ORDERS [ROUNDS]]

Both wrap a little ether on a node of our own, which mines as it comes, in turns, in one process.
The bare one asks for nonce and fee, signs, sends, and waits for the receipt: no check before, no
position after, nothing on the disk. Parts are the calls that the engine makes of the adapter; what
is left of the median order is the engine's own: the log with its syncs. What a node has in no block
yet when it is first asked, the engine asks for again a second later; these orders are counted, and
are not in the median. No figure is a test.
"""

import os
import sys
from collections import defaultdict
from collections.abc import Callable, Generator
from contextlib import contextmanager
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, Final

from attrs import define, field
from eth_account import Account
from eth_utils.address import to_checksum_address
from web3 import HTTPProvider, Web3
from web3.types import Wei

from fixtures.chain.anvil import CHAIN_ID, KEYS, anvil
from fixtures.chain.deploy import needed
from fixtures.chain.settings import KEY
from tests.evm.world import World
from verifill import Wrap
from verifill.venues.evm.abi import call_of
from verifill.venues.evm.node import Node
from verifill.venues.evm.venue import EvmChain

ORDERS: Final = 20
ROUNDS: Final = 5
PARTS: Final = ("expect", "seal", "submit", "query", "read", "assess", "margins", "open_orders")
MS: Final = 1_000
SMALL: Final = Decimal("0.001")
POLL_S: Final = 0.001
POLLED_S: Final = 0.5  # an order that took longer has waited for its next question


@define
class Parts:
    """What the adapter's calls took, in seconds, and the trips to the node in them.

    Attributes:
        took: part -> seconds, one for each call.
        asked: part -> trips to the node.
        begun: when each order was resolved.
        last: when the last call ended.
    """

    took: dict[str, list[float]] = field(factory=lambda: defaultdict[str, list[float]](list))
    asked: dict[str, int] = field(factory=lambda: defaultdict[str, int](int))
    begun: list[float] = field(factory=list[float])
    last: float = 0.0
    inside: str = ""

    @property
    def each(self) -> list[float]:
        """Seconds from each order to the next."""
        return [end - begin for begin, end in pairwise([*self.begun, self.last])]


def timed(parts: Parts, name: str) -> Callable[..., Any]:
    """A call of the adapter, measured."""
    plain = getattr(EvmChain, name)

    def measured(*given: Any) -> Any:  # noqa: ANN401 - whatever it is
        outer, parts.inside = parts.inside, name
        begun = perf_counter()
        try:
            return plain(*given)
        finally:
            parts.inside, parts.last = outer, perf_counter()
            if parts.begun:
                parts.took[name].append(parts.last - begun)

    return measured


def begun(parts: Parts) -> Callable[..., Any]:
    """What an order begins with, noting when."""
    plain = EvmChain.resolve

    def resolved(*given: Any) -> Any:  # noqa: ANN401 - likewise
        parts.begun.append(perf_counter())
        return plain(*given)

    return resolved


def counted(parts: Parts, name: str) -> Callable[..., Any]:
    """A trip to the node, counted for the part that takes it."""
    plain = getattr(Node, name)

    def trip(*given: Any) -> Any:  # noqa: ANN401 - likewise
        parts.asked[parts.inside] += bool(parts.begun)
        return plain(*given)

    return trip


@contextmanager
def metered(parts: Parts) -> Generator[None]:
    """Measure the calls that the engine makes of the adapter, once it has an order."""
    put: dict[tuple[type, str], Callable[..., Any]] = {
        (EvmChain, name): timed(parts, name) for name in PARTS
    }
    put[EvmChain, "resolve"] = begun(parts)
    put |= {(Node, name): counted(parts, name) for name in ("call", "asks") if hasattr(Node, name)}
    kept = {(of, name): getattr(of, name) for of, name in put}
    for (of, name), its in put.items():
        setattr(of, name, its)
    try:
        yield
    finally:
        for (of, name), its in kept.items():
            setattr(of, name, its)


def ours(world: World, orders: int) -> Parts:
    """Orders through the live engine, in one plan; of one tick it would stop at a first wait."""
    wrap = Wrap(account="wallet", asset="ETH", into="WETH", amount=SMALL)
    parts = Parts()
    with metered(parts):
        world.run(
            world.planning([wrap] * orders), ticks=2
        )  # of one tick it would stop at the first wait
    done = world.states().count("INSTRUCTION.DONE")
    if done != orders:
        msg = (
            f"{done} of {orders} orders were done: {world.states()[-8:]} {world.notes('MISMATCH')}"
        )
        raise RuntimeError(msg)
    return parts


def bare(world: World, orders: int) -> float:
    """Seconds for each of as many orders by web3.py alone."""
    web3 = Web3(HTTPProvider(world.node.url))
    account = Account.from_key(KEYS[1])
    to, tip = to_checksum_address(world.weth), Wei(10**9)
    begun = perf_counter()
    for _ in range(orders):
        block = web3.eth.get_block("latest")
        raw = account.sign_transaction(
            {
                "type": 2, "chainId": CHAIN_ID, "to": to, "data": call_of("deposit()"),
                "nonce": web3.eth.get_transaction_count(account.address), "gas": 60_000,
                "value": web3.to_wei(SMALL, "ether"), "maxPriorityFeePerGas": tip,
                "maxFeePerGas": Wei(2 * block.get("baseFeePerGas", 0) + tip),
            }
        )  # fmt: skip
        sent = web3.eth.send_raw_transaction(raw.raw_transaction)
        web3.eth.wait_for_transaction_receipt(sent, poll_latency=POLL_S)
    return (perf_counter() - begun) / orders


def main() -> None:
    """Measure, and print a table."""
    orders, rounds = (int(one) for one in [*sys.argv[1:], *map(str, (ORDERS, ROUNDS))][:2])
    why = needed()
    if why:
        sys.exit(why)
    os.environ[KEY] = KEYS[1]
    wholes, bares, waited = list[float](), list[float](), 0
    took: dict[str, list[float]] = defaultdict(list)
    asked: dict[str, list[float]] = defaultdict(list)
    with anvil("--slots-in-an-epoch", "4") as node, TemporaryDirectory() as folder:
        market = World.deployed(node)
        for number in range(rounds):
            own = Path(folder) / str(number)
            own.mkdir()
            with market.for_a_while(own) as world:
                bares.append(bare(world, orders) * MS)
                parts = ours(world, orders)
            wholes.append(median(parts.each) * MS)
            waited += sum(one > POLLED_S for one in parts.each)
            for name in PARTS:
                its = parts.took[name]
                took[name].append(median(its or [0.0]) * len(its) / orders * MS)
                asked[name].append(parts.asked[name] / orders)
    print(f"{orders} orders, {rounds} rounds; median of rounds, ms for each order")
    for name in PARTS:
        if max(took[name]):
            print(f"| {name} | {median(took[name]):.1f} | {median(asked[name]):.1f} |")
    rest = [w - sum(took[n][i] for n in took) for i, w in enumerate(wholes)]
    print(f"| the engine: the log | {median(rest):.1f} | |")
    print(f"| one tight loop | {median(wholes):.1f} | |")
    print(
        f"{waited} of {orders * rounds} orders were in no block yet and were asked for again later"
    )
    ratio = median(ours_ / bare_ for ours_, bare_ in zip(wholes, bares, strict=True))
    print(f"| bare web3.py | {median(bares):.1f} | | ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
