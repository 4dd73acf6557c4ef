"""One instruction of every type, for whoever must show what happens to each."""

from decimal import Decimal

from verifill.venues.instructions import (
    Approve,
    Borrow,
    Cancel,
    Claim,
    ClaimReward,
    FlashBorrow,
    FlashRepay,
    Instruction,
    InternalTransfer,
    PerpTrade,
    Repay,
    SetEMode,
    SetLeverage,
    SetMarginMode,
    Side,
    SpotTrade,
    Stake,
    Supply,
    Swap,
    Transfer,
    Unstake,
    Unwrap,
    Withdraw,
    Wrap,
)
from verifill.venues.margin_mode import MarginMode

ONE = Decimal(1)


def samples(account: str) -> tuple[Instruction, ...]:
    """One instruction of every type, of this account; the rest of it is made up."""
    lent = {"market": "aave_v3", "asset": "WETH"}
    flash = {"lender": "morpho", "asset": "WETH"}
    return (
        SpotTrade(account=account, symbol="BTC/USDT", side=Side.BUY, quantity=ONE),
        PerpTrade(account=account, symbol="BTCUSDT", side=Side.SELL, quantity=ONE),
        SetLeverage(account=account, symbol="BTCUSDT", leverage=3),
        SetMarginMode(account=account, symbol="BTCUSDT", mode=MarginMode.ISOLATED),
        InternalTransfer(account=account, to="elsewhere", asset="USDT", amount=ONE),
        Transfer(account=account, to="elsewhere", asset="USDT", amount=ONE),
        Approve(account=account, spender="aave_v3", asset="WETH", amount=ONE),
        Wrap(account=account, asset="ETH", into="WETH", amount=ONE),
        Unwrap(account=account, asset="WETH", into="ETH", amount=ONE),
        Supply(account=account, amount=ONE, **lent),
        Withdraw(account=account, amount=ONE, **lent),
        Borrow(account=account, amount=ONE, **lent),
        Repay(account=account, amount=ONE, **lent),
        SetEMode(account=account, market="aave_v3", category=1),
        Stake(account=account, asset="ETH", into="eETH", amount=ONE),
        Unstake(account=account, asset="eETH", into="ETH", amount=ONE),
        Claim(account=account, asset="eETH", into="ETH"),
        Swap(account=account, pool="curve", asset="WETH", into="ETH", amount=ONE, min_out=ONE),
        FlashBorrow(account=account, amount=ONE, **flash),
        FlashRepay(account=account, amount=ONE, **flash),
        ClaimReward(account=account, programme="king", asset="KING"),
        Cancel(account=account, order="A1"),
    )
