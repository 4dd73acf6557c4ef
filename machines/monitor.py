"""The position monitor: our own ledger, and what the venues say of the same accounts.

Two books that are never copied into each other. The ledger moves only by ledger rows and
by tolerated residuals that are posted to the suspense account; the venues' totals are the
control that it is compared with.
"""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from verifill.machines.tolerance import EXACT, Suspense, Tolerance
from verifill.venues.interfaces import PositionFeed
from verifill.venues.orders import LedgerRow


class Observation(Struct, frozen=True):
    """All readings taken together.

    Attributes:
        as_of_ns: the oldest of their moments.
        totals: position key -> units, as the venues say.
        rows: all ledger rows since the books were last settled.
    """

    as_of_ns: int
    totals: dict[str, int]
    rows: list[LedgerRow]


class PositionMonitor:
    """Keeps the books of all tracked positions.

    Args:
        feeds: position updates of every venue.
        opening: position key -> units, verified before the run or carried from another.
        bases: perpetual's key -> entry value, units of base times ticks.
        tolerance: differences that are accepted; none by default.

    Attributes:
        totals: the ledger: position key -> units.
        bases: entry values of perpetuals.
        suspense: where accepted differences go.
        settled_ns: the moment that the books were last verified for.
    """

    def __init__(
        self,
        feeds: Iterable[PositionFeed],
        opening: Mapping[str, int],
        bases: Mapping[str, int],
        tolerance: Tolerance = EXACT,
    ) -> None:
        self._feeds = tuple(feeds)
        self.totals = dict(opening)
        self.bases = dict(bases)
        self.suspense = Suspense(tolerance)
        self.settled_ns = 0
        self._rows: list[LedgerRow] = []

    def observe(self) -> Observation:
        """Read every feed. Reading again is always safe: rows are kept, never re-applied."""
        first, *others = [feed.read() for feed in self._feeds]
        self._rows.extend(first.rows)
        if not others:
            return Observation(first.as_of_ns, first.totals, self._rows)
        totals = first.totals
        as_of_ns = first.as_of_ns
        for reading in others:
            self._rows.extend(reading.rows)
            totals |= reading.totals
            as_of_ns = min(as_of_ns, reading.as_of_ns)
        return Observation(as_of_ns, totals, self._rows)

    def settle(
        self,
        ledger: Mapping[str, int],
        accepted: Mapping[str, int],
        bases: Mapping[str, int],
        as_of_ns: int,
    ) -> None:
        """Close the books on a verified ledger; the rows seen so far are booked once.

        Args:
            ledger: position key -> units after all rows.
            accepted: tolerated differences, posted to the suspense account.
            bases: entry values that changed.
            as_of_ns: the moment of the observation it was verified with.
        """
        self.totals.update(ledger)
        for key, amount in accepted.items():
            self.totals[key] += amount
        if accepted:
            self.suspense.post(accepted, as_of_ns)
        self.bases.update(bases)
        self.settled_ns = as_of_ns
        self._rows = []
