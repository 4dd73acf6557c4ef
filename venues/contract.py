"""The contract of an adapter, as checks that any venue can be run through.

    contract = Contract(lambda: Subject(venue=MyVenue(), trials=[...], wait=an_hour))
    for check, breach in contract.run().items():
        print(check, breach)

Whoever writes an adapter says which instructions it can carry out, and how to let time pass
until they have settled; each check then takes a new venue. It needs no test framework: a
check is a method that raises `ContractBreach`, or does not.
"""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from msgspec import structs

from verifill.engine.errors import UserDefect
from verifill.venues.instructions import Instruction
from verifill.venues.interfaces import Forkable, Venue
from verifill.venues.orders import FINAL, HAD, Outcome, Receipt
from verifill.venues.rules import Idempotency
from verifill.venues.samples import samples
from verifill.venues.trials import (
    ContractBreach,
    Subject,
    Trying,
    demand,
    steps,
    summed,
    trial_key,
)

__all__ = ["Contract", "ContractBreach", "Subject"]

NEVER_SENT = 10**12
ASKED_AGAIN = 3
NOT_FOUND = "not found, which proves nothing"
TOLD = {
    NOT_FOUND: {Idempotency.K},
    Outcome.ABSENT: {Idempotency.K, Idempotency.D},
    Outcome.UNKNOWN: {Idempotency.N},
}
"""What is told of an order that was never sent -> the classes in which that is right."""
DONE = frozenset({Outcome.EXECUTED, Outcome.EXECUTED_PARTIAL})


