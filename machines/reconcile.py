"""Reconciliation: is the position what the instruction should have made it?

Three comparisons, never mixed (DOMAIN section 3; rules R1 to R20 in docs/reference/rules.md):

    L1  intent  <-> receipt   did the venue do what was asked, inside its limits?
    L2  receipt <-> ledger    is every fill and move in the venue's ledger, once?
    L3  ledger  <-> balance   opening + all ledger rows = closing, for every tracked key?

`reconcile` is a pure function of what was expected and what was seen.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from msgspec import Struct

from verifill.machines.tolerance import Suspense
from verifill.venues.expectation import Assessment, Bound, Expectation
from verifill.venues.orders import DEAD, UNASKED, Cause, LedgerRow, Outcome, Reading, Receipt


class VerdictKind(StrEnum):
    """What reconciliation found."""

    MATCHED = "MATCHED"
    MATCHED_EXPLAINED = "MATCHED_EXPLAINED"  # with other ledger rows of known cause
    PARTIAL = "PARTIAL"
    NOT_EXECUTED = "NOT_EXECUTED"
    MISMATCH = "MISMATCH"
    EXTERNAL_UNEXPLAINED = "EXTERNAL_UNEXPLAINED"
    CONTRADICTION = "CONTRADICTION"


STILL = Bound(0, 0)
MATCHED = VerdictKind.MATCHED  # bound once: Python 3.11 looks enum members up slowly


class Verdict(Struct, frozen=True, gc=False):
    """A finding with its evidence.

    Attributes:
        kind: what was found.
        ledger: position key -> units after all ledger rows; the books to settle on.
        own: position key -> units that the order itself moved, by the venue's ledger.
        others: ledger rows that the order did not cause.
        residuals: position key -> units that no ledger row explains.
        accepted: residuals within the declared tolerance, for the suspense account.
        reason: why it is not a plain match, for people.
    """

    kind: VerdictKind
    ledger: dict[str, int]
    own: dict[str, int]
    others: list[LedgerRow]
    residuals: dict[str, int]
    accepted: dict[str, int]
    reason: str = ""


class Evidence(Struct, frozen=True, gc=False):
    """What the ledger rows say, sorted by whose they are.

    Attributes:
        ledger: opening plus all rows.
        own: sums of the order's rows by key.
        others: the other rows.
        whole: whether every fill and move of the receipt has its row.
    """

    ledger: dict[str, int]
    own: dict[str, int]
    others: list[LedgerRow]
    whole: bool


def sort_rows(opening: dict[str, int], rows: Iterable[LedgerRow], receipt: Receipt) -> Evidence:
    """Add the rows up, the order's own by reference and the rest (L2, R10).

    A row of a key that is not tracked is no part of the books; `reconcile` looks at it.
    """
    missing = {fill.ref for fill in receipt.fills}
    if receipt.moves:
        missing |= {move.ref for move in receipt.moves}
    refs = missing.copy()
    ledger = opening.copy()
    own: dict[str, int] = {}
    others: list[LedgerRow] = []
    for row in rows:
        key = row.key
        if key in ledger:
            ledger[key] += row.amount
        if row.ref in refs:
            missing.discard(row.ref)
            own[key] = own.get(key, 0) + row.amount
        else:
            others.append(row)
    return Evidence(ledger, own, others, not missing)


def strays(evidence: Evidence) -> str:
    """The first row of a tracked key that nobody asked for and nothing explains, or empty.

    A second execution of an order looks like this, and so does another actor.
    """
    for row in evidence.others:
        if row.cause not in UNASKED and row.key in evidence.ledger:
            return f"{row.ref} moved {row.key} by {row.amount} ({row.cause}) for no instruction"
    return ""


def shows(receipt: Receipt, evidence: Evidence, observation: Reading, keys: Iterable[str]) -> bool:
    """Whether a reading shows the receipt's effect, or something else that moved (R8, R11).

    A reading of the order's positions (`keys`) that is older than the effect does not
    count, nor does one that lacks a tracked key.
    One that is fresh and lacks the order's rows counts only if it moved all the same:
    then waiting would not explain it.
    """
    if not observation.shows(keys, receipt.effect_ns):
        return False
    totals, ledger = observation.totals, evidence.ledger
    if totals == ledger:
        return evidence.whole
    return totals.keys() >= ledger.keys() and (
        evidence.whole or any(totals[key] != ledger[key] for key in ledger)
    )


def reconcile(
    *,
    expectation: Expectation,
    assessment: Assessment,
    receipt: Receipt,
    ordered: int,
    evidence: Evidence,
    observation: Reading,
    suspense: Suspense,
    elapsed_ns: int,
) -> Verdict:
    """The verdict on one order.

    Args:
        expectation: what the order should make of the positions.
        assessment: what its receipt amounts to (L1).
        receipt: the venue's last word on it.
        ordered: units that were asked for.
        evidence: the ledger rows, sorted (L2).
        observation: the venues' totals (L3).
        suspense: what differences are still accepted.
        elapsed_ns: since the books were last settled.
    """
    residuals: dict[str, int] = {}
    accepted: dict[str, int] = {}
    if evidence.ledger != observation.totals:
        residuals, accepted = suspense.split(
            evidence.ledger, observation.totals, expectation, elapsed_ns, observation.as_of_ns
        )
    kind, reason = _judge(expectation, assessment, receipt, ordered, evidence, residuals)
    return Verdict(
        kind, evidence.ledger, evidence.own, evidence.others, residuals, accepted, reason
    )


def _judge(  # noqa: PLR0911 - one return for each row of the table in DOMAIN 3.1
    expectation: Expectation,
    assessment: Assessment,
    receipt: Receipt,
    ordered: int,
    evidence: Evidence,
    residuals: Mapping[str, int],
) -> tuple[VerdictKind, str]:
    own, effects = evidence.own, assessment.effects
    if not assessment.executed or receipt.outcome in DEAD:
        return _judge_unexecuted(receipt, evidence, residuals)
    if own != effects and _moved(own) != _moved(effects):
        return VerdictKind.MISMATCH, f"receipt says {_moved(effects)}, ledger {_moved(own)}"
    if assessment.flaw:
        return VerdictKind.MISMATCH, assessment.flaw
    if residuals:
        reason = f"moved without a ledger row: {dict(residuals)}"
        return VerdictKind.EXTERNAL_UNEXPLAINED, reason
    others = evidence.others
    stray = strays(evidence) if others else ""
    if stray:
        return VerdictKind.EXTERNAL_UNEXPLAINED, stray
    outside = _outside(expectation, own)
    if outside:
        return VerdictKind.MISMATCH, outside
    if assessment.executed < ordered:
        return VerdictKind.PARTIAL, f"{assessment.executed} of {ordered} units"
    if others:
        causes = sorted({row.cause.value for row in others})
        return VerdictKind.MATCHED_EXPLAINED, f"beside it: {', '.join(causes)}"
    return MATCHED, ""


def _judge_unexecuted(
    receipt: Receipt, evidence: Evidence, residuals: Mapping[str, int]
) -> tuple[VerdictKind, str]:
    """Nothing is said to have happened: then nothing may have moved but the gas (R14)."""
    gas = {m.key: m.amount for m in receipt.moves if m.cause is Cause.GAS}
    said = receipt.outcome
    if said in (Outcome.EXECUTED, Outcome.EXECUTED_PARTIAL):
        return VerdictKind.CONTRADICTION, f"{said} with nothing executed"
    if _moved(evidence.own) != _moved(gas):
        return VerdictKind.CONTRADICTION, f"{said}, yet it moved {_moved(evidence.own)}"
    if residuals:
        return VerdictKind.CONTRADICTION, f"{said}, yet positions moved: {dict(residuals)}"
    stray = strays(evidence)
    if stray:
        return VerdictKind.CONTRADICTION, f"{said}, yet {stray}"
    return VerdictKind.NOT_EXECUTED, receipt.reason or said.value


def _moved(amounts: Mapping[str, int]) -> dict[str, int]:
    return {key: amount for key, amount in amounts.items() if amount}


def _outside(expectation: Expectation, own: Mapping[str, int]) -> str:
    """The first position outside its interval, closed world included (R2, R6)."""
    bounds = expectation.bounds
    for key, moved in own.items():
        bound = bounds.get(key, STILL)
        if not bound.low <= moved <= bound.high:
            return _told(key, moved, bound)
    if own.keys() != bounds.keys():
        for key, bound in bounds.items():
            if key not in own and not bound.low <= 0 <= bound.high:
                return _told(key, 0, bound)
    return ""


def _told(key: str, moved: int, bound: Bound) -> str:
    return f"{key} moved {moved}, expected {bound.low} to {bound.high} ({bound.origin})"
