"""Every operation that a chain as it is supports, by protocol, each verified by the live engine."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

import pytest

from tests.evm.world import World
from verifill import (
    MAX,
    Approve,
    Borrow,
    Instruction,
    InternalTransfer,
    Late,
    Repay,
    SetEMode,
    Stake,
    Supply,
    Swap,
    Unstake,
    Unwrap,
    Withdraw,
    Wrap,
)
from verifill.machines.full_loop import Full
from verifill.venues.instructions import Max

A = "wallet"
D = Decimal
WETH_KEY = "wallet:BaseToken:WETH"


def wrap(amount: str) -> Wrap:
    return Wrap(account=A, asset="ETH", into="WETH", amount=D(amount))


def allow(spender: str, asset: str, amount: str) -> Approve:
    return Approve(account=A, spender=spender, asset=asset, amount=D(amount))


def shares(step: str, asset: str) -> Late:
    return Late(step, f"wallet:BaseToken:{asset}")


def swap(pool: str, asset: str, into: str, amount: str, least: str) -> Swap:
    return Swap(account=A, pool=pool, asset=asset, into=into, amount=D(amount), min_out=D(least))


def to_other(asset: str, amount: str) -> InternalTransfer:
    return InternalTransfer(account=A, to="other", asset=asset, amount=D(amount))


def lent(
    kind: type[Supply | Withdraw | Borrow | Repay], asset: str, amount: Decimal | Max
) -> Instruction:
    return kind(account=A, market="aave_v3", asset=asset, amount=amount)


# One after another in one run: a cell finds what those before it have left.
CELLS: Mapping[str, Sequence[Instruction]] = {
    "native transfer": [to_other("ETH", "1.5")],
    "weth wrap": [wrap("30")],
    "weth unwrap": [Unwrap(account=A, asset="WETH", into="ETH", amount=D("0.5"))],
    "token transfer": [to_other("WETH", "1.5")],
    "approve": [allow("aave_v3", "WETH", "7"), allow("aave_v3", "WETH", "12")],
    "aave supply": [lent(Supply, "WETH", D(10))],
    "aave withdraw": [lent(Withdraw, "WETH", D("0.7"))],
    "aave set emode": [SetEMode(account=A, market="aave_v3", category=1)],
    "aave leave emode": [SetEMode(account=A, market="aave_v3", category=0)],
    "aave borrow": [lent(Borrow, "USDC", D(100))],
    "aave repay": [allow("aave_v3", "USDC", "500"), lent(Repay, "USDC", D(40))],
    "uniswap v3 swap": [
        allow("uniswap_v3", "WETH", "3"),
        swap("uniswap_v3", "WETH", "USDC", "3", "5900"),
    ],
    "aave repay all": [lent(Repay, "USDC", MAX)],
    "aave withdraw all": [lent(Withdraw, "WETH", MAX)],
    "uniswap v2 swap": [
        allow("uniswap_v2", "WETH", "3"),
        swap("uniswap_v2", "WETH", "weETH", "3", "2.7"),
    ],
    "lido stake": [Stake(name="S", account=A, asset="ETH", into="eETH", amount=D(10))],
    "wsteth wrap": [
        allow("weETH", "eETH", "100"),
        Wrap(name="W", account=A, asset="eETH", into="weETH", amount=shares("S", "eETH")),
    ],
    "wsteth unwrap": [
        Unwrap(name="U", account=A, asset="weETH", into="eETH", amount=shares("W", "weETH"))
    ],
    "lido unstake": [
        allow("eETH", "eETH", "100"),
        Unstake(account=A, asset="eETH", into="ETH", amount=shares("U", "eETH")),
    ],
    "ether.fi stake": [Stake(name="FS", account=A, asset="ETH", into="fiETH", amount=D(10))],
    "weeth wrap": [
        allow("wfiETH", "fiETH", "100"),
        Wrap(name="FW", account=A, asset="fiETH", into="wfiETH", amount=shares("FS", "fiETH")),
    ],
    "weeth unwrap": [
        Unwrap(name="FU", account=A, asset="wfiETH", into="fiETH", amount=shares("FW", "wfiETH"))
    ],
    "ether.fi unstake": [
        allow("fiETH", "fiETH", "100"),
        Unstake(account=A, asset="fiETH", into="ETH", amount=shares("FU", "fiETH")),
    ],
}
GAS = "UNWRAP = 150_000, WRAP = 150_000"
SPENDERS = 'wallet = ["aave_v3", "uniswap_v2", "uniswap_v3", "weETH", "wfiETH", "eETH", "fiETH"]'


@pytest.fixture(scope="module")
def lived(market: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A run through every cell."""
    with market.for_a_while(tmp_path_factory.mktemp("cells")) as world:
        plan = [instruction for cell in CELLS.values() for instruction in cell]
        world.run(world.planning(plan, approvals=SPENDERS, gas=GAS))
        yield world


@pytest.mark.parametrize("cell", CELLS)
def test_each_operation_is_verified_to_the_unit(cell: str, lived: World) -> None:
    names = list(CELLS)
    until = sum(len(CELLS[name]) for name in names[: names.index(cell) + 1])
    done = lived.states().count(f"{Full.INSTRUCTION}.DONE")

    assert until <= done, lived.notes("MISMATCH") + lived.notes("FAILURE") + lived.notes("HELD")


def test_after_all_of_it_the_books_are_the_balances(lived: World) -> None:
    moved, tokens = lived.moves(), lived.market.tokens
    asked = {"WETH": tokens.of["WETH"], "USDC": tokens.of["USDC"], "weETH": tokens.of["wstETH"]}

    found = {asset: moved[f"wallet:BaseToken:{asset}"] for asset in asked}
    assert {asset: lived.balance(token) for asset, token in asked.items()} == found
    assert 15 * 10**17 == moved["other:BaseToken:ETH"] == moved["other:BaseToken:WETH"]
    assert 0 == moved["aave_v3:aToken:aWETH"] == moved["aave_v3:debtToken:vDebtUSDC"]
