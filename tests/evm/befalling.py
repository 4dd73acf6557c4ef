"""What befalls an order on a chain: on its way, in the pool, in blocks, by protocols."""

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from threading import Timer
from typing import Final

from eth_account import Account
from eth_utils.address import to_checksum_address

from fixtures.chain.anvil import CHAIN_ID, KEYS
from fixtures.chain.settings import WALLET
from tests.evm.between import Befall, Onward
from tests.evm.world import World, waited
from verifill import Borrow, InternalTransfer, Supply, Swap, Wrap
from verifill.venues.evm.abi import call_of, selector
from verifill.venues.instructions import Instruction

A: Final = "wallet"
GWEI: Final = 10**9
ETHER: Final = 10**18
SHORTLY_S: Final = 0.3
HANGS_S: Final = 2.5  # longer than whoever asks it is patient
WRAP: Final = Wrap(account=A, asset="ETH", into="WETH", amount=Decimal(2))
SUPPLY: Final = Supply(account=A, market="aave_v3", asset="WETH", amount=Decimal(1))
BORROW: Final = Borrow(account=A, market="aave_v3", asset="USDC", amount=Decimal(100))
GIFT: Final = InternalTransfer(account=A, to="other", asset="ETH", amount=Decimal(2))
SWAP: Final = Swap(
    account=A,
    pool="uniswap_v2",
    asset="WETH",
    into="weETH",
    amount=Decimal(1),
    min_out=Decimal("0.8"),
)
CALLED: Final[Mapping[Instruction, tuple[str, int]]] = {
    WRAP: ("0x" + selector("deposit()").hex(), 2 * ETHER),
    SUPPLY: ("0x" + selector("supply(address,uint256,address,uint16)").hex(), 0),
    BORROW: ("0x" + selector("borrow(address,uint256,uint256,uint16,address)").hex(), 0),
    GIFT: ("0x", 2 * ETHER),
    SWAP: (
        "0x"
        + selector("swapExactTokensForTokens(uint256,uint256,address[],address,uint256)").hex(),
        0,
    ),
}
"""How the transaction of an order begins, and the ether that goes with it."""
Act = Callable[[World], None]


def nothing(world: World) -> None:
    del world


def nonce_of(world: World) -> int:
    return int(world.rpc("eth_getTransactionCount", WALLET, "latest"), 16)


def hash_in(said: bytes) -> str:
    return str(json.loads(said)["result"])


def sent_on(world: World, onward: Onward) -> bytes:
    """It comes to the node and into a block."""
    said = onward()
    waited(lambda: world.rpc("eth_getTransactionReceipt", hash_in(said)) is not None)
    return said


def before(act: Act) -> Callable[[World], Sequence[Befall]]:
    """After it was signed and before it is mined, something happens to the world."""

    def befalling(world: World) -> Sequence[Befall]:
        def befall(onward: Onward) -> bytes:
            act(world)
            return onward()

        return (befall,)

    return befalling


def after(act: Act) -> Callable[[World], Sequence[Befall]]:
    """Once the node has it, something happens to the world."""

    def befalling(world: World) -> Sequence[Befall]:
        def befall(onward: Onward) -> bytes:
            said = onward()
            act(world)
            return said

        return (befall,)

    return befalling


def plainly(*befalls: Befall) -> Callable[[World], Sequence[Befall]]:
    return lambda _: befalls


# The way to the node, and the node.


def hung(*, taken: bool) -> Callable[[World], Sequence[Befall]]:
    """The node accepts and never answers, this send and whatever is asked for a while."""

    def befalling(world: World) -> Sequence[Befall]:
        def befall(onward: Onward) -> None:
            if taken:
                sent_on(world, onward)
            assert world.way is not None
            world.way.hang(HANGS_S)

        return (befall,)

    return befalling


def killed(*, gently: bool) -> Callable[[World], Sequence[Befall]]:
    """The node ends with its state on the disk, or without what it had in its pool."""

    def befalling(world: World) -> Sequence[Befall]:
        def befall(onward: Onward) -> None:
            if gently:
                sent_on(world, onward)
            else:
                onward()
            world.node.end(gently=gently)
            Timer(SHORTLY_S, world.restart).start()

        return (befall,)

    return befalling


# The pool.


def waits(world: World) -> None:
    world.mining(on=False)


def waits_on_a_longer_chain(world: World) -> None:
    """A node that was given a state has none of older blocks."""
    world.rpc("anvil_mine", hex(64))
    waits(world)


def dropped(world: World) -> Sequence[Befall]:
    def befall(onward: Onward) -> bytes:
        said = onward()
        assert world.rpc("anvil_dropTransaction", hash_in(said)) == hash_in(said)
        world.mining(on=True)
        return said

    return (befall,)


def dearer(world: World) -> None:
    """The fee rises above what it offers."""
    world.rpc("anvil_setNextBlockBaseFeePerGas", hex(20 * GWEI))
    world.rpc("evm_mine")


def outrun(world: World) -> None:
    """Likewise, when it waits in the pool already."""
    dearer(world)  # in a block without it
    world.mining(on=True)


