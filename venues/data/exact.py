"""Numbers of a file as exact integers in units of 10**-decimals.

Text and decimals never pass through a float, and a value with more digits than declared is
refused, not rounded. A 64-bit float, as Parquet files often hold, stands for the shortest
decimal number that reads back as it, and is accepted within a millionth of a unit of a whole
one, or within four of the float's own steps where these are coarser: that is what
summing and resampling leave behind. The same holds for volumes in text, which are often
printed from such sums, as 218102.59507500002 is; prices, rates and indices are not.

`units` reads one number of any kind. `units_of` reads a column in bulk and leaves out what
is unusual, so that speed and the exact rules stay apart; a test shows that both agree.
"""

from decimal import (
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DecimalException,
    Inexact,
    InvalidOperation,
    Overflow,
)
from typing import Final

import polars as pl
from attrs import frozen

# Wide enough for every number that fits in 128 bits, and nothing is rounded in it unasked.
_WIDE: Final = Context(
    prec=400, rounding=ROUND_HALF_EVEN, traps=[Inexact, InvalidOperation, Overflow]
)
_FLOAT_NOISE: Final = Decimal("0.000001")
_FLOAT_STEPS: Final = Decimal(2) ** -50
_FLOAT_SURE: Final = 2**48


@frozen
class Scale:
    """How a column's numbers become integers.

    Attributes:
        decimals: The unit is 10**-decimals.
        setting: The setting that says so, for messages.
        wide: Whether the integers may have 38 digits, rather than 64 bits.
        summed: Whether text may show that it was printed from a sum of floats.
    """

    decimals: int
    setting: str
    wide: bool = False
    summed: bool = False

    @property
    def kind(self) -> type[pl.Int64 | pl.Int128]:
        """The polars type of the integers."""
        return pl.Int128 if self.wide else pl.Int64

    @property
    def limit(self) -> int:
        """The integers' absolute values are below this."""
        return 10**38 if self.wide else 2**63


def units(value: object, scale: Scale) -> int:
    """The number as an integer in the scale's units.

    Raises:
        ValueError: it is missing, no finite number, too large, or has too many digits.
    """
    number = _decimal(value)
    exact = number.scaleb(scale.decimals, _WIDE)
    whole = exact.to_integral_value(context=_WIDE)
    if exact != whole and not (
        (scale.summed or isinstance(value, float)) and _is_noise(exact, whole)
    ):
        places = decimal_places(number)
        msg = (
            f"{value} has {places} decimal places, {scale.setting} allows {scale.decimals}; "
            f"round it in the file, or set {scale.setting} to {places}"
        )
        raise ValueError(msg)
    if whole.copy_abs() >= scale.limit:  # abs would round to the context of the caller
        largest = Decimal(scale.limit).scaleb(-scale.decimals)
        msg = (
            f"{value} is too large: with {scale.decimals} decimals, numbers are below "
            f"{largest:.4g}; set {scale.setting} lower"
        )
        raise ValueError(msg)
    return int(whole)


def decimal_places(number: Decimal) -> int:
    """How many decimal places the number needs, zeros at its end not counted."""
    if not number:
        return 0
    exponent = number.normalize(_WIDE).as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def units_of(name: str, kind: pl.DataType, scale: Scale) -> pl.Expr | None:
    """The named column as integers, null where a number must be read by `units`.

    None if the column's type holds no exact numbers.
    """
    column = pl.col(name)
    if kind == pl.Float64:
        return _bulk_float(column, scale)
    if not (kind == pl.String or kind.is_integer() or kind.is_decimal()):
        return None
    if kind == pl.String:
        numbers = column.str.to_decimal(scale=scale.decimals)
        plain = rf"^-?[0-9]+(?:\.[0-9]{{0,{scale.decimals}}}0*)?$"
        exact = column.str.contains(plain)
    else:
        numbers = column.cast(pl.Decimal(38, scale.decimals), strict=False)
        exact = numbers == column
    kept = pl.when(exact).then(numbers).reinterpret(dtype=pl.Int128)
    return kept.cast(scale.kind, strict=False)


def _decimal(value: object) -> Decimal:
    text = "" if value is None else str(value).strip()
    if not text:
        msg = "the number is missing; fill it in, or leave the whole row out"
        raise ValueError(msg)
    try:
        # Adding nothing rounds to the context, so that what is too long or too small for it
        # is refused here.
        number = _WIDE.plus(Decimal(text if text.isascii() and "_" not in text else "nan"))
    except DecimalException:
        number = Decimal("nan")
    if not number.is_finite():
        msg = f"{text[:50]!r} is no finite decimal number such as 42283.58 or 3.2e-07"
        raise ValueError(msg)
    return number


def _is_noise(exact: Decimal, whole: Decimal) -> bool:
    return abs(exact - whole) <= max(_FLOAT_NOISE, abs(whole) * _FLOAT_STEPS)


def _bulk_float(column: pl.Expr, scale: Scale) -> pl.Expr:
    # Scaling moves a float by two of its steps at most. Below 2**48 four of them are less
    # than half a unit, so there is no doubt which whole number is meant.
    scaled = column * float(10**scale.decimals)
    whole = scaled.round()
    meant = (scaled - whole).abs() <= whole.abs() * 2.0**-51
    return pl.when(meant & (whole.abs() < _FLOAT_SURE)).then(whole).cast(scale.kind, strict=False)


def places_of(column: pl.Series) -> int:
    """The most decimal places that a number of the column needs; what is no number needs none."""
    if column.dtype.is_integer():
        return 0
    text = column.cast(pl.String, strict=False)
    bulk = text.str.extract(r"^-?[0-9]+\.([0-9]*[1-9])0*$").str.len_bytes().max()
    unusual = text.filter(~text.str.contains(r"^-?[0-9]+(?:\.[0-9]*)?$"))
    return max(bulk if isinstance(bulk, int) else 0, *map(_places, unusual), 0)


def _places(text: str) -> int:
    try:
        return decimal_places(_decimal(text))
    except ValueError:
        return 0
