"""Rows of the usual way: exact, in order, and read as the streams they stand for."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.test_executor import DOOR
from verifill.engine.compile import compile_table
from verifill.engine.executor import CompiledExecutor, Context, UsualRow
from verifill.engine.log.packed import values_of
from verifill.engine.log.reader import Log
from verifill.engine.log.schema import STREAMS
from verifill.engine.log.streams import dtype_of
from verifill.engine.log.usual import SPREAD, Usual, stands_for
from verifill.engine.log.writer import Writer

LARGEST = 2**63 - 1


def row(ref: str, seq: int = 3) -> UsualRow:
    """What went the usual way."""
    told = UsualRow(0)
    told.ref, told.seq = ref, seq
    told.quantity, told.price, told.fee = 10, 200, 1
    told.base_total, told.base_low, told.base_high = 110, 109, 111
    told.quote_total, told.quote_low, told.quote_high = 795, 790, 800
    return told


def at(time_ns: int, tick: int, instruction: int) -> Context:
    """When it did."""
    context = Context()
    context.time_ns, context.tick, context.instruction = time_ns, tick, instruction
    return context


def written(folder: Path, *refs: str) -> Log:
    """A log with one usual row for each reference, and plain rows around them."""
    log = Writer(folder, {"run": "r", "epoch": 1})
    log.follow(CompiledExecutor(compile_table(DOOR)).paths)
    texts = ("PLAN", "TRADE", "desk", "A/B", "BUY", "", "desk:A", "desk:B", "B")
    kind = tuple(log.codes[text] for text in texts)
    log.usual.kinds[kind] = 0  # type: ignore[index]  # a kind has nine codes
    log.path(1, 9, Context())
    for number, ref in enumerate(refs):
        first = 2 + 10 * number
        context = at(7_000, 1, 5)
        context.usual = row(ref, first + 1)
        log.path(first, 8, context)
    log.path(2 + 10 * len(refs), 9, Context())
    log.close({})
    return Log(folder)


def rows(log: Log, stream: str) -> list[dict[str, Any]]:
    return log.stream(stream).collect().to_dicts()


def test_a_row_stands_for_a_row_of_each_stream_and_two_positions(tmp_path: Path) -> None:
    log = written(tmp_path, "f1")

    instruction = {
        "seq": 3, "instruction": 5, "parent": 0, "role": "PLAN", "op": "TRADE", "account": "desk",
        "subject": "A/B", "side": "BUY", "name": "", "quantity": 10, "limit": 0, "detail": "",
    }  # fmt: skip
    fill = {
        "seq": 5, "instruction": 5, "ref": "f1", "quantity": 10, "price": 200, "fee": 1,
        "fee_asset": "B", "realised": 0,
    }  # fmt: skip
    seen = {"seq": 5, "instruction": 5, "as_of_ns": 7_000}
    assert [instruction] == rows(log, "instructions")
    assert [fill] == rows(log, "fills")
    assert [
        seen | {"key": "desk:A", "total": 110, "low": 109, "high": 111},
        seen | {"key": "desk:B", "total": 795, "low": 790, "high": 800},
    ] == rows(log, "positions")


def test_paths_are_in_order_whichever_way_they_were_written(tmp_path: Path) -> None:
    paths = rows(written(tmp_path, "f1", "f2"), "paths")

    assert [(1, 9), (2, 8), (12, 8), (22, 9)] == [(row["seq"], row["path"]) for row in paths]
    assert [(0, 0), (1, 5), (1, 5), (0, 0)] == [(r["attempt"], r["instruction"]) for r in paths]


@pytest.mark.parametrize("stream", STREAMS)
def test_every_stream_has_its_types_with_and_without_such_rows(tmp_path: Path, stream: str) -> None:
    for folder, refs in ((tmp_path / "with", ["f1"]), (tmp_path / "without", [])):
        schema = written(folder, *refs).stream(stream).collect().schema
        for column, kind in STREAMS[stream].items():
            told = pl.Int32() if isinstance(schema[column], pl.Enum) else schema[column]
            assert dtype_of(kind) == told


amounts = st.integers(-(10**31), 10**31) | st.integers(-LARGEST - 1, LARGEST)
counts = st.integers(0, LARGEST)


@given(st.lists(st.tuples(st.text(max_size=3), *[counts] * 4, *[amounts] * 8, counts, counts)))
def test_numbers_of_a_path_and_amounts_are_kept_exactly_and_in_order(
    given_rows: list[tuple[Any, ...]],
) -> None:
    usual = Usual()
    for ref, seq, time_ns, tick, number, quantity, fee, *sides, first, path in given_rows:
        told, context = row(ref, seq), at(time_ns, tick, number)
        told.quantity, told.fee = quantity, fee
        told.base_total, told.base_low, told.base_high = sides[:3]
        told.quote_total, told.quote_low, told.quote_high = sides[3:]
        if not usual.packed.add(told, context, first, path):
            usual.append(values_of(told, context, first, path))

    assert len(given_rows) == usual.rows
    assert [
        (*one[:5], 0, one[5], 200, *one[6:]) for one in given_rows
    ] == usual.taken().collect().rows()
    assert 0 == usual.rows


@pytest.mark.parametrize("fee", [LARGEST + 1, -LARGEST - 2])
def test_a_row_that_does_not_fit_ends_packing_until_rows_are_taken(fee: int) -> None:
    usual, wide = Usual(), row("f1")
    wide.fee = fee

    assert [True, False, False] == [
        usual.packed.add(one, Context(), 1, 1) for one in (row("f0"), wide, row("f2"))
    ]
    assert [("f0", 3)] == [one[:2] for one in usual.taken().collect().rows()]
    assert usual.packed.add(row("f3"), Context(), 1, 1)


def test_a_row_is_written_once_and_when_its_path_ends(tmp_path: Path) -> None:
    log, context = Writer(tmp_path, {"run": "r", "epoch": 1}), Context()
    context.usual = row("f1")

    assert 0 == log.usual.rows
    log.path(1, 8, context)
    log.path(9, 8, context)
    assert (1, 1) == (log.usual.rows, log.streams["paths"].rows)


def test_what_files_of_rows_stand_for_is_known() -> None:
    assert {"paths": 1, "instructions": 1, "fills": 1, "positions": 2} == stands_for("usual")
    assert {"notes": 1} == stands_for("notes")
    assert set(SPREAD) == set(stands_for("usual"))
