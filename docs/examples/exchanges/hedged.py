"""Hedged: so much bitcoin in a spot account, and as much sold in a perpetual beside it.

It has no state of its own: after a restart the positions tell what is left to do. One strategy
for every exchange; the configurations beside it say which. Run one as a backtest first:

    verifill backtest docs/examples/exchanges/binance.toml
"""

from decimal import Decimal

from verifill import Instruction, MarketView, PerpTrade, PlanReport, Positions, Side, SpotTrade

STEP = Decimal("0.001")  # no less is traded: a fee that is taken in coins is not bought again


class Hedged:
    """Buys what is missing, and sells as much of the perpetual.

    Args:
        size: bitcoin to hold.
        base: what the exchange calls it.
        spot: account and symbol of the pair.
        perpetual: account and symbol of the perpetual.
    """

    def __init__(self, size: str, base: str, spot: list[str], perpetual: list[str]) -> None:
        self._size = Decimal(size)
        self._base = base
        self._spot_account, self._pair = spot
        self._perp_account, self._perpetual = perpetual

    def decide(
        self, market: MarketView, positions: Positions, last: PlanReport
    ) -> list[Instruction]:
        """What is missing of either."""
        del market, last
        held = positions[f"{self._spot_account}:BaseToken:{self._base}"]
        short = positions[f"{self._perp_account}:Perp:{self._perpetual}"]
        bought, sold = ((self._size - held) // STEP * STEP, (self._size + short) // STEP * STEP)
        plan: list[Instruction] = []
        if bought > 0:
            plan.append(
                SpotTrade(
                    account=self._spot_account, symbol=self._pair, side=Side.BUY, quantity=bought
                )
            )
        if sold > 0:
            plan.append(
                PerpTrade(
                    account=self._perp_account,
                    symbol=self._perpetual,
                    side=Side.SELL,
                    quantity=sold,
                )
            )
        return plan
