"""What a strategy can ask for: one frozen type per operation, and chains of them.

Amounts are `Decimal` in whole units of the asset. Where an amount is only known while
the plan runs, it is late-bound: `Late("B3", key)` is the reconciled output of the step
named B3 at that key, and `MAX` is the whole position at the moment of execution.
Sources of the operations and of their effects: docs/reference/operations.md.
"""

from decimal import Decimal
from enum import StrEnum
from typing import ClassVar

from msgspec import Struct

from verifill.venues.margin_mode import MarginMode
from verifill.venues.time_in_force import TimeInForce


class Operation(StrEnum):
    """Every operation that an instruction can name."""

    SPOT_TRADE = "SPOT_TRADE"
    PERP_TRADE = "PERP_TRADE"
    SET_LEVERAGE = "SET_LEVERAGE"
    SET_MARGIN_MODE = "SET_MARGIN_MODE"
    INTERNAL_TRANSFER = "INTERNAL_TRANSFER"
    TRANSFER = "TRANSFER"
    APPROVE = "APPROVE"
    WRAP = "WRAP"
    UNWRAP = "UNWRAP"
    SUPPLY = "SUPPLY"
    WITHDRAW = "WITHDRAW"
    BORROW = "BORROW"
    REPAY = "REPAY"
    SET_EMODE = "SET_EMODE"
    STAKE = "STAKE"
    UNSTAKE = "UNSTAKE"
    CLAIM = "CLAIM"
    SWAP = "SWAP"
    FLASH_BORROW = "FLASH_BORROW"
    FLASH_REPAY = "FLASH_REPAY"
    CLAIM_REWARD = "CLAIM_REWARD"
    CANCEL = "CANCEL"


