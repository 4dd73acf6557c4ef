"""Leveraged staking: 100 WETH at five times, in one flash-loan transaction, and out again.

The chain is ONE_TX: it is rehearsed step by step on a fork, each step verified, and then
sent as one transaction that takes effect whole or not at all. Steps whose amount is known
only while they run are late-bound: "wrap what step B3 gave".
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from verifill import (
    MAX,
    Atomicity,
    Borrow,
    Chain,
    FlashBorrow,
    FlashRepay,
    Instruction,
    Late,
    MarketView,
    Plan,
    PlanReport,
    Positions,
    Repay,
    Stake,
    Supply,
    Swap,
    Unwrap,
    Withdraw,
    Wrap,
)

DAY_NS = 86_400 * 10**9
MARKET = "aave_v3"


class LeveragedStaking:
    """Enters on the first tick, leaves after `hold_days`.

    Args:
        capital: WETH of one's own.
        flash: WETH borrowed for the transaction, and then from the lending market.
        min_wrapped: least weETH that the wrapping must give.
        flash_exit: WETH borrowed to repay the debt.
        min_swapped: least WETH that the weETH must bring.
        hold_days: days between entry and exit; 0 never leaves.
        account: that acts.
        lender: of the flash loan.
        pool: where the weETH is swapped.
    """

    def __init__(  # noqa: PLR0913 - each is an option of its own
        self,
        *,
        capital: str,
        flash: str,
        min_wrapped: str,
        flash_exit: str = "0",
        min_swapped: str = "0",
        hold_days: int = 0,
        account: str = "dsa",
        lender: str = "morpho",
        pool: str = "curve",
    ) -> None:
        self.capital = Decimal(capital)
        self.flash = Decimal(flash)
        self.min_wrapped = Decimal(min_wrapped)
        self.flash_exit = Decimal(flash_exit)
        self.min_swapped = Decimal(min_swapped)
        self.hold_ns = hold_days * DAY_NS
        self.account = account
        self.lender = lender
        self.pool = pool
        self.entered_ns: int | None = None
        self.left = False

    def state(self) -> Mapping[str, Any]:
        """What it must know after a restart."""
        return {"entered_ns": self.entered_ns, "left": self.left}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Know it again."""
        self.entered_ns, self.left = state["entered_ns"], state["left"]

    def decide(self, market: MarketView, positions: Positions, last: PlanReport) -> Plan:  # noqa: ARG002 - the protocol
        """The way in, then nothing, then the way out."""
        if self.entered_ns is None:
            self.entered_ns = market.time_ns
            return [one_transaction("entry", self.entry())]
        due = self.hold_ns and market.time_ns >= self.entered_ns + self.hold_ns
        if due and last.done and not self.left:
            self.left = True
            return [one_transaction("exit", self.exit())]
        return []

    def entry(self) -> tuple[Instruction, ...]:
        """Borrow, stake all of it, supply that, and borrow what pays the loan back."""
        account, lender = self.account, self.lender
        staked = self.capital + self.flash
        ether, wrapped = f"{account}:BaseToken:eETH", f"{account}:BaseToken:weETH"
        return (
            FlashBorrow(name="B1", account=account, lender=lender, asset="WETH", amount=self.flash),
            Unwrap(name="B2", account=account, asset="WETH", into="ETH", amount=staked),
            Stake(name="B3", account=account, asset="ETH", into="eETH", amount=staked),
            Wrap(
                name="B4",
                account=account,
                asset="eETH",
                into="weETH",
                amount=Late("B3", ether),
                min_out=self.min_wrapped,
            ),
            Supply(
                name="B5", account=account, market=MARKET, asset="weETH", amount=Late("B4", wrapped)
            ),
            Borrow(name="B6", account=account, market=MARKET, asset="WETH", amount=self.flash),
            FlashRepay(name="B7", account=account, lender=lender, asset="WETH", amount=self.flash),
        )

    def exit(self) -> tuple[Instruction, ...]:
        """Borrow, repay all the debt, withdraw everything, swap it, pay the loan back."""
        account, lender = self.account, self.lender
        wrapped = f"{account}:BaseToken:weETH"
        loan = self.flash_exit
        return (
            FlashBorrow(name="X1", account=account, lender=lender, asset="WETH", amount=loan),
            Repay(name="X2", account=account, market=MARKET, asset="WETH", amount=MAX),
            Withdraw(name="X3", account=account, market=MARKET, asset="weETH", amount=MAX),
            Swap(
                name="X4",
                account=account,
                pool=self.pool,
                asset="weETH",
                into="WETH",
                amount=Late("X3", wrapped),
                min_out=self.min_swapped,
            ),
            FlashRepay(name="X5", account=account, lender=lender, asset="WETH", amount=loan),
        )


def one_transaction(name: str, steps: tuple[Instruction, ...]) -> Chain:
    """Steps that the chain itself takes back together."""
    return Chain(name=name, kind=Atomicity.ONE_TX, steps=steps)
