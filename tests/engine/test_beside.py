"""Work beside its owner: in order, one piece at a time, and what goes wrong is told."""

from threading import Event, get_ident

import pytest

from verifill.engine.beside import Beside


def test_work_goes_on_beside_its_owner_and_in_order() -> None:
    beside, open_, done = Beside(), Event(), list[int]()

    def first() -> None:
        open_.wait(10)
        done.append(1)

    beside.do(first)
    assert [] == done
    open_.set()
    beside.do(lambda: done.append(2))  # waits for the first
    assert 1 == done[0]
    beside.settle()
    beside.settle()
    beside.close()
    assert [1, 2] == done


def test_what_goes_wrong_is_told_once_and_before_anything_else_is_begun() -> None:
    beside, done = Beside(), list[int]()

    beside.do(lambda: done.append(1 // 0))
    with pytest.raises(ZeroDivisionError):
        beside.do(lambda: done.append(2))
    beside.do(lambda: done.append(3))
    beside.close()
    assert [3] == done


def test_it_is_another_thread() -> None:
    beside, seen = Beside(), list[int]()

    beside.do(lambda: seen.append(get_ident()))
    beside.close()

    assert [get_ident()] != seen
    assert 1 == len(seen)
