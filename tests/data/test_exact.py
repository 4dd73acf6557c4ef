"""Numbers become integers without the loss of a digit, or are refused."""

from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifill.engine.amounts import to_decimal
from verifill.venues.data.exact import Scale, decimal_places, places_of, units, units_of

CENTS = Scale(2, "price_decimals")
WIDE = Scale(18, "decimals", wide=True)

decimals = st.integers(0, 18)
ticks = st.integers(-(10**18), 10**18)


def in_bulk(column: pl.Series, scale: Scale) -> list[int | None]:
    expression = units_of(column.name, column.dtype, scale)
    assert expression is not None
    return column.to_frame().select(expression).to_series().to_list()


def plain(value: int, places: int) -> str:
    return f"{to_decimal(value, places):f}"


@given(st.lists(ticks, min_size=1), decimals)
def test_text_is_exact_in_bulk(values: list[int], places: int) -> None:
    texts = pl.Series("price", [plain(value, places) for value in values])

    assert values == in_bulk(texts, Scale(places, "price_decimals"))


@given(ticks, decimals, st.integers(0, 6))
def test_zeros_at_the_end_are_no_digits(value: int, places: int, zeros: int) -> None:
    text = f"{plain(value, places)}{'' if places else '.'}{'0' * zeros}"
    scale = Scale(places, "price_decimals")

    assert value == units(text, scale)
    assert [value] == in_bulk(pl.Series([text]), scale)


@given(ticks, decimals)
def test_exponents_are_exact(value: int, places: int) -> None:
    text = f"{Decimal(value).scaleb(-places):e}"

    assert value == units(text, Scale(places, "decimals"))


def test_a_small_rate_in_exponent_form_is_exact() -> None:
    assert units("3.2e-07", WIDE) == 320_000_000_000
    assert units("1.304E-05", WIDE) == 13_040_000_000_000


@given(st.text("0123456789.eE+-_ n", max_size=12))
def test_bulk_reading_leaves_out_or_agrees(text: str) -> None:
    (found,) = in_bulk(pl.Series([text]), CENTS)

    if found is not None:
        assert found == units(text, CENTS)


@given(st.integers(1, 2**48), st.integers(0, 8))
def test_a_float_stands_for_its_shortest_decimal(value: int, places: int) -> None:
    number = float(Decimal(value).scaleb(-places))
    scale = Scale(places, "price_decimals")

    assert value == units(number, scale)
    assert in_bulk(pl.Series([number]), scale) in ([value], [None])


def test_a_float_is_read_in_bulk() -> None:
    prices = pl.Series([42283.58, 42088.45, 0.01, 99999999.99])

    assert [4228358, 4208845, 1, 9999999999] == in_bulk(prices, CENTS)


def test_what_resampling_leaves_of_a_float_is_accepted() -> None:
    assert units(0.1 + 0.2, CENTS) == 30
    assert [30] == in_bulk(pl.Series([0.1 + 0.2]), CENTS)
    assert units(12345.670000001, CENTS) == 1234567


def test_a_volume_printed_from_a_sum_of_floats_is_accepted() -> None:
    volume = Scale(8, "volume_decimals", summed=True)

    assert units("218102.59507500002", volume) == 21_810_259_507_500
    with pytest.raises(ValueError, match="has 9 decimal places"):
        units("1.234567891", volume)
    with pytest.raises(ValueError, match="has 11 decimal places"):
        units("218102.59507500002", Scale(8, "price_decimals"))


def test_a_large_float_is_read_by_its_digits() -> None:
    assert units(2300413729.51, Scale(8, "volume_decimals")) == 230041372951000000
    assert [None] == in_bulk(pl.Series([2300413729.51]), Scale(8, "volume_decimals"))


@pytest.mark.parametrize("value", ["1.234", 1.234, Decimal("1.234")], ids=repr)
def test_too_many_digits_are_refused_with_the_fix(value: object) -> None:
    with pytest.raises(
        ValueError, match=r"1.234 has 3 decimal places, price_decimals allows 2"
    ) as e:
        units(value, CENTS)

    assert "set price_decimals to 3" in str(e.value)
    assert [None] == in_bulk(pl.Series([value]), CENTS)


@pytest.mark.parametrize(
    "value",
    ["nan", "NaN", "inf", "-Infinity", "abc", "1_000", "\uff11", "1,5", "1e9999999999999999999",
     "1e-99999999999", f"1.{'1' * 500}", float("nan"), float("inf")],
    ids=repr,
)  # fmt: skip
def test_what_is_no_finite_number_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="no finite decimal number"):
        units(value, CENTS)

    assert [None] == in_bulk(pl.Series([value]), CENTS)


@pytest.mark.parametrize("value", [None, "", "  "], ids=repr)
def test_a_missing_number_is_refused(value: str | None) -> None:
    with pytest.raises(ValueError, match="missing"):
        units(value, CENTS)


@pytest.mark.parametrize("value", ["92233720368547758.08", "1e300", 10**17])
def test_a_number_too_large_is_refused_with_the_fix(value: object) -> None:
    with pytest.raises(ValueError, match=r"below 9.223e\+16; set price_decimals lower"):
        units(value, CENTS)

    assert [None] == in_bulk(pl.Series([value]), CENTS)


def test_a_wide_number_may_have_38_digits() -> None:
    largest = 10**38 - 1

    assert largest == units(plain(largest, 18), WIDE)
    with pytest.raises(ValueError, match=r"below 1\.000e"):
        units(plain(largest + 1, 18), WIDE)


@given(st.integers(-(10**36), 10**36))
def test_a_wide_number_is_exact_in_bulk(value: int) -> None:
    assert [value] == in_bulk(pl.Series([plain(value, 18)]), WIDE)


def test_whole_numbers_and_decimals_are_exact_in_bulk() -> None:
    assert [4200, -100, None] == in_bulk(pl.Series([42, -1, None]), CENTS)
    assert [4258, None] == in_bulk(pl.Series([Decimal("42.580"), Decimal("42.581")]), CENTS)


@pytest.mark.parametrize("kind", [pl.Float32, pl.Boolean, pl.Date])
def test_no_other_type_holds_exact_numbers(kind: type[pl.DataType]) -> None:
    assert None is units_of("price", kind(), CENTS)


@pytest.mark.parametrize(
    ("text", "places"),
    [("0", 0), ("0.00", 0), ("100", 0), ("1.50", 1), ("42283.58", 2), ("3.2e-07", 8), ("1e5", 0)],
)
def test_decimal_places_are_those_a_number_needs(text: str, places: int) -> None:
    assert places == decimal_places(Decimal(text))
    assert places == places_of(pl.Series([text, "1"]))


def test_the_places_of_a_column_are_the_most_of_any_number() -> None:
    assert places_of(pl.Series(["1.5", "1.25", None, "abc", "1.5e1"])) == 2
    assert places_of(pl.Series([1.5, 0.1])) == 1
    assert places_of(pl.Series([1.5, 1e-7])) == 7
    assert places_of(pl.Series([Decimal("1.250")])) == 2
    assert places_of(pl.Series([1, 2])) == 0
    assert places_of(pl.Series([None], dtype=pl.String)) == 0
