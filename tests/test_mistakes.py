"""Mistakes of earlier systems, each with a test that fails if it is made again."""

import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.machines.support import (
    BTC,
    COIN,
    MARGIN,
    OPENING,
    PATIENT,
    PRICE,
    USDT,
    Ask,
    Bars,
    Plans,
    Script,
    buy,
    go,
    play,
    scripted,
    sell,
)
from tests.machines.test_one_tx import run as levered
from tests.machines.test_reconcile import BUY, A, C, judged
from tests.machines.test_saga import TOO_MUCH, saga
from tests.machines.test_tight_loop import does_and_says, hides
from tests.runs import ran, ticks
from tests.venues.chains import DAY_NS, units
from tests.venues.chains import world as chain_world
from verifill.engine.digest import canonical_json, sha256_hex
from verifill.engine.log.reader import Log
from verifill.machines.full_loop import FULL_LOOP
from verifill.machines.reconcile import VerdictKind
from verifill.machines.strategy import Plan
from verifill.machines.tolerance import Suspense, Tolerance
from verifill.venues.instructions import Stake, Supply
from verifill.venues.orders import Outcome, Reading, Receipt, Request
from verifill.venues.rules import RATE_UNIT
from verifill.venues.simulated.model import ExchangeModel


def test_mistake_1_looking_again_re_applies_what_was_seen(tmp_path: Path) -> None:
    """Three looks at a purchase must not triple the position."""
    stage, _ = scripted(Script(view=hides(1)), bars=Bars(1))

    played = play(tmp_path, stage, Plans([buy()]), policy=PATIENT)

    assert "accepted observed mismatched observe observed matched" == played.story
    assert OPENING[BTC] + COIN == played.totals[BTC]
    assert 1 == len(played.rows("fills"))


def test_mistake_2_a_mismatch_does_not_stop_the_sequence(tmp_path: Path) -> None:
    stage, venue = scripted(Script(view=hides(99)))

    played = play(tmp_path, stage, Plans([buy(), sell()], [sell()]))

    assert ([1], ["MISMATCHED", "EXPIRED"]) == (venue.numbers, played.fates)


