"""Buys spot, then shorts as much in three parts; what is missing is what it wants next.

It has no state of its own: after a restart the positions tell what is left to do.
"""

from collections.abc import Mapping
from decimal import Decimal

from verifill import Instruction, MarketView, PerpTrade, PlanReport, Positions, Side, SpotTrade

BEFORE = Decimal(10)  # BTC that was there at the start


class Carry:
    """Cash and carry.

    Args:
        spot: BTC to buy.
        legs: account -> BTC to be short of.
    """

    def __init__(self, spot: str, legs: Mapping[str, str]) -> None:
        self.spot = Decimal(spot)
        self.legs = {account: Decimal(size) for account, size in legs.items()}

    def decide(
        self, market: MarketView, positions: Positions, last: PlanReport
    ) -> list[Instruction]:
        """What is missing."""
        del market, last
        plan: list[Instruction] = []
        if positions["binance.spot:BaseToken:BTC"] == BEFORE:
            plan.append(
                SpotTrade(
                    account="binance.spot",
                    symbol="BTC/USDT",
                    side=Side.BUY,
                    quantity=self.spot,
                )
            )
        for account, size in self.legs.items():
            missing = size + positions[f"{account}:Perp:BTCUSDT"]
            if missing > 0:
                plan.append(
                    PerpTrade(account=account, symbol="BTCUSDT", side=Side.SELL, quantity=missing)
                )
        return plan
