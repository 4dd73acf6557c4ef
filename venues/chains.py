"""Chains: instructions that complete together or are taken back together."""

from decimal import Decimal
from enum import StrEnum
from typing import final

from msgspec import Struct

from verifill.venues.instructions import Instruction


class Atomicity(StrEnum):
    """What "all or nothing" rests on."""

    ONE_TX = "ONE_TX"  # one on-chain transaction: the chain itself reverts
    SAGA = "SAGA"  # separate sends: what had an effect is compensated


class Undo(StrEnum):
    """How a saga undoes a step when no instruction is given for it."""

    REVERSE = "REVERSE"  # the opposite operation, for the observed amounts
    NEVER = "NEVER"  # a pivot: cannot be taken back
    NOTHING = "NOTHING"  # nothing to do: taking a later step back takes this one back too


class Step(Struct, frozen=True):
    """One instruction of a saga with the way to take it back.

    Attributes:
        instruction: what to do.
        undo: how to take it back: see `Undo`, or an instruction of your own, whose
            late-bound amounts may name this step.
    """

    instruction: Instruction
    undo: Undo | Instruction = Undo.REVERSE


class Invariant(Struct, frozen=True, kw_only=True):
    """What must hold of a saga as a whole after each of its steps (R15).

    Attributes:
        keys: positions of one asset (a spot position and its hedges, say).
        low: least sum of their changes since the chain began, in whole units.
        high: greatest sum.
        since: name of the step from which on it must hold; empty from the first.
    """

    keys: tuple[str, ...]
    low: Decimal
    high: Decimal
    since: str = ""


@final
class Chain(Struct, frozen=True, kw_only=True):
    """Instructions that complete together or are taken back together.

    Attributes:
        steps: instructions in order; a saga may wrap them in `Step`.
        kind: ONE_TX or SAGA.
        name: how reports refer to it.
        invariants: what must hold after each step of a saga, or it is taken back.
    """

    steps: tuple[Instruction | Step, ...]
    kind: Atomicity
    name: str = ""
    invariants: tuple[Invariant, ...] = ()
