"""The full loop: ticks, plans and their reports, start-up, what moves between instructions."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from attrs import evolve

from tests.machines.support import (
    BNB,
    BTC,
    COIN,
    CONTRACT_DATA,
    DERIVATIVES,
    GOING_ON,
    LEVERAGE,
    MARGIN,
    MINUTE_NS,
    OPENING,
    PAIR_DATA,
    PRICE,
    SIZE,
    SPOT,
    START_NS,
    USDT,
    Ask,
    Bars,
    Deciding,
    Plans,
    Played,
    Script,
    buy,
    go,
    move,
    play,
    scripted,
    sell,
)
from tests.machines.test_saga import TOO_MUCH, gives, saga
from tests.machines.test_tight_loop import HALF, SILENT, says
from verifill.engine.errors import StrategyError
from verifill.machines.loop import FullLoop, LoopPolicy
from verifill.machines.strategy import Entry, Fate, Plan, PlanReport, Positions
from verifill.machines.tolerance import Tolerance
from verifill.venues.data.history import SeriesPoints
from verifill.venues.instructions import Instruction, Late, SetLeverage
from verifill.venues.market import MarketView
from verifill.venues.orders import Cause, Outcome, Reading, Receipt, Request

SHORT = OPENING | {SIZE: -COIN}
SHORT_BASES = {SIZE: -COIN * PRICE}


def fates(report: PlanReport) -> list[str]:
    return [entry.fate.value for entry in report.entries]


# Ticks and plans.


def test_a_tick_runs_a_plan_in_its_order_and_skips_nothing(tmp_path: Path) -> None:
    stage, venue = scripted(bars=Bars(2))

    played = play(tmp_path, stage, Plans([buy("1"), sell("2"), go("1")], [buy("3")]))

    sent = [row["quantity"] // COIN for row in played.rows("instructions")]
    assert ([1, 2, 1, 3], [1, 2, 3, 4]) == (sent, venue.numbers)
    ticks = {row["instruction"]: row["tick"] for row in played.rows("paths")}
    assert [1, 1, 1, 2] == [ticks[number] for number in (1, 2, 3, 4)]


def test_a_strategy_that_wants_nothing_completes_its_tick(tmp_path: Path) -> None:
    stage, _ = scripted(bars=Bars(2))

    played = play(tmp_path, stage, Plans())

    tick = ["tick", "complete", "rest"]
    assert ["recover", "recovered", *tick, *tick, "finish"] == played.events
    assert ("STOPPED", "") == (played.state, played.reason)


def test_a_strategy_sees_the_present_and_verified_positions_only(tmp_path: Path) -> None:
    seen: list[tuple[int, int, object]] = []

    def decide(market: MarketView, positions: Positions, _last: PlanReport) -> Plan:
        seen.append((market.time_ns, market.price(PAIR_DATA), positions[BTC]))
        assert positions.units(BTC) == OPENING[BTC] + (len(seen) - 1) * COIN
        assert set(OPENING) == set(positions)
        assert len(OPENING) == len(positions)
        with pytest.raises(KeyError):
            _ = positions["moon"]
        return [buy()]

    bars = Bars(2, {2: {PAIR_DATA: PRICE + 1}})
    play(tmp_path, scripted(bars=bars)[0], Deciding(decide))

    assert [START_NS + MINUTE_NS, START_NS + 2 * MINUTE_NS] == [at for at, _, _ in seen]
    assert [PRICE, PRICE + 1] == [price for _, price, _ in seen]


def test_before_the_first_plan_nothing_became_of_it(tmp_path: Path) -> None:
    plans = Plans()
    play(tmp_path, scripted(bars=Bars(1))[0], plans)

    assert [PlanReport()] == plans.reports
    assert PlanReport().done


# What became of the last plan.


def second_report(
    folder: Path,
    plan: Plan,
    *,
    script: Script | None = None,
    **given: Any,  # noqa: ANN401 - of `scripted`
) -> tuple[PlanReport, Played]:
    """What the strategy is told at its second tick, when failures do not stop it."""
    plans = Plans(plan, [buy("0.1")])
    stage, _ = scripted(script, bars=Bars(3), **given)
    played = play(folder, stage, plans, policy=evolve(GOING_ON, remainders=0))
    assert ["DONE"] == fates(plans.reports[2])  # it goes on
    assert "" == played.reason
    return plans.reports[1], played


def test_the_next_decision_sees_what_was_done(tmp_path: Path) -> None:
    report, _ = second_report(tmp_path, [buy(name="A1"), sell(name="A2")])

    assert (["DONE", "DONE"], True) == (fates(report), report.done)
    assert Entry(buy(name="A1"), Fate.DONE) == report.entries[0]


def test_the_next_decision_sees_what_failed_clean_and_what_expired(tmp_path: Path) -> None:
    report, _ = second_report(tmp_path, [buy(), TOO_MUCH, sell(name="never")])

    assert (["DONE", "FAILED_CLEAN", "EXPIRED"], False) == (fates(report), report.done)
    assert "insufficient" in report.entries[1].reason
    assert sell(name="never") == report.entries[2].wanted


def test_the_next_decision_sees_what_was_done_in_part(tmp_path: Path) -> None:
    report, _ = second_report(tmp_path, [buy(), sell()], model=gives(50))

    assert ["IN_PART", "EXPIRED"] == fates(report)
    assert f"{COIN // 2} of {COIN} units" == report.entries[0].reason


def test_the_next_decision_sees_what_was_rolled_back(tmp_path: Path) -> None:
    report, played = second_report(tmp_path, [saga(buy(), TOO_MUCH), sell()])

    assert ["ROLLED_BACK", "EXPIRED"] == fates(report)
    assert "step 2: insufficient" in report.entries[0].reason
    assert OPENING[BTC] + COIN // 10 == played.totals[BTC]


def test_a_chain_and_an_instruction_after_it_are_told_apart(tmp_path: Path) -> None:
    report, played = second_report(tmp_path, [saga(buy()), sell(), saga(buy(), sell())])

    assert ["DONE"] * 3 == fates(report)
    chains = [row["chain"] for row in played.rows("paths") if row["tick"] == 1]
    assert [0, 1, 0, 2] == [c for c, b in zip(chains, [-1, *chains], strict=False) if c != b]


def test_the_first_failure_ends_a_backtest(tmp_path: Path) -> None:
    plans = Plans([TOO_MUCH], [buy()])
    played = play(tmp_path, scripted()[0], plans)

    assert ["fail", "stop", "finish"] == played.events[-3:]
    assert ("STOPPED", 1) == (played.state, len(plans.reports))
    assert "instruction 1 was not executed: insufficient" in played.reason
    assert [f'{{"reason":"{played.reason}"}}'] == played.notes("FAILURE")


def test_a_held_instruction_is_told_with_its_own_reason(tmp_path: Path) -> None:
    """The reason of an earlier chain is another story."""
    script = Script(submits=[says(Outcome.UNKNOWN)], queries=[SILENT])
    stage, _ = scripted(script)

    played = play(tmp_path, stage, Plans([saga()], [buy()]), policy=GOING_ON)

    assert ("INSTRUCTION.HELD", ["HELD"]) == (played.state, played.fates)
    assert played.reason.startswith("no proof either way")


# A strategy that raises, or returns something else.


def returning(value: object) -> Deciding:
    return Deciding(lambda _market, _positions, _last: cast("Plan", value))


@pytest.mark.parametrize("value", [None, "buy", 5, [buy(), "sell"], {buy()}, [None]], ids=repr)
def test_what_is_no_plan_is_the_strategys_error(tmp_path: Path, value: object) -> None:
    stage, venue = scripted()

    played = play(tmp_path, stage, returning(value))

    assert (StrategyError, [], "STOPPED") == (
        type(played.loop.error), venue.sent, played.state,
    )  # fmt: skip
    assert "allowed is a list or tuple of instructions and chains" in played.reason
    assert ["tick", "fail", "stop", "finish"] == played.events[-4:]


def test_a_strategy_that_raises_is_blamed_with_file_and_line(tmp_path: Path) -> None:
    def decide(_market: MarketView, _positions: Positions, _last: PlanReport) -> Plan:
        return [buy()][: len(SHORT)] if SHORT["moon"] else []

    played = play(tmp_path, scripted()[0], Deciding(decide))

    assert "the strategy raised KeyError: 'moon'" in played.reason
    assert f"({__file__}, line " in played.reason
    assert isinstance(played.loop.error, StrategyError)
    assert isinstance(played.loop.error.__cause__, KeyError)


def test_a_strategy_that_takes_other_arguments_is_told_which_it_is_given(tmp_path: Path) -> None:
    class Short:
        def decide(self, market: MarketView) -> Plan:  # noqa: ARG002 - too few, on purpose
            return []

    short: Any = Short()

    played = play(tmp_path, scripted()[0], short)

    assert "Short.decide() takes 2 positional arguments but 4 were given" in played.reason
    assert "(it is called as decide(market, positions, last))" in played.reason
    assert "loop.py" not in played.reason


def test_a_strategys_own_word_is_passed_on(tmp_path: Path) -> None:
    error = StrategyError("no funding today")

    def decide(_market: MarketView, _positions: Positions, _last: PlanReport) -> Plan:
        raise error

    played = play(tmp_path, scripted()[0], Deciding(decide))

    assert (error, "no funding today") == (played.loop.error, played.reason)


def test_of_a_plan_that_was_never_made_nothing_is_reported(tmp_path: Path) -> None:
    plans = iter([[buy()], [buy()]])
    seen: list[PlanReport] = []

    def decide(_market: MarketView, _positions: Positions, last: PlanReport) -> Plan:
        seen.append(last)
        return next(plans)  # and raises when there are none

    play(tmp_path, scripted(bars=Bars(4))[0], Deciding(decide), policy=GOING_ON)

    assert [[], ["DONE"], ["DONE"], []] == [fates(report) for report in seen]


def test_after_a_strategys_error_it_is_asked_again_where_failures_do_not_stop(
    tmp_path: Path,
) -> None:
    answers = iter([None, [buy()]])
    seen: list[PlanReport] = []

    def decide(_market: MarketView, _positions: Positions, last: PlanReport) -> Plan:
        seen.append(last)
        return cast("Plan", next(answers, ()))

    played = play(tmp_path, scripted()[0], Deciding(decide), policy=GOING_ON)

    assert ("STOPPED", OPENING[BTC] + COIN) == (played.state, played.totals[BTC])
    assert [[], [], ["DONE"]] == [fates(report) for report in seen]


# Start-up: fail closed.


def test_an_opening_that_the_venue_does_not_confirm_halts(tmp_path: Path) -> None:
    stage, venue = scripted()
    venue.exchange.accounts.post("before", BTC, 1, Cause.TRANSFER)

    played = play(tmp_path, stage, Plans([buy()]))

    assert (["recover", "blocked", "finish"], []) == (played.events, venue.sent)
    assert f"opening balance: {BTC} is {OPENING[BTC] + 1}, booked {OPENING[BTC]}" == played.reason


@pytest.mark.parametrize("drop", [BTC, LEVERAGE])
def test_an_opening_that_cannot_be_seen_halts(tmp_path: Path, drop: str) -> None:
    played = play(tmp_path, scripted(Script(view=lacking(drop)))[0], Plans([buy()]))

    assert f"opening balance: {drop} is None, booked {OPENING[drop]}" == played.reason


def lacking(key: str) -> Callable[[Reading], Reading]:
    """Readings in which a position is missing."""
    return lambda reading: replace(
        reading, totals={k: total for k, total in reading.totals.items() if k != key}
    )


def test_a_venue_that_is_not_ready_halts(tmp_path: Path) -> None:
    stage, venue = scripted(Script(failures=("no heartbeat", "no permission")))

    played = play(tmp_path, stage, Plans([buy()]))

    assert (["recover", "blocked", "finish"], []) == (played.events, venue.sent)
    assert "no heartbeat; no permission" == played.reason


# Denied.


def test_an_instruction_to_a_venue_that_is_not_subscribed_is_denied(tmp_path: Path) -> None:
    stage, venue = scripted()

    played = play(tmp_path, stage, Plans([buy()]), subscribed=())

    assert ("denied exhausted", []) == (played.story, venue.sent)
    assert "account 'desk.spot' is of no venue that the strategy subscribes to" in played.reason


@pytest.mark.parametrize(
    ("instruction", "key"),
    [
        (go("1"), SIZE),
        (buy(), BTC),
        (SetLeverage(account=DERIVATIVES, symbol="BTCUSDT", leverage=3), LEVERAGE),
        (move(), MARGIN),
    ],
)
def test_an_expectation_for_an_untracked_key_is_denied(
    tmp_path: Path,
    instruction: Instruction,
    key: str,
) -> None:
    stage, venue = scripted(Script(view=lacking(key)))
    opening = {k: total for k, total in OPENING.items() if k != key}

    played = play(tmp_path, evolve(stage, opening=opening), Plans([instruction]))

    assert ("denied exhausted", [], ["FAILED_CLEAN"]) == (
        played.story, venue.sent, played.fates,
    )  # fmt: skip
    assert f"not tracked: {key}; declare the position" in played.reason


# What moves between instructions.


def paid(*rates: int) -> SeriesPoints:
    """Funding a bar, from the second one on, in 18 decimals."""
    times = [START_NS + (2 + at) * MINUTE_NS for at in range(len(rates))]
    return SeriesPoints(times, list(rates), 18)


def test_funding_between_ticks_is_explained(tmp_path: Path) -> None:
    stage, _ = scripted(
        opening=SHORT, bases=SHORT_BASES, funding={CONTRACT_DATA: paid(10**14, 10**14)}
    )

    played = play(tmp_path, stage, Plans([], [buy()], [sell()]))

    assert ("STOPPED", "") == (played.state, played.reason)
    assert OPENING[MARGIN] + 2 * 4_000_000 == played.totals[MARGIN]
    assert [("FUNDING", 4_000_000)] * 2 == [
        (row["cause"], row["amount"]) for row in played.rows("ledger")
    ]


def test_funding_beside_an_instruction_is_explained(tmp_path: Path) -> None:
    waiting = [says(Outcome.ACCEPTED)]

    def accepted(request: Request, ask: Ask) -> Receipt:
        ask(request)
        return Receipt(Outcome.ACCEPTED)

    stage, _ = scripted(
        Script(submits=[accepted], queries=waiting * 6),
        opening=SHORT, bases=SHORT_BASES, funding={CONTRACT_DATA: paid(10**14)}, bars=Bars(2),
    )  # fmt: skip
    played = play(tmp_path, stage, Plans([buy()]))

    assert ["DONE"] == played.fates
    assert ['{"reason":"beside it: FUNDING","residuals":{}}'] == played.notes("MATCHED_EXPLAINED")
    assert OPENING[MARGIN] + 4_000_000 == played.totals[MARGIN]


@pytest.mark.parametrize("policy", [LoopPolicy(), GOING_ON])
def test_a_liquidation_between_ticks_stops_the_strategy(tmp_path: Path, policy: LoopPolicy) -> None:
    bars = Bars(3, {2: {CONTRACT_DATA: 9 * PRICE}})
    stage, venue = scripted(bars=bars, opening=SHORT, bases=SHORT_BASES)
    plans = Plans([], [buy()], [buy()])

    played = play(tmp_path, stage, plans, policy=policy)

    assert (1, [], "STOPPED") == (len(plans.reports), venue.sent, played.state)
    assert played.reason.startswith("liquidation: ")
    assert 0 == played.totals[SIZE]
    assert {"LIQUIDATION"} == {row["cause"] for row in played.rows("ledger")}


@pytest.mark.parametrize("part", [False, True])
@pytest.mark.parametrize("policy", [LoopPolicy(), GOING_ON])
def test_a_liquidation_beside_an_instruction_stops_the_strategy(
    tmp_path: Path, policy: LoopPolicy, *, part: bool
) -> None:
    def act(request: Request, ask: Ask) -> Receipt:
        receipt = ask(request)
        bars.prices[CONTRACT_DATA] = 9 * PRICE
        venue.exchange.advance(bars.time_ns)
        return receipt

    bars = Bars()
    stage, venue = scripted(
        Script(submits=[act]), bars=bars, opening=SHORT, bases=SHORT_BASES,
        model=HALF if part else None,
    )  # fmt: skip

    played = play(tmp_path, stage, Plans([buy(), sell()], [buy()]), policy=policy)

    assert ([1], ["IN_PART" if part else "DONE", "EXPIRED"]) == (venue.numbers, played.fates)
    assert played.reason.startswith("liquidation: ")
    assert "STOPPED" == played.state


def test_a_balance_that_moved_between_ticks_without_a_row_stops(tmp_path: Path) -> None:
    bars = Bars()

    def view(reading: Reading) -> Reading:
        late = reading.as_of_ns > START_NS + MINUTE_NS
        return replace(reading, totals=reading.totals | {BNB: OPENING[BNB] - late})

    stage, venue = scripted(Script(view=view), bars=bars)
    played = play(tmp_path, stage, Plans([buy()], [buy()]), policy=GOING_ON)

    assert [1] == venue.numbers
    assert f"moved between instructions without a ledger row: {{'{BNB}': -1}}" == played.reason


def test_a_trade_of_somebody_else_between_ticks_stops(tmp_path: Path) -> None:
    def decide(_market: MarketView, _positions: Positions, last: PlanReport) -> Plan:
        if not last.entries:
            return [buy()]
        venue.exchange.accounts.post("theirs", USDT, -5, Cause.TRADE)
        return []

    stage, venue = scripted()
    played = play(tmp_path, stage, Deciding(decide))

    assert f"between instructions theirs moved {USDT} by -5 (TRADE) for no instruction" == (
        played.reason
    )
    assert "STOPPED" == played.state


def test_a_reading_between_ticks_that_lacks_a_position_is_no_reading_of_zero(
    tmp_path: Path,
) -> None:
    def view(reading: Reading) -> Reading:
        late = reading.as_of_ns > START_NS + MINUTE_NS
        return lacking(BNB)(reading) if late else reading

    stage, venue = scripted(Script(view=view))
    played = play(tmp_path, stage, Plans([buy()], [buy()]))

    assert ([1], f"not observed: {BNB}; missing is not zero") == (venue.numbers, played.reason)
    assert OPENING[BNB] == played.totals[BNB]


def test_an_unknown_asset_stops_nothing(tmp_path: Path) -> None:
    def view(reading: Reading) -> Reading:
        late = reading.as_of_ns > START_NS
        return replace(reading, totals=reading.totals | ({f"{SPOT}:KING": 5} if late else {}))

    stage, _ = scripted(Script(view=view))
    played = play(tmp_path, stage, Plans([buy()], [buy()]))

    assert ("STOPPED", "") == (played.state, played.reason)
    assert set(OPENING) == set(played.totals)


def test_a_tolerated_drift_between_ticks_is_posted_to_suspense(tmp_path: Path) -> None:
    def view(reading: Reading) -> Reading:
        late = reading.as_of_ns > START_NS + MINUTE_NS
        return replace(reading, totals=reading.totals | {BNB: OPENING[BNB] - late})

    stage, _ = scripted(Script(view=view))
    wide = Tolerance(absolute={BNB: 1}, budget={BNB: 1})

    played = play(tmp_path, stage, Plans([buy()], [buy()]), tolerance=wide)

    assert ("", {BNB: -1}) == (played.reason, played.loop.monitor.suspense.totals)
    assert OPENING[BNB] - 1 == played.totals[BNB]
    (row,) = played.rows("ledger")
    assert (BNB, -1, "TOLERANCE") == (row["key"], row["amount"], row["cause"])


# The end.


def test_being_asked_to_stop_finishes_the_tick_under_way(tmp_path: Path) -> None:
    loops: list[FullLoop] = []

    def decide(_market: MarketView, _positions: Positions, _last: PlanReport) -> Plan:
        loops[0].stop()
        return [buy(), sell(), buy()]

    stage, venue = scripted()
    played = play(tmp_path, stage, Deciding(decide), before=loops.append)

    assert ([1, 2, 3], ["DONE"] * 3) == (venue.numbers, played.fates)
    assert ["complete", "rest", "finish"] == played.events[-3:]
    assert (1, "") == (played.machine.context.tick, played.reason)


def test_closing_positions_are_carried_into_another_run(tmp_path: Path) -> None:
    stage, _ = scripted(bars=Bars(1))
    first = play(tmp_path / "1", stage, Plans([buy("2"), go("-2")]))
    closing, bases = dict(first.totals), dict(first.loop.monitor.bases)
    stage, _ = scripted(bars=Bars(1), opening=closing, bases=bases)

    second = play(tmp_path / "2", stage, Plans([go("2", reduce_only=True), sell("2")]))

    assert ["DONE", "DONE"] == second.fates
    assert (OPENING[BTC], 0, 0) == (
        second.totals[BTC], second.totals[SIZE], second.loop.monitor.bases[SIZE],
    )  # fmt: skip
    assert {SIZE: -2 * COIN * PRICE} == bases


def test_a_plan_may_name_the_amount_of_an_earlier_entry(tmp_path: Path) -> None:
    stage, _ = scripted(bars=Bars(1))

    played = play(tmp_path, stage, Plans([buy("2", name="A1"), sell(Late("A1", BTC))]))

    assert (["DONE", "DONE"], OPENING[BTC]) == (played.fates, played.totals[BTC])


def test_two_instructions_of_a_plan_may_not_share_a_name(tmp_path: Path) -> None:
    stage, venue = scripted()

    played = play(tmp_path, stage, Plans([buy("2", name="A1"), saga(sell("1", name="A1"))]))

    assert "two instructions are named 'A1'" in played.reason
    assert [] == venue.numbers
