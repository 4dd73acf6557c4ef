"""Tables as columns that a browser reads fast and exactly.

Numbers are packed as little-endian integers of 32 or 64 bits, in base64, because JSON's own are
rounded above 2^53. Texts that repeat stand once, and each row has the place of its own.
"""

import sys
from array import array
from base64 import b64encode
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import polars as pl

Packed = Mapping[str, Any]
"""A column: `i32` or `i64` in base64; or `words` with the place of each row's in `at`, -1 none."""

NONE = -1
_FORMATS = {"i32": "i", "i64": "q"}


def table(frame: pl.DataFrame) -> Mapping[str, Packed]:
    """A table, column by column."""
    return {name: column(frame[name]) for name in frame.columns}


def column(values: pl.Series) -> Packed:
    """A column; a number that is missing is -1."""
    if values.dtype == pl.Int64:
        return integers(values.fill_null(NONE).to_list())
    texts = values.cast(pl.String) if values.dtype == pl.Enum else values
    told = [None if value is None else _text(value) for value in texts.to_list()]
    places = {word: at for at, word in enumerate(dict.fromkeys(told)) if word is not None}
    # a gap where the missing one would stand
    words = ["" if word is None else word for word in dict.fromkeys(told)]
    return {
        "words": words,
        "at": integers([NONE if word is None else places[word] for word in told]),
    }


def integers(values: Sequence[int]) -> Packed:
    """Integers, packed as narrow as they all fit."""
    wide = any(not -(2**31) <= value < 2**31 for value in values)
    name = "i64" if wide else "i32"
    packed = array(_FORMATS[name], values)
    if sys.byteorder == "big":
        packed.byteswap()
    return {name: b64encode(packed.tobytes()).decode()}


def _text(value: object) -> str:
    """A value as people read it, exact."""
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