def signed(
    world: World, data: bytes = b"", to: str = WALLET, value: int = 0, price: int = 50 * GWEI
) -> str:
    """A transaction of the wallet that somebody else makes with its key."""
    raw = Account.from_key(KEYS[1]).sign_transaction(
        {
            "type": 2, "chainId": CHAIN_ID, "nonce": nonce_of(world), "data": data,
            "to": to_checksum_address(to), "value": value, "gas": 100_000,
            "maxFeePerGas": price, "maxPriorityFeePerGas": price,
        }
    )  # fmt: skip
    return f"0x{raw.raw_transaction.hex()}"


def trading(world: World) -> None:
    """The wallet has something to swap; what it sends waits in the pool."""
    world.wrapped("5")
    router = world.market.uniswap.v2_router
    world.admin.send(world.weth, "approve(address,uint256)", router, 5 * ETHER, sender=WALLET)
    world.mining(on=False)


def outlived(world: World) -> None:
    """The next block is of a time after its deadline."""
    world.rpc("evm_increaseTime", 700)
    world.rpc("evm_mine")
    world.mining(on=True)


def taken_by_nothing(world: World) -> None:
    world.rpc("eth_sendRawTransaction", signed(world))
    world.rpc("evm_mine")
    world.mining(on=True)


def taken_for_good(world: World) -> None:
    """It is final: no reorganisation gives its place back."""
    taken_by_nothing(world)
    world.rpc("anvil_mine", hex(16))


def taken_by_another(world: World) -> None:
    another = signed(world, call_of("deposit()"), world.weth, ETHER)
    world.rpc("eth_sendRawTransaction", another)
    world.rpc("evm_mine")
    world.mining(on=True)


def behind_a_nothing(world: World) -> Sequence[Befall]:
    """Before its nonce is asked for, another one is used, for what does and costs nothing."""

    def befall(onward: Onward) -> bytes:
        mined_for_nothing(world)
        return onward()

    return (befall,)


def mined_for_nothing(world: World) -> None:
    world.mining(on=False)
    world.rpc("anvil_setNextBlockBaseFeePerGas", "0x0")
    world.rpc("eth_sendRawTransaction", signed(world, price=0))
    world.rpc("evm_mine")
    world.mining(on=True)


def gap_that_stays(world: World) -> Sequence[Befall]:
    """A reorganisation takes the transaction before it away: it waits behind a gap."""

    def befall(onward: Onward) -> bytes:
        world.rpc("anvil_reorg", 1, [])
        said = onward()
        assert {"pending": "0x0", "queued": "0x1"} == world.rpc("txpool_status")
        return said

    return (befall,)


def gap_that_is_filled(world: World) -> Sequence[Befall]:
    """Likewise, of a transaction of ours; after a while it is in a block again."""
    raw: list[str] = []

    def earlier(onward: Onward) -> bytes:
        said = sent_on(world, onward)
        raw.append(world.rpc("eth_getRawTransactionByHash", hash_in(said)))
        return said

    def befall(onward: Onward) -> bytes:
        fee = world.base_fee
        world.rpc("anvil_reorg", 1, [])
        said = onward()
        assert {"pending": "0x0", "queued": "0x1"} == world.rpc("txpool_status")

        def filled() -> None:
            world.rpc("anvil_setNextBlockBaseFeePerGas", fee)  # it costs what it had cost
            world.rpc("eth_sendRawTransaction", raw[0])

        Timer(SHORTLY_S, filled).start()
        return said

    return earlier, befall


# The chain.


def reorganised(*, back: bool) -> Callable[[World], Sequence[Befall]]:
    """Its block is replaced before it is deep enough, with it or without it."""

    def befalling(world: World) -> Sequence[Befall]:
        def deepened(onward: Onward) -> bytes:
            said = sent_on(world, onward)
            world.rpc("anvil_mine", "0x10")
            return said

        def befall(onward: Onward) -> bytes:
            said = sent_on(world, onward)
            raw = world.rpc("eth_getRawTransactionByHash", hash_in(said))

            def replaced() -> None:
                world.rpc("anvil_reorg", 1, [[raw, 0]] if back else [])
                if back:
                    world.rpc("anvil_mine", "0x10")

            Timer(SHORTLY_S, replaced).start()
            return said

        return (befall, deepened)

    return befalling


def becomes_dear(world: World) -> None:
    """The receiver lets a contract's code run when it is paid: that takes more than was signed."""
    world.consents(KEYS[2], world.weth, payer=KEYS[0])


# The protocols.


def owning(world: World) -> None:
    """The wallet has supplied something, and allows more to be taken."""
    world.wrapped("5")
    pool = world.market.aave.pool
    world.admin.send(world.weth, "approve(address,uint256)", pool, 5 * ETHER, sender=WALLET)
    supply = "supply(address,uint256,address,uint16)"
    world.admin.send(pool, supply, world.weth, 2 * ETHER, WALLET, 0, sender=WALLET)


def paused(world: World) -> None:
    pause = "setReservePause(address,bool)"
    world.admin.send(world.market.aave.configurator, pause, world.weth, True)  # noqa: FBT003 - of the contract


def capped(world: World) -> None:
    cap = "setSupplyCap(address,uint256)"
    world.admin.send(world.market.aave.configurator, cap, world.weth, 1)


def oracle_broken(world: World) -> None:
    world.rpc("anvil_setCode", world.market.aave.feeds["WETH"], "0x60006000fd")


def poor(world: World) -> None:
    world.rpc("anvil_setBalance", WALLET, hex(10**15))


def owning_and(act: Act) -> Act:
    def both(world: World) -> None:
        owning(world)
        act(world)

    return both
