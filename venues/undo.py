"""The reverse of an operation: what takes back what was observed, as a new instruction.

Sources and residues: DOMAIN section 4.5. Only what was observed is reversed, never what
was asked for. Staking, transfers to another venue and claims have no reverse.
"""

from collections.abc import Callable, Mapping
from decimal import ROUND_DOWN, Context, Decimal
from typing import Any, Final

from msgspec import Struct, structs

from verifill.engine.amounts import DIGITS
from verifill.venues.instructions import (
    Approve,
    Borrow,
    Instruction,
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
    Unwrap,
    Withdraw,
    Wrap,
)
from verifill.venues.keys import Kind, account_of, asset_of, emode_key, position_key
from verifill.venues.time_in_force import TimeInForce
from verifill.venues.transfers import MODES, margin_mode_key

NOTHING = Decimal(0)
SPENDING = (InternalTransfer, Wrap, Unwrap, Stake, Swap, Supply, Repay)
SHARE_LOSS = 2  # units that the rounding of shares may cost
SWAP_LOSS = Decimal("0.05")  # both ways together: fees, slippage, a move of the price
MICRO = Decimal("0.000001")  # every token has six decimals; a bound needs no more
AT_MARKET: Final[dict[str, Any]] = {"limit": None, "time_in_force": TimeInForce.IOC, "timeout_s": 0}
"""Of a trade that is not to wait, whatever the one that it takes back did."""
WIDE = Context(prec=DIGITS, rounding=ROUND_DOWN)


class Reversal(Struct, frozen=True):
    """An instruction that takes a step back.

    Attributes:
        instruction: what to do.
        units: its amount, in units; None where the instruction's own amount stands.
    """

    instruction: Instruction
    units: int | None


def spends(instruction: Instruction) -> str:
    """The position that an instruction takes its amount from; empty if from none."""
    if isinstance(instruction, SPENDING):
        return position_key(instruction.account, Kind.BASE, instruction.asset)
    return ""


def reverse(instruction: Instruction, effects: Mapping[str, int]) -> Reversal | None:
    """What takes an instruction back, given its verified effects; None if nothing does."""
    maker = _MAKERS.get(type(instruction))
    return maker(instruction, effects) if maker else None


def _spot(trade: SpotTrade, effects: Mapping[str, int]) -> Reversal:
    moved = next((u for key, u in effects.items() if _is_base(trade, key)), 0)
    back = structs.replace(trade, side=trade.side.opposite, **AT_MARKET)
    return Reversal(back, abs(moved))


def _is_base(trade: SpotTrade, key: str) -> bool:
    """Whether a position is of the base asset; the symbol is `BTC/USDT` or `BTCUSDT`."""
    asset = asset_of(key)
    exact = "/" not in trade.symbol or trade.symbol.partition("/")[0] == asset
    return exact and trade.symbol.startswith(asset) and account_of(key) == trade.account


def _perpetual(trade: PerpTrade, effects: Mapping[str, int]) -> Reversal:
    moved = effects.get(position_key(trade.account, Kind.PERP, trade.symbol), 0)
    # what opened a position is taken back by closing it; what could only close, by opening
    reduce_only = not trade.reduce_only
    back = structs.replace(trade, side=trade.side.opposite, reduce_only=reduce_only, **AT_MARKET)
    return Reversal(back, abs(moved))


def _leverage(setting: SetLeverage, effects: Mapping[str, int]) -> Reversal:
    before = setting.leverage - sum(effects.values())
    return Reversal(structs.replace(setting, leverage=before), None)


def _margin_mode(setting: SetMarginMode, effects: Mapping[str, int]) -> Reversal:
    change = effects.get(margin_mode_key(setting.account, setting.symbol), 0)
    before = next(mode for mode, units in MODES.items() if units == MODES[setting.mode] - change)
    return Reversal(structs.replace(setting, mode=before), None)


def _emode(setting: SetEMode, effects: Mapping[str, int]) -> Reversal:
    before = setting.category - effects.get(emode_key(setting.market), 0)
    return Reversal(structs.replace(setting, category=before), None)


def _internal(transfer: InternalTransfer, effects: Mapping[str, int]) -> Reversal:
    moved = effects.get(position_key(transfer.to, Kind.BASE, transfer.asset), 0)
    back = structs.replace(transfer, account=transfer.to, to=transfer.account)
    return Reversal(back, moved)


def _approve(approval: Approve, _effects: Mapping[str, int]) -> Reversal:
    return Reversal(structs.replace(approval, amount=NOTHING), None)


def _underlying(
    back: type[Supply | Withdraw | Borrow | Repay],
) -> Callable[[Any, Mapping[str, int]], Reversal]:
    """The opposite lending operation, for as much of the asset as moved.

    What was supplied is worth up to SHARE_LOSS units less in shares, so that much stays.
    """

    def make(step: Supply | Withdraw | Borrow | Repay, effects: Mapping[str, int]) -> Reversal:
        moved = abs(effects.get(position_key(step.account, Kind.BASE, step.asset), 0))
        instruction = back(
            account=step.account,
            name=step.name,
            market=step.market,
            asset=step.asset,
            amount=NOTHING,
        )
        return Reversal(instruction, max(0, moved - SHARE_LOSS) if back is Withdraw else moved)

    return make


def _wrapping(back: type[Wrap | Unwrap]) -> Callable[[Any, Mapping[str, int]], Reversal]:
    """The other way between an asset and its wrapped form, for what came out."""

    def make(step: Wrap | Unwrap, effects: Mapping[str, int]) -> Reversal:
        got = effects.get(position_key(step.account, Kind.BASE, step.into), 0)
        instruction = back(
            account=step.account,
            name=step.name,
            asset=step.into,
            into=step.asset,
            amount=NOTHING,
        )
        return Reversal(instruction, got)

    return make


def _swap(swap: Swap, effects: Mapping[str, int]) -> Reversal | None:
    """Back through the same pool, at a loss of no more than SWAP_LOSS of what was paid.

    A swap of a late-bound amount has no amount to bound the loss by: give it an undo.
    """
    if not isinstance(swap.amount, Decimal):
        return None
    got = effects.get(position_key(swap.account, Kind.BASE, swap.into), 0)
    least = WIDE.quantize(WIDE.multiply(swap.amount, 1 - SWAP_LOSS), MICRO)
    back = structs.replace(swap, asset=swap.into, into=swap.asset, min_out=least)
    return Reversal(back, got)


_MAKERS: Mapping[type[Instruction], Callable[[Any, Mapping[str, int]], Reversal | None]] = {
    SpotTrade: _spot,
    PerpTrade: _perpetual,
    SetLeverage: _leverage,
    SetMarginMode: _margin_mode,
    InternalTransfer: _internal,
    Approve: _approve,
    Supply: _underlying(Withdraw),
    Withdraw: _underlying(Supply),
    Borrow: _underlying(Repay),
    Repay: _underlying(Borrow),
    SetEMode: _emode,
    Wrap: _wrapping(Unwrap),
    Unwrap: _wrapping(Wrap),
    Swap: _swap,
}
