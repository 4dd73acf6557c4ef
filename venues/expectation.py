"""What an instruction should make of the positions: an interval for each key (R2).

The world is closed: a tracked key that is not listed is expected not to move at all.
"""

from collections.abc import Iterable
from enum import StrEnum

from msgspec import Struct


class Origin(StrEnum):
    """Why an interval is as wide as it is."""

    EXACT = "EXACT"
    ROUNDING = "ROUNDING"
    LIMIT = "LIMIT"
    MIN_OUT = "MIN_OUT"
    FEE_CAP = "FEE_CAP"
    GAS_CAP = "GAS_CAP"


class Bound(Struct, frozen=True, gc=False):
    """The interval that the change of one position must lie in, both ends included.

    Attributes:
        low: least change, in units.
        high: greatest change, in units; enforced too: receiving too much is a fault (R6).
        origin: what the width comes from.
    """

    low: int
    high: int
    origin: Origin = Origin.EXACT


class Expectation(Struct, frozen=True, gc=False):
    """Position key -> bound of its change; every other tracked key must not move."""

    bounds: dict[str, Bound]


def total(expectations: Iterable[Expectation]) -> Expectation:
    """The expectation of a whole chain: the sum of its steps, key by key (R14)."""
    bounds: dict[str, Bound] = {}
    for expectation in expectations:
        for key, bound in expectation.bounds.items():
            before = bounds.get(key)
            bounds[key] = bound if before is None else _sum(before, bound)
    return Expectation(bounds)


def _sum(one: Bound, other: Bound) -> Bound:
    origin = one.origin if other.origin is Origin.EXACT else other.origin
    return Bound(one.low + other.low, one.high + other.high, origin)


class Assessment(Struct, frozen=True, gc=False):
    """What a receipt says was done, in terms of positions (L1 of the rules).

    Attributes:
        executed: units of the order's quantity that took effect.
        effects: position key -> units moved by fills and moves.
        flaw: what breaks the instruction's limits or the venue's rules, or empty.
        bases: perpetual's key -> its entry value after the fills.
    """

    executed: int
    effects: dict[str, int]
    flaw: str = ""
    bases: dict[str, int] = {}
