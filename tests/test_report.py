"""Reports add up to the unit, and read nothing but a log and its market data."""

import itertools
import random
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.runs import (
    FUNDING,
    OPENING,
    PERP_DATA,
    SCALES,
    SPOT,
    SPOT_DATA,
    USDM,
    Deciding,
    buy,
    perpetual,
    ran,
    sell,
    ticks,
)
from verifill.ending import Ending
from verifill.engine.errors import AmountError, ConfigError, DataError, LogError
from verifill.links import By, Link, from_header, links_of_chain, to_header
from verifill.machines.strategy import Plan
from verifill.report.book import UNEXPLAINED
from verifill.report.equity import ends, equity
from verifill.report.exact import product, quotient
from verifill.report.exposure import base_of, exposure, underlying
from verifill.report.market import PreparedMarket
from verifill.report.pnl import PRICE, UNREALISED, profit_and_loss
from verifill.report.risk import ratio, risk
from verifill.report.transit import with_both_sides
from verifill.report.worth import Worth
from verifill.result import RunResult
from verifill.running import run_backtest
from verifill.venues.calls.indices import RAY, YEAR_NS
from verifill.venues.calls.protocols import Accrual, Pool, Reserve, Staking, Wrapper
from verifill.venues.calls.rules import ChainRules
from verifill.venues.data.history import History
from verifill.venues.instructions import Side
from verifill.venues.orders import Cause
from verifill.venues.rules import BASE, RATE_UNIT, Fees, VenueRules
from verifill.venues.simulated.model import ExchangeModel

BTC, USDT = f"{SPOT}:BaseToken:BTC", f"{SPOT}:BaseToken:USDT"
MARGIN, PERP = f"{USDM}:BaseToken:USDT", f"{USDM}:Perp:BTCUSDT"
HEDGED: list[Plan] = [
    [buy("1"), perpetual(Side.SELL, "1")],
    [],
    [sell("0.4")],
    [perpetual(Side.BUY, "0.3")],
    [],
    [perpetual(Side.BUY, "1")],
]


