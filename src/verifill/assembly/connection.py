"""What a live engine needs of the venues of a run, however they are reached."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from verifill.venues.interfaces import PositionFeed, Venue
from verifill.venues.market import LiveMarket


class Connection(Protocol):
    """The venues of a run, connected."""

    @property
    def market(self) -> LiveMarket:
        """Public prices, refreshed when told to."""
        ...

    @property
    def venues(self) -> Mapping[str, Venue]:
        """By name."""
        ...

    @property
    def feeds(self) -> Sequence[PositionFeed]:
        """Position updates beside those of the venues: of what is between them."""
        ...

    @property
    def cursors(self) -> dict[str, int]:
        """Where the next readings begin, for a later life."""
        ...

    def refresh(self) -> int | None:
        """Fetch the prices now.

        Returns:
            How far the venues' clock is certainly off from ours, in nanoseconds; None where
            they do not tell it.

        Raises:
            NotObserved: no answer; the prices stay what they were.
        """
        ...

    def close(self) -> None:
        """Close what is held open."""
        ...
