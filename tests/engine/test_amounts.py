"""An amount is exact in both directions, or it is refused."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifill.engine.amounts import HELD, divide_down, divide_up, reduced, to_decimal, to_units
from verifill.engine.errors import AmountError

UNITS = st.integers(-HELD, HELD)
DECIMALS = st.integers(0, 36)


@given(UNITS, DECIMALS)
def test_units_become_an_amount_and_the_same_units_again(units: int, decimals: int) -> None:
    assert units == to_units(to_decimal(units, decimals), decimals)


@given(UNITS, DECIMALS)
def test_an_amount_is_its_units_times_the_unit(units: int, decimals: int) -> None:
    assert Fraction(units, 10**decimals) == Fraction(to_decimal(units, decimals))


@pytest.mark.parametrize(
    ("amount", "decimals", "units"),
    [
        ("12.50000748", 8, 1_250_000_748),
        ("-0.00000001", 8, -1),
        ("1E+3", 2, 100_000),
        ("1.10", 1, 11),
        ("-0", 8, 0),
        ("170141183460469231731.687303715884105727", 18, 2**127 - 1),
    ],
)  # fmt: skip
def test_an_amount_counts_in_units_of_its_asset(amount: str, decimals: int, units: int) -> None:
    assert units == to_units(Decimal(amount), decimals)


@given(UNITS.filter(lambda units: units % 10 != 0), st.integers(1, 36))
def test_an_amount_finer_than_its_asset_is_refused_and_never_rounded(
    units: int, decimals: int
) -> None:
    amount = to_decimal(units, decimals)

    with pytest.raises(AmountError, match=f"more than the {decimals - 1} decimals"):
        to_units(amount, decimals - 1)


def test_an_amount_of_a_hundred_decimals_is_refused_as_too_fine() -> None:
    with pytest.raises(AmountError, match="more than the 18 decimals"):
        to_units(Decimal("0." + "1" * 100), 18)


@pytest.mark.parametrize("amount", ["NaN", "sNaN", "Infinity", "-Infinity", "1E+70", "1E+999999"])
def test_what_is_not_finite_or_of_too_many_digits_is_no_amount(amount: str) -> None:
    with pytest.raises(AmountError, match="is not an amount; give a finite number of at most 78"):
        to_units(Decimal(amount), 8)


@pytest.mark.parametrize("sign", [1, -1])
def test_an_amount_that_no_log_can_hold_is_refused(sign: int) -> None:
    with pytest.raises(AmountError, match="is more than a log can hold; give at most"):
        to_units(to_decimal(sign * (HELD + 1), 8), 8)


@given(st.integers(), st.integers(min_value=1))
def test_a_division_rounds_in_the_direction_that_it_is_named_after(
    numerator: int, denominator: int
) -> None:
    quotient = Fraction(numerator, denominator)
    down, up = divide_down(numerator, denominator), divide_up(numerator, denominator)

    assert down <= quotient <= up
    assert (0 if quotient.denominator == 1 else 1) == up - down


@given(st.integers(), st.integers(), st.integers(min_value=1))
def test_a_reduced_fraction_leaves_every_division_what_it_was(
    whole: int, numerator: int, denominator: int
) -> None:
    over, under = reduced(numerator, denominator)

    assert whole * numerator // denominator == whole * over // under
    assert under > 0
