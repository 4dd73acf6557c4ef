"""Cash and carry: hold bitcoin, short as much in perpetuals, and be paid the funding.

The spot is bought on one exchange and hedged on three, 40/30/30. Everything goes out in
one plan, and because each instruction is verified before the next one is sent, the hedge
never runs ahead of the coins. After `hold_days` the plan is run backwards.
"""

from decimal import ROUND_DOWN, Decimal

from verifill import (
    Instruction,
    InternalTransfer,
    MarketView,
    PerpTrade,
    Plan,
    PlanReport,
    Positions,
    Side,
    SpotTrade,
    Transfer,
)

DAY_NS = 86_400 * 10**9
SYMBOL = "BTCUSDT"

# account -> perpetual's quantity, and the margin that is moved there for it
HEDGES = {
    "binance.usdm": (Decimal("5.000"), Decimal(80_000)),
    "bybit.uta": (Decimal("3.750"), Decimal(60_000)),
    "okx.trading": (Decimal("3.750"), Decimal(58_900)),
}


class CashAndCarry:
    """Enters on the first tick, leaves after `hold_days`.

    Args:
        spot_usdt: sent to Binance beside the margin of its hedge.
        quantity: bitcoin to buy; the fee comes out of it.
        limit: most that a bitcoin may cost.
        hold_days: days between entry and exit; 0 never leaves.
    """

    def __init__(self, spot_usdt: str, quantity: str, limit: str, hold_days: int = 0) -> None:
        self.spot_usdt = Decimal(spot_usdt)
        self.quantity = Decimal(quantity)
        self.limit = Decimal(limit)
        self.hold_ns = hold_days * DAY_NS
        self.entered_ns: int | None = None
        self.left = False

    def decide(self, market: MarketView, positions: Positions, last: PlanReport) -> Plan:
        """The way in, then nothing, then the way out."""
        if self.entered_ns is None:
            self.entered_ns = market.time_ns
            return self.entry()
        due = self.hold_ns and market.time_ns >= self.entered_ns + self.hold_ns
        if due and last.done and not self.left:
            self.left = True
            return self.exit(positions)
        return []

    def entry(self) -> list[Instruction]:
        """Fund the exchanges, buy the coins, then hedge them, directly after."""
        margins = {account: margin for account, (_, margin) in HEDGES.items()}
        return [
            fund("A1", "binance.spot", self.spot_usdt + margins["binance.usdm"]),
            fund("A2", "bybit.uta", margins["bybit.uta"]),
            fund("A3", "okx.trading", margins["okx.trading"]),
            InternalTransfer(
                name="A4",
                account="binance.spot",
                to="binance.usdm",
                asset="USDT",
                amount=margins["binance.usdm"],
            ),
            SpotTrade(
                name="A5",
                account="binance.spot",
                symbol="BTC/USDT",
                side=Side.BUY,
                quantity=self.quantity,
                limit=self.limit,
            ),
            *(
                PerpTrade(name=name, account=account, symbol=SYMBOL, side=Side.SELL, quantity=size)
                for name, (account, (size, _)) in zip(
                    ("A6", "A7", "A8"), HEDGES.items(), strict=True
                )
            ),
        ]

    def exit(self, positions: Positions) -> list[Instruction]:
        """Close the hedges, then sell the coins, in whole lots."""
        coins = positions["binance.spot:BaseToken:BTC"].quantize(Decimal("0.00001"), ROUND_DOWN)
        return [
            *(
                PerpTrade(
                    account=account, symbol=SYMBOL, side=Side.BUY, quantity=size, reduce_only=True
                )
                for account, (size, _) in HEDGES.items()
            ),
            SpotTrade(account="binance.spot", symbol="BTC/USDT", side=Side.SELL, quantity=coins),
        ]


def fund(name: str, account: str, amount: Decimal) -> Transfer:
    """A deposit from the wallet."""
    return Transfer(name=name, account="wallet", to=account, asset="USDT", amount=amount)
