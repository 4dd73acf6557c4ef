"""Market neutral: stake ether at five times, and short as much of it on three exchanges.

The hedge goes directly after the purchase, before the slow withdrawal; then the ether is
withdrawn to the wallet and staked in one flash-loan transaction.
"""

from decimal import Decimal

from verifill import (
    Approve,
    Atomicity,
    Borrow,
    Chain,
    FlashBorrow,
    FlashRepay,
    Instruction,
    InternalTransfer,
    Late,
    MarketView,
    PerpTrade,
    Plan,
    PlanReport,
    Positions,
    Side,
    SpotTrade,
    Stake,
    Supply,
    Transfer,
    Unwrap,
    Wrap,
)

WALLET = "wallet"
FUNDS = {
    "binance.spot": Decimal(700_000),
    "bybit.uta": Decimal(150_000),
    "okx.trading": Decimal(150_000),
}
MARGIN = Decimal(200_000)
BOUGHT = Decimal("156.2011")
HEDGES = {
    "binance.usdm": Decimal("62.417"),
    "bybit.uta": Decimal("46.81"),
    "okx.trading": Decimal("46.817"),
}
STAKED = Decimal(156)
FLASH = Decimal(624)


class MarketNeutral:
    """Does everything on the first tick, then holds."""

    def __init__(self) -> None:
        self.entered = False

    def decide(self, market: MarketView, positions: Positions, last: PlanReport) -> Plan:  # noqa: ARG002 - the protocol
        """Fund, buy, hedge, withdraw, stake."""
        if self.entered:
            return []
        self.entered = True
        return [*funding(), *hedged_purchase(), withdrawal(), staking()]


def funding() -> list[Instruction]:
    """C1 to C4: stablecoins to the exchanges, margin to the perpetuals."""
    deposits: list[Instruction] = [
        Transfer(name=f"C{number}", account=WALLET, to=to, asset="USDT", amount=amount)
        for number, (to, amount) in enumerate(FUNDS.items(), start=1)
    ]
    margin = InternalTransfer(
        name="C4", account="binance.spot", to="binance.usdm", asset="USDT", amount=MARGIN
    )
    return [*deposits, margin]


def hedged_purchase() -> list[Instruction]:
    """C5 to C8: buy ether, and short as much of it at once."""
    purchase = SpotTrade(
        name="C5", account="binance.spot", symbol="ETH/USDT", side=Side.BUY, quantity=BOUGHT
    )
    hedges = [
        PerpTrade(
            name=f"C{number}", account=account, symbol="ETHUSDT", side=Side.SELL, quantity=size
        )
        for number, (account, size) in enumerate(HEDGES.items(), start=6)
    ]
    return [purchase, *hedges]


def withdrawal() -> Instruction:
    """C9: all the ether that the purchase brought, to the wallet."""
    bought = Late("C5", "binance.spot:BaseToken:ETH")
    return Transfer(name="C9", account="binance.spot", to=WALLET, asset="ETH", amount=bought)


def staking() -> Chain:
    """C10: as in leveraged_staking.py, from the wallet, which approves the market first."""
    eeth, weeth = f"{WALLET}:BaseToken:eETH", f"{WALLET}:BaseToken:weETH"
    steps: tuple[Instruction, ...] = (
        FlashBorrow(name="C10.1", account=WALLET, lender="morpho", asset="WETH", amount=FLASH),
        Unwrap(name="C10.2", account=WALLET, asset="WETH", into="ETH", amount=FLASH),
        Stake(name="C10.3", account=WALLET, asset="ETH", into="eETH", amount=STAKED + FLASH),
        Wrap(name="C10.4", account=WALLET, asset="eETH", into="weETH", amount=Late("C10.3", eeth)),
        Approve(
            name="C10.5",
            account=WALLET,
            spender="aave_v3",
            asset="weETH",
            amount=Late("C10.4", weeth),
        ),
        Supply(
            name="C10.6",
            account=WALLET,
            market="aave_v3",
            asset="weETH",
            amount=Late("C10.4", weeth),
        ),
        Borrow(name="C10.7", account=WALLET, market="aave_v3", asset="WETH", amount=FLASH),
        FlashRepay(name="C10.8", account=WALLET, lender="morpho", asset="WETH", amount=FLASH),
    )
    return Chain(name="C10", kind=Atomicity.ONE_TX, steps=steps)