@pytest.fixture(scope="module")
def hedged(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """Spot and a perpetual that is reduced and then turned, with funding."""
    log, _ = ran(tmp_path_factory.mktemp("hedged"), ticks(HEDGED))
    return RunResult(log)


def by_hand(result: RunResult, units: dict[str, int], basis: int, time_ns: int) -> int:
    """Equity in units of USDT, from the prices themselves."""
    history = History(result.market)
    chunk = next(history.chunks())
    at = chunk.time_ns.index(time_ns)
    spot, perp = chunk.close[SPOT_DATA][at], chunk.close[PERP_DATA][at]
    unrealised = (units[PERP] * perp - basis) // 100
    return units[USDT] + units[MARGIN] + units[BTC] * spot // 100 + unrealised


def random_plans(seed: int) -> list[Plan]:
    chance = random.Random(seed)
    plans: list[Plan] = []
    for _ in range(25):
        quantity = f"{chance.randint(1, 200_000) / 10**5:.5f}"
        side = chance.choice(list(Side))
        spot = buy(quantity) if chance.random() < 0.7 else sell("0.001")
        plans.append([spot, perpetual(side, quantity)] if chance.random() < 0.6 else [])
    return plans


def test_equity_is_what_the_positions_are_worth_at_the_last_prices(hedged: RunResult) -> None:
    curve = hedged.equity()
    end = hedged.log.end
    assert end is not None
    closing = {key: int(units) for key, units in end["closing"].items()}
    last = by_hand(hedged, closing, int(end["bases"][PERP]), curve["time_ns"][-1])

    assert 11 * 10**14 == curve["equity_units"][0]
    assert last == curve["equity_units"][-1]
    assert Decimal(last).scaleb(-8) == curve["equity"][-1]
    assert [*History(hedged.market).header.price_decimals] == [SPOT_DATA, PERP_DATA]
    assert 1 + History(hedged.market).rows == curve.height


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_the_parts_of_the_profit_add_up_to_the_change_of_equity_exactly(
    seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    log, _ = ran(tmp_path_factory.mktemp("random"), ticks(random_plans(seed)), seed=seed)
    result = RunResult(log)
    made = result.profit_and_loss()
    curve = result.equity()

    assert made.change == sum(made.by_cause.values())
    assert made.change == sum(made.by_position["amount"].to_list())
    assert made.start == curve["equity"][0]
    assert made.end == curve["equity"][-1]
    assert UNEXPLAINED not in made.by_cause


def test_profit_is_told_apart_by_what_the_venue_says(hedged: RunResult) -> None:
    made = hedged.profit_and_loss()
    fills = hedged.fills.collect()
    ledger = hedged.ledger.collect()

    assert -fills["fee"].sum() == made.by_cause[Cause.FEE]
    assert fills["realised"].sum() == made.by_cause[Cause.REALISED]
    assert ledger["amount"].sum() == made.by_cause[Cause.FUNDING]
    assert {PRICE, UNREALISED, Cause.TRADE, Cause.FEE, Cause.REALISED, Cause.FUNDING} == set(
        made.by_cause
    )


def test_both_ends_need_no_look_at_what_was_in_between(hedged: RunResult) -> None:
    made, both = hedged.profit_and_loss(), hedged.ends()

    assert (made.start, made.end) == (both.start, both.end)
    assert "USDT" == both.quote


def test_equity_can_be_counted_in_any_asset_that_a_price_leads_to(hedged: RunResult) -> None:
    first = next(History(hedged.market).chunks()).close[SPOT_DATA][0]
    made = hedged.profit_and_loss("BTC")

    assert Decimal(11 * 10**14 * 100 // first).scaleb(-8) - made.start < Decimal("0.00000002")
    assert made.change == sum(made.by_cause.values())


def test_an_asset_that_no_run_knows_is_refused_with_those_it_knows(hedged: RunResult) -> None:
    with pytest.raises(ConfigError, match=r"no asset 'EUR' to count in; it knows BTC, BTCUSDT"):
        hedged.equity("EUR")


def test_a_position_of_unknown_worth_is_an_error_or_left_out_by_name(hedged: RunResult) -> None:
    with pytest.raises(DataError, match=r"what .*BaseToken:BTC.* is worth in XYZ"):
        hedged.equity("XYZ")
    left_out = hedged.profit_and_loss("XYZ", missing="leave out")

    assert (BTC, USDT, MARGIN, PERP) == left_out.left_out
    assert 0 == left_out.change
    assert (BTC, USDT, MARGIN, PERP) == hedged.ends("XYZ", missing="leave out").left_out
    with pytest.raises(DataError, match="is worth in XYZ"):
        hedged.ends("XYZ")
    assert 0 == hedged.exposure("XYZ", missing="leave out").gross
    nothing = hedged.risk("XYZ", missing="leave out")
    assert (None, None, None, None) == (
        nothing.drawdown.ratio, nothing.leverage, nothing.leverage_max, nothing.largest
    )  # fmt: skip


def test_another_history_than_the_run_s_own_is_refused(hedged: RunResult, tmp_path: Path) -> None:
    other, _ = ran(tmp_path, ticks([]), seed=99)
    wrong = RunResult(hedged.log.folder, market=other / "market" / "history")

    with pytest.raises(DataError, match="not the market data of the run"):
        wrong.equity()


def test_a_run_without_its_market_data_still_reads_its_records(
    hedged: RunResult, tmp_path: Path
) -> None:
    shutil.copytree(hedged.log.folder, tmp_path / "log")
    shutil.rmtree(tmp_path / "log" / "market")
    moved = RunResult(tmp_path / "log")

    assert hedged.fills.collect().equals(moved.fills.collect())
    with pytest.raises(DataError, match=r"kept no market data beside its log .* still be read"):
        moved.equity()
    elsewhere = RunResult(tmp_path / "log", market=tmp_path / "nowhere")
    with pytest.raises(DataError, match="no prepared history"):
        elsewhere.equity()


def test_exposure_is_net_of_what_a_perpetual_hedges(hedged: RunResult) -> None:
    held = hedged.exposure()
    prices = _last_prices(hedged)
    spot = Decimal(60_000_000 * prices[SPOT_DATA] // 100).scaleb(-8)
    perp = Decimal(30_000_000 * prices[PERP_DATA] // 100).scaleb(-8)

    assert spot + perp == held.net == held.gross
    assert ["BTC", "USDT"] == held.assets["asset"].to_list()
    assert ["asset", "net", "gross", "at binance"] == held.assets.columns
    assert held.net == held.assets["at binance"][0]
    assert {BTC, USDT, MARGIN, PERP} == set(held.positions["key"])
    assert held.free == sum(
        value for key, value in held.positions.select("key", "value").iter_rows()
        if key in {USDT, MARGIN}
    )  # fmt: skip


def test_exposure_can_be_asked_for_at_any_moment(hedged: RunResult) -> None:
    account = hedged.account()
    first_ns = account.start_ns

    assert 2 * Decimal(1) == sum(
        abs(a) for a in exposure(account, first_ns).positions.filter(asset="BTC")["amount"]
    )


def _last_prices(result: RunResult) -> dict[str, int]:
    chunk = next(History(result.market).chunks())
    return {name: chunk.close[name][-1] for name in (SPOT_DATA, PERP_DATA)}


def test_drawdown_is_the_greatest_fall_from_a_peak(hedged: RunResult) -> None:
    curve = hedged.equity()
    units = curve["equity_units"].to_list()
    worst = max(peak - low for peak, low in itertools.combinations(units, 2))
    told = hedged.risk().drawdown

    assert Decimal(worst).scaleb(-8) == told.amount
    assert told.ratio == ratio(told.amount, hedged.ends().start)
    assert told.peak_ns < told.trough_ns


def test_leverage_is_gross_exposure_over_equity(hedged: RunResult) -> None:
    told = hedged.risk()
    held = hedged.exposure()

    assert told.leverage is not None
    assert told.leverage_max is not None
    assert abs(held.gross / hedged.ends().end - told.leverage) < Decimal("1e-7")
    assert told.leverage_max > told.leverage
    assert told.largest is not None
    assert BTC == told.largest[0]


def test_margin_is_told_by_account_with_the_leverage_that_is_set(hedged: RunResult) -> None:
    (margin,) = hedged.risk().margins
    price = _last_prices(hedged)[PERP_DATA]

    assert (USDM, "USDT") == (margin.account, margin.asset)
    assert Decimal(30_000_000 * price // 100 // 5).scaleb(-8) == margin.used
    assert margin.used is not None
    assert margin.usage == ratio(margin.used, margin.wallet + margin.unrealised)


def test_margin_of_unknown_leverage_has_no_usage(hedged: RunResult) -> None:
    account = hedged.account()
    account.book = account.book.filter(~pl.col("key").str.contains("Setting"))
    (margin,) = risk(account).margins

    assert (None, None) == (margin.used, margin.usage)


def test_a_liquidation_is_in_the_profit_like_everything_else(tmp_path: Path) -> None:
    opening = OPENING | {MARGIN: 9 * 10**11}  # 9,000 USDT carry one bitcoin five times
    plans: list[Plan] = [[perpetual(Side.BUY, "1")]]
    log, outcome = ran(tmp_path, ticks(plans), rows=400, seed=3, opening=opening, drift=-3000)
    result = RunResult(log)
    made = result.profit_and_loss()

    assert outcome.reason.startswith("liquidation")
    assert Cause.LIQUIDATION in made.by_cause
    assert made.change == sum(made.by_cause.values())
    assert {} == outcome.bases
    assert () == result.risk().margins


def test_entry_values_carried_into_a_run_count_from_its_start(tmp_path: Path) -> None:
    opening = OPENING | {PERP: 10**8}
    bases = {PERP: 3_500_000 * 10**8}
    log, _ = ran(tmp_path, ticks([[], [perpetual(Side.SELL, "1")]]), opening=opening, bases=bases)
    result = RunResult(log)
    made = result.profit_and_loss()
    first = next(History(result.market).chunks()).close[PERP_DATA][0]

    assert Decimal(11 * 10**14 + (first - 3_500_000) * 10**6).scaleb(-8) == made.start
    assert made.change == sum(made.by_cause.values())
    assert made.by_cause[Cause.REALISED] > 0


def test_a_fee_in_a_third_asset_is_valued_like_any_other(tmp_path: Path) -> None:
    fees = Fees(rate=RATE_UNIT // 1000, paid_in="XYZ", price=SPOT_DATA, exponent=8 + 2 - 8)
    opening = OPENING | {f"{SPOT}:BaseToken:XYZ": 10**6, f"{USDM}:BaseToken:XYZ": 10**6}
    log, outcome = ran(tmp_path, ticks([[buy("1")]]), fees=fees, opening=opening)
    result = RunResult(log)

    assert "" == outcome.reason
    assert {"XYZ": result.fills.collect()["fee"].sum()} == result.fees
    with pytest.raises(DataError, match=r"what binance\.spot:BaseToken:XYZ"):
        result.equity()
    made = result.profit_and_loss(missing="leave out")
    assert Cause.FEE not in made.by_cause
    assert made.change == sum(made.by_cause.values())


def test_a_log_that_was_cut_off_is_valued_up_to_there(hedged: RunResult, tmp_path: Path) -> None:
    shutil.copytree(hedged.log.folder, tmp_path / "log")
    manifest = tmp_path / "log" / "manifest.jsonl"
    chunk, _end = manifest.read_text().splitlines(keepends=True)
    manifest.write_text(chunk)
    cut = RunResult(tmp_path / "log")

    assert hedged.ends() == cut.ends()
    assert hedged.profit_and_loss().by_cause == cut.profit_and_loss().by_cause


def test_a_log_without_a_chunk_is_refused_in_words(hedged: RunResult, tmp_path: Path) -> None:
    shutil.copytree(hedged.log.folder, tmp_path / "log")
    (tmp_path / "log" / "manifest.jsonl").write_text("")
    begun = RunResult(tmp_path / "log")

    for report in (begun.equity, begun.ends, begun.risk, begun.profit_and_loss, begun.exposure):
        with pytest.raises(LogError, match="holds no chunk yet, only a header"):
            report()


# Money in transit.

ON_THE_WAY, THERE = f"in_transit:{SPOT}:USDT", USDT
LEFT = "wallet:BaseToken:USDT"
Look = tuple[int, str, int]


def looked_at(*looks: Look) -> pl.DataFrame:
    """Changes that the readings of one transfer show, as seq, key and by how much."""
    rows = [(seq, key, 7, seq * 10, moved) for seq, key, moved in looks]
    columns = ["seq", "key", "instruction", "time_ns", "moved"]
    return pl.DataFrame(rows, schema=columns, orient="row")


def booked(compared: dict[int, int], *looks: Look) -> list[Look]:
    changes = with_both_sides(looked_at(*looks), compared)
    assert (changes["seq"] * 10).equals(changes["time_ns"], check_names=False)
    return sorted(changes.filter(pl.col("moved") != 0).select("seq", "key", "moved").rows())


def test_what_is_not_seen_to_be_there_is_still_on_its_way() -> None:
    sent = [(1, ON_THE_WAY, 60), (1, LEFT, -60)]
    later = [(5, THERE, 60), (5, ON_THE_WAY, 0), (5, LEFT, 0)]

    assert sorted([*sent, (5, THERE, 60), (5, ON_THE_WAY, -60)]) == booked(
        {7: 5}, *sent, (3, ON_THE_WAY, -60), *later
    )
    assert sorted(sent) == booked({}, *sent, (3, ON_THE_WAY, -60))


def test_what_is_still_seen_at_its_source_is_not_on_its_way_too() -> None:
    gone = [(4, LEFT, -61), (5, THERE, 60), (5, ON_THE_WAY, -60)]

    assert sorted([(4, ON_THE_WAY, 60), *gone]) == booked({7: 5}, (1, ON_THE_WAY, 60), *gone)


def test_what_never_arrives_is_lost_when_the_transfer_is_compared() -> None:
    sent = [(1, ON_THE_WAY, 60), (1, LEFT, -60)]
    funding = [(4, THERE, 1), (5, THERE, 0)]

    assert sorted([*sent, (4, THERE, 1), (5, ON_THE_WAY, -60)]) == booked(
        {7: 5}, *sent, (3, ON_THE_WAY, -60), *funding
    )


def test_what_arrives_between_two_instructions_counts_when_it_is_seen() -> None:
    seen = looked_at((1, ON_THE_WAY, -60)).with_columns(instruction=pl.lit(0, dtype=pl.Int64))

    assert seen.equals(with_both_sides(seen, {}))


def test_equity_stands_still_while_money_moves_between_accounts(tmp_path: Path) -> None:
    result = run_backtest(EXAMPLES / "cash_and_carry.toml", log=tmp_path / "log")
    first_ns = result.fills.select(pl.col("time_ns").min()).collect().item()
    moving = result.equity(missing="leave out").filter(pl.col("time_ns") < first_ns)

    assert {Decimal(1_000_000)} == set(moving["equity"])
    assert moving.height > 10
    assert ("wallet:BaseToken:ETH",) == result.left_out()


def test_what_is_lent_and_borrowed_in_the_quote_asset_is_leverage_too(tmp_path: Path) -> None:
    result = run_backtest(EXAMPLES / "leveraged_staking_saga.toml", log=tmp_path / "log")
    held, told = result.exposure(), result.risk()
    values: dict[str, Decimal] = dict(held.positions.select("key", "value").iter_rows())
    free = values.pop("dsa:BaseToken:WETH")

    assert free == held.free
    assert sum(map(abs, values.values())) == held.gross == told.gross
    assert sum(values.values()) == held.net
    assert told.leverage is not None
    assert abs(held.gross / result.ends().end - told.leverage) < Decimal("1e-7")
    assert told.leverage > 5
    assert ("aave_v3:aToken:aweETH", max(values.values())) == told.largest


# The examples, which hold everything that can be held.

EXAMPLES = Path(__file__).parent.parent / "docs" / "examples"


@pytest.fixture(scope="module", params=["cash_and_carry", "leveraged_staking", "market_neutral"])
def reference(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> RunResult:
    name = str(request.param)
    return run_backtest(EXAMPLES / f"{name}.toml", log=tmp_path_factory.mktemp(name) / "log")


def test_the_profit_of_every_example_adds_up_exactly(reference: RunResult) -> None:
    made = reference.profit_and_loss(missing="leave out")

    assert made.change == sum(made.by_cause.values())
    assert (made.start, made.end) == (
        reference.ends(missing="leave out").start,
        reference.ends(missing="leave out").end,
    )
    assert UNEXPLAINED not in made.by_cause


def test_an_index_is_what_the_lending_market_itself_says(reference: RunResult) -> None:
    market = _market(reference)
    end = reference.log.end
    assert end is not None
    last = pl.Series([reference.account(missing="leave out").end_ns])
    rated = [link for link in from_header(reference.header["links"]) if link.by is By.RATE]

    assert {link.data.replace("_rate", "", 1): link.asset for link in rated}.keys() == {
        name for name in end["indices"] if rated
    }
    for link in rated:
        told = market.index(link.data, link.opening, last)[0]
        assert int(end["indices"][link.data.replace("_rate", "", 1)]) == told


def test_an_index_grows_linearly_and_compounds_where_the_rate_changes(hedged: RunResult) -> None:
    market = _market(hedged)
    points = market.history.series(FUNDING)
    index, now = RAY, market.times.to_list()
    for (since, until), rate in zip(
        itertools.pairwise([*points.times, now[-1]]), points.values, strict=True
    ):
        index += index * rate * (until - since) // (10**18 * YEAR_NS)

    assert index == market.index(FUNDING, RAY, pl.Series([now[-1]]))[0]
    assert RAY == market.index(FUNDING, RAY, pl.Series([now[0]]))[0]


def test_a_run_that_ends_between_two_bars_is_valued_at_its_end(tmp_path: Path) -> None:
    model = ExchangeModel(lag_ns=30 * 10**9)
    log, outcome = ran(tmp_path, ticks([*[[]] * 39, [buy()]]), model=model)
    result = RunResult(log)

    assert Ending.COMPLETED is outcome.ending
    assert _market(result).history.end_ns < result.equity()["time_ns"][-1]
    assert result.profit_and_loss().end == result.equity()["equity"][-1]


def test_data_that_is_not_there_is_refused_with_what_is(hedged: RunResult) -> None:
    market = _market(hedged)

    with pytest.raises(DataError, match=r"no 'rate'; the history has funding"):
        market.data("rate", market.times)
    with pytest.raises(DataError, match=r"BTC/USDT is not known yet at 0 ns: it begins at 17"):
        market.data(SPOT_DATA, pl.Series([0]))


def test_a_worth_that_nothing_tells_is_refused(hedged: RunResult) -> None:
    worth = Worth(hedged.header, _market(hedged), "XYZ")
    one = pl.Series([1], dtype=pl.Int128)

    with pytest.raises(DataError, match="nothing tells what BTC is worth in XYZ"):
        worth.value(BTC, one, pl.Series([hedged.account().start_ns]), one)


# Worth.

UNITS = st.integers(-(10**30), 10**30)


@example(left=10**30, right=10**30, exponent=0)
@example(left=10**30, right=10**30, exponent=30)
@given(left=UNITS, right=UNITS, exponent=st.integers(-6, 45))
def test_a_product_is_exact_however_wide(left: int, right: int, exponent: int) -> None:
    exact = left * right * 10 ** max(-exponent, 0) // 10 ** max(exponent, 0)

    if -(2**127) <= exact < 2**127:
        assert exact == product(_wide(left), _wide(right), exponent)[0]
    else:
        with pytest.raises(AmountError, match="does not fit 128 bits"):
            product(_wide(left), _wide(right), exponent)


@given(left=st.integers(-(10**20), 10**20), right=st.integers(1, 10**20))
def test_a_quotient_is_exact(left: int, right: int) -> None:
    assert left * 10**9 // right == quotient(_wide(left), _wide(right), 9)[0]
    assert left // (right * 10**9) == quotient(_wide(left), _wide(right), -9)[0]


def test_nothing_has_a_product_too() -> None:
    assert (
        [] == product(pl.Series([], dtype=pl.Int128), pl.Series([], dtype=pl.Int128), 3).to_list()
    )


def _wide(value: int) -> pl.Series:
    return pl.Series([value], dtype=pl.Int128)


def chain(**more: Any) -> ChainRules:  # noqa: ANN401 - fields of the rules
    """A wallet with a wrapper, a staking, a pool and two reserves."""
    usual: dict[str, Any] = {
        "rules": VenueRules(name="chain", accounts=frozenset({"wallet"}), operations=frozenset()),
        "holdings": {"wallet": ("ETH", "WETH", "eETH", "weETH", "USDC")},
        "wrappers": (
            Wrapper(asset="ETH", into="WETH"),
            Wrapper(asset="eETH", into="weETH", rate="r"),
        ),
        "stakings": (Staking(asset="ETH", into="eETH"),),
        "pools": (Pool(name="pool", base="WETH", quote="USDC", rate="p"),),
        "reserves": (
            Reserve(market="aave", asset="WETH", a_token="aWETH", debt_token="dWETH"),
            Reserve(market="aave", asset="weETH", a_token="aweETH", accrual=Accrual.INDEX),
            Reserve(market="aave", asset="USDC", debt_token="dUSDC", accrual=Accrual.NONE),
        ),
    }  # fmt: skip
    return ChainRules(**(usual | more))


def test_the_tokens_of_a_chain_are_linked_to_what_they_are_claims_on() -> None:
    links = {link.asset: link for link in links_of_chain(chain(), {"supply:aave:WETH": 2 * RAY})}

    assert Link(asset="WETH", into="USDC", by=By.DATA, data="p") in links_of_chain(chain())
    assert Link(asset="weETH", into="eETH", by=By.SHARE, data="r") == links["weETH"]
    assert Link(asset="eETH", into="ETH", by=By.SAME) == links["eETH"]
    assert (By.RATE, 2 * RAY) == (links["aWETH"].by, links["aWETH"].opening)
    assert (By.RATE, RAY) == (links["dWETH"].by, links["dWETH"].opening)
    assert (By.SHARE, "supply_index:aave:weETH") == (links["aweETH"].by, links["aweETH"].data)
    assert (By.SAME, "") == (links["dUSDC"].by, links["dUSDC"].data)


def test_links_are_the_same_after_a_header() -> None:
    links = [*links_of_chain(chain())]

    assert links == from_header(to_header([*links, *links]))


def test_exposure_is_to_the_asset_behind_a_claim() -> None:
    header: dict[str, Any] = {"links": to_header(links_of_chain(chain())), "decimals": {}}

    assert "ETH" == underlying(header, "aave:aToken:aweETH")
    assert "ETH" == underlying(header, "aave:debtToken:dWETH")
    assert "USDC" == underlying(header, "aave:debtToken:dUSDC")
    assert "USDC" == base_of(header, "USDC")


def test_assets_that_stand_for_each_other_end_the_search() -> None:
    links = [Link(asset="A", into="B", by=By.SAME), Link(asset="B", into="A", by=By.SAME)]

    assert "B" == base_of({"links": to_header(links)}, "A")


def test_scales_of_the_tests_are_those_of_the_header(hedged: RunResult) -> None:
    assert SCALES.as_dict() == hedged.header["decimals"]
    assert BASE == "BaseToken"


def test_equity_of_a_strategy_that_does_nothing_is_its_opening(tmp_path: Path) -> None:
    log, _ = ran(tmp_path, Deciding(lambda _market, _positions, _last: []))
    result = RunResult(log)

    assert [Decimal(11_000_000)] * 41 == result.equity()["equity"].to_list()
    assert {} == result.profit_and_loss().by_cause
    assert {} == profit_and_loss(result.account()).by_cause
    assert equity(result.account()).equals(result.equity())
    assert ends(result.log, Worth(result.header, _market(result))) == result.ends()


def _market(result: RunResult) -> PreparedMarket:
    return PreparedMarket(result.market, result.header["data_digest"])
