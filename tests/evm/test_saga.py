"""The same target by single transactions: rounds of stake, supply, borrow, and all of it back."""

from decimal import Decimal
from typing import Final

from fixtures.chain.settings import WALLET
from tests.evm.world import World
from verifill import (
    MAX,
    Atomicity,
    Borrow,
    Chain,
    Late,
    Repay,
    Stake,
    Step,
    Supply,
    Swap,
    Undo,
    Unwrap,
    Withdraw,
    Wrap,
)
from verifill.machines.full_loop import Full

A: Final = "wallet"
ALLOWED: Final = 'wallet = ["aave_v3", "weETH", "uniswap_v2"]'

# Of the first round, which is the last to be taken back: with the interest of all of them.
ALL_BACK: Final = Repay(account=A, market="aave_v3", asset="WETH", amount=MAX)
ALL_OUT: Final = Withdraw(account=A, market="aave_v3", asset="weETH", amount=MAX)


def loop(number: int, amount: str, borrowed: str) -> list[Step]:
    """Unwrap, stake, wrap, supply, borrow; what was staked is sold to take it back."""
    key = f"{A}:BaseToken:weETH"
    staked, wrapped = Late(f"S{number}", f"{A}:BaseToken:eETH"), Late(f"W{number}", key)
    sale = Swap(
        account=A,
        pool="uniswap_v2",
        asset="weETH",
        into="WETH",
        amount=wrapped,
        min_out=Decimal(amount) * Decimal("0.9"),
    )
    return [
        Step(
            Unwrap(account=A, asset="WETH", into="ETH", amount=Decimal(amount)), undo=Undo.NOTHING
        ),
        Step(
            Stake(name=f"S{number}", account=A, asset="ETH", into="eETH", amount=Decimal(amount)),
            undo=Undo.NOTHING,
        ),
        Step(
            Wrap(name=f"W{number}", account=A, asset="eETH", into="weETH", amount=staked), undo=sale
        ),
        Step(
            Supply(account=A, market="aave_v3", asset="weETH", amount=wrapped),
            undo=Undo.REVERSE if number > 1 else ALL_OUT,
        ),
        Step(
            Borrow(account=A, market="aave_v3", asset="WETH", amount=Decimal(borrowed)),
            undo=Undo.REVERSE if number > 1 else ALL_BACK,
        ),
    ]


def allowed(world: World) -> None:
    approve, many = "approve(address,uint256)", 1_000 * 10**18
    tokens, aave = world.market.tokens, world.market.aave
    for token, spender in (
        (tokens.staked, tokens.of["wstETH"]),
        (tokens.of["wstETH"], aave.pool),
        (tokens.of["WETH"], aave.pool),
        (tokens.of["wstETH"], world.market.uniswap.v2_router),
    ):
        world.admin.send(token, approve, spender, many, sender=WALLET)


def test_two_rounds_of_leverage_by_single_transactions(world: World) -> None:
    world.wrapped("10")
    allowed(world)
    steps = (*loop(1, "10", "8"), *loop(2, "8", "6.4"))
    world.run(world.planning([Chain(kind=Atomicity.SAGA, steps=steps)], approvals=ALLOWED))

    assert f"{Full.ATOMIC}.COMMITTED" in world.states(), world.notes("FAILURE")
    debt = world.market.aave.debts["WETH"]
    owed = int(world.admin.ask(debt, "balanceOf(address)", "uint256", WALLET))
    assert abs(owed - 144 * 10**17) < 10**15  # and the interest


def test_a_failure_in_the_third_round_is_taken_back_newest_first(world: World) -> None:
    world.wrapped("11")  # what was staked is sold for a little less than was borrowed
    allowed(world)
    rounds = (*loop(1, "10", "8"), *loop(2, "8", "6.4"), *loop(3, "6.4", "500"))
    world.run(world.planning([Chain(kind=Atomicity.SAGA, steps=rounds)], approvals=ALLOWED))

    assert f"{Full.ATOMIC}.ROLLED_BACK" in world.states(), world.notes("FAILURE")
    assert 8 == world.states().count(f"{Full.ATOMIC}.COMPENSATE.DONE")
    for key in ("aave_v3:aToken:aweETH", "aave_v3:debtToken:vDebtWETH", f"{A}:BaseToken:weETH"):
        assert abs(world.moves()[key]) < 10**14, key  # interest, and a rounding each time
    assert world.balance(world.weth) > 108 * 10**17  # a pool's fee, three times
