"""Rebalance: keep a fixed part of the portfolio in bitcoin.

Once a bar it looks at what the portfolio is worth. When the part in bitcoin has drifted
from the target by more than a band, it trades the difference, at market. Run it with

    verifill backtest docs/examples/rebalance.toml
"""

from decimal import Decimal

from verifill.machines.strategy import Plan, PlanReport, Positions
from verifill.venues.instructions import Side, SpotTrade
from verifill.venues.market import MarketView

ACCOUNT = "binance.spot"
SYMBOL = "BTC/USDT"
LOT = Decimal("0.00001")
LEAST_VALUE = Decimal(5)


class Rebalance:
    """Trades whenever the part in bitcoin leaves a band around its target.

    Args:
        target: part of the portfolio's value to hold in bitcoin.
        band: how far the part may drift before it trades.
    """

    def __init__(self, *, target: str = "0.5", band: str = "0.001") -> None:
        """Keep both as exact numbers."""
        self._target = Decimal(target)
        self._band = Decimal(band)

    def decide(self, market: MarketView, positions: Positions, last: PlanReport) -> Plan:  # noqa: ARG002 - a strategy that does not look back
        """Sell what is above the target, buy what is below it."""
        price = market.close(f"{ACCOUNT}:{SYMBOL}")
        bitcoin = positions[f"{ACCOUNT}:BaseToken:BTC"]
        worth = positions[f"{ACCOUNT}:BaseToken:USDT"] + bitcoin * price
        excess = bitcoin * price - worth * self._target
        quantity = abs(excess) / price // LOT * LOT
        if abs(excess) <= worth * self._band or quantity * price < LEAST_VALUE:
            return []
        side = Side.SELL if excess > 0 else Side.BUY
        return [SpotTrade(account=ACCOUNT, symbol=SYMBOL, side=side, quantity=quantity)]
