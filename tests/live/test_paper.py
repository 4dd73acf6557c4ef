"""Paper trading: live prices, simulated accounts that survive the process."""

import signal
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from pathlib import Path

import polars as pl
import pytest
from attrs import define, field

from tests.live import victim
from tests.live.inside import Inside, Virtual
from tests.live.test_reports import hedged, reports
from tests.live.worlds import PATIENCE_S, ROOT, written
from verifill.anchors import default_place
from verifill.assembly.loopback import Hosting
from verifill.assembly.prices import PriceSource, Rows
from verifill.config import load_config
from verifill.engine.drawing.model import picture
from verifill.engine.drawing.overlay import overlay
from verifill.engine.errors import ConfigError, NotObserved
from verifill.engine.inbox import post
from verifill.engine.log.anchor import FileAnchor
from verifill.engine.log.durable_reader import open_log
from verifill.engine.log.opening import verify_log
from verifill.faults.forked import lived
from verifill.live import Ended, run_live
from verifill.machines.feed import FEED
from verifill.machines.full_loop import FULL_LOOP
from verifill.paper import journal_of, replayed, run_paper
from verifill.result import RunResult
from verifill.venues.data import SeriesPoints
from verifill.venues.loopback.effects import effects_of
from verifill.venues.loopback.journal import Quoted, read_journal
from verifill.venues.market import LiveMarket
from verifill.venues.simulated.quotes import FixedMarket

BTC, BARS = "binance.spot:BaseToken:BTC", "binance.spot:BTC/USDT"


class Prices(FixedMarket):
    """A price feed in the test's hands; implements `venues.market.LiveMarket`.

    Attributes:
        gone: why it does not answer.
    """

    def __init__(self, prices: dict[str, int]) -> None:
        super().__init__(prices=prices)
        self.gone: Callable[[], str] = lambda: ""
        self.clock_ns = 0
        self.time = Virtual()

    def refresh(self) -> None:
        if why := self.gone():
            raise NotObserved(why)
        self.time_ns = self.clock_ns = self.time.now_ns

    def close(self, instrument: str) -> Decimal:
        return Decimal(self.price(instrument)).scaleb(-2)

    def closes(self, instrument: str, count: int) -> list[int]:
        return [self.price(instrument)][:count]

    def rate(self, series: str) -> Decimal:
        return Decimal(self.value(series)).scaleb(-18)


@define
class Paper:
    """One paper log, over as many lives as it takes."""

    config: Path
    time: Virtual = field(factory=Virtual)
    feed: Prices = field(factory=lambda: Prices(prices={BARS: 4_000_000}))

    @property
    def log(self) -> Path:
        return self.config.parent / "log"

    def live(self, ticks: int, prices: PriceSource | None = None) -> Ended:
        times = self.time.times()
        source = prices or self.quoted
        return run_paper(self.config, prices=source, folder=self.log, ticks=ticks, times=times)

    def quoted(self, _hosting: Hosting, _began_ns: int) -> LiveMarket:
        self.feed.time = self.time
        return self.feed

    @property
    def result(self) -> RunResult:
        return RunResult(self.log)

    @property
    def effects(self) -> list[int]:
        return [one.effects for one in effects_of(read_journal(journal_of(self.log)))]


@pytest.fixture
def paper(tmp_path: Path) -> Paper:
    return Paper(written(tmp_path))


def test_orders_are_executed_at_the_live_price_of_the_moment(paper: Paper) -> None:
    paper.live(1)
    paper.feed.prices[BARS] = 5_000_000
    paper.time.sleep(1.0)
    paper.live(1)
    spread = {40_000_00: 4_000_400, 50_000_00: 5_000_500}
    fills = paper.result.fills.collect()

    assert list(spread.values()) == fills["price_ticks"].to_list()
    assert [1, 1] == paper.effects
    assert "paper" == paper.result.header["mode"]


def test_accounts_are_where_the_last_life_left_them(paper: Paper) -> None:
    paper.live(2)
    before = paper.result.outcome.closing
    paper.time.sleep(60.0)
    assert "STOPPED" == paper.live(1).state

    assert before[BTC] * 3 == paper.result.outcome.closing[BTC] * 2
    assert "blocked" not in set(paper.result.transitions.collect()["event"])


def test_without_a_live_price_no_tick_begins_and_no_order_is_executed(paper: Paper) -> None:
    looks = iter(["", "", "", "silent", "silent", "silent", "silent", ""])
    paper.feed.gone = lambda: next(looks, "")  # recovery, tick 1, and its order
    paper.live(3)
    events = Counter(paper.result.transitions.collect()["event"])
    notes = paper.result.notes.collect()

    assert 1 <= events["skip"]
    assert [1] * events["matched"] == paper.effects
    assert any("market data is not fresh: silent" in text for text in notes["payload"])


