"""Exact amounts: `Decimal` outside, integers inside.

An amount is an integer number of units of 10**-decimals of its asset. Both directions
are exact: what does not fit is refused, never rounded. Where a venue's own rule rounds
(a fee, a share price), the two integer divisions below say in which direction.
"""

from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from math import gcd

from verifill.engine.errors import AmountError

# 78 digits hold a 256-bit chain amount; what is longer or inexact raises instead of rounding.
DIGITS = 78
# What a log's 128-bit columns hold, and hold with room for sums; units of anything.
HELD = 2**127 - 1
LARGEST = 10**31
EXACT = Context(prec=DIGITS, Emax=DIGITS - 1, traps=[Inexact, InvalidOperation, Overflow])


def to_units(amount: Decimal, decimals: int) -> int:
    """The amount as an integer number of units of 10**-decimals.

    Raises:
        AmountError: the amount is not finite, is too large for a log, or has more decimals
            than the asset.
    """
    try:
        units = int(EXACT.to_integral_exact(EXACT.scaleb(amount, decimals)))
    except (Overflow, InvalidOperation, OverflowError, ValueError):  # too large, no number
        msg = f"{amount} is not an amount; give a finite number of at most {DIGITS} digits"
        raise AmountError(msg) from None
    except Inexact:
        msg = (
            f"{amount} has more than the {decimals} decimals that its asset allows; "
            "round it before you send it"
        )
        raise AmountError(msg) from None
    if abs(units) > HELD:
        most = f"{to_decimal(HELD, decimals):.0f} with {decimals} decimals"
        msg = f"{amount} is more than a log can hold; give at most {most}"
        raise AmountError(msg)
    return units


def to_decimal(units: int, decimals: int) -> Decimal:
    """The number of units of 10**-decimals as an exact `Decimal`."""
    return Decimal(units).scaleb(-decimals, EXACT)


def divide_down(numerator: int, denominator: int) -> int:
    """The quotient rounded towards minus infinity; the denominator is positive."""
    return numerator // denominator


def divide_up(numerator: int, denominator: int) -> int:
    """The quotient rounded towards plus infinity; the denominator is positive."""
    return -(-numerator // denominator)


def reduced(numerator: int, denominator: int) -> tuple[int, int]:
    """The same fraction in smallest numbers, which are quicker to multiply and to divide by.

    For every whole `n`, `n * numerator // denominator` is what it was.
    """
    common = gcd(numerator, denominator)
    return numerator // common, denominator // common