class Side(StrEnum):
    """Which way a trade goes."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def opposite(self) -> "Side":
        """The other side."""
        return Side.SELL if self is Side.BUY else Side.BUY


class Late(Struct, frozen=True, tag="late"):
    """An amount bound while the plan runs: what an earlier step did to a position.

    Attributes:
        step: name of an earlier instruction of the same plan or chain.
        key: position key; the amount is the size of that step's verified change of it.
    """

    step: str
    key: str


class Max(Struct, frozen=True, tag="max"):
    """The whole position at the moment of execution, unknown in advance."""


MAX = Max()
NOTHING = Decimal(0)
Amount = Decimal | Late | Max


class Instruction(Struct, frozen=True, kw_only=True, tag_field="op"):
    """One thing to do, in one account; the base of all the types below.

    Attributes:
        account: the account that acts, such as `binance.spot` or `wallet`.
        name: how a plan refers to it (`Late`, reports); unique in a plan, may be empty.
    """

    op: ClassVar[Operation]
    account: str
    name: str = ""

    @property
    def size(self) -> Amount:
        """How much it is about; nothing for operations without an amount."""
        return NOTHING


class SpotTrade(Instruction, frozen=True, kw_only=True, tag="SPOT_TRADE"):
    """Buy or sell the base asset of `BASE/QUOTE`, at market or as a limit order.

    Attributes:
        quantity: of the base asset.
        limit: worst acceptable price in quote per base; None sends a market order.
        time_in_force: what becomes of the rest; may rest for `timeout_s` of the venue's time.
    """

    op = Operation.SPOT_TRADE
    symbol: str
    side: Side
    quantity: Amount
    limit: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.IOC
    timeout_s: int = 0

    @property
    def size(self) -> Amount:
        """Its quantity."""
        return self.quantity


class PerpTrade(Instruction, frozen=True, kw_only=True, tag="PERP_TRADE"):
    """Change a perpetual position; the margin asset pays the fee and takes the profit.

    Attributes:
        quantity: of the underlying asset (contracts times contract size).
        reduce_only: never open or turn the position; the others are as of a `SpotTrade`.
    """

    op = Operation.PERP_TRADE
    symbol: str
    side: Side
    quantity: Amount
    limit: Decimal | None = None
    reduce_only: bool = False
    time_in_force: TimeInForce = TimeInForce.IOC
    timeout_s: int = 0

    @property
    def size(self) -> Amount:
        """Its quantity."""
        return self.quantity


class SetLeverage(Instruction, frozen=True, kw_only=True, tag="SET_LEVERAGE"):
    """Set the leverage of a perpetual; moves no balance, the setting is reconciled."""

    op = Operation.SET_LEVERAGE
    symbol: str
    leverage: int


class SetMarginMode(Instruction, frozen=True, kw_only=True, tag="SET_MARGIN_MODE"):
    """Set what margins a perpetual; moves no balance, the setting is reconciled."""

    op = Operation.SET_MARGIN_MODE
    symbol: str
    mode: MarginMode


class InternalTransfer(Instruction, frozen=True, kw_only=True, tag="INTERNAL_TRANSFER"):
    """Move an asset between two accounts of one venue."""

    op = Operation.INTERNAL_TRANSFER
    to: str
    asset: str
    amount: Amount

    @property
    def size(self) -> Amount:
        """Its amount."""
        return self.amount


class Transfer(Instruction, frozen=True, kw_only=True, tag="TRANSFER"):
    """Move an asset to another venue: a deposit, a withdrawal, a bridge.

    It is in transit until the other side credits it, possibly over many ticks.
    """

    op = Operation.TRANSFER
    to: str
    asset: str
    amount: Amount

    @property
    def size(self) -> Amount:
        """Its amount."""
        return self.amount


class Approve(Instruction, frozen=True, kw_only=True, tag="APPROVE"):
    """Set the allowance of a spender to an amount (not by an amount)."""

    op = Operation.APPROVE
    spender: str
    asset: str
    amount: Amount

    @property
    def size(self) -> Amount:
        """Its amount."""
        return self.amount


class Wrap(Instruction, frozen=True, kw_only=True, tag="WRAP"):
    """Turn an asset into its wrapped form: ETH to WETH, eETH to weETH (by its rate)."""

    op = Operation.WRAP
    asset: str
    into: str
    amount: Amount
    min_out: Decimal | None = None

    @property
    def size(self) -> Amount:
        """Its amount."""
        return self.amount


class Unwrap(Instruction, frozen=True, kw_only=True, tag="UNWRAP"):
    """Turn a wrapped asset back into what it holds."""

    op = Operation.UNWRAP
    asset: str
    into: str
    amount: Amount
    min_out: Decimal | None = None

    @property
    def size(self) -> Amount:
        """Its amount."""
        return self.amount


class Supply(Instruction, frozen=True, kw_only=True, tag="SUPPLY"):
    """Supply an asset to a lending market; it gives shares (scaled aTokens)."""

    op = Operation.SUPPLY
    market: str
    asset: str
    amount: Amount

    @property
    def size(self) -> Amount:
        """Its amount."""
        return self.amount


class Withdraw(Instruction, frozen=True, kw_only=True, tag="WITHDRAW"):
    """Take an asset back out of a lending market."""

    op = Operation.WITHDRAW
    market: str
    asset: str
    amount: Amount

    @property
    def size(self) -> Amount:
        """Its amount."""
        return self.amount


class Borrow(Instruction, frozen=True, kw_only=True, tag="BORROW"):
    """Borrow an asset from a lending market at its variable rate."""

    op = Operation.BORROW
    market: str
    asset: str
    amount: Amount

    @property
    def size(self) -> Amount:
        """Its amount."""
        return self.amount


class Repay(Instruction, frozen=True, kw_only=True, tag="REPAY"):
    """Pay a debt back; never more than what is owed, `MAX` leaves no dust."""

    op = Operation.REPAY
    market: str
    asset: str
    amount: Amount

    @property
    def size(self) -> Amount:
        """Its amount."""
        return self.amount


class SetEMode(Instruction, frozen=True, kw_only=True, tag="SET_EMODE"):
    """Set the efficiency mode of a lending market; moves no balance, the setting is reconciled.

    Attributes:
        category: the market's number of it; 0 for none.
    """

    op = Operation.SET_EMODE
    market: str
    category: int


class Stake(Instruction, frozen=True, kw_only=True, tag="STAKE"):
    """Stake an asset for its liquid staking token, such as ETH for eETH."""

    op = Operation.STAKE
    asset: str
    into: str
    amount: Amount

    @property
    def size(self) -> Amount:
        """Its amount."""
        return self.amount


class Unstake(Instruction, frozen=True, kw_only=True, tag="UNSTAKE"):
    """Ask for the staked asset back: burns the token, gives a claim in a queue."""

    op = Operation.UNSTAKE
    asset: str
    into: str
    amount: Amount

    @property
    def size(self) -> Amount:
        """Its amount."""
        return self.amount


class Claim(Instruction, frozen=True, kw_only=True, tag="CLAIM"):
    """Collect what an unstaking queue has released for an asset."""

    op = Operation.CLAIM
    asset: str
    into: str


class Swap(Instruction, frozen=True, kw_only=True, tag="SWAP"):
    """Exchange an exact amount in a pool; reverts below `min_out`.

    Attributes:
        min_out: least acceptable amount of `into`.
    """

    op = Operation.SWAP
    pool: str
    asset: str
    into: str
    amount: Amount
    min_out: Decimal

    @property
    def size(self) -> Amount:
        """Its amount."""
        return self.amount


class FlashBorrow(Instruction, frozen=True, kw_only=True, tag="FLASH_BORROW"):
    """Borrow for the length of one transaction; only inside a ONE_TX chain."""

    op = Operation.FLASH_BORROW
    lender: str
    asset: str
    amount: Amount

    @property
    def size(self) -> Amount:
        """Its amount."""
        return self.amount


class FlashRepay(Instruction, frozen=True, kw_only=True, tag="FLASH_REPAY"):
    """Pay a flash loan back with its premium, in the same transaction."""

    op = Operation.FLASH_REPAY
    lender: str
    asset: str
    amount: Amount

    @property
    def size(self) -> Amount:
        """Its amount."""
        return self.amount


class ClaimReward(Instruction, frozen=True, kw_only=True, tag="CLAIM_REWARD"):
    """Collect a reward or an airdrop."""

    op = Operation.CLAIM_REWARD
    programme: str
    asset: str


class Cancel(Instruction, frozen=True, kw_only=True, tag="CANCEL"):
    """Cancel a resting order by the name of the instruction that placed it."""

    op = Operation.CANCEL
    order: str
