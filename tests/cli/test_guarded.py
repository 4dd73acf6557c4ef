"""Guarded live runs from the outside: operators' commands, `verifill status`, limits of money."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Verifill
from tests.live.inside import START_NS, Inside
from tests.live.worlds import ROOT, written
from verifill.assembly.history import prepared
from verifill.assembly.loopback import Hosting
from verifill.config import load_config
from verifill.engine.clock import NANOSECONDS
from verifill.engine.errors import ConfigError
from verifill.engine.inbox import last_posted
from verifill.engine.log.durable_reader import DurableReader
from verifill.engine.log.record import Record
from verifill.guarded import guarded
from verifill.limited import check_margins
from verifill.machines.breaker import Breaker
from verifill.machines.circuit import HINTS
from verifill.machines.recovery import Found
from verifill.replay.live import replay_live
from verifill.start import over
from verifill.venues.loopback.local import Local

SCOPE = "strategy:strategy.py"
THROTTLED = """
[loopback]
width = "0"
[breakers]
executions_max = 1
executions_period_s = 80000
named_persons = ["grace"]
"""
LIMITED = """
[loopback]
width = "0"
[breakers]
{name} = "{limit}"
"""


def inside(folder: Path, more: str) -> Inside:
    folder.mkdir(exist_ok=True)
    return Inside(folder, written(folder, more))


def sends(made: Inside) -> int:
    return DurableReader(made.log).records().filter(kind="INTENT").collect().height


def said(actor: str) -> tuple[str, ...]:
    return ("--actor", actor, "--reason", "looked", "--scope", SCOPE, "--no-wait")


def answers(made: Inside) -> list[str]:
    return [one.answer.text for one in last_posted(made.log, 10) if one.answer]


def guard_of(command: Verifill, made: Inside) -> dict[str, dict[str, Any]]:
    """What `verifill status --json` tells of breakers, trading, feeds and health, by scope."""
    told = json.loads(command("status", made.log, "--json").stdout)["guard"]
    return {part: {one["scope"]: one for one in seen} for part, seen in told.items()}


def test_a_breaker_is_reset_on_a_stopped_engine_by_whom_it_names(
    tmp_path: Path, command: Verifill
) -> None:
    made = inside(tmp_path / "run", THROTTLED)
    made.live(3)
    assert 1 == sends(made)

    for actor in ("ann", "grace"):
        assert 0 == command("ops", "reset-breaker", made.log, *said(actor)).exit_code
    made.live(3)
    assert [
        "refused: ann may not reset a throttle; allowed are grace",
        f"breaker {SCOPE} is CLOSED now",
    ] == answers(made)
    assert 2 == sends(made)


def test_a_breaker_is_reset_on_a_running_engine(tmp_path: Path, command: Verifill) -> None:
    made = inside(tmp_path / "run", THROTTLED)

    def tell(record: Record, _seq: int) -> None:
        if record.event == "held":
            command("ops", "reset-breaker", made.log, *said("grace"))

    made.live(3, tell)
    assert f"breaker {SCOPE} is CLOSED now" == answers(made)[0]
    assert 1 < sends(made)


@pytest.mark.parametrize("running", [False, True])
def test_a_scope_is_resumed_on_a_stopped_and_on_a_running_engine(
    tmp_path: Path, command: Verifill, *, running: bool
) -> None:
    made = inside(tmp_path / "run", LIMITED.format(name="daily_loss_max", limit="0.1"))

    def tell(record: Record, _seq: int) -> None:
        if running and record.event == "reduce":
            command("ops", "resume", made.log, *said("ann"))

    made.live(3, tell)  # a purchase costs more than that in fees
    if not running:
        assert 1 == sends(made)
        assert "REDUCING" == guard_of(command, made)["trading"][SCOPE]["state"]
        command("ops", "resume", made.log, *said("ann"))
        made.live(3)
    assert f"trading of {SCOPE} is ACTIVE now" == answers(made)[0]
    assert 1 < sends(made)


def test_an_unknown_scope_is_answered_with_those_that_there_are(
    tmp_path: Path, command: Verifill
) -> None:
    made = inside(tmp_path / "run", THROTTLED)
    made.live(1)
    words = ("--actor", "ann", "--reason", "looked", "--scope", "account:x", "--no-wait")
    command("ops", "resume", made.log, *words)
    made.live(1)

    assert answers(made)[0].startswith("refused: there is no trading state 'account:x'; there are")


# Status.


def test_a_status_tells_breakers_trading_feeds_and_health_with_reasons(
    tmp_path: Path, command: Verifill
) -> None:
    made = inside(tmp_path / "run", THROTTLED)
    made.live(3)
    told = guard_of(command, made)

    held = told["breakers"][SCOPE]
    assert ("OPEN.HELD", ["1 sends within 80000 s"], HINTS[Breaker.OPEN_HELD]) == (
        held["state"], held["reasons"], held["reset"],
    )  # fmt: skip
    assert START_NS < held["since_ns"] < START_NS + 10 * NANOSECONDS
    closed = told["breakers"]["venue:binance:SPOT_TRADE"]
    assert ("CLOSED", [], None, "") == (
        closed["state"], closed["reasons"], closed["since_ns"], closed["reset"],
    )  # fmt: skip
    assert "ACTIVE" == told["trading"]["global"]["state"]
    assert ("LIVE", ["data of now"]) == (
        told["feeds"]["binance"]["state"], told["feeds"]["binance"]["reasons"],
    )  # fmt: skip
    assert ("UNHEALTHY", ["1 sends within 80000 s"]) == (
        told["health"][SCOPE]["state"], told["health"][SCOPE]["reasons"],
    )  # fmt: skip
    assert "HEALTHY" == told["health"]["binance"]["state"]

    shown = re.sub(r"\s+", " ", command("status", made.log).stdout)
    for words in (
        "Breakers that are not closed", f"{SCOPE} OPEN.HELD", "an operator must reset it",
        "1 not closed", "Market data", "binance LIVE", "Health",
    ):  # fmt: skip
        assert words in shown
    assert "Trading that is narrowed" not in shown


def test_a_status_of_a_running_engine_tells_what_was_written_last(
    tmp_path: Path, command: Verifill
) -> None:
    made = inside(tmp_path / "run", LIMITED.format(name="daily_loss_max", limit="0.1"))
    seen: list[str] = []

    def tell(record: Record, _seq: int) -> None:
        if record.event == "reduce":
            assert "REDUCING" == guard_of(command, made)["trading"][SCOPE]["state"]
            seen.append(command("status", made.log).stdout)

    made.live(3, tell)
    assert "one runs now" in seen[0]
    assert "Trading that is narrowed" in seen[0]
    assert "REDUCING" in seen[0]


def test_a_status_finds_the_guard_though_the_last_records_do_not_tell_of_it(
    tmp_path: Path,
) -> None:
    made = inside(tmp_path / "run", THROTTLED)
    made.live(3)
    whole = DurableReader(made.log)

    assert guarded(whole, whole) == guarded(whole, whole.recent(1))
    assert SCOPE in {one.scope for one in guarded(whole, whole.recent(1)).breakers}


# Limits of money.


def test_slippage_at_a_real_price_holds_the_strategy(tmp_path: Path, command: Verifill) -> None:
    made = inside(tmp_path / "run", LIMITED.format(name="slippage_max", limit="0.001"))
    made.live(3)  # the venue fills at half its spread and a slippage from the last price

    assert 1 == sends(made)
    assert "OPEN.HELD" == guard_of(command, made)["breakers"][SCOPE]["state"]


def test_what_was_counted_is_counted_on_over_a_restart(tmp_path: Path) -> None:
    one = inside(tmp_path / "one", LIMITED.format(name="slippage_max", limit="1000"))
    one.live(3)
    two = inside(tmp_path / "two", LIMITED.format(name="slippage_max", limit="1000"))
    for _ in range(3):
        two.live(1)

    assert sends(one) == sends(two) == 3
    assert slipped(one) == slipped(two) != {}


def slipped(made: Inside) -> dict[str, int]:
    payloads = DurableReader(made.log).records().collect()["payload"].drop_nulls().to_list()
    told = [json.loads(text) for text in payloads if '"guard":' in text]
    last = told[-1]
    guard = last.get("guard") or last["memory"]["guard"]
    return dict(guard["figures"]["slipped"])


HEDGES = """
[breakers.hedges]
ETH = ["WETH", "eETH", "weETH", "aweETH", "vDebtWETH"]
"""


def test_what_is_staked_and_owed_counts_as_its_underlying(tmp_path: Path) -> None:
    config = example(tmp_path, "market_neutral", "naked_delta_max")
    config.write_text(config.read_text() + HEDGES)

    assert 1 == Inside(tmp_path / "run", config).live(1).ticks


def test_what_counts_as_the_underlying_and_has_no_live_price_is_refused(tmp_path: Path) -> None:
    config = example(tmp_path, "market_neutral", "naked_delta_max")
    rate = '"borrow_rate:aave_v3:WETH" = "0.02"'
    text = config.read_text().replace('weETH = "1.08"', f'weETH = "1.08"\n{rate}')
    config.write_text(text.replace('accrual = "none"\n\n[routes]', "\n[routes]") + HEDGES)

    with pytest.raises(ConfigError, match=r"naked_delta_max is set.* what vDebtWETH is worth in"):
        Inside(tmp_path / "run", config).live(1)


def test_an_unhedged_amount_at_a_real_venue_lets_the_strategy_only_reduce(
    tmp_path: Path, command: Verifill
) -> None:
    made = inside(tmp_path / "run", f"{LIMITED.format(name='naked_delta_max', limit='1')}{PERP}")
    made.live(3)  # a purchase of 0.01 at each tick, and nothing is short

    told = guard_of(command, made)["trading"][SCOPE]
    assert "REDUCING" == told["state"]
    assert re.fullmatch(
        r"naked_delta of BTC is \d+\.\d+, beyond 1 for more than 0 s", told["reasons"][0]
    )
    assert replay_live(made.log).identical


SHORTS = """
from decimal import Decimal