def test_mistake_3_a_backtest_compares_a_thing_with_itself(tmp_path: Path) -> None:
    """The fill has a price and a fee of its own, and a fill that is wrong is found out."""
    stage, _ = scripted(model=ExchangeModel(slippage=RATE_UNIT // 1000), bars=Bars(1))
    played = play(tmp_path / "right", stage, Plans([buy()]))

    (fill,) = played.rows("fills")
    paid = (PRICE + PRICE // 1000) * 10**4
    assert (PRICE + PRICE // 1000, paid // 1000) == (fill["price"], fill["fee"])
    assert OPENING[USDT] - paid - paid // 1000 == played.totals[USDT]

    def copied(request: Request, ask: Ask) -> Receipt:
        receipt = ask(request)
        expected = replace(receipt.fills[0], price=PRICE)
        return replace(receipt, fills=(expected,))

    stage, _ = scripted(
        Script(submits=[copied]), model=ExchangeModel(slippage=RATE_UNIT // 1000), bars=Bars(1)
    )
    assert ["MISMATCHED"] == play(tmp_path / "wrong", stage, Plans([buy()])).fates


def test_mistake_4_an_error_after_sending_is_taken_for_a_failure(tmp_path: Path) -> None:
    def misread(request: Request, ask: Ask) -> Receipt:
        receipt: Any = ask(request)
        return Receipt(receipt.order.status)  # an attribute that the answer does not have

    stage, venue = scripted(Script(submits=[misread]), bars=Bars(1))

    played = play(tmp_path, stage, Plans([buy()]), policy=PATIENT)

    assert ("unknown found observed matched", ["DONE"]) == (played.story, played.fates)
    assert [1] == venue.numbers


def test_mistake_5_a_mismatch_is_answered_by_sending_again(tmp_path: Path) -> None:
    stage, venue = scripted(Script(view=hides(99)), bars=Bars(1))

    played = play(tmp_path, stage, Plans([buy()]), policy=PATIENT)

    assert ([1], ["MISMATCHED"]) == (venue.numbers, played.fates)
    assert "resend" not in played.events


def test_mistake_6_plain_instructions_are_grouped_and_reordered(tmp_path: Path) -> None:
    stage, _ = scripted(bars=Bars(1))
    plan: Plan = [
        buy(name="1"),
        saga(sell(name="2"), buy(name="3")),
        sell(name="4"),
        go("1", name="5"),
    ]

    played = play(tmp_path, stage, Plans(plan))

    assert ["1", "2", "3", "4", "5"] == [row["name"] for row in played.rows("instructions")]
    paths = played.rows("paths")
    chains = {row["instruction"]: row["chain"] for row in paths if row["instruction"]}
    assert {1: 0, 2: 1, 3: 1, 4: 0, 5: 0} == chains
    assert ["DONE"] * 4 == played.fates


def test_mistake_6_what_is_left_after_a_failure_is_skipped_in_silence(tmp_path: Path) -> None:
    stage, _ = scripted(bars=Bars(1))

    played = play(tmp_path, stage, Plans([TOO_MUCH, saga(sell()), buy(name="last")]))

    assert ["FAILED_CLEAN", "EXPIRED", "EXPIRED"] == played.fates
    last = played.loop.report.entries[-1]
    assert (buy(name="last"), True) == (last.wanted, "insufficient" in last.reason)


def test_mistake_7_rolled_back_is_only_a_word(tmp_path: Path) -> None:
    stage, venue = scripted(bars=Bars(1))

    played = play(tmp_path, stage, Plans([saga(buy("2"), TOO_MUCH)]))

    assert ["ROLLED_BACK"] == played.fates
    assert OPENING[BTC] == venue.exchange.accounts.totals[BTC] == played.totals[BTC]
    assert "COMPENSATION" in {row["role"] for row in played.rows("instructions")}


def test_mistake_8_pending_is_never_handled(tmp_path: Path) -> None:
    waiting = [does_and_says(Outcome.ACCEPTED)] * 3
    stage, _ = scripted(Script(submits=waiting[:1], queries=waiting[:2]), bars=Bars(1))

    played = play(tmp_path, stage, Plans([buy()]))

    assert ("accepted pending pending observed matched", ["DONE"]) == (played.story, played.fates)


def test_mistake_8_a_missing_key_is_read_as_zero(tmp_path: Path) -> None:
    def view(reading: Reading) -> Reading:
        there = {k: t for k, t in reading.totals.items() if k != BTC or not reading.rows}
        return replace(reading, totals=there)

    stage, _ = scripted(Script(view=view), bars=Bars(1))

    played = play(tmp_path, stage, Plans([sell("10")]))  # all of it: it really is zero

    assert "accepted pending observed matched" == played.story


@pytest.mark.parametrize("position", [1, 10**12])
def test_mistake_9_a_tolerance_is_one_number_or_a_part_of_the_position(position: int) -> None:
    """It is declared in units for each key, or a part of the expected change."""
    percent = Tolerance(relative={A: RATE_UNIT // 100, C: RATE_UNIT // 100}, budget={A: 99, C: 99})

    assert VerdictKind.EXTERNAL_UNEXPLAINED is judged(moved={A: 11, C: 0}).kind
    assert (0, 0) == percent.allowed(C, BUY, position, 0)
    assert (
        VerdictKind.EXTERNAL_UNEXPLAINED
        is judged(moved={A: 10, C: 1}, suspense=Suspense(percent)).kind
    )


def test_mistake_10_a_digest_of_the_configuration_is_salted() -> None:
    code = (
        "from verifill.engine.digest import canonical_json, sha256_hex\n"
        "from verifill.machines.full_loop import FULL_LOOP\n"
        "print(sha256_hex(canonical_json({'b': 1, 'a': {'x': '0.1'}})), FULL_LOOP.digest)"
    )
    here = sha256_hex(canonical_json({"a": {"x": "0.1"}, "b": 1}))

    for seed in ("1", "2"):
        told = subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert f"{here} {FULL_LOOP.digest}" == told.stdout.strip()


def test_mistake_10_times_are_local(tmp_path: Path) -> None:
    """Nanoseconds since the epoch, in UTC, from the data."""
    folder, _ = ran(tmp_path, ticks([[]]), rows=2)

    first = Log(folder).records().collect().filter(event="tick")["wall_ns"][0]
    assert 1_700_000_040 * 10**9 == first


def test_mistake_11_shares_of_a_lending_market_are_taken_for_an_amount() -> None:
    """The scaled balance stands still while what it is worth grows; a queue takes days."""
    venue = chain_world({"wallet:BaseToken:weETH": "10", "wallet:BaseToken:ETH": "5"})
    supply = Supply(account="wallet", market="aave_v3", asset="weETH", amount=Decimal(10))
    venue.chain.accounts.totals["wallet:Allowance:weETH@aave_v3"] = 10 * 10**18
    venue.send(supply)
    shares = "aave_v3:aToken:aweETH"
    before, worth = venue.total(shares), venue.chain.display(shares, venue.total(shares))

    venue.wait(365 * DAY_NS)

    assert before == venue.total(shares)
    assert worth < venue.chain.display(shares, before)
    assert units("10") - 2 <= before <= units("10")
    stake = Stake(account="wallet", asset="ETH", into="eETH", amount=Decimal(1))
    assert venue.send(stake).moved()


def test_mistake_12_leverage_is_ltv_over_one_less_ltv(tmp_path: Path) -> None:
    """It is 1/(1-LTV): 100 of equity at 80 % carry 500, five times as much and not four."""
    played, chain = levered(tmp_path)

    shares = played.totals["aave_v3:aToken:aweETH"]
    collateral = Decimal(chain.display("aave_v3:aToken:aweETH", shares)) * Decimal("1.08")
    debt = Decimal(played.totals["aave_v3:debtToken:vDebtWETH"])
    ltv, health = debt / collateral, collateral * Decimal("0.95") / debt

    assert Decimal("5.000") == (collateral / (collateral - debt)).quantize(Decimal("0.001"))
    assert Decimal("0.800") == ltv.quantize(Decimal("0.001"))
    assert Decimal("1.1875") == health.quantize(Decimal("0.0001")) > Decimal("1.1")


def test_mistake_13_a_hedge_without_margin_is_taken_for_granted(tmp_path: Path) -> None:
    """With nothing left in the margin account a short is refused, and the spot taken back."""
    broke = OPENING | {MARGIN: 0}
    stage, _ = scripted(opening=broke, bars=Bars(1))

    played = play(tmp_path, stage, Plans([saga(buy("2"), go("-2"))]))

    assert ["ROLLED_BACK"] == played.fates
    assert "insufficient margin desk.perp:BaseToken:USDT: 0.000000 of" in played.reason
    assert broke[BTC] == played.totals[BTC]
