"""A tally says of a log what its records say, one by one."""

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.runs import buy, ran, ticks
from verifill.engine.log.expand import Nesting
from verifill.engine.log.reader import Log
from verifill.engine.log.tally import TOLD, moved, of_records, quantile_of


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    """A backtest with an instruction in the first tick and in the third, and none between."""
    folder = tmp_path_factory.mktemp("tally")
    told, _ = ran(folder, ticks([[buy()], [], [buy()]]), rows=4)
    return Log(told)


def test_coded_rows_give_the_tally_of_the_records_that_they_stand_for(log: Log) -> None:
    nesting = Nesting(**log.header["nesting"])
    columns = (*TOLD, "spent", "times")

    def rows(tally: pl.LazyFrame) -> set[tuple[object, ...]]:
        return set(tally.select(columns).collect().iter_rows())

    one_by_one = rows(of_records(log.records(), nesting))
    assert one_by_one == rows(log.tally())
    assert any(spent for *_, spent, _ in one_by_one)


def test_the_first_records_of_a_kind_are_those_of_the_whole_log(log: Log) -> None:
    told = pl.col("event") == "accepted"
    shown = ("seq", "machine", "instance", "from", "event", "to", "wall_ns")
    all_of_them = log.records().filter(told).select(shown).collect()

    assert 2 == all_of_them.height
    assert all_of_them.head(1).equals(log.first(told, 1).select(shown).collect())
    assert all_of_them.equals(log.first(told, 9).select(shown).collect())


@given(
    st.lists(st.tuples(st.none() | st.integers(0, 5), st.integers(1, 60)), max_size=8),
    st.sampled_from([0.0, 0.5, 0.99, 1.0]),
)
@example([(1, 1), (2, 1)], 0.5)  # between two: the greater
@example([(None, 3), (1, 99), (2, 1)], 0.99)
def test_a_quantile_is_that_of_each_value_as_often_as_it_was_counted(
    counted: list[tuple[int | None, int]], share: float
) -> None:
    schema = {"spent": pl.Int64, "times": pl.Int64}
    tally = pl.DataFrame(counted, schema=schema, orient="row").sort("spent")
    values = [value for value, times in counted for _ in range(times)]
    due = pl.Series(values, dtype=pl.Int64).quantile(share, "nearest")

    assert due == tally.select(quantile_of(share)).item()


def test_a_move_is_one_of_the_loops(log: Log) -> None:
    nesting = Nesting(**log.header["nesting"])
    beside = log.records().with_columns(machine=pl.lit("breaker"))

    assert beside.filter(moved(nesting)).collect().is_empty()
