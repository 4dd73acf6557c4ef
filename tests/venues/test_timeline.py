"""The timeline of a backtest: time from the data, and never a price from the future."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verifill.engine.clock import Clock
from verifill.engine.errors import DataError
from verifill.venues.data.history import Chunk, History
from verifill.venues.data.prepare import prepare
from verifill.venues.data.sources import BarFile, SeriesFile
from verifill.venues.market import MarketView
from verifill.venues.simulated.timeline import Timeline

MINUTE_NS = 60 * 10**9
START_NS = 1_700_000_040 * 10**9  # a whole minute
BTC, ETH = "binance.spot:BTC/USDT", "binance.spot:ETH/USDT"
CLOSES = [100.5, 101.25, 99.75, 102.0, 103.5, 98.25]
POINTS = {1: "0.0001", 3: "-0.0002", 5: "0.0003"}


def stamp(minutes: int) -> str:
    return datetime.fromtimestamp(START_NS // 10**9 + 60 * minutes, tz=UTC).isoformat()


def bars(folder: Path, closes: Sequence[float], name: str = "btc") -> Path:
    """A file of bars that close at START, a minute later, and so on; volumes are 1, 2, ..."""
    file = folder / f"{name}.csv"
    lines = ["timestamp,open,high,low,close,volume"]
    lines += [
        f"{stamp(index - 1)},{close},{close},{close},{close},{index + 1}"
        for index, close in enumerate(closes)
    ]
    file.write_text("\n".join(lines) + "\n")
    return file


def points(folder: Path, values: dict[int, str], name: str = "funding") -> Path:
    """A file of a series: minutes after START -> value."""
    file = folder / f"{name}.csv"
    lines = [f"{stamp(minutes)},{value}" for minutes, value in values.items()]
    file.write_text("\n".join(["time,value", *lines]) + "\n")
    return file


def sparse(file: Path, name: str, decimals: int = 18) -> SeriesFile:
    return SeriesFile(file, name, time_column="time", value_column="value", decimals=decimals)


def history(folder: Path, closes: Sequence[float] = CLOSES, mark_decimals: int = 18) -> History:
    made = [
        BarFile(bars(folder, closes), BTC, price_decimals=2),
        BarFile(bars(folder, [close / 10 for close in closes], "eth"), ETH, price_decimals=4),
    ]
    funding = points(folder, POINTS)
    marks = points(folder, {2: "101.129"}, "marks")
    series = [sparse(funding, "funding"), sparse(marks, f"mark:{BTC}", mark_decimals)]
    return prepare(made, series, folder / "prepared")


@pytest.fixture
def prepared(tmp_path: Path) -> History:
    return history(tmp_path)


def timeline(prepared: History, minutes: int = 1) -> Timeline:
    return Timeline(prepared, minutes * MINUTE_NS)


def chunked(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    """Let a history come in chunks of so few rows."""
    whole = History.chunks

    def chunks(prepared: History) -> Iterator[Chunk]:
        return whole(prepared, rows)

    monkeypatch.setattr(History, "chunks", chunks)


class Watching:
    """A simulation that notes the times it is told of, and what it sees then."""

    def __init__(self, market: Timeline) -> None:
        self.market = market
        self.seen: list[tuple[int, int]] = []

    def advance(self, now_ns: int) -> None:
        self.seen.append((now_ns, self.market.price(BTC)))


# The clock.


def test_a_timeline_is_clock_and_market(prepared: History) -> None:
    made = timeline(prepared)
    clock: Clock = made
    market: MarketView = made

    assert clock.now_ns == market.time_ns


def test_every_row_is_a_tick_where_the_interval_is_no_longer(prepared: History) -> None:
    clock = timeline(prepared)
    times: list[int] = []
    while clock.next_tick():
        times.append(clock.now_ns)

    assert [START_NS + index * MINUTE_NS for index in range(6)] == times
    assert not clock.next_tick()


def test_ticks_are_an_interval_apart(prepared: History) -> None:
    clock = timeline(prepared, minutes=2)
    times: list[int] = []
    while clock.next_tick():
        times.append(clock.now_ns - START_NS)

    assert [0, 2 * MINUTE_NS, 4 * MINUTE_NS] == times


def test_rows_between_ticks_reach_the_simulations_all_the_same(prepared: History) -> None:
    clock = timeline(prepared, minutes=3)
    watching = Watching(clock)
    clock.simulations.append(watching)
    clock.next_tick()
    clock.next_tick()

    assert [100_50, 101_25, 99_75, 102_00] == [price for _, price in watching.seen]


def test_a_wait_counts_the_ticks_that_fall_due_and_passes_every_row(prepared: History) -> None:
    clock = timeline(prepared)
    clock.next_tick()
    watching = Watching(clock)
    clock.simulations.append(watching)
    missed = clock.wait(2 * MINUTE_NS + 1)

    assert 2 == missed
    assert START_NS + 2 * MINUTE_NS + 1 == clock.now_ns
    assert [101_25, 99_75, 99_75] == [price for _, price in watching.seen]


def test_a_wait_between_two_rows_misses_no_tick(prepared: History) -> None:
    clock = timeline(prepared)
    clock.next_tick()

    assert 0 == clock.wait(MINUTE_NS - 1)
    assert 1 == clock.wait(1)


def test_a_wait_shorter_than_the_interval_misses_no_tick(prepared: History) -> None:
    clock = timeline(prepared, minutes=3)
    clock.next_tick()

    assert 0 == clock.wait(2 * MINUTE_NS)
    assert 1 == clock.wait(MINUTE_NS)


def test_a_wait_may_last_longer_than_the_data(prepared: History) -> None:
    clock = timeline(prepared)
    clock.next_tick()
    missed = clock.wait(100 * MINUTE_NS)

    assert 5 == missed
    assert START_NS + 100 * MINUTE_NS == clock.now_ns
    assert 98_25 == clock.price(BTC)
    assert not clock.next_tick()


def test_the_tick_after_a_wait_is_the_next_one_that_is_due(prepared: History) -> None:
    clock = timeline(prepared)
    clock.next_tick()
    clock.wait(90 * 10**9)
    clock.next_tick()

    assert START_NS + 2 * MINUTE_NS == clock.now_ns


# The market.


def test_there_is_no_price_before_the_first_tick(prepared: History) -> None:
    market = timeline(prepared)

    for look in (market.price, market.close, market.mark, market.volume):
        with pytest.raises(DataError, match=r"before the first tick|no value yet"):
            look(BTC)


def test_an_instrument_that_is_not_there_has_no_price(prepared: History) -> None:
    market = timeline(prepared)
    market.next_tick()

    with pytest.raises(DataError, match="XRP"):
        market.price("XRP")


def test_a_series_that_is_not_there_has_no_value(prepared: History) -> None:
    with pytest.raises(DataError, match=r"no series 'borrow' in the data; there are funding, mark"):
        timeline(prepared).value("borrow")


def test_prices_of_several_instruments_are_of_the_same_row(prepared: History) -> None:
    market = timeline(prepared)
    market.next_tick()
    market.next_tick()

    assert (101_25, 101_250) == (market.price(BTC), market.price(ETH))
    assert (Decimal("101.25"), Decimal("10.125")) == (market.close(BTC), market.close(ETH))
    assert 2 * 10**8 == market.volume(BTC)


def test_a_series_has_the_value_that_stands_now(prepared: History) -> None:
    market = timeline(prepared)
    market.next_tick()
    with pytest.raises(DataError, match="series 'funding' has no value yet at"):
        market.value("funding")
    market.next_tick()
    assert (10**14, Decimal("0.0001")) == (market.value("funding"), market.rate("funding"))
    market.next_tick()
    assert Decimal("0.0001") == market.rate("funding")
    market.next_tick()
    assert Decimal("-0.0002") == market.rate("funding")


def test_a_wait_does_not_leave_a_value_behind(prepared: History) -> None:
    market = timeline(prepared)
    market.next_tick()
    market.wait(3 * MINUTE_NS - 1)
    assert Decimal("0.0001") == market.rate("funding")
    market.wait(1)
    assert Decimal("-0.0002") == market.rate("funding")


@pytest.mark.parametrize("decimals", [3, 18])
def test_a_mark_is_its_series_in_ticks_rounded_down(tmp_path: Path, decimals: int) -> None:
    market = timeline(history(tmp_path, mark_decimals=decimals))
    market.wait(2 * MINUTE_NS)

    assert 101_12 == market.mark(BTC)


def test_a_mark_of_fewer_decimals_than_the_price_is_exact(tmp_path: Path) -> None:
    folder = tmp_path
    made = prepare(
        [BarFile(bars(folder, CLOSES), BTC, price_decimals=4)],
        [sparse(points(folder, {0: "101"}), f"mark:{BTC}", 0)],
        folder / "prepared",
    )
    market = timeline(made)
    market.next_tick()

    assert 101_0000 == market.mark(BTC)


def test_without_a_series_the_mark_is_the_last_price(prepared: History) -> None:
    market = timeline(prepared)
    market.next_tick()

    assert market.price(ETH) == market.mark(ETH)


@pytest.mark.parametrize("rows", [2, 100], ids=["in chunks", "whole"])
def test_the_last_closes_are_given_oldest_first(
    prepared: History, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    chunked(monkeypatch, rows)
    market = timeline(prepared)
    market.next_tick()
    assert [100_50] == market.closes(BTC, 3)
    market.next_tick()
    market.next_tick()

    assert [100_50, 101_25, 99_75] == market.closes(BTC, 3)
    assert [101_25, 99_75] == market.closes(BTC, 2)
    assert [99_75] == market.closes(BTC, 1)
    assert [] == market.closes(BTC, 0)


def test_closes_go_back_two_chunks_and_no_further(
    prepared: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    chunked(monkeypatch, 2)
    market = timeline(prepared)
    for _ in range(5):
        market.next_tick()

    assert [99_75, 102_00, 103_50] == market.closes(BTC, 5)


def test_the_closes_given_are_the_strategys_own(prepared: History) -> None:
    market = timeline(prepared)
    market.next_tick()
    market.closes(BTC, 1).clear()

    assert [100_50] == market.closes(BTC, 1)


# Never from the future.


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(1, 10**6), min_size=1, max_size=12),
    st.lists(st.integers(0, 4 * 60), max_size=8),
    st.integers(1, 3),
)
def test_no_price_is_from_the_future(
    closes: list[int], waits_s: list[int], chunk_rows: int
) -> None:
    """Whatever is waited for, the price is the last one that is known by now."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        made = prepare(
            [BarFile(bars(Path(folder), closes), BTC, price_decimals=0, interval_s=60)],
            [],
            Path(folder) / "prepared",
        )
        chunked(patch, chunk_rows)
        market = timeline(made)
        known = [START_NS + index * MINUTE_NS for index in range(len(closes))]
        market.next_tick()
        for wait_s in waits_s:
            market.wait(wait_s * 10**9)
            count = bisect_right(known, market.now_ns)
            assert closes[count - 1] == market.price(BTC)
            window = market.closes(BTC, 2)
            assert closes[max(0, count - len(window)) : count] == window


def test_the_span_of_a_bar_is_told_with_the_time_of_the_bar_and_not_before_it(
    tmp_path: Path,
) -> None:
    file = bars(tmp_path, [100.0, 100.0])
    text = file.read_text().splitlines()
    begin, opened, _, _, closed, volume = text[2].split(",")
    text[2] = f"{begin},{opened},103.5,98.25,{closed},{volume}"
    file.write_text("\n".join(text) + "\n")
    made = Timeline(
        prepare([BarFile(file, BTC, price_decimals=2)], [], tmp_path / "prepared"), MINUTE_NS
    )
    with pytest.raises(DataError, match="no bar before the first tick"):
        made.span(BTC)
    assert made.now_ns == made.bar_ns
    made.next_tick()
    first = made.bar_ns, made.span(BTC)
    made.wait(MINUTE_NS // 2)

    assert first == (made.bar_ns, made.span(BTC)) == (START_NS, (10_000, 10_000))
    made.wait(MINUTE_NS)
    assert (START_NS + MINUTE_NS, (9_825, 10_350)) == (made.bar_ns, made.span(BTC))
