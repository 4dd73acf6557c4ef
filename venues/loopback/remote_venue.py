"""What the adapters of an exchange and of a chain have in common: the way to the server."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from verifill.venues.instructions import Instruction, Transfer
from verifill.venues.loopback.remote import Remote
from verifill.venues.orders import Reading, Receipt, Request


class RemoteVenue:
    """An adapter that hands on to its connection what only the venue can do.

    Args:
        remote: the connection.
        routes: (destination account, asset) pairs that transfers may take.

    Attributes:
        remote: the connection, for what is beyond the interface, such as fills.
    """

    def __init__(self, remote: Remote, routes: Iterable[tuple[str, str]]) -> None:
        self.remote = remote
        self._routes = frozenset(routes)

    @property
    def cursor(self) -> int | None:
        """Where its next reading begins; None before the first."""
        return self.remote.feed.cursor

    def no_route(self, asked: Instruction) -> str:
        """Why a transfer cannot go where it is to; empty if it can, or is none."""
        if isinstance(asked, Transfer) and (asked.to, asked.asset) not in self._routes:
            return f"no route for {asked.asset} to {asked.to!r}"
        return ""

    def submit(self, request: Request) -> Receipt:
        """See `OrderHandler.submit`."""
        return self.remote.submit(request)

    def deadline_ns(self) -> int:
        """See `Dated.deadline_ns`."""
        return self.remote.deadline_ns()

    def query(self, request: Request) -> Receipt:
        """See `OrderHandler.query`."""
        return self.remote.query(request)

    def open_orders(self) -> Sequence[str]:
        """See `Resting.open_orders`.

        Raises:
            NotObserved: nothing can be known of them now.
        """
        return tuple(dict.fromkeys(order.key for order in self.remote.open_orders()))

    def cancel(self, key: str) -> Receipt:
        """See `Resting.cancel`."""
        return self.remote.cancel(key)

    def read(self) -> Reading:
        """See `PositionFeed.read`.

        Raises:
            NotObserved: nothing can be known of the positions now.
        """
        return self.remote.feed.read()

    def margins(self) -> Mapping[str, Decimal]:
        """See `Margined.margins`.

        Raises:
            NotObserved: nothing can be known of them now.
        """
        return self.remote.margins()

    def start_up_failures(self) -> tuple[str, ...]:
        """See `Venue.start_up_failures`."""
        return self.remote.start_up_failures()
