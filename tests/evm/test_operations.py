"""Every operation that a chain as it is supports, by protocol, each verified by the live engine."""

from collections.abc import Mapping
from decimal import Decimal

import pytest

from fixtures.chain.settings import WALLET
from tests.evm.world import ETHER, World
from verifill import (
    MAX,
    Approve,
    Borrow,
    Claim,
    Instruction,
    InternalTransfer,
    Late,
    Repay,
    Stake,
    Supply,
    Swap,
    Unstake,
    Unwrap,
    Withdraw,
    Wrap,
)
from verifill.machines.full_loop import Full

A = "wallet"
D = Decimal
WETH_KEY = "wallet:BaseToken:WETH"


def wrap(amount: str) -> Wrap:
    return Wrap(account=A, asset="ETH", into="WETH", amount=D(amount))


def allow(spender: str, asset: str, amount: str) -> Approve:
    return Approve(account=A, spender=spender, asset=asset, amount=D(amount))


def supplied(amount: str) -> list[Instruction]:
    supply = Supply(account=A, market="aave_v3", asset="WETH", amount=D(amount))
    return [wrap(amount), allow("aave_v3", "WETH", amount), supply]


def borrowed(amount: str) -> list[Instruction]:
    return [
        *supplied("5"),
        Borrow(account=A, market="aave_v3", asset="USDC", amount=D(amount)),
    ]


def staked(amount: str) -> list[Instruction]:
    return [Stake(name="S", account=A, asset="ETH", into="eETH", amount=D(amount))]


ETH_SHARES = Late("S", "wallet:BaseToken:eETH")
WRAPPED = Wrap(name="W", account=A, asset="eETH", into="weETH", amount=ETH_SHARES)

PLANS: Mapping[str, tuple[list[Instruction], str]] = {
    "native transfer": (
        [InternalTransfer(account=A, to="other", asset="ETH", amount=D("1.5"))],
        "",
    ),
    "token transfer": (
        [wrap("2"), InternalTransfer(account=A, to="other", asset="WETH", amount=D("1.5"))],
        "",
    ),
    "approve": ([allow("aave_v3", "WETH", "7"), allow("aave_v3", "WETH", "3")], "aave_v3"),
    "weth wrap": ([wrap("2")], ""),
    "weth unwrap": (
        [wrap("2"), Unwrap(account=A, asset="WETH", into="ETH", amount=D("0.5"))],
        "",
    ),
    "aave supply": (supplied("2"), "aave_v3"),
    "aave withdraw": (
        [*supplied("2"), Withdraw(account=A, market="aave_v3", asset="WETH", amount=D("0.7"))],
        "aave_v3",
    ),
    "aave withdraw all": (
        [*supplied("2"), Withdraw(account=A, market="aave_v3", asset="WETH", amount=MAX)],
        "aave_v3",
    ),
    "aave borrow": (borrowed("100"), "aave_v3"),
    "aave repay": (
        [
            *borrowed("100"),
            allow("aave_v3", "USDC", "40"),
            Repay(account=A, market="aave_v3", asset="USDC", amount=D(40)),
        ],
        "aave_v3",
    ),
    "aave repay all": (
        [
            *borrowed("100"),
            allow("aave_v3", "USDC", "150"),
            Repay(account=A, market="aave_v3", asset="USDC", amount=MAX),
        ],
        "aave_v3",
    ),
    "uniswap v2 swap": (
        [
            wrap("3"),
            allow("uniswap_v2", "WETH", "3"),
            Swap(
                account=A,
                pool="uniswap_v2",
                asset="WETH",
                into="weETH",
                amount=D(3),
                min_out=D("2.7"),
            ),
        ],
        "uniswap_v2",
    ),
    "uniswap v3 swap": (
        [
            wrap("3"),
            allow("uniswap_v3", "WETH", "3"),
            Swap(
                account=A,
                pool="uniswap_v3",
                asset="WETH",
                into="USDC",
                amount=D(3),
                min_out=D(5_900),
            ),
        ],
        "uniswap_v3",
    ),
    "lido stake": (staked("10"), ""),
    "wsteth wrap": ([*staked("10"), allow("weETH", "eETH", "100"), WRAPPED], "weETH"),
    "wsteth unwrap": (
        [
            *staked("10"),
            allow("weETH", "eETH", "100"),
            WRAPPED,
            Unwrap(
                account=A, asset="weETH", into="eETH", amount=Late("W", "wallet:BaseToken:weETH")
            ),
        ],
        "weETH",
    ),
    "lido unstake": (
        [
            *staked("10"),
            Unstake(account=A, asset="eETH", into="ETH", amount=ETH_SHARES),
        ],
        "",
    ),
}


@pytest.mark.parametrize("cell", PLANS)
def test_each_operation_is_verified_to_the_unit(cell: str, world: World) -> None:
    plan, spender = PLANS[cell]
    approvals = f'wallet = ["{spender}"]' if spender else ""
    ended = world.run(world.planning(plan, approvals=approvals))

    assert "" == ended.reason, world.notes("MISMATCH") + world.notes("FAILURE")
    states = world.states()
    assert len(plan) == states.count(f"{Full.INSTRUCTION}.DONE"), world.notes("FAILURE")
    assert Full.COMPLETE in states


def test_a_queue_pays_what_its_oracle_says(world: World) -> None:
    claim = Claim(account=A, asset="eETH", into="ETH")
    unstake = Unstake(account=A, asset="eETH", into="ETH", amount=ETH_SHARES)
    world.run(world.planning([*staked("10"), unstake]))
    queue = world.market.tokens.staked
    asked = world.admin.ask(queue, "waiting(address)", "uint256", WALLET)
    world.admin.send(queue, "finalize(uint256,uint256)", 0, asked)
    world.folder = world.folder / "later"
    world.folder.mkdir()
    ended = world.run(world.planning([claim]))

    assert "" == ended.reason
    assert f"{Full.INSTRUCTION}.DONE" in world.states(), world.notes("MISMATCH")
    assert asked == -world.moves()["wallet:Claim:eETH"]


def test_a_token_of_the_old_kind_is_approved_by_way_of_zero(world: World) -> None:
    approvals = 'wallet = ["uniswap_v2"]'
    plan = [allow("uniswap_v2", "USDT", amount) for amount in ("5", "0", "9")]
    world.run(world.planning(plan, approvals=approvals))

    assert 3 == world.states().count(f"{Full.INSTRUCTION}.DONE"), world.notes("FAILURE")

    world.folder = world.folder / "straight"
    world.folder.mkdir()
    world.run(world.planning([allow("uniswap_v2", "USDT", "7")], approvals=approvals))

    assert "approve 0 first" in "".join(world.notes("DENIED"))
    assert 0 == world.states().count(f"{Full.INSTRUCTION}.DONE")


def test_fees_and_balances_are_what_the_node_says(world: World) -> None:
    before = int(world.rpc("eth_getBalance", WALLET, "latest"), 16)
    world.run(world.planning([wrap("2"), InternalTransfer(account=A, to="other", asset="WETH", amount=D(1))]))
    after = int(world.rpc("eth_getBalance", WALLET, "latest"), 16)

    assert after - before == world.moves()["wallet:BaseToken:ETH"]
    assert ETHER == world.balance(world.weth) == world.moves()[WETH_KEY]