def test_an_order_whose_price_is_gone_has_not_left(paper: Paper) -> None:
    looks = iter(["", "", *["silent"] * 3])  # recovery, tick; then all three sends
    paper.feed.gone = lambda: next(looks, "")
    paper.live(2)
    events = Counter(paper.result.transitions.collect()["event"])

    assert 3 <= events["denied"]
    assert 1 <= events["fail"]
    assert [1] * events["matched"] == paper.effects


def test_an_instrument_without_a_live_price_keeps_the_market_from_being_fresh(paper: Paper) -> None:
    paper.feed = Prices(prices={"another": 1})
    paper.time.patience = 50
    with pytest.raises(AssertionError):  # it waits for an operator, in HALTED
        paper.live(1)

    assert "HALTED" == paper.result.outcome.state
    notes = paper.result.notes.collect()["payload"].to_list()
    assert any(f"there is no live price of {BARS}" in text for text in notes)


def test_only_prices_that_changed_go_into_the_journal(paper: Paper) -> None:
    paper.live(2)
    paper.feed.prices[BARS] = 4_100_000
    paper.live(1)
    quoted = [
        line.what for line in read_journal(journal_of(paper.log)) if isinstance(line.what, Quoted)
    ]

    assert [{BARS: 4_000_000}, {BARS: 4_100_000}] == [one.prices for one in quoted]


def test_the_history_is_traded_as_if_it_happened_now(tmp_path: Path) -> None:
    lives: list[Paper] = []
    for name, parts in (("whole", (8,)), ("lives", (3, 1, 4))):
        (tmp_path / name).mkdir()
        lives.append(made := Paper(written(tmp_path / name)))
        for ticks in parts:
            made.live(ticks, prices=replayed(1, made.time.times()))
            made.time.sleep(1.0)
    one, three = lives

    assert 3 == three.result.transitions.collect()["epoch"].max()
    assert reports(one.result) == reports(three.result)
    assert {"FEE", "PRICE", "TRADE"} == set(three.result.profit_and_loss().by_cause)
    assert 8 == three.result.fills.collect()["price"].n_unique()


def test_perpetuals_and_funding_are_simulated_on_paper_too(tmp_path: Path) -> None:
    made = Paper(hedged(tmp_path, "run").config)
    made.live(7, prices=replayed(30, made.time.times()))
    profit = made.result.profit_and_loss(missing="leave out")

    assert {"FUNDING", "FEE"} <= set(profit.by_cause)
    assert profit.change == sum(profit.by_cause.values())


def test_a_history_that_is_over_has_no_prices(paper: Paper) -> None:
    seen: list[LiveMarket] = []
    replay = replayed(1, paper.time.times())

    def watched(hosting: Hosting, began_ns: int) -> LiveMarket:
        seen.append(replay(hosting, began_ns))
        return seen[-1]

    paper.live(2, prices=watched)
    market = seen[-1]
    first, second = market.closes(BARS, 9)
    assert (second, [second], []) == (
        market.price(BARS),
        market.closes(BARS, 1),
        market.closes(BARS, 0),
    )
    assert market.close(BARS) == Decimal(market.price(BARS)).scaleb(-2)
    paper.time.sleep(10**6)
    with pytest.raises(NotObserved, match=r"the history of .* rows is over"):
        market.refresh()
    assert first != second


STRATEGIES = ("cash_and_carry", "market_neutral", "leveraged_staking", "leveraged_staking_saga")


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_reference_strategy_trades_on_paper_without_a_mismatch(tmp_path: Path, name: str) -> None:
    examples = ROOT / "docs" / "examples"
    text = (examples / f"{name}.toml").read_text()
    text = text.replace("../../fixtures", str(ROOT / "fixtures"))
    config = tmp_path / "paper.toml"
    config.write_text(text.replace('source = "', f'source = "{examples}/'))
    made = Paper(config)
    interval_s = load_config(config).loop.interval_s
    ended = made.live(3, prices=replayed(interval_s, made.time.times()))
    kinds = set(made.result.notes.collect()["kind"])
    profit = made.result.profit_and_loss(missing="leave out")

    assert ("STOPPED", "", 3) == (ended.state, ended.reason, ended.ticks)
    assert not kinds & {"MISMATCH", "HELD", "FAILURE"}
    assert made.result.moves.collect().height
    assert profit.change == sum(profit.by_cause.values())


