"""The saga twin of leveraged_staking.py: the same target by rounds of separate steps.

Without a flash loan the position is built by rounds: unwrap, stake, wrap, supply, borrow,
and again with what was borrowed. Each step is a transaction of its own, verified before
the next. If one fails, the steps before it are taken back, newest first. Staking has no
reverse but a queue of days, so its undo is a sale of the token; the steps around it are
taken back by that sale too.
"""

from decimal import Decimal

from verifill import (
    Atomicity,
    Borrow,
    Chain,
    Late,
    MarketView,
    Plan,
    PlanReport,
    Positions,
    Stake,
    Step,
    Supply,
    Swap,
    Undo,
    Unwrap,
    Wrap,
)

ACCOUNT = "dsa"
MARKET = "aave_v3"


class LeveragedStakingSaga:
    """Enters on the first tick, in rounds.

    Args:
        capital: WETH of one's own.
        loan_to_value: part of each round that is borrowed for the next one.
        rounds: how many.
    """

    def __init__(self, capital: str, loan_to_value: str, rounds: int) -> None:
        self.capital = Decimal(capital)
        self.loan_to_value = Decimal(loan_to_value)
        self.rounds = rounds
        self.entered = False

    def decide(self, market: MarketView, positions: Positions, last: PlanReport) -> Plan:  # noqa: ARG002 - the protocol
        """All rounds as one saga."""
        if self.entered:
            return []
        self.entered = True
        steps: list[Step] = []
        amount = self.capital
        for number in range(1, self.rounds + 1):
            borrowed = amount * self.loan_to_value
            steps += a_round(f"R{number}", amount, borrowed)
            amount = borrowed
        return [Chain(name="rounds", kind=Atomicity.SAGA, steps=tuple(steps))]


def a_round(name: str, amount: Decimal, borrowed: Decimal) -> list[Step]:
    """Stake an amount, supply it, borrow against it."""
    ether, staked, wrapped = (f"{ACCOUNT}:BaseToken:{asset}" for asset in ("ETH", "eETH", "weETH"))
    unwrap = Unwrap(name=f"{name}.unwrap", account=ACCOUNT, asset="WETH", into="ETH", amount=amount)
    stake = Stake(
        name=f"{name}.stake",
        account=ACCOUNT,
        asset="ETH",
        into="eETH",
        amount=Late(f"{name}.unwrap", ether),
    )
    sale = Swap(
        account=ACCOUNT,
        pool="eETH",
        asset="eETH",
        into="WETH",
        amount=Late(f"{name}.stake", staked),
        min_out=amount * Decimal("0.99"),
    )
    wrap = Wrap(
        name=f"{name}.wrap",
        account=ACCOUNT,
        asset="eETH",
        into="weETH",
        amount=Late(f"{name}.stake", staked),
    )
    supply = Supply(
        name=f"{name}.supply",
        account=ACCOUNT,
        market=MARKET,
        asset="weETH",
        amount=Late(f"{name}.wrap", wrapped),
    )
    borrow = Borrow(
        name=f"{name}.borrow", account=ACCOUNT, market=MARKET, asset="WETH", amount=borrowed
    )
    return [
        Step(unwrap, Undo.NOTHING),
        Step(stake, sale),
        Step(wrap),
        Step(supply),
        Step(borrow),
    ]
