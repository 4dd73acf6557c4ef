"""The receipt of a transaction against the bounds of its steps (L1, R14, R19).

The status of a transaction is not the success of its steps: each step must show moves
inside its own bounds, and what is owed inside a transaction must be paid in it.
"""

from collections.abc import Iterator, Mapping

from verifill.venues.expectation import Expectation
from verifill.venues.keys import flash_debt
from verifill.venues.orders import Bundle, Cause, Order, Outcome, Receipt, Request

WHOLE = -1  # the step of a move that belongs to the transaction itself
FLASH = flash_debt("")


def orders_of(request: Request) -> tuple[Order, ...]:
    """The orders of a request: one, or the steps of a bundle."""
    return request.orders if isinstance(request, Bundle) else (request,)


def sender_of(request: Request) -> str:
    """The account that sends a request."""
    return request.account if isinstance(request, Bundle) else request.instruction.account


def step_name(index: int, order: Order) -> str:
    """How messages name a step of a bundle, counted from 0: `step 5 BORROW`."""
    return f"step {index} {order.instruction.op}"


def moves_of(request: Request, receipt: Receipt, index: int) -> dict[str, int]:
    """What a step moved, key by key, without the gas."""
    step = index if isinstance(request, Bundle) else WHOLE
    moved: dict[str, int] = {}
    for move in receipt.moves:
        if move.step == step and move.cause is not Cause.GAS:
            moved[move.key] = moved.get(move.key, 0) + move.amount
    return moved


def executed_units(request: Request, receipt: Receipt) -> int:
    """Units that took effect: all or nothing. A bundle, `MAX` and an allowance of 0 count 1."""
    if receipt.outcome is not Outcome.EXECUTED:
        return 0
    return 1 if isinstance(request, Bundle) else max(1, request.quantity)


def flaw_of(
    request: Request, receipt: Receipt, steps: tuple[Expectation, ...], *, gas_key: str
) -> str:
    """The first thing in a receipt that breaks a bound or a rule, or empty."""
    for problem in _problems(request, receipt, steps, gas_key):
        return problem
    return ""


def _problems(
    request: Request, receipt: Receipt, steps: tuple[Expectation, ...], gas_key: str
) -> Iterator[str]:
    for index, (order, step) in enumerate(zip(orders_of(request), steps, strict=True)):
        prefix = f"{step_name(index, order)}: " if isinstance(request, Bundle) else ""
        for problem in _outside(moves_of(request, receipt, index), step):
            yield prefix + problem
    yield from _strays(request, receipt, gas_key)
    if isinstance(request, Bundle):
        yield from _left_owing(receipt)


def _outside(moved: Mapping[str, int], step: Expectation) -> Iterator[str]:
    for key in {**step.bounds, **moved}:
        amount, bound = moved.get(key, 0), step.bounds.get(key)
        if bound is None:
            if amount:
                yield f"{key} moved {amount}, expected not to move"
        elif not bound.low <= amount <= bound.high:
            yield (f"{key} moved {amount}, expected {bound.low} to {bound.high} ({bound.origin})")


def _strays(request: Request, receipt: Receipt, gas_key: str) -> Iterator[str]:
    """Moves that belong to no step, and gas that is not the payer's."""
    steps = range(len(request.orders)) if isinstance(request, Bundle) else (WHOLE,)
    for move in receipt.moves:
        if move.cause is Cause.GAS:
            if move.key != gas_key or move.amount > 0 or move.step != WHOLE:
                yield f"{move.ref}: gas of {move.amount} at {move.key}, {gas_key} pays it"
        elif move.step not in steps:
            yield f"{move.ref}: {move.key} moved {move.amount} in step {move.step}, there is none"
    for fill in receipt.fills:
        yield f"{fill.ref}: a fill; a transaction has moves"


def _left_owing(receipt: Receipt) -> Iterator[str]:
    owed: dict[str, int] = {}
    for move in receipt.moves:
        if move.key.startswith(FLASH):
            owed[move.key] = owed.get(move.key, 0) + move.amount
    for key, amount in owed.items():
        if amount:
            yield f"{key} is {amount} off its opening when the transaction ends"
