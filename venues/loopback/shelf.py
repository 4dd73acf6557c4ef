"""All ledger rows of one feed, so that they can be asked for from any row on, again and again."""

from bisect import bisect_right

from verifill.venues.interfaces import PositionFeed
from verifill.venues.loopback.faults import View
from verifill.venues.loopback.market import SECOND_NS
from verifill.venues.loopback.wire import Shown
from verifill.venues.orders import LedgerRow, Reading


class Shelf:
    """What a feed has delivered so far; a cursor is the number of rows before it.

    Args:
        feed: position updates, which deliver each row once.
    """

    def __init__(self, feed: PositionFeed) -> None:
        self._feed = feed
        self._rows: list[LedgerRow] = []

    def look(self) -> Reading:
        """Read the feed; its rows are kept."""
        reading = self._feed.read()
        self._rows += reading.rows
        return reading

    def turn(self, first: int) -> None:
        """Let the rows from one on come in the opposite order."""
        self._rows[first:] = self._rows[: first - 1 if first else None : -1]

    @property
    def length(self) -> int:
        """How many rows there are."""
        return len(self._rows)

    def show(self, since: int | None, view: View) -> Shown | None:
        """The positions with the rows since a cursor; None if there is no such cursor.

        Args:
            since: the cursor; None asks for no rows, but for a cursor to begin with.
            view: how what is shown differs from what is.
        """
        reading = self.look()
        as_of_ns, seen = reading.as_of_ns, len(self._rows)
        totals = dict(reading.totals)
        if view.stale_s:
            as_of_ns -= view.stale_s * SECOND_NS
            seen = bisect_right(self._rows, as_of_ns, key=lambda row: row.time_ns)
            for row in self._rows[seen:]:
                totals[row.key] -= row.amount
        first = seen if since is None else since
        if not 0 <= first <= len(self._rows):
            return None
        return Shown(
            as_of_ns=reading.as_of_ns if view.pretend else as_of_ns,
            totals=_distorted(totals, view),
            since=first,
            next=max(first, seen),
            rows=tuple(self._rows[first:seen]),
        )


def _distorted(totals: dict[str, int], view: View) -> dict[str, int]:
    if view.empty or not totals:
        return {}
    key = view.key or min(totals)
    totals[key] += view.off
    if view.without:
        del totals[key]
    return totals
