"""A digest is the same in every process, and covers nothing that has two texts."""

import json
import subprocess
import sys
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verifill.engine.digest import at_one_go, canonical_json, sha256_file, sha256_hex
from verifill.engine.errors import EngineDefect

WORD = st.text(max_size=4)
EXACT = st.recursive(
    st.none() | st.booleans() | st.integers() | WORD,
    lambda part: st.lists(part, max_size=3) | st.dictionaries(WORD, part, max_size=3),
    max_leaves=8,
)


class Side(StrEnum):
    BUY = "buy"


def test_canonical_json_has_sorted_keys_no_spaces_and_only_ascii() -> None:
    value = {"b": [1, None, True], "a": {"é": Side.BUY}}

    assert b'{"a":{"\\u00e9":"buy"},"b":[1,null,true]}' == canonical_json(value)


@settings(deadline=None)
@given(st.dictionaries(WORD, EXACT, max_size=4))
def test_the_order_of_keys_does_not_matter(value: dict[str, object]) -> None:
    turned = dict(reversed(value.items()))

    assert canonical_json(value) == canonical_json(turned)


@settings(deadline=None)
@given(EXACT | st.dictionaries(st.text(), EXACT))
def test_it_is_what_the_standard_library_writes(value: object) -> None:
    whole = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)

    assert whole.encode("ascii") == canonical_json(value)


@pytest.mark.parametrize("value", ["\ud800", "\x7f", {"\x7f": "\x00\n/"}, ["a", ("é", None)]])
def test_what_one_library_writes_otherwise_than_the_other_has_one_text(value: object) -> None:
    whole = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)

    assert whole.encode("ascii") == canonical_json(value)


@settings(deadline=None)
@given(st.dictionaries(WORD, EXACT | st.dictionaries(st.text(), EXACT)))
def test_a_part_that_is_text_already_comes_out_the_same(value: dict[str, object]) -> None:
    text = {key: at_one_go(part) for key, part in value.items()}

    assert canonical_json(value) == canonical_json(text)


@pytest.mark.parametrize("inexact", [0.5, -1e300, {"a": [1, 2.0]}])
def test_a_float_in_a_part_made_at_one_go_is_refused(inexact: object) -> None:
    with pytest.raises(EngineDefect, match="no exact JSON text"):
        canonical_json({"part": at_one_go({"a": inexact})})


def test_a_text_that_has_the_like_of_a_float_in_it_is_none() -> None:
    assert b'{"a":"b:0.5"}' == canonical_json(at_one_go({"a": "b:0.5"}))


def test_a_part_made_at_one_go_has_the_texts_of_its_types() -> None:
    assert b'["buy","0.10"]' == canonical_json(at_one_go((Side.BUY, Decimal("0.10"))))


def test_a_tuple_and_a_list_are_the_same_sequence() -> None:
    assert canonical_json([1, [2]]) == canonical_json((1, (2,)))


@pytest.mark.parametrize("value", [0.5, Decimal("0.5"), {"a": [1.0]}, {1, 2}, b"x"], ids=repr)
def test_a_value_without_one_exact_text_is_refused(value: object) -> None:
    with pytest.raises(EngineDefect, match="has no exact JSON text; a digest is made of"):
        canonical_json(value)


def test_a_key_that_is_no_string_is_refused() -> None:
    with pytest.raises(EngineDefect, match="1 is a key of a digested mapping; only strings"):
        canonical_json({1: "a"})


def test_a_digest_does_not_change_with_the_process() -> None:
    program = (
        "from verifill.engine.digest import canonical_json, sha256_hex;"
        "print(sha256_hex(canonical_json({'b': 1, 'a': ['x']})))"
    )
    there = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert sha256_hex(canonical_json({"a": ["x"], "b": 1})) == there.stdout.strip()


def test_the_digest_is_sha_256() -> None:
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    assert empty == sha256_hex(b"")


def test_a_file_has_the_digest_of_its_content(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.write_bytes(b"some data")

    assert sha256_hex(b"some data") == sha256_file(file)