class Contract:
    """The checks of one adapter.

    Args:
        new_subject: makes a new venue with its trials; called for each check.
    """

    def __init__(self, new_subject: Callable[[], Subject]) -> None:
        self._new_subject = new_subject

    def checks(self) -> dict[str, Callable[[], None]]:
        """The name of each check and the check itself, which may raise `ContractBreach`."""
        return {name: getattr(self, name) for name in dir(self) if name.startswith("check_")}

    def run(self) -> dict[str, str]:
        """Run all checks: name of each that failed -> why; empty if the contract is kept."""
        found: dict[str, str] = {}
        for name, check in self.checks().items():
            try:
                check()
            except Exception as error:  # noqa: BLE001 - whatever an adapter raises is a finding
                found[name] = str(error) if isinstance(error, ContractBreach) else repr(error)
        return found

    def _try(self) -> Trying:
        return Trying(self._new_subject())

    # Before anything is sent.

    def check_start_up_failures_are_texts(self) -> None:
        """What is not ready is told as a tuple of texts (R18)."""
        failures = self._try().venue.start_up_failures()
        # an adapter may say anything, whatever its annotation
        told = type(failures) is tuple and {type(text) for text in failures} <= {str}
        demand(told, f"start_up_failures is {failures!r}, not a tuple of texts")

    def check_what_is_declared_is_carried_out(self) -> None:
        """Each declared operation resolves, is not denied, and ends executed."""
        trying = self._try()
        tried = {step.op for trial in trying.subject.trials for step in steps(trial)}
        missing = sorted(trying.venue.rules.operations - tried)
        demand(not missing, f"there is no trial of {', '.join(missing)}")
        for trial in trying.subject.trials:
            reason = trying.venue.deny(trying.request(trial))
            demand(not reason, f"it denies {trial}: {reason}")
            outcome = trying.carry_out(trial).receipt.outcome
            demand(outcome in DONE, f"{trial} ends {outcome}")

    def check_what_is_not_declared_is_denied(self) -> None:
        """An operation that is not declared is refused before it is sent."""
        trying = self._try()
        rules = trying.venue.rules
        for instruction in samples(min(rules.accounts)):
            if instruction.op not in rules.operations:
                demand(_refused(trying.venue, instruction), f"it takes {instruction.op}")
        self._unmoved(trying, "denying what is not declared")

    def check_a_negative_amount_is_denied(self) -> None:
        """Nothing can be turned round by its sign."""
        trying = self._try()
        for instruction in (step for trial in trying.subject.trials for step in steps(trial)):
            if isinstance(instruction.size, Decimal) and instruction.size > 0:
                name = "quantity" if hasattr(instruction, "quantity") else "amount"
                turned = structs.replace(instruction, **{name: -instruction.size})
                demand(_refused(trying.venue, turned), f"it takes {turned}")

    def check_nothing_happens_before_submit(self) -> None:
        """To resolve, deny, expect and assess has no effect."""
        trying = self._try()
        request = trying.request(trying.subject.trials[0])
        trying.venue.deny(request)
        trying.venue.expect(request, trying.books)
        trying.venue.assess(request, Receipt(Outcome.UNKNOWN), trying.books)
        self._unmoved(trying, "asking what is known of an order")

    def check_an_expectation_is_of_tracked_keys(self) -> None:
        """A bound is of a position that readings show, with its ends in order (R2)."""
        for attempt in self._try().all():
            for key, bound in attempt.expectation.bounds.items():
                demand(key in attempt.closing.totals, f"it expects {key}, which no reading shows")
                demand(bound.low <= bound.high, f"{key} is expected within {bound}")

    # What an order does.

    def check_an_order_does_what_is_expected(self) -> None:
        """An order that is executed whole moves each position within its bound (L1)."""
        for attempt in self._try().all():
            if attempt.receipt.outcome is Outcome.EXECUTED:
                for key, moved in attempt.own.items():
                    bound = attempt.expectation.bounds.get(key)
                    within = bound is not None and bound.low <= moved <= bound.high
                    demand(within, f"{key} moved {moved}, expected is {bound}")

    def check_an_honest_receipt_has_no_flaw(self) -> None:
        """`assess` finds no fault with what `submit` did."""
        for attempt in self._try().all():
            flaw = attempt.assessment.flaw
            demand(not flaw, f"it finds fault with its own receipt: {flaw}")
            demand(attempt.assessment.executed > 0, f"{attempt.receipt} amounts to nothing")

    def check_effects_are_in_the_ledger_once(self) -> None:
        """All that a receipt tells is in the ledger's rows, by its references, once (L2)."""
        seen: set[str] = set()
        for attempt in self._try().all():
            missing = sorted(attempt.refs - {row.ref for row in attempt.rows})
            demand(not missing, f"no row carries {', '.join(missing)}")
            effects = {k: units for k, units in attempt.assessment.effects.items() if units}
            demand(attempt.own == effects, f"rows say {attempt.own}, the receipt {effects}")
            again = sorted(attempt.refs & seen)
            demand(not again, f"{', '.join(again)} named another order before")
            seen |= attempt.refs

    def check_rows_add_up_to_totals(self) -> None:
        """Opening and all rows together are the closing, for every key (L3)."""
        trying = self._try()
        before = trying.opening.totals
        for attempt in trying.all():
            now = attempt.closing.totals
            moved = {key: now[key] - before.get(key, 0) for key in now}
            moved = {key: units for key, units in moved.items() if units}
            rows = summed(attempt.rows)
            demand(rows == moved, f"rows say {rows}, totals {moved}")
            before = now

    def check_reading_again_repeats_nothing(self) -> None:
        """A row is delivered once (R10)."""
        trying = self._try()
        for attempt in trying.all():
            again = trying.read()
            demand(not again.rows, f"it repeats {again.rows}")
            demand(again.totals == attempt.closing.totals, "its totals change by being read")

    def check_a_reading_lacks_no_position(self) -> None:
        """Missing is not zero: every reading has every tracked key (R11)."""
        trying = self._try()
        for attempt in trying.all():
            for reading in (attempt.closing, trying.read()):
                missing = sorted(trying.opening.totals.keys() - reading.totals.keys())
                demand(not missing, f"a reading lacks {', '.join(missing)}")

    def check_a_reading_is_not_older_than_what_it_shows(self) -> None:
        """Effects and rows are at or before the moment of the reading that shows them (R8)."""
        for attempt in self._try().all():
            as_of_ns, effect_ns = attempt.closing.as_of_ns, attempt.receipt.effect_ns
            demand(effect_ns <= as_of_ns, f"effect at {effect_ns}, read as of {as_of_ns}")
            for row in attempt.rows:
                demand(row.time_ns <= as_of_ns, f"{row} is read as of {as_of_ns}")

    # Asking.

    def check_query_agrees_with_submit(self) -> None:
        """Asking what became of an order tells what happened, and has no effect."""
        trying = self._try()
        for attempt in trying.all():
            told = trying.venue.query(attempt.request)
            demand(told == attempt.receipt, f"asked, it says {told}, before {attempt.receipt}")
            demand(told.outcome in FINAL, f"{told.outcome} is not final, after all this time")
            self._unmoved(trying, "asking what became of an order")

    def check_an_unknown_order_is_absent(self) -> None:
        """What was never sent is proven absent, and asking does not send it.

        The proof may need time to pass. Where keys mean nothing (class N) there is none; where one
        is executed once for ever (class K) none is needed: it may just be not found.
        """
        trying = self._try()
        receipt = self._of_none(trying)
        klass = trying.venue.rules.idempotency
        waits = klass is not Idempotency.N and receipt.outcome is Outcome.UNKNOWN
        for _ in range(ASKED_AGAIN if waits and not receipt.not_found else 0):
            trying.subject.wait()
            receipt = self._of_none(trying)
        told = NOT_FOUND if receipt.not_found else receipt.outcome
        demand(klass in TOLD.get(told, ()), f"an order that was never sent is {told}")
        self._unmoved(trying, "asking for an order that was never sent")

    def _of_none(self, trying: Trying) -> Receipt:
        asked = trying.request(trying.subject.trials[0])
        return trying.venue.query(replace(asked, number=NEVER_SENT, key=trial_key(NEVER_SENT)))

    def check_a_key_counts_once(self) -> None:
        """Where not found is no proof in class K, the same request again has no effect."""
        trying = self._try()
        if not self._of_none(trying).not_found:
            return
        for attempt in trying.all():
            again = trying.venue.submit(attempt.request)
            demand(again.outcome in HAD, f"sent again under its key, it is {again}")
            self._unmoved(trying, "sending an order again under its key")

    def check_a_fork_changes_nothing(self) -> None:
        """What is tried on a fork stays there."""
        trying = self._try()
        venue = trying.venue
        if isinstance(venue, Forkable):
            fork = venue.fork()
            for number, step in enumerate(steps(trying.subject.trials[0]), start=1):
                fork.submit(fork.resolve(step, number, None))
            fork.read()
            self._unmoved(trying, "trying an order on a fork")

    def _unmoved(self, trying: Trying, doing: str) -> None:
        reading = trying.read()
        still = not reading.rows and reading.totals == trying.books.totals
        demand(still, f"{doing} had an effect: {reading.rows}")


def _refused(venue: Venue, instruction: Instruction) -> bool:
    """Whether an instruction is refused before it is sent."""
    try:
        return bool(venue.deny(venue.resolve(instruction, 1, None)))
    except UserDefect:
        return True
