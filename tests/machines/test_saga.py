"""Sagas: completed, or taken back newest first, for what was observed; or a person is needed."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from tests.machines.support import (
    BTC,
    COIN,
    DERIVATIVES,
    MARGIN,
    OPENING,
    PRICE,
    SIZE,
    USDT,
    Ask,
    Bars,
    Plans,
    Played,
    Script,
    Scripted,
    buy,
    go,
    move,
    play,
    scripted,
    sell,
)
from tests.machines.test_tight_loop import SILENT, does_and_says, hides
from verifill.engine.errors import EngineDefect
from verifill.machines.desk import Desk
from verifill.machines.loop import LoopPolicy
from verifill.machines.monitor import PositionMonitor
from verifill.venues.chains import Atomicity, Chain, Invariant, Step, Undo
from verifill.venues.instructions import Instruction, Late, SetLeverage
from verifill.venues.orders import Outcome, Receipt, Request
from verifill.venues.rules import Instrument
from verifill.venues.simulated.model import ExchangeModel

DONE = "accepted observed matched"
CLEAN = "refused observed unexecuted exhausted"
IN_PART = "accepted observed partial"
TOO_MUCH = buy("1000", name="big")
NO_REMAINDERS = LoopPolicy(remainders=0)


def saga(*steps: Instruction | Step, invariants: Sequence[Invariant] = ()) -> Chain:
    return Chain(steps=steps, kind=Atomicity.SAGA, name="carry", invariants=tuple(invariants))


def gives(*parts: int) -> ExchangeModel:
    """A market that gives so many percent to one order after the other, then all."""
    left = iter(parts)

    def liquidity(_instrument: Instrument, _side: object, quantity: int) -> int:
        return quantity * next(left, 100) // 100

    return ExchangeModel(liquidity=liquidity)


def run(
    folder: Path,
    chain: Chain,
    *,
    model: ExchangeModel | None = None,
    script: Script | None = None,
    policy: LoopPolicy | None = None,
) -> tuple[Played, Scripted]:
    """A plan of a chain and a purchase after it."""
    stage, venue = scripted(script, model=model, bars=Bars(1))
    return play(folder, stage, Plans([chain, buy("0.5", name="after")]), policy=policy), venue


def legs(played: Played) -> list[tuple[str, str, str, int, int]]:
    """Role, side, subject, quantity in hundredths of a coin, and parent of each instruction."""
    return [
        (r["role"], r["side"], r["subject"], r["quantity"] * 100 // COIN, r["parent"])
        for r in played.rows("instructions")
    ]


def moved(played: Played) -> dict[str, int]:
    return {
        key: total - OPENING[key]
        for key, total in played.totals.items()
        if total != OPENING[key] and key not in (USDT, MARGIN)
    }


def test_a_chain_of_verified_steps_is_committed(tmp_path: Path) -> None:
    played, _ = run(tmp_path, saga(buy("2"), move("5"), go("-2")))

    assert f"step {DONE} step {DONE} step {DONE} committed {DONE}" == played.story
    assert (["DONE", "DONE"], "STOPPED", "") == (played.fates, played.state, played.reason)
    assert {BTC: COIN * 5 // 2, SIZE: -2 * COIN} == moved(played)
    chains = [row["chain"] for row in played.rows("paths") if row["instruction"]]
    assert {0, 1} == set(chains)


def test_each_step_is_verified_before_the_next_is_sent(tmp_path: Path) -> None:
    played, venue = run(tmp_path, saga(buy(), sell(), buy()), script=Script(view=hides(99)))

    assert ("step accepted observed mismatched exhausted strand", [1]) == (
        played.story, venue.numbers,
    )  # fmt: skip


def test_what_had_an_effect_is_compensated_newest_first(tmp_path: Path) -> None:
    played, _ = run(tmp_path, saga(buy("2"), go("-1"), TOO_MUCH))

    compensations = f"compensate {DONE} compensate {DONE} rolled_back"
    assert f"step {DONE} step {DONE} step {CLEAN} {compensations}" == played.story
    assert [
        ("STEP", "BUY", "BTC/USDT", 200, 0),
        ("STEP", "SELL", "BTCUSDT", 100, 0),
        ("STEP", "BUY", "BTC/USDT", 100_000, 0),
        ("COMPENSATION", "BUY", "BTCUSDT", 100, 2),
        ("COMPENSATION", "SELL", "BTC/USDT", 200, 1),
    ] == legs(played)
    assert (["ROLLED_BACK", "EXPIRED"], {}) == (played.fates, moved(played))
    assert "step 3: insufficient" in played.reason


def test_a_first_step_that_failed_leaves_nothing_to_compensate(tmp_path: Path) -> None:
    played, _ = run(tmp_path, saga(TOO_MUCH, buy()))

    assert (f"step {CLEAN} rolled_back", ["ROLLED_BACK", "EXPIRED"]) == (
        played.story, played.fates,
    )  # fmt: skip


def test_a_step_in_part_goes_on_with_its_remainder(tmp_path: Path) -> None:
    played, _ = run(tmp_path, saga(buy("2", name="A1"), go("-1")), model=gives(100, 25))

    assert f"step {DONE} step {IN_PART} step {DONE} committed {DONE}" == played.story
    assert ("REMAINDER", "SELL", "BTCUSDT", 75, 2) == legs(played)[2]
    assert {BTC: COIN * 5 // 2, SIZE: -COIN} == moved(played)


def test_a_step_in_part_without_remainders_is_compensated_itself_first(tmp_path: Path) -> None:
    played, _ = run(tmp_path, saga(buy("2"), go("-1")), model=gives(100, 25), policy=NO_REMAINDERS)

    assert [
        ("COMPENSATION", "BUY", "BTCUSDT", 25, 2),
        ("COMPENSATION", "SELL", "BTC/USDT", 200, 1),
    ] == legs(played)[2:]
    assert (["ROLLED_BACK", "EXPIRED"], {}) == (played.fates, moved(played))


def test_a_step_done_in_parts_is_taken_back_as_one(tmp_path: Path) -> None:
    played, _ = run(tmp_path, saga(buy("2"), TOO_MUCH), model=gives(25))

    assert ("COMPENSATION", "SELL", "BTC/USDT", 200, 2) == legs(played)[-1]
    assert (["ROLLED_BACK", "EXPIRED"], {}) == (played.fates, moved(played))


def test_a_step_has_an_undo_of_its_own_that_is_sent_once_for_all_its_parts(
    tmp_path: Path,
) -> None:
    undo = sell(Late("A1", BTC), name="undo")
    played, _ = run(tmp_path, saga(Step(buy("2", name="A1"), undo), TOO_MUCH), model=gives(25))

    assert [("COMPENSATION", "SELL", "BTC/USDT", 200, 2)] == legs(played)[3:]
    assert (["ROLLED_BACK", "EXPIRED"], {}) == (played.fates, moved(played))


def test_an_undo_of_a_setting_has_no_amount(tmp_path: Path) -> None:
    higher = SetLeverage(account=DERIVATIVES, symbol="BTCUSDT", leverage=9)
    played, _ = run(tmp_path, saga(higher, TOO_MUCH))

    assert (["ROLLED_BACK", "EXPIRED"], OPENING) == (played.fates, played.totals)


def test_a_pivot_cannot_be_taken_back(tmp_path: Path) -> None:
    played, _ = run(tmp_path, saga(buy("2"), Step(move("5"), Undo.NEVER), TOO_MUCH))

    assert f"step {DONE} step {DONE} step {CLEAN} strand" == played.story
    assert ("ATOMIC.STRANDED", ["STRANDED", "EXPIRED"]) == (played.state, played.fates)
    assert "INTERNAL_TRANSFER 2 cannot be undone: it is a pivot" in played.reason


def test_what_is_newer_than_a_pivot_is_taken_back_all_the_same(tmp_path: Path) -> None:
    played, _ = run(tmp_path, saga(Step(buy("2"), Undo.NEVER), go("-1"), TOO_MUCH))

    assert f"step {DONE} step {DONE} step {CLEAN} compensate {DONE} strand" == played.story
    assert {BTC: 2 * COIN} == moved(played)


def test_a_compensation_that_is_not_executed_strands(tmp_path: Path) -> None:
    played, _ = run(tmp_path, saga(buy("2"), buy()), model=gives(100, 0, 0))

    clean = "accepted observed unexecuted exhausted"
    assert f"step {DONE} step {clean} compensate {clean} strand" == played.story
    assert ("ATOMIC.STRANDED", ["STRANDED", "EXPIRED"]) == (played.state, played.fates)
    assert "compensation 3: nothing to fill it with" in played.reason


def test_a_compensation_in_part_goes_on_with_its_remainder(tmp_path: Path) -> None:
    played, _ = run(tmp_path, saga(buy("2"), TOO_MUCH), model=gives(100, 100, 50))

    assert f"compensate {IN_PART} compensate {DONE} rolled_back" in played.story
    assert {} == moved(played)


def test_a_compensation_in_part_without_remainders_strands(tmp_path: Path) -> None:
    played, _ = run(
        tmp_path, saga(buy("2"), TOO_MUCH), model=gives(100, 100, 50), policy=NO_REMAINDERS
    )

    assert f"compensate {IN_PART} strand" in played.story
    assert {BTC: COIN} == moved(played)


def test_a_compensation_that_mismatches_strands(tmp_path: Path) -> None:
    def short(request: Request, ask: Ask) -> Receipt:
        receipt = ask(request)
        return Receipt(receipt.outcome, receipt.fills * 2, effect_ns=receipt.effect_ns)

    script = Script(submits=[lambda r, ask: ask(r), lambda r, ask: ask(r), short])
    played, _ = run(tmp_path, saga(buy("2"), TOO_MUCH), script=script)

    assert "compensate accepted observed mismatched exhausted strand" in played.story
    assert "ATOMIC.STRANDED" == played.state


@pytest.mark.parametrize("at", [0, 2])
def test_a_leg_whose_outcome_is_open_is_held_in_place(tmp_path: Path, at: int) -> None:
    def honest(request: Request, ask: Ask) -> Receipt:
        return ask(request)

    lost = does_and_says(Outcome.UNKNOWN)
    script = Script(submits=[*[honest] * at, lost], queries=[SILENT])

    played, _ = run(tmp_path, saga(buy("2"), TOO_MUCH), script=script)

    holder = "COMPENSATE" if at else "STEP"
    assert (f"ATOMIC.{holder}.HELD", ["HELD", "EXPIRED"]) == (played.state, played.fates)
    assert played.reason


def test_a_chain_without_steps_is_abandoned(tmp_path: Path) -> None:
    played, _ = run(tmp_path, saga())

    assert ("abandon", ["ROLLED_BACK", "EXPIRED"]) == (played.story, played.fates)
    assert "the chain has no steps" in played.reason


# Invariants of the whole.


def neutral(*, since: str = "") -> Invariant:
    return Invariant(keys=(BTC, SIZE), low=Decimal("-0.1"), high=Decimal("0.1"), since=since)


def test_a_broken_invariant_is_taken_back(tmp_path: Path) -> None:
    chain = saga(buy("2"), go("-1", name="hedge"), invariants=[neutral(since="hedge")])
    played, _ = run(tmp_path, chain)

    assert f"step {DONE} step {DONE} compensate {DONE} compensate {DONE} rolled_back" == (
        played.story
    )
    assert f"{BTC} + {SIZE} changed by 1.00000000, allowed is -0.1 to 0.1" in played.reason
    assert {} == moved(played)


def test_an_invariant_holds_from_the_first_step_unless_told_otherwise(tmp_path: Path) -> None:
    played, _ = run(tmp_path, saga(buy("2"), go("-2"), invariants=[neutral()]))

    assert f"step {DONE} compensate {DONE} rolled_back" == played.story


def test_an_invariant_that_holds_changes_nothing(tmp_path: Path) -> None:
    chain = saga(buy("2"), go("-2", name="hedge"), invariants=[neutral(since="hedge")])

    assert ["DONE", "DONE"] == run(tmp_path, chain)[0].fates


# Late-bound amounts.


def test_a_late_bound_amount_is_what_the_step_really_moved(tmp_path: Path) -> None:
    steps = (buy("2", name="A1"), sell(Late("A1", BTC), name="A2"))
    played, _ = run(tmp_path, saga(*steps), model=gives(25))

    assert ("STEP", "SELL", "BTC/USDT", 200, 0) == legs(played)[2]
    assert {BTC: COIN // 2} == moved(played)


@pytest.mark.parametrize(
    ("late", "reason"),
    [
        (Late("A9", BTC), "no verified step is named 'A9' in this plan; so far there are A1"),
        (Late("A1", SIZE), f"step 'A1' did not move '{SIZE}'"),
        (Late("A1", USDT), f"'{USDT}' is of another asset than the amount of SPOT_TRADE"),
    ],
)
def test_a_late_bound_amount_that_nothing_gives_is_denied(
    tmp_path: Path, late: Late, reason: str
) -> None:
    played, venue = run(tmp_path, saga(buy("2", name="A1"), sell(late)))

    assert f"step {DONE} step denied exhausted compensate {DONE} rolled_back" == played.story
    assert reason in played.reason
    assert [1, 3] == venue.numbers


def test_an_amount_is_bound_within_its_own_plan_only(tmp_path: Path) -> None:
    stage, _ = scripted()

    played = play(tmp_path, stage, Plans([buy("2", name="A1")], [sell(Late("A1", BTC))]))

    assert "so far there are none" in played.reason


# A liquidation beside a step.


@pytest.mark.parametrize("policy", [LoopPolicy(fail_fast=False), None])
def test_a_liquidation_stops_a_chain_and_the_strategy(
    tmp_path: Path, policy: LoopPolicy | None
) -> None:
    bars = Bars()

    def act(request: Request, ask: Ask) -> Receipt:
        receipt = ask(request)
        bars.prices[f"{DERIVATIVES}:BTCUSDT"] = 9 * PRICE
        venue.exchange.advance(bars.time_ns)
        return receipt

    script = Script(submits=[lambda request, ask: ask(request), act])
    stage, venue = scripted(script, bars=bars)
    chain = saga(go("-1"), buy("2"), buy("3"))

    played = play(tmp_path, stage, Plans([chain, buy()]), policy=policy)

    assert f"step {DONE} step {DONE} compensate {DONE} compensate" in played.story
    assert "ATOMIC.STRANDED" == played.state  # the short is gone; it cannot be closed again
    assert played.reason.startswith("liquidation: ")
    assert 0 == played.totals[SIZE]


# What is left alone, and what cannot be bound.


def test_a_step_that_needs_no_undo_is_left_as_it_is(tmp_path: Path) -> None:
    chain = saga(buy("2"), Step(move("5"), Undo.NOTHING), TOO_MUCH)
    played, _ = run(tmp_path, chain)

    assert f"step {DONE} step {DONE} step {CLEAN} compensate {DONE} rolled_back" == played.story
    assert OPENING[MARGIN] + 5_000_000 == played.totals[MARGIN]


def test_an_undo_of_an_amount_that_nothing_gives_is_denied_and_strands(tmp_path: Path) -> None:
    undo = sell(Late("A9", BTC))
    played, _ = run(tmp_path, saga(Step(buy("2", name="A1"), undo), TOO_MUCH))

    assert played.story.endswith("compensate denied exhausted strand")
    assert "no verified step is named 'A9'" in played.reason


def test_a_leg_has_no_order_before_it_was_made_exact() -> None:
    stage, venue = scripted()
    desk = Desk([venue], ["desk"], PositionMonitor([venue], stage.opening, {}))

    with pytest.raises(EngineDefect, match="leg 1 has no order"):
        _ = desk.leg(buy(), "PLAN").order
