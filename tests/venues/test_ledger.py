"""The accounts of a simulated venue: every change has a row, every row is delivered once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.venues.exchanges import changes, summed
from verifill.venues.orders import Cause, LedgerRow
from verifill.venues.simulated.ledger import Accounts

POSTS = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from(["a", "b"]), st.integers(-99, 99)), max_size=20
)


def accounts(lag_ns: int = 0) -> Accounts:
    return Accounts({"a": 10, "b": 20}, lag_ns)


def post(book: Accounts, key: str, amount: int, *, at_ns: int) -> None:
    book.now_ns = at_ns
    book.post(f"{key}{at_ns}", key, amount, Cause.TRADE)


def test_a_change_moves_the_total_and_has_a_row() -> None:
    book = accounts()
    post(book, "a", 5, at_ns=3)
    reading = book.read()

    assert {"a": 15, "b": 20} == reading.totals
    assert (LedgerRow("a3", "a", 5, Cause.TRADE, 3),) == reading.rows
    assert 3 == reading.as_of_ns


def test_a_row_is_delivered_once() -> None:
    book = accounts()
    post(book, "a", 5, at_ns=3)
    book.read()

    assert () == book.read().rows


def test_what_was_read_does_not_change_afterwards() -> None:
    book = accounts()
    reading = book.read()
    post(book, "a", 5, at_ns=3)

    assert {"a": 10, "b": 20} == reading.totals


def test_a_key_that_does_not_exist_cannot_be_moved() -> None:
    book = accounts()
    with pytest.raises(KeyError):
        book.post("x", "c", 1, Cause.TRADE)

    assert () == book.read().rows


def test_a_view_that_is_behind_shows_the_accounts_as_they_were() -> None:
    book = accounts(lag_ns=10)
    post(book, "a", 5, at_ns=100)
    post(book, "b", 7, at_ns=105)
    book.now_ns = 109
    assert (99, {"a": 10, "b": 20}, ()) == fields(book)
    book.now_ns = 110
    assert (100, {"a": 15, "b": 20}, ("a100",)) == fields(book)
    book.now_ns = 115
    assert (105, {"a": 15, "b": 27}, ("b105",)) == fields(book)


def fields(book: Accounts) -> tuple[int, dict[str, int], tuple[str, ...]]:
    reading = book.read()
    return reading.as_of_ns, reading.totals, tuple(row.ref for row in reading.rows)


@given(POSTS, st.integers(0, 12))
def test_rows_add_up_to_what_changed_between_any_two_readings(
    posts: list[tuple[int, str, int]], lag_ns: int
) -> None:
    book = accounts(lag_ns)
    before = book.read().totals
    refs: list[str] = []
    for number, (wait_ns, key, amount) in enumerate(posts):
        book.now_ns += wait_ns
        book.post(str(number), key, amount, Cause.TRADE)
        reading = book.read()
        assert changes(before, reading) == summed(reading.rows)
        assert all(row.time_ns <= reading.as_of_ns for row in reading.rows)
        before = reading.totals
        refs += [row.ref for row in reading.rows]
    book.now_ns += lag_ns
    reading = book.read()
    refs += [row.ref for row in reading.rows]

    assert reading.totals == book.totals
    assert [str(number) for number in range(len(posts))] == refs


def test_a_fork_begins_with_the_same_accounts_and_no_rows() -> None:
    book = accounts(lag_ns=10)
    post(book, "a", 5, at_ns=100)
    fork = book.fork()

    assert (100, {"a": 15, "b": 20}, ()) == fields(fork)


def test_a_fork_changes_nothing_of_its_origin() -> None:
    book = accounts()
    fork = book.fork()
    post(fork, "a", 5, at_ns=1)

    assert (0, {"a": 10, "b": 20}, ()) == fields(book)