def test_a_mark_price_of_the_history_is_known_from_its_time_on_in_ticks() -> None:
    marks = SeriesPoints([10, 20], [64_000 * 10**18, 64_123 * 10**18 + 5 * 10**15], 18)
    rows = Rows([5, 15, 25], {BARS: [1, 2, 3]}, {f"mark:{BARS}": marks}, {BARS: 2})

    assert [{}, {BARS: 6_400_000}, {BARS: 6_412_300}] == [rows.known(t)[1] for t in rows.times]


def test_operators_are_heard_on_paper_and_a_restart_does_not_clear_what_they_said(
    paper: Paper,
) -> None:
    paper.live(1)
    posted = partial(post, paper.log, actor="ann", reason="because", at_ns=paper.time.now_ns)
    posted("kill", arguments={"flatten": "no"})
    paper.time.patience = 20
    for _ in range(2):
        with pytest.raises(AssertionError):  # it waits for an operator, in HALTED
            paper.live(2)
        paper.time.patience = 20
    assert [1] == paper.effects

    for _ in range(2):  # to what reduces risk, and from there to all
        posted("resume", arguments={"scope": "global"})
    paper.time.patience = 1_000
    assert "STOPPED" == paper.live(6).state
    assert 1 < len(paper.effects)


# What is refused.


def test_a_log_is_gone_on_with_in_its_own_mode_only(paper: Paper, tmp_path: Path) -> None:
    paper.live(1)
    with pytest.raises(ConfigError, match="is the log of a paper run, and cannot be gone on with"):
        run_live(paper.config, port=9, folder=paper.log)

    (tmp_path / "live").mkdir()
    live = Inside(tmp_path / "live", written(tmp_path / "live"))
    live.live(1)
    with pytest.raises(ConfigError, match=r"is the log of a live run.*use `verifill live`"):
        run_paper(live.config, prices=replayed(1, paper.time.times()), folder=live.log)


def test_log_and_journal_belong_together(paper: Paper) -> None:
    paper.live(1)
    journal = journal_of(paper.log)
    kept = journal.read_bytes()
    journal.unlink()
    with pytest.raises(ConfigError, match="holds the accounts of"):
        paper.live(1)

    journal.write_bytes(kept)
    paper.log.rename(paper.log.with_name("elsewhere"))
    with pytest.raises(ConfigError, match=r"its log .* is not there"):
        paper.live(1)


# The real process, killed.

KILLED = -signal.SIGKILL
MOMENTS = (  # a commit is one to the log, a line one of the journal: it opens, then the order
    *("before commit 7", "after commit 7", "after commit 9"),
    *("after send 1", "after line 1", "after line 2"),
    *("after line 2, then before commit 3", "before line 2, then before commit 5"),  # recovering
)


def life(config: Path, log: Path, ticks: int, *moment: str) -> int:
    given = (str(config), "paper", str(log), str(ticks), *moment)
    done = lived(victim.main, *given, patience_s=PATIENCE_S)
    assert done.code in (0, KILLED), done.stderr
    return done.code


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_process_that_is_killed_at_any_moment_has_one_effect_for_each_intent(
    tmp_path: Path, moment: str
) -> None:
    config, log = written(tmp_path), tmp_path / "log"
    for one in moment.split(", then "):
        when, number = one.rsplit(" ", 1)
        assert KILLED == life(config, log, 2, when, number)
    assert 0 == life(config, log, 1)

    verify_log(log, FileAnchor(default_place(log)))
    result = RunResult(log)
    records = result.transitions.collect()
    effects = {e.key: e.effects for e in effects_of(read_journal(journal_of(log)))}
    intents = records.filter(pl.col("kind") == "INTENT")["intent_id"]
    assert set(effects) <= set(intents)
    assert all(count == 1 for count in effects.values()), effects
    assert len(effects) == Counter(records["event"])["matched"]
    assert "STOPPED" == result.outcome.state
    assert len(effects) == result.fills.collect().height
    bought = sum(result.fills.collect()["quantity"]) - sum(result.fills.collect()["fee"])
    assert result.outcome.closing[BTC] == bought


def test_a_paper_run_is_drawn_over_its_machines(paper: Paper) -> None:
    paper.live(1)
    log = open_log(paper.log)
    marks = overlay(picture(FULL_LOOP), log)

    assert {"START", "IDLE", "INSTRUCTION", "tight_loop.DONE"} <= set(marks.visited)
    assert 1 == marks.taken["tight_loop.RECONCILE", "tight_loop.DONE", "matched"].count
    assert {"CONNECTING", "LIVE"} == set(overlay(picture(FEED), log).visited)
