"""What is between venues: transfers that have left one account and not reached another."""

from collections.abc import Callable, Iterable

from attrs import frozen

from verifill.venues.keys import in_transit
from verifill.venues.orders import Cause, Move, Reading
from verifill.venues.simulated.ledger import Accounts


@frozen(kw_only=True)
class Passage:
    """One transfer under way.

    Attributes:
        ref: id of the transfer.
        asset: what moves.
        amount: units, the same when it arrives.
        to: destination account.
        due_ns: when it is credited.
    """

    ref: str
    asset: str
    amount: int
    to: str
    due_ns: int


@frozen
class Arrival:
    """The end of a transfer.

    Attributes:
        time_ns: when it was credited.
        moves: out of transit, and into the destination.
    """

    time_ns: int
    moves: tuple[Move, ...]


Credit = Callable[[Passage], Move]


class Network:
    """Transfers in transit, credited to their destination when they are due.

    Args:
        routes: (destination account, asset) pairs that transfers may take.
    """

    def __init__(self, routes: Iterable[tuple[str, str]]) -> None:
        """Declare the routes; nothing is in transit."""
        self._accounts = Accounts({in_transit(to, asset): 0 for to, asset in routes})
        self._credits: dict[str, Credit] = {}
        self._under_way: list[Passage] = []
        self._arrivals: dict[str, Arrival] = {}
        self.due_ns: int | None = None

    def connect(self, account: str, credit: Credit) -> None:
        """Say how a destination account is credited."""
        self._credits[account] = credit

    def reaches(self, to: str, asset: str) -> bool:
        """Whether there is a route for this asset to this account."""
        return to in self._credits and in_transit(to, asset) in self._accounts.totals

    def send(self, passage: Passage) -> Move:
        """Take a transfer over from its source."""
        key = in_transit(passage.to, passage.asset)
        self._accounts.post(passage.ref, key, passage.amount, Cause.TRANSFER)
        self._under_way.append(passage)
        self._schedule()
        return Move(passage.ref, key, passage.amount, Cause.TRANSFER)

    def arrival(self, ref: str) -> Arrival | None:
        """How a transfer ended; None while it is under way."""
        return self._arrivals.get(ref)

    def advance(self, now_ns: int) -> None:
        """Let time pass: credit what is due."""
        self._accounts.now_ns = now_ns
        if self.due_ns is None or now_ns < self.due_ns:
            return
        for passage in [p for p in self._under_way if p.due_ns <= now_ns]:
            self._arrive(passage)
        self._schedule()

    def _arrive(self, passage: Passage) -> None:
        key = in_transit(passage.to, passage.asset)
        self._under_way.remove(passage)
        self._accounts.post(passage.ref, key, -passage.amount, Cause.TRANSFER)
        left = Move(passage.ref, key, -passage.amount, Cause.TRANSFER)
        credited = self._credits[passage.to](passage)
        self._arrivals[passage.ref] = Arrival(self._accounts.now_ns, (left, credited))

    def _schedule(self) -> None:
        self.due_ns = min((p.due_ns for p in self._under_way), default=None)

    def read(self) -> Reading:
        """What is in transit now."""
        return self._accounts.read()
