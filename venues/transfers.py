"""Transfers inside a venue and between venues, and settings: their terms.

A transfer inside a venue costs nothing. One to another venue leaves its account at
once, is in transit until the other side credits it, and may pay a fee out of the
amount (an exchange) or gas beside it (a chain, `venues.calls`).
"""

from collections.abc import Mapping
from typing import Final

from verifill.engine.amounts import to_units
from verifill.engine.errors import InstructionError
from verifill.venues.expectation import Assessment, Bound, Expectation
from verifill.venues.instructions import (
    Instruction,
    InternalTransfer,
    Late,
    Max,
    SetLeverage,
    SetMarginMode,
    Transfer,
)
from verifill.venues.keys import Kind, Scales, position_key
from verifill.venues.margin_mode import MarginMode
from verifill.venues.market import Books
from verifill.venues.orders import Order, Outcome, Receipt

MODES: Final = {MarginMode.CROSS: 1, MarginMode.ISOLATED: 2}
"""A margin mode as a position; 0 is neither, so that one that is not set is seen."""
ISOLATED: Final = MODES[MarginMode.ISOLATED]
DONE = frozenset({Outcome.EXECUTED, Outcome.EXECUTED_PARTIAL})


def moved(order: Order, receipt: Receipt) -> Assessment:
    """What a receipt made of moves amounts to; all of the order or nothing of it."""
    effects: dict[str, int] = {}
    for move in receipt.moves:
        effects[move.key] = effects.get(move.key, 0) + move.amount
    executed = order.quantity if receipt.outcome in DONE else 0
    return Assessment(executed, effects)


class TransferTerms:
    """The terms of INTERNAL_TRANSFER and TRANSFER at an exchange.

    Args:
        scales: decimals of the assets.
        fees: asset -> units that a transfer to another venue costs, out of the amount.
    """

    def __init__(self, scales: Scales, fees: Mapping[str, int]) -> None:
        """Keep both."""
        self._scales = scales
        self._fees = fees

    def resolve(self, instruction: Instruction, number: int, late: int | None) -> Order:
        """Amount in units of the asset."""
        transfer = _transfer(instruction)
        amount = transfer.amount
        if late is not None:
            units = late
        elif isinstance(amount, Late | Max):
            msg = f"{transfer.op}: give an amount; MAX has no meaning for a transfer"
            raise InstructionError(msg)
        else:
            units = to_units(amount, self._scales.of(transfer.asset))
        return Order(number, transfer, units)

    def deny(self, order: Order) -> str:
        """A positive amount above the fee, to another account."""
        transfer = _transfer(order.instruction)
        if order.quantity <= self.fee(transfer):
            return (
                f"amount of {order.quantity} units of {transfer.asset} is not above the "
                f"fee of {self.fee(transfer)}"
            )
        if transfer.to == transfer.account:
            return f"{transfer.account} cannot transfer to itself"
        return ""

    def fee(self, transfer: InternalTransfer | Transfer) -> int:
        """Units of the asset that the transfer costs."""
        if isinstance(transfer, InternalTransfer):
            return 0
        return self._fees.get(transfer.asset, 0)

    def expect(self, order: Order, books: Books) -> Expectation:  # noqa: ARG002 - one protocol
        """All of it leaves one account, all but the fee reaches the other."""
        transfer = _transfer(order.instruction)
        source = position_key(transfer.account, Kind.BASE, transfer.asset)
        target = position_key(transfer.to, Kind.BASE, transfer.asset)
        arrives = order.quantity - self.fee(transfer)
        return Expectation(
            {
                source: Bound(-order.quantity, -order.quantity),
                target: Bound(arrives, arrives),
            }
        )

    def assess(self, order: Order, receipt: Receipt, books: Books) -> Assessment:  # noqa: ARG002 - one protocol
        """The sum of its moves."""
        return moved(order, receipt)


def _transfer(instruction: Instruction) -> InternalTransfer | Transfer:
    if isinstance(instruction, InternalTransfer | Transfer):
        return instruction
    msg = f"{instruction.op} is not a transfer"
    raise InstructionError(msg)


def leverage_key(account: str, symbol: str) -> str:
    """The key under which a perpetual's leverage is reconciled (R13)."""
    return position_key(account, Kind.SETTING, f"{symbol}.leverage")


class LeverageTerms:
    """The terms of SET_LEVERAGE: no balance moves, the setting itself is verified.

    Args:
        highest: the greatest leverage that the venue allows.
    """

    def __init__(self, highest: int) -> None:
        """Keep the limit."""
        self._highest = highest

    def resolve(self, instruction: Instruction, number: int, late: int | None) -> Order:  # noqa: ARG002 - one protocol
        """The leverage as the order's quantity."""
        return Order(number, instruction, _setting(instruction).leverage)

    def deny(self, order: Order) -> str:
        """Within 1 and the venue's limit."""
        if not 1 <= order.quantity <= self._highest:
            return f"leverage {order.quantity} is outside 1 to {self._highest}"
        return ""

    def expect(self, order: Order, books: Books) -> Expectation:
        """The setting moves from what it is to what was asked for.

        One that is not tracked is expected all the same, and so denied by whoever asks.
        """
        setting = _setting(order.instruction)
        key = leverage_key(setting.account, setting.symbol)
        change = order.quantity - books.totals.get(key, 0)
        return Expectation({key: Bound(change, change)})

    def assess(self, order: Order, receipt: Receipt, books: Books) -> Assessment:  # noqa: ARG002 - one protocol
        """The sum of its moves."""
        return moved(order, receipt)


def _setting(instruction: Instruction) -> SetLeverage:
    if isinstance(instruction, SetLeverage):
        return instruction
    msg = f"{instruction.op} is not SET_LEVERAGE"
    raise InstructionError(msg)


def margin_mode_key(account: str, symbol: str) -> str:
    """The key under which a perpetual's margin mode is reconciled, as one of `MODES`."""
    return position_key(account, Kind.SETTING, f"{symbol}.margin_mode")


class MarginModeTerms:
    """The terms of SET_MARGIN_MODE: no balance moves, the setting itself is verified.

    Args:
        together: account -> its symbols whose mode is one setting; left out where each has its own.
    """

    def __init__(self, together: Mapping[str, tuple[str, ...]] | None = None) -> None:
        """Keep which change together."""
        self._together = together or {}

    def resolve(self, instruction: Instruction, number: int, late: int | None) -> Order:  # noqa: ARG002 - one protocol
        """The mode as the order's quantity."""
        return Order(number, instruction, MODES[_mode(instruction).mode])

    def deny(self, order: Order) -> str:  # noqa: ARG002 - one protocol
        """Nothing: there are these two."""
        return ""

    def expect(self, order: Order, books: Books) -> Expectation:
        """The settings move from what they are to what was asked for."""
        setting = _mode(order.instruction)
        symbols = self._together.get(setting.account, (setting.symbol,))
        keys = [margin_mode_key(setting.account, symbol) for symbol in symbols]
        changes = {key: order.quantity - books.totals.get(key, 0) for key in keys}
        return Expectation({key: Bound(change, change) for key, change in changes.items()})

    def assess(self, order: Order, receipt: Receipt, books: Books) -> Assessment:  # noqa: ARG002 - one protocol
        """The sum of its moves."""
        return moved(order, receipt)


def _mode(instruction: Instruction) -> SetMarginMode:
    if isinstance(instruction, SetMarginMode):
        return instruction
    msg = f"{instruction.op} is not SET_MARGIN_MODE"
    raise InstructionError(msg)
