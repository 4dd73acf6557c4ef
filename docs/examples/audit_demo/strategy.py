"""Something to audit: it buys and sells in turn, and now and then a chain that cannot complete."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from verifill.machines.strategy import Plan, PlanReport, Positions
from verifill.venues.chains import Atomicity, Chain
from verifill.venues.instructions import Side, SpotTrade
from verifill.venues.market import MarketView

CHAIN_EVERY = 5


class Turns:
    """Buys and sells in turn; every fifth plan is a chain whose last step costs too much."""

    def __init__(self) -> None:
        """Begin with the first."""
        self._count = 0

    def decide(self, market: MarketView, positions: Positions, last: PlanReport) -> Plan:  # noqa: ARG002 - it looks at nothing
        """A purchase, a sale, or the chain."""
        self._count += 1
        if self._count % CHAIN_EVERY == 0:
            steps = (_trade("0.02", Side.BUY, "leg"), _trade("500", Side.BUY, "too much"))
            return [Chain(steps=steps, kind=Atomicity.SAGA, name="pair")]
        side = Side.BUY if self._count % 2 else Side.SELL
        return [_trade("0.01", side, f"turn {self._count}")]

    def state(self) -> Mapping[str, Any]:
        """What a later process life needs."""
        return {"count": self._count}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self._count = state["count"]


def _trade(quantity: str, side: Side, name: str) -> SpotTrade:
    return SpotTrade(
        account="binance.spot",
        symbol="BTC/USDT",
        side=side,
        quantity=Decimal(quantity),
        name=name,
    )