from verifill import PerpTrade, Side


class Shorts:
    def decide(self, market, positions, last):
        account, quantity = "binance.spot", Decimal("0.01")
        return [
            PerpTrade(account=account, symbol="BTCUSDT", side=Side.SELL, quantity=quantity),
            PerpTrade(
                account=account, symbol="BTCUSDT", side=Side.BUY, quantity=quantity / 2,
                reduce_only=True,
            ),
        ]
"""


def test_a_margin_at_a_real_venue_lets_the_strategy_only_reduce(
    tmp_path: Path, command: Verifill
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    more = f"{LIMITED.format(name='margin_min', limit='100000000')}{PERP}"
    made = Inside(folder, written(folder, more, SHORTS))
    made.live(4)

    told = guard_of(command, made)["trading"][SCOPE]
    assert "REDUCING" == told["state"]
    assert re.fullmatch(r"margin of binance\.spot is \d+\.\d+, below 100000000", told["reasons"][0])
    assert replay_live(made.log).identical


def test_a_venue_that_does_not_tell_its_margins_is_refused(tmp_path: Path) -> None:
    made = inside(tmp_path / "run", f"{LIMITED.format(name='margin_min', limit='2')}{PERP}")
    config = load_config(made.config)
    hosting = Hosting.of(config, prepared(config, tmp_path / "work", None))
    told = over(Local(made.service), made.time.times())(hosting, Found(), {})

    check_margins(hosting, told.venues)
    with pytest.raises(ConfigError, match="here: binance does not tell its margins; leave it out"):
        check_margins(hosting, {"binance": object()})


PERP = """naked_delta_s = 0

