"""How much of an order is filled: by the volume of the bars, or by chance."""

from pathlib import Path

import pytest
from attrs import define, evolve
from hypothesis import given
from hypothesis import strategies as st

from verifill.engine.errors import DataError
from verifill.venues.data import BarFile, prepare
from verifill.venues.data.generate import bars
from verifill.venues.instructions import Side
from verifill.venues.rules import RATE_UNIT, Fees, Instrument
from verifill.venues.simulated.liquidity import Chance, Participation
from verifill.venues.simulated.timeline import Timeline

DATA = "x:BTC/USDT"
BTC = Instrument(
    account="x",
    symbol="BTC/USDT",
    base="BTC",
    quote="USDT",
    data=DATA,
    fees=Fees(rate=0),
    quantity_decimals=8,
    price_decimals=2,
    exponent=2,
)


@define
class Traded:
    """A volume at a time, of two decimals."""

    time_ns: int = 1
    traded: int = 1_000  # 10.00

    def volume(self, instrument: str) -> int:
        assert DATA == instrument
        return self.traded


def test_an_order_gets_a_part_of_the_bars_volume() -> None:
    participation = Participation(Traded(), {DATA: 2}, RATE_UNIT // 4)

    assert 250_000_000 == participation(BTC, Side.BUY, 10**12)


def test_an_order_later_in_a_bar_gets_what_is_left_and_the_next_bar_is_whole_again() -> None:
    traded = Traded()
    participation = Participation(traded, {DATA: 2}, RATE_UNIT // 4)

    assert 200_000_000 == participation(BTC, Side.BUY, 200_000_000)
    assert 50_000_000 == participation(BTC, Side.SELL, 200_000_000)
    assert 0 == participation(BTC, Side.SELL, 1)
    traded.time_ns = 2
    assert 200_000_000 == participation(BTC, Side.BUY, 200_000_000)


def test_a_bar_without_volume_fills_nothing() -> None:
    assert 0 == Participation(Traded(traded=0), {DATA: 2}, RATE_UNIT)(BTC, Side.BUY, 1)


def test_without_chance_everything_is_filled() -> None:
    assert [7] * 9 == [Chance("seed", 0)(BTC, Side.BUY, 7) for _ in range(9)]


@given(quantity=st.integers(1, 10**12), seed=st.text())
def test_chance_fills_a_part_and_is_the_same_for_the_same_seed(quantity: int, seed: str) -> None:
    one, other = Chance(seed, RATE_UNIT), Chance(seed, RATE_UNIT)
    filled = [one(BTC, Side.BUY, quantity) for _ in range(9)]

    assert filled == [other(BTC, Side.BUY, quantity) for _ in range(9)]
    assert all(0 < units <= quantity for units in filled)


def test_chance_fills_whole_lots() -> None:
    lots = evolve(BTC, lot=100)
    chance = Chance("seed", RATE_UNIT)

    assert {100, 200, 300} == {chance(lots, Side.BUY, 350) for _ in range(99)}
    assert 99 == chance(lots, Side.BUY, 99)


def test_a_volume_is_that_of_the_last_bar(tmp_path: Path) -> None:
    bars(tmp_path / "bars.csv", seed=1, rows=3)
    history = prepare([BarFile(tmp_path / "bars.csv", DATA)], [], tmp_path / "history")
    timeline = Timeline(history, 1)
    volumes = next(history.chunks()).volume[DATA]

    with pytest.raises(DataError, match="no volume before the first tick"):
        timeline.volume(DATA)
    seen: list[int] = []
    while timeline.next_tick():
        seen.append(timeline.volume(DATA))
    assert volumes == seen
