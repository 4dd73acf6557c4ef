"""How much of a difference is accepted, and what happens to it (R4, R5, R7).

Nothing is by default. A tolerance is a declared number of units per key, a part of the
expected *change* (never of the position), or an accrual that a key which cannot be
tracked in shares may show. What is accepted is posted to a suspense account with a budget
for each day, so that small differences cannot add up unseen.
"""

from collections.abc import Mapping

from attrs import field, frozen

from verifill.venues.expectation import Expectation
from verifill.venues.rules import RATE_UNIT

DAY_NS = 86_400 * 1_000_000_000
YEAR_NS = 365 * DAY_NS


@frozen(kw_only=True)
class Tolerance:
    """Declared tolerances; a key without one must agree to the unit.

    Attributes:
        absolute: position key -> units.
        relative: position key -> part of the expected change, in 1e-8.
        accrual: position key -> yearly rate in 1e-8 that the position may grow by, or
            shrink by where it is negative.
        budget: position key -> units a day that the suspense account takes.
    """

    absolute: Mapping[str, int] = field(factory=dict[str, int])
    relative: Mapping[str, int] = field(factory=dict[str, int])
    accrual: Mapping[str, int] = field(factory=dict[str, int])
    budget: Mapping[str, int] = field(factory=dict[str, int])

    def allowed(
        self, key: str, expectation: Expectation, position: int, elapsed_ns: int
    ) -> tuple[int, int]:
        """Least and greatest residual that is accepted for a key, in units."""
        bound = expectation.bounds.get(key)
        change = max(abs(bound.low), abs(bound.high)) if bound else 0
        either = max(self.absolute.get(key, 0), change * self.relative.get(key, 0) // RATE_UNIT)
        rate = self.accrual.get(key, 0)
        grown = abs(position) * abs(rate) * elapsed_ns // (RATE_UNIT * YEAR_NS)
        return -either - (grown if rate < 0 else 0), either + (grown if rate > 0 else 0)


EXACT = Tolerance()


class Suspense:
    """The suspense account: what was accepted, and what the day's budget still allows.

    Args:
        tolerance: the declared budgets.
    """

    def __init__(self, tolerance: Tolerance) -> None:
        self.tolerance = tolerance
        self.totals: dict[str, int] = {}
        self._spent: dict[str, int] = {}
        self._day = -1

    def split(
        self,
        ledger: Mapping[str, int],
        totals: Mapping[str, int],
        expectation: Expectation,
        elapsed_ns: int,
        time_ns: int,
    ) -> tuple[dict[str, int], dict[str, int]]:
        """Differences between balance and ledger: the unexplained, and the accepted.

        Args:
            ledger: position key -> units, by the rows.
            totals: position key -> units, as the venues say.
            expectation: what should have changed; a tolerance may be a part of it.
            elapsed_ns: since the books were last settled.
            time_ns: of the reading; its day has a budget.
        """
        self._begin(time_ns)
        residuals: dict[str, int] = {}
        accepted: dict[str, int] = {}
        for key, booked in ledger.items():
            difference = totals[key] - booked
            if difference:
                low, high = self.tolerance.allowed(key, expectation, booked, elapsed_ns)
                within = low <= difference <= high and abs(difference) <= self._left(key)
                (accepted if within else residuals)[key] = difference
        return residuals, accepted

    def post(self, accepted: Mapping[str, int], time_ns: int) -> None:
        """Take accepted differences into the account, against the day's budget."""
        self._begin(time_ns)
        for key, amount in accepted.items():
            self.totals[key] = self.totals.get(key, 0) + amount
            self._spent[key] = self._spent.get(key, 0) + abs(amount)

    def state(self) -> tuple[dict[str, int], dict[str, int], int]:
        """What was accepted so far, what was spent of the day's budget, and the day."""
        return dict(self.totals), dict(self._spent), self._day

    def spent_on(self, day: int) -> dict[str, int]:
        """Position key -> units that were accepted on a day since the epoch, sign aside."""
        return dict(self._spent) if day == self._day else {}

    def restore(self, totals: Mapping[str, int], spent: Mapping[str, int], day: int) -> None:
        """Take a state up again: a restart gives no new budget."""
        self.totals, self._spent, self._day = dict(totals), dict(spent), day

    def _begin(self, time_ns: int) -> None:
        """A new day has a whole budget."""
        day = time_ns // DAY_NS
        if day != self._day:
            self._day = day
            self._spent.clear()

    def _left(self, key: str) -> int:
        return self.tolerance.budget.get(key, 0) - self._spent.get(key, 0)