[[exchanges.binance.instruments]]
account = "binance.spot"
symbol = "BTCUSDT"
perpetual = true
base = "BTC"
quote = "USDT"
data = "binance.spot:BTC/USDT"
"""


def example(folder: Path, name: str, limit: str) -> Path:
    """An example of the documentation with a limit of money."""
    text = (ROOT / "docs" / "examples" / f"{name}.toml").read_text()
    text = text.replace("../../fixtures", str(ROOT / "fixtures"))
    text = text.replace('source = "', f'source = "{ROOT / "docs" / "examples"}/')
    config = folder / f"{name}.toml"
    config.write_text(f'{text}\n[breakers]\n{limit} = "1"\n')
    return config


@pytest.mark.parametrize(
    ("name", "limit", "why"),
    [
        ("rebalance", "margin_min", "no venue has a perpetual, or lends"),
        ("rebalance", "naked_delta_max", "no perpetual is on an asset beside USDT"),
        ("leveraged_staking", "naked_delta_max", "no perpetual is on an asset beside WETH"),
        ("cash_and_carry", "daily_loss_max", "no live price tells what ETH is worth in USDT"),
        ("leveraged_staking", "slippage_max", "swaps on ethereum are limited by their least"),
    ],
)
def test_a_limit_that_cannot_be_measured_is_refused_at_the_start(
    tmp_path: Path, name: str, limit: str, why: str
) -> None:
    made = Inside(tmp_path / "run", example(tmp_path, name, limit))

    with pytest.raises(ConfigError, match=re.escape(why)) as told:
        made.live(1)
    assert f"breakers.{limit} is set, and cannot be measured here" in str(told.value)


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("cash_and_carry", "suspense_max"),
        ("cash_and_carry", "slippage_max"),
        ("cash_and_carry", "naked_delta_max"),
        ("cash_and_carry", "margin_min"),
        ("market_neutral", "margin_min"),
        ("leveraged_staking", "margin_min"),
    ],
)
def test_a_limit_that_can_be_measured_is_taken(tmp_path: Path, name: str, limit: str) -> None:
    made = Inside(tmp_path / "run", example(tmp_path, name, limit))

    assert 1 == made.live(1).ticks
