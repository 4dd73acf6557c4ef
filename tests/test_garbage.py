"""What a strategy leaves in cycles is collected while it runs."""

import gc
from collections import deque
from pathlib import Path

import pytest

from tests.runs import Deciding, ran
from verifill import backtest
from verifill.engine.log import writer

TICKS, KEPT = 300, 20


class Knot:
    """In a cycle with itself, so that only the collector ends it."""

    count = 0

    def __init__(self) -> None:
        self.own = self
        Knot.count += 1

    def __del__(self) -> None:
        Knot.count -= 1


def keeping(kept: int, most: list[int]) -> Deciding:
    """A strategy that makes a knot a tick, and keeps the last ones."""
    last: deque[Knot] = deque(maxlen=kept)

    def decide(*_given: object) -> tuple[()]:
        last.append(Knot())
        most.append(Knot.count)
        return ()

    return Deciding(decide)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk is a few ticks."""
    monkeypatch.setattr(writer, "CHUNK_ROWS", 10)
    monkeypatch.setattr(writer, "LOOSE_ROWS", 10)
    monkeypatch.setattr(backtest, "OLD_CHUNKS", 4)
    gc.collect()


@pytest.mark.parametrize("kept", [1, KEPT])
def test_what_is_left_in_cycles_does_not_pile_up(tmp_path: Path, kept: int) -> None:
    most: list[int] = []
    ran(tmp_path, keeping(kept, most), rows=TICKS)

    assert TICKS - 2 <= len(most)
    assert max(most) <= TICKS / 2


def test_the_collector_is_on_again_afterwards(tmp_path: Path) -> None:
    ran(tmp_path, keeping(1, []), rows=3)

    assert gc.isenabled()
