"""The position monitor: our own ledger, and what the venues say of the same accounts.

Two books that are never copied into each other. The ledger moves only by ledger rows and
by tolerated residuals that are posted to the suspense account; the venues' totals are the
control that it is compared with.
"""

from collections.abc import Iterable, Mapping

from verifill.machines.tolerance import EXACT, Suspense, Tolerance
from verifill.venues.interfaces import PositionFeed
from verifill.venues.orders import LedgerRow, Reading


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
        self._reads = tuple(feed.read for feed in feeds)
        self._others = self._reads[1:]
        self.totals = dict(opening)
        self.bases = dict(bases)
        self.suspense = Suspense(tolerance)
        self.settled_ns = 0
        self._rows: tuple[LedgerRow, ...] = ()

    def observe(self) -> Reading:
        """Read every feed. Reading again is always safe: rows are kept, never re-applied.

        Returns:
            All readings taken together, with all rows since the books were last settled.
        """
        reading = self._reads[0]()
        if self._others or self._rows:
            reading = self._taken_together(reading)
        self._rows = reading.rows
        return reading

    def _taken_together(self, first: Reading) -> Reading:
        self._rows += first.rows  # kept even if another feed cannot be read now
        readings = [first]
        for read in self._others:
            readings.append(read())
            self._rows += readings[-1].rows
        newest_ns = max(reading.as_of_ns for reading in readings)
        totals: dict[str, int] = {}
        behind: dict[str, int] = {}
        for reading in readings:
            totals |= reading.totals
            if reading.as_of_ns < newest_ns:
                behind |= dict.fromkeys(reading.totals, reading.as_of_ns)
        return Reading(newest_ns, totals, self._rows, behind)

    @property
    def unbooked(self) -> tuple[LedgerRow, ...]:
        """Rows that were read since the books were last settled; no feed tells them again."""
        return self._rows

    def restore(
        self,
        totals: Mapping[str, int],
        bases: Mapping[str, int],
        settled_ns: int,
        unbooked: tuple[LedgerRow, ...] = (),
    ) -> None:
        """Take up the books of an earlier life; what moved since is in the next readings."""
        self._rows = unbooked
        self.totals.clear()
        self.totals.update(totals)
        self.bases.clear()
        self.bases.update(bases)
        self.settled_ns = settled_ns

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
        if accepted:
            for key, amount in accepted.items():
                self.totals[key] += amount
            self.suspense.post(accepted, as_of_ns)
        if bases:
            self.bases.update(bases)
        self.settled_ns = as_of_ns
        self._rows = ()
