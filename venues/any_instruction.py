"""Every instruction, as one type: what JSON is read as."""

from verifill.venues.instructions import (
    Approve,
    Borrow,
    Cancel,
    Claim,
    ClaimReward,
    FlashBorrow,
    FlashRepay,
    InternalTransfer,
    PerpTrade,
    Repay,
    SetEMode,
    SetLeverage,
    SetMarginMode,
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

AnyInstruction = (
    SpotTrade
    | PerpTrade
    | SetLeverage
    | SetMarginMode
    | InternalTransfer
    | Transfer
    | Approve
    | Wrap
    | Unwrap
    | Supply
    | Withdraw
    | Borrow
    | Repay
    | SetEMode
    | Stake
    | Unstake
    | Claim
    | Swap
    | FlashBorrow
    | FlashRepay
    | ClaimReward
    | Cancel
)
"""Every operation, as its type."""
