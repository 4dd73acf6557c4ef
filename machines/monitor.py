"""The position monitor: our own ledger, and what the venues say of the same accounts.

Two books that are never copied into each other. The ledger moves only by ledger rows and
by tolerated residuals that are posted to the suspense account; the venues' totals are the
control that it is compared with.
"""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from verifill.machines.tolerance import EXACT, Suspense, Tolerance
from verifill.venues.interfaces import PositionFeed
from verifill.venues.orders import LedgerRow, Reading


class Observation(Struct, frozen=True, gc=False):
    """All readings taken together.

    Attributes:
        as_of_ns: the newest of their moments.
        totals: position key -> units, as the venues say.
        rows: all ledger rows since the books were last settled.
        behind: position key -> its moment, where a venue's view is older than the newest.
    """

    as_of_ns: int
    totals: dict[str, int]
    rows: list[LedgerRow]
    behind: dict[str, int] = {}

    def shows(self, keys: Iterable[str], time_ns: int) -> bool:
        """Whether the view of all these positions was taken at this time or later."""
        if not self.behind:
            return self.as_of_ns >= time_ns
        return all(self.behind.get(key, self.as_of_ns) >= time_ns for key in keys)


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
        self._others = self._feeds[1:]
        self.totals = dict(opening)
        self.bases = dict(bases)
        self.suspense = Suspense(tolerance)
        self.settled_ns = 0
        self._rows: list[LedgerRow] = []

    def observe(self) -> Observation:
        """Read every feed. Reading again is always safe: rows are kept, never re-applied."""
        reading = self._feeds[0].read()
        if reading.rows:
            self._rows.extend(reading.rows)
        if self._others:
            return self._observe_others(reading)
        return Observation(reading.as_of_ns, reading.totals, self._rows)

    def _observe_others(self, first: Reading) -> Observation:
        """All readings taken together, the first of them taken already."""
        totals, newest_ns = first.totals, first.as_of_ns
        readings = [feed.read() for feed in self._others]
        for reading in readings:
            self._rows.extend(reading.rows)
            newest_ns = max(newest_ns, reading.as_of_ns)
        behind: dict[str, int] = {}
        for reading in (first, *readings):
            if reading.as_of_ns < newest_ns:
                behind |= dict.fromkeys(reading.totals, reading.as_of_ns)
        for reading in readings:
            totals |= reading.totals
        return Observation(newest_ns, totals, self._rows, behind)

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
        self._rows = []
