"""Exact arithmetic on columns of integers: wide where polars would wrap around."""

from decimal import Decimal

import polars as pl

from verifill.engine.amounts import to_decimal
from verifill.engine.errors import AmountError

# A sum of two columns below this still fits 128 bits.
_BOUND = 2**126


def product(left: pl.Series, right: pl.Series, exponent: int) -> pl.Series:
    """The product left * right / 10**exponent, rounded down, as 128-bit integers.

    Raises:
        AmountError: one does not fit.
    """
    up, down = int(10 ** max(-exponent, 0)), int(10 ** max(exponent, 0))
    if _most(left) * _most(right) * up < _BOUND and down < _BOUND:
        wide = left.cast(pl.Int128) * right.cast(pl.Int128)
        return (wide * _one(up)) // _one(down)
    pairs = zip(left.to_list(), right.to_list(), strict=True)
    return _wide([a * b * up // down for a, b in pairs])


def quotient(left: pl.Series, right: pl.Series, exponent: int) -> pl.Series:
    """The quotient left * 10**exponent / right, rounded down; right is not 0.

    Raises:
        AmountError: one does not fit.
    """
    up, down = int(10 ** max(exponent, 0)), int(10 ** max(-exponent, 0))
    pairs = zip(left.to_list(), right.to_list(), strict=True)
    return _wide([a * up // (b * down) for a, b in pairs])


def ones(height: int) -> pl.Series:
    """A column of ones."""
    return _one(1).new_from_index(0, height)


def nothing(height: int) -> pl.Series:
    """A column of zeros."""
    return _one(0).new_from_index(0, height)


def decimals(units: pl.Series, scale: int) -> pl.Series:
    """Units of 10**-scale as an exact Decimal column."""
    return units.cast(pl.Int128).reinterpret(dtype=pl.Decimal(38, scale))


def amount(units: object, scale: int) -> Decimal:
    """Units that polars has handed out, as an exact Decimal."""
    return to_decimal(int(str(units)), scale)


def _most(column: pl.Series) -> int:
    low, high = column.min(), column.max()
    return max(abs(int(str(low or 0))), abs(int(str(high or 0))))


def _one(value: int) -> pl.Series:
    return pl.Series([value], dtype=pl.Int128)


def _wide(values: list[int]) -> pl.Series:
    try:
        return pl.Series(values, dtype=pl.Int128)
    except (OverflowError, TypeError) as error:  # as polars says it, by how far
        msg = (
            "a value does not fit 128 bits in units of the quote asset; choose a quote asset "
            "with fewer decimals"
        )
        raise AmountError(msg) from error
