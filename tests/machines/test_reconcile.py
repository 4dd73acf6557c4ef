"""Reconciliation: every verdict, and every row of the table of concurrent changes."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verifill.machines.monitor import PositionMonitor
from verifill.machines.reconcile import (
    Verdict,
    VerdictKind,
    reconcile,
    shows,
    sort_rows,
)
from verifill.machines.tolerance import DAY_NS, EXACT, YEAR_NS, Suspense, Tolerance
from verifill.venues.expectation import Assessment, Bound, Expectation
from verifill.venues.orders import Cause, Fill, LedgerRow, Move, Outcome, Reading, Receipt
from verifill.venues.rules import RATE_UNIT

A, B, C = "desk:BaseToken:A", "desk:BaseToken:B", "desk:BaseToken:C"
OPENING = {A: 100, B: 1000, C: 7}
BUY = Expectation({A: Bound(10, 10), B: Bound(-52, -50)})
BOUGHT = {A: 10, B: -51}
FILLED = Receipt(Outcome.EXECUTED, (Fill("t1", 10, 5, 1, "B"),), effect_ns=5)
NOTHING: Mapping[str, int] = {}


def row(key: str, amount: int, ref: str = "t1", cause: Cause = Cause.TRADE) -> LedgerRow:
    return LedgerRow(ref, key, amount, cause, 5)


OWN = (row(A, 10), row(B, -50), row(B, -1, cause=Cause.FEE))
FUNDING = row(B, 3, "f1", Cause.FUNDING)


def judged(
    receipt: Receipt = FILLED,
    rows: Sequence[LedgerRow] = OWN,
    *,
    moved: Mapping[str, int] = BOUGHT,
    effects: Mapping[str, int] | None = None,
    flaw: str = "",
    expectation: Expectation = BUY,
    suspense: Suspense | None = None,
    as_of_ns: int = 5,
) -> Verdict:
    """The verdict on an order of 10 units; `moved` is what the balances say."""
    totals = {key: total + moved.get(key, 0) for key, total in OPENING.items()}
    done: dict[str, int] = dict(effects or BOUGHT) if receipt.fills else {}
    return reconcile(
        expectation=expectation,
        assessment=Assessment(done.get(A, 0), done, flaw),
        receipt=receipt,
        ordered=10,
        evidence=sort_rows(OPENING, rows, receipt),
        observation=Reading(as_of_ns, totals, tuple(rows)),
        suspense=suspense or Suspense(EXACT),
        elapsed_ns=as_of_ns - 5,
    )


# The table: what the order says, whether its own rows are there, what is left over.


def test_done_with_its_rows_and_nothing_left_over_is_matched() -> None:
    verdict = judged()

    assert VerdictKind.MATCHED is verdict.kind
    assert (BOUGHT, {}, {}, "") == (
        verdict.own, verdict.residuals, verdict.accepted, verdict.reason,
    )  # fmt: skip
    assert {A: 110, B: 949, C: 7} == verdict.ledger


@pytest.mark.parametrize("cause", [Cause.FUNDING, Cause.INTEREST, Cause.LIQUIDATION])
def test_done_beside_rows_of_known_cause_is_matched_and_explained(cause: Cause) -> None:
    other = row(B, 3, "f1", cause)
    verdict = judged(rows=(*OWN, other), moved={A: 10, B: -48})

    assert VerdictKind.MATCHED_EXPLAINED is verdict.kind
    assert [other] == verdict.others
    assert f"beside it: {cause}" == verdict.reason


def test_done_with_its_rows_and_a_residual_without_rows_is_external() -> None:
    verdict = judged(moved=BOUGHT | {C: 2})

    assert VerdictKind.EXTERNAL_UNEXPLAINED is verdict.kind
    assert {C: 2} == verdict.residuals


@pytest.mark.parametrize("cause", [Cause.TRADE, Cause.TRANSFER, Cause.FEE, Cause.CALL])
def test_a_row_that_no_instruction_asked_for_is_external_although_the_sums_agree(
    cause: Cause,
) -> None:
    verdict = judged(rows=(*OWN, row(A, 10, "t2", cause)), moved=BOUGHT | {A: 20})

    assert VerdictKind.EXTERNAL_UNEXPLAINED is verdict.kind
    assert f"t2 moved {A} by 10 ({cause}) for no instruction" == verdict.reason


def test_a_row_of_an_unknown_asset_stops_nothing() -> None:
    airdrop = row("desk:BaseToken:KING", 5, "x", Cause.TRANSFER)

    assert VerdictKind.MATCHED_EXPLAINED is judged(rows=(*OWN, airdrop)).kind


def test_done_without_its_row_and_nothing_moved_is_not_yet_shown() -> None:
    evidence = sort_rows(OPENING, (), FILLED)

    assert not shows(FILLED, evidence, Reading(9, dict(OPENING)), BUY.bounds)


def test_done_in_part_and_final_is_partial() -> None:
    receipt = Receipt(Outcome.EXECUTED_PARTIAL, (Fill("t1", 4, 5, 0, "B"),))
    part = {A: 4, B: -20}
    verdict = judged(
        receipt, (row(A, 4), row(B, -20)), moved=part, effects=part,
        expectation=Expectation({A: Bound(4, 4), B: Bound(-21, -20)}),
    )  # fmt: skip

    assert (VerdictKind.PARTIAL, "4 of 10 units") == (verdict.kind, verdict.reason)


@pytest.mark.parametrize("outcome", [Outcome.REJECTED_DEFINITIVE, Outcome.EXPIRED, Outcome.ABSENT])
def test_refused_with_nothing_moved_is_not_executed(outcome: Outcome) -> None:
    verdict = judged(Receipt(outcome, reason="no"), (), moved=NOTHING)

    assert (VerdictKind.NOT_EXECUTED, "no") == (verdict.kind, verdict.reason)


def test_what_was_not_executed_is_told_by_its_outcome_if_the_venue_says_no_more() -> None:
    assert "EXPIRED" == judged(Receipt(Outcome.EXPIRED), (), moved=NOTHING).reason


@pytest.mark.parametrize("outcome", [Outcome.REJECTED_DEFINITIVE, Outcome.ABSENT])
def test_refused_although_the_balance_moved_is_a_contradiction(outcome: Outcome) -> None:
    verdict = judged(Receipt(outcome), (), moved={B: -50})

    assert VerdictKind.CONTRADICTION is verdict.kind


def test_refused_although_its_own_row_is_there_is_a_contradiction() -> None:
    refused = Receipt(Outcome.REJECTED_DEFINITIVE, moves=(Move("t1", B, -50, Cause.TRANSFER),))

    assert VerdictKind.CONTRADICTION is judged(refused, (row(B, -50),), moved={B: -50}).kind


@pytest.mark.parametrize("outcome", [Outcome.REJECTED_DEFINITIVE, Outcome.ABSENT])
def test_refused_with_fills_is_a_contradiction_although_the_books_agree(outcome: Outcome) -> None:
    verdict = judged(Receipt(outcome, FILLED.fills, effect_ns=5))

    assert VerdictKind.CONTRADICTION is verdict.kind


def test_refused_although_a_trade_that_is_nobodys_moved_the_balance_is_a_contradiction() -> None:
    verdict = judged(Receipt(Outcome.REJECTED_DEFINITIVE), OWN)

    assert VerdictKind.CONTRADICTION is verdict.kind
    assert "t1 moved" in verdict.reason


@pytest.mark.parametrize("outcome", [Outcome.EXECUTED, Outcome.EXECUTED_PARTIAL])
def test_a_status_of_done_with_nothing_executed_is_a_contradiction(outcome: Outcome) -> None:
    verdict = judged(Receipt(outcome), (), moved=NOTHING)

    assert (VerdictKind.CONTRADICTION, f"{outcome} with nothing executed") == (
        verdict.kind, verdict.reason,
    )  # fmt: skip


def test_a_transaction_that_reverted_may_move_its_gas_and_nothing_else() -> None:
    gas = Move("tx:gas", B, -3, Cause.GAS)
    reverted = Receipt(Outcome.REJECTED_DEFINITIVE, moves=(gas,), reason="reverted")
    rows = (row(B, -3, "tx:gas", Cause.GAS),)

    assert VerdictKind.NOT_EXECUTED is judged(reverted, rows, moved={B: -3}).kind


# L1: did the venue do what was asked, inside its limits?


def test_a_flaw_of_the_receipt_is_a_mismatch_although_both_books_agree() -> None:
    verdict = judged(flaw="fee above the schedule")

    assert (VerdictKind.MISMATCH, "fee above the schedule") == (verdict.kind, verdict.reason)


def test_receiving_too_little_is_a_mismatch() -> None:
    less = {A: 9, B: -51}

    verdict = judged(rows=(row(A, 9), row(B, -51)), moved=less, effects=less)

    assert VerdictKind.MISMATCH is verdict.kind
    assert f"{A} moved 9, expected 10 to 10 (EXACT)" == verdict.reason


def test_receiving_too_much_is_a_mismatch_too() -> None:
    more = {A: 11, B: -51}

    assert (
        VerdictKind.MISMATCH
        is judged(rows=(row(A, 11), row(B, -51)), moved=more, effects=more).kind
    )


def test_a_position_that_was_not_expected_to_move_must_not() -> None:
    more = BOUGHT | {C: 1}
    verdict = judged(rows=(*OWN, row(C, 1)), moved=more, effects=more)

    assert VerdictKind.MISMATCH is verdict.kind
    assert f"{C} moved 1, expected 0 to 0 (EXACT)" == verdict.reason


def test_a_position_that_nets_to_nothing_did_not_move() -> None:
    rows = (*OWN, row(C, 1), row(C, -1))

    assert VerdictKind.MATCHED is judged(rows=rows).kind


def test_a_position_that_was_expected_to_move_and_did_not_is_a_mismatch() -> None:
    only = {A: 10}
    verdict = judged(rows=(row(A, 10),), moved=only, effects=only)

    assert VerdictKind.MISMATCH is verdict.kind
    assert f"{B} moved 0, expected -52 to -50 (EXACT)" == verdict.reason


def test_a_position_that_may_stay_may_be_left_out() -> None:
    only = {A: 10}
    bounds = Expectation({A: Bound(10, 10), C: Bound(-1, 0)})

    assert (
        VerdictKind.MATCHED
        is judged(rows=(row(A, 10),), moved=only, effects=only, expectation=bounds).kind
    )


# L2: is every fill in the ledger, once?


@pytest.mark.parametrize(
    "rows",
    [(*OWN, OWN[0]), OWN[:2], (row(A, 10), row(B, -51), row(C, 1))],
    ids=["twice", "missing", "elsewhere"],
)
def test_a_receipt_and_a_ledger_that_differ_are_a_mismatch(rows: tuple[LedgerRow, ...]) -> None:
    assert VerdictKind.MISMATCH is judged(rows=rows).kind


def test_a_fill_that_is_reported_twice_is_a_mismatch() -> None:
    twice = {key: 2 * amount for key, amount in BOUGHT.items()}

    assert VerdictKind.MISMATCH is judged(effects=twice).kind


# Observation: causality, and missing is not zero.


def test_a_reading_older_than_the_effect_does_not_count() -> None:
    evidence = sort_rows(OPENING, OWN, FILLED)
    totals = evidence.ledger

    assert not shows(FILLED, evidence, Reading(4, totals, OWN), BUY.bounds)
    assert shows(FILLED, evidence, Reading(5, totals, OWN), BUY.bounds)


def test_a_reading_that_lacks_a_key_is_no_reading_of_zero() -> None:
    evidence = sort_rows(OPENING, OWN, FILLED)
    lacking = {key: total for key, total in evidence.ledger.items() if key != C}

    assert not shows(FILLED, evidence, Reading(9, lacking, OWN), BUY.bounds)
    assert shows(FILLED, evidence, Reading(9, lacking | {C: 0}, OWN), BUY.bounds)


def test_a_fresh_reading_that_moved_without_the_orders_rows_counts() -> None:
    evidence = sort_rows(OPENING, (), FILLED)

    assert shows(FILLED, evidence, Reading(9, OPENING | {A: 110}), BUY.bounds)


# Tolerance, accrual, suspense.


def tolerant(**given: Mapping[str, int]) -> Suspense:
    return Suspense(Tolerance(budget={A: 100, B: 100, C: 100}, **given))


@pytest.mark.parametrize(
    ("residual", "kind"),
    [(2, VerdictKind.MATCHED), (-2, VerdictKind.MATCHED), (3, VerdictKind.EXTERNAL_UNEXPLAINED)],
)
def test_a_residual_is_accepted_up_to_the_declared_units(residual: int, kind: VerdictKind) -> None:
    verdict = judged(moved=BOUGHT | {C: residual}, suspense=tolerant(absolute={C: 2}))

    assert kind is verdict.kind
    assert ({C: residual} if kind is VerdictKind.MATCHED else {}) == verdict.accepted


def test_without_a_declared_tolerance_one_unit_is_too_much() -> None:
    assert VerdictKind.EXTERNAL_UNEXPLAINED is judged(moved=BOUGHT | {C: 1}).kind


@pytest.mark.parametrize(("residual", "accepted"), [(5, True), (6, False)])
def test_a_relative_tolerance_is_of_the_expected_change_and_not_of_the_position(
    residual: int, *, accepted: bool
) -> None:
    tenth = tolerant(relative={B: RATE_UNIT // 10})  # of 52, not of 1000
    verdict = judged(moved=BOUGHT | {B: -51 + residual}, suspense=tenth)

    assert accepted == (verdict.kind is VerdictKind.MATCHED)


def test_a_relative_tolerance_of_a_key_that_should_not_move_is_nothing() -> None:
    whole = tolerant(relative={C: RATE_UNIT})

    assert VerdictKind.EXTERNAL_UNEXPLAINED is judged(moved=BOUGHT | {C: 1}, suspense=whole).kind


@pytest.mark.parametrize(
    ("rate", "residual", "accepted"),
    [(10, 1, True), (10, 2, False), (10, -1, False), (-10, -1, True), (-10, 1, False)],
)
def test_an_accrual_has_a_sign_and_grows_with_position_and_time(
    rate: int, residual: int, *, accepted: bool
) -> None:
    """A tenth of C a year on 7 units, over two years: 1.4 units, so 1."""
    yearly = tolerant(accrual={C: rate * RATE_UNIT // 100})
    verdict = judged(moved=BOUGHT | {C: residual}, suspense=yearly, as_of_ns=5 + 2 * YEAR_NS)

    assert accepted == (verdict.kind is VerdictKind.MATCHED)


def test_an_accrual_of_no_time_is_nothing() -> None:
    assert (0, 0) == Tolerance(accrual={C: RATE_UNIT}).allowed(C, BUY, 7, 0)


def test_small_differences_cannot_add_up_beyond_the_days_budget() -> None:
    suspense = Suspense(Tolerance(absolute={C: 2}, budget={C: 5}))
    kinds: list[VerdictKind] = []
    for moment in (1, 2, 3):
        verdict = judged(moved=BOUGHT | {C: 2}, suspense=suspense, as_of_ns=moment)
        suspense.post(verdict.accepted, moment)
        kinds.append(verdict.kind)

    assert [
        VerdictKind.MATCHED, VerdictKind.MATCHED, VerdictKind.EXTERNAL_UNEXPLAINED,
    ] == kinds  # fmt: skip
    assert {C: 4} == suspense.totals


def test_the_budget_is_whole_again_on_the_next_day() -> None:
    suspense = Suspense(Tolerance(absolute={C: 2}, budget={C: 2}))
    suspense.post({C: -2}, 1)

    assert {C: 2} == judged(moved=BOUGHT | {C: 2}, suspense=suspense, as_of_ns=DAY_NS).accepted
    assert {C: -2} == suspense.totals


def test_a_tolerance_without_a_budget_accepts_nothing() -> None:
    suspense = Suspense(Tolerance(absolute={C: 2}))

    assert {C: 1} == judged(moved=BOUGHT | {C: 1}, suspense=suspense).residuals


# The monitor's books.


class Feed:
    """Readings that were made beforehand."""

    def __init__(self, *readings: Reading) -> None:
        self._readings = iter(readings)

    def read(self) -> Reading:
        return next(self._readings)


def test_readings_of_several_feeds_are_one_observation() -> None:
    monitor = PositionMonitor(
        [Feed(Reading(5, {A: 1}, (FUNDING,))), Feed(Reading(3, {B: 2}))], {A: 1, B: 2}, {}
    )

    observation = monitor.observe()

    assert ({A: 1, B: 2}, (FUNDING,)) == (observation.totals, observation.rows)
    assert observation.shows([A], 5)
    assert not observation.shows([B], 5)
    assert observation.shows([B], 3)


def test_a_tolerated_difference_is_booked_and_posted_to_suspense() -> None:
    monitor = PositionMonitor([], {A: 10}, {}, Tolerance(absolute={A: 2}, budget={A: 2}))
    monitor.settle({A: 12}, {A: 1}, {}, 7)

    assert ({A: 13}, {A: 1}, 7) == (
        monitor.totals, monitor.suspense.totals, monitor.settled_ns,
    )  # fmt: skip


AMOUNTS = st.lists(st.integers(-50, 50), max_size=6)


@settings(deadline=None)
@given(st.lists(AMOUNTS, min_size=1, max_size=4), st.integers(1, 4))
def test_looking_again_never_applies_a_row_twice(deliveries: list[list[int]], further: int) -> None:
    totals: dict[str, int] = {A: 0}
    readings: list[Reading] = []
    for moment, amounts in enumerate(deliveries):
        rows = tuple(row(A, amount, f"{moment}.{at}") for at, amount in enumerate(amounts))
        totals = {A: totals[A] + sum(amounts)}
        readings.append(Reading(moment, dict(totals), rows))
    readings += [Reading(99, dict(totals))] * further
    monitor = PositionMonitor([Feed(*readings)], {A: 0}, {})
    nothing = Receipt(Outcome.ABSENT)

    ledgers: list[dict[str, int]] = []
    for _ in readings:
        observation = monitor.observe()
        ledgers.append(sort_rows(monitor.totals, observation.rows, nothing).ledger)

    assert [reading.totals for reading in readings] == ledgers
    assert {A: 0} == monitor.totals
